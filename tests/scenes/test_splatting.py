"""Rasterising Gaussians: closed forms, the torch reference, the compiled form against it, gsplat where it runs."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from carv3d.cameras import orbit
from carv3d.scenes.kernels.splats import compiled as splatting_numba
from carv3d.scenes.kernels.splats import reference as splatting_torch
from carv3d.scenes.kernels.splats.rasterise import rasterise
from carv3d.scenes.kernels.splats.rules import ALPHA_LEAST, ALPHA_MOST, ray_lengths, world_to_camera
from carv3d.scenes.splats import SH_C0, Splats

sys.path.insert(0, str(Path(__file__).parent))

import splat_worlds as worlds  # noqa: E402

NAMES = ("means", "log_scales", "quaternions", "opacity_logits", "sh", "screen")
BACKENDS = ["torch", "numba"]
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="gsplat and the reference on a GPU need CUDA")


def one(scale: float, opacity: float, at=(0.0, 0.0, 0.0), rgb=(0.9, 0.5, 0.2)) -> list[torch.Tensor]:
    """One round Gaussian."""
    return [torch.tensor([list(at)]), torch.full((1, 3), math.log(scale)), torch.tensor([[1.0, 0, 0, 0]]),
            torch.logit(torch.tensor([opacity])), (torch.tensor([[list(rgb)]]) - 0.5) / SH_C0]


# --- closed forms -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("antialias", [False, True])
def test_one_round_gaussian_by_hand(backend, antialias):
    """A Gaussian of standard deviation 0.2 and opacity 0.8 at the origin, seen from distance 2 along -x.

    5 x 5 pixels and tan(fovy / 2) = 1/2 make the focal length 2.5 / 0.5 = 5 pixels. On the axis J is 5 / 2 times the
    identity, so the variance on screen is (0.2 * 2.5)^2 = 0.25, dilated 0.55 square pixels. The middle pixel's centre
    is the mean: alpha = 0.8. One pixel to the right: 0.8 exp(-1 / (2 * 0.55)). Two right, one down: 0.8 exp(-5 / 1.1) =
    0.0085 > 1/255; two and two: 0.8 exp(-8 / 1.1) < 1/255, nothing. With antialias the opacity is 0.8 * 0.25 / 0.55,
    the root of the determinants' ratio. A pixel (i, j) off the axis sees the depth 2 sqrt(1 + (i^2 + j^2) / 25).
    """
    fovy = 2 * math.degrees(math.atan(0.5))
    out = rasterise(Splats(*one(0.2, 0.8)), orbit([0.0], 0.0, 2.0, fovy, 5, 5), backend=backend, antialias=antialias)
    opacity = 0.8 * 0.25 / 0.55 if antialias else 0.8
    for row, column, squared in ((2, 2, 0), (2, 3, 1), (1, 1, 2), (3, 4, 5)):
        alpha = opacity * math.exp(-squared / 1.1)
        alpha = alpha if alpha > 1 / 255 else 0.0
        assert out.opacity[0, row, column].item() == pytest.approx(alpha, abs=1e-6)
        assert out.rgb[0, row, column].tolist() == pytest.approx([0.9 * alpha, 0.5 * alpha, 0.2 * alpha], abs=1e-6)
        assert out.depth[0, row, column].item() == pytest.approx(2 * alpha * math.sqrt(1 + squared / 25), abs=3e-6)
    assert out.opacity[0, 0, 0] == 0
    reach = math.sqrt(2 * math.log(255 * opacity) * 0.55)
    assert out.radii.tolist() == [[math.ceil(reach)]] and out.radii.dtype == torch.int32


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_nearer_hides_the_farther(backend):
    """Red, opacity 0.5, before green, 0.4, with equal areas on screen: 0.5 red + 0.5 * 0.4 green in the middle."""
    red, green = one(0.2, 0.5, (0.5, 0.0, 0.0), (1.0, 0.0, 0.0)), one(0.2, 0.4, (-0.5, 0.0, 0.0), (0.0, 1.0, 0.0))
    for azimuth, expected in ((0.0, [0.5, 0.2]), (180.0, [0.5 * 0.6, 0.4])):
        both = Splats(*(torch.cat(pair) for pair in zip(green, red, strict=True)))
        out = rasterise(both, orbit([azimuth], 0.0, 2.0, 40.0, 5, 5), backend=backend, antialias=False)
        assert out.rgb[0, 2, 2, :2].tolist() == pytest.approx(expected, abs=1e-6)
        assert out.opacity[0, 2, 2].item() == pytest.approx(0.7, abs=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_axes_are_those_of_the_cameras(backend):
    """At +z: up; at +y, the object's left: to the right of a camera in front. 0.3 / 2 of 20.6 pixels are 3.1."""
    for at, row, column in (((0, 0, 0.3), 4, 7), ((0, 0.3, 0), 7, 10)):
        camera = orbit([0.0], 0.0, 2.0, 40.0, 15, 15)
        out = rasterise(Splats(*one(0.03, 0.9, at)), camera, backend=backend, antialias=False)
        best = int(out.opacity.flatten().argmax())
        assert abs(best // 15 - row) <= 1 and abs(best % 15 - column) <= 1


def test_harmonics_are_orthonormal_and_ordered():
    """Orthonormal over the sphere by a quadrature that is exact for them, and each the polynomial of 3DGS."""
    nodes, weights = (torch.as_tensor(part) for part in np.polynomial.legendre.leggauss(8))
    angle = torch.arange(16, dtype=torch.float64)[:, None] * (math.pi / 8)
    radius = (1 - nodes**2).sqrt()
    directions = torch.stack([radius * angle.cos(), radius * angle.sin(), nodes.expand(16, 8)], -1).view(-1, 3)
    basis = splatting_torch.harmonics(directions, 3)
    gram = (basis.T * weights.repeat(16)) @ basis * (math.pi / 8)
    assert (gram - torch.eye(16)).abs().max() < 1e-12  # measured 2e-15
    x, y, z = directions.unbind(-1)
    known = {0: torch.ones_like(x), 1: -y, 2: z, 3: -x, 4: x * y, 5: -y * z, 6: 2 * z**2 - x**2 - y**2, 7: -x * z,
             8: x**2 - y**2, 9: -y * (3 * x**2 - y**2), 10: x * y * z, 11: -y * (4 * z**2 - x**2 - y**2),
             12: z * (2 * z**2 - 3 * x**2 - 3 * y**2), 13: -x * (4 * z**2 - x**2 - y**2), 14: z * (x**2 - y**2),
             15: -x * (x**2 - 3 * y**2)}
    for k, polynomial in known.items():
        cosine = (basis[:, k] * polynomial).sum() / basis[:, k].norm() / polynomial.norm()
        assert cosine.item() == pytest.approx(1, abs=1e-9), k


def test_reference_gradients_are_right():
    """gradcheck in float64 of pictures to all parameters and the screen, away from the edges."""
    for seed, degree, antialias in ((0, 0, False), (1, 1, True), (2, 3, True)):
        splats = worlds.random_splats(5, seed, degree=degree, sizes=(0.05, 0.3))
        cameras = orbit([20.0], 10.0, 2.5, 40.0, 6, 5)
        given = worlds.cotangents(cameras, seed)
        kept = ~worlds.on_an_edge(splats, cameras, antialias)[..., None]
        assert kept.sum() > 25

        def loss(*tensors):
            screen = tensors[5]
            shown = splatting_torch.project(Splats(*tensors[:5]), cameras, antialias, screen)
            order = shown.depth[0].argsort()
            values = torch.cat([shown.rgb[0], torch.ones(5, 1).double(), shown.depth[0, :, None]], -1)
            y, x = torch.meshgrid(torch.arange(5.0) + 0.5, torch.arange(6.0) + 0.5, indexing="ij")
            centres = torch.stack([x, y], -1).double().view(-1, 2)
            parts = (part[order] for part in (shown.mean[0], shown.conic[0], shown.opacity[0], values))
            picture = splatting_torch.composite(centres, *parts) * kept.view(-1, 1)
            return (picture * torch.cat(given, -1).view(-1, 5)).sum()

        leaves = [*worlds.to(splats, torch.float64).tensors().values(), torch.zeros(1, 5, 2).double().requires_grad_()]
        assert torch.autograd.gradcheck(loss, leaves, eps=1e-7, atol=1e-5, rtol=1e-4)


# --- the compiled form against the reference --------------------------------------------------------------------------

# Largest error of the compiled form in float32 against the reference in float64, outside the edges: of a picture's
# value (measured 8.4e-6, "everywhere", whose depths are the largest), and of a gradient relative to the largest entry
# of its tensor (measured 1.1e-5, quaternions of "huge"; elsewhere 7e-6).
PICTURE, GRADIENT = 2e-5, 4e-5
EDGES = 0.05  # share of pixels on an edge, measured 2.4% in "opaque", else below 0.6%


def compare(splats: Splats, cameras, antialias: bool, seed: int = 0) -> dict[str, float]:
    """The errors outside the edges; on the edges, where rounding may decide, that a flip is no more than a flip."""
    edge = worlds.on_an_edge(splats, cameras, antialias)
    given = [part * ~edge[..., None] for part in worlds.cotangents(cameras, seed)]
    double, single = worlds.to(splats, torch.float64), worlds.to(splats, torch.float32)
    slow, slow_grad = worlds.pull(double, cameras, given, backend="torch", antialias=antialias)
    fast, fast_grad = worlds.pull(single, cameras, given, backend="numba", antialias=antialias)
    difference = (worlds.pictures(slow) - worlds.pictures(fast)).abs()
    assert difference.isfinite().all() and all(gradient.isfinite().all() for gradient in fast_grad)
    # a Gaussian of alpha 1/255 more or less, times a colour and a depth of a few units
    assert difference.max() < 0.1
    assert (slow.radii - fast.radii).abs().max() <= 1 and (slow.radii != fast.radii).double().mean() < 0.01
    errors = {"picture": difference[~edge].max().item(), "edge": edge.double().mean().item()}
    for name, a, b in zip(NAMES, slow_grad, fast_grad, strict=True):
        errors[name] = ((a - b).abs().max() / a.abs().max().clamp_min(1e-6)).item()
    return errors


@pytest.mark.parametrize("antialias", [False, True], ids=["plain", "antialias"])
@pytest.mark.parametrize("world", worlds.WORLDS)
def test_numba_equals_the_reference(world, antialias):
    """Values and gradients of the five parameters and the screen, under cotangents of colour, opacity and depth."""
    for seed in range(3):
        errors = compare(worlds.WORLDS[world](seed), worlds.two_views(37, 29), antialias, seed)
        assert errors["picture"] < PICTURE and errors["edge"] < EDGES, (seed, errors)
        assert all(errors[name] < GRADIENT for name in NAMES), (seed, errors)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33), (64, 8), (100, 3)])
