"""The colours of a PLY's vertices, by the names and on the scales that programs give them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from carv3d.runtime.errors import one_line
from carv3d.scenes.ply_rows import Rows
from carv3d.scenes.splats import SH_C0

NAMES = [("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue")]
DC = ("f_dc_0", "f_dc_1", "f_dc_2")
OWN = {"u1": 255.0, "u2": 65535.0, "f4": 1.0, "f8": 1.0}  # the scale that a type goes with
SCALES = (1.0, 255.0, 65535.0)


def read(path: Path, vertex: Rows, announce: Callable[[str], None]) -> np.ndarray | None:
    """Colours [N,3], float64, 1 the brightest; NaN where they are none; None where the file has no colours.

    Bytes are of 255. Other numbers are on the smallest of 1 (fractions only), 255 and 65535 that holds them all, which
    is announced unless it is their type's own.
    """
    for names in NAMES:
        if set(names) <= set(vertex):
            return _scaled(path, [vertex[name] for name in names], announce)
    if set(DC) <= set(vertex):
        return 0.5 + SH_C0 * np.stack([vertex[name].astype(np.float64) for name in DC], -1)
    return None


def _scaled(path: Path, columns: list[np.ndarray], announce: Callable[[str], None]) -> np.ndarray:
    columns = [column.view(np.uint8) if column.dtype == np.int8 else column for column in columns]  # chars that wrapped
    colours = np.stack([column.astype(np.float64) for column in columns], -1)
    colours[~(np.abs(colours) <= SCALES[-1])] = np.nan
    largest = float(np.nanmax(colours, initial=0.0))
    kind = columns[0].dtype.str[1:]
    scales = SCALES if kind[0] == "f" else SCALES[1:]
    scale = OWN["u1"] if kind == "u1" else next(scale for scale in scales if largest <= scale)
    if scale != OWN.get(kind):
        announce(one_line(f"notice: {path.name}: colours of type {columns[0].dtype.name} up to {largest:.6g} taken as "
                          f"0 to {scale:.0f}"))
    return colours / scale
