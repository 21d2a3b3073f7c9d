"""VSD, CSD and prompts from the command line: what runs leave, how they resume, and every mistake in one line."""

import json
import signal
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy
import pytest
import torch

from carv3d import config as configuration
from carv3d.cli import main
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.text3d import build
from carv3d.text3d.step import train_step
from carv3d.text3d.trainer import preserved

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "diffusion"))

import tiny_pipeline as tiny
from test_cli import failed
from test_train import final_state, same

pipelines, signals = tiny.pipelines, tiny.signals

TIMED = ("wall_s", "step_ms", "peak_mem_mib")


def train(root, *arguments):
    """A run that must finish, in this process; its folder is the only one under ``root``."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert main(["train", *arguments, *([] if "--resume" in arguments else [f"exp_root_dir={root}"])]) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    (folder,) = (root / "carv3d").iterdir()
    return Run(folder)


def vsd(folder, *overrides):
    return [*tiny.arguments(folder, *tiny.SMALL), "objective.type=vsd", "objective.vsd.k=3", "trainer.max_steps=5",
            "objective.vsd.particles=2", *overrides]


def scenes(run):
    return build.trained_scenes(run.config(), checkpoint.newest(run.ckpts))[0]


def apart(left, right):
    """The parameters in which two scenes differ."""
    return {name for (name, a), b in zip(left.named_parameters(), right.parameters(), strict=True)
            if not torch.equal(a, b)}


@pytest.fixture(scope="module")
def whole(pipelines, tmp_path_factory):
    """Two particles, five steps, undisturbed."""
    return train(tmp_path_factory.mktemp("whole"), *vsd(pipelines("sd15"), "export.video=true", "export.video_frames=2",
                                                        "export.video_size=16", "trainer.preview_every=4"))


def test_two_particles_leave_two_of_everything(whole):
    summary, lines, config = whole.summary(), whole.metrics(), whole.config()
    assert config.objective.guidance_scale == 7.5
    names = {path.name for path in whole.save.iterdir()}
    assert names == {"it4-0.png", "it4-1.png", "preview-0.png", "preview-1.png", "turntable-0.mp4", "turntable-1.mp4",
                     "view.html", "view.png"}
    assert {path.name for path in map(Path, summary["artefacts"].values())} == {"last.ckpt", *(
        name for name in names if not name.startswith("it"))}
    pictures = [iio.imread(whole.save / f"preview-{i}.png") for i in (0, 1)]
    assert not numpy.array_equal(*pictures)
    assert summary["status"] == "finished" and len(summary["particles"]) == 2
    assert all(each.keys() == {"parts", "normal_roughness", "fog", "depth_consistency"} for each in summary["particles"])
    draws = 5 * 2 * 3
    assert summary["ledger"] == {"steps": 5, "renders": 10, "encodes": 10, "draws": draws, "teacher_evals": 3 * draws,
                                 "lora_draws": 5 * 2 * 3, "nonfinite_steps": 0}
    assert len(lines) == 5 and all(0 < line["loss_lora"] < float("inf") for line in lines)
    state = final_state(whole.folder)
    assert len(state["scenes"]) == 2 and state["learner"]["score"]
    first, second = scenes(whole)
    every = {name for name, _ in first.named_parameters()}
    started = [build.scene(config, i) for i in (0, 1)]
    assert apart(first, second) == apart(*started) == apart(first, started[0]) == apart(second, started[1]) == every


def test_a_resumed_run_ends_the_same(whole, pipelines, tmp_path):
    """Stopped after three steps, on another particle than it began with; to the bit in metrics and checkpoint. The
    control: with another seed it does not."""
    run = train(tmp_path, *vsd(pipelines("sd15"), "trainer.max_steps=3"))
    train(tmp_path, "--resume", str(run.folder), "trainer.max_steps=5")
    assert same(final_state(run.folder), final_state(whole.folder))
    stripped = [[{k: v for k, v in line.items() if k not in TIMED} for line in each.metrics()] for each in (run, whole)]
    assert stripped[0] == stripped[1] and len(stripped[0]) == 5
    other = train(tmp_path / "other", *vsd(pipelines("sd15"), "seed=1"))
    assert not same(final_state(other.folder), final_state(whole.folder))


def test_render_and_eval_of_particles(whole, capsys):
    """Each particle again, without a teacher; a teacher without ground truth has scores of the shape alone."""
    assert main(["render", str(whole.folder), "--views", "2", "--size", "32", "--format", "png"]) == 0
    paths = list(map(Path, capsys.readouterr().out.split()))
    assert len(paths) == 2 and all(f"it5-{i}-" in path.name for i, path in enumerate(paths))
    frames = [numpy.stack([iio.imread(frame) for frame in sorted(path.iterdir())]) for path in paths]
    assert frames[0].shape == frames[1].shape and not numpy.array_equal(*frames)
    assert main(["eval", str(whole.folder)]) == 0
    assert {"fog-0", "parts-1"} <= {line.split(":")[0] for line in capsys.readouterr().out.splitlines()}


def test_what_cannot_change_on_resume(whole, capsys):
    for override in ("objective.vsd.particles=3", "objective.type=sds", "prompts.negative=blurry"):
        line = failed(capsys, "train", "--resume", str(whole.folder), override, "trainer.max_steps=6")
        assert override.partition("=")[0] in line and "cannot change on --resume" in line


def test_one_particle_is_a_run_like_any_other(pipelines, tmp_path):
    run = train(tmp_path, *vsd(pipelines("sd21"), "objective.vsd.particles=1", "trainer.max_steps=2"))
    summary = run.summary()
    assert {path.name for path in run.save.iterdir()} == {"preview.png", "view.html", "view.png"}
    assert "particles" not in summary
    assert len(final_state(run.folder)["scenes"]) == 1 and summary["ledger"]["teacher_evals"] == 2 * 2 * 3 * 3


def test_csd_from_the_command_line(pipelines, tmp_path):
    run = train(tmp_path, *tiny.arguments(pipelines("sd15"), *tiny.SMALL), "objective.type=csd", "trainer.max_steps=2")
    ledger, state = run.summary()["ledger"], final_state(run.folder)
    assert run.config().objective.guidance_scale == 1.0
    assert (ledger["draws"], ledger["teacher_evals"], ledger["lora_draws"]) == (12, 24, 0)
    assert len(state["scenes"]) == 1 and state["learner"] is None
    assert apart(build.scene(run.config()), scenes(run)[0])


def test_particles_of_the_bundled_teacher_are_scored(tmp_path, capsys, monkeypatch):
    """Each of them, in the summary and by carv3d eval; the first is the run's quality."""
    arguments = [one for one in tiny.SMALL if not one.startswith("estimator")]
    run = train(tmp_path, "prompt=a red mushroom", "device=cpu", "teacher.dtype=float32", *arguments, "estimator.k=1",
                "data.batch_size=2", "objective.type=vsd", "objective.vsd.particles=2", "objective.vsd.k=1", "trainer.max_steps=2",
                "prompts.negative=a blue car")
    summary = run.summary()
    first, second = summary["particles"]
    assert summary["quality"] == first != second and first.keys() == second.keys() >= {"psnr", "mask_iou"}
    assert summary["ledger"]["teacher_evals"] == 2 * 2 * 3 and apart(*scenes(run))
    capsys.readouterr()
    assert main(["eval", str(run.folder)]) == 0
    out = capsys.readouterr().out
    assert f"psnr-0: {first['psnr']:.4f}" in out and f"psnr-1: {second['psnr']:.4f}" in out
    again = json.loads((run.folder / "summary.json").read_text())
    assert again["particles"] == summary["particles"] and again["quality"] == first