def test_pictures_of_any_shape(size):
    errors = compare(worlds.random_splats(150, 5), worlds.two_views(*size), True)
    assert errors["picture"] < PICTURE and all(errors[name] < GRADIENT for name in NAMES), errors


def test_control_the_comparison_sees_a_wrong_gradient(monkeypatch):
    """A way back that forgets the Jacobian's own dependence on the mean must not pass."""
    right = splatting_numba.splat_project.project_back

    def wrong(*args):
        right(*args)
        args[15][args[0]:args[1]] *= 1.001

    monkeypatch.setattr(splatting_numba.splat_project, "project_back", wrong)
    errors = compare(worlds.random_splats(250, 0), worlds.two_views(37, 29), False)
    assert errors["picture"] < PICTURE and errors["means"] > 2 * GRADIENT > errors["sh"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_see(backend, count):
    """No Gaussians at all, or one behind the camera: empty pictures, zero gradients."""
    splats = worlds.to(Splats(*(part[:count] for part in one(0.1, 0.9, (9.0, 0.0, 0.0)))), torch.float32)
    cameras = orbit([0.0], 0.0, 2.0, 40.0, 20, 12)
    raster, gradients = worlds.pull(splats, cameras, worlds.cotangents(cameras, 0), backend=backend, antialias=True)
    assert not worlds.pictures(raster).any() and not any(gradient.any() for gradient in gradients)
    assert raster.radii.shape == (1, count) and raster.screen.shape == (1, count, 2) and not raster.radii.any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_degenerate_gaussians_stay_finite(backend):
    """Scales of e^-40 and e^15, a mean in the camera itself and on the near plane, certain and impossible opacity."""
    splats = worlds.random_splats(8, 0)
    means, scales, logits = splats.means.clone(), splats.log_scales.clone(), splats.opacity_logits.clone()
    scales[0], scales[1], scales[2, 0] = -40.0, 15.0, -40.0
    means[3], means[4] = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([1.99 - 1e-7, 0.001, 0.0])
    logits[5], logits[6] = 60.0, -60.0
    given = worlds.to(Splats(means, scales, splats.quaternions, logits, splats.sh), torch.float32)
    cameras = orbit([0.0], 0.0, 2.0, 40.0, 24, 24)
    for antialias in (False, True):
        ones = worlds.cotangents(cameras, 0)
        raster, gradients = worlds.pull(given, cameras, ones, backend=backend, antialias=antialias)
        assert worlds.pictures(raster).isfinite().all() and all(gradient.isfinite().all() for gradient in gradients)
        assert raster.radii[0, 3] == 0 and raster.radii[0, 6] == 0


def test_alpha_is_cut_and_ends_the_ray():
    """Three certain Gaussians: 0.999 of the first; the second would leave 1e-6 of the light: the ray ends before it."""
    parts = [one(0.3, 0.99999, (x, 0.0, 0.0)) for x in (0.4, 0.0, -0.4)]
    splats = worlds.to(Splats(*(torch.cat(part) for part in zip(*parts, strict=True))), torch.float32)
    cameras = orbit([0.0], 0.0, 2.0, 40.0, 5, 5)
    for backend in BACKENDS:
        raster = rasterise(splats, cameras, backend=backend, antialias=False)
        assert raster.opacity[0, 2, 2].item() == pytest.approx(ALPHA_MOST, abs=1e-6)
        (gradient,) = torch.autograd.grad(raster.opacity[0, 2, 2].sum(), splats.opacity_logits)
        assert not gradient.any()


def test_bitwise_repeatable_on_any_number_of_threads():
    splats = worlds.random_splats(3000, 0, degree=1)
    cameras = worlds.two_views(70, 50)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 2):
            torch.set_num_threads(threads)
            raster, gradients = worlds.pull(
                worlds.to(splats, torch.float32), cameras, worlds.cotangents(cameras, 0), backend="numba",
                antialias=True)
            results.append([worlds.pictures(raster), *gradients])
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_order_and_copies_of_gaussians_do_not_matter():
    """A permutation of the Gaussians permutes the gradients; a split batch of views gives their sum."""
    splats, cameras = worlds.random_splats(200, 3), worlds.two_views(32, 32)
    given, turn = worlds.cotangents(cameras, 0), torch.randperm(200, generator=torch.Generator().manual_seed(0))
    whole, gradients = worlds.pull(worlds.to(splats, torch.float32), cameras, given, backend="numba", antialias=False)
    other, turned = worlds.pull(worlds.to(splats[turn], torch.float32), cameras, given, backend="numba",
                                antialias=False)
    assert torch.equal(worlds.pictures(whole), worlds.pictures(other))
    for a, b in zip(gradients[:5], turned[:5], strict=True):
        torch.testing.assert_close(a[turn], b)
    halves = [worlds.pull(worlds.to(splats, torch.float32), cameras[b:b + 1], [part[b:b + 1] for part in given],
                          backend="numba", antialias=False) for b in range(2)]
    assert torch.equal(worlds.pictures(whole), torch.cat([worlds.pictures(half[0]) for half in halves]))
    for whole_gradient, a, b in zip(gradients[:5], halves[0][1], halves[1][1], strict=False):
        torch.testing.assert_close(whole_gradient, a + b, atol=2e-5, rtol=1e-4)


