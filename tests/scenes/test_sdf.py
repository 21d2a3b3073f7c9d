"""The surface scene: its density, its sphere, its fast paths against the torch reference, a fit to a toybox object."""

from __future__ import annotations

import dataclasses
import math
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from carv3d import config as configuration
from carv3d.cameras import Cameras, RenderOut, orbit, sample_cameras, turntable
from carv3d.config import registry
from carv3d.config.export import MESHES
from carv3d.config.options import Schedule, constant
from carv3d.config.scenes import SdfConfig
from carv3d.export import mesh, volume
from carv3d.quality import solids
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.scenes import sdf
from carv3d.scenes.base import Scene
from carv3d.scenes.kernels.rays.fused import INSET
from carv3d.scenes.nerf import HIDDEN_BELOW, NeRF
from carv3d.scenes.sdf import Sdf, laplace
from carv3d.text3d import build, distances, regularisers
from carv3d.toybox.grammar import parse
from carv3d.toybox.tracer import render

PROMPT, CPU, RADIUS = "a green mug", torch.device("cpu"), 0.5
NOTHING = RenderOut(torch.zeros(0), torch.zeros(0), torch.zeros(0))  # for penalties that look at no render


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**changes) -> Sdf:
    settings = {"levels": 3, "table_size": 512, "finest_resolution": 32, "occupancy_resolution": 16, "hidden": 16}
    return Sdf(SdfConfig(**settings | changes), generator=seeded())


def load(*overrides: str):
    return configuration.load(None, [f"prompt={PROMPT}", "device=cpu", "scene.type=sdf", *overrides])


def in_box(count: int, seed: int = 6) -> torch.Tensor:
    return torch.rand(count, 3, generator=seeded(seed)) * 2 - 1


def views(size: int = 24) -> tuple[Cameras, torch.Tensor]:
    return orbit([10.0, 130.0, 250.0], [0.0, 40.0, 80.0], 2.8, 40.0, size, size), torch.rand(3, 3, generator=seeded(2))


def trained(scene: Scene, steps: int, size: int, seed: int = 0) -> Scene:
    """On images of the toybox's mug, as it is lit, over random backgrounds."""
    generator, weight = seeded(seed), 0.003
    optimizer = torch.optim.Adam(scene.parameter_groups(scene.rates), betas=(0.9, 0.99), eps=1e-15)
    for step in range(steps):
        cameras = sample_cameras(2, size, size, (-10, 75), (2.5, 2.8), (38, 42), generator)
        background = torch.rand(2, 3, generator=generator)
        out = scene.render(cameras, background, generator)
        error = (out.rgb - seen(cameras, background)).square().mean()
        own = scene.penalties(["eikonal"], generator, out)
        optimizer.zero_grad()
        (error + weight * sum(value.mean() for value in own.values())).backward()
        optimizer.step()
        scene.update(step, generator, optimizer)
    return scene


def seen(cameras: Cameras, background: torch.Tensor) -> torch.Tensor:
    rgba = render(parse(PROMPT), cameras).rgba
    return rgba[..., :3] + (1 - rgba[..., 3:]) * background[:, None, None]


@pytest.fixture(scope="module")
def fitted() -> Sdf:
    options = SdfConfig(reach=0.3, beta=Schedule([0.1, 0.03, 0.01], [0, 60, 120]), active_levels=constant(24))
    return trained(Sdf(options, generator=seeded()), 120, 32)


@pytest.fixture(scope="module")
def reference(fitted) -> Sdf:
    """The fitted scene in plain torch, where nothing is skipped but empty cells."""
    options = dataclasses.replace(fitted.options, encoding_backend="torch", render_backend="torch")
    scene = Sdf(options, generator=seeded(1))
    scene.load_state_dict(fitted.state_dict())
    return scene


