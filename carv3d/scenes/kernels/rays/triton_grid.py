"""The hash grid of ``hash_grid`` as Triton kernels: the same rows for the same points, so the same table serves both.

Triton comes with CUDA builds of torch and needs no nvcc. No multiply-add is fused, so that a point on a vertex sees its
row alone, as there. Nothing imports this module until the backend is chosen.
"""

from functools import cache

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from carv3d.scenes.kernels.rays.levels import PRIME_Y, PRIME_Z, TRITON_FEATURES

TABLES = (torch.float32, torch.float16, torch.bfloat16)
POINTS = 128  # that a program of the forward pass encodes
LANES, RUN = 128, 16  # of the backward pass: eight lanes, one per corner, go through RUN consecutive points together


@triton.jit
def _level(levels, level):
    """Cells per axis, first row and number of rows of a level; int64 scalars."""
    return tl.load(levels + 3 * level), tl.load(levels + 3 * level + 1), tl.load(levels + 3 * level + 2)


@triton.jit
def _cell(points, at, seen, side):
    """Cell and place within it, in cells, along x, y and z of the points ``at`` [B] of a level with ``side`` cells."""
    scale, last = side.to(tl.float32), (side - 1).to(tl.int32)
    px = tl.load(points + 3 * at, mask=seen, other=0.0) * scale
    py = tl.load(points + 3 * at + 1, mask=seen, other=0.0) * scale
    pz = tl.load(points + 3 * at + 2, mask=seen, other=0.0) * scale
    x = tl.minimum(tl.maximum(px.to(tl.int32), 0), last)
    y = tl.minimum(tl.maximum(py.to(tl.int32), 0), last)
    z = tl.minimum(tl.maximum(pz.to(tl.int32), 0), last)
    return x, y, z, px - x.to(tl.float32), py - y.to(tl.float32), pz - z.to(tl.float32)


@triton.jit
def _row(x, y, z, side, rows, PY: tl.constexpr, PZ: tl.constexpr):
    """Row of a level's vertex, int64: dense where all vertices fit, else hashed. Only the low bits of the hash are
    used, so products that wrap in 32 bits give what the reference gets in 64."""
    vertices = side + 1
    dense = x.to(tl.int64) + vertices * (y.to(tl.int64) + vertices * z.to(tl.int64))
    mixed = x.to(tl.uint32) ^ (y.to(tl.uint32) * PY) ^ (z.to(tl.uint32) * PZ)
    hashed = (mixed & (rows - 1).to(tl.uint32)).to(tl.int64)
    return tl.where(vertices * vertices * vertices <= rows, dense, hashed)


@triton.jit(do_not_specialize=["count"])  # one compilation for all numbers
def _encode(points, table, levels, out, count, WIDTH: tl.constexpr, LEVELS: tl.constexpr, POINTS: tl.constexpr,
            PY: tl.constexpr, PZ: tl.constexpr):
    """A block of points in one level. Levels are the slow axis of the launch, so that one level's rows are in use at a
    time and stay in the cache."""
    level = tl.program_id(1)
    side, first, rows = _level(levels, level)
    at = tl.program_id(0).to(tl.int64) * POINTS + tl.arange(0, POINTS)
    seen, feature = at < count, tl.arange(0, WIDTH)
    x, y, z, fx, fy, fz = _cell(points, at, seen, side)
    total = tl.zeros([POINTS, WIDTH], tl.float32)
    for corner in tl.static_range(8):
        dx, dy, dz = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = tl.where(dx == 1, fx, 1 - fx) * tl.where(dy == 1, fy, 1 - fy) * tl.where(dz == 1, fz, 1 - fz)
        row = first + _row(x + dx, y + dy, z + dz, side, rows, PY, PZ)
        value = tl.load(table + row[:, None] * WIDTH + feature[None, :], mask=seen[:, None], other=0.0)
        total += weight[:, None] * value.to(tl.float32)
    place = at[:, None] * (LEVELS * WIDTH) + level * WIDTH + feature[None, :]
    tl.store(out + place, total, mask=seen[:, None])


