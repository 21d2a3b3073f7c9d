"""carv3d attribute: what a run leaves, that it goes on to the bit after a kill, and every mistake in one line."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from carv3d import cli, digits
from carv3d.sweep import table

sys.path.insert(0, str(Path(__file__).parents[1]))

import quick_digits  # noqa: E402

quick = quick_digits.quick
PATIENCE_S = 1200
SMALL = ["attribute.k=2", "attribute.sets=3", "attribute.sketch=512", "attribute.top=3"]


def the_run(root: Path) -> Path:
    (folder,) = (root / "attribute").iterdir()
    return folder


def attributed(root: Path, *arguments: str) -> Path:
    assert cli.main(["attribute", *SMALL, f"exp_root_dir={root}", *arguments]) == 0
    return the_run(root)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run."""
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        quick_digits.shorten(patch)
        return attributed(root)


def test_a_run_leaves_what_it_promises(whole):
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["status"] == "finished" and summary["step"] == 3
    assert summary["ledger"] == {"sets": 3, "draws": 6, "gradients": (80 + 1500) * 6}
    assert all((whole / name).is_file() for name in summary["artefacts"].values())
    for group in ("held out", "generated"):
        found = summary["lds"][group]
        assert summary["quality"][f"lds_{group.replace(' ', '_')}"] == found["lds"]["kernel"]["value"]
        assert list(found["lds"]) == ["kernel", "cosine", "dot", "cosine_of_means", "dot_of_means", "pixels"]
        assert found["lds"].keys() - {"kernel"} == found["difference"].keys() and 0.5 < found["ceiling"] <= 1
        assert found["lds"]["kernel"]["low"] < found["lds"]["kernel"]["value"] < found["lds"]["kernel"]["high"]
    scores = load_file(whole / "scores.safetensors")
    assert scores.keys() == {"kernel", "kernel_margin", "cosine", "dot", "cosine_of_means", "dot_of_means", "pixels"}
    assert all(each.shape == (80, 1500) for each in scores.values())
    rows = list(csv.DictReader((whole / "top.csv").open()))
    assert len(rows) == 80 * 3 * 2
    best = [int(row["picture"].split()[0]) for row in rows if row["query"] == "held out 5" and int(row["rank"]) > 0]
    assert best == scores["kernel"][5].topk(3).indices.tolist()
    worst = [int(row["picture"].split()[0]) for row in rows if row["query"] == "generated 2" and int(row["rank"]) < 0]
    assert worst == scores["kernel"][42].topk(3, largest=False).indices.tolist()
    page = (whole / "index.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "") and page.count("<img") == 80 * 25


def test_the_shipped_truth_is_of_these_digits_and_a_changed_one_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(digits, "load", lambda: (digits.Pictures(torch.zeros(4, 64), torch.zeros(4).long()),) * 2)
    assert cli.main(["attribute", *SMALL, f"exp_root_dir={tmp_path}/x"]) == 2
    err = capsys.readouterr().err
    assert "scripts/attribution_truth.py" in err and err.count("\n") == 1 and not (tmp_path / "x").exists()


def test_killed_it_goes_on_to_the_same_scores(whole, tmp_path):
    """A process of its own, killed after its first set. The control: another seed's scores are others."""
    command = [sys.executable, "-c", quick_digits.CHILD, "attribute", *SMALL, f"exp_root_dir={tmp_path}/killed"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    while not list(tmp_path.glob("killed/attribute/*/ckpts/step-*.ckpt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    folder = the_run(tmp_path / "killed")
    assert json.loads((folder / "summary.json").read_text())["status"] == "running"
    assert cli.main(["attribute", "--resume", str(folder)]) == 0
    other = attributed(tmp_path, "attribute.sets=1", "seed=1")
    mine, same, other = (load_file(each / "scores.safetensors") for each in (folder, whole, other))
    assert mine.keys() == same.keys() and all(torch.equal(mine[name], same[name]) for name in same)
    assert (folder / "top.csv").read_bytes() == (whole / "top.csv").read_bytes()
    assert not torch.equal(mine["kernel"], other["kernel"]) and not list(folder.rglob("*.part*"))


def test_more_sets_and_another_method_on_resume(whole, tmp_path):
    run = shutil.copytree(whole, tmp_path / "run")
    assert cli.main(["attribute", "--resume", str(run), "attribute.sets=4", "attribute.method=cosine"]) == 0
    summary = json.loads((run / "summary.json").read_text())
    assert summary["step"] == 4 and list(summary["lds"]["held out"]["lds"])[0] == "cosine"
    assert "cosine_margin" in load_file(run / "scores.safetensors")


def test_a_sweep_of_it_has_its_own_columns(tmp_path, capsys, monkeypatch):
    """Planned without torch's work, and after one cell its scores are in the table and in cells.csv."""
    file = tmp_path / "a.yaml"
    file.write_text("command: attribute\ngrid: {attribute.k: [2, 4]}\n")
    assert cli.main(["sweep", str(file), "--dry-run", f"exp_root_dir={tmp_path}/out"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("4 sets of 2 draws") and out[1].endswith("4 sets of 4 draws") and not (tmp_path / "out").exists()
    rows = [{"id": "x", "name": "k 2", "overrides": {}, "state": "done", "failure": None, "detail": None, "attempts": 1,
             "workers": 1, "run": "r", "result": {"step": 4, "seconds": {"score": 3.0}, "quality": {"lds_held_out": 0.4123},
                                                  "ledger": {"sets": 4, "draws": 8, "gradients": 80}}}]
    assert table.table(rows).split()[:6] == ["cell", "state", "step", "score", "s", "lds_held_out"]
    assert "0.412" in table.table(rows)
    table.write_csv(tmp_path / "cells.csv", rows)
    (row,) = csv.DictReader((tmp_path / "cells.csv").open())
    assert (row["gradients"], row["score_s"], row["lds_held_out"]) == ("80", "3.0", "0.4123") and "renders" not in row


@pytest.mark.parametrize("arguments,words", [
    (["attribute.noise=antithetic", "attribute.k=3"], ["attribute.noise", "k=3", "even"]),
    (["attribute.noise=zero_sum", "attribute.k=1"], ["attribute.noise", "at least 2"]),
    (["attribute.until=stable", "attribute.sets=1"], ["attribute.until", "sets=1"]),
    (["attribute.times=grid", "attribute.stratified=false"], ["attribute.stratified", "times=grid"]),
    (["attribute.method=trak"], ["attribute.method", "'trak'", "kernel"]),
    (["attribute.damping=0"], ["attribute.damping", "0", ">= 1e-08"]),
    (["attribute.kk=1"], ["attribute.kk", "attribute.k"]),
    (["scene.type=sdf"], ["scene.type", "no effect", "attribute.*"]),
    (["device=cuda"], ["device", "no effect"]),
    (["--config", "nowhere.yaml"], ["nowhere.yaml"]),
    (["--resume", "nowhere"], ["nowhere", "not a run folder"]),
])
def test_mistakes_are_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["attribute", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and all(word in err for word in words), err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", [["eval", "RUN"], ["export", "RUN"], ["train", "--resume", "RUN"],
                                     ["render", "RUN", "--views", "1"], ["measure", "--run", "RUN"]])
def test_commands_that_are_not_for_such_a_run_say_so(whole, capsys, command):
    assert cli.main([str(whole) if word == "RUN" else word for word in command]) == 2
    err = capsys.readouterr().err
    needed = "train or distill" if command[0] == "measure" else "train"
    assert f"is a run of carv3d 'attribute', and one of carv3d {needed} is needed" in err and err.count("\n") == 1


def test_a_checkpoint_made_with_other_options_is_refused(whole, tmp_path, capsys):
    run = shutil.copytree(whole, tmp_path / "run")
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("sketch: 512", "sketch: 256"))
    assert cli.main(["attribute", "--resume", str(run)]) == 2
    assert "made with another attribute.sketch" in capsys.readouterr().err


def test_what_cannot_change_on_resume(whole, capsys):
    assert cli.main(["attribute", "--resume", str(whole), "attribute.k=4"]) == 2
    assert "attribute.k: cannot change on --resume" in capsys.readouterr().err