def test_density_has_its_limits():
    beta = 0.02
    depth = torch.tensor([-10.0, INSET * beta - 1e-7, INSET * beta, INSET * beta + 1e-7, 10.0])
    expected = torch.tensor([0.0, 0.5, 0.5, 0.5, 1.0]) / beta
    torch.testing.assert_close(laplace(depth, beta), expected, rtol=1e-4, atol=1e-12)
    sharp = laplace(torch.tensor([-0.01, 0.01]), 1e-4)
    torch.testing.assert_close(sharp, torch.tensor([0.0, 1e4]), rtol=1e-5, atol=1e-5)
    along = laplace(torch.linspace(-1, 1, 999), beta)
    assert (along.diff() >= 0).all() and laplace(torch.tensor([-1e6, 1e6]), 1e-4).isfinite().all()
    somewhere = torch.linspace(-0.3, 0.31, 50, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda depth: laplace(depth, 0.05), somewhere)


def test_starts_as_a_sphere():
    scene, points = Sdf(SdfConfig(radius=0.4), generator=seeded()), in_box(5000)
    assert (scene.distance(points) - (points.norm(dim=-1) - 0.4)).abs().max() < 1e-3
    made = solids.extract(load(), Sdf(SdfConfig(radius=0.4, beta=constant(0.01)), generator=seeded()), CPU)
    assert np.abs(np.linalg.norm(made.vertices, axis=1) - 0.4).max() < 1e-3  # no blur, which would move it
    assert made.volume == pytest.approx(4 / 3 * math.pi * 0.4**3, rel=5e-3) and made.watertight


def test_slope_and_eikonal_of_a_true_distance():
    scene, points = Sdf(SdfConfig(active_levels=constant(8)), generator=seeded()), in_box(2000) * 0.9
    points = points[points.norm(dim=-1) > 0.2]
    apart = -scene.gradient(points) - torch.nn.functional.normalize(points, dim=-1)
    assert apart.norm(dim=-1).max() < 0.06  # away from the origin, where it bends; the random network's share too
    assert eikonal(scene) < 2e-3
    assert scene.penalties([], seeded(), NOTHING) == {}
    scene.blob_scale *= 2  # the control: twice as steep
    assert eikonal(scene) == pytest.approx(1, rel=0.02)


def eikonal(scene: Sdf) -> float:
    return scene.penalties(["eikonal"], seeded(), NOTHING)["eikonal"].mean().item()


def test_eikonal_points_are_where_they_should_be():
    scene = small(occupancy_resolution=8, eikonal_points=4000)
    scene.occupied.fill_(False)
    scene.occupied[1, 2, 3] = True
    points = scene._anywhere(seeded())
    inside = (((points + 1) * 4).long() == torch.tensor([1, 2, 3])).all(-1)
    assert 0.72 < inside.float().mean() < 0.78 and points.abs().max() <= 1 - scene.spacing
    scene._cells = None
    scene.occupied.fill_(False)
    assert scene._anywhere(seeded()).std() > 0.5


@pytest.mark.parametrize("jitter", [False, True])
def test_three_paths_agree(fitted, reference, jitter):
    cameras, background = views()
    outs = [scene.render(cameras, background, seeded(3) if jitter else None) for scene in (fitted, reference)]
    with torch.no_grad():
        inferred = fitted.render(cameras, background, seeded(3) if jitter else None)
    assert (outs[0].rgb - inferred.rgb).abs().max() < 1e-4
    assert (inferred.rgb - outs[1].rgb).abs().max() < HIDDEN_BELOW + 1e-4
    assert (inferred.opacity - outs[1].opacity).abs().max() < HIDDEN_BELOW + 1e-4


def test_distance_and_density_equal_the_reference(fitted, reference):
    points = in_box(5000)
    assert (fitted.distance(points) - reference.distance(points)).abs().max() < 2e-6
    fast, slow = fitted.density(points), reference.density(points)
    assert (fast - slow).abs().div(slow + 1e-2).max() < 5e-4  # an error of 1e-6 in the distance, over beta
    assert torch.allclose(fast, laplace(-fitted.distance(points), fitted.beta), rtol=1e-3, atol=1e-4)