def test_screen_collects_the_gradient_of_the_projected_means():
    """By finite differences of the reference's offset, in pixels; through ``backward``, as density control reads it."""
    splats, cameras = worlds.random_splats(1, 0, sizes=(0.2, 0.3)), orbit([0.0], 0.0, 2.5, 40.0, 16, 16)
    given = worlds.to(splats, torch.float32)
    raster = rasterise(given, cameras, backend="numba", antialias=False)
    weight = torch.linspace(0, 1, 16)[None, None, :, None]
    (raster.opacity * weight).sum().backward()
    with torch.no_grad():
        moved = []
        for step in (-0.01, 0.01):
            screen = torch.tensor([[[step, 0.0]]])
            shown = splatting_torch.project(splats, cameras, False, screen)
            y, x = torch.meshgrid(torch.arange(16) + 0.5, torch.arange(16) + 0.5, indexing="ij")
            picture = splatting_torch.composite(torch.stack([x, y], -1).view(-1, 2), shown.mean[0], shown.conic[0],
                                                shown.opacity[0], torch.ones(1, 1))
            moved.append((picture.view(1, 16, 16, 1) * weight).sum().item())
    assert raster.screen.grad[0, 0, 0].item() == pytest.approx((moved[1] - moved[0]) / 0.02, rel=0.02)


