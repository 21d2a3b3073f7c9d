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
def corners(px, py, pz, res, first, size):
    """Rows and weights of the eight corners around a point, given in units of the level's cells, 0 to res."""
    x, y, z = min(int(px), res - 1), min(int(py), res - 1), min(int(pz), res - 1)
    fx, fy, fz = px - np.float32(x), py - np.float32(y), pz - np.float32(z)
    gx, gy, gz = np.float32(1) - fx, np.float32(1) - fy, np.float32(1) - fz
    a, b, c, d = gy * gz, fy * gz, gy * fz, fy * fz
    weight = (gx * a, fx * a, gx * b, fx * b, gx * c, fx * c, gx * d, fx * d)
    s = res + 1
    if s * s * s <= size:
        i = first + x + s * (y + s * z)
        j = i + s * s
        return (i, i + 1, i + s, i + s + 1, j, j + 1, j + s, j + s + 1), weight
    mask = size - 1
    y0, z0 = y * PRIME_Y, z * PRIME_Z
    y1, z1 = y0 + PRIME_Y, z0 + PRIME_Z
    i, j, k, m = y0 ^ z0, y1 ^ z0, y0 ^ z1, y1 ^ z1
    w = x + 1
    return (
        first + ((x ^ i) & mask), first + ((w ^ i) & mask), first + ((x ^ j) & mask), first + ((w ^ j) & mask),
        first + ((x ^ k) & mask), first + ((w ^ k) & mask), first + ((x ^ m) & mask), first + ((w ^ m) & mask),
    ), weight


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _encode(begin, end, points, table, resolution, row, out):
    for n in range(begin, end):
        for level in range(resolution.shape[0]):
            res = resolution[level]
            scale = np.float32(res)
            rows, weight = corners(
                points[n, 0] * scale, points[n, 1] * scale, points[n, 2] * scale, res, row[level],
                row[level + 1] - row[level],
            )
            values = blend(table, rows, weight)
            for f in range(FEATURES):
                out[n, FEATURES * level + f] = values[f]


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _scatter(begin, end, points, grad, resolution, row, table_grad):
    """A level's rows belong to one thread and its points come in order: no atomics, the same sum every time."""
    for level in range(begin, end):
        res = resolution[level]
        scale = np.float32(res)
        for n in range(points.shape[0]):
            rows, weight = corners(
                points[n, 0] * scale, points[n, 1] * scale, points[n, 2] * scale, res, row[level],
                row[level + 1] - row[level],
            )
            f = FEATURES * level
            scatter(table_grad, rows, weight, (grad[n, f], grad[n, f + 1], grad[n, f + 2], grad[n, f + 3]))


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
