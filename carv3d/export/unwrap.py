"""A UV atlas by xatlas, in a process of its own: it can take very long on a bad mesh, and cannot be interrupted."""

from __future__ import annotations

import contextlib
import math
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PADDING_TEXELS = 4  # between charts, so that the smaller copies of a texture do not mix them


@dataclass(frozen=True)
class Atlas:
    """vertex: [U] which vertex of the mesh each corner of the atlas is. uv: [U,2] in [0,1], v upwards. faces: [F,3]
    into these, in the mesh's order."""

    vertex: np.ndarray
    uv: np.ndarray
    faces: np.ndarray


class Failed(Exception):
    """No atlas; the message says why."""


def unwrap(vertices: np.ndarray, faces: np.ndarray, size: int, limit_s: float, progress: Callable[[float], None]
           ) -> Atlas:
    """The atlas of a mesh for a texture of ``size`` texels a side. xatlas does not tell how far it is, so ``progress``
    gets the seconds gone by. Failed after ``limit_s`` seconds, or when xatlas ends without an atlas."""
    with _scratch() as folder:
        given, made = Path(folder, "mesh.npz"), Path(folder, "atlas.npz")
        np.savez(given, vertices=vertices, faces=faces, size=size)
        command = [sys.executable, __file__, str(given), str(made), str(math.ceil(limit_s))]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              errors="replace",
                              start_new_session=True) as process:  # Ctrl-C is for the trainer, not for xatlas
            try:
                fault = _wait(process, limit_s, progress)
            finally:
                process.kill()
        if process.returncode or not made.exists():
            last = (fault.strip().splitlines() or [f"status {process.returncode}"])[-1]
            raise Failed(f"xatlas failed ({last})")
        with np.load(made) as found:
            return Atlas(found["vertex"].astype(np.int64), found["uv"], found["faces"].astype(np.int32))


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    """A temporary folder; Failed where there is none to be had, or it is full."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield folder
    except OSError as error:
        raise Failed(f"no room for xatlas' temporary files ({error.strerror or error}; TMPDIR names another place)"
                     ) from error


def _wait(process: subprocess.Popen, limit_s: float, progress: Callable[[float], None]) -> str:
    """What the process wrote to stderr, once it has ended; Failed if that takes too long."""
    began = time.monotonic()
    while (spent := time.monotonic() - began) < limit_s:
        try:
            return process.communicate(timeout=min(0.5, limit_s - spent))[1]
        except subprocess.TimeoutExpired:
            progress(time.monotonic() - began)
    raise Failed(f"no UV atlas within {limit_s:g} s (export.unwrap_s)")


def main(given: str, made: str, limit_s: str) -> None:
    import xatlas

    signal.alarm(int(limit_s) + 5)  # ends this process also when its parent was killed
    with np.load(given) as mesh:
        vertices, faces, size = mesh["vertices"], mesh["faces"], int(mesh["size"])
    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices, faces.astype(np.uint32))
    pack = xatlas.PackOptions()
    pack.resolution, pack.padding, pack.bilinear = size, PADDING_TEXELS, True
    atlas.generate(xatlas.ChartOptions(), pack)
    vertex, indices, uv = atlas[0]
    np.savez(made, vertex=vertex, uv=uv, faces=indices)


if __name__ == "__main__":
    main(*sys.argv[1:])
