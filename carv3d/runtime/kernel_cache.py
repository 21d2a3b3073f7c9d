"""Where compiled CPU kernels are kept. Imports nothing heavy, so that it can run before numba."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from carv3d.runtime.files import cache_folder
from carv3d.runtime.progress import say

ROOM = 32 << 20  # bytes that the compiled kernels may take


def source_digest() -> str:
    """Short digest of every source with compiled code in it, 12 hex digits."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    toybox = [package / "toybox" / name for name in ("tracer.py", "models.py")]
    runtime = [package / "runtime" / name for name in ("exponential.py", "kernel_threads.py")]
    folders = package / "scenes" / "kernels", package / "diffusion" / "engines" / "loops"
    for path in [*sorted(path for folder in folders for path in folder.rglob("*.py")), *runtime, *toybox]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def compile_once(name: str, compile: Callable[[], None], announce: Callable[[str], None]) -> None:
    """Run ``compile``, announced in one line, unless the cache already holds what it compiles."""
    marker = _marker(name)
    if marker and marker.exists():
        return
    announce(f"compiling the {name} kernels for this CPU (once, then cached; some seconds)")
    compile()
    if marker:
        with contextlib.suppress(OSError):
            marker.touch()


def _marker(name: str) -> Path | None:
    """The file that says that the cache holds the kernels of that name; None where there is no cache."""
    import llvmlite.binding
    import numba

    folder = use_cache()
    # numba files what it compiles under the path of the source, so another copy of the package starts anew
    where = hashlib.sha256(str(Path(__file__).parent).encode()).hexdigest()[:8]
    key = f"{name}-{numba.__version__}-{llvmlite.binding.get_host_cpu_name()}-{source_digest()}-{where}"
    return folder / key if folder else None


@contextlib.contextmanager
def compiled_beside(codes: Mapping[str, str]) -> Iterator[None]:
    """Another process runs the codes, each of which compiles the kernels of its name into the cache, while this one
    compiles others within: numba compiles one at a time in a process. Nothing is started where the cache holds them,
    where there is none or a single core. Whether it came to its end is for ``compile_once`` to see, afterwards."""
    missing = [code for name, code in codes.items() if (marker := _marker(name)) and not marker.exists()]
    if not missing or (os.cpu_count() or 1) < 2:
        yield
        return
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    with subprocess.Popen([sys.executable, "-c", "\n".join(missing)], env={**os.environ, "PYTHONPATH": path},
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        except BaseException:
            process.kill()
            raise


def use_cache() -> Path | None:
    """Point numba's cache at a folder that can be used; call it before numba is imported.

    The folder is NUMBA_CACHE_DIR where set, else ``${XDG_CACHE_HOME:-~/.cache}/carv3d/numba/<digest>``, else one of the
    user's own in the folder for temporary files. The digest is there because numba notices a change in a function's own
    file but not in a file that it calls into.

    Returns: the folder, or None where there is none to be had: kernels are then compiled in each process. Whatever is
    not as it was asked for costs a line.
    """
    given, digest = os.environ.get("NUMBA_CACHE_DIR"), source_digest()
    first = Path(given) if given else cache_folder("numba") / digest
    folder, why = first, _fault(first)
    if why:
        folder, fault = _temporary(digest)
        _say_once(f"warning: compiled kernels cannot be kept in {first} ({why}); they are "
                  + (f"made anew in every process ({folder}: {fault})" if fault else f"kept in {folder}"))
        if fault:
            return None
    if given != str(folder):
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
        if "numba" in sys.modules:
            sys.modules["numba"].config.reload_config()
    return folder


def _temporary(digest: str) -> tuple[Path, str | None]:
    """The user's own folder among the temporary files, and why it cannot be used, or None."""
    try:
        folder = Path(tempfile.gettempdir()) / f"carv3d-{os.getuid()}" / "numba" / digest
    except OSError as error:  # there is no folder for temporary files
        return Path(), str(error)
    return folder, _fault(folder, private=True)


def _fault(folder: Path, private: bool = False) -> str | None:
    """Why a cache cannot be kept there, or None. private: nobody else may have made it or may write to it, for what
    lies in a cache is run."""
    try:
        if private:
            top = folder.parents[1]
            top.mkdir(mode=0o700, exist_ok=True)
            kind = top.lstat()
            if not stat.S_ISDIR(kind.st_mode) or kind.st_uid != os.getuid() or kind.st_mode & 0o022:
                return f"{top} is not this user's alone"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        left = os.statvfs(folder)
    except OSError as error:
        return error.strerror or str(error)
    return "the disk is full" if left.f_bavail * left.f_frsize < ROOM else None


_said: set[str] = set()


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        say(line)
