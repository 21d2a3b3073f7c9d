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

from carv3d.runtime.exponential import exp
from carv3d.runtime.kernel_threads import CACHED, FAST, spread
from carv3d.scenes.kernels.rays.hash_grid import column, corners
from carv3d.scenes.kernels.rays.marching import Grid, Rays, lattice_range, next_occupied
from carv3d.scenes.kernels.rays.products import LANES, matmul
from carv3d.scenes.kernels.rays.rows import FEATURES, blend

GRAIN = 2048  # rays of a piece
RECORDED = 6, 256, 1024  # pieces of a record, the fewest and the most rays of one
TILES = 8  # samples of a ray that a record has room for at first
INSET = 2.0  # beta, how deep below the surface half the density lies; see ``sdf.laplace``
RAW_MOST = 15.0  # log density is cut here: far beyond opaque, far from overflow

# Rows of a lane's state, of whole numbers and of others, and of a tile's record. From ORIGIN, WAY, SUM and POINT on
# there are 3, 3, 5 and 3; from 0 on a record has density, red, green and blue.
RAY, INDEX, HIGH, SEEN, CELL = range(5)
ORIGIN, WAY, JITTER, THROUGH, SUM = 0, 3, 6, 7, 8
WEIGHT, BEHIND, DISTANCE, POINT = 4, 5, 6, 7

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

@njit(inline="always")
def _laplace(depth, beta):
    inside = depth - np.float32(INSET) * beta
    tail = np.float32(0.5) * exp(-abs(inside) / beta)
    return (np.float32(1) - tail if inside > 0 else tail) / beta

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _features(points, lanes, table, resolution, row, bound, rows, weights, x):
    """x: [width, LANES] takes the hash grid's features at points [3,LANES]; rows, weights: room for ``corners``."""
    half = np.float32(0.5)
    for level in range(resolution.shape[0]):
        res = resolution[level]
        corners(points, lanes, bound, np.float32(res) * half / bound, res, row[level], row[level + 1] - row[level],
                rows, weights)
        for n in range(lanes):
            values = blend(table, column(rows, n), column(weights, n))
            for f in range(FEATURES):
                x[FEATURES * level + f, n] = values[f]

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _values(points, weights, blob_scale, blob_std, beta, features, x, y, out):
    """out: [4, LANES] = density, red, green, blue, at points [3, LANES], from features [inputs, LANES]. x, y: [width,
    LANES], room for the hidden layers."""
    one, zero = np.float32(1), np.float32(0)
    given = features
    for layer in range(len(weights) - 1):
        matmul(weights[layer], given, x, zero)
        given = x
        x, y = y, x
    matmul(weights[len(weights) - 1], given, out, np.float32(-np.inf))
    for n in range(LANES):
        radius = np.sqrt(points[0, n] ** 2 + points[1, n] ** 2 + points[2, n] ** 2)
        out[0, n] += blob_scale * (one - radius / blob_std)
    if beta == 0:
        for n in range(LANES):
            out[0, n] = exp(min(out[0, n], np.float32(RAW_MOST)))
    elif beta > 0:
        for n in range(LANES):
            out[0, n] = _laplace(out[0, n], beta)
    for c in range(1, 4):
        for n in range(LANES):
            out[c, n] = one / (one + exp(-out[c, n]))

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def scratch(weights):
    """Room for a tile: hidden layers, two of [width, LANES], and ``corners``'s rows and weights."""
    width = 4
    for layer in range(len(weights)):
        width = max(width, weights[layer].shape[1])
    return (np.empty((width, LANES), np.float32), np.empty((width, LANES), np.float32),
            np.empty((8, LANES), np.int32), np.empty((8, LANES), np.float32))

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _density(begin, end, points, density, table, resolution, row, weights, bound, blob_scale, blob_std, beta):
    x, y, rows, shares = scratch(weights)
    features, part = np.zeros((FEATURES * resolution.shape[0], LANES), np.float32), np.zeros((3, LANES), np.float32)
    out = np.empty((4, LANES), np.float32)
    for start in range(begin, end, LANES):
        lanes = min(LANES, end - start)
        for n in range(lanes):
            for axis in range(3):
                part[axis, n] = points[start + n, axis]
        _features(part, lanes, table, resolution, row, bound, rows, shares, features)
        _values(part, weights, blob_scale, blob_std, beta, features, x, y, out)
        for n in range(lanes):
            density[start + n] = out[0, n]

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _look(live, whole, real, size, bound, step, record):
    """Where each lane's next sample lies, and in which cell of the grid, -1 outside. Flat for vectors, as ``corners``.
    """
    w, f, out = whole.reshape(-1), real.reshape(-1), record.reshape(-1)
    limit, half, zero = np.float32(size), np.float32(0.5), np.float32(0)
    scale = limit * half / bound
    for n in range(live):
        t = (np.float32(w[INDEX * LANES + n]) + half + f[JITTER * LANES + n]) * step
        px = f[ORIGIN * LANES + n] + t * f[WAY * LANES + n]
        py = f[(ORIGIN + 1) * LANES + n] + t * f[(WAY + 1) * LANES + n]
        pz = f[(ORIGIN + 2) * LANES + n] + t * f[(WAY + 2) * LANES + n]
        out[DISTANCE * LANES + n], out[POINT * LANES + n] = t, px
        out[(POINT + 1) * LANES + n], out[(POINT + 2) * LANES + n] = py, pz
        x, y, z = (px + bound) * scale, (py + bound) * scale, (pz + bound) * scale
        within = (min(x, y, z) >= zero) & (max(x, y, z) < limit)
        cell = (np.int32(x) * size + np.int32(y)) * size + np.int32(z)
        w[CELL * LANES + n] = cell if within else -1

