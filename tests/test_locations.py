"""Locations are not identity: a run follows its weights, starting files and CLIP folder by what they hold."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from carv3d import teachers
from carv3d.cli import main
from carv3d.quality import scores
from carv3d.runs.folder import Run
from carv3d.runtime import fingerprint as fingerprints
from carv3d.runtime.fingerprint import BLOCK, BLOCKS, START, fingerprint

sys.path.insert(0, str(Path(__file__).parent / "diffusion"))

import tiny_pipeline as tiny

own_cache, pipelines, signals = tiny.own_cache, tiny.pipelines, tiny.signals
pytestmark = pytest.mark.usefixtures("own_cache", "signals")

QUICK = ["device=cpu", "quality.shape=false", "data.width=16", "data.height=16", "trainer.preview_every=0", "export.video=false",
         "trainer.max_steps=1", "scene.gaussians.count=20", "scene.gaussians.density.every=0", "estimator.k=1"]
EXACT = ["prompt=a red mushroom", "teacher.type=exact", "teacher.exact.set_size=4", "data.views=4", *QUICK]


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """What a new process would not know."""
    for cache in (teachers._located, scores._clip):
        cache.cache_clear()


def carv3d(*arguments):
    for cache in (teachers._located, scores._clip):
        cache.cache_clear()
    return main([str(argument) for argument in arguments])


def trained(capsys, *overrides):
    assert carv3d("train", *overrides) == 0
    return Run(Path(capsys.readouterr().out.splitlines()[-1]))


def recorded(run, option):
    return run.environment()["contents"][option]


def edit_config(run, old, new):
    path = run.folder / "config.yaml"
    text = path.read_text(encoding="utf-8")
    assert str(old) in text
    path.write_text(text.replace(str(old), str(new)), encoding="utf-8")


def forget_contents(run):
    """As a run of an earlier version has it."""
    content = run.environment()
    del content["contents"]
    (run.folder / "env.json").write_text(json.dumps(content), encoding="utf-8")


# -------------------------------------------------------------------------------------------------------- the fingerprint


def test_a_fingerprint_is_of_the_content(tmp_path):
    small = tmp_path / "a.bin"
    small.write_bytes(bytes(range(256)) * 200)
    made = fingerprint([("x", small)])
    moved = Path(shutil.copy(small, tmp_path / "b.bin"))
    assert fingerprint([("x", moved)]) == made != fingerprint([("y", moved)])
    for place in (0, START // 2 % len(small.read_bytes()), len(small.read_bytes()) - 1):
        content = bytearray(small.read_bytes())
        content[place] ^= 1
        moved.write_bytes(bytes(content))
        fingerprints._of.cache_clear()
        assert fingerprint([("x", moved)]) != made


@pytest.mark.parametrize("extra", [-1, 0, 1, 5 * BLOCK + 3])
def test_of_a_large_file_the_ends_and_blocks_between_are_read(tmp_path, extra):
    """Up to START + BLOCKS BLOCK bytes each one counts; of a larger file those of the blocks, whatever lies between."""
    size, path = START + BLOCKS * BLOCK + extra, tmp_path / "large.bin"
    content = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    path.write_bytes(content.tobytes())
    made = fingerprint([("x", path)])
    seen = []
    for place in (0, START - 1, START, size // 2, size - BLOCK, size - 1, *range(START, size, 9 * BLOCK + 7)):
        content[place] ^= 1
        path.write_bytes(content.tobytes())
        fingerprints._of.cache_clear()
        seen.append(fingerprint([("x", path)]) != made)
        content[place] ^= 1
    assert all(seen[:3]) and all(seen[4:6]) and (extra > 0 or all(seen))
    path.write_bytes(content.tobytes()[:-1])
    assert fingerprint([("x", path)]) != made


# ------------------------------------------------------------------------------------------------------------ the weights


@pytest.mark.parametrize("way,old", [("argument", False), ("by hand", True)])
def test_weights_that_were_moved_are_followed(pipelines, tmp_path, capsys, way, old):
    first = tiny.copy(pipelines("sd15"), tmp_path / "first")
    run = trained(capsys, *tiny.arguments(first, f"exp_root_dir={tmp_path}/runs", *tiny.SMALL, *QUICK))
    before = recorded(run, "teacher.path")
    if old:
        forget_contents(run)
    second = first.rename(tmp_path / "second")
    assert carv3d("train", "--resume", run.folder, "trainer.max_steps=2") == 2  # nothing lies there
    moved = [f"teacher.path={second}"]
    if way == "by hand":
        edit_config(run, first, second)
        moved = []
    capsys.readouterr()
    assert carv3d("train", "--resume", run.folder, *moved, "trainer.max_steps=2") == 0
    assert ("could not be checked" in capsys.readouterr().err) == old
    assert run.summary()["step"] == 2 and run.config().teacher.path == str(second)
    assert recorded(run, "teacher.path") == before
    assert carv3d("train", "--resume", run.folder, "trainer.max_steps=3") == 0  # the new checkpoint names the new place


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
                                  "text_encoder/model.safetensors"])
def test_other_weights_are_refused_elsewhere_and_noted_in_place(pipelines, tmp_path, capsys, name):
    first = tiny.copy(pipelines("sd15"), tmp_path / "first")
    run = trained(capsys, *tiny.arguments(first, f"exp_root_dir={tmp_path}/runs", *tiny.SMALL, *QUICK))
    second = tiny.copy(first, tmp_path / "second")
    tiny.edit_weights(second / name, lambda old: {key: 1.01 * value for key, value in old.items()})
    before = {path: path.read_bytes() for path in run.folder.glob("*.*")}
    assert carv3d("train", "--resume", run.folder, f"teacher.path={second}", "trainer.max_steps=2") == 2
    err = capsys.readouterr().err
    assert err.startswith("carv3d: error: teacher.path: ") and err.count("\n") == 1 and "something else" in err
    assert {path: path.read_bytes() for path in run.folder.glob("*.*")} == before
    (first / name).write_bytes((second / name).read_bytes())
    assert carv3d("train", "--resume", run.folder, "trainer.max_steps=2") == 0
    assert any("teacher.path: its content has changed" in line for line in run.summary()["warnings"])


# ------------------------------------------------------------------------------------------------------ the starting file


def points(path, seed=0):
    """A PLY of forty points."""
    places = np.random.default_rng(seed).uniform(-0.5, 0.5, (40, 3))
    rows = "\n".join(" ".join(f"{value:.4f}" for value in row) for row in places)
    path.write_text("ply\nformat ascii 1.0\nelement vertex 40\nproperty float x\nproperty float y\nproperty float z\n"
                    f"end_header\n{rows}\n")
    return path


@pytest.fixture
def started(tmp_path, capsys):
    """A run whose Gaussians started from a file, and that file."""
    path = points(tmp_path / "start.ply")
    return trained(capsys, *EXACT, "scene.type=gaussians", f"scene.gaussians.init={path}", f"exp_root_dir={tmp_path}"), path


@pytest.mark.parametrize("command", [["train", "--resume", "RUN", "trainer.max_steps=2"], ["eval", "RUN"],
                                     ["render", "RUN", "--views", "1", "--size", "16", "--format", "png"],
                                     ["export", "RUN", "--format", "ply"]])
def test_a_starting_file_that_is_gone_is_not_looked_for(started, command):
    run, path = started
    path.unlink()
    assert carv3d(*(str(run.folder) if word == "RUN" else word for word in command)) == 0


def test_a_moved_starting_file_and_another_one(started, tmp_path, capsys):
    run, path = started
    moved, other = path.rename(tmp_path / "moved.ply"), points(tmp_path / "other.ply", seed=1)
    key = "scene.gaussians.init"
    assert carv3d("train", "--resume", run.folder, f"{key}={other}", "trainer.max_steps=2") == 2
    assert f"{key}: {other} holds something else" in capsys.readouterr().err
    assert carv3d("train", "--resume", run.folder, f"{key}=blob", "trainer.max_steps=2") == 2
    assert f"{key}: cannot change on --resume" in capsys.readouterr().err
    assert carv3d("train", "--resume", run.folder, f"{key}={moved}", "trainer.max_steps=2") == 0
    edit_config(run, moved, tmp_path / "nowhere.ply")
    assert carv3d("train", "--resume", run.folder, "trainer.max_steps=3") == 0  # a checkpoint makes it unnecessary


def test_without_a_checkpoint_the_starting_file_is_needed(started, tmp_path, capsys):
    run, path = started
    for checkpoint in run.ckpts.iterdir():
        checkpoint.unlink()
    moved = path.rename(tmp_path / "moved.ply")
    assert carv3d("train", "--resume", run.folder) == 2
    assert "does not exist" in capsys.readouterr().err
    assert carv3d("train", "--resume", run.folder, f"scene.gaussians.init={points(tmp_path / 'o.ply', seed=1)}") == 2
    assert "something else" in capsys.readouterr().err
    assert carv3d("train", "--resume", run.folder, f"scene.gaussians.init={moved}") == 0


# ------------------------------------------------------------------------------------------------------- the CLIP folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("clip")
    words = ["<|startoftext|>", "<|endoftext|>", *"abcdefghijklmnopqrstuvwxyz"]
    words += [f"{word}</w>" for word in words[2:]]
    small = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    text = dict(vocab_size=len(words), max_position_embeddings=40, bos_token_id=0, eos_token_id=1, pad_token_id=1)
    CLIPModel(CLIPConfig(text_config=small | text, vision_config=small | dict(image_size=32, patch_size=8),
                         projection_dim=8)).save_pretrained(folder)
    CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=40).save_pretrained(folder)
    return folder


def test_a_clip_folder_that_is_gone_costs_its_score_alone(clip, tmp_path, capsys):
    place = Path(shutil.copytree(clip, tmp_path / "clip"))
    run = trained(capsys, *EXACT, "scene.type=image", "scene.image.size=16", f"quality.clip={place}",
                  f"exp_root_dir={tmp_path}")
    assert "clip_score" in run.summary()["quality"] and recorded(run, "quality.clip")
    place.rename(tmp_path / "elsewhere")
    assert carv3d("train", "--resume", run.folder, "trainer.max_steps=2", "budget.evaluations=1") == 0
    assert "going on without clip_score" in capsys.readouterr().err
    summary = run.summary()
    assert "psnr" in summary["quality"] and "clip_score" not in summary["quality"]
    assert summary["status"] == "finished" and summary["missing"] == ["quality"]
    assert any(line.startswith("quality: quality.clip: ") for line in summary["warnings"])
    assert carv3d("eval", run.folder) == 0 and "psnr" in capsys.readouterr().out
    assert carv3d("eval", run.folder, f"quality.clip={place}") == 2  # asked for by name
    capsys.readouterr()
    assert carv3d("train", "--resume", run.folder, f"quality.clip={tmp_path / 'elsewhere'}") == 0
    assert "clip_score" in run.summary()["quality"] and run.summary()["missing"] == []


@pytest.mark.parametrize("content", [b"\xff", b"[1]", b"[" * 9000, b'{"model_type": "clip", "text_config": 7}'])
def test_a_damaged_clip_folder_is_one_line(clip, tmp_path, capsys, content):
    place = Path(shutil.copytree(clip, tmp_path / "clip"))
    run = trained(capsys, *EXACT, "scene.type=image", "scene.image.size=16", f"exp_root_dir={tmp_path}")
    (place / "config.json").write_bytes(content)
    assert carv3d("eval", run.folder, f"quality.clip={place}") == 2
    err = capsys.readouterr().err
    assert err.startswith("carv3d: error: quality.clip: ") and err.count("\n") == 1
    edit_config(run, "clip: ''", f"clip: {place}")
    assert carv3d("train", "--resume", run.folder, "trainer.max_steps=2") == 0
    assert run.summary()["missing"] == ["quality"] and "psnr" in run.summary()["quality"]
