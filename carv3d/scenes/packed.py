"""Gaussians in fewer bits: PlayCanvas' compressed PLY, and .splat files.

Both formats as their readers in github.com/playcanvas/splat-transform have them (2025); .splat goes back to
github.com/antimatter15/splat (2023). numpy's warnings are the caller's to silence.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from carv3d.runtime.errors import UserError
from carv3d.scenes.ply_rows import Rows
from carv3d.scenes.splats import RESTS, SH_C0, Splats

CHUNK = 256  # Gaussians that share their bounds
FIELDS = {"position": (11, 10, 11), "scale": (11, 10, 11), "rotation": (2, 10, 10, 10), "color": (8, 8, 8, 8)}  # bits
BOUNDS = [f"{end}_{name}" for end in ("min", "max") for name in ("x", "y", "z", "scale_x", "scale_y", "scale_z")]
COLOUR_BOUNDS = [f"{end}_{name}" for end in ("min", "max") for name in "rgb"]  # newer files have them
SH_RANGE = 8.0  # bytes of harmonics span -4 to 4
ROW = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("turn", "u1", 4)])  # of a .splat


def compressed(path: Path, elements: dict[str, Rows]) -> Splats:
    """The Gaussians of a compressed PLY's elements chunk, vertex and, where there are harmonics, sh."""
    chunk, vertex, rest = elements.get("chunk", {}), elements["vertex"], elements.get("sh", {})
    missing = [name for name in BOUNDS if name not in chunk]
    missing += [name for name in map("packed_{}".format, FIELDS) if vertex.get(name, np.empty(0)).dtype.kind != "u"]
    if missing:
        raise UserError(f"{path}: a compressed PLY without {', '.join(missing)}; write it again")
    count = len(vertex["packed_position"])
    of = np.arange(count) // CHUNK
    if of[-1] >= len(chunk["min_x"]):
        raise UserError(f"{path}: {len(chunk['min_x'])} chunks for {count} Gaussians; {CHUNK} share one; write the "
                        "file again")
    shares = {name: _shares(vertex[f"packed_{name}"], bits) for name, bits in FIELDS.items()}

    def between(axes: tuple[str, ...], share: np.ndarray) -> np.ndarray:
        low, high = (np.stack([chunk[f"{end}_{axis}"][of].astype(np.float64) for axis in axes], -1)
                     for end in ("min", "max"))
        return low * (1 - share) + high * share

    colour, opacity = shares["color"][:, :3], shares["color"][:, 3]
    if set(COLOUR_BOUNDS) <= set(chunk):
        colour = between(("r", "g", "b"), colour)
    return _splats(between(("x", "y", "z"), shares["position"]),
                   between(("scale_x", "scale_y", "scale_z"), shares["scale"]),
                   _turns(vertex["packed_rotation"], shares["rotation"][:, 1:]), opacity, colour,
                   _harmonics(path, rest, count))


def _shares(packed: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """The fields [N,F] of whole numbers [N], the highest bits first, each over the most that it can hold."""
    shifts = np.cumsum((0, *bits[:0:-1]))[::-1]
    most = (1 << np.array(bits)) - 1
    return (packed.astype(np.int64)[:, None] >> shifts & most) / most


def _turns(packed: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Quaternions [N,4], wxyz, of which the largest entry is left out and the others lie in +-sqrt(1/2)."""
    others = (shares - 0.5) * np.sqrt(2)
    largest = np.sqrt(np.maximum(0, 1 - np.square(others).sum(1)))
    which = packed.astype(np.int64) >> 30
    out = np.empty((len(packed), 4))
    places = np.arange(4)[None] != which[:, None]
    out[places] = others.ravel()
    out[~places] = largest
    return out


def _harmonics(path: Path, rest: Rows, count: int) -> np.ndarray:
    """Those above degree 0, [N,M,3], of bytes that are channel-major as in a PLY of 3DGS; 0 and 255 are the ends."""
    names = [f"f_rest_{i}" for i in range(len(rest))]
    if len(rest) not in RESTS or set(names) != set(rest) or any(len(column) != count for column in rest.values()):
        raise UserError(f"{path}: element sh with {len(rest)} properties; allowed: {', '.join(map(str, RESTS))}, named "
                        "f_rest_0 and on, one row a Gaussian; write the file again")
    if not rest:
        return np.zeros((count, 0, 3))
    share = np.stack([rest[name].astype(np.float64) for name in names], -1)
    share = np.where(share <= 0, 0, np.where(share >= 255, 1, (share + 0.5) / 256))
    return (share.reshape(count, 3, -1).transpose(0, 2, 1) - 0.5) * SH_RANGE


def splat_file(path: Path) -> Splats:
    """The Gaussians of a .splat: 32 bytes each, sizes not as logarithms, colour and opacity and quaternion as bytes."""
    try:
        size = path.stat().st_size
        rows = np.fromfile(path, ROW)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give a .splat file") from None
    if not size or size % ROW.itemsize:
        raise UserError(f"{path}: {size:,} bytes; a .splat file has {ROW.itemsize} a Gaussian; write it again")
    rgba = rows["rgba"] / 255
    turns = (rows["turn"].astype(np.float64) - 128) / 128
    return _splats(rows["mean"], np.log(rows["scale"]), turns, rgba[:, 3], rgba[:, :3], np.zeros((len(rows), 0, 3)))


def _splats(means: np.ndarray, log_scales: np.ndarray, turns: np.ndarray, opacity: np.ndarray, colour: np.ndarray,
            higher: np.ndarray) -> Splats:
    """Of opacities and colours in [0,1], from bytes: the ends of the opacity are half a step away from 0 and 1, since
    their logits would be infinite."""
    opacity = opacity.clip(0.5 / 255, 1 - 0.5 / 255)
    sh = np.concatenate([((colour - 0.5) / SH_C0)[:, None], higher], 1)
    logits = np.log(opacity / (1 - opacity))
    single = [torch.from_numpy(array.astype(np.float32)) for array in (log_scales, turns, logits, sh)]
    return Splats(torch.from_numpy(means.astype(np.float64)), *single)
