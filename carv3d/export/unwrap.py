"""A UV atlas: charts of our own, packed by xatlas, in a process of its own, since that cannot be interrupted."""

from __future__ import annotations

import contextlib
import math
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from carv3d.export.atlas import Atlas

if TYPE_CHECKING:
    from carv3d.export.charts import Flat

PADDING_TEXELS = 4  # between charts, so that the smaller copies of a texture do not mix them
TRIES = 6  # at a scale at which all charts fit into the texture
FULL = 0.7  # share of the texture that charts may cover, at the first try
ROOT = Path(__file__).parents[2]  # the folder that holds the package


class Failed(Exception):
    """No atlas; the message says why."""


def unwrap(vertices: np.ndarray, faces: np.ndarray, size: int, limit_s: float, progress: Callable[[float], None]
           ) -> Atlas:
    """The atlas of a mesh for a texture of ``size`` texels a side. How far it is cannot be told, so ``progress`` gets
    the seconds gone by. Failed after ``limit_s`` seconds, or when the process ends without an atlas."""
    with _scratch() as folder:
        given, made = Path(folder, "mesh.npz"), Path(folder, "atlas.npz")
        np.savez(given, vertices=vertices, faces=faces, size=size)
        start = (f"import sys; sys.path.insert(0, {str(ROOT)!r}); from carv3d.export import unwrap; "
                 "unwrap.main(*sys.argv[1:])")
        command = [sys.executable, "-c", start, str(given), str(made), str(math.ceil(limit_s))]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              errors="replace",
                              start_new_session=True) as process:  # Ctrl-C is for the trainer, not for this
            try:
                fault = _wait(process, limit_s, progress)
            finally:
                process.kill()
        if process.returncode or not made.exists():
            last = (fault.strip().splitlines() or [f"status {process.returncode}"])[-1]
            raise Failed(f"no UV atlas could be made ({last})")
        with np.load(made) as found:
            return Atlas(found["vertex"].astype(np.int64), found["uv"], found["faces"].astype(np.int32))


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    """A temporary folder; Failed where there is none to be had, or it is full."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield folder
    except OSError as error:
        raise Failed(f"no room for the atlas' temporary files ({error.strerror or error}; TMPDIR names another place)"
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


def packed(flat: Flat, size: int) -> Atlas:
    """Charts in a square texture of ``size`` texels a side, all to one scale, turned and shifted."""
    import xatlas

    a, b, c = (flat.uv[flat.faces[:, i]] for i in range(3))
    area = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum() / 2
    scale = size * math.sqrt(FULL / max(area, 1e-30))
    for _ in range(TRIES):
        options = xatlas.PackOptions()
        options.padding, options.bilinear, options.texels_per_unit = PADDING_TEXELS, True, scale
        atlas = xatlas.Atlas()
        atlas.add_uv_mesh(flat.uv.astype(np.float32), flat.faces.astype(np.uint32),
                          flat.chart.astype(np.uint32)[:, None])
        atlas.generate(xatlas.ChartOptions(), options)
        side = max(atlas.width, atlas.height)
        if side <= size:
            break
        scale *= 0.995 * size / side
    vertex, faces, uv = atlas[0]
    whole = np.array([atlas.width, atlas.height], dtype=np.float32) / max(side, size)
    return Atlas(flat.vertex[vertex], uv * whole, faces)


def main(given: str, made: str, limit_s: str) -> None:
    from carv3d.export import charts

    signal.alarm(int(limit_s) + 5)  # ends this process also when its parent was killed
    with np.load(given) as mesh:
        vertices, faces, size = mesh["vertices"], mesh["faces"], int(mesh["size"])
    atlas = packed(charts.make(vertices, faces), size)
    np.savez(made, vertex=atlas.vertex, uv=atlas.uv, faces=atlas.faces)
