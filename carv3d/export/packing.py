"""Gaussians in the bytes of each format: PLY as 3DGS has it, .splat, SPZ, PlayCanvas' compressed PLY; and as points.

Sources: Kerbl et al. (2023) for the PLY; github.com/antimatter15/splat (2023) for .splat; the README and library of
github.com/nianticlabs/spz (2026) for SPZ, of which version 3 is written here; github.com/playcanvas/splat-transform
(2026) for the compressed PLY, whose bits ``scenes.packed`` names.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
from dataclasses import dataclass

import numpy as np

from carv3d.runtime.errors import UserError
from carv3d.scenes.packed import CHUNK, FIELDS, ROW, SH_RANGE
from carv3d.scenes.ply import FIXED
from carv3d.scenes.splats import SH_C0

SPZ_SCALES, SPZ_COLOUR = (-10.0, 16.0), 0.15  # first logarithm and steps to a natural one; colour to a harmonic
SPZ_MOST, SPZ_BITS = (1 << 23) - 1, 16  # largest number of a position; most of its bits behind the point
BOUNDS = [f"{end}_{name}" for names in (("x", "y", "z"), ("scale_x", "scale_y", "scale_z"), ("r", "g", "b"))
          for end in ("min", "max") for name in names]  # of a chunk, in the order that PlayCanvas' readers rely on


@dataclass(frozen=True)
class Columns:
    """N Gaussians as they lie in a file, float32. means: [N,3]. log_scales: [N,3]. quaternions: [N,4], wxyz. logits:
    [N], of the opacity. sh: [N,M,3], in 3DGS's order."""

    means: np.ndarray
    log_scales: np.ndarray
    quaternions: np.ndarray
    logits: np.ndarray
    sh: np.ndarray

    @property
    def turns(self) -> np.ndarray:
        """The quaternions, of length 1; float64."""
        given = self.quaternions.astype(np.float64)
        return given / np.linalg.norm(given, axis=1, keepdims=True)

    @property
    def opacity(self) -> np.ndarray:
        """[N] in [0,1]; float64."""
        return 1 / (1 + np.exp(-self.logits.astype(np.float64).clip(-700)))

    @property
    def colour(self) -> np.ndarray:
        """Of degree 0 alone, [N,3], display values, not limited; float64."""
        return 0.5 + SH_C0 * self.sh[:, 0].astype(np.float64)


def as_bytes(share: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 1 as bytes, those beyond at the ends."""
    return np.round(share * 255).clip(0, 255).astype(np.uint8)


def names(degree: int) -> list[str]:
    """The attributes of 3DGS's PLY with spherical harmonics of ``degree``, in its order."""
    rest = 3 * ((degree + 1) ** 2 - 1)
    return ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *(f"f_rest_{i}" for i in range(rest)),
            *FIXED[6:]]


def ply(given: Columns, comment: str, degree: int) -> bytes:
    """3DGS's PLY, its harmonics padded with zeros to ``degree``. Plain colours would not do in it: where there are red,
    green and blue, Spark 2.2 draws a point cloud."""
    count = len(given.means)
    sh = np.zeros((count, (degree + 1) ** 2, 3), dtype=np.float32)
    sh[:, :given.sh.shape[1]] = given.sh
    columns = np.concatenate([given.means, np.zeros_like(given.means), sh[:, 0],
                              sh[:, 1:].transpose(0, 2, 1).reshape(count, -1),  # all of red, then green, then blue
                              given.logits[:, None], given.log_scales, given.quaternions], 1)
    vertex = np.ascontiguousarray(columns).view([(name, "<f4") for name in names(degree)])[:, 0]
    return _ply(comment, vertex=vertex)


def points(given: Columns, comment: str) -> bytes:
    """A point cloud: the centres with plain colours and opacities, for programs that know no Gaussians."""
    rows = np.empty(len(given.means), [*((axis, "<f4") for axis in "xyz"),
                                       *((name, "u1") for name in ("red", "green", "blue", "alpha"))])
    rows["x"], rows["y"], rows["z"] = given.means.T
    rows["red"], rows["green"], rows["blue"] = as_bytes(given.colour).T
    rows["alpha"] = as_bytes(given.opacity)
    return _ply(comment, vertex=rows)


def _ply(comment: str, **elements: np.ndarray) -> bytes:
    from plyfile import PlyData, PlyElement

    content = io.BytesIO()
    described = [PlyElement.describe(rows, name) for name, rows in elements.items()]
    PlyData(described, byte_order="<", comments=[comment]).write(content)
    return content.getvalue()


def dot_splat(given: Columns) -> bytes:
    """32 bytes a Gaussian: positions and sizes as they are; colour, opacity and quaternion as bytes, no harmonics."""
    rows = np.empty(len(given.means), ROW)
    rows["mean"], rows["scale"] = given.means, np.exp(given.log_scales)
    rows["rgba"] = as_bytes(np.concatenate([given.colour, given.opacity[:, None]], 1))
    rows["turn"] = np.round(given.turns * 128 + 128).clip(0, 255)
    return rows.tobytes()


