"""Multiresolution hash grid (Instant-NGP, arXiv 2201.05989, section 3): torch reference, numba,
Triton (``triton_grid``) and tinycudann.

A level of resolution r has (r+1)^3 vertices; where they fit in ``table_size`` rows they are stored densely, else they
share the rows through the spatial hash of eq. 4. Features are interpolated trilinearly. We differ from the paper in one
point: a level's cells start at the corner of the unit cube, without the half-cell shift.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from carv3d.runtime.kernel_threads import CACHED, FAST, spread
from carv3d.scenes.kernels.rays.levels import PRIME_Y, PRIME_Z, level_shapes
from carv3d.scenes.kernels.rays.products import LANES
from carv3d.scenes.kernels.rays.rows import FEATURES, blend, scatter

GRAIN = 2048


def encode_torch(points: Tensor, table: Tensor, resolution: np.ndarray, row: np.ndarray) -> Tensor:
    """The reference, on any device, differentiable to points and table.

    points: [N,3] in [0,1]. table: [rows,F]. resolution: [L]. row: [L+1]. Returns features [N,L*F], level by level.
    """
    corner = torch.tensor([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)], device=points.device)
    features = []
    for level, res in enumerate(resolution.tolist()):
        size = int(row[level + 1] - row[level])
        position = points * res
        cell = position.detach().long().clamp(0, res - 1)
        part = (position - cell)[:, None]
        weight = torch.where(corner == 1, part, 1 - part).prod(-1)  # [N,8]
        x, y, z = (cell[:, None] + corner).unbind(-1)
        if (res + 1) ** 3 <= size:
            index = x + (res + 1) * (y + (res + 1) * z)
        else:
            index = (x ^ (y * PRIME_Y) ^ (z * PRIME_Z)) & (size - 1)
        features.append((weight[..., None] * table[int(row[level]) + index]).sum(1))
    return torch.cat(features, -1)


@njit(inline="always")
def _hashed(x, y, z, mask, begin):
    """Eq. 4, with y and z multiplied already. Numba makes 64 bits of any sum, vectors want 32."""
    return np.int32(np.int32(np.int32(np.int32(x ^ y) ^ z) & mask) + begin)


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def corners(points, lanes, shift, scale, res, first, size, rows, weights):
    """Rows [8,LANES] and weights [8,LANES] of the eight corners around points [3,LANES], the first ``lanes`` of them.

    (points + shift) * scale is in units of the level's cells, 0 to res. The arrays are read flat, for vectors: LLVM
    sees that what lies a known distance apart does not overlap.
    """
    p, r, w = points.reshape(-1), rows.reshape(-1), weights.reshape(-1)
    one, top, s, mask = np.float32(1), np.int32(res - 1), np.int32(res + 1), np.int32(size - 1)
    dense, begin = (res + 1) ** 3 <= size, np.int32(first)
    for n in range(lanes):
        px, py, pz = (p[n] + shift) * scale, (p[LANES + n] + shift) * scale, (p[2 * LANES + n] + shift) * scale
        x, y, z = min(np.int32(px), top), min(np.int32(py), top), min(np.int32(pz), top)
        fx, fy, fz = px - np.float32(x), py - np.float32(y), pz - np.float32(z)
        gx, gy, gz = one - fx, one - fy, one - fz
        a, b, c, d = gy * gz, fy * gz, gy * fz, fy * fz
        w[n], w[LANES + n], w[2 * LANES + n], w[3 * LANES + n] = gx * a, fx * a, gx * b, fx * b
        w[4 * LANES + n], w[5 * LANES + n], w[6 * LANES + n], w[7 * LANES + n] = gx * c, fx * c, gx * d, fx * d
        if dense:
            i = np.int32(begin + x + np.int32(s * np.int32(y + np.int32(s * z))))
            j = np.int32(i + np.int32(s * s))
            r[n], r[LANES + n], r[2 * LANES + n], r[3 * LANES + n] = i, i + 1, i + s, i + s + 1
            r[4 * LANES + n], r[5 * LANES + n], r[6 * LANES + n], r[7 * LANES + n] = j, j + 1, j + s, j + s + 1
        else:
            y0, z0 = np.int32(y * PRIME_Y), np.int32(z * PRIME_Z)
            y1, z1, e = np.int32(y0 + PRIME_Y), np.int32(z0 + PRIME_Z), np.int32(x + 1)
            r[n], r[LANES + n] = _hashed(x, y0, z0, mask, begin), _hashed(e, y0, z0, mask, begin)
            r[2 * LANES + n], r[3 * LANES + n] = _hashed(x, y1, z0, mask, begin), _hashed(e, y1, z0, mask, begin)
            r[4 * LANES + n], r[5 * LANES + n] = _hashed(x, y0, z1, mask, begin), _hashed(e, y0, z1, mask, begin)
            r[6 * LANES + n], r[7 * LANES + n] = _hashed(x, y1, z1, mask, begin), _hashed(e, y1, z1, mask, begin)


@njit(inline="always")
def column(of, n):
    """of[:, n] of eight rows, as a tuple."""
    return of[0, n], of[1, n], of[2, n], of[3, n], of[4, n], of[5, n], of[6, n], of[7, n]


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _turned(points, start, end, turned):
    """turned: [3,LANES] takes points[start:end] of [N,3]."""
    for n in range(end - start):
        for axis in range(3):
            turned[axis, n] = points[start + n, axis]


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _encode(begin, end, points, table, resolution, row, out):
    rows, weights = np.empty((8, LANES), np.int32), np.empty((8, LANES), np.float32)
    turned, shift = np.empty((3, LANES), np.float32), np.float32(0)
    for start in range(begin, end, LANES):
        lanes = min(LANES, end - start)
        _turned(points, start, start + lanes, turned)
        for level in range(resolution.shape[0]):
            res = resolution[level]
            corners(turned, lanes, shift, np.float32(res), res, row[level], row[level + 1] - row[level], rows, weights)
            for n in range(lanes):
                values = blend(table, column(rows, n), column(weights, n))
                for f in range(FEATURES):
                    out[start + n, FEATURES * level + f] = values[f]


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _scatter(begin, end, points, grad, resolution, row, table_grad):
    """A level's rows belong to one thread and its points come in order: no atomics, the same sum every time."""
    rows, weights = np.empty((8, LANES), np.int32), np.empty((8, LANES), np.float32)
    turned, shift = np.empty((3, LANES), np.float32), np.float32(0)
    for level in range(begin, end):
        res, f = resolution[level], FEATURES * level
        for start in range(0, points.shape[0], LANES):
            lanes = min(LANES, points.shape[0] - start)
            _turned(points, start, start + lanes, turned)
            corners(turned, lanes, shift, np.float32(res), res, row[level], row[level + 1] - row[level], rows, weights)
            for n in range(lanes):
                scatter(table_grad, column(rows, n), column(weights, n), (
                    grad[start + n, f], grad[start + n, f + 1], grad[start + n, f + 2], grad[start + n, f + 3]))


