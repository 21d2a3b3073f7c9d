"""Packages that compile themselves for the GPU at first use: one process of a machine at a time, and said."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from carv3d.runtime import files
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say


@contextlib.contextmanager
def built_once(package: str, key: str) -> Iterator[None]:
    """Within it a package may build its kernels: no other process of this machine does at the same time, since gsplat
    and nerfacc take away what looks like a build that was left unfinished.

    key: of what is built (versions, device); the first build of a key is announced, and those who wait for it say so.
    What compilers print on stdout goes to stderr, as stdout carries results only. Where no lock can be had, that is
    said, and the build goes ahead.
    """
    marker = files.cache_folder("kernels") / f"{package}-{key}"
    with contextlib.ExitStack() as stack:
        try:
            files.make_folder(marker.parent, "XDG_CACHE_HOME")
            stack.enter_context(_locked(marker.with_name(f"{package}.lock"), package))
            new = not marker.exists()
        except (OSError, UserError) as error:
            say(f"warning: {package} may be built by several processes at once ({files.reason(error)})")
            new = True
        if new:
            say(f"setting up {package}'s CUDA kernels (once per machine; minutes where they must be compiled)")
        with _stdout_to_stderr():
            yield
        if new:
            with contextlib.suppress(OSError):
                marker.touch()


@contextlib.contextmanager
def _locked(path: Path, package: str) -> Iterator[None]:
    """Wait until no other process holds the lock."""
    handle = files.open_lock(path)
    try:
        if not files.lock(handle):
            say(f"waiting for another process that sets up {package}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Also what other programs print that this process starts."""
    try:
        sys.stdout.flush()
        kept = os.dup(1)
    except (AttributeError, OSError, ValueError):  # there is no stdout
        yield
        return
    try:
        with contextlib.suppress(OSError):
            os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
