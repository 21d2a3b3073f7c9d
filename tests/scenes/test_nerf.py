"""The NeRF scene: its fast paths against the torch reference, and a fit to a ball with a known picture."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
import torch

from carv3d.cameras import orbit, turntable
from carv3d.config.scenes import NerfConfig
from carv3d.runtime.errors import UserError
from carv3d.scenes.kernels.rays import fused, fused_back, volume
from carv3d.scenes.kernels.rays.marching import march_numba, march_torch
from carv3d.scenes.nerf import HIDDEN_BELOW, NeRF

_spec = importlib.util.spec_from_file_location(
    "bench_kernels", Path(__file__).parents[2] / "scripts" / "bench_kernels.py"
)
bench = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bench)
RADIUS = 0.6


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**changes) -> NeRF:
    settings = {"levels": 3, "table_size": 512, "finest_resolution": 32, "occupancy_resolution": 16, "hidden": 16}
    return NeRF(NerfConfig(**settings | changes), generator=seeded())


@pytest.fixture(scope="module")
def fitted() -> NeRF:
    scene = NeRF(NerfConfig(), generator=seeded())
    bench.fit(scene, steps=200, size=32, radius=RADIUS, seed=0)
    return scene


@pytest.fixture(scope="module")
def reference(fitted) -> NeRF:
    """The fitted scene in plain torch, where nothing is skipped but empty cells."""
    scene = NeRF(NerfConfig(encoding_backend="torch", render_backend="torch"), generator=seeded(1))
    scene.load_state_dict(fitted.state_dict())
    return scene


def views(size: int = 24):
    return orbit([10.0, 130.0, 250.0], [0.0, 40.0, 90.0], 2.8, 40.0, size, size), torch.rand(3, 3, generator=seeded(2))


def test_fit_reaches_the_ball(fitted):
    cameras, background = turntable(6, 20.0, 2.8, 40.0, 64), torch.full((6, 3), 0.5)
    with torch.no_grad():
        out = fitted.render(cameras, background)
    psnr = -10 * (out.rgb - bench.ball(cameras, background, RADIUS)).square().mean().log10()
    assert psnr > 33  # measured 34.9, at twice the training resolution
    assert out.depth[:, 32, 32].sub(2.8 - RADIUS).abs().max() < 0.09  # three steps; measured 0.035 and 0.052
    assert out.opacity[:, 32, 32].min() > 0.99 and out.opacity[:, 0, 0].max() < 0.01


@pytest.mark.parametrize("jitter", [False, True])
def test_three_paths_agree(fitted, reference, jitter):
    cameras, background = views()
    trained = fitted.render(cameras, background, seeded(3) if jitter else None)
    slow = reference.render(cameras, background, seeded(3) if jitter else None)
    with torch.no_grad():
        inferred = fitted.render(cameras, background, seeded(3) if jitter else None)
        chunked = reference.render(cameras, background, seeded(3) if jitter else None)
    assert (trained.rgb - inferred.rgb).abs().max() < 1e-5  # measured 1.3e-6
    assert (inferred.rgb - slow.rgb).abs().max() < HIDDEN_BELOW + 1e-5  # hidden samples are left out; measured 8.4e-5
    assert (inferred.opacity - slow.opacity).abs().max() < HIDDEN_BELOW + 1e-5
    assert (slow.rgb - chunked.rgb).abs().max() < 1e-5
    solid = slow.opacity > 0.1
    assert (inferred.depth - slow.depth)[solid].abs().max() < 5e-4  # measured 4.5e-5


def test_gradients_agree_with_the_reference(fitted, reference):
    cameras, background = views()
    cotangent = torch.randn(3, 24, 24, 3, generator=seeded(4))
    grads = []
    for scene in (fitted, reference):
        loss = (scene.render(cameras, background).rgb * cotangent).sum()
        grads.append(torch.autograd.grad(loss, list(scene.parameters())))
    for fast, slow in zip(*grads, strict=True):
        assert (fast - slow).norm() < 3e-3 * slow.norm()  # hidden samples are left out; measured 1.0e-3


def test_early_stop_error_is_bounded_by_its_threshold(fitted):
    cameras, _ = views()
    rays, grid, field = fitted._rays(cameras, torch.zeros(3 * 24 * 24)), fitted._grid(), fitted._field()
    with torch.no_grad():
        samples = march_numba(rays, grid)
        full = torch.cat(volume.render_numba(*fitted.field(samples.points), samples), -1)
        for threshold in (0.3, 1e-2, 1e-4):
            stopped = torch.cat(fused.trace(rays, grid, field, threshold), -1)
            error = (full - stopped)[:, :4]
            assert -2e-6 < error.min() and error.max() < threshold + 2e-6
            kept = fused_back.render(rays, grid, field, threshold)[4]
            assert len(kept.ray) < len(samples.ray)
            again = torch.cat(volume.render_numba(*fitted.field(kept.points), kept), -1)
            assert (again - stopped).abs().max() < 5e-5  # measured worst: 2.1e-5, in depth


def test_what_is_known_of_the_cells_lasts_until_they_change():
    scene = small()
    first = scene._grid()
    assert scene._grid() is first and (first.numpy()[0] == 0).all()
    for change in (lambda: scene.occupied.zero_(), lambda: scene.occupied[:2].fill_(True),
                   lambda: scene.load_state_dict(small().state_dict()), lambda: scene.update(0, seeded(1))):
        before = scene._grid()
        change()
        grid = scene._grid()
        assert grid is not before and ((grid.numpy()[0] == 0) == scene.occupied.numpy()).all()
    with scene.closer():
        assert scene._grid().step == scene.step < grid.step


def test_visible_is_a_prefix_of_every_ray(fitted):
    cameras, _ = views()
    rays = fitted._rays(cameras, torch.rand(3 * 24 * 24, generator=seeded(5)))
    every = march_torch(rays, fitted._grid())
    seen = fused_back.render(rays, fitted._grid(), fitted._field(), 1e-3)[4]
    assert (seen.first.diff() <= every.first.diff()).all()
    index = every.first[seen.ray] + torch.arange(len(seen.ray)) - seen.first[seen.ray]
    assert torch.equal(every.t_start[index], seen.t_start)
    assert (every.points[index] - seen.points).abs().max() < 1e-6  # those looked at: multiplied and added at once


@pytest.mark.parametrize("settings", [{}, {"layers": 3, "hidden": 20}])
def test_the_way_back_of_the_fused_render(settings):
    """Against autograd through the same samples one by one: of colour, opacity, depth and of the densities
    themselves, alone and together; twice from one render; the same bits on one thread and on two."""
    scene = small(**settings)
    with torch.no_grad():
        scene.encoding.table.mul_(3e3)  # uneven, with rays that end early and others that do not
    cameras, _ = views()
    rays = scene._rays(cameras, torch.rand(3 * 24 * 24, generator=seeded(7)))
    *out, density, samples = fused_back.render(rays, scene._grid(), scene._field(), HIDDEN_BELOW)
    own_density, rgb = scene.field(samples.points)
    own = [*volume.render_numba(own_density, rgb, samples), own_density]
    pulls = [torch.randn(x.shape, generator=seeded(8)) for x in own]
    for some in ((0,), (1, 2), (3,), (0, 1, 2, 3)):
        roots = [[each[i] for i in some] for each in ([*out, density], own)]
        fast, slow = (torch.autograd.grad(root, list(scene.parameters()), [pulls[i] for i in some], retain_graph=True)
                      for root in roots)
        for a, b in zip(fast, slow, strict=True):
            assert (a - b).norm() < 1e-4 * b.norm(), some
    threads = torch.get_num_threads()
    grads = []
    for count in (1, 2):
        torch.set_num_threads(count)
        again, *_ = fused_back.render(rays, scene._grid(), scene._field(), HIDDEN_BELOW)
        grads.append(torch.autograd.grad(again, list(scene.parameters()), pulls[0]))
    torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))
    with pytest.raises(AssertionError):  # control: a gradient of other densities is told apart
        assert (fast[0] - 1.001 * slow[0]).norm() < 1e-4 * slow[0].norm()


def test_rays_that_see_nothing_go_back_to_nothing():
    scene = small()
    scene.occupied.zero_()
    cameras, background = views(8)
    out = scene.render(cameras, background)
    (out.rgb.sum() + out.depth.sum()).backward()
    assert all(p.grad is not None and not p.grad.any() for p in scene.parameters())


def test_density_equals_the_reference(fitted, reference):
    points = torch.rand(5000, 3, generator=seeded(6)) * 2 - 1
    fast, slow = fitted.density(points), reference.density(points)
    assert (fast - slow).abs().div(slow + 1e-3).max() < 2e-5  # measured 1.9e-6


def test_occupancy_discards_nothing_dense(fitted):
    """Every cell the grid measured above the threshold is kept, and fresh points of discarded cells are thin too."""
    threshold = fitted.thickness.mean().clamp_max(fitted.occupancy_threshold)
    assert fitted.occupied[fitted.thickness > threshold].all()
    size = len(fitted.occupied)
    empty = (~fitted.occupied).nonzero().repeat(4, 1)
    points = (empty + torch.rand(empty.shape, generator=seeded(7))) * (2 / size) - 1
    thickness = fitted.density(points) * fitted.step
    assert 0.11 < fitted.occupied.float().mean() < 0.25  # the ball fills 11 % of the box; measured 0.16
    assert (thickness > fitted.occupancy_threshold).float().mean() < 1e-3  # measured 6e-5, the thickest 0.016


def test_update_only_on_its_steps_and_repeatable():
    scene, same = small(occupancy_every=4), small(occupancy_every=4)
    scene.update(3, seeded())
    assert scene.occupied.all()
    scene.update(4, seeded())
    same.update(4, seeded())
    assert not scene.occupied.all() and torch.equal(scene.thickness, same.thickness)


def test_training_is_bitwise_repeatable():
    runs = []
    for _ in range(2):
        scene = small()
        errors = bench.fit(scene, steps=6, size=24, radius=RADIUS, seed=1)
        runs.append((errors, scene.state_dict()))
    assert runs[0][0] == runs[1][0]
    assert all(torch.equal(a, b) for a, b in zip(runs[0][1].values(), runs[1][1].values(), strict=True))


def test_state_dict_restores_picture_and_next_update():
    scene = small()
    bench.fit(scene, steps=5, size=16, radius=RADIUS, seed=1)
    other = small(blob_scale=scene.blob_scale)
    other.load_state_dict(scene.state_dict())
    cameras, background = views()
    for step in (0, 16):
        assert torch.equal(scene.render(cameras, background).rgb, other.render(cameras, background).rgb)
        scene.update(step, seeded(step))
        other.update(step, seeded(step))
    assert torch.equal(scene.occupied, other.occupied) and torch.equal(scene.thickness, other.thickness)


def test_starts_as_a_soft_ball():
    scene = NeRF(NerfConfig(), generator=seeded())
    points = torch.tensor([[0.0, 0, 0], [0.5, 0, 0], [0, 0, -0.75]])
    expected = torch.tensor([math.exp(5.0), 1.0, math.exp(-2.5)])
    torch.testing.assert_close(scene.density(points), expected, rtol=1e-3, atol=0)


def test_background_fills_what_is_not_covered():
    scene = small()
    cameras, background = views()
    with torch.no_grad():
        colour, black = scene.render(cameras, background), scene.render(cameras, torch.zeros(3, 3))
        alone = scene.render(cameras[1:2], background[1:2])
    torch.testing.assert_close(colour.rgb, black.rgb + (1 - black.opacity) * background[:, None, None])
    assert torch.equal(alone.rgb[0], colour.rgb[1])
    assert colour.rgb.shape == (3, 24, 24, 3) and colour.depth.shape == colour.opacity.shape == (3, 24, 24, 1)


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_empty_scene_shows_the_background(backend):
    scene = small(encoding_backend=backend, render_backend=backend)
    scene.occupied.fill_(False)
    cameras, background = views()
    out = scene.render(cameras, background)
    assert torch.equal(out.rgb, background[:, None, None].expand_as(out.rgb))
    assert not out.depth.any() and not out.opacity.any()
    out.rgb.sum().backward()  # gradients are zero, not missing
    assert not scene.mlp[0].grad.any()


def test_jitter_only_with_a_generator():
    scene = small()
    cameras, background = views()
    assert torch.equal(scene.render(cameras, background).rgb, scene.render(cameras, background).rgb)
    jittered = [scene.render(cameras, background, seeded(seed)).rgb for seed in (0, 0, 1)]
    assert torch.equal(jittered[0], jittered[1]) and not torch.equal(jittered[0], jittered[2])


def test_parameter_groups_hold_every_parameter_once():
    groups = small(layers=2).parameter_groups({"encoding": 0.01, "mlp": 0.001})
    assert [(group["name"], group["lr"]) for group in groups] == [("encoding", 0.01), ("mlp", 0.001)]
    assert sum(len(group["params"]) for group in groups) == len(list(small(layers=2).parameters())) == 4


def test_not_a_number_shows():
    scene = small()
    cameras, background = views(8)
    with torch.no_grad():
        scene.mlp[0].fill_(math.nan)
        assert scene.render(cameras, background).rgb.isnan().any()
    assert scene.render(cameras, background).rgb.isnan().any()


@pytest.mark.parametrize("changes", [{"layers": 2, "hidden": 24}, {"bound": 1.7}, {"features": 2}])
def test_other_shapes_agree_with_the_reference(changes):
    scene, slow = small(**changes), small(**changes, encoding_backend="torch", render_backend="torch")
    assert scene.fused == ("features" not in changes)
    with torch.no_grad():
        for group in scene.parameters():
            group.add_(torch.randn(group.shape, generator=seeded(8)) * 0.3)
    slow.load_state_dict(scene.state_dict())
    cameras, background = views(16)
    with torch.no_grad():
        assert (scene.render(cameras, background).rgb - slow.render(cameras, background).rgb).abs().max() < 1.2e-4


def test_backends_are_named_and_refused():
    scene = small()
    assert scene.backends == "encoding numba (fastest on cpu), render numba (fastest on cpu)"
    with pytest.raises(UserError, match="encoding_backend=tinycudann does not run on cpu"):
        small(encoding_backend="tinycudann")
    with pytest.raises(UserError, match="render_backend=fast is not one of auto, torch, numba, triton, nerfacc"):
        small(render_backend="fast")


def test_bad_arguments_name_themselves():
    cameras, _ = views()
    with pytest.raises(ValueError, match=r"background must be \[3,3\], got \(1, 3\)"):
        small().render(cameras, torch.zeros(1, 3))
    with pytest.raises(ValueError, match="bound"):
        small(bound=0.0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_reference(fitted, reference):
    scene = NeRF(NerfConfig(encoding_backend="torch"), device="cuda", generator=seeded())
    scene.load_state_dict(fitted.state_dict())
    cameras, background = views()
    assert (scene.render(cameras, background).rgb.cpu() - reference.render(cameras, background).rgb).abs().max() < 1e-3


def test_orientation_is_an_estimate_of_the_sum_over_all_samples(fitted):
    """False alarm: 4 standard errors of 64 repetitions, 1 in 10,000. The control, normals turned round, is far off."""
    cameras, background = orbit([0.0, 120.0], 20.0, 2.6, 40.0, 16, 16), torch.rand(2, 3, generator=seeded())
    out = fitted.render(cameras, background, seeded(1))
    seen = out.marched
    with torch.no_grad():
        w, rays = volume.weights(seen), (seen.first.diff() > 0).sum()
        cosine = (-torch.nn.functional.normalize(fitted.gradient(seen.points), dim=-1)
                  * seen.directions[seen.ray]).sum(-1)
        exact, turned = ((w * (sign * cosine).clamp_min(0).square()).sum() / rays for sign in (1, -1))
        found = torch.stack([fitted.penalties(["orient"], seeded(seed), out)["orient"].mean() for seed in range(64)])
    assert abs(found.mean() - exact) < 4 * found.std() / 8
    assert abs(found.mean() - turned) > 40 * found.std() / 8
    assert fitted.penalties([], seeded(), out) == {}


def test_orientation_turns_normals_that_face_away():
    """A few steps on the penalty alone lower it, and its gradient reaches the grid and the MLP."""
    scene = small()
    cameras, background = orbit([0.0, 120.0], 20.0, 2.6, 40.0, 16, 16), torch.zeros(2, 3)
    optimizer, values = torch.optim.Adam(scene.parameter_groups({"encoding": 0.1, "mlp": 0.01})), []
    for step in range(80):
        loss = scene.penalties(["orient"], seeded(step), scene.render(cameras, background))["orient"].mean()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad.abs().max() > 0 for p in scene.parameters())
        optimizer.step()
        values.append(loss.item())
    assert sum(values[-5:]) < 0.5 * sum(values[:5])
