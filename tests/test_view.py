"""save/view.html at the end of a training, and carv3d view: made where it is missing, served until Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from carv3d import cli
from carv3d.commands import view
from carv3d.export import page
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runs.shown import step_of
from carv3d.text3d import viewing

TINY = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=8", "data.views=4",
        "export.video=false", "trainer.preview_every=0", "trainer.max_steps=3", "device=cpu"]
IMAGE = [*TINY, "scene.type=image", "scene.image.size=16"]


def train(root: Path, *overrides: str) -> Run:
    assert cli.main(["train", *overrides, f"exp_root_dir={root}"]) == 0
    (folder,) = root.glob("*/*@*")
    return Run(folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Run:
    return train(tmp_path_factory.mktemp("whole"), *TINY, "checkpoint.every_n_train_steps=2")


def held(run: Run) -> dict:
    text = (run.save / "view.html").read_text(encoding="utf-8")
    return json.loads(text.split('id="data">')[1].split("</script>")[0])


def test_a_training_ends_with_its_page(trained):
    """Of the surface that its quality was told by: no other is looked for."""
    summary = trained.summary()
    assert summary["missing"] == [] and summary["warnings"] == [w for w in summary["warnings"] if "view" not in w]
    assert summary["artefacts"]["view"] == "save/view.html" and summary["artefacts"]["poster"] == "save/view.png"
    assert 0 < summary["seconds"]["view"] < 20 and step_of(trained.save / "view.html") == 3
    (particle,) = held(trained)["particles"]
    assert particle["mesh"]["faces"] and particle["splats"] is None
    assert page.program() in (trained.save / "view.html").read_text(encoding="utf-8")
    assert (trained.save / "view.html").stat().st_size < 6_000_000


@pytest.mark.parametrize("option", ["export.view=false", "quality.shape=false"])
def test_no_page_is_asked_for(tmp_path, option):
    run = train(tmp_path, *IMAGE, option)
    assert not list(run.save.glob("view.*")) and run.summary()["missing"] == [] and "view" not in run.summary()["seconds"]


def test_a_page_that_fails_costs_a_warning_and_is_made_again(tmp_path, monkeypatch, capsys):
    """Whatever it fails with; the training is finished, and what it has made stands."""
    whole = viewing.page.write
    monkeypatch.setattr(viewing.page, "write", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("no page today")))
    run = train(tmp_path, *IMAGE)
    summary = run.summary()
    assert summary["status"] == "finished" and summary["missing"] == ["view"] and summary["quality"]["psnr"] > 0
    (line,) = [each for each in summary["warnings"] if each.startswith("view: ")]
    assert "RuntimeError: no page today" in line and "--resume" in line and f"warning: {line}" in capsys.readouterr().err
    assert not (run.save / "view.html").exists() and (run.save / "preview.png").exists()
    monkeypatch.setattr(viewing.page, "write", whole)
    assert cli.main(["train", "--resume", str(run.folder)]) == 0
    assert run.summary()["missing"] == [] and (run.save / "view.html").exists()
    assert held(run)["particles"][0]["mesh"] is None and "No surface" in held(run)["particles"][0]["notes"][0]  # a picture


def test_runs_of_a_sweep_share_the_program(tmp_path):
    (tmp_path / "s.yaml").write_text(json.dumps({"overrides": dict(each.split("=") for each in IMAGE if "prompt" not in each),
                                                 "prompts": ["a red mushroom", "a green mug"]}))
    os.makedirs(tmp_path / "out")
    assert cli.main(["sweep", str(tmp_path / "s.yaml"), f"exp_root_dir={tmp_path}/out"]) == 0
    (program,) = (tmp_path / "out" / "s").glob("*.js")
    assert program.name == page.shared_name() and program.read_text(encoding="utf-8") == page.program()
    pages = list((tmp_path / "out" / "s").glob("*@*/save/view.html"))
    assert len(pages) == 2 and all(each.stat().st_size < 100_000 and f'src="../../{program.name}"' in each.read_text(encoding="utf-8") for each in pages)
    run = Run(pages[0].parent.parent)
    pages[0].unlink(), program.unlink()
    assert view.page_of(run) == pages[0] and program.exists()


def test_a_page_is_made_where_it_is_missing_or_old(trained, monkeypatch):
    path = view.page_of(trained)
    first = path.stat().st_mtime_ns
    assert view.page_of(trained) == path and path.stat().st_mtime_ns == first  # the control: a fresh one stays
    path.unlink()
    assert view.page_of(trained) == path and step_of(path) == 3
    mesh = held(trained)["particles"][0]["mesh"]
    path.write_text(path.read_text(encoding="utf-8").replace('content="3"', 'content="2"'), encoding="utf-8")
    view.page_of(trained)
    assert step_of(path) == 3 and held(trained)["particles"][0]["mesh"] == mesh


def served(*arguments: str) -> tuple[subprocess.Popen, list[str]]:
    """carv3d view at work, and the lines on its stdout up to the address."""
    process = subprocess.Popen([sys.executable, "-m", "carv3d", "view", "--no-browser", *arguments], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    lines = []
    while not lines or not lines[-1].startswith("http://"):
        lines.append(process.stdout.readline().rstrip("\n"))
        assert lines[-1], process.stderr.read()
    return process, lines


def got(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def test_the_command_serves_a_run_until_ctrl_c(trained):
    process, lines = served(str(trained.ckpts / "last.ckpt"))
    try:
        path, url = lines
        assert path == str(trained.save / "view.html") and url.startswith("http://127.0.0.1:")
        assert got(url) == Path(path).read_bytes() == got(url.split("/", 3)[0] + "//" + url.split("/")[2] + "/")
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said.splitlines()[-1] == "carv3d: stopped" and "Traceback" not in said


def test_the_command_serves_a_folder_of_runs_to_others_by_a_token(trained):
    """And loads no torch for it; the page that is asked for is made, if need be."""
    (trained.save / "view.html").unlink(missing_ok=True)
    process, (url,) = served(str(trained.folder.parent), "--host", "0.0.0.0")
    try:
        with open(f"/proc/{process.pid}/maps") as maps:
            assert "libtorch" not in maps.read()
        address, token = url.rstrip("/").rsplit("/", 1)
        local = f"http://127.0.0.1:{address.rsplit(':', 1)[1]}"
        assert len(token) > 30 and b"a red mushroom" in got(f"{local}/{token}/")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            got(f"{local}/")
        assert b"carv3d-step" in got(f"{local}/{token}/{urllib.parse.quote(trained.folder.name)}/save/view.html")
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "whoever has this address" in said


@pytest.mark.parametrize("arguments,words", [
    (["nowhere"], ["RUN_OR_SWEEP", "nowhere does not exist", "outputs"]), ([], ["RUN_OR_SWEEP", "--help"]),
    (["."], ["holds no runs of carv3d train"]), ([".", "--port", "70000"], ["70000 given", "from 0 to 65535"]),
    (["file"], ["file is not a run folder"])])
def test_mistakes_end_in_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert cli.main(["view", *arguments]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and all(word in line for word in words), line


def test_json_is_refused(trained, capsys):
    """Nothing would be told before the end."""
    assert cli.main(["view", str(trained.folder), "--json"]) == 2
    assert "serves until Ctrl-C" in json.loads(capsys.readouterr().out)["error"]


def test_a_run_without_a_checkpoint_is_refused(trained, tmp_path, capsys):
    (tmp_path / "a@1" / "ckpts").mkdir(parents=True)
    (tmp_path / "a@1" / "config.yaml").write_bytes((trained.folder / "config.yaml").read_bytes())
    assert cli.main(["view", str(tmp_path / "a@1")]) == 2
    assert "holds no checkpoint yet" in capsys.readouterr().err
    assert checkpoint.listing(trained.ckpts)  # the control