class _NumbaEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, points: Tensor, table: Tensor, resolution: np.ndarray, row: np.ndarray) -> Tensor:
        points, table = points.contiguous(), table.contiguous()
        out = points.new_empty(points.shape[0], FEATURES * len(resolution))
        spread(_encode, len(points), GRAIN, points.numpy(), table.numpy(), resolution, row, out.numpy())
        ctx.save_for_backward(points)
        ctx.levels, ctx.table_shape = (resolution, row), table.shape
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[None, Tensor, None, None]:
        (points,) = ctx.saved_tensors
        table_grad = grad.new_zeros(ctx.table_shape)
        resolution, row = ctx.levels
        spread(
            _scatter, len(resolution), 1, points.numpy(), grad.contiguous().numpy(), resolution, row, table_grad.numpy()
        )
        return None, table_grad, None, None


def encode_numba(points: Tensor, table: Tensor, resolution: np.ndarray, row: np.ndarray) -> Tensor:
    """As encode_torch, on the CPU in float32 with F = 4; differentiable to the table only, and bit-deterministic."""
    if table.shape[1] != FEATURES:
        raise ValueError(f"table must have {FEATURES} features per row for the numba form, got {table.shape[1]}")
    if points.requires_grad:
        raise ValueError("points must not require a gradient for the numba form, use the torch form")
    return _NumbaEncode.apply(points, table, resolution, row)


class HashGrid(nn.Module):
    """A trainable hash grid over the unit cube.

    levels, features: L levels of F features per row. table_size: most rows of a level, a power of two. base, finest:
    resolutions of the first and last level. backend: torch, numba, triton or tinycudann (a resolved name, not auto).
    The first three share one table, which each can read from the others' checkpoints; tinycudann's grid is its own.
    """

    def __init__(
        self, levels: int, features: int, table_size: int, base: int, finest: int, backend: str,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.resolution, self.row = level_shapes(levels, table_size, base, finest)
        self.backend, self.features, self.width = backend, features, levels * features
        seed = int(torch.randint(2**31, (), generator=generator))
        if backend == "tinycudann":
            import tinycudann

            shape = {
                "otype": "HashGrid", "n_levels": levels, "n_features_per_level": features,
                "log2_hashmap_size": table_size.bit_length() - 1, "base_resolution": base,
                "per_level_scale": (finest / base) ** (1 / max(levels - 1, 1)),
            }
            self.native = tinycudann.Encoding(3, shape, seed=seed, dtype=torch.float32)
            return
        start = torch.rand(int(self.row[-1]), features, generator=torch.Generator().manual_seed(seed))
        self.table = nn.Parameter((start * 2 - 1) * 1e-4)

    def forward(self, points: Tensor, levels: int | None = None) -> Tensor:
        """Features [N, L*F] of points [N,3] in [0,1]. levels: of so many of the L alone, the coarsest."""
        levels = levels or len(self.resolution)
        if self.backend == "tinycudann":
            if not len(points):  # its own way back would leave the gradient as it found the memory
                return self.native.params[:0, None].float().expand(0, self.features * levels)
            return self.native(points)[:, :self.features * levels]
        return encoder(self.backend)(points, self.table, self.resolution[:levels], self.row[:levels + 1])


def encoder(backend: str) -> Callable[[Tensor, Tensor, np.ndarray, np.ndarray], Tensor]:
    """encode_torch or the form of another backend, imported only here where that takes a package."""
    if backend == "triton":
        from carv3d.scenes.kernels.rays.triton_grid import encode_triton

        return encode_triton
    return encode_numba if backend == "numba" else encode_torch