# --- the particles' turns, without a command ---

def trainer_of(pipelines, *overrides):
    return build.trainer(tiny.make_config(
        pipelines("sd15"), "objective.type=vsd", "scene.type=image", "scene.image.size=8", "estimator.k=1",
        "objective.vsd.k=1", *overrides))


def test_a_step_moves_the_particle_whose_turn_it_is(pipelines, tmp_path, monkeypatch):
    """And no momentum moves the others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    trainer = trainer_of(pipelines, "objective.vsd.particles=3")
    for step in range(7):
        before = [{name: p.clone() for name, p in scene.named_parameters()} for scene in trainer.scenes]
        out = train_step(trainer, step)
        assert out.finite and trainer.turn(step) == (step // 3, trainer.scenes[step % 3])
        moved = [any(not torch.equal(p, old[name]) for name, p in scene.named_parameters())
                 for scene, old in zip(trainer.scenes, before, strict=True)]
        assert moved == [i == step % 3 for i in range(3)]


def test_a_measurement_ends_on_the_scene_that_it_began_with(pipelines, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    trainer = trainer_of(pipelines, "objective.vsd.particles=2")
    train_step(trainer, 0)
    state = trainer.state()["learner"]["score"]
    before, scene = {name: tensor.clone() for name, tensor in state.items()}, trainer.scene
    with preserved(trainer):
        train_step(trainer, 1)
        assert not all(torch.equal(tensor, before[name]) for name, tensor in state.items())
    assert same(dict(trainer.state()["learner"]["score"]), before)
    assert trainer.scene is scene


# --- defaults and mistakes ---

@pytest.mark.parametrize("objective,teacher,scale", [
    ("sds", "exact", 1.0), ("sds", "bundled", 1.0), ("sds", "stable-diffusion", 100.0), ("vsd", "bundled", 7.5),
    ("vsd", "stable-diffusion", 7.5), ("csd", "exact", 1.0), ("csd", "bundled", 1.0), ("csd", "stable-diffusion", 1.0)])
def test_what_guidance_auto_means(objective, teacher, scale):
    config = configuration.load(None, [f"objective.type={objective}", f"teacher.type={teacher}"])
    assert config.objective.guidance_scale == scale
    given = configuration.load(None, [f"objective.type={objective}", f"teacher.type={teacher}",
                                      "objective.guidance_scale=3"])
    assert given.objective.guidance_scale == 3


EXACT, BUNDLED, FOUR = "teacher.type=exact", "teacher.type=bundled", "data.views=4"
OPTIONS = {"negative": "a red mug", "front": "a red mug", "side": "a red mug", "back": "a red mug",
           "overhead": "a red mug", "front_deg": "30", "back_deg": "30", "overhead_deg": "50", "interpolate": "true",
           "perp_neg": "1"}
OF_FOUR = ("front", "side", "back", "overhead", "front_deg", "back_deg", "perp_neg")


@pytest.mark.parametrize("arguments,words", [
    ([EXACT, "objective.type=vsd"], ["objective.type: vsd", "teacher.type exact", "bundled, flow, toybox, diffusers"]),
    *[([EXACT, FOUR, f"prompts.{name}={value}"], [f"prompts.{name}: ", "exact", "bundled"])
      for name, value in OPTIONS.items()],
    *[([BUNDLED, f"data.views={views}", f"prompts.{name}={OPTIONS[name]}"],
       [f"prompts.{name}: ", f"data.views {views}", "data.views=4"]) for name in OF_FOUR for views in (1, 8)],
    ([BUNDLED, "data.views=1", "prompts.interpolate=true"], ["prompts.interpolate: ", "data.views 1", "4, 8"]),
    ([BUNDLED, FOUR, "prompts.front_deg=100", "prompts.back_deg=81"], ["prompts.front_deg: 100", "81", "180"]),
    ([BUNDLED, FOUR, "prompts.front_deg=30", "prompts.interpolate=true"], ["prompts.front_deg: 30", "interpolate"]),
    ([BUNDLED, FOUR, "prompts.back_deg=30", "prompts.perp_neg=1"], ["prompts.back_deg: 30", "perp_neg"]),
    ([BUNDLED, "data.views=1", "prompts.overhead_deg=50"], ["prompts.overhead_deg: 50", "data.views 1", "4, 8"]),
    ([BUNDLED, FOUR, "prompts.front_deg=0"], ["prompts.front_deg: 0", "> 0"]),
    ([BUNDLED, "prompts.overhead_deg=91"], ["prompts.overhead_deg: 91", "<= 90"]),
    ([BUNDLED, FOUR, "prompts.perp_neg=-1"], ["prompts.perp_neg: -1", ">= 0"]),
    ([BUNDLED, "prompts.negative=a red axolotl"], ["prompts.negative: ", "a red axolotl", "carv3d prompts"]),
    ([BUNDLED, FOUR, "prompts.back=a blue thing"], ["prompts.back: ", "a blue thing", "carv3d prompts"]),
    ([BUNDLED, FOUR, "prompts.back=a blue car, sideways view"], ["prompts.back: ", "'sideways view'", "back view"]),
    (["objective.type=foo"], ["objective.type", "'foo'", "sds, vsd, csd"]),
    (["objective.type=vsd", "objective.vsd.particles=0"], ["objective.vsd.particles", "0 given", ">= 1"]),
    (["objective.type=vsd", "objective.vsd.lr=0"], ["objective.vsd.lr", "> 0"]),
])
def test_mistakes_end_in_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    line = failed(capsys, "train", "prompt=a red mushroom", *arguments)
    assert all(word in line for word in words), line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["front view", "a red mug", "a blue car, back left view", "a green house, side view"])
def test_the_bundled_teacher_takes_what_it_knows(text):
    """The control for the words that it refuses."""
    build.settle(configuration.load(None, ["prompt=a red mushroom", BUNDLED, FOUR, f"prompts.negative={text}",
                                           f"prompts.back={text}", "prompts.front_deg=100", "prompts.back_deg=80"]))
