"""The command line: every mistake is one line and status 2; every command that makes something ends with its path."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from carv3d.cli import _parsed, main, parser
from carv3d.commands import dry_run
from carv3d.config import load, spelled_out
from carv3d.diffusion import weights
from carv3d.export.images import LABELS
from carv3d.runtime import progress

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
import launch  # noqa: E402


def failed(capsys, *arguments: str) -> str:
    """Run a command that must fail with status 2; returns its one line."""
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    announced = [line for line in captured.err.splitlines(True) if line.startswith("compiling ")]  # by whoever is first
    assert captured.out == "" and captured.err.count("\n") == 1 + len(announced)
    assert captured.err.splitlines()[-1].startswith("carv3d: error: ")
    return captured.err.splitlines(True)[-1]


@pytest.mark.parametrize("arguments,words", [
    (["trian"], ["trian", "did you mean train?"]),
    (["run", "a mug"], ["run", "did you mean train?"]),
    (["a green mug"], ["did you mean train", "a green mug"]),
    (["train"], ["prompt", "none given"]),
    (["train", "a corgi"], ["'a corgi'", "20 objects in 12 colours", "carv3d prompts", "teacher.path"]),
    (["train", "a", "corgi"], ["'a corgi'"]),
    (["train", "--prompt", "a corgi"], ["'a corgi'"]),
    (["train", "a green mug", "prompt=a red mug"], ["'a green mug' and 'a red mug'", "give one"]),
    (["train", "a green mug", "K"], ["K: no value given", "K=VALUE"]),
    (["train", "a green mug", "trainer.max_steps", "20"], ["trainer.max_steps=VALUE"]),
    (["train", "a green mug", "K=-1"], ["estimator.k", "-1"]),
    (["train", "mine.yaml"], ["--config mine.yaml"]),
    (["train", "--resume", "nowhere", "-o", "x"], ["--out", "--resume"]),
    (["train", "--resume", "nowhere", "--prompt", "x"], ["--prompt", "--resume"]),
    (["train", "a green mug", "-o", str(ROOT / "docs")], ["--out", "not empty", "--resume"]),
    (["train", "a green mug", "-o", str(ROOT / "setup.py")], ["--out", "cannot be read", "new folder"]),
    (["eval", "nowhere/x.ckpt"], ["x.ckpt"]),
    (["render", "x", "stray"], ["stray", "--help"]),
    (["train", "prompt=  "], ["prompt", "none given"]),
    (["train", "prompt=a red mushrom"], ["a red mushrom", "'a red mushroom'", "carv3d prompts"]),
    (["train", "prompt=a red mushroom", "estimator.kk=3"], ["estimator.kk", "estimator.k?"]),
    (["train", "--config", "missing.yaml"], ["missing.yaml", "cannot be read"]),
    (["train", "--resume", "nowhere"], ["nowhere", "not a run folder"]),
    (["train", "--resume", "nowhere", "--config", "x.yaml"], ["--config", "--resume"]),
    (["train", "--steps", "3"], ["--steps", "--help"]),
    (["render", "nowhere"], ["nowhere", "not a run folder"]),
    (["render", "x", "--format", "avi"], ["--format avi", "mp4, gif, png"]),
    (["render", "x", "--background", "transparent"], ["transparent", "--format png"]),
    (["render", "x", "--background", "pink"], ["--background pink", "white"]),
    (["render", "x", "--size", "101"], ["--size 101", "even", "102"]),
    (["render", "x", "--views", "0"], ["0 given", "from 1 to"]),
    (["render", "x", "--views", "many"], ["many", "whole number"]),
    (["eval", "nowhere"], ["nowhere"]),
])
def test_mistakes_end_in_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    line = failed(capsys, *arguments)
    assert all(word in line for word in words), line
    assert not list(tmp_path.iterdir())


def test_short_names_and_bare_words_are_options():
    assert load(None, spelled_out(["a", "green", "K=4", "mug", "is=off", "strat=off", "steps=7"])) == load(None, [
        "prompt=a green mug", "estimator.k=4", "estimator.importance_sampling=false", "estimator.stratified=false",
        "trainer.max_steps=7"])
    assert spelled_out(["K=4"]) == ["K=4"] and spelled_out([], "a = b") == ["prompt=a = b"]


def test_every_argument_of_every_command_says_what_it_is(capsys):
    (commands,) = [action for action in parser()._actions if action.dest == "command"]
    for name, each in commands.choices.items():
        assert all(action.help for action in each._actions), name
        said = each.format_help()
        assert f"for example:\n  carv3d {name}" in said
        for line in said.split("for example:")[1].strip().splitlines():  # which the parser understands
            _parsed(shlex.split(line)[1:])
    assert main([]) == 0 and "train" in capsys.readouterr().out


def test_an_unwritable_output_folder(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    line = failed(capsys, "train", "prompt=a red mushroom", f"exp_root_dir={tmp_path}/file")
    assert "exp_root_dir" in line and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_missing_device(capsys, tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    line = failed(capsys, "train", "prompt=a red mushroom", "device=cuda")
    assert "cuda" in line and not list(tmp_path.iterdir())


def test_a_named_backend_that_is_missing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "prompt=a red mushroom", "device=cpu", "scene.nerf.render_backend=nerfacc"]) == 2
    assert "render_backend=nerfacc" in capsys.readouterr().err


DRY = {  # per file in configs/: what makes its probe small, and the picture sizes it must name
    "base.yaml": (["teacher.type=exact", "teacher.exact.set_size=8", "data.views=4"], ["32x32", "64x64"]),
    "dreamfusion-sd.yaml": ([f"teacher.path={weights.bundled()}", "teacher.variant=", "scene.nerf.levels=2",
                             "scene.nerf.table_size=1024", "scene.nerf.samples_per_ray=32"], ["64x64", "128x128"]),
    "mvdream.yaml": ([f"teacher.path={weights.bundled()}", "scene.nerf.levels=2", "scene.nerf.table_size=1024",
                      "scene.nerf.samples_per_ray=32"], ["32x32", "64x64"]),
}


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "configs").glob("*.yaml")))
def test_dry_run_prints_configuration_and_cost_and_writes_nothing(capsys, tmp_path, monkeypatch, name):
    from carv3d import config as configuration

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dry_run, "MOST_S", 0.2)
    overrides, sizes = DRY[name]
    path = ROOT / "configs" / name
    assert main(["train", "--dry-run", "--config", str(path), "prompt=a red cube", *overrides, "estimator.k=2"]) == 0
    out = capsys.readouterr().out
    config = configuration.parse(out)
    assert config.prompt == "a red cube" and config.estimator.k == 2
    assert all(size in out for size in sizes) and "MiB" in out
    assert re.search(r"# estimate: [\d:]+ to [\d:]+ of training", out)
    assert not list(tmp_path.iterdir())


def test_prompts_lists_the_grammar(capsys):
    from carv3d.toybox import grammar

    assert main(["prompts"]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in (*grammar.KINDS, *grammar.COLOURS, "on top of", "with"))
    assert main(["prompts", "--all"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert "a red mushroom" in lines and all(grammar.parse(line) for line in lines[:50])


def test_doctor(capsys, tmp_path):
    assert main(["doctor", "--exp-root-dir", str(tmp_path / "new")]) == 0
    out = capsys.readouterr().out
    for word in ("torch", "numba", "nerfacc", "tinycudann", "gsplat", "ffmpeg", "MiB free", "cpu"):
        assert word in out
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("cli")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "train.py"), "a", "blue", "car", "steps=30", "K=2", "data.width=24",
         "-o", str(root / "new" / "run"), "data.height=24", "teacher.type=exact", "teacher.exact.set_size=16", "data.views=4", "export.video_frames=12", "export.video_size=64",
         "trainer.preview_every=10", "log.tensorboard=true"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[-1])
    assert folder == root / "new" / "run" and folder.is_dir()
    said = done.stderr
    assert "s/step" in said and "draws per view 2" in said and f"video: {folder}/save/turntable.mp4" in said
    assert "quality: looks " in said and f"next: carv3d view {folder}" in said and f"view: {folder}/save/view.html" in said and f"--resume {folder} steps=60" in said
    return folder


def test_the_video_is_one_that_browsers_play(run):
    meta = iio.immeta(run / "save" / "turntable.mp4", plugin="FFMPEG")
    assert meta["codec"] == "h264" and "yuv420p" in meta["pix_fmt"] and meta["fps"] == 30 and meta["size"] == (64, 64)
    frames = iio.imread(run / "save" / "turntable.mp4", plugin="FFMPEG")
    assert len(frames) == 12
    content = (run / "save" / "turntable.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays while it loads


def test_pictures(run):
    assert {"it10.png", "it20.png", "it30.png", "preview.png"} <= {p.name for p in (run / "save").iterdir()}
    assert iio.imread(run / "save" / "preview.png").shape == (5 * 128, LABELS + 8 * 128, 3)
    assert list((run / "tb_logs").iterdir())


@pytest.mark.parametrize("kind", ["mp4", "gif", "png"])
def test_render_again_without_a_teacher(run, kind):
    code = f"""