def test_no_gradient_asked_none_kept():
    with torch.no_grad():
        splats = worlds.to(worlds.random_splats(5, 0), torch.float32)
        raster = rasterise(splats, worlds.two_views(8, 8), backend="numba", antialias=False)
    assert not raster.screen.requires_grad and not raster.rgb.requires_grad


def test_errors():
    splats = worlds.random_splats(2, 0)
    with pytest.raises(ValueError, match="backend must be torch, numba or gsplat, got 'jax'"):
        rasterise(splats, worlds.two_views(8, 8), backend="jax", antialias=False)
    with pytest.raises(ValueError, match=r"means must be float32 on the CPU, got torch\.float64 on cpu"):
        rasterise(worlds.to(splats, torch.float64), worlds.two_views(8, 8), backend="numba", antialias=False)


def test_rays_and_axes_agree_with_the_cameras():
    cameras = worlds.two_views(7, 5)
    rotation, position = world_to_camera(cameras)
    origins, directions = cameras.rays()
    torch.testing.assert_close(position, origins[:, 0, 0])
    along = torch.einsum("bij,bhwj->bhwi", rotation, directions)  # OpenCV axes: z forward
    torch.testing.assert_close(1 / along[..., 2:], ray_lengths(cameras))


# --- on a GPU ---------------------------------------------------------------------------------------------------------