def test_gradients_agree_with_the_reference(fitted, reference):
    cameras, background = views()
    cotangent = torch.randn(3, 24, 24, 3, generator=seeded(4))
    grads = []
    for scene in (fitted, reference):
        loss = (scene.render(cameras, background).rgb * cotangent).sum()
        eikonal = scene.penalties(["eikonal"], seeded(5), NOTHING)["eikonal"].sum()
        grads.append([*torch.autograd.grad(loss, list(scene.parameters())),
                      *torch.autograd.grad(eikonal, list(scene.parameters()))])
    for fast, slow in zip(*grads, strict=True):
        assert (fast - slow).norm() < 5e-3 * slow.norm()  # hidden samples are left out


@pytest.mark.parametrize("changes", [{"layers": 2, "active_levels": constant(2)}, {"bound": 1.7}, {"features": 2}])
def test_other_shapes_agree_with_the_reference(changes):
    scene, slow = small(**changes), small(**changes, encoding_backend="torch", render_backend="torch")
    with torch.no_grad():
        for group in scene.parameters():
            group.add_(torch.randn(group.shape, generator=seeded(8)) * 0.1)
    slow.load_state_dict(scene.state_dict())
    cameras, background = views(16)
    with torch.no_grad():
        assert (scene.render(cameras, background).rgb - slow.render(cameras, background).rgb).abs().max() < 3e-4
    assert (scene.distance(in_box(500)) - slow.distance(in_box(500))).abs().max() < 2e-6


def test_levels_that_are_not_in_use_neither_count_nor_move():
    scene = small(active_levels=Schedule([1, 3], [0, 4]))
    with torch.no_grad():
        scene.encoding.table[scene.encoding.row[1]:] = 100.0
    assert (scene.distance(in_box(500)) - (in_box(500).norm(dim=-1) - RADIUS)).abs().max() < 1e-3
    before = scene.encoding.table.detach().clone()
    trained(scene, 1, 16)
    assert torch.equal(scene.encoding.table[scene.encoding.row[1]:], before[scene.encoding.row[1]:])
    assert not torch.equal(scene.encoding.table, before) and scene.levels == 1
    wide = scene.spacing
    scene.update(1, seeded())
    assert scene.levels == 2 and scene.spacing < wide


def test_beta_follows_the_steps_and_the_state():
    scene = small(beta=Schedule([0.1, 0.02], [0, 10]))
    assert scene.beta == 0.1
    scene.update(4, seeded())
    other = small(beta=Schedule([0.1, 0.02], [0, 10]))
    other.load_state_dict(scene.state_dict())
    assert scene.beta == other.beta == pytest.approx(0.06) and other.steps == 5


def test_going_on_from_a_state_is_exact_to_the_bit():
    scene = small(occupancy_every=2, beta=Schedule([0.1, 0.02], [0, 10]), active_levels=Schedule([1, 3], [0, 5]))
    ends = []
    for broken in (False, True):
        torch.manual_seed(0)
        one = small(occupancy_every=2, beta=scene.options.beta, active_levels=scene.options.active_levels)
        optimizer = torch.optim.Adam(one.parameter_groups(one.rates))
        for step in range(6):
            if broken and step == 3:
                again = small(occupancy_every=2, beta=one.options.beta, active_levels=one.options.active_levels)
                again.load_state_dict(one.state_dict())
                fresh = torch.optim.Adam(again.parameter_groups(again.rates))
                fresh.load_state_dict(optimizer.state_dict())
                one, optimizer = again, fresh
            cameras, background = views(12)
            out = one.render(cameras, background, seeded(step))
            terms = regularisers.regularisers(out, cameras, None, {"eikonal": 0.1},
                                              one.penalties(["eikonal"], seeded(step), out))
            optimizer.zero_grad()
            (out.rgb.square().mean() + regularisers.total(terms)).backward()
            optimizer.step()
            one.update(step, seeded(step), optimizer)
        ends.append(one.state_dict())
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(a, b) for a, b in zip(ends[0].values(), ends[1].values(), strict=True))


