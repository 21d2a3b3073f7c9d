"""Marching: numba against the torch reference, and the reference against hand-worked rays."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_cdt

from carv3d.cameras import orbit
from carv3d.scenes.kernels.rays import marching
from carv3d.scenes.kernels.rays.marching import Grid, Rays, distances, grown, march_numba, march_torch


def view_rays(size: int = 24, jitter: bool = True) -> Rays:
    origins, directions = orbit([0.0, 37.0, 90.0], [0.0, 33.0, 90.0], 2.7, 50.0, size, size).rays()
    count = 3 * size * size
    offset = torch.rand(count, generator=torch.Generator().manual_seed(0)) if jitter else torch.zeros(count)
    return Rays(origins.reshape(-1, 3), directions.reshape(-1, 3), offset)


def random_grid(size: int, share: float) -> Grid:
    filled = torch.rand(size, size, size, generator=torch.Generator().manual_seed(size)) < share
    return Grid(filled, 1.0, 2 * math.sqrt(3) / 128)


@pytest.mark.parametrize("jitter", [False, True])
@pytest.mark.parametrize(("size", "share"), [(64, 0.1), (16, 0.5), (7, 1.0), (64, 0.0), (32, 0.001)])
def test_numba_equals_torch(size, share, jitter):
    rays, grid = view_rays(jitter=jitter), random_grid(size, share)
    slow, fast = march_torch(rays, grid), march_numba(rays, grid)
    assert torch.equal(slow.first, fast.first) and torch.equal(slow.ray, fast.ray)
    for name in ("t_start", "t_end", "points"):
        assert torch.equal(getattr(slow, name), getattr(fast, name)), name  # same sums in the same order


def test_empty_space_is_crossed_by_how_far_it_is_empty(monkeypatch):
    """Distances are SciPy's, cut; farther ones make larger leaps (as test_numba_equals_torch sees, none too large), and
    the control believes them larger by two cells."""
    rays, grid = view_rays(), random_grid(32, 0.001)
    want = np.minimum(distance_transform_cdt(~grid.occupied.numpy(), "chessboard"), 6)
    assert (distances(grid.occupied, 6).numpy() == want).all() and want.max() == 6
    assert (distances(torch.zeros(3, 4, 5, dtype=torch.bool), 7) == 7).all()
    few = march_numba(rays, grid)
    monkeypatch.setattr(marching, "distances", lambda cells, most: (distances(cells, most) + 2) * ~cells)
    assert len(march_numba(rays, Grid(grid.occupied, grid.bound, grid.step)).ray) < len(few.ray)


@pytest.mark.parametrize("together", [5_000, 1])
def test_the_reference_looks_at_few_lattice_points_at_once(together, monkeypatch):
    """Same samples to the bit; pieces that are no larger than asked for, or a ray each."""
    rays, grid, part, sizes = view_rays(8), random_grid(16, 0.3), marching._march_part, []

    def watched(rays, grid, lattice):
        sizes.append((len(rays), len(rays) * len(lattice)))
        return part(rays, grid, lattice)

    whole = march_torch(rays, grid)
    monkeypatch.setattr(marching, "TOGETHER", together)
    monkeypatch.setattr(marching, "_march_part", watched)
    pieces = march_torch(rays, grid)
    for name in ("first", "ray", "t_start", "t_end", "points"):
        assert torch.equal(getattr(whole, name), getattr(pieces, name)), name
    assert len(sizes) == (len(rays) if together == 1 else 6)
    assert all(count == 1 or points <= together for count, points in sizes)
    nobody = march_torch(Rays(*(x[:0] for x in (rays.origins, rays.directions, rays.jitter))), grid)
    assert nobody.first.tolist() == [0] and nobody.points.shape == (0, 3)


@pytest.mark.parametrize("march", [march_torch, march_numba])
def test_ray_along_an_axis_by_hand(march):
    filled = torch.zeros(4, 4, 4, dtype=torch.bool)
    filled[2, 2, 2] = True  # [0, 0.5]^3
    origins = torch.tensor([[3.05, 0.25, 0.25], [3.05, -0.25, 0.25]])
    rays = Rays(origins, torch.tensor([[-1.0, 0, 0]]).repeat(2, 1), torch.zeros(2))
    samples = march(rays, Grid(filled, 1.0, 0.2))  # midpoints 0.1, 0.3, ...; x in [0, 0.5] for t in [2.55, 3.05]
    assert samples.first.tolist() == [0, 2, 2]
    torch.testing.assert_close(samples.t_start, torch.tensor([2.6, 2.8]))
    torch.testing.assert_close(samples.t_end, torch.tensor([2.8, 3.0]))
    torch.testing.assert_close(samples.points[:, 0], torch.tensor([0.35, 0.15]), atol=1e-6, rtol=0)


def test_full_grid_covers_the_box():
    """In a full grid the samples add up to the chord through the box, within one step at each end."""
    rays, grid = view_rays(), random_grid(5, 2.0)
    samples = march_numba(rays, grid)
    length = samples.first.diff() * grid.step
    inverse = 1 / rays.directions
    near = ((-1 - rays.origins) * inverse).minimum((1 - rays.origins) * inverse).amax(-1)
    far = ((-1 - rays.origins) * inverse).maximum((1 - rays.origins) * inverse).amin(-1)
    assert (length - (far - near).clamp_min(0)).abs().max() <= grid.step * 1.001


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0])
def test_cells_grow_as_by_max_pooling(share):
    cells = torch.rand(6, 6, 6, generator=torch.Generator().manual_seed(0)) < share
    want = torch.nn.functional.max_pool3d(cells[None].float(), 3, 1, 1)[0] > 0
    before = cells.clone()
    assert torch.equal(grown(cells), want) and torch.equal(cells, before)


def test_rays_check_their_shapes():
    with pytest.raises(ValueError, match="jitter"):
        Rays(torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(3))
