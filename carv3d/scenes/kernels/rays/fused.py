"""The whole field in one compiled loop: march, encode, small MLP, composite, stop when opaque.

A tile of LANES samples, one each from as many unfinished rays, goes through the field together, so the MLP's inner
loops run over lanes; a ray that ends gives its lane to the next, so lanes stay full and nothing hidden is evaluated.
For the way back (``fused_back``) the same loop records the tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from torch import Tensor

from carv3d.runtime.kernel_threads import CACHED, FAST, spread
from carv3d.scenes.kernels.rays.exponential import exp
from carv3d.scenes.kernels.rays.hash_grid import corners
from carv3d.scenes.kernels.rays.marching import Grid, Rays, lattice_range, next_occupied
from carv3d.scenes.kernels.rays.rows import FEATURES, blend

LANES = 64
GRAIN = 2048  # rays of a piece
RECORDED = 6, 256, 1024  # pieces of a record, the fewest and the most rays of one
TILES = 8  # samples of a ray that a record has room for at first
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
def matmul(weight, x, y, rectify):
    """y[j, lane] = sum_i weight[j, i] x[i, lane] for all LANES, two outputs and eight inputs at a time to spare loads
    and stores; weight: [even, a multiple of 4]."""
    rows, columns = weight.shape
    for j in range(0, rows, 2):
        for lane in range(LANES):
            y[j, lane] = y[j + 1, lane] = np.float32(0)
        for i in range(0, columns - 4, 8):
            a, b, c, d = weight[j, i], weight[j, i + 1], weight[j, i + 2], weight[j, i + 3]
            e, f, g, h = weight[j, i + 4], weight[j, i + 5], weight[j, i + 6], weight[j, i + 7]
            k = j + 1
            m, n, o, p = weight[k, i], weight[k, i + 1], weight[k, i + 2], weight[k, i + 3]
            q, r, s, t = weight[k, i + 4], weight[k, i + 5], weight[k, i + 6], weight[k, i + 7]
            for lane in range(LANES):
                x0, x1, x2, x3 = x[i, lane], x[i + 1, lane], x[i + 2, lane], x[i + 3, lane]
                x4, x5, x6, x7 = x[i + 4, lane], x[i + 5, lane], x[i + 6, lane], x[i + 7, lane]
                y[j, lane] += a * x0 + b * x1 + c * x2 + d * x3 + e * x4 + f * x5 + g * x6 + h * x7
                y[k, lane] += m * x0 + n * x1 + o * x2 + p * x3 + q * x4 + r * x5 + s * x6 + t * x7
        for i in range(columns - columns % 8, columns, 4):
            a, b, c, d = weight[j, i], weight[j, i + 1], weight[j, i + 2], weight[j, i + 3]
            m, n, o, p = weight[j + 1, i], weight[j + 1, i + 1], weight[j + 1, i + 2], weight[j + 1, i + 3]
            for lane in range(LANES):
                x0, x1, x2, x3 = x[i, lane], x[i + 1, lane], x[i + 2, lane], x[i + 3, lane]
                y[j, lane] += a * x0 + b * x1 + c * x2 + d * x3
                y[j + 1, lane] += m * x0 + n * x1 + o * x2 + p * x3
    if rectify:
        for j in range(rows):
            for lane in range(LANES):
                y[j, lane] = max(y[j, lane], np.float32(0))

@njit(inline="always")
def _laplace(depth, beta):
    inside = depth - np.float32(INSET) * beta
    tail = np.float32(0.5) * exp(-abs(inside) / beta)
    return (np.float32(1) - tail if inside > 0 else tail) / beta

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _features(points, lanes, table, resolution, row, bound, x):
    """x: [width, LANES] takes the hash grid's features at points [LANES,3]."""
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

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _values(points, lanes, weights, blob_scale, blob_std, beta, x, y, out):
    """out: [4, LANES] = density, red, green, blue, from features x [width, LANES], which are overwritten as y is."""
    for layer in range(len(weights) - 1):
        matmul(weights[layer], x, y, True)
        x, y = y, x
    matmul(weights[len(weights) - 1], x, out, False)
    one = np.float32(1)
    for n in range(lanes):
        radius = np.sqrt(points[n, 0] ** 2 + points[n, 1] ** 2 + points[n, 2] ** 2)
        out[0, n] += blob_scale * (one - radius / blob_std)
    if beta == 0:
        for n in range(lanes):
            out[0, n] = exp(min(out[0, n], np.float32(RAW_MOST)))
    elif beta > 0:
        for n in range(lanes):
            out[0, n] = _laplace(out[0, n], beta)
    for c in range(1, 4):
        for n in range(lanes):
            out[c, n] = one / (one + exp(-out[c, n]))

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _scratch_width(weights):
    width = 4
    for layer in range(len(weights)):
        width = max(width, weights[layer].shape[1])
    return width

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _density(begin, end, points, density, table, resolution, row, weights, bound, blob_scale, blob_std, beta):
    width = _scratch_width(weights)
    x, y = np.zeros((width, LANES), np.float32), np.zeros((width, LANES), np.float32)
    out = np.empty((4, LANES), np.float32)
    for start in range(begin, end, LANES):
        lanes = min(LANES, end - start)
        part = points[start:start + lanes]
        _features(part, lanes, table, resolution, row, bound, x)
        _values(part, lanes, weights, blob_scale, blob_std, beta, x, y, out)
        for n in range(lanes):
            density[start + n] = out[0, n]

