"""Where compiled CPU kernels are kept. Imports nothing but the standard library, so that it can run before numba."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path


def source_digest() -> str:
    """Short digest of every source with compiled code in it, 12 hex digits."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    toybox = [package / "toybox" / name for name in ("tracer.py", "models.py")]
    threads = package / "runtime" / "kernel_threads.py"
    for path in [*sorted((package / "scenes" / "kernels").rglob("*.py")), threads, *toybox]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def compile_once(name: str, compile: Callable[[], None], announce: Callable[[str], None]) -> None:
    """Run ``compile``, announced in one line, unless the cache already holds what it compiles."""
    import llvmlite.binding
    import numba

    folder = use_cache()
    # numba files what it compiles under the path of the source, so another copy of the package starts anew
    where = hashlib.sha256(str(Path(__file__).parent).encode()).hexdigest()[:8]
    key = f"{name}-{numba.__version__}-{llvmlite.binding.get_host_cpu_name()}-{source_digest()}-{where}"
    marker = folder / key if folder else None
    if marker and marker.exists():
        return
    announce(f"compiling the {name} kernels for this CPU (once, then cached; some seconds)")
    compile()
    if marker:
        marker.touch()


def use_cache() -> Path | None:
    """Point numba's cache at a folder of the user's; call it before numba is imported.

    The folder is NUMBA_CACHE_DIR where set, else ``${XDG_CACHE_HOME:-~/.cache}/carv3d/numba/<digest>``. The digest is
    there because numba notices a change in a function's own file but not in a file that it calls into.

    Returns: the folder, or None (with a warning) where it cannot be written and numba falls back to its own default.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(home) / "carv3d" / "numba" / source_digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        warnings.warn(f"compiled kernels are not cached in {folder}: {error}", stacklevel=2)
        return None
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:
        sys.modules["numba"].config.reload_config()
    return folder
