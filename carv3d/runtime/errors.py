"""The one exception that stands for a mistake of the user's, and what of the machine's refusals is said as one."""

from __future__ import annotations

import errno
import os

LONGEST = 299  # characters of a message
_REMEDIES = {
    "free some space, then give the same command again": (errno.ENOSPC, errno.EDQUOT),
    "choose a folder that you may write to": (errno.EACCES, errno.EPERM, errno.EROFS),
    "allow more open files (ulimit -n)": (errno.EMFILE, errno.ENFILE),
    "see whether its folder was moved or deleted": (errno.ENOENT, errno.ENOTDIR, errno.ESTALE),
    "choose a shorter or simpler name": (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ),
    "move away what is in its place": (errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP),
    "allow larger files (ulimit -f)": (errno.EFBIG,),
    "give the memory that it needs (ulimit -v, other programs)": (errno.ENOMEM,),
}
_NO_MEMORY = ("can't allocate memory", "Cannot allocate memory", "failed to map segment", "Unable to allocate",
              "CUDA out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED",
              "CUDNN_STATUS_ALLOC_FAILED")


class UserError(Exception):
    """Something the user can put right.

    The message is one line: what was wrong, what was given, what is allowed, what to do. The command line prints it
    after ``carv3d: error:`` and exits with status 2, without a traceback. Whatever is put into it comes out as one line
    of at most LONGEST characters, control characters escaped.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


def remedy(error: OSError) -> str:
    """What to do about a refusal of the system's."""
    found = next((words for words, codes in _REMEDIES.items() if error.errno in codes), None)
    return found or "see what is wrong with that disk"


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, as torch, numpy, Python and the system say it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    return isinstance(error, (RuntimeError, ImportError)) and any(words in str(error) for words in _NO_MEMORY)


def of_the_machine(error: Exception) -> UserError | None:
    """A refusal of the machine's, of memory or by the system, as one line; None for anything else."""
    if out_of_memory(error):
        return UserError("out of memory; lower what is computed at once: image sizes, data.batch_size, the number of "
                         "Gaussians, the mesh's resolution, or estimator.chunk")
    if isinstance(error, OSError) and error.errno is not None:
        name = f"{error.filename}: " if error.filename else ""
        return UserError(f"{name}{error.strerror or os.strerror(error.errno)}; {remedy(error)}")
    if isinstance(error, ImportError) and os.strerror(errno.EMFILE) in str(error):
        return UserError(f"{error}; allow more open files (ulimit -n)")
    return None


def one_line(text: str) -> str:
    """Control characters, and what is no text at all, escaped; the middle of what is too long left out."""
    line = printable(str(text).replace("\n", "\\n"))
    return line if len(line) <= LONGEST else f"{line[:LONGEST - 120]} ... {line[-115:]}"


def printable(text: str) -> str:
    """What a terminal may be given: whatever it might take for a command, and what is no text at all, is escaped."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape", "surrogatepass").decode()
                   for c in text)


def shown(value: object) -> str:
    """A value that a user gave, for a message: numbers as they are, text in quotes, not too long."""
    if isinstance(value, str):
        plain = value.replace(".", "", 1).lstrip("+-").isdigit()
        return value[:60] if plain else repr(str(value) if len(value) <= 60 else f"{value[:57]}...")
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
