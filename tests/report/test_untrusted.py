"""Reports on runs from elsewhere: nothing in them runs or leads out, and one bad run costs only itself."""

import json
import re
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest
import torch

from carv3d import cli
from carv3d.runs.folder import Run

TINY = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=2", "data.views=4",
        "scene.type=image", "scene.image.size=16", "export.video=false", "trainer.preview_every=0",
        "trainer.max_steps=2", "budget.evaluations=2"]
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> list[Path]:
    """Two runs that differ in K."""
    root = tmp_path_factory.mktemp("runs")
    for k in (1, 2):
        assert cli.main(["train", *TINY, f"exp_root_dir={root}", f"estimator.k={k}", f"tag=k{k}"]) == 0
    return sorted(root.glob("carv3d/*"))


@pytest.fixture
def runs(made, tmp_path) -> list[Path]:
    return [Path(shutil.copytree(path, tmp_path / path.name, symlinks=True)) for path in made]


def report(paths: list[Path], out: Path) -> str:
    assert cli.main(["report", *map(str, paths), "--out", str(out)]) == 0
    return (out / "index.html").read_text(encoding="utf-8")


def test_everything_from_a_run_is_escaped(runs, tmp_path):
    summary = json.loads((runs[0] / "summary.json").read_text())
    odd = {**summary, "step": EVIL, "status": "finished" + EVIL, "stopped_by": EVIL,
           "ledger": {**summary["ledger"], "renders": EVIL, "draws": [EVIL]}, "quality": {"psnr": EVIL, EVIL: 3.0},
           "seconds": {"train": EVIL}}
    (runs[0] / "summary.json").write_text(json.dumps(odd))
    environment = json.loads((runs[0] / "env.json").read_text())
    (runs[0] / "env.json").write_text(json.dumps({**environment, "cpu": EVIL, "git_commit": EVIL}))
    text = (runs[0] / "config.yaml").read_text()
    (runs[0] / "config.yaml").write_text(re.sub(r"^prompt:.*$", f"prompt: '{EVIL}'", text, flags=re.M))
    lines = [json.loads(line) for line in (runs[1] / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        if "quality" in line:
            line["quality"][EVIL] = 1.0
    (runs[1] / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = report(runs, tmp_path / "page")
    own = page.count("<script")
    assert own == 1 and EVIL not in page and "&lt;script&gt;" in page


DAMAGES = {
    "summary.json": [b"{", b"[]", b"\xff", b'{"quality": [1], "ledger": 3, "seconds": "x", "step": {}}', b"null"],
    "env.json": [b"{", b"[1]", b'{"packages": 3}', b"\xff"],
    "metrics.jsonl": [b"{}\n[]\n", b'{"step": "x", "quality": {}}\n', b"\xff\n", b'{"step": 1, "quality": 5, "cost": 5}\n',
                      b'{"step": 1, "compare": {"plain": {"k": 0}}}\n', b'{"step": 1, "quality": {"psnr": "x"}, "cost": '
                      b'{"seconds": 1, "renders": 1, "teacher_evals": 1}}\n'],
    "config.yaml": [b"{", b"\xff", b"scene.type: mine:Mine\n", b""],
    "cmd.txt": [b"\xff\x00"]}


@pytest.mark.parametrize("name,content", [(name, each) for name, found in DAMAGES.items() for each in found])
def test_one_damaged_run_never_costs_a_report_its_page(runs, tmp_path, name, content):
    (runs[0] / name).write_bytes(content)
    page = report(runs, tmp_path / "page")
    assert f"{runs[1].name}</td>" in page and f"{runs[0].name}</td>" in page
    readable = [b'{"quality"', b'{"packages"', b'{"step": 1']  # as JSON; what is wrong within is left out
    if name in ("summary.json", "env.json", "metrics.jsonl") and not content.startswith(tuple(readable)):
        assert "damaged" in page


def test_what_a_link_leads_out_to_is_neither_shown_nor_written(runs, tmp_path, capsys):
    secret = tmp_path / "secret"
    secret.write_text("mine alone")
    preview = runs[0] / "save" / "preview.png"
    preview.unlink()
    preview.symlink_to(secret)
    page = report(runs, tmp_path / "page")
    assert "bWluZSBhbG9uZQ" not in page and "link out of the run" in page  # its base64
    for command in (["train", "--resume"], ["render"], ["eval"], ["export"]):
        assert cli.main([*command, str(runs[0])]) == 2 and "link out of the run" in capsys.readouterr().err
    shutil.rmtree(runs[1] / "save")
    (runs[1] / "save").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    assert cli.main(["train", "--resume", str(runs[1]), "trainer.max_steps=3"]) == 2
    assert secret.read_text() == "mine alone" and not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("stand,module", [(".", "evil"), ("..", "run.evil")])
def test_a_run_brings_no_module_with_it(runs, tmp_path, monkeypatch, capsys, stand, module):
    """Standing in the run's folder, or beside it: its own file is found by the name, and not run."""
    run = runs[0].rename(tmp_path / "run")
    (run / "evil.py").write_text("from pathlib import Path\nPath(__file__).with_name('it_ran').touch()\n")
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(re.sub("^  type: image", f"  type: {module}:Evil", text, flags=re.M))
    monkeypatch.chdir(run / stand)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for command in (["render"], ["eval"], ["export"], ["train", "--resume"]):
        assert cli.main([*command, str(run)]) == 2 and "in the run's own folder" in capsys.readouterr().err
    assert "own folder" in report([run], tmp_path / "page") and not (run / "it_ran").exists()
    (tmp_path / "evil.py").write_text("raise SystemError('mine, and run')")  # its control: beside me it is imported
    monkeypatch.chdir(tmp_path)
    (run / "evil.py").unlink()
    (run / "config.yaml").write_text(re.sub("^  type: image", "  type: evil:Evil", text, flags=re.M))
    sys.modules.pop("evil", None)
    assert cli.main(["render", str(run)]) == 2 and "mine, and run" in capsys.readouterr().err


def test_a_link_within_a_run_and_a_link_to_it_are_fine(runs, tmp_path):
    (runs[0] / "save" / "first.png").symlink_to("preview.png")
    (tmp_path / "latest").symlink_to(runs[0])
    assert "link out" not in report([tmp_path / "latest"], tmp_path / "page")
    assert cli.main(["train", "--resume", str(tmp_path / "latest"), "trainer.max_steps=3"]) == 0


@pytest.mark.parametrize("name", ["$x_{$", "$\\frac$", "[/red]", EVIL, "a\x1b[2Jb", "青い", "a\nb"])
def test_odd_names_of_variants_are_shown_as_they_are(runs, tmp_path, name):
    """In figures, where a dollar sign could begin mathematics, and in tables."""
    sweep_of(tmp_path / "sweep", {name: runs[0], "other": runs[1]})
    page = report([tmp_path / "sweep"], tmp_path / "page")
    assert "\x1b" not in page and page.count("<script") == 1 and "equal_seconds" in page
    assert list((tmp_path / "page/figures").glob("curve_*.pdf")) and list((tmp_path / "page/figures").glob("difference_*.svg"))


def sweep_of(folder: Path, variants: dict[str, Path]) -> None:
    """A sweep's folder with these runs in it, done."""
    from carv3d.sweep.ledger import CellLedger

    folder.mkdir()
    with CellLedger(folder / "ledger.sqlite") as ledger:
        ledger.add([(str(i), name, {"variant": name, "prompt": "a red mushroom", "seed": 0}, {})
                    for i, name in enumerate(variants)])
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        for i, path in enumerate(variants.values()):
            shutil.copytree(path, folder / path.name, symlinks=True)
            db.execute("update cells set state = 'done', run = ? where id = ?", (path.name, str(i)))


def test_a_ledger_without_rows_and_a_damaged_one(runs, tmp_path, capsys):
    from carv3d.sweep.ledger import CellLedger

    (tmp_path / "empty").mkdir()
    with CellLedger(tmp_path / "empty" / "ledger.sqlite"):
        pass
    assert cli.main(["report", str(tmp_path / "empty")]) == 2 and "no runs in it yet" in capsys.readouterr().err
    assert runs[0].name in report([tmp_path / "empty", *runs], tmp_path / "page")
    capsys.readouterr()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "ledger.sqlite").write_bytes(b"no database at all, but long enough to be one" * 9)
    assert cli.main(["report", str(tmp_path / "bad")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "ledger" in error


def test_a_ledger_names_no_folder_outside_its_sweep(runs, tmp_path):
    from carv3d.sweep.ledger import CellLedger

    sweep = tmp_path / "sweep"
    sweep.mkdir()
    with CellLedger(sweep / "ledger.sqlite") as ledger:
        ledger.add([("a", "a", {"prompt": "a red mushroom", "seed": 0}, {})])
    with sqlite3.connect(sweep / "ledger.sqlite") as db:
        db.execute("update cells set state = 'done', run = ?", (f"../{runs[0].name}",))
    assert runs[0].name not in report([sweep], tmp_path / "page")


def test_a_run_of_a_teacher_without_ground_truth_has_its_page(runs, tmp_path):
    summary = Run(runs[0]).summary()
    (runs[0] / "summary.json").write_text(json.dumps({**summary, "quality": None}))
    lines = [json.loads(line) for line in (runs[0] / "metrics.jsonl").read_text().splitlines()]
    kept = [{**line, "quality": None} if "quality" in line else line for line in lines]
    (runs[0] / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))
    assert "2 steps" in report(runs[:1], tmp_path / "page")


class Bomb:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_checkpoint_runs_nothing(runs, tmp_path, capsys):
    path = runs[0] / "ckpts" / "step-000002.ckpt"
    state = torch.load(path, weights_only=True)
    torch.save({**state, "seconds": Bomb(tmp_path / "it_ran")}, path)
    for command in (["render"], ["eval"], ["train", "--resume"], ["measure", "--run"]):
        assert cli.main([*command, str(runs[0])]) == 2 and "refused" in capsys.readouterr().err
    assert not (tmp_path / "it_ran").exists()
    torch.load(path, weights_only=False)  # its control
    assert (tmp_path / "it_ran").exists()
