"""The Triton kernels against the torch references: compiled on a GPU, and in Triton's interpreter everywhere.

Whether kernels are interpreted is settled when a process first imports triton. So one test runs this file again in a
process of its own; the tests marked ``compared`` are there in that one, and where there is a GPU.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from carv3d.cameras import orbit
from carv3d.config.scenes import NerfConfig
from carv3d.scenes.kernels.rays.hash_grid import encode_torch, level_shapes
from carv3d.scenes.kernels.rays.marching import Grid, Rays, Samples, march_torch
from carv3d.scenes.kernels.rays.volume import render_torch
from carv3d.scenes.nerf import NeRF

if importlib.util.find_spec("triton") is None:
    pytest.skip("triton is not installed", allow_module_level=True)

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
RUNS = INTERPRETED or torch.cuda.is_available()
if RUNS:
    from carv3d.scenes.kernels.rays import triton_grid, triton_march, triton_volume


def compared(test):
    """The test itself where the kernels run in this process, else nothing that pytest collects."""
    return test if RUNS else None


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


OLD = (tuple(map(int, importlib.metadata.version("triton").split(".")[:2])) < (3, 7)
       and tuple(map(int, np.__version__.split(".")[:2])) >= (2, 4))


@pytest.mark.skipif(INTERPRETED, reason="it is what runs here")
@pytest.mark.skipif(OLD, reason="the interpreter of Triton 3.6 makes numbers of arrays, which NumPy 2.4 refuses")
def test_in_the_interpreter():
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment |= {"TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", "pytest", __file__, "-p", "no:cacheprovider", "-p", "no:xdist"],
                          cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and " passed, 1 skipped" in done.stdout, done.stdout + done.stderr


# --- the hash grid ---


def both(points, table, resolution, row, cotangent):
    """Values and the table's gradient of the reference and of the kernel."""
    out = []
    for encode, device, kind in ((encode_torch, "cpu", torch.float32), (triton_grid.encode_triton, DEVICE, table.dtype)):
        leaf = table.to(device, kind).requires_grad_()
        value = encode(points.to(device), leaf, resolution, row)
        (grad,) = torch.autograd.grad((value * cotangent.to(device)).sum(), leaf)
        out += [value.detach().cpu(), grad.cpu()]
    return out


def grid_points(count: int, resolution) -> torch.Tensor:
    """The cube's corners, edges, faces and centre, points on cell borders of each level, along a ray, and anywhere."""
    edge, along = torch.tensor([0.0, 1.0, 0.5]), torch.linspace(0.1, 0.9, 40)[:, None] * torch.tensor([1.0, 0.5, 0.9])
    border = [torch.arange(8)[:, None] % (res + 1) / res * torch.tensor([[1.0, 1.0, 0.3]]) for res in resolution.tolist()]
    fixed = torch.cat([torch.cartesian_prod(edge, edge, edge), along, *border])
    return torch.cat([fixed, torch.rand(max(count - len(fixed), 0), 3, generator=seeded())])[:count]


@compared
@pytest.mark.parametrize(("features", "kind", "count", "shape"), [
    (1, torch.float32, 1, (2, 64, 2, 4)), (2, torch.float16, 131, (2, 64, 3, 9)), (4, torch.float32, 300, (3, 512, 4, 40)),
    (4, torch.bfloat16, 128, (1, 8, 5, 5)), (8, torch.float32, 97, (2, 2048, 6, 12)),
])
def test_grid_equals_torch(features, kind, count, shape):
    resolution, row = level_shapes(*shape)
    table = torch.randn(int(row[-1]), features, generator=seeded(1)).to(kind)
    cotangent = torch.randn(count, features * len(resolution), generator=seeded(2))
    value, grad, fast, fast_grad = both(grid_points(count, resolution), table, resolution, row, cotangent)
    assert fast.dtype == torch.float32 and fast_grad.dtype == kind
    assert (value - fast).abs().max() < 3e-6  # measured 4.8e-7 in the interpreter
    assert (grad - fast_grad).abs().max() < {torch.float32: 3e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}[kind] * (
        grad.abs().max())
    assert grad.abs().max() > 0.1