import sys
from carv3d.cli import main
status = main(["render", {str(run)!r}, "--views", "5", "--size", "32", "--format", {kind!r}, "--background",
               {"transparent" if kind == "png" else "black"!r}])
assert status == 0
assert not [m for m in sys.modules if m.startswith(("carv3d.diffusion.exact", "carv3d.toybox", "diffusers", "transformers"))]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.splitlines()[-1])
    if kind == "png":
        frames = np.stack([iio.imread(p) for p in sorted(path.iterdir())])
        assert frames.shape == (5, 32, 32, 4) and frames[..., 3].min() == 0 and frames[..., 3].max() > 100
    else:
        frames = iio.imread(path, plugin="FFMPEG" if kind == "mp4" else None)
        assert frames.shape[:3] == (5, 32, 32) and frames[0, 0, 0].max() < 20


def test_quiet_and_json_for_scripts(run, tmp_path, capsys):
    command = ["render", str(run / "ckpts" / "last.ckpt"), "--json", "--quiet", "--views", "2", "--size", "32",
               "--format", "gif", "--out", str(tmp_path)]
    assert main(command) == 0
    captured = capsys.readouterr()
    (path,) = tmp_path.iterdir()
    assert json.loads(captured.out) == {"status": 0, "results": [str(path)]} and captured.err == ""
    assert main(["render", "nowhere", "--json"]) == 2
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["status"] == 2 and found["error"] in captured.err and "nowhere" in found["error"]
    assert main(["prompts"]) == 0 and "mushroom" in capsys.readouterr().out  # it is not kept from one to the next


