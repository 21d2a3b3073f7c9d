"""Writing files so that a crash, a kill or a full disk never leaves half of one."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from carv3d.runtime.errors import UserError


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; on success it is synced and renamed over ``path``, else removed.

    UserError when the disk is full or the folder cannot be written; what ``path`` held before is then untouched.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if (reason := _storage_fault(error)) is not None:
            raise UserError(f"{path} was not written: {reason}; what was saved before is untouched; "
                            "free some space or choose another exp_root_dir, then resume") from error
        raise


def _storage_fault(error: BaseException) -> str | None:
    """The reason, where an exception means that storage refused."""
    codes = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up", errno.EFBIG: "file too large",
             errno.EACCES: "no permission", errno.EROFS: "read-only file system", errno.EIO: "input/output error"}
    return codes.get(error.errno or 0) if isinstance(error, OSError) else None


def write_text(path: Path, text: str) -> None:
    """Atomic replacement of a small text file."""
    with atomic(path) as temporary:
        temporary.write_text(text)
