"""A storage that refuses: each system call of carv3d's storage module fails in turn, around a small run. Whatever was
saved stays, a refusal is one line, and the resumed run comes to the same bits.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from carv3d import cli
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime import files

TINY = ["train", "prompt=a red mushroom", "quality.shape=false", "data.width=16", "data.height=16", "teacher.type=exact",
        "teacher.exact.set_size=2", "data.views=4", "scene.type=gaussians", "scene.gaussians.count=16", "export.formats=[ply]",
        "export.video=false", "trainer.preview_every=2", "trainer.max_steps=4", "checkpoint.every_n_train_steps=2",
        "checkpoint.keep=1", "budget.evaluations=2", "log.every_n_steps=1"]
CALLS = ("open", "write", "fsync", "replace", "makedirs", "symlink", "listdir", "unlink")
CODES = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EMFILE, errno.ENOENT, errno.EIO)

CONVENIENT = {"save/it2.png", "save/it4.png", "ckpts/last.ckpt"}  # a run goes on without


class Storage:
    """The system calls of ``carv3d.runtime.files``, counted; the one with the number ``fails`` raises ``code``.

    before: called just before it fails.
    """

    def __init__(self, fails: int | None = None, code: int = 0, before: Callable[[], None] = lambda: None):
        self.fails, self.code, self.before = fails, code, before
        self.made: list[tuple[str, str]] = []  # (call, file) in order

    def wrapped(self, name: str, call: Callable) -> Callable:
        def counted(*args, **kwargs):
            target = args[0] if isinstance(args[0], (str, os.PathLike)) else "-"
            number = len(self.made)
            self.made.append((name, "".join(c for c in Path(target).name if not c.isdigit())))
            if number == self.fails:
                self.before()
                raise OSError(self.code, os.strerror(self.code), str(target))
            return call(*args, **kwargs)

        return counted

    @contextmanager
    def used(self, monkeypatch) -> Iterator[None]:
        with monkeypatch.context() as patch:
            own = {name: self.wrapped(name, getattr(os, name)) for name in CALLS}
            patch.setattr(files, "os", SimpleNamespace(**{**vars(os), **own}))
            patch.setattr(files, "open", self.wrapped("open", open), raising=False)
            patch.setattr(files, "fcntl", SimpleNamespace(**{**vars(files.fcntl), "flock": self.wrapped(
                "flock", files.fcntl.flock)}))
            yield


def state_of(root: Path) -> tuple[dict, dict, list[str]]:
    """What a finished run has come to: tensors, lines of metrics and files, without what a clock says."""
    (folder,) = (root / "carv3d").iterdir()
    run = Run(folder)
    assert run.summary()["status"] == "finished" and run.summary()["missing"] == []
    tensors = checkpoint.load(checkpoint.newest(run.ckpts))["trainer"]
    clocks = ("wall_s", "step_ms", "peak_mem_mib", "cost")
    lines = [{key: value for key, value in line.items() if key not in clocks} for line in run.metrics()]
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return tensors, lines, names


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return len(a) == len(b) and all(map(same, a, b)) if isinstance(a, (list, tuple)) else a == b


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The undisturbed run, and its calls."""
    root, storage = tmp_path_factory.mktemp("whole"), Storage()
    with pytest.MonkeyPatch.context() as patch, storage.used(patch):
        assert cli.main([*TINY, f"exp_root_dir={root}"]) == 0
    return state_of(root), storage.made


def faults(made: list[tuple[str, str]]) -> list[tuple[int, int]]:
    """For each kind of call on each kind of file its first, of checkpoints and the summary its last too, each with a
    code, all codes in turn."""
    first, last = {}, {}
    for number, kind in enumerate(made):
        first.setdefault(kind, number)
        if kind[1].startswith((".step", ".summary")):
            last[kind] = number
    numbers = sorted({*first.values(), *last.values()})
    return [(number, errno.ENOLCK if made[number][0] == "flock" else CODES[i % len(CODES)])
            for i, number in enumerate(numbers)]


@pytest.mark.parametrize("half", [0, 1])
def test_each_refusal_of_the_disk_is_one_line_and_loses_nothing(whole, tmp_path, monkeypatch, capsys, half):
    expected, made = whole
    tried = faults(made)
    assert {kind for kind, _ in made} >= {*CALLS, "flock"} - {"symlink"} and len(tried) > 30
    for number, code in tried[half::2]:
        what = f"call {number}, {' '.join(made[number])}, {errno.errorcode[code]}"
        root, kept = tmp_path / str(number), []
        storage = Storage(number, code, lambda: kept.extend(root.glob("carv3d/*/ckpts/step-*.ckpt")))
        with storage.used(monkeypatch):
            status = cli.main([*TINY, f"exp_root_dir={root}"])
        captured = capsys.readouterr()
        assert len(storage.made) > number and status in (0, 2), what
        errors = [line for line in captured.err.splitlines() if "error:" in line]
        assert len(errors) == (status == 2) and all(len(line) < 320 for line in errors), (what, captured.err)
        runs = list(root.glob("carv3d/*/config.yaml"))
        assert runs or not root.exists(), f"{what}: something half-made is left"
        if not runs:
            continue
        run = Run(runs[0].parent)
        found = checkpoint.listing(run.ckpts)
        assert not kept or found, f"{what}: a checkpoint is gone"
        assert all(checkpoint.fault(path) is None for path in found), f"{what}: a damaged checkpoint"
        if status or run.summary().get("missing", True):
            assert cli.main(["train", "--resume", str(run.folder)]) == 0, (what, capsys.readouterr().err)
        capsys.readouterr()
        got = state_of(root)
        assert same(got[0], expected[0]), f"{what}: other numbers"
        assert got[1] == expected[1], f"{what}: other metrics"
        assert set(expected[2]) - set(got[2]) <= CONVENIENT, f"{what}: files are gone"
        stays = {"ckpts/step-000002.ckpt"} if made[number][0] == "unlink" else set()  # what could not be deleted
        assert set(got[2]) <= set(expected[2]) | stays, f"{what}: litter"


def test_the_check_above_notices_a_lost_step(whole):
    """Its control: one number changed, one line and one file less."""
    (tensors, lines, names), _ = whole
    other = json.loads(json.dumps(lines))
    other[0]["k"] = 0
    changed = {**tensors, "ledger": {**tensors["ledger"], "steps": 5}}
    assert same(tensors, tensors) and not same(tensors, changed) and other != lines
    moved = {**tensors, "scenes": [{**tensors["scenes"][0], "means": tensors["scenes"][0]["means"] + 1e-7}]}
    assert not same(tensors, moved) and names