@cuda
@pytest.mark.parametrize("backend", ["torch", "gsplat"])
@pytest.mark.parametrize("antialias", [False, True])
def test_cuda_equals_the_reference(backend, antialias):
    """gsplat 1.5 draws the same pictures and pulls back the same gradients; skipped where it does not run."""
    from carv3d.scenes.kernels.backends import probe_one

    if backend == "gsplat" and not (found := probe_one("gsplat")).works:
        pytest.skip(f"gsplat: {found.note}")
    splats, cameras = worlds.random_splats(250, 0, degree=2), worlds.two_views(37, 29)
    edge = worlds.on_an_edge(splats, cameras, antialias)
    given = [part * ~edge[..., None] for part in worlds.cotangents(cameras, 0)]
    double = worlds.to(splats, torch.float64)
    slow, slow_grad = worlds.pull(double, cameras, given, backend="torch", antialias=antialias)
    on_device = worlds.to(Splats(*(tensor.cuda() for tensor in splats.tensors().values())), torch.float32)
    fast, fast_grad = worlds.pull(on_device, cameras.to("cuda"), given, backend=backend, antialias=antialias)
    assert (worlds.pictures(slow) - worlds.pictures(fast)).abs()[~edge].max() < 1e-4
    for name, a, b in zip(NAMES, slow_grad, fast_grad, strict=True):
        assert (a - b.cpu()).abs().max() < 1e-3 * a.abs().max(), name
    assert ALPHA_LEAST == 1 / 255