@compared
def test_rows_are_the_references_to_the_last_one():
    """Each row holds its own number, and a point on a vertex sees that row alone."""
    resolution, row = level_shapes(3, 4096, 7, 1000)
    table = torch.arange(float(row[-1]))[:, None]
    cells = torch.randint(0, 1001, (200, 3), generator=seeded())
    for level, res in enumerate(resolution.tolist()):
        points = (cells % (res + 1)).float() / res
        points = points[(points * res == (points * res).round()).all(-1)]  # the others are not on one, once rounded
        assert len(points) > 100
        found = triton_grid.encode_triton(points.to(DEVICE), table.to(DEVICE), resolution, row).cpu()
        assert torch.equal(found[:, level], encode_torch(points, table, resolution, row)[:, level])


@compared
@pytest.mark.parametrize("used", [1, 2])  # the first is dense, the second hashed
def test_some_levels_of_a_table(used):
    resolution, row = level_shapes(3, 64, 2, 9)
    table, cotangent = torch.randn(int(row[-1]), 2, generator=seeded()), torch.ones(30, 2 * used)
    table[row[used]:] = math.inf  # which shows even at a weight of 0
    value, grad, fast, fast_grad = both(grid_points(30, resolution), table, resolution[:used], row[:used + 1], cotangent)
    assert fast.shape == (30, 2 * used) and fast_grad.shape == table.shape and not fast_grad[row[used]:].any()
    torch.testing.assert_close(fast, value)
    torch.testing.assert_close(fast_grad, grad)


@compared
def test_no_points_launch_nothing(monkeypatch):
    resolution, row = level_shapes(2, 64, 2, 4)
    table = torch.ones(int(row[-1]), 4, device=DEVICE, requires_grad=True)
    monkeypatch.setattr(triton_grid, "_encode", None)
    monkeypatch.setattr(triton_grid, "_scatter", None)
    out = triton_grid.encode_triton(torch.zeros(0, 3, device=DEVICE), table, resolution, row)
    out.sum().backward()
    assert out.shape == (0, 8) and table.grad.shape == table.shape and not table.grad.any()


@compared
def test_not_a_number_shows_and_stays_inside():
    resolution, row = level_shapes(1, 64, 3, 3)
    points = torch.tensor([[math.nan, 0.5, 0.5], [0.5, 0.5, 0.5]], device=DEVICE)
    out = triton_grid.encode_triton(points, torch.ones(64, 1, device=DEVICE), resolution, row)
    assert out[0].isnan() and out[1] == 1


@compared
def test_bad_arguments_name_themselves():
    resolution, row = level_shapes(1, 64, 2, 2)
    points, table = torch.zeros(1, 3, device=DEVICE), torch.zeros(27, 4, device=DEVICE)
    for wrong in (torch.zeros(27, 3), torch.zeros(27, 16)):
        with pytest.raises(ValueError, match="1, 2, 4 or 8 features"):
            triton_grid.encode_triton(points, wrong.to(DEVICE), resolution, row)
    with pytest.raises(ValueError, match="float64"):
        triton_grid.encode_triton(points, table.double(), resolution, row)
    with pytest.raises(ValueError, match="points must not require"):
        triton_grid.encode_triton(points.requires_grad_(), table, resolution, row)


# --- marching ---


def on_device(rays: Rays, grid: Grid) -> tuple[Rays, Grid]:
    return (Rays(*(x.to(DEVICE) for x in (rays.origins, rays.directions, rays.jitter))),
            Grid(grid.occupied.to(DEVICE), grid.bound, grid.step))


def same_samples(rays: Rays, grid: Grid) -> Samples:
    slow, fast = march_torch(rays, grid), triton_march.march_triton(*on_device(rays, grid))
    for name in ("first", "ray", "t_start", "t_end", "points"):
        assert torch.equal(getattr(slow, name), getattr(fast, name).cpu()), name
        assert getattr(slow, name).dtype == getattr(fast, name).dtype
    return slow


