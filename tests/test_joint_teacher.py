"""Training a teacher of several views together: its pictures, exact resume, and a folder that carv3d asks for items."""

import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from carv3d.cameras import orbit
from carv3d.diffusion import stable_diffusion, weights
from carv3d.diffusion.prompts import view_weights
from carv3d.diffusion.view_vector import CAMERA, of_first, view_vector
from carv3d.runtime import rng
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

from scripted import ROOT, resumes, script

SMALL = ["data.pictures=24", "joint.pose.train.steps=4", "joint.pose.train.batch=8", "joint.pose.train.checkpoint_every=3",
         "joint.pose.train.ema=0.5", "joint.pose.kinds=[]", "joint.train.steps=4", "joint.train.batch=8", "joint.train.checkpoint_every=3",
         "joint.train.ema=0.5", "joint.compile=false", "device=cpu"]
training = script("train_teacher")
joint = training.joint_teacher
CPU = torch.device("cpu")


def settings_of(*overrides):
    return training.load_settings(ROOT / "configs/teacher/joint.yaml", [*SMALL, *overrides])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("joint teacher")
    training.run(settings_of(), out)
    return out


def test_pictures_of_an_object_lie_around_it_and_are_alike_in_all_else():
    """Control: one at a time, neighbours differ in everything."""
    for together in (4, 1):
        made = next(training.captioned(training.Data(together=together), 16, 0))
        azimuth = made.cameras.azimuth_deg.view(4, 4)
        around = torch.allclose((azimuth - azimuth[:, :1]) % 360, torch.arange(4) * 90.0, atol=1e-3)
        alike = [torch.equal(each, each[:, :1].expand_as(each)) for each in (
            made.cameras.elevation_deg.view(4, 4), made.cameras.distance.view(4, 4), made.light.ambient.view(4, 4),
            made.told.view(4, 4))]
        captions = [len(set(made.plain[4 * i:4 * i + 4])) for i in range(4)]
        if together == 4:
            assert around and all(alike) and captions == [1] * 4 and len({*made.plain}) == 4
        else:
            assert not around and not any(alike[:2]) and max(captions) > 1


def test_what_is_looked_at_together_is_picked_and_told_together(trained):
    data = torch.load(trained / "latents.pt", weights_only=True)
    own = training.Data(together=4, without_view=0.5, without_caption=0.5, without_background=0.5, without_camera=0.0)
    x, ids, vector = training.picked(own, data, 32, rng.generator(0, "test"))
    assert x.shape == (32, 4, 16, 16)
    first = torch.atan2(vector[:, CAMERA][:, 2], vector[:, CAMERA][:, 1]).rad2deg().view(8, 4)
    assert ((first - first[:, :1] - torch.arange(4) * 90.0 + 180) % 360 - 180).abs().max() < 0.2  # float16
    assert first[:, 0].std() > 20
    background = vector[:, 15].view(8, 4)
    assert torch.equal(background, background[:, :1].expand(8, 4)) and set(background[:, 0].tolist()) == {0.0, 1.0}
    empty = (ids == data["empty"]).all(1).view(8, 4)
    assert torch.equal(empty, empty[:, :1].expand(8, 4)) and 0 < empty.float().mean() < 1


def test_the_finder_learns_which_way_objects_face(trained, tmp_path):
    """Overfitted to six objects it knows their azimuths, all four views together better than one; a control that learns
    at a rate of zero does not. Untrained, 4.28 (log 72) each."""
    data = torch.load(trained / "latents.pt", weights_only=True)
    ends = {}
    for lr in (3e-3, 0.0):
        settings = settings_of("joint.pose.train.steps=40", "joint.pose.train.batch=16", "joint.pose.train.warmup=1",
                               f"joint.pose.train.lr={lr}", "joint.pose.unfinished=0")
        joint.train_pose(settings.joint, settings.data, 0, tmp_path / f"{lr}", weights.bundled(), data, CPU)
        last = (tmp_path / f"{lr}" / "loss.csv").read_text(encoding="utf-8").strip().splitlines()
        ends[lr] = dict(zip(last[0].split(","), map(float, last[-1].split(",")), strict=True))
    assert ends[0.0]["joint"] > 4.2 > ends[3e-3]["alone"] > 3.9 > ends[3e-3]["joint"]


