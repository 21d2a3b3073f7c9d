"""carv3d distill: what a run leaves, that it goes on to the bit after a kill, and every mistake in one line."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from carv3d import cli
from carv3d.onestep import results
from carv3d.runs import checkpoint

sys.path.insert(0, str(Path(__file__).parents[1]))

import quick_digits  # noqa: E402

quick = quick_digits.quick
SMALL = ["distill.steps=12", "distill.outputs=8", "distill.k=2", "distill.fake_updates=5", "distill.evaluate_every=6",
         "log.every_n_steps=3",         "checkpoint.every_n_train_steps=4", "distill.importance_sampling=true"]
CLOCKS = {"seconds"}


def the_run(root):
    (folder,) = (root / "distill").iterdir()
    return folder


def lines(run):
    return [{key: value for key, value in json.loads(line).items() if key not in CLOCKS}
            for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        quick_digits.shorten(patch)
        assert cli.main(["distill", *SMALL, f"exp_root_dir={root}"]) == 0
    return the_run(root)


def test_a_run_leaves_what_it_promises_and_goes_on_to_the_bit_after_a_kill(whole, tmp_path):
    """The control: another seed's student is another."""
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["status"] == "finished" and summary["step"] == 12
    assert summary["ledger"] == {"outputs": 12 * 8 * 6, "updates": 96, "teacher_evals": 192, "fake_evals": 192 + 480,
                                 "skipped": 0}
    assert summary["quality"].keys() == {"frechet", "precision", "coverage", "nearest"}
    assert [name for name in summary["teacher"]] == ["teacher, 1 step", "teacher, 4 steps", "teacher, 50 steps"]
    assert all((whole / name).is_file() for name in summary["artefacts"].values())
    assert [line["step"] for line in lines(whole)] == [3, 6, 9, 12] and "frechet" in lines(whole)[1]
    page = (whole / "index.html").read_text()
    assert "student" in page and "http" not in page.replace("http://www.w3.org", "")
    root = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", quick_digits.CHILD, "distill", *SMALL, f"exp_root_dir={root}"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 1200
    while not list(root.glob("distill/*/ckpts/step-*.ckpt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()
    folder = the_run(root)
    assert cli.main(["distill", "--resume", str(folder)]) == 0
    assert cli.main(["distill", *SMALL, "seed=1", f"exp_root_dir={tmp_path}/other"]) == 0
    mine, theirs, other = (checkpoint.load(checkpoint.newest(run / "ckpts"))["student"] for run in
                           (folder, whole, the_run(tmp_path / "other")))
    for part in ("generator", "fake", "average"):
        assert all(torch.equal(mine[part][name], theirs[part][name]) for name in theirs[part])
        assert not all(torch.equal(mine[part][name], other[part][name]) for name in theirs[part])
    assert lines(folder) == lines(whole) and not list(folder.rglob("*.part*"))
    assert json.loads((folder / "summary.json").read_text())["quality"] == summary["quality"]


def test_killed_before_its_first_checkpoint_no_line_stands_twice(whole, tmp_path, monkeypatch):
    """A page that cannot be written costs a line, and nothing of what was trained."""
    run = shutil.copytree(whole, tmp_path / "run")
    for path in (run / "ckpts").iterdir():
        path.unlink()
    monkeypatch.setattr(results, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert cli.main(["distill", "--resume", str(run)]) == 0
    assert lines(run) == lines(whole)
    mine, theirs = (json.loads((each / "summary.json").read_text()) for each in (run, whole))
    assert mine["quality"] == theirs["quality"] and mine["status"] == "finished" and "artefacts" not in mine


def test_the_account_of_a_run(whole, tmp_path, capsys):
    """Of each checkpoint, into measure/; the run itself stays as it is."""
    run = shutil.copytree(whole, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (run / "ckpts").glob("step-*.ckpt")}
    assert cli.main(["measure", "--run", str(run), "--cameras", "4", "--k", "2,3"]) == 0
    out = capsys.readouterr().out
    assert out.count("== update") == len(before) and str(run / "measure") in out.splitlines()[-1]
    report = json.loads((run / "measure" / "measure.json").read_text())
    state = report["states"][-1]
    assert state["step"] == 12 and state["outputs"] == 8 and state["variance"]["rho"]["value"] > 0
    assert {(row["way"], row["k"]) for row in state["designs"]} == {
        *((way, k) for way in ("iid", "strata") for k in (1, 2, 3)), ("strata, antithetic", 2),
        ("strata, antithetic, importance", 2)}
    table = (run / "measure" / "measure.csv").read_text().splitlines()
    assert table[0].startswith("step,way,k,conditional,conditional_low") and len(table) == 1 + 8 * len(before)
    assert {path.name: path.read_bytes() for path in (run / "ckpts").glob("step-*.ckpt")} == before
    assert cli.main(["measure", "--run", str(run), "--warm-up", "3"]) == 2
    assert "--warm-up given with --run" in capsys.readouterr().err


def test_samples_of_a_student(whole, tmp_path, capsys):
    assert cli.main(["sample", str(whole), "--number", "10", "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 11
    assert cli.main(["sample", str(whole), "--prompt", "a three"]) == 2
    assert "reads no words" in capsys.readouterr().err


STOPPING = """import os, signal, sys
from carv3d import cli
from carv3d.onestep.student import Student
step = Student.step
def stopping(self, number, progress):
    if number == 4:
        os.kill(os.getpid(), signal.SIGTERM)
    return step(self, number, progress)
Student.step = stopping
sys.exit(cli.main(sys.argv[1:]))
"""


def test_stopped_it_keeps_what_it_has(tmp_path):
    """In a process of its own, which is the one that the signal is for."""
    done = subprocess.run([sys.executable, "-c", STOPPING, "distill", *SMALL, f"exp_root_dir={tmp_path}"],
                          capture_output=True, text=True)
    assert done.returncode == 130, done.stderr
    run = the_run(tmp_path)
    assert json.loads((run / "summary.json").read_text())["status"] == "interrupted"
    assert checkpoint.step_of(checkpoint.newest(run / "ckpts")) == 5


@pytest.mark.parametrize("arguments,words", [
    (["distill.noise=antithetic", "distill.k=3"], ["distill.noise", "k=3", "even"]),
    (["distill.t_min=0.9", "distill.t_max=0.5"], ["distill.t_min", "t_max"]),
    (["distill.fake_outputs=old"], ["distill.fake_outputs", "'old'", "fresh"]),
    (["distill.start=5000"], ["distill.start", "5000", "999"]),
    (["prompt=a mug"], ["prompt", "no effect", "distill.*"]),
    (["--resume", "nowhere"], ["nowhere", "not a run folder"]),
])
def test_mistakes_are_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["distill", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and all(word in err for word in words), err
    assert os.listdir(tmp_path) == []


def test_what_cannot_change_on_resume(whole, tmp_path, capsys):
    run = shutil.copytree(whole, tmp_path / "run")
    assert cli.main(["distill", "--resume", str(run), "distill.k=4"]) == 2
    assert "distill.k: cannot change on --resume" in capsys.readouterr().err
    assert cli.main(["attribute", "--resume", str(run)]) == 2
    assert "is a run of carv3d 'distill'" in capsys.readouterr().err
