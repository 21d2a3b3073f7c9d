"""Files: written whole or not at all, read as UTF-8 whatever the locale; what storage refuses is a UserError."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Value


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
        temporary.write_text(text, encoding="utf-8")


def read_text(path: Path, what: str, wanted: str) -> str:
    """A text file, UTF-8 with or without a byte-order mark.

    what: names it in messages. wanted: what to give instead. UserError where it cannot be read, or is in another
    encoding.
    """
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{what} {path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UserError(f"{what} {path}: cannot be read ({reason(error)}); {wanted}") from None


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
