"""Marching of ``marching`` as Triton kernels: the same samples, in two passes, count and fill.

Products and sums are rounded one by one, as in the reference (``enable_fp_fusion=False``: no fused multiply-add), so
that every midpoint falls into the same cell.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from carv3d.scenes.kernels.rays.marching import Grid, Rays, Samples

RAYS, LATTICE = 8, 32  # rays of a program, and lattice points that it looks at together on each


@triton.jit
def _slab(origin, direction, edge, near, far):
    """The stretch [near, far] of rays, cut to where one coordinate lies within [-edge, edge]."""
    direction = tl.where(tl.abs(direction) < 1e-12, 1e-12, direction)
    a, b = (-edge - origin) / direction, (edge - origin) / direction
    return tl.maximum(near, tl.minimum(a, b)), tl.minimum(far, tl.maximum(a, b))


@triton.jit(do_not_specialize=["rays"])  # one compilation for all numbers
def _march(origins, directions, jitter, occupied, first, ray_out, t_out, points_out, rays, bound, edge, step, scale,
           size, FILL: tl.constexpr, RAYS: tl.constexpr, LATTICE: tl.constexpr):
    """Count each ray's samples into first[r+1] or, on the second pass, write them from first[r] on. edge: half the
    side of a box that holds the grid with a margin; it only has to be generous, the grid decides."""
    r = tl.program_id(0).to(tl.int64) * RAYS + tl.arange(0, RAYS)
    there = r < rays
    ox = tl.load(origins + 3 * r, mask=there, other=0.0)
    oy = tl.load(origins + 3 * r + 1, mask=there, other=0.0)
    oz = tl.load(origins + 3 * r + 2, mask=there, other=0.0)
    dx = tl.load(directions + 3 * r, mask=there, other=1.0)
    dy = tl.load(directions + 3 * r + 1, mask=there, other=1.0)
    dz = tl.load(directions + 3 * r + 2, mask=there, other=1.0)
    shift = tl.load(jitter + r, mask=there, other=0.0)
    near, far = tl.zeros([RAYS], tl.float32), tl.abs(ox) + tl.abs(oy) + tl.abs(oz) + 3 * edge
    near, far = _slab(ox, dx, edge, near, far)
    near, far = _slab(oy, dy, edge, near, far)
    near, far = _slab(oz, dz, edge, near, far)
    meets = there & (far > near)
    low = tl.where(meets, tl.maximum(tl.floor(near / step - 0.5 - shift) - 1, 0.0), 0.0).to(tl.int32)
    high = tl.where(meets, tl.ceil(far / step - 0.5 - shift) + 1, 0.0).to(tl.int32)
    ax, ay, az = (ox + bound) * scale, (oy + bound) * scale, (oz + bound) * scale
    bx, by, bz = dx * scale, dy * scale, dz * scale
    column = tl.arange(0, LATTICE)[None, :]
    found, place = tl.zeros([RAYS], tl.int32), tl.zeros([RAYS], tl.int64)
    if FILL:
        place = tl.load(first + r, mask=there, other=0)
    for begin in range(0, tl.max(high - low, 0), LATTICE):
        k = low[:, None] + begin + column
        t = (k.to(tl.float32) + 0.5 + shift[:, None]) * step
        x, y, z = ax[:, None] + t * bx[:, None], ay[:, None] + t * by[:, None], az[:, None] + t * bz[:, None]
        within = (x >= 0) & (x < size) & (y >= 0) & (y < size) & (z >= 0) & (z < size) & (k < high[:, None])
        cell = (x.to(tl.int32) * size + y.to(tl.int32)) * size + z.to(tl.int32)
        kept = (tl.load(occupied + cell, mask=within, other=0) != 0).to(tl.int32)
        if FILL:
            i = place[:, None] + (found[:, None] + tl.cumsum(kept, 1) - 1).to(tl.int64)
            keep = kept != 0
            tl.store(ray_out + i, tl.broadcast_to(r[:, None], [RAYS, LATTICE]), mask=keep)
            tl.store(t_out + i, t, mask=keep)
            tl.store(points_out + 3 * i, ox[:, None] + t * dx[:, None], mask=keep)
            tl.store(points_out + 3 * i + 1, oy[:, None] + t * dy[:, None], mask=keep)
            tl.store(points_out + 3 * i + 2, oz[:, None] + t * dz[:, None], mask=keep)
        found += tl.sum(kept, 1)
    if not FILL:
        tl.store(first + r + 1, found.to(tl.int64), mask=there)


def march_triton(rays: Rays, grid: Grid) -> Samples:
    """As marching.march_torch, on CUDA in float32: the same samples to the last one and to the bit, as no sum is taken
    in another order or with another rounding. The host waits once, for the number of samples."""
    count, size, device = len(rays), grid.occupied.shape[0], rays.origins.device
    origins, directions, jitter = (x.contiguous() for x in (rays.origins, rays.directions, rays.jitter))
    first = torch.zeros(count + 1, dtype=torch.long, device=device)
    cells = grid.occupied.contiguous().view(torch.uint8)

    def run(fill: bool, ray: Tensor, middle: Tensor, points: Tensor) -> None:
        with torch.cuda.device_of(origins):
            _march[(triton.cdiv(count, RAYS),)](
                origins, directions, jitter, cells, first, ray, middle, points, count, float(grid.bound),
                grid.bound * (1 + 2 / size), float(grid.step), size / (2 * grid.bound), size, FILL=fill, RAYS=RAYS,
                LATTICE=LATTICE, enable_fp_fusion=False)

    total = 0
    if count:
        run(False, first, origins, origins)  # which takes nothing in
        first = first.cumsum(0)
        total = int(first[-1])
    ray, middle = first.new_empty(total), origins.new_empty(total)
    points = origins.new_empty(total, 3)
    if total:
        run(True, ray, middle, points)
    return Samples(ray, middle - grid.step / 2, middle + grid.step / 2, points, first)