@triton.jit(do_not_specialize=["count"])  # one compilation for all numbers
def _scatter(points, grad, levels, table_grad, count, WIDTH: tl.constexpr, LEVELS: tl.constexpr, LANES: tl.constexpr,
             RUN: tl.constexpr, PY: tl.constexpr, PZ: tl.constexpr):
    """The way back. A lane has one corner of the cells along RUN consecutive points and adds to the table only where
    the cell changes: samples come in order along rays and share the coarse levels' cells, where all would otherwise
    wait for the same few rows."""
    level = tl.program_id(1)
    side, first, rows = _level(levels, level)
    lane = tl.program_id(0).to(tl.int64) * LANES + tl.arange(0, LANES)
    begin, corner, feature = (lane >> 3) * RUN, (lane & 7).to(tl.int32), tl.arange(0, WIDTH)
    dx, dy, dz = corner & 1, (corner >> 1) & 1, corner >> 2
    total = tl.zeros([LANES, WIDTH], tl.float32)
    for step in range(RUN):
        at = begin + step
        seen = at < count
        x, y, z, fx, fy, fz = _cell(points, at, seen, side)
        weight = tl.where(dx == 1, fx, 1 - fx) * tl.where(dy == 1, fy, 1 - fy) * tl.where(dz == 1, fz, 1 - fz)
        place = at[:, None] * (LEVELS * WIDTH) + level * WIDTH + feature[None, :]
        total += weight[:, None] * tl.load(grad + place, mask=seen[:, None], other=0.0)
        more = (at + 1 < count) & (step + 1 < RUN)
        nx, ny, nz, _, _, _ = _cell(points, at + 1, more, side)
        ends = seen & ((x != nx) | (y != ny) | (z != nz) | (more == 0))
        row = first + _row(x + dx, y + dy, z + dz, side, rows, PY, PZ)
        tl.atomic_add(table_grad + row[:, None] * WIDTH + feature[None, :], total, mask=ends[:, None], sem="relaxed")
        total = tl.where(ends[:, None], 0.0, total)


@cache
def _levels(resolution: bytes, row: bytes, device: torch.device) -> Tensor:
    """[L,3] for the kernels: cells per axis, first row, rows of each level; kept, as copies to a device wait for it."""
    sides, first = np.frombuffer(resolution, np.int64), np.frombuffer(row, np.int64)
    return torch.from_numpy(np.stack([sides, first[:-1], np.diff(first)], 1)).to(device)


class _TritonEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, points: Tensor, table: Tensor, levels: Tensor) -> Tensor:
        points, table = points.contiguous(), table.contiguous()
        (count, _), (depth, _), width = points.shape, levels.shape, table.shape[1]
        out = points.new_empty(count, depth * width)
        if count:
            with torch.cuda.device_of(points):
                _encode[(triton.cdiv(count, POINTS), depth)](
                    points, table, levels, out, count, WIDTH=width, LEVELS=depth, POINTS=POINTS, PY=PRIME_Y, PZ=PRIME_Z,
                    enable_fp_fusion=False)
        ctx.save_for_backward(points, levels)
        ctx.table = table.shape, table.dtype
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[None, Tensor, None]:
        points, levels = ctx.saved_tensors
        (shape, dtype), (count, _), depth = ctx.table, points.shape, len(levels)
        table_grad = grad.new_zeros(shape)
        if count:
            programs = triton.cdiv(triton.cdiv(count, RUN) * 8, LANES)
            with torch.cuda.device_of(points):
                _scatter[(programs, depth)](
                    points, grad.contiguous(), levels, table_grad, count, WIDTH=shape[1], LEVELS=depth, LANES=LANES,
                    RUN=RUN, PY=PRIME_Y, PZ=PRIME_Z, enable_fp_fusion=False)
        return None, table_grad.to(dtype), None


def encode_triton(points: Tensor, table: Tensor, resolution: np.ndarray, row: np.ndarray) -> Tensor:
    """As hash_grid.encode_torch, on CUDA; differentiable to the table only.

    points: float32 [N,3] in [0,1]. table: [rows,F], F 1, 2, 4 or 8, float32, float16 or bfloat16: read as it is, summed
    in float32. Returns float32 [N,L*F]. The table's gradient is summed in float32, in an order that is left to chance,
    and has the table's type. ValueError for another F or type, or points that require a gradient.
    """
    if table.shape[1] not in TRITON_FEATURES:
        raise ValueError(f"table must have 1, 2, 4 or 8 features per row for the triton form, got {table.shape[1]}")
    if table.dtype not in TABLES or points.dtype != torch.float32:
        raise ValueError(f"table must be float32, float16 or bfloat16 and points float32 for the triton form, got "
                         f"{table.dtype} and {points.dtype}")
    if points.requires_grad:
        raise ValueError("points must not require a gradient for the triton form, use the torch form")
    levels = _levels(np.ascontiguousarray(resolution).tobytes(), np.ascontiguousarray(row).tobytes(), table.device)
    return _TritonEncode.apply(points, table, levels)