def test_what_the_finder_learns_from(trained):
    """Objects of the kinds that are named, whose four pictures differ less where they are unfinished, and timesteps that
    are lower at a higher power. Control: of all kinds and finished, they do not."""
    data = torch.load(trained / "latents.pt", weights_only=True)
    own = training.Data(together=4, without_view=1.0, without_caption=0.0)
    made, plain = (joint.Batches(own, weights.bundled(), data, 0, CPU) for _ in range(2))
    words = {word for text in next(training.captioned(settings_of().data, 24, 0)).plain for word in text.split()}
    kind = next(word for word in sorted(words) if word in training.KINDS)
    made.of_kinds([kind])
    assert 0 < len(made.data["plain"]) < len(plain.data["plain"]) and len(made.data["plain"]) % 4 == 0
    with pytest.raises(UserError, match="joint.pose.kinds"):
        made.of_kinds([next(each for each in training.KINDS if each not in words)])
    low, even = (plain.of("test", 0, 400, power) for power in (2.0, 1.0))
    assert low.time.mean() < 0.4 < 0.45 < even.time.mean() and (low.time.view(-1, 4).std(1) == 0).all()
    one = [plain.of("test", 0, 4, 8.0, unfinished).noisy.std(0).mean() for unfinished in (1.0, 0.0)]
    assert one[0] < 0.95 * one[1]


def test_a_resumed_training_equals_an_uninterrupted_one(trained, tmp_path):
    """Bit for bit, in the first network's steps (3 of 4) and in the second's (1 of 4); a control with another seed
    differs."""
    data, settings = torch.load(trained / "latents.pt", weights_only=True), settings_of()

    def train(seed, folder, **options):
        done = folder if folder == trained / "denoiser" else folder / "denoiser"  # the other network's is beside it
        return torch.nn.ModuleList(joint.train(settings.joint, settings.data, seed, done, weights.bundled(), data, CPU,
                                               **options))

    resumes(train, trained / "denoiser", tmp_path)


def test_the_folder_answers_as_what_was_trained(trained, monkeypatch, tmp_path):
    """Four views at a time, within half precision; with the words and the cameras that it is told."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder, settings = trained / "teacher", settings_of()
    assert not [path for path in folder.rglob("*.json") if str(ROOT) in path.read_text()]  # of this machine nothing
    weights.locate(str(folder))
    teacher = stable_diffusion.load(folder, ["a red mug"], weights_of=partial(view_weights, views=1), device=CPU)
    assert teacher.views_per_item == 4 and teacher.view is not None
    data = torch.load(trained / "latents.pt", weights_only=True)
    model, finder = joint.train(settings.joint, settings.data, 0, trained / "denoiser", weights.bundled(), data, CPU)
    cameras = orbit([20.0, 110.0, 200.0, 290.0], 15.0, 2.65, 40.0, 64, 64)
    condition = teacher.condition(cameras, torch.full((4, 3), 0.5))
    noisy, t = torch.randn(4, 4, 16, 16, generator=rng.generator(0, "test")), torch.full((4,), 600)
    states, vector = condition.text["states"], of_first(view_vector(cameras, torch.full((4, 3), 0.5)), 4)
    with torch.no_grad():
        v = model(noisy, t, states, finder.completed(noisy, t / 1000, states, vector, 4))
    alpha, sigma = teacher.schedule.alpha_sigma(t, noisy)
    eps = teacher.predict(noisy, t, condition, torch.arange(4), ("cond",))["cond"]
    assert (eps - (sigma * noisy + alpha * v)).abs().max() < 2e-2
    other = teacher.predict(noisy.roll(1, 0), t, condition, torch.arange(4), ("cond",))["cond"]
    assert (eps - other).abs().max() > 0.2


@pytest.mark.parametrize("given,said", [
    (["data.together=1"], "2 and more"), (["network=unet"], "allowed: 1"), (["data.pictures=22"], "its multiples"),
    (["joint.train.batch=6"], "joint.train.batch: 6 given"), (["joint.pose.train.batch=6"], "joint.pose.train.batch: 6 given"),
    (["joint.pose.kinds=[mug,dragon]"], "'dragon' given"), (["network=views"], "allowed: unet, sd3, joint")])
def test_settings_that_do_not_fit_are_one_line(given, said):
    with pytest.raises(UserError, match=said):
        settings_of(*given)
