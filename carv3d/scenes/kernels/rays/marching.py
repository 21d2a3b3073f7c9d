"""Fixed-step marching through a binary occupancy grid: rays in, packed samples out.

Sample k of a ray spans [k, k+1] * step + jitter * step from the ray's origin, whatever box or grid it crosses, so that
culling more or less never moves a sample. A sample is kept if the cell that holds its midpoint is occupied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numba import njit
from torch import Tensor

from carv3d.runtime.kernel_threads import CACHED, spread

GRAIN = 512
NEAR = 6  # cells, up to which empty space is known to be empty
TOGETHER = 1 << 22  # lattice points that march_torch looks at in one piece


@dataclass(frozen=True)
class Rays:
    """R rays. origins, directions: [R,3], unit directions. jitter: [R], the lattice's offset in steps, in [0,1)."""

    origins: Tensor
    directions: Tensor
    jitter: Tensor

    def __post_init__(self) -> None:
        shape = self.origins.shape
        if self.directions.shape != shape or shape[-1:] != (3,) or self.jitter.shape != shape[:1]:
            raise ValueError(
                "origins and directions must be [R,3] and jitter [R], got "
                f"{tuple(shape)}, {tuple(self.directions.shape)}, {tuple(self.jitter.shape)}"
            )

    def __len__(self) -> int:
        return self.origins.shape[0]

    def numpy(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.origins.contiguous().numpy(), self.directions.contiguous().numpy(), self.jitter.contiguous().numpy()


@dataclass(frozen=True)
class Grid:
    """A binary grid over [-bound, bound]^3. occupied: bool [G,G,G], indexed x, y, z. step: world units per sample."""

    occupied: Tensor
    bound: float
    step: float

    def numpy(self) -> tuple[np.ndarray, np.ndarray, np.float32, np.float32]:
        """What the compiled forms take: how far each cell is from the next occupied one (``distances``, up to NEAR),
        the occupied cells' box [2,3] in world units, bound, step."""
        empty, box = self._compiled
        return empty, box, np.float32(self.bound), np.float32(self.step)

    @cached_property
    def _compiled(self) -> tuple[np.ndarray, np.ndarray]:
        size = self.occupied.shape[0]
        box = np.zeros((2, 3), np.float32)
        for axis in range(3):
            filled = self.occupied.movedim(axis, 0).flatten(1).any(1).nonzero()
            if len(filled):
                # one more cell on either side: the box only has to be generous, the grid decides
                box[0, axis] = (float(filled[0]) - 1) / size * 2 * self.bound - self.bound
                box[1, axis] = (float(filled[-1]) + 2) / size * 2 * self.bound - self.bound
        return distances(self.occupied, NEAR).numpy(), box


def grown(cells: Tensor) -> Tensor:
    """The true cells of [G,G,G] and their 26 neighbours: one axis after another, a fiftieth of max_pool3d's time."""
    for axis in range(cells.ndim):
        wide, most = cells.clone(), cells.shape[axis] - 1
        wide.narrow(axis, 1, most).logical_or_(cells.narrow(axis, 0, most))
        wide.narrow(axis, 0, most).logical_or_(cells.narrow(axis, 1, most))
        cells = wide
    return cells


def distances(cells: Tensor, most: int) -> Tensor:
    """How many cells away the nearest true one of [G,G,G] lies, along the farthest axis: uint8, at most ``most``."""
    found = torch.zeros(cells.shape, dtype=torch.uint8)
    for _ in range(most):
        found += ~cells
        cells = grown(cells)
    return found


@dataclass(frozen=True)
class Samples:
    """N samples packed ray after ray.

    ray: int64 [N], never falling. t_start, t_end: [N], world units along the ray. points: [N,3], the midpoints.
    first: int64 [R+1], the samples of ray r are first[r]:first[r+1].
    """

    ray: Tensor
    t_start: Tensor
    t_end: Tensor
    points: Tensor
    first: Tensor


def march_torch(rays: Rays, grid: Grid) -> Samples:
    """The reference, on any device. Rays go in chunks of TOGETHER lattice points, which bounds the memory besides that
    of the samples; the host waits once for the lattice's length, and once a chunk for its number of samples."""
    reach = rays.origins.norm(dim=-1)
    radius = math.sqrt(3) * grid.bound
    nearest, furthest = torch.stack(reach.aminmax()).tolist() if len(rays) else (0.0, 0.0)
    lowest = max(int((nearest - radius) / grid.step) - 2, 0) if len(rays) else 0
    highest = int((furthest + radius) / grid.step) + 2 if len(rays) else 0
    lattice = torch.arange(lowest, highest, device=reach.device) + 0.5
    fields = (rays.origins, rays.directions, rays.jitter)
    parts = [_march_part(Rays(*part), grid, lattice) for part in zip(
        *(x.split(max(TOGETHER // max(len(lattice), 1), 1)) for x in fields), strict=True)]
    count, middle, points = (torch.cat(part) for part in zip(*parts, strict=True))
    first = torch.cat([count.new_zeros(1), count.cumsum(0)])
    ray = torch.arange(len(rays), device=count.device).repeat_interleave(count, output_size=len(middle))
    return Samples(ray, middle - grid.step / 2, middle + grid.step / 2, points, first)


def _march_part(rays: Rays, grid: Grid, lattice: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How many samples each ray has [R], and the N samples' distances along it and points. lattice: [K]."""
    size = grid.occupied.shape[0]
    scale = size / (2 * grid.bound)
    middle = (lattice + rays.jitter[:, None]) * grid.step  # [R,K]
    kept, cell = torch.ones_like(middle, dtype=torch.bool), torch.zeros_like(middle, dtype=torch.long)
    for axis in range(3):
        offset, slope = (rays.origins[:, axis] + grid.bound) * scale, rays.directions[:, axis] * scale
        place = offset[:, None] + middle * slope[:, None]
        kept &= (place >= 0) & (place < size)
        cell = cell * size + place.long().clamp(0, size - 1)
    kept &= grid.occupied.flatten()[cell]
    ray, slot = kept.nonzero(as_tuple=True)
    t = middle[ray, slot]
    return kept.sum(-1), t, rays.origins[ray] + t[:, None] * rays.directions[ray]


@njit(inline="always")
def lattice_range(r, origins, directions, jitter, box, step):
    """Lattice indices [low, high) whose midpoints may lie in the box (slab test, one index to spare)."""
    near, far = np.float32(0), np.float32(1e9)
    for axis in range(3):
        d = directions[r, axis]
        if abs(d) < np.float32(1e-12):
            d = np.float32(1e-12)
        a = (box[0, axis] - origins[r, axis]) / d
        b = (box[1, axis] - origins[r, axis]) / d
        near, far = max(near, min(a, b)), min(far, max(a, b))
    if far <= near:
        return 0, 0
    shift = np.float32(0.5) + jitter[r]
    return max(int(np.floor(near / step - shift)) - 1, 0), int(np.ceil(far / step - shift)) + 1


@njit(inline="always")
def next_occupied(k, high, r, origins, directions, jitter, empty, bound, step):
    """The first lattice index >= k in an occupied cell, or not below high. empty: see ``Grid.numpy``."""
    size = empty.shape[0]
    limit = np.float32(size)
    scale = np.float32(size / (np.float32(2) * bound))
    ax, ay, az = (origins[r, 0] + bound) * scale, (origins[r, 1] + bound) * scale, (origins[r, 2] + bound) * scale
    bx, by, bz = directions[r, 0] * scale, directions[r, 1] * scale, directions[r, 2] * scale
    while k < high:
        t = (np.float32(k) + np.float32(0.5) + jitter[r]) * step
        x, y, z = ax + t * bx, ay + t * by, az + t * bz
        if 0 <= x < limit and 0 <= y < limit and 0 <= z < limit:
            cells = empty[np.uint32(x), np.uint32(y), np.uint32(z)]
            if cells == 0:
                break
            if cells > 1:  # so many less one may be crossed along the fastest axis, with a thousandth for rounding
                most = max(abs(bx), abs(by), abs(bz)) * step
                k += int(np.float32(0.999) * np.float32(cells - 1) / most)
        k += 1
    return k


# No fastmath here: the same sums in the same order as the reference put every sample in the same cell.
@njit(nogil=True, cache=CACHED)
def _march(begin, end, origins, directions, jitter, empty, box, bound, step, first, fill, ray, t_middle, points):
    """Count the samples of each ray into first[r+1], or, on the second pass, write them from first[r] on."""
    for r in range(begin, end):
        low, high = lattice_range(r, origins, directions, jitter, box, step)
        n = 0
        k = next_occupied(low, high, r, origins, directions, jitter, empty, bound, step)
        while k < high:
            if fill:
                i = first[r] + n
                t = (np.float32(k) + np.float32(0.5) + jitter[r]) * step
                ray[i], t_middle[i] = r, t
                for axis in range(3):
                    points[i, axis] = origins[r, axis] + t * directions[r, axis]
            n += 1
            k = next_occupied(k + 1, high, r, origins, directions, jitter, empty, bound, step)
        if not fill:
            first[r + 1] = n


def march_numba(rays: Rays, grid: Grid) -> Samples:
    """As march_torch, on the CPU in float32, in two passes: count, then fill."""
    count = len(rays)
    first = np.zeros(count + 1, np.int64)
    given = (*rays.numpy(), *grid.numpy(), first)
    nothing = np.empty(0, np.int64), np.empty(0, np.float32), np.empty((0, 3), np.float32)
    spread(_march, count, GRAIN, *given, False, *nothing)
    np.cumsum(first, out=first)
    total = int(first[-1])
    ray, t_middle, points = np.empty(total, np.int64), np.empty(total, np.float32), np.empty((total, 3), np.float32)
    spread(_march, count, GRAIN, *given, True, ray, t_middle, points)
    middle = torch.from_numpy(t_middle)
    return Samples(
        torch.from_numpy(ray), middle - grid.step / 2, middle + grid.step / 2, torch.from_numpy(points),
        torch.from_numpy(first),
    )
