"""A NeRF for many pictures: what its network says is looked up in a grid instead of being computed at each sample.

The values are those before any nonlinearity (log density, or depth below a surface; colour before the sigmoid), at the
vertices of a grid that is kept in occupied cells alone, and interpolated between them (as Plenoxels, arXiv 2112.05131,
and PlenOctrees, arXiv 2103.14024, keep density and colour; here the sharpening comes after the interpolation).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from torch import Tensor

from carv3d.runtime.exponential import exp
from carv3d.runtime.kernel_threads import CACHED, FAST, spread
from carv3d.scenes.kernels.rays.fused import INSET, RAW_MOST
from carv3d.scenes.kernels.rays.marching import Grid, Rays, distances, lattice_range
from carv3d.scenes.kernels.rays.rows import FEATURES, blend

GRAIN = 1024
CHUNK = 1 << 16  # points that are evaluated at a time
MOST_BYTES = 192 << 20  # of a table
FAINT = 1e-5  # a sample less opaque than this is passed over: a thousand of them hide a hundredth
FAR = 24  # cells, up to which empty space is known to be empty


@dataclass(frozen=True)
class Table:
    """brick: int32 [G,G,G], the number of an occupied cell's brick; of an empty cell minus the distance to the nearest
    occupied one, in cells along the farthest axis, at most FAR. values: [bricks * n^3, 4] float32, each brick's
    vertices, x slowest; n: vertices along an edge of a cell, both faces included. least: first value below which a
    sample is passed over. beta: as ``Field``'s."""

    brick: Tensor
    values: Tensor
    n: int
    least: float
    beta: float