@njit(inline="always")
def _advance(lane, next_ray, end, ray, index, high, through, origins, directions, jitter, empty, box, bound, step):
    """Move a lane to its ray's next sample, or to the first sample of the next ray that has one.

    Returns the next ray to hand out; ray[lane] is -1 if none was left.
    """
    while True:
        r = ray[lane]
        if r >= 0:
            index[lane] = next_occupied(
                index[lane], high[lane], r, origins, directions, jitter, empty, bound, step
            )
            if index[lane] < high[lane]:
                return next_ray
            ray[lane] = -1
        if next_ray == end:
            return next_ray
        ray[lane], through[lane] = next_ray, np.float32(1)
        index[lane], high[lane] = lattice_range(next_ray, origins, directions, jitter, box, step)
        next_ray += 1

@njit(nogil=True, cache=CACHED)
def _longer(tiles, used, capacity):
    """The first ``used`` of ``tiles`` [n,a,b], with room for ``capacity``."""
    made = np.empty((capacity, tiles.shape[1], tiles.shape[2]), tiles.dtype)
    made[:used] = tiles[:used]
    return made

@njit(inline="always")
def _composite(lanes, column, ray, index, through, value, points, t, step, threshold, out, count, recording, tile,
               values, places, passed):
    """Add a tile to its rays, and keep what ``_trace`` returns of it; rays that are opaque end. passed: [LANES] of
    room."""
    for n in range(lanes):
        passed[n] = exp(-value[0, n] * step)
    for n in range(lanes):
        lane = column[n]
        r = ray[lane]
        left = through[lane] * passed[n]
        w = through[lane] - left
        out[r, 0] += w * value[1, n]
        out[r, 1] += w * value[2, n]
        out[r, 2] += w * value[3, n]
        out[r, 3] += w
        out[r, 4] += w * t[n]
        if recording:
            for c in range(4):
                values[tile, n, c] = value[c, n]
            values[tile, n, 4], values[tile, n, 5], values[tile, n, 6] = w, left, t[n]
            for axis in range(3):
                values[tile, n, 7 + axis] = points[n, axis]
            places[tile, n, 0], places[tile, n, 1] = r, count[r]
        count[r] += 1
        through[lane] = left
        index[lane] += 1
        if left < threshold:
            ray[lane] = -1

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _trace(
    begin, end, origins, directions, jitter, empty, box, bound, step, threshold, table, resolution, row, weights,
    blob_scale, blob_std, beta, out, count, recording,
):
    """out: [R,5] = rgb, opacity, depth. count: [R], visible samples.

    Returns, if ``recording``, the tiles that were seen: features [T,width,LANES]; values [T,LANES,10] = density, rgb,
    weight, transmittance behind, distance, point; places [T,LANES,2] = ray, number within the ray; and how many of
    each tile's lanes are in use, [T,1,1]. Else nothing of any.
    """
    width = _scratch_width(weights)
    x, y = np.zeros((width, LANES), np.float32), np.zeros((width, LANES), np.float32)
    value, points = np.empty((4, LANES), np.float32), np.empty((LANES, 3), np.float32)
    ray, index, high = np.full(LANES, -1, np.int64), np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    through, t, passed = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    column = np.empty(LANES, np.int64)
    inputs, tile = FEATURES * resolution.shape[0], 0
    capacity = TILES * (end - begin) // LANES + 1 if recording else 0
    features = np.empty((capacity, inputs, LANES), np.float32)
    values, places = np.empty((capacity, LANES, 10), np.float32), np.empty((capacity, LANES, 2), np.int64)
    used = np.empty((capacity, 1, 1), np.int64)
    next_ray = begin
    while True:
        lanes = 0
        for lane in range(LANES):
            next_ray = _advance(
                lane, next_ray, end, ray, index, high, through, origins, directions, jitter, empty, box, bound, step
            )
            if ray[lane] >= 0:
                r = ray[lane]
                t[lanes] = (np.float32(index[lane]) + np.float32(0.5) + jitter[r]) * step
                for axis in range(3):
                    points[lanes, axis] = origins[r, axis] + t[lanes] * directions[r, axis]
                column[lanes] = lane
                lanes += 1
        if lanes == 0:
            return features[:tile], values[:tile], places[:tile], used[:tile]
        _features(points, lanes, table, resolution, row, bound, x)
        if recording:
            if tile == capacity:
                capacity *= 2
                features, values = _longer(features, tile, capacity), _longer(values, tile, capacity)
                places, used = _longer(places, tile, capacity), _longer(used, tile, capacity)
            used[tile, 0, 0] = lanes
            for i in range(inputs):
                for n in range(LANES):
                    features[tile, i, n] = x[i, n]
        _values(points, lanes, weights, blob_scale, blob_std, beta, x, y, value)
        _composite(lanes, column, ray, index, through, value, points, t, step, threshold, out, count, recording, tile,
                   values, places, passed)
        tile += 1