def test_fit_reaches_the_mug(fitted):
    cameras, background = turntable(6, 30.0, 2.65, 40.0, 64), torch.full((6, 3), 0.5)
    with torch.no_grad():
        out = fitted.render(cameras, background)
    psnr = -10 * (out.rgb - seen(cameras, background)).square().mean().log10()
    found = solids.of_mesh(load(), solids.extract(load(), fitted, CPU))
    assert psnr > 31 and found["fscore_1"] > 0.5 and found["volume_iou"] > 0.35, (psnr, found)
    assert found["euler_right"] and found["parts_right"]


def test_export_is_the_zero_level(fitted):
    options = mesh.Options(resolution=96, smooth=0, faces=10**6, texture_size=0)
    shape = mesh.find(fitted, volume.cameras(2.65, 40.0, [-5.0, 60.0]), CPU, options, lambda *_: nullcontext(Silent()))
    assert shape.facts["threshold"] == 0 and shape.facts["watertight"] and shape.facts["silhouette_iou"] > 0.9
    vertices = torch.from_numpy(shape.fine.vertices)
    assert fitted.distance(vertices).abs().median() < 0.1 * shape.cell
    assert volume.knows_distance(fitted) and not volume.knows_distance(NeRF(configuration.Config().scene.nerf,
                                                                           generator=seeded()))


class Silent:
    def add(self, _: int) -> None: ...


def test_a_surface_that_is_not_there_in_one_line():
    scene = small(radius=1e-3)
    with pytest.raises(UserError, match="it is blank.*distances from"):
        mesh.find(scene, volume.cameras(2.65, 40.0, [-5.0, 35.0]), CPU, mesh.Options(resolution=32),
                  lambda *_: nullcontext(Silent()))
    with torch.no_grad():
        scene.mlp[-1].fill_(math.nan)
    with pytest.raises(UserError, match="its distance is not finite"):
        volume.solidity(scene, 32, CPU, lambda _: None)


def test_pictures_to_look_at_see_the_surface_in_smaller_steps():
    """The depth of a sphere comes in steps; twice as dense a march halves them. Afterwards it is as before."""
    scene, (cameras, background) = small(beta=constant(0.004), samples_per_ray=64), views(48)
    origins, directions = (x.reshape(-1, 3) for x in cameras.rays())
    along = -(origins * directions).sum(-1)
    truth = along - (scene.options.radius ** 2 - origins.square().sum(-1) + along.square()).clamp_min(0).sqrt()

    def spread() -> float:
        out = scene.render(cameras, background)
        inside = out.opacity.flatten() > 0.999
        return (out.depth.flatten() - truth)[inside].std().item()

    with torch.no_grad():
        coarse = spread()
        with pytest.raises(KeyError), scene.closer():
            assert spread() < 0.6 * coarse
            raise KeyError
        assert spread() == coarse > 0



def nerf_run(folder: Path) -> Path:
    """A run folder of an untrained NeRF: a ball of fog, dense within 0.6 of the origin."""
    given = configuration.load(None, ["prompt=a red mushroom", "device=cpu", "scene.nerf.levels=2",
                                      "scene.nerf.table_size=1024", "scene.nerf.blob_scale=40",
                                      "scene.nerf.blob_std=0.6"])
    folder.mkdir()
    (folder / "config.yaml").write_text(configuration.dump(given))
    checkpoint.save(folder / "ckpts", 1, {"trainer": {"scenes": [build.scene(given).state_dict()]}}, keep=1)
    return folder