def spz(given: Columns, antialiased: bool) -> bytes:
    """Niantic's format, version 3: attribute after attribute, by gzip. antialiased: the mark for Gaussians trained
    with Mip-Splatting's filter. UserError for positions and sizes that it cannot hold."""
    reach, least, most = float(np.abs(given.means).max()), *(
        float(end) for end in (given.log_scales.max(1).min(), given.log_scales.max(1).max()))
    first, steps = SPZ_SCALES
    if reach > SPZ_MOST or least < first or most > first + 255 / steps:
        raise UserError(f"positions up to {reach:.3g} and sizes from {math.exp(least):.2g} to {math.exp(most):.3g} "
                        f"given; SPZ holds {SPZ_MOST:,}, and {math.exp(first):.2g} to "
                        f"{math.exp(first + 255 / steps):.3g}; change export.scale")
    bits = min(SPZ_BITS, math.floor(math.log2(SPZ_MOST / max(reach, 1e-30))))
    degree = math.isqrt(given.sh.shape[1]) - 1
    fixed = np.round(given.means.astype(np.float64) * 2**bits).clip(-SPZ_MOST, SPZ_MOST).astype("<i4")
    positions = fixed.view(np.uint8).reshape(-1, 4)[:, :3]  # the lower three bytes
    colour = as_bytes(0.5 + SPZ_COLOUR * given.sh[:, 0].astype(np.float64))
    sizes = np.round((given.log_scales.astype(np.float64) - first) * steps).clip(0, 255).astype(np.uint8)
    higher = np.round(given.sh[:, 1:].astype(np.float64) * 128 + 128).clip(0, 255).astype(np.uint8)
    head = struct.pack("<4sIIBBBB", b"NGSP", 3, len(fixed), degree, bits, int(antialiased), 0)
    parts = (positions, as_bytes(given.opacity), colour, sizes, _three_of(given.turns), higher)
    return gzip.compress(head + b"".join(part.tobytes() for part in parts), mtime=0)


def _three_of(turns: np.ndarray) -> np.ndarray:
    """Quaternions [N,4] wxyz without their largest entry, [N] whole numbers: from the top two bits with its number,
    then ten bits for each other, a sign and nine for its share of sqrt(1/2), all in the order xyzw."""
    largest, others = _without_largest(np.roll(turns, -1, axis=1))
    out = largest.astype(np.uint32)
    for column in others.T:
        share = np.floor(511 * np.abs(column) * math.sqrt(2) + 0.5).clip(max=511).astype(np.uint32)
        out = out << np.uint32(10) | (column < 0).astype(np.uint32) << np.uint32(9) | share
    return out.astype("<u4")


def _without_largest(turns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which entry of each unit quaternion [N,4] is the largest, [N], and the others, [N,3], in their order, of the one
    of its two signs that makes the largest positive."""
    largest = np.abs(turns).argmax(1)
    kept = np.arange(4) != largest[:, None]
    return largest, turns[kept].reshape(-1, 3) * np.where(turns[~kept] < 0, -1, 1)[:, None]


def compressed_ply(given: Columns, comment: str) -> bytes:
    """PlayCanvas' PLY: neighbours in chunks of 256, whose bounds are floats and whose Gaussians are 128 bits each;
    harmonics as bytes."""
    order = _along_a_curve(given.means)
    largest, others = _without_largest(given.turns[order])
    turns = np.concatenate([largest[:, None] / 3, others / math.sqrt(2) + 0.5], 1)
    lows, highs, shares = zip(*(_within_chunks(rows[order]) for rows in (
        given.means.astype(np.float64), given.log_scales.astype(np.float64), given.colour)))
    ends = [array for pair in zip(lows, highs) for array in pair]
    chunk = np.ascontiguousarray(np.concatenate(ends, 1).astype("<f4")).view([(name, "<f4") for name in BOUNDS])[:, 0]
    fields = {"position": shares[0], "rotation": turns, "scale": shares[1],
              "color": np.concatenate([shares[2], given.opacity[order, None]], 1)}
    vertex = np.empty(len(order), [(f"packed_{name}", "<u4") for name in fields])
    for name, share in fields.items():
        vertex[f"packed_{name}"] = _bits(share, FIELDS[name])
    if given.sh.shape[1] == 1:
        return _ply(comment, chunk=chunk, vertex=vertex)
    higher = given.sh[order, 1:].astype(np.float64).transpose(0, 2, 1).reshape(len(order), -1)
    rest = np.trunc((higher / SH_RANGE + 0.5) * 256).clip(0, 255).astype(np.uint8)
    rows = np.ascontiguousarray(rest).view([(f"f_rest_{i}", "u1") for i in range(rest.shape[1])])[:, 0]
    return _ply(comment, chunk=chunk, vertex=vertex, sh=rows)


def _along_a_curve(points: np.ndarray) -> np.ndarray:
    """The order of points [N,3] along a Morton curve of 1024 cells a side."""
    low = points.min(0)
    cells = ((points - low) / max(float((points.max(0) - low).max()), 1e-30) * 1023).astype(np.int64)
    code = sum(((cells >> bit & 1) << 3 * bit + np.arange(3)).sum(1) for bit in range(10))
    return np.argsort(code, kind="stable")


def _within_chunks(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lowest [C,3] and the highest [C,3] of each chunk's rows, as float32, and where between them each row lies,
    [N,3]."""
    starts = np.arange(0, len(rows), CHUNK)
    low, high = (each.reduceat(rows, starts, axis=0).astype(np.float32) for each in (np.minimum, np.maximum))
    of = np.arange(len(rows)) // CHUNK
    span = (high - low).astype(np.float64)[of]
    return low, high, (rows - low[of]) / np.where(span > 0, span, 1)


def _bits(shares: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    """Fields [N,F] of shares of the most that each holds, as whole numbers [N], the first in the highest bits."""
    out = np.zeros(len(shares), dtype=np.uint32)
    for share, width in zip(shares.T, widths):
        out = out << np.uint32(width) | np.round(share.clip(0, 1) * ((1 << width) - 1)).astype(np.uint32)
    return out
