"""Storage: files are written whole or not at all and read as UTF-8 whatever the locale; what storage refuses is a
UserError with the path and what to do. Everything that carv3d itself reads and writes in a run goes through here.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import math
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from carv3d.runtime.errors import UserError, remedy
from carv3d.runtime.progress import say
from carv3d.runtime.types import Record, Value

_LACKING = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # what a file system answers that does not know a request


@contextlib.contextmanager
def storing(path: Path, done: str = "written") -> Iterator[None]:
    """An OSError within is a UserError: ``path`` cannot be ``done``, why, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # a library's own
            raise
        raise UserError(f"{path} cannot be {done}: {reason(error)}; {remedy(error)}") from error


@contextlib.contextmanager
def convenient(what: str) -> Iterator[None]:
    """What fails within costs a line and nothing else: the run goes on without ``what``."""
    try:
        yield
    except (OSError, UserError) as error:
        say(f"warning: no {what}: {reason(error)}")


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; on success it is synced and renamed over ``path``, else removed.

    UserError when storage refuses; what ``path`` held before is then untouched. What a killed process of this machine
    left of the same file goes.
    """
    temporary = path.with_name(f".{path.stem}.{_host()}-{os.getpid()}.part{path.suffix}")
    try:
        with storing(path):
            _clear(path)
            yield temporary
            _sync(temporary)
            os.replace(temporary, path)
        with contextlib.suppress(OSError):  # not every file system syncs folders
            _sync(path.parent)
    except BaseException:
        remove(temporary)
        raise


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside ``path``; on success all in it is synced and it is renamed to ``path``, unless
    another process was there first, which then has made the same; else it is removed.

    UserError when storage refuses. What a killed process of this machine left of the same folder goes.
    """
    start = f".{path.name}.{_host()}-"
    temporary = path.with_name(f"{start}{os.getpid()}.part")
    try:
        with storing(path):
            for old in (path.with_name(name) for name in os.listdir(path.parent) if name.startswith(start)):
                pid = old.name[len(start):].removesuffix(".part")
                if old == temporary or pid.isdigit() and not _lives(int(pid)):
                    shutil.rmtree(old, ignore_errors=True)
            temporary.mkdir()
            yield temporary
            for home, _, names in os.walk(temporary):
                for name in (*names, ""):
                    _sync(Path(home) / name)
            try:
                os.rename(temporary, path)
            except OSError:
                if not path.is_dir():
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _host() -> str:
    return "".join(c if c.isalnum() else "_" for c in socket.gethostname())[:32]


def _clear(path: Path) -> None:
    """Remove the temporary files of ``path`` whose process has ended."""
    start, end = f".{path.stem}.{_host()}-", f".part{path.suffix}"
    for name in os.listdir(path.parent):
        pid = name[len(start):-len(end)]
        if name.startswith(start) and name.endswith(end) and pid.isdigit() and not _lives(int(pid)):
            remove(path.with_name(name))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no number of a process
        return True
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _LACKING:
            raise
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Atomic replacement of a file."""
    with atomic(path) as temporary:
        _write(temporary, content, os.O_CREAT | os.O_TRUNC)


def write_text(path: Path, text: str) -> None:
    """Atomic replacement of a text file."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def append_text(path: Path, text: str) -> None:
    """At the end of a file, never through a link."""
    with storing(path):
        _write(path, text.encode("utf-8"), os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW)


def _write(path: Path, content: bytes | memoryview, flags: int) -> None:
    handle = os.open(path, os.O_WRONLY | flags, 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(handle, left):]
    finally:
        os.close(handle)


def make_folder(path: Path, option: str, within: bool = False) -> None:
    """With the folders above it. option: by which the user gave it, for the message. within: a folder that must be
    there, as a run's, which is not made anew where it was moved away."""
    try:
        if not within:
            os.makedirs(path, exist_ok=True)
        elif not os.path.isdir(path):
            os.mkdir(path)
    except OSError as error:
        raise UserError(f"{option}: {path} cannot be made ({reason(error)}); {remedy(error)}") from None


def cache_folder(kind: str) -> Path:
    """Where what can be made again is kept: $XDG_CACHE_HOME/carv3d/KIND, or in ~/.cache. It need not be there."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if base.startswith("~"):  # nobody's home
        base = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"carv3d-{os.getuid()}")
    return Path(base) / "carv3d" / kind


def remove(path: Path) -> None:
    """As well as may be: what stays is only litter."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def link(path: Path, target: str) -> None:
    """A link beside what it names, in place of an older one; none where the file system has no links."""
    temporary = path.with_name(f".{path.name}.part")
    remove(temporary)
    try:
        os.symlink(target, temporary)
        os.replace(temporary, path)
    except OSError:
        remove(temporary)


def lock(file: int) -> bool:
    """Whether an open file is this process's until it is closed. On a file system without locks it is, with a line."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if (device := os.fstat(file).st_dev) not in _lockless:
            _lockless.add(device)
            say(f"warning: no locks on this file system ({reason(error)}): take care that nobody else works on the "
                "same run")
    return True


_lockless: set[int] = set()  # devices of which this was said


def open_lock(path: Path) -> int:
    """A lock file, opened; made if need be, never through a link, never emptied."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def read_bytes(path: Path) -> bytes:
    """UserError where it cannot be read."""
    with storing(path, "read"), open(path, "rb") as file:
        return file.read()


def read_text(path: Path, what: str, wanted: str) -> str:
    """A text file, UTF-8 with or without a byte-order mark.

    what: names it in messages. wanted: what to give instead. UserError where it cannot be read, or is in another
    encoding.
    """
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{what} {path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UserError(f"{what} {path}: cannot be read ({reason(error)}); {wanted}") from None


def read_object(path: Path) -> Record:
    """A JSON object; empty where there is none, or a damaged one: readers of a run take nothing in it for granted."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read().decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def leads_out(folder: Path) -> Path | None:
    """The first link in a folder that leads out of it, or None. What others give as a run may not name other files."""
    root = os.path.realpath(folder)
    for here, folders, names in os.walk(folder):
        for path in (os.path.join(here, name) for name in (*folders, *names)):
            if os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(root):
                return Path(path)
    return None


def as_json(value: Value, indent: int | None = None) -> str:
    """Valid JSON, which knows no NaN and no infinity: they become null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _finite(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def expanded(path: str, what: str) -> Path:
    """A path with ~ expanded; UserError where there is no such user or the path is none."""
    try:
        if "\0" in path:
            raise ValueError("a NUL in it")
        return Path(path).expanduser()
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{what}: {path} is no path ({reason(error)}); give that of a file or folder") from None


def reason(error: BaseException) -> str:
    """Why, in a few words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]
