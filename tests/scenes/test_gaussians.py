"""The Gaussians as a scene: rendering, parameters, field, checkpoints of another size, and what they start from."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from carv3d import config
from carv3d.cameras import orbit
from carv3d.runs import checkpoint
from carv3d.runtime.errors import UserError
from carv3d.scenes import starts
from carv3d.scenes.gaussians import Gaussians
from carv3d.scenes.kernels.splats import field as splat_field
from carv3d.scenes.kernels.splats.reference import rotations
from carv3d.scenes.splats import SH_C0, Splats
from carv3d.text3d import build

sys.path.insert(0, str(Path(__file__).parent))

import splat_worlds as worlds  # noqa: E402

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"))]
RATES = {"means": 1.0, "scales": 2.0, "quaternions": 3.0, "opacity": 4.0, "sh": 5.0}


def scene(splats: Splats, device: str = "cpu", backend: str = "auto") -> Gaussians:
    return Gaussians(splats, bound=1.0, antialias=True, raster_backend=backend, device=device)


def load(*overrides: str) -> config.Config:
    return config.load(None, ["prompt=a red mushroom", "scene.type=gaussians", "device=cpu", "scene.gaussians.count=50",
                              *overrides])


# --- rendering and training -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("device", DEVICES)
def test_render_composites_and_reports(device):
    made = scene(worlds.random_splats(200, 0), device)
    cameras, background = worlds.two_views(20, 16), torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])
    out = made.render(cameras, background)
    assert out.rgb.shape == (2, 16, 20, 3) and out.opacity.shape == out.depth.shape == (2, 16, 20, 1)
    assert out.stats == {"gaussians": 200.0} and made.device.type == device
    empty = out.opacity[..., 0] == 0
    assert empty.any() and (out.depth[empty] == 0).all()
    assert torch.equal(out.rgb[0][empty[0]].cpu(), background[0].expand(int(empty[0].sum()), 3))
    solid = out.opacity[..., 0] > 0.5
    assert ((out.depth[solid] > 1) & (out.depth[solid] < 3.5)).all()
    out.rgb.sum().backward()
    assert made.raster.screen.grad.any() and (made.raster.radii > 0).any()
    assert all(parameter.grad.any() for parameter in made.parameters())


@torch.no_grad()
def test_without_gradients_colours_are_cut_at_one():
    splats = worlds.random_splats(50, 0)
    made = scene(Splats(splats.means, splats.log_scales, splats.quaternions, splats.opacity_logits, splats.sh + 3))
    out = made.render(worlds.two_views(16, 16), torch.ones(2, 3))
    assert out.rgb.max() == 1 and made.raster is None


def test_backends_agree():
    splats, cameras = worlds.random_splats(200, 1, degree=1), worlds.two_views(20, 16)
    fast, slow = (scene(splats, backend=backend) for backend in ("numba", "torch"))
    assert "numba" in fast.backends and "torch" in slow.backends
    a, b = (made.render(cameras, torch.zeros(2, 3)) for made in (fast, slow))
    for name in ("rgb", "opacity"):
        assert (getattr(a, name) - getattr(b, name)).abs().max() < 5e-3  # one flip at 1/255


def test_adam_fits_two_views():
    """Fitting pictures of other Gaussians: the error falls to a tenth, so gradients point the right way."""
    cameras, background = worlds.two_views(32, 32), torch.ones(2, 3)
    with torch.no_grad():
        wanted = scene(worlds.random_splats(100, 1)).render(cameras, background).rgb
    made = scene(worlds.random_splats(200, 0))
    rates = {"means": 0.01, "scales": 0.02, "quaternions": 0.02, "opacity": 0.05, "sh": 0.05}
    optimizer = torch.optim.Adam(made.parameter_groups(rates))
    errors = []
    for _ in range(120):
        error = (made.render(cameras, background).rgb - wanted).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.1 * errors[0], errors[::20]


def test_parameter_groups_and_update():
    made = scene(worlds.random_splats(5, 0))
    groups = made.parameter_groups(RATES)
    assert [(group["name"], group["lr"]) for group in groups] == [
        ("means", 1.0), ("log_scales", 2.0), ("quaternions", 3.0), ("opacity_logits", 4.0), ("sh", 5.0)]
    assert {id(group["params"][0]) for group in groups} == {id(parameter) for parameter in made.parameters()}
    made.update(0, torch.Generator())


def test_a_checkpoint_may_hold_another_number():
    few, many = scene(worlds.random_splats(5, 0)), scene(worlds.random_splats(9, 1))
    before = few.means
    few.load_state_dict(many.state_dict())
    assert few.means is before and len(few.splats) == 9
    assert all(torch.equal(a, b) for a, b in zip(few.parameters(), many.parameters(), strict=True))
    with pytest.raises(RuntimeError, match="size mismatch for sh"):
        few.load_state_dict(scene(worlds.random_splats(5, 0, degree=1)).state_dict())


def test_errors_of_the_scene():
    with pytest.raises(ValueError, match=r"background must be \[2,3\], got \(1, 3\)"):
        scene(worlds.random_splats(5, 0)).render(worlds.two_views(8, 8), torch.zeros(1, 3))
    with pytest.raises(ValueError, match="bound must be positive, got 0"):
        Gaussians(worlds.random_splats(5, 0), bound=0, antialias=True, raster_backend="auto")
    with pytest.raises(UserError, match="raster_backend=gsplat does not run on cpu; use auto or torch"):
        scene(worlds.random_splats(5, 0), backend="gsplat")


# --- the field --------------------------------------------------------------------------------------------------------

def test_field_by_hand():
    """Two standard deviations from the centre of a Gaussian of opacity 0.5 and mean scale 0.1: log(2) / (sqrt(2 pi)
    0.1) exp(-2); its colour, wherever it is."""
    splats = Splats(torch.tensor([[0.1, 0.0, 0.0]]), torch.tensor([[0.05, 0.1, 0.2]]).log(),
                    torch.tensor([[1.0, 0, 0, 0]]), torch.zeros(1), torch.full((1, 1, 3), 0.2 / SH_C0))
    points = torch.tensor([[0.2, 0.0, 0.0], [0.1, 0.2, 0.0], [0.1, 0.0, 0.4], [0.9, 0.9, 0.9]])
    density, rgb = scene(splats).field(points)
    expected = math.log(2) / (math.sqrt(2 * math.pi) * 0.1) * torch.tensor([-2.0, -2, -2]).exp()
    torch.testing.assert_close(density[:3], expected, atol=1e-6, rtol=1e-5)
    assert density[3] == 0 and rgb[3].eq(0).all()
    torch.testing.assert_close(rgb[:3], torch.full((3, 3), 0.7))


@pytest.mark.parametrize("opacity", [0.05, 0.5, 0.95])
def test_a_ray_through_the_density_of_a_round_gaussian_meets_its_opacity(opacity):
    splats = Splats(torch.zeros(1, 3), torch.full((1, 3), 0.07).log(), torch.tensor([[1.0, 0, 0, 0]]),
                    torch.tensor([opacity]).logit(), torch.zeros(1, 1, 3))
    along = torch.linspace(-1, 1, 20001)[:, None] * torch.tensor([[0.6, 0.0, 0.8]])
    depth = torch.trapezoid(scene(splats).density(along), dx=1e-4)
    assert 1 - (-depth).exp() == pytest.approx(opacity, abs=1e-3)


EPS = 2 * torch.finfo(torch.float32).eps  # relative, of a rotation, a distance, an exponential; a third of it is used


def least_and_most(points: torch.Tensor, splats: Splats) -> tuple[torch.Tensor, torch.Tensor]:
    """[P,N] each, from float64: what a Gaussian may add to the field at a point where all is computed in float32.

    A rounding of a rotation or a distance moves the point by EPS of its distance. In standard deviations, which count in
    exp(-d^2 / 2), that is little across a ball and much across a needle. log(1 - opacity) loses digits near 1.
    """
    turn, scale = rotations(splats.quaternions), splats.log_scales.exp()
    tau, opacity = splat_field._table(splats)[0][:, 12], splats.opacity_logits.sigmoid()
    apart = points[:, None] - splats.means
    deviations = (torch.einsum("nji,pnj->pni", turn, apart) / scale).abs()
    moved = EPS * (deviations + (apart.abs() + points[:, None].abs()).sum(-1, keepdim=True) / scale)
    share = EPS * (1 - opacity / (1 - opacity) / torch.log1p(-opacity)).clamp_max(1 / splat_field.FIELD_LEAST)
    ends = []
    for sign in (-1, 1):
        squared = (deviations - sign * moved).clamp_min(0).square().sum(-1)
        most = 2 * (tau * (1 + sign * share) / splat_field.FIELD_LEAST).clamp_min(1).log()
        weight = tau * (1 + sign * (share + EPS * (1 + squared))) * (-squared / 2).exp()
        ends.append(torch.where(squared <= most * (1 + sign * EPS), weight.clamp_min(0), 0.0))
    return ends[0], ends[1]


@torch.no_grad()
@pytest.mark.parametrize("world", ["ball", "needles", "huge", "transparent"])
def test_field_equals_brute_force(world):
    """Both forms in float32 lie where the torch form in float64 says that float32 may put them. Neither is the wrong one:
    by needles 1e-5 thin, where the field reaches 644, the torch form was up to 0.60 off and the compiled one 0.49 (1.4 %
    and 1.2 % of the value, half of the points below 0.03 %), and so was the float32 table of both when summed in float64
    (0.41, 1.4 %). In a ball of Gaussians both are within 2e-6 of the value."""
    splats, generator = worlds.WORLDS[world](0), torch.Generator().manual_seed(0)
    within = torch.randn(20, len(splats), 3, 1, generator=generator) * splats.log_scales.exp()[..., None]
    near = splats.means + (rotations(splats.quaternions) @ within)[..., 0]  # a ball's points hardly meet a needle
    points = torch.cat([torch.rand(3000, 3, generator=generator) * 3 - 1.5, near.flatten(0, 1)])
    exact = worlds.to(splats, torch.float64)
    true = splat_field.field_torch(points.double(), exact)
    least, most = (end.sum(-1) for end in least_and_most(points.double(), exact))
    assert (least <= true[:, 0]).all() and (true[:, 0] <= most).all()
    clear = least > 10 * splat_field.FIELD_LEAST
    room = (most - least)[clear] / true[clear, 0]
    assert clear.sum() > 500 and room.median() < (5e-2 if world == "needles" else 5e-5)
    brightest = (0.5 + SH_C0 * splats.sh[:, 0]).max().double()
    fast = splat_field.Field(splats)(points)
    for found in (splat_field.field_torch(points, splats).double(), fast.double()):
        assert (least <= found[:, 0]).all() and (found[:, 0] <= most).all()
        assert ((found - true)[clear, 1:].abs().amax(-1) <= brightest * ((most - least)[clear] / least[clear] + EPS)).all()
    made = scene(splats)
    assert torch.equal(made.density(points), fast[:, 0]) and torch.equal(made.field(points)[0], fast[:, 0])


def test_on_a_gpu_the_field_is_the_compiled_one_too(monkeypatch):
    """The torch form looks at every Gaussian for every point: a mesh of 192^3 points would take it hours."""
    splats = worlds.WORLDS["ball"](0)
    made, points = scene(splats), torch.rand(100, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    made.raster_backend = "gsplat"
    monkeypatch.setattr(splat_field, "field_torch", lambda *_: pytest.fail("the torch form ran"))
    assert torch.equal(made.density(points), splat_field.Field(splats)(points, False)[:, 0])


def test_field_of_nothing():
    empty = worlds.random_splats(5, 0)[:0]
    assert not splat_field.Field(empty)(torch.zeros(4, 3)).any()
    assert splat_field.Field(worlds.random_splats(5, 0))(torch.zeros(0, 3)).shape == (0, 4)


# --- what they start from ---------------------------------------------------------------------------------------------

def test_ball_and_sizes():
    generator = torch.Generator().manual_seed(0)
    points, colours = starts.ball(4000, 0.5, generator)
    share = (points.norm(dim=-1) / 0.5) ** 3  # uniform in [0, 1] if the points are uniform in the ball
    assert share.max() < 1 and abs(share.mean() - 0.5) < 5 * (1 / 12 / 4000) ** 0.5
    assert points.mean(0).abs().max() < 5 * 0.5 / (5 * 4000) ** 0.5 and (colours - 0.5).abs().mean() < 0.05
    brute = (points[:300, None] - points[None, :300]).norm(dim=-1).sort(-1)[0][:, 1:4].mean(-1)
    torch.testing.assert_close(starts.neighbour_distance(points[:300]), brute, atol=1e-6, rtol=1e-4)
    splats = starts.surround(points, colours, opacity=0.1, size=2.0, degree=1)
    torch.testing.assert_close(splats.log_scales[:, 0].exp(), 2 * starts.neighbour_distance(points))
    torch.testing.assert_close(0.5 + SH_C0 * splats.sh[:, 0], colours)
    assert splats.degree == 1 and splats.opacity_logits.sigmoid().sub(0.1).abs().max() < 1e-6
    assert starts.surround(points[:1], colours[:1], opacity=0.1, size=1.0, degree=0).log_scales.isfinite().all()


def test_degrees_are_cut_or_filled():
    splats = worlds.random_splats(4, 0, degree=2)
    more, less = starts.with_degree(splats, 3), starts.with_degree(splats, 0)
    assert torch.equal(more.sh[:, :9], splats.sh) and not more.sh[:, 9:].any()
    assert torch.equal(less.sh, splats.sh[:, :1])
    with pytest.raises(ValueError, match=r"degree must lie in 0\.\.3, got 4"):
        starts.with_degree(splats, 4)


def test_points_of_a_field_lie_where_it_is_opaque():
    def density(points):
        return torch.where(points.norm(dim=-1) < 0.5, 100.0, 0.0)

    def field(points):
        return density(points), (points + 1) / 2

    generator = torch.Generator().manual_seed(0)
    points, colours = starts.sample_field(density, field, 1.0, 0.02, 2000, generator)
    assert len(points) == 2000 and points.norm(dim=-1).max() < 0.5 and points.mean(0).abs().max() < 0.03
    torch.testing.assert_close(colours, (points + 1) / 2)
    nothing = starts.sample_field(lambda points: points[:, 0] * 0, field, 1.0, 0.02, 2000, generator)
    assert len(nothing[0]) == len(nothing[1]) == 0


def test_blob_of_the_configuration():
    made = build.scene(load("scene.gaussians.sh_degree=1", "scene.gaussians.init_radius=0.3"))
    assert len(made.splats) == 50 and made.splats.degree == 1 and made.means.norm(dim=-1).max() < 0.3
    other = build.scene(load("scene.gaussians.sh_degree=1", "scene.gaussians.init_radius=0.3"))
    assert torch.equal(made.means, other.means)
    assert not torch.equal(made.means, build.scene(load("seed=1")).means)


def ply(path: Path, *, colour: str | None = "u1", count: int = 80, names: str = "xyz") -> np.ndarray:
    plyfile = pytest.importorskip("plyfile")
    kinds = [(name, "f4") for name in names] + [(name, colour) for name in ("red", "green", "blue") if colour]
    table = np.zeros(count, dtype=kinds)
    for index, name in enumerate(names):
        table[name] = np.linspace(-0.5, 0.5, count) * (index + 1)
    if colour:
        table["red"] = 255 if colour == "u1" else 1
    plyfile.PlyData([plyfile.PlyElement.describe(table, "vertex")]).write(str(path))
    return table


@pytest.mark.parametrize("colour", ["u1", "f4", None])
def test_point_cloud(tmp_path, colour):
    table = ply(tmp_path / "cloud.ply", colour=colour)
    given = load(f"scene.gaussians.init={tmp_path / 'cloud.ply'}")
    build.settle(given)
    made = build.scene(given)
    assert len(made.splats) == 50 and np.isin(made.means[:, 0].detach().numpy(), table["x"]).all()
    rgb = 0.5 + SH_C0 * made.sh[:, 0].detach()
    torch.testing.assert_close(rgb, torch.tensor([[1.0, 0, 0]] if colour else [[0.5, 0.5, 0.5]]).expand(50, 3))
    few = load(f"scene.gaussians.init={tmp_path / 'cloud.ply'}", "scene.gaussians.count=1000")
    assert len(build.scene(few).splats) == 80


def test_splat_file(tmp_path):
    if importlib.util.find_spec("carv3d.export.splat") is None:
        pytest.skip("carv3d.export.splat is not there")
    from carv3d.export import splat

    splats = worlds.random_splats(30, 0, degree=1)
    splat.write(tmp_path / "s.ply", splats)
    made = build.scene(load(f"scene.gaussians.init={tmp_path / 's.ply'}", "scene.gaussians.sh_degree=1"))
    for name, tensor in splats.tensors().items():
        torch.testing.assert_close(getattr(made, name).detach(), tensor, atol=1e-5, rtol=1e-5)


def nerf_run(folder: Path) -> Path:
    """A run folder of an untrained NeRF: a ball of fog."""
    given = config.load(None, ["prompt=a red mushroom", "device=cpu", "scene.nerf.levels=2",
                               "scene.nerf.table_size=1024"])
    folder.mkdir()
    (folder / "config.yaml").write_text(config.dump(given))
    made = build.scene(given)
    checkpoint.save(folder / "ckpts", 1, {"trainer": {"scenes": [made.state_dict()]}}, keep=1)
    return folder


def test_nerf_run(tmp_path):
    run = nerf_run(tmp_path / "run")
    for path in (run, run / "ckpts" / "step-000001.ckpt"):
        given = load(f"scene.gaussians.init={path}")
        build.settle(given)
        made = build.scene(given)
        assert len(made.splats) == 50 and 0.1 < made.means.norm(dim=-1).mean() < 0.8


@pytest.mark.parametrize("text", [None, "", "ply\nformat ascii 1.0\nend_header\n", "ply\nformat nonsense\nend_header\n",
                                  "obj"])
def test_wrong_files_in_one_line(tmp_path, text):
    pytest.importorskip("plyfile")
    path = tmp_path / "file.ply"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match="scene.gaussians.init") as caught:
        given = load(f"scene.gaussians.init={path}")
        build.settle(given)
        build.scene(given)
    assert "\n" not in str(caught.value)
    assert ("does not exist" in str(caught.value)) == (text is None)


@pytest.mark.parametrize("change,words", [
    ({"names": "xy"}, "has no z; a point cloud needs x, y and z"), ({"count": 0}, "holds no points"),
])
def test_wrong_point_clouds_in_one_line(tmp_path, change, words):
    ply(tmp_path / "cloud.ply", **change)
    with pytest.raises(UserError, match=words):
        build.scene(load(f"scene.gaussians.init={tmp_path / 'cloud.ply'}"))


def test_wrong_runs_in_one_line(tmp_path):
    with pytest.raises(UserError, match="is not a run folder"):
        build.settle(load(f"scene.gaussians.init={tmp_path}"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(config.dump(load("scene.type=image")))
    with pytest.raises(UserError, match="is a run with scene.type image; its type must be nerf"):
        build.settle(load(f"scene.gaussians.init={tmp_path / 'run'}"))
    with pytest.raises(UserError, match="holds no checkpoint yet"):
        (tmp_path / "run" / "config.yaml").write_text(config.dump(load("scene.type=nerf")))
        build.scene(load(f"scene.gaussians.init={tmp_path / 'run'}"))
    with pytest.raises(UserError, match="is empty; give blob or another run"):
        build.scene(load(f"scene.gaussians.init={hollow(tmp_path / 'hollow')}"))


def hollow(folder: Path) -> Path:
    """A run whose NeRF is nowhere opaque."""
    run = nerf_run(folder)
    path = run / "ckpts" / "step-000001.ckpt"
    state = checkpoint.load(path)["trainer"]["scenes"][0]
    state = {name: torch.zeros_like(value) for name, value in state.items()}
    given = config.parse((run / "config.yaml").read_text())
    given.scene.nerf.blob_scale, given.scene.nerf.blob_std = 30.0, 0.001
    (run / "config.yaml").write_text(config.dump(given))
    checkpoint.save(run / "ckpts", 1, {"trainer": {"scenes": [state]}}, keep=1)
    return run


def test_a_checkpoint_needs_no_start(tmp_path):
    """Rendering a run whose point cloud is gone; and with as many Gaussians as were saved."""
    made = build.scene(load("scene.gaussians.count=7"))
    checkpoint.save(tmp_path, 3, {"trainer": {"scenes": [made.state_dict()]}}, keep=1)
    scenes, _, step = build.trained_scenes(load("scene.gaussians.init=/gone.ply"), tmp_path / "step-000003.ckpt")
    assert step == 3 and torch.equal(scenes[0].means, made.means)


def test_trains_a_few_steps():
    from carv3d.text3d.step import train_step

    given = load("teacher.type=exact", "teacher.exact.set_size=8", "data.width=16", "data.height=16", "estimator.k=1")
    trainer = build.trainer(given)
    before = {name: parameter.detach().clone() for name, parameter in trainer.scene.named_parameters()}
    for step in range(3):
        out = train_step(trainer, step)
        assert bool(out.finite) and out.metrics["gaussians"] == 50
    assert all((parameter != before[name]).any() for name, parameter in trainer.scene.named_parameters())
    lrs = {group["name"]: group["lr"] for group in trainer.optimizer.param_groups}
    assert lrs["log_scales"] == given.optimizer.lr_scales and lrs["sh"] == given.optimizer.lr_sh


def test_every_camera_sees_the_same_centre_distance():
    """Depth at the middle of a small ball at the origin is the camera's distance, as for a NeRF."""
    splats = starts.surround(*starts.ball(200, 0.05, torch.Generator().manual_seed(0)), opacity=0.5, size=1.0, degree=0)
    out = scene(splats).render(orbit([0.0, 77.0], [0.0, 30.0], 2.0, 40.0, 9, 9), torch.zeros(2, 3))
    assert (out.depth[:, 4, 4, 0] - 2).abs().max() < 0.05