@compared
@pytest.mark.parametrize(("size", "share", "bound"), [(64, 0.1, 1.0), (7, 1.0, 1.7), (64, 0.0, 1.0), (32, 0.003, 0.3)])
def test_samples_equal_torch(size, share, bound):
    origins, directions = orbit([0.0, 37.0], [33.0, 90.0], 2.7 * bound, 50.0, 5, 5).rays()
    rays = Rays(origins.reshape(-1, 3), directions.reshape(-1, 3), torch.rand(50, generator=seeded()))
    filled = torch.rand(size, size, size, generator=seeded(size)) < share
    samples = same_samples(rays, Grid(filled, bound, 2 * math.sqrt(3) * bound / 128))
    assert bool(len(samples.ray)) == (share > 0)


@compared
def test_samples_on_borders_and_from_inside():
    """Rays along axes whose midpoints lie on cell borders, from inside the box, in its faces, past it, and away."""
    origins = torch.tensor([[2.0, 0, 0], [0, 0, 0], [-1, -1, -1], [1, 1, 2], [0.25, 0.5, -2], [0, 3, 0], [0, 3, 0]])
    directions = torch.tensor([[-1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [0, 0, 1], [1, 0, 0], [0, 1, 0]])
    filled = torch.rand(8, 8, 8, generator=seeded()) < 0.7
    samples = same_samples(Rays(origins, directions, torch.full((7,), 0.5)), Grid(filled, 1.0, 0.125))
    assert 20 < len(samples.ray) < 64


@compared
def test_no_rays_and_rays_that_are_not_numbers():
    grid = Grid(torch.ones(4, 4, 4, dtype=torch.bool), 1.0, 0.1)
    assert same_samples(Rays(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0)), grid).first.tolist() == [0]
    lost = torch.tensor([[math.nan, 0, 0], [0, 0, 0]])
    found = triton_march.march_triton(*on_device(Rays(torch.zeros(2, 3), lost, torch.zeros(2)), grid))
    assert found.first.tolist()[1] == 0  # a direction of no length is nobody's ray, but it must come to an end


# --- compositing ---


def packed(counts: list[int], length: float = 0.05) -> Samples:
    count = torch.tensor(counts, dtype=torch.long)
    first = torch.cat([torch.zeros(1, dtype=torch.long), count.cumsum(0)])
    ray = torch.repeat_interleave(torch.arange(len(counts)), count)
    t = 1 + (torch.arange(len(ray)) - first[ray]) * length
    return Samples(ray, t, t + length, torch.zeros(len(ray), 3), first)


def moved(samples: Samples, device: str, kind: torch.dtype = torch.float32) -> Samples:
    return Samples(*(x.to(device, kind) if x.is_floating_point() else x.to(device) for x in (
        samples.ray, samples.t_start, samples.t_end, samples.points, samples.first)))


def composited(render, samples, density, rgb, cotangent):
    leaves = density.clone().requires_grad_(), rgb.clone().requires_grad_()
    out = torch.cat(render(*leaves, samples), -1)
    return [x.cpu() for x in (out.detach(), *torch.autograd.grad((out * cotangent).sum(), leaves))]


@compared
@pytest.mark.parametrize("thickness", [1e-3, 1.0, 1e3])
def test_compositing_is_that_of_float64(thickness):
    samples = packed([0, 1, 7, 32, 33, 0, 64, 65, 90, 31, 0])
    total = len(samples.ray)
    density, rgb = torch.rand(total, generator=seeded()) * 20 * thickness, torch.rand(total, 3, generator=seeded(1))
    cotangent = torch.randn(11, 5, generator=seeded(2))
    exact = composited(render_torch, moved(samples, "cpu", torch.float64), density.double(), rgb.double(),
                       cotangent.double())
    found = composited(triton_volume.render_triton, moved(samples, DEVICE), *(x.to(DEVICE) for x in (
        density, rgb, cotangent)))
    for slow, fast in zip(exact, found, strict=True):
        assert (slow - fast).abs().max() < 3e-6 * max(1, slow.abs().max())  # measured 5e-7
    assert not found[0][[0, 5, 10]].any()