@njit(inline="always")
def _advance(lane, next_ray, end, whole, real, origins, directions, jitter, empty, box, bound, step, out, count):
    """Move a lane to its ray's next sample, or, the ray's sums written to ``out`` and ``count``, to the first sample of
    the next ray that has one.

    Returns the next ray to hand out; whole[RAY, lane] is -1 if none was left.
    """
    while True:
        r = whole[RAY, lane]
        if r >= 0:
            whole[INDEX, lane] = next_occupied(
                whole[INDEX, lane], whole[HIGH, lane], r, origins, directions, jitter, empty, bound, step)
            if whole[INDEX, lane] < whole[HIGH, lane]:
                return next_ray
            for c in range(5):
                out[r, c] = real[SUM + c, lane]
            count[r] = whole[SEEN, lane]
            whole[RAY, lane] = -1
        if next_ray == end:
            return next_ray
        low, high = lattice_range(next_ray, origins, directions, jitter, box, step)
        whole[RAY, lane], whole[INDEX, lane], whole[HIGH, lane], whole[SEEN, lane] = next_ray, low, high, 0
        for axis in range(3):
            real[ORIGIN + axis, lane], real[WAY + axis, lane] = origins[next_ray, axis], directions[next_ray, axis]
        real[JITTER, lane], real[THROUGH, lane] = jitter[next_ray], np.float32(1)
        for c in range(5):
            real[SUM + c, lane] = np.float32(0)
        next_ray += 1

@njit(inline="always")
def _fill(live, next_ray, end, whole, real, origins, directions, jitter, empty, box, bound, step, out, count, record):
    """Bring every lane to a sample; the last of those in use takes the place of one that has no ray left.

    Returns how many lanes are in use and the next ray to hand out."""
    size, cells = np.int32(empty.shape[0]), empty.reshape(-1)
    _look(live, whole, real, size, bound, step, record)
    lane = 0
    while lane < live:
        if (whole[RAY, lane] >= 0 and whole[INDEX, lane] < whole[HIGH, lane] and whole[CELL, lane] >= 0
                and cells[whole[CELL, lane]] == 0):
            lane += 1
            continue
        next_ray = _advance(lane, next_ray, end, whole, real, origins, directions, jitter, empty, box, bound, step,
                            out, count)
        if whole[RAY, lane] >= 0:
            t = (np.float32(whole[INDEX, lane]) + np.float32(0.5) + real[JITTER, lane]) * step
            record[DISTANCE, lane] = t
            for axis in range(3):
                record[POINT + axis, lane] = real[ORIGIN + axis, lane] + t * real[WAY + axis, lane]
            lane += 1
            continue
        live -= 1
        whole[:, lane], real[:, lane] = whole[:, live], real[:, live]
        record[:, lane] = record[:, live]
    return live, next_ray