def test_a_long_line_is_broken_between_words_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    progress.say("warning: " + "word " * 20 + "/a/path/that/is/longer/than/forty/columns/of/a/terminal")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 3 and all(len(line) <= 40 or " " not in line.strip() for line in lines)
    assert " ".join(line.strip() for line in lines).count("word") == 20


def test_eval_again(run, capsys):
    before = json.loads((run / "summary.json").read_text())["quality"]
    assert main(["eval", str(run)]) == 0
    out = capsys.readouterr().out
    assert f"psnr: {before['psnr']:.4f}" in out and out.splitlines()[-1] == str(run / "summary.json")


@pytest.mark.parametrize("arguments,status,words", [
    (["--train", "system.prompt_processor.prompt=a red cube", "system.renderer.type=x", "trainer.lr=1"], 2,
     ["system.renderer.type", "trainer.lr"]),
    (["--train", "system.prompt_processor.prompt=a red cub"], 2, ["a red cub"]),
    (["--train", "system.prompt_processor.prompt=a corgi", "system.guidance.pretrained_model_name_or_path=nowhere",
      "system.prompt_processor.pretrained_model_name_or_path=nowhere"], 2, ["teacher.path: there is no folder nowhere"]),
    (["--test"], 2, ["resume=RUN"]),
    (["--export", "resume=nowhere"], 2, ["nowhere"]),
    (["--validate"], 2, ["resume=RUN", "carv3d eval RUN"]),
    (["--export", "resume=nowhere", "seed=1"], 2, ["nowhere is not a run folder"]),
    (["--train", "--config", "configs/dreamfusion.yaml"], 2, ["configs/base.yaml", "configs/dreamfusion-sd.yaml"]),
])
def test_launch_names_what_it_cannot_map(arguments, status, words):
    done = subprocess.run([sys.executable, str(ROOT / "launch.py"), *arguments], capture_output=True, text=True,
                          cwd=ROOT)
    assert done.returncode == status and all(word in done.stderr for word in words), done.stderr


def test_launch_passes_over_what_changes_nothing(run, capsys, monkeypatch):
    """As threestudio's README has it: loggers, precision, exporters, on a finished run and at the start of one."""
    monkeypatch.setattr(launch, "carv3d", lambda arguments: print(shlex.join(arguments)) or 0)
    ckpt = f"resume={run}/ckpts/last.ckpt"
    lines = [
        (["--config", "c.yaml", "--export", ckpt, "system.exporter_type=mesh-exporter", "system.exporter.fmt=obj-mtl",
          "system.exporter.save_texture=false", "system.geometry.isosurface_method=mc-cpu", "seed=1",
          "system.geometry.isosurface_resolution=64"],
         f"export --format=obj -- {run}/ckpts/last.ckpt export.mesh_resolution=64 export.texture_size=0",
         ["--config c.yaml", "isosurface_method", "seed=1"]),
        (["--test", ckpt, "data.n_test_views=6", "data.eval_width=32", "data.eval_height=32", "trainer.precision=16"],
         f"render --views=6 --size=32 -- {run}/ckpts/last.ckpt", ["trainer.precision"]),
        (["--validate", ckpt, "--gpu", "0"], f"eval -- {run}", []),
        (["--train", "prompt=a red cube", "system.loggers.wandb.enable=false", "use_timestamp=true",
          "system.loss.lambda_z_variance=0.1", "checkpoint.save_last=true"], "train 'prompt=a red cube'",
         ["wandb", "use_timestamp", "z_variance", "save_last"])]
    for arguments, wanted, passed in lines:
        assert launch.main(arguments) == 0
        captured = capsys.readouterr()
        assert captured.out.strip() == wanted
        said = [line for line in captured.err.splitlines() if line.startswith("passed over: ")]
        assert len(said) == len(passed) and all(word in line for word, line in zip(passed, said)), captured.err


def test_launch_maps_threestudios_keys(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), "--train", "--gpu", "0", "system.prompt_processor.prompt=a red cube",
         "system.guidance.max_step_percent=[0, 0.98, 0.5, 100]", "data.batch_size=1", "trainer.max_steps=2",
         "teacher.type=exact", "teacher.exact.set_size=8", "data.views=4", "export.video=false", f"exp_root_dir={tmp_path}", "seed=1"],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    from carv3d.runs.folder import Run

    config = Run.open(done.stdout.splitlines()[-1]).config()
    assert config.prompt == "a red cube" and config.objective.t_max.values == [0.98, 0.5] and config.seed == 1