def bake(grid: Grid, finest: int, field: Callable[[Tensor], tuple[Tensor, Tensor]], beta: float) -> Table | None:
    """The table of a field on the CPU, for the grid's occupied cells and its step; None where it would be larger than
    MOST_BYTES.

    finest: cells of the field's own finest level along an axis; there are two vertices for each. field: points [N,3] ->
    first values [N] and colours before the sigmoid [N,3]. A cell without a sample worth a look is left out.
    """
    occupied, bound, least = grid.occupied, grid.bound, _faint(grid.step, beta)
    n = math.ceil(2 * finest / len(occupied)) + 1
    cells, size = occupied.nonzero(), len(occupied)
    if len(cells) * n**3 * FEATURES * 4 > MOST_BYTES:
        return None
    edge = torch.arange(n, dtype=torch.float32) / (n - 1)
    within = torch.stack(torch.meshgrid(edge, edge, edge, indexing="ij"), -1).view(-1, 3)
    found = torch.empty(len(cells), n**3, FEATURES)
    per = max(CHUNK // n**3, 1)
    for start in range(0, len(cells), per):
        points = (cells[start:start + per, None] + within).reshape(-1, 3) * (2 * bound / size) - bound
        first, colour = field(points)
        found[start:start + per] = torch.cat([first[:, None], colour.sigmoid()], 1).view(-1, n**3, FEATURES)
    kept = found[..., 0].amax(1) > least
    cells, found = cells[kept], found[kept]
    near = torch.zeros_like(occupied)
    near[cells.unbind(1)] = True
    brick = distances(near, FAR).int().neg()
    brick[cells.unbind(1)] = torch.arange(len(cells), dtype=torch.int32)
    return Table(brick, found.view(-1, FEATURES), n, least, beta)


def _faint(step: float, beta: float) -> float:
    """The first value of a sample whose opacity is FAINT."""
    density = FAINT / step
    return beta * (INSET + min(math.log(2 * density * beta), 0.0)) if beta else math.log(density)


def rehearse() -> None:
    """Run once on a tiny field."""
    grid, ray = Grid(torch.ones(2, 2, 2, dtype=torch.bool), 1.0, 0.1), torch.tensor([[0.0, 0.0, 1.0]])
    table = bake(grid, 1, lambda points: (points[:, 0], points), 0.0)
    assert table is not None
    trace(Rays(-3 * ray, ray, torch.zeros(1)), grid, table, 1e-4)


@njit(inline="always")
def _corners(brick, n, x, y, z):
    """Rows and weights of the eight vertices around a point at x, y, z in [0, n - 1] of a brick."""
    i, j, k = min(np.int32(x), n - 2), min(np.int32(y), n - 2), min(np.int32(z), n - 2)
    one = np.float32(1)
    u, v, w = x - np.float32(i), y - np.float32(j), z - np.float32(k)
    a, b, c, d = (one - u) * (one - v), (one - u) * v, u * (one - v), u * v
    r = ((brick * n + i) * n + j) * n + k
    s = r + n * n
    return ((r, r + 1, r + n, r + n + 1, s, s + 1, s + n, s + n + 1),
            (a * (one - w), a * w, b * (one - w), b * w, c * (one - w), c * w, d * (one - w), d * w))


@njit(inline="always")
def _density(first, beta):
    if beta == 0:
        return exp(min(first, np.float32(RAW_MOST)))
    inside = first - np.float32(INSET) * beta
    tail = np.float32(0.5) * exp(-abs(inside) / beta)
    return (np.float32(1) - tail if inside > 0 else tail) / beta


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _trace(begin, end, origins, directions, jitter, brick, values, n, box, bound, step, threshold, least, beta, out):
    """out: [R,5] = rgb, opacity, depth."""
    size, one, half = brick.shape[0], np.float32(1), np.float32(0.5)
    limit, scale = np.float32(size), np.float32(size / (np.float32(2) * bound))
    inner = np.float32(n - 1)
    for r in range(begin, end):
        low, high = lattice_range(r, origins, directions, jitter, box, step)
        ax, ay, az = (origins[r, 0] + bound) * scale, (origins[r, 1] + bound) * scale, (origins[r, 2] + bound) * scale
        bx, by, bz = directions[r, 0] * scale, directions[r, 1] * scale, directions[r, 2] * scale
        stride = np.float32(0.999) / (max(abs(bx), abs(by), abs(bz)) * step)  # as in ``marching.next_occupied``
        left, red, green, blue, depth = one, np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        k = low
        while k < high:
            t = (np.float32(k) + half + jitter[r]) * step
            x, y, z = ax + t * bx, ay + t * by, az + t * bz
            k += 1
            if not (0 <= x < limit and 0 <= y < limit and 0 <= z < limit):
                continue
            i, j, m = np.uint32(x), np.uint32(y), np.uint32(z)
            which = np.int64(brick[i, j, m])
            if which < 0:  # nothing is nearer than so many cells
                k += int(np.float32(-which - 1) * stride)
                continue
            rows, weights = _corners(which, n, (x - np.float32(i)) * inner, (y - np.float32(j)) * inner,
                                     (z - np.float32(m)) * inner)
            value = blend(values, rows, weights)
            if value[0] < least:
                continue
            after = left * exp(-_density(value[0], beta) * step)
            w = left - after
            red += w * value[1]
            green += w * value[2]
            blue += w * value[3]
            depth += w * t
            left = after
            if left < threshold:
                break
        out[r, 0], out[r, 1], out[r, 2], out[r, 3], out[r, 4] = red, green, blue, one - left, depth


def trace(rays: Rays, grid: Grid, table: Table, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """As ``fused.trace``, from a table that was made for the grid."""
    out = np.empty((len(rays), 5), np.float32)
    _, box, bound, step = grid.numpy()
    spread(_trace, len(rays), GRAIN, *rays.numpy(), table.brick.numpy(), table.values.numpy(), table.n, box, bound,
           step, np.float32(threshold), np.float32(table.least), np.float32(table.beta), out)
    found = torch.from_numpy(out)
    return found[:, :3], found[:, 3:4], found[:, 4:5]