@compared
def test_what_lies_before_an_opaque_sample_counts_and_what_lies_behind_gets_nothing():
    """Sums that include the opaque sample's own thickness, 1e5, would lose the 0.7 before it, and leave noise behind it,
    which Adam would take for a gradient."""
    samples = packed([70])
    density = torch.full((70,), 0.4)
    density[35] = 2e6
    rgb = torch.rand(70, 3, generator=seeded())
    exact = composited(render_torch, moved(samples, "cpu", torch.float64), density.double(), rgb.double(), 1.0)
    found = composited(triton_volume.render_triton, moved(samples, DEVICE), density.to(DEVICE), rgb.to(DEVICE), 1.0)
    torch.testing.assert_close(found[0].double(), exact[0], rtol=1e-5, atol=0)  # measured 2.1e-6
    torch.testing.assert_close(found[1].double(), exact[1], rtol=2e-5, atol=1e-6)
    assert not found[1][36:].any() and not found[2][36:].any() and found[1][:35].all()


@compared
@pytest.mark.parametrize("rays", [0, 2])
def test_no_samples_launch_nothing(rays, monkeypatch):
    monkeypatch.setattr(triton_volume, "_forward", None)
    monkeypatch.setattr(triton_volume, "_backward", None)
    density, rgb = torch.zeros(0, device=DEVICE, requires_grad=True), torch.zeros(0, 3, device=DEVICE, requires_grad=True)
    out = torch.cat(triton_volume.render_triton(density, rgb, moved(packed([0] * rays), DEVICE)), -1)
    out.sum().backward()
    assert out.shape == (rays, 5) and not out.any() and density.grad.shape == (0,) and rgb.grad.shape == (0, 3)


# --- the scene ---


def scene(backend: str) -> NeRF:
    """A small NeRF with the kernels or without; choosing refuses CPUs, where only these tests interpret them."""
    own = NerfConfig(levels=3, table_size=512, finest_resolution=32, occupancy_resolution=8, hidden=16, samples_per_ray=24,
                     encoding_backend="torch", render_backend="torch")
    made = NeRF(own, device=DEVICE, generator=seeded())
    made.encoding.backend = made.encoding_backend = made.render_backend = made.marching = backend
    with torch.no_grad():
        for group in made.parameters():
            group.add_(torch.randn(group.shape, generator=seeded(8)).to(DEVICE) * 0.1)
    return made


@compared
def test_a_scene_renders_and_trains_as_with_torch():
    cameras, background = orbit([10.0, 130.0], [0.0, 40.0], 2.8, 40.0, 3, 3), torch.rand(2, 3, generator=seeded(2))
    found = []
    for backend in ("torch", "triton"):
        made = scene(backend)
        made.update(0, seeded(1))
        out = made.render(cameras, background, seeded(3))
        out.rgb.square().sum().backward()
        with torch.no_grad():
            still = made.render(cameras, background).rgb
        found.append([out.rgb.detach(), out.depth.detach(), still, *(p.grad for p in made.parameters())])
        assert len(out.marched.ray) > 30 and made.work > 0
    for slow, fast in zip(*found, strict=True):
        assert (slow - fast).abs().max() < 3e-5 * max(1, slow.abs().max())


@compared
def test_an_empty_scene_has_gradients_of_zero():
    made = scene("triton")
    made.occupied.fill_(False)
    out = made.render(orbit([0.0], 0.0, 2.8, 40.0, 4, 4), torch.ones(1, 3))
    out.rgb.sum().backward()
    assert (out.rgb == 1).all() and all(not p.grad.any() for p in made.parameters())
