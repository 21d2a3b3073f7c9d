"""The whole field in one compiled loop, without gradients: march, encode, small MLP, composite, stop when opaque.

A tile of LANES samples, one each from as many unfinished rays, goes through the field together, so the MLP's inner
loops run over lanes; a ray that ends gives its lane to the next, so lanes stay full and nothing hidden is evaluated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from torch import Tensor

from carv3d.runtime.kernel_threads import CACHED, FAST, spread
from carv3d.scenes.kernels.rays.hash_grid import corners
from carv3d.scenes.kernels.rays.marching import Grid, Rays, Samples, lattice_range, next_occupied
from carv3d.scenes.kernels.rays.rows import FEATURES, blend

LANES = 64
GRAIN = 2048
INSET = 2.0  # beta, how deep below the surface half the density lies; see ``sdf.laplace``
RAW_MOST = 15.0  # log density is cut here: far beyond opaque, far from overflow

@dataclass(frozen=True)
class Field:
    """What defines density and colour at a point of [-bound, bound]^3.

    table: [rows,4], resolution: [L] and row: [L+1] as in hash_grid. weights: the MLP's matrices [out,in], ReLU between,
    the last one with four outputs: log density, and red, green, blue before the sigmoid. blob_scale, blob_std: see
    ``nerf.blob``. beta: if positive, the first output is the depth below a surface in place of the log density, and
    the density ``sdf.laplace`` of it; if negative, that first output itself stands for the density.
    """

    table: Tensor
    resolution: np.ndarray
    row: np.ndarray
    weights: tuple[Tensor, ...]
    bound: float
    blob_scale: float
    blob_std: float
    beta: float = 0.0

    def numpy(self) -> tuple:
        for index, weight in enumerate(self.weights):
            if weight.shape[1] % 4:
                raise ValueError(f"weights[{index}] must have a multiple of 4 inputs, got {weight.shape[1]}")
        return (
            self.table.detach().numpy(), self.resolution, self.row,
            tuple(weight.detach().contiguous().numpy() for weight in self.weights),
            np.float32(self.bound), np.float32(self.blob_scale), np.float32(self.blob_std), np.float32(self.beta),
        )

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _matmul(weight, x, y, lanes, rectify):
    """y[j, lane] = sum_i weight[j, i] x[i, lane], four inputs at a time to spare loads and stores of y."""
    for j in range(weight.shape[0]):
        for lane in range(lanes):
            y[j, lane] = np.float32(0)
        for i in range(0, weight.shape[1], 4):
            a, b, c, d = weight[j, i], weight[j, i + 1], weight[j, i + 2], weight[j, i + 3]
            for lane in range(lanes):
                y[j, lane] += a * x[i, lane] + b * x[i + 1, lane] + c * x[i + 2, lane] + d * x[i + 3, lane]
        if rectify:
            for lane in range(lanes):
                y[j, lane] = max(y[j, lane], np.float32(0))

@njit(inline="always")
def _laplace(depth, beta):
    inside = depth - np.float32(INSET) * beta
    tail = np.float32(0.5) * np.exp(-abs(inside) / beta)
    return (np.float32(1) - tail if inside > 0 else tail) / beta

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _field(points, lanes, table, resolution, row, weights, bound, blob_scale, blob_std, beta, x, y, out):
    """out: [4, LANES] = density, red, green, blue at points [LANES,3]; x and y are scratch [width, LANES]."""
    half = np.float32(0.5)
    for level in range(resolution.shape[0]):
        res = resolution[level]
        scale = np.float32(res) * half / bound
        for n in range(lanes):
            rows, weight = corners(
                (points[n, 0] + bound) * scale, (points[n, 1] + bound) * scale, (points[n, 2] + bound) * scale,
                res, row[level], row[level + 1] - row[level],
            )
            values = blend(table, rows, weight)
            for f in range(FEATURES):
                x[FEATURES * level + f, n] = values[f]
    for layer in range(len(weights) - 1):
        _matmul(weights[layer], x, y, lanes, True)
        x, y = y, x
    _matmul(weights[len(weights) - 1], x, out, lanes, False)
    one = np.float32(1)
    for n in range(lanes):
        radius = np.sqrt(points[n, 0] ** 2 + points[n, 1] ** 2 + points[n, 2] ** 2)
        raw = out[0, n] + blob_scale * (one - radius / blob_std)
        if beta == 0:
            out[0, n] = np.exp(min(raw, np.float32(RAW_MOST)))
        else:
            out[0, n] = _laplace(raw, beta) if beta > 0 else raw
        for c in range(1, 4):
            out[c, n] = one / (one + np.exp(-out[c, n]))

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _scratch_width(weights):
    width = 4
    for layer in range(len(weights)):
        width = max(width, weights[layer].shape[1])
    return width

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _density(begin, end, points, density, table, resolution, row, weights, bound, blob_scale, blob_std, beta):
    width = _scratch_width(weights)
    x, y = np.empty((width, LANES), np.float32), np.empty((width, LANES), np.float32)
    out = np.empty((4, LANES), np.float32)
    for start in range(begin, end, LANES):
        lanes = min(LANES, end - start)
        part = points[start:start + lanes]
        _field(part, lanes, table, resolution, row, weights, bound, blob_scale, blob_std, beta, x, y, out)
        for n in range(lanes):
            density[start + n] = out[0, n]

@njit(inline="always")
def _advance(lane, next_ray, end, ray, index, high, through, origins, directions, jitter, occupied, box, bound, step):
    """Move a lane to its ray's next sample, or to the first sample of the next ray that has one.

    Returns the next ray to hand out; ray[lane] is -1 if none was left.
    """
    while True:
        r = ray[lane]
        if r >= 0:
            index[lane] = next_occupied(
                index[lane], high[lane], r, origins, directions, jitter, occupied, bound, step
            )
            if index[lane] < high[lane]:
                return next_ray
            ray[lane] = -1
        if next_ray == end:
            return next_ray
        ray[lane], through[lane] = next_ray, np.float32(1)
        index[lane], high[lane] = lattice_range(next_ray, origins, directions, jitter, box, step)
        next_ray += 1

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _trace(
    begin, end, origins, directions, jitter, occupied, box, bound, step, threshold, table, resolution, row, weights,
    blob_scale, blob_std, beta, out, count, seen,
):
    """out: [R,5] = rgb, opacity, depth. count: [R], visible samples. seen: [R,S] takes their midpoints, or is [R,0]."""
    width = _scratch_width(weights)
    x, y = np.empty((width, LANES), np.float32), np.empty((width, LANES), np.float32)
    value, points = np.empty((4, LANES), np.float32), np.empty((LANES, 3), np.float32)
    ray, index, high = np.full(LANES, -1, np.int64), np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    through, t, column = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.int64)
    next_ray = begin
    while True:
        lanes = 0
        for lane in range(LANES):
            next_ray = _advance(
                lane, next_ray, end, ray, index, high, through, origins, directions, jitter, occupied, box, bound, step
            )
            if ray[lane] >= 0:
                r = ray[lane]
                t[lanes] = (np.float32(index[lane]) + np.float32(0.5) + jitter[r]) * step
                for axis in range(3):
                    points[lanes, axis] = origins[r, axis] + t[lanes] * directions[r, axis]
                column[lanes] = lane
                lanes += 1
        if lanes == 0:
            return
        _field(points, lanes, table, resolution, row, weights, bound, blob_scale, blob_std, beta, x, y, value)
        for n in range(lanes):
            lane = column[n]
            r = ray[lane]
            left = through[lane] * np.exp(-value[0, n] * step)
            w = through[lane] - left
            out[r, 0] += w * value[1, n]
            out[r, 1] += w * value[2, n]
            out[r, 2] += w * value[3, n]
            out[r, 3] += w
            out[r, 4] += w * t[n]
            if seen.shape[1] > 0:
                seen[r, count[r]] = t[n]
            count[r] += 1
            through[lane] = left
            index[lane] += 1
            if left < threshold:
                ray[lane] = -1

def _run(rays: Rays, grid: Grid, field: Field, threshold: float, width: int) -> tuple[Tensor, Tensor, Tensor]:
    out, count = np.zeros((len(rays), 5), np.float32), np.zeros(len(rays), np.int64)
    seen = np.empty((len(rays), width), np.float32)
    occupied, box, bound, step = grid.numpy()
    table, resolution, row, weights, _, blob_scale, blob_std, beta = field.numpy()
    spread(
        _trace, len(rays), GRAIN, *rays.numpy(), occupied, box, bound, step, np.float32(threshold), table, resolution,
        row, weights, blob_scale, blob_std, beta, out, count, seen,
    )
    return torch.from_numpy(out), torch.from_numpy(count), torch.from_numpy(seen)


def trace(rays: Rays, grid: Grid, field: Field, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Render rays on the CPU without gradients; a ray ends once its transmittance falls below ``threshold``.

    Returns: rgb [R,3], opacity [R,1] and depth [R,1] as volume.render_torch.
    """
    out, _, _ = _run(rays, grid, field, threshold, 0)
    return out[:, :3], out[:, 3:4], out[:, 4:5]


def visible(rays: Rays, grid: Grid, field: Field, threshold: float) -> Samples:
    """The samples of march_numba less those behind a transmittance of ``threshold``."""
    longest = int(2 * math.sqrt(3) * grid.bound / grid.step) + 3  # the lattice points on the box's diagonal
    _, count, seen = _run(rays, grid, field, threshold, longest)
    first = torch.cat([count.new_zeros(1), count.cumsum(0)])
    ray = torch.repeat_interleave(torch.arange(len(rays)), count)
    middle = seen[torch.arange(longest) < count[:, None]]
    points = rays.origins[ray] + middle[:, None] * rays.directions[ray]
    return Samples(ray, middle - grid.step / 2, middle + grid.step / 2, points, first)


def density(points: Tensor, field: Field) -> Tensor:
    """Density [N] at points [N,3] of [-bound, bound]^3, on the CPU, without gradients."""
    out = torch.empty(len(points))
    spread(_density, len(points), GRAIN, points.contiguous().numpy(), out.numpy(), *field.numpy())
    return out
