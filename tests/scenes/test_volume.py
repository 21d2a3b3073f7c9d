"""Packed volume rendering: numba against nerfacc's dense functions and against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from carv3d.cameras import Marched
from carv3d.scenes.kernels.rays.marching import Samples
from carv3d.scenes.kernels.rays.volume import distortion, render_nerfacc, render_numba, render_torch, weights


def packed(counts: list[int], length: float = 0.05, start: float = 1.0) -> Samples:
    count = torch.tensor(counts)
    first = torch.cat([torch.zeros(1, dtype=torch.long), count.cumsum(0)])
    ray = torch.repeat_interleave(torch.arange(len(counts)), count)
    t = start + (torch.arange(len(ray)) - first[ray]) * length
    return Samples(ray, t, t + length, torch.zeros(len(ray), 3), first)


def test_numba_equals_nerfacc_values_and_gradients():
    generator = torch.Generator().manual_seed(0)
    samples = packed([0, 1, 7, 40, 0, 3, 90, 0])
    total = len(samples.ray)
    density, rgb = torch.rand(total, generator=generator) * 20, torch.rand(total, 3, generator=generator)
    cotangent = torch.randn(8, 5, generator=generator)
    results = []
    for render in (render_torch, render_numba):
        leaves = density.clone().requires_grad_(), rgb.clone().requires_grad_()
        out = torch.cat(render(*leaves, samples), -1)
        results.append((out.detach(), *torch.autograd.grad((out * cotangent).sum(), leaves)))
    for slow, fast in zip(*results, strict=True):
        assert (slow - fast).abs().max() < 2e-6  # measured 4.8e-7


@pytest.mark.parametrize("render", [render_torch, render_numba])
def test_constant_density(render):
    """Opacity 1 - exp(-sigma L); mean depth of the truncated exponential, up to the step."""
    sigma, steps, length, start = 3.0, 400, 0.0025, 1.0
    samples = packed([steps], length, start)
    rgb, opacity, depth = render(torch.full((steps,), sigma), torch.full((steps, 3), 0.5), samples)
    reach = steps * length
    expected = 1 - math.exp(-sigma * reach)
    assert opacity.item() == pytest.approx(expected, abs=1e-5)  # measured 3.6e-6
    assert rgb[0, 0].item() == pytest.approx(expected / 2, abs=1e-5)
    mean = start + 1 / sigma - reach * math.exp(-sigma * reach) / expected
    assert depth.item() / opacity.item() == pytest.approx(mean, abs=1e-5)  # the midpoint rule costs sigma h^2 / 12


@pytest.mark.parametrize("render", [render_torch, render_numba])
def test_two_slabs_by_hand(render):
    """A red slab that lets half through before a green one that lets a quarter through."""
    samples = packed([2], 1.0, 2.0)
    density = torch.tensor([math.log(2), math.log(4)])
    rgb, opacity, depth = render(density, torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]), samples)
    torch.testing.assert_close(rgb, torch.tensor([[0.5, 0.375, 0.0]]))
    torch.testing.assert_close(opacity, torch.tensor([[0.875]]))
    torch.testing.assert_close(depth, torch.tensor([[0.5 * 2.5 + 0.375 * 3.5]]))


def test_no_samples_at_all():
    for render in (render_torch, render_numba):
        rgb, opacity, depth = render(torch.zeros(0), torch.zeros(0, 3), packed([0, 0]))
        assert rgb.shape == (2, 3) and not torch.cat([rgb, opacity, depth], -1).any()


def test_bitwise_repeatable():
    generator = torch.Generator().manual_seed(0)
    samples = packed([50] * 2000)
    density, rgb = torch.rand(100_000, generator=generator) * 20, torch.rand(100_000, 3, generator=generator)
    results = []
    for _ in range(2):
        leaf = density.clone().requires_grad_()
        out = render_numba(leaf, rgb, samples)[0]
        results.append((out.detach(), torch.autograd.grad(out.square().sum(), leaf)[0]))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="nerfacc's packed functions need CUDA")
def test_nerfacc_packed_equals_dense():
    generator = torch.Generator().manual_seed(0)
    samples = packed([0, 1, 7, 40, 0, 3])
    on_device = Samples(*(getattr(samples, name).cuda() for name in ("ray", "t_start", "t_end", "points", "first")))
    density, rgb = torch.rand(51, generator=generator) * 20, torch.rand(51, 3, generator=generator)
    slow = render_torch(density, rgb, samples)
    fast = render_nerfacc(density.cuda(), rgb.cuda(), on_device)
    for a, b in zip(slow, fast, strict=True):
        assert (a - b.cpu()).abs().max() < 1e-4


def test_distortion_is_that_of_every_pair():
    generator = torch.Generator().manual_seed(0)
    samples = packed([0, 1, 7, 40, 0, 3])
    density = (torch.rand(len(samples.ray), generator=generator) * 10).double().requires_grad_()
    marched = Marched(density, samples.points, samples.t_start.double(), samples.t_end.double(), samples.ray,
                      samples.first, torch.zeros(6, 3))
    found, w = distortion(marched), weights(marched)
    middle, expected = (marched.t_start + marched.t_end) / 2, []
    for r in range(6):
        own = slice(samples.first[r], samples.first[r + 1])
        apart = (middle[own, None] - middle[None, own]).abs()
        lengths = (marched.t_end - marched.t_start)[own]
        expected.append((w[own, None] * w[None, own] * apart).sum() + (w[own].square() * lengths).sum() / 3)
    expected = torch.stack(expected)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    ours, theirs = (torch.autograd.grad(value.sum(), density, retain_graph=True)[0] for value in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-12)
    opacity = render_torch(density, torch.zeros(len(density), 3).double(), samples)[1][:, 0]
    torch.testing.assert_close(torch.zeros(6).double().index_add(0, samples.ray, w), opacity)


def test_distortion_prefers_one_wall_to_two():
    def of(density: list[float]) -> float:
        samples = packed([20])
        field = torch.zeros(20)
        for at, value in zip((2, 3, 15), density, strict=True):
            field[at] = value
        return distortion(Marched(field, samples.points, samples.t_start, samples.t_end, samples.ray, samples.first,
                                  torch.zeros(1, 3))).item()

    half = math.log(2) / 0.05
    assert of([half, half, 0]) < 0.2 * of([half, 0, half])