def _run(rays: Rays, grid: Grid, field: Field, threshold: float, recording: bool
         ) -> tuple[Tensor, Tensor, list[tuple[np.ndarray, ...]]]:
    out, count = np.zeros((len(rays), 5), np.float32), np.zeros(len(rays), np.int64)
    empty, box, bound, step = grid.numpy()
    table, resolution, row, weights, _, blob_scale, blob_std, beta = field.numpy()
    pieces: dict[int, tuple[np.ndarray, ...]] = {}

    def piece(begin: int, end: int, *arguments: object) -> None:
        pieces[begin] = _trace(begin, end, *arguments)

    pieces_of, fewest, most = RECORDED
    grain = min(max(-(-len(rays) // pieces_of), fewest), most) if recording else GRAIN
    spread(
        piece, len(rays), grain, *rays.numpy(), empty, box, bound, step,
        np.float32(threshold), table, resolution, row, weights, blob_scale, blob_std, beta, out, count, recording,
    )
    return torch.from_numpy(out), torch.from_numpy(count), [pieces[begin] for begin in sorted(pieces)]


def trace(rays: Rays, grid: Grid, field: Field, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Render rays on the CPU without gradients; a ray ends once its transmittance falls below ``threshold``.

    Returns: rgb [R,3], opacity [R,1] and depth [R,1] as volume.render_torch.
    """
    out, _, _ = _run(rays, grid, field, threshold, False)
    return out[:, :3], out[:, 3:4], out[:, 4:5]


def density(points: Tensor, field: Field) -> Tensor:
    """Density [N] at points [N,3] of [-bound, bound]^3, on the CPU, without gradients."""
    out = torch.empty(len(points))
    spread(_density, len(points), GRAIN, points.contiguous().numpy(), out.numpy(), *field.numpy())
    return out