def test_starts_from_a_nerf_run(tmp_path, monkeypatch):
    run = nerf_run(tmp_path / "run")
    few = ("scene.sdf.levels=3", "scene.sdf.table_size=4096", "scene.sdf.finest_resolution=32", "scene.sdf.radius=0.3")
    monkeypatch.setattr(sdf, "FIT_STEPS", 150)
    monkeypatch.setattr(distances, "RESOLUTION", 64)
    given = load(f"scene.sdf.init={run}", "scene.sdf.init_points=20000", *few)
    build.settle(given)
    path = run / "ckpts" / "step-000001.ckpt"
    assert Path(given.scene.sdf.init).is_absolute()
    assert registry.scene(load(f"scene.sdf.init={path}")).starts_from(SdfConfig(init=str(path))) == (str(path), 2**17)
    made, other = build.scene(given), build.trained_scenes(Run.open(run).config(), path)[0][0]
    surface = solids.extract(given, other, CPU)
    wanted = np.linalg.norm(surface.vertices, axis=1).mean()  # about 0.61
    points = torch.nn.functional.normalize(in_box(500), dim=-1)
    for radius in (wanted - 0.1, wanted, wanted + 0.1):
        assert (made.distance(points * radius) - (radius - wanted)).abs().mean() < 0.012, radius
    with torch.no_grad():
        assert (made.field(points * wanted)[1] - other.field(points * wanted)[1]).abs().mean() < 0.05
    blank = build.blank(load("scene.sdf.init=/gone", *few))  # a checkpoint needs no start
    blank.load_state_dict(made.state_dict())
    assert torch.equal(blank.distance(points), made.distance(points))


def test_distance_of_a_set_of_grid_points():
    axis = np.arange(64) - 31.5
    radius = np.sqrt((axis[:, None, None]**2 + axis[:, None]**2) + axis**2)
    error = distances.signed(radius < 16) - (radius - 16)
    near = np.abs(radius - 16) < 8
    assert np.abs(error[near]).max() < 0.8 and np.abs(error[near]).mean() < 0.25


@pytest.mark.parametrize("given,told", [
    (["scene.sdf.init=nowhere"], "scene.sdf.init: nowhere does not exist; give sphere, or the folder or a checkpoint"),
    (["scene.sdf.init={file}"], "file.txt is no run; give sphere"),
    (["scene.sdf.init={folder}"], "is not a run folder"),
    (["scene.sdf.init={image}"], "scene.sdf.init: .* is a run with scene.type image; its type must be nerf or sdf"),
    (["scene.type=nerf", "loss.lambda_eikonal=2"], "loss.lambda_eikonal: given with scene.type nerf.*needs scene.type"),
    (["scene.sdf.beta=0"], "scene.sdf.beta: .*allowed: a number or a schedule >= 0.0001"),
    (["scene.sdf.radius=0"], "scene.sdf.radius: .*> 0"),
    (["scene.sdf.table_size=1000"], "scene.sdf.table_size: 1000 given; allowed: powers of two"),
    (["scene.sdf.blob_std=1"], "scene.sdf.blob_std: no such key"),
    (["scene.sdf.active_levels=0"], "scene.sdf.active_levels"),
    (["export.formats=[ply]"], "ply given with scene.type sdf"),
])
def test_mistakes_are_one_line(tmp_path, given, told):
    (tmp_path / "file.txt").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "config.yaml").write_text(configuration.dump(load("scene.type=image")))
    places = {"file": tmp_path / "file.txt", "folder": tmp_path / "folder", "image": tmp_path / "image"}
    with pytest.raises(UserError, match=told) as caught:
        build.settle(load(*(each.format(**places) for each in given)))
    assert "\n" not in str(caught.value)


def test_what_it_says_of_itself():
    given = load()
    assert registry.component("scene", "sdf") is Sdf and registry.scene(given).formats == MESHES
    assert registry.learning_rates(given) == {"encoding": 0.02, "mlp": 0.003}
    assert configuration.parse(configuration.dump(given)) == given and "lambda_eikonal" in configuration.dump(given)
    assert given.loss.at(0)["eikonal"] > 0
