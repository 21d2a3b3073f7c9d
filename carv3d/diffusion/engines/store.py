"""What was made of a network, in the user's cache: files whose content is checked, and which may all be lost."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from functools import cache
from pathlib import Path

from carv3d.runtime.files import cache_folder, convenient, make_folder, read_bytes, remove, write_bytes

MOST = 16  # files kept of compiled networks, the newest
_DIGEST = hashlib.sha256().digest_size


def read(name: str) -> bytes | None:
    """What was kept under ``name``; None where nothing was, or what is there is damaged."""
    path = _folder() / name
    with contextlib.suppress(OSError):
        content = path.read_bytes() if path.is_file() else b""
        digest, rest = content[:_DIGEST], content[_DIGEST:]
        if digest == hashlib.sha256(rest).digest():
            return rest
    return None


def write(name: str, content: bytes) -> None:
    """Keep it, whole or not at all; a cache that cannot be written costs a line."""
    with convenient("cache of teacher.engine, which starts anew every time"):
        make_folder(_folder(), "XDG_CACHE_HOME")
        write_bytes(_folder() / name, hashlib.sha256(content).digest() + content)
        _forget()


def _forget() -> None:
    """The oldest of the compiled networks, which are large, go."""
    found = [(path.stat().st_mtime, path) for path in _folder().glob("*.network")]
    for _, path in sorted(found)[:-MOST]:
        remove(path)


def _folder() -> Path:
    return cache_folder("engines")


@cache
def processor() -> str:
    """What a compiled network, and how fast it is, depends on: the processor's name and its instruction sets."""
    lines = []
    with contextlib.suppress(OSError):
        wanted = ("model name", "flags", "Features", "CPU part")
        text = read_bytes(Path("/proc/cpuinfo")).decode("utf-8", "replace")
        lines = [line for line in text.split("\n\n")[0].splitlines() if line.startswith(wanted)]
    return f"{platform.machine()} {platform.processor()} {os.cpu_count()} {' '.join(lines)}"