@njit(nogil=True, cache=CACHED)
def _longer(tiles, used, capacity):
    """The first ``used`` of ``tiles`` [n,a,b], with room for ``capacity``."""
    made = np.empty((capacity, tiles.shape[1], tiles.shape[2]), tiles.dtype)
    made[:used] = tiles[:used]
    return made

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _composite(live, whole, real, step, threshold, record, places):
    """Add a tile to its lanes' sums; rays that are opaque end. places: [2,LANES] takes each sample's ray and number
    within it."""
    w, f, r, to = whole.reshape(-1), real.reshape(-1), record.reshape(-1), places.reshape(-1)
    for n in range(live):
        to[n], to[LANES + n] = w[RAY * LANES + n], w[SEEN * LANES + n]
        before = f[THROUGH * LANES + n]
        left = before * exp(-r[n] * step)
        share = before - left
        r[WEIGHT * LANES + n], r[BEHIND * LANES + n], f[THROUGH * LANES + n] = share, left, left
        w[SEEN * LANES + n] += 1
        w[INDEX * LANES + n] += 1
        w[HIGH * LANES + n] = w[HIGH * LANES + n] if left >= threshold else 0
        f[SUM * LANES + n] += share * r[LANES + n]
        f[(SUM + 1) * LANES + n] += share * r[2 * LANES + n]
        f[(SUM + 2) * LANES + n] += share * r[3 * LANES + n]
        f[(SUM + 3) * LANES + n] += share
        f[(SUM + 4) * LANES + n] += share * r[DISTANCE * LANES + n]

@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _trace(
    begin, end, origins, directions, jitter, empty, box, bound, step, threshold, table, resolution, row, weights,
    blob_scale, blob_std, beta, out, count, recording,
):
    """out: [R,5] = rgb, opacity, depth. count: [R], visible samples.

    Returns, if ``recording``, the tiles that were seen: features [T,inputs,LANES]; values [T,10,LANES] = density, rgb,
    weight, transmittance behind, distance, point; places [T,2,LANES] = ray, number within the ray; and how many of
    each tile's lanes are in use, [T,1,1]. Else nothing of any.
    """
    x, y, rows, shares = scratch(weights)
    whole, real = np.zeros((5, LANES), np.int32), np.zeros((13, LANES), np.float32)
    whole[RAY] = -1
    inputs, tile, live, next_ray = FEATURES * resolution.shape[0], 0, LANES, begin
    capacity = TILES * (end - begin) // LANES + 1 if recording else 1
    features = np.empty((capacity, inputs, LANES), np.float32)
    values, places = np.empty((capacity, 10, LANES), np.float32), np.empty((capacity, 2, LANES), np.int32)
    used = np.empty((capacity, 1, 1), np.int64)
    while True:
        if tile == capacity:
            capacity *= 2
            features, values = _longer(features, tile, capacity), _longer(values, tile, capacity)
            places, used = _longer(places, tile, capacity), _longer(used, tile, capacity)
        record, given = values[tile], features[tile]
        live, next_ray = _fill(live, next_ray, end, whole, real, origins, directions, jitter, empty, box, bound, step,
                               out, count, record)
        if live == 0:
            return features[:tile], values[:tile], places[:tile], used[:tile]
        used[tile, 0, 0] = live
        record[:, live:], given[:, live:] = 0, 0
        _features(record[POINT:], live, table, resolution, row, bound, rows, shares, given)
        _values(record[POINT:], weights, blob_scale, blob_std, beta, given, x, y, record)
        _composite(live, whole, real, step, threshold, record, places[tile])
        if recording:
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
