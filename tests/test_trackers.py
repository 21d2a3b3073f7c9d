"""Trackers: what TensorBoard, W&B and MLflow are told of a run, and that a run is the same with and without them.

The packages are optional: a stand-in, as strict about calls as they are, stands for them in every suite, and the real
ones are read back where they are installed.
"""

import importlib.util
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

from carv3d import cli
from carv3d.commands.recorder import Recorder
from carv3d.config.schema import LogConfig
from carv3d.runs import checkpoint, trackers, tracking
from carv3d.runs.folder import Run
from carv3d.runs.trackers import flat, numbers

TINY = ["train", "prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=2",
        "data.views=4", "scene.type=image", "scene.image.size=16", "export.video=false", "export.view=false",
        "quality.shape=false", "trainer.preview_every=2", "trainer.max_steps=4", "log.every_n_steps=1", "budget.evaluations=2",
        "checkpoint.every_n_train_steps=2", "device=cpu"]
STAND_IN = """
import json, os, time
from types import SimpleNamespace

def called(name, **given):
    with open(os.environ["CALLS"], "a") as file:
        file.write(json.dumps([name, given]) + "\\n")
    wanted = os.environ.get("TROUBLE", "").split(":")
    if wanted[0] == name:
        if wanted[1] == "raise":
            raise OSError(28, "No space left on device")
        if wanted[1] == "exit":
            raise SystemExit(3)
        while not os.path.exists(wanted[1]):
            time.sleep(0.05)
"""
WANDB = STAND_IN + """
class Settings:
    def __init__(self, *, silent, console, disable_git, disable_code, symlink, x_disable_stats, x_disable_meta, x_disable_machine_info,
                 x_save_requirements):
        assert silent and console == "off"

def login(*, prompt, verify):
    return False

def Image(path):
    assert os.path.getsize(path)
    return path

class Run:
    def __init__(self):
        self.step, self.summary = -1, {}
    def log(self, data, *, step):
        assert step >= self.step, "W&B drops what is behind"
        self.step = step
        called("wandb.log", step=step, data=data)
    def finish(self, *, exit_code):
        called("wandb.finish", exit_code=exit_code, summary=self.summary)

def init(*, id, resume, mode, dir, name, config, project, group, settings):
    assert resume == "allow" and isinstance(settings, Settings) and os.path.isdir(dir)
    print("chatter on stdout")
    os.system("echo chatter of a child >&2")
    called("wandb.init", id=id, mode=mode, name=name, prompt=config["prompt"], project=project, group=group)
    return Run()
"""
MLFLOW = STAND_IN.replace("import json", "import sys, json") + """
import collections
Metric = collections.namedtuple("Metric", "key value timestamp step")
Param = collections.namedtuple("Param", "key value")
entities = sys.modules["mlflow.entities"] = SimpleNamespace(Metric=Metric, Param=Param)

class MlflowClient:
    def __init__(self, *, tracking_uri):
        assert tracking_uri.startswith("file:///")
    def get_experiment_by_name(self, name):
        return None
    def create_experiment(self, name):
        return name
    def create_run(self, experiment_id, *, run_name):
        called("mlflow.create_run", name=run_name, experiment=experiment_id)
        return SimpleNamespace(info=SimpleNamespace(run_id="a1"))
    def update_run(self, run_id, status):
        called("mlflow.update_run", id=run_id, status=status)
    def log_batch(self, run_id, metrics=(), params=()):
        assert run_id == "a1" and len(params) <= 100 and all(type(each.value) is float for each in metrics)
        for step in {each.step for each in metrics}:
            called("mlflow.log", step=step, data={each.key: each.value for each in metrics if each.step == step})
    def log_artifact(self, run_id, local_path, artifact_path):
        called("mlflow.log_artifact", path=os.path.basename(local_path), to=artifact_path)
    def set_tag(self, run_id, key, value):
        called("mlflow.tag", **{key.replace(".", "_"): value})
    def set_terminated(self, run_id, status):
        called("mlflow.end", status=status)
"""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Stand-ins for wandb and mlflow; a function that gives what they were called with."""
    for name, text in (("wandb", WANDB), ("mlflow", MLFLOW)):
        (tmp_path / "packages" / name).mkdir(parents=True)
        (tmp_path / "packages" / name / "__init__.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    for name in [name for name in os.environ if name.startswith(("WANDB", "MLFLOW"))]:
        monkeypatch.delenv(name)

    def read(*names: str) -> list[dict]:
        found = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
        return [given for name, given in found if name in names]

    return read


def trained(out: Path, *words: str, status: int = 0) -> Run:
    assert cli.main([*TINY, "-o", str(out), *words]) == status
    return Run(out)


def told(found: list[dict]) -> list[tuple[int, str]]:
    return [(each["step"], key) for each in found for key in each["data"]]


def bits(run: Run) -> list[torch.Tensor]:
    """Every tensor of the newest checkpoint."""
    out = []

    def walk(value):
        if isinstance(value, torch.Tensor):
            out.append(value)
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
            walk(child)

    walk(checkpoint.load(checkpoint.newest(run.ckpts))["trainer"])
    return out


def same(run: Run, other: Run) -> bool:
    return len(bits(run)) == len(bits(other)) > 3 and all(torch.equal(a, b) for a, b in zip(bits(run), bits(other)))


def test_what_trackers_are_told(tmp_path, calls, capfd):
    """All numbers of metrics.jsonl once, pictures, options, the end; a resumed run goes on as the same, and tells nothing
    twice, from whichever checkpoint. Where none is wanted the scene is the same to the bit. Control: another seed."""
    run = trained(tmp_path / "run", "log.wandb=true", "log.mlflow=true", "name=study")
    said = capfd.readouterr()
    assert said.out.splitlines() == [str(run.folder)] and "chatter" not in said.err and "warning: no" not in said.err
    (began,) = calls("wandb.init")
    assert began["mode"] == "offline" and began["group"] == "study" and began["prompt"] == "a red mushroom"
    assert calls("mlflow.create_run") == [{"name": "run", "experiment": "study"}]
    metrics = run.metrics()
    known = {(record["step"], key): value for record in metrics for key, value in numbers(record).items() if key != "step"}
    assert {step for step, _ in known} == {1, 2, 3, 4} and any(key == "quality/psnr" for _, key in known)
    for package in ("wandb", "mlflow"):
        log = calls(f"{package}.log")
        values = {(each["step"], key): value for each in log for key, value in each["data"].items()}
        assert {pair: values[pair] for pair in known} == known and len(told(log)) == len(set(told(log)))
        assert (4, "end/quality/psnr") in values
    shown = [pair for pair in told(calls("wandb.log")) if pair[1] in ("views", "preview")]
    assert shown == [(2, "views"), (4, "views"), (4, "preview")]
    assert [each["path"] for each in calls("mlflow.log_artifact")] == ["it2.png", "it4.png", "preview.png"]
    assert calls("wandb.finish") == [{"exit_code": 0, "summary": {"status": "finished"}}]
    assert calls("mlflow.end") == [{"status": "FINISHED"}] and calls("mlflow.tag") == [{"carv3d_status": "finished"}]

    first = checkpoint.listing(run.ckpts)[0]
    assert cli.main(["train", "--resume", str(first), "steps=6"]) == 0
    assert [each["id"] for each in calls("wandb.init")] == [began["id"]] * 2
    assert calls("mlflow.update_run") == [{"id": "a1", "status": "RUNNING"}] and len(calls("mlflow.create_run")) == 1
    for package in ("wandb", "mlflow"):
        found = told(calls(f"{package}.log"))
        assert len(found) == len(set(found)) and {step for step, _ in found} == {1, 2, 3, 4, 5, 6}
    without, other = (trained(tmp_path / name, "steps=6", *seed) for name, seed in (("without", ()), ("other", ("seed=1",))))
    assert same(run, without) and not same(run, other) and not (without.folder / "trackers").exists()


def test_a_tracker_that_is_wanted_later_is_told_all(tmp_path, calls):
    run = trained(tmp_path / "run")
    (run.save / "it9.png").write_bytes((run.save / "it4.png").read_bytes())  # of a process killed beyond its checkpoint
    assert cli.main(["train", "--resume", str(run.folder), "steps=6", "log.wandb=true"]) == 0
    assert {step for step, key in told(calls("wandb.log")) if key == "step_ms"} == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("trouble", ["wandb.init:raise", "wandb.log:raise", "wandb.finish:raise", "wandb.init:exit"])
def test_a_tracker_that_fails_costs_a_line(tmp_path, calls, monkeypatch, capfd, trouble):
    """And the others nothing."""
    monkeypatch.setenv("TROUBLE", trouble)
    run = trained(tmp_path / "run", "log.wandb=true", "log.mlflow=true")
    said = capfd.readouterr()
    assert [line for line in said.err.splitlines() if "W&B" in line] == [
        "warning: no W&B from here on: " + ("SystemExit: 3" if trouble.endswith("exit") else
                                            "OSError: No space left on device")]
    assert run.summary()["status"] == "finished" and said.out.splitlines() == [str(run.folder)]
    assert calls("mlflow.end") == [{"status": "FINISHED"}] and len(calls(trouble.split(":")[0])) == 1


def test_a_tracker_that_hangs_keeps_nobody_waiting(tmp_path, calls, monkeypatch, capfd):
    """It is told the rest when it wakes up, though the command has ended."""
    awake = tmp_path / "awake"
    monkeypatch.setenv("TROUBLE", f"wandb.init:{awake}")
    monkeypatch.setattr(tracking, "WAIT_S", 0.1)
    run = trained(tmp_path / "run", "log.wandb=true")
    assert run.summary()["status"] == "finished" and "wandb: not told all yet" in capfd.readouterr().err
    assert (run.folder / "summary.json").exists() and not awake.exists()
    awake.touch()
    for _ in range(600):
        if (tmp_path / "calls").exists() and calls("wandb.finish"):
            break
        time.sleep(0.1)
    assert calls("wandb.finish") == [{"exit_code": 0, "summary": {"status": "finished"}}]


def test_the_process_that_dies_costs_a_line(tmp_path, calls, monkeypatch, capfd):
    monkeypatch.setattr(tracking, "CODE", "raise SystemExit(9)")
    assert trained(tmp_path / "run", "log.wandb=true").summary()["status"] == "finished"
    assert "the trackers' process ended with status 9" in capfd.readouterr().err


def test_a_run_that_is_stopped_is_told_as_such(tmp_path, calls, monkeypatch):
    """The signal is the run's, whose exit status stays."""
    log = Recorder.log

    def stopping(self, step, metrics):
        log(self, step, metrics)
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(Recorder, "log", stopping)
    try:
        trained(tmp_path / "run", "log.wandb=true", "log.mlflow=true", status=130)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert calls("wandb.finish") == [{"exit_code": 1, "summary": {"status": "interrupted"}}]
    assert calls("mlflow.end") == [{"status": "KILLED"}]


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_package_that_is_missing_is_one_line_and_no_folder(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    assert cli.main([*TINY, "-o", str(tmp_path / "run"), f"log.{name}=true"]) == 2
    assert f'log.{name}: true given, but the package {name} is missing; pip install "carv3d[{name}]"' in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_of_that_name_is_no_package(tmp_path, monkeypatch):
    """W&B itself makes a folder wandb in many a working directory."""
    (tmp_path / "mlflow_not").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.util.find_spec("mlflow_not") is not None
    monkeypatch.setattr(trackers, "wanted", lambda log: ["mlflow_not"])
    with pytest.raises(trackers.UserError, match="missing"):
        trackers.require(LogConfig())


def test_records_become_paths():
    assert flat({"a": {"b": 1, "c": [{"d": "x"}, {"d": 2}]}, "e": [1, 2]}) == {"a.b": 1, "a.c.0.d": "x", "a.c.1.d": 2, "e": [1, 2]}
    assert numbers({"a": {"b": 1, "no": True, "nan": None}, "e": [1, 2]}) == {"a/b": 1.0}


# --- the packages themselves, where they are installed -------------------------------------------------------------------

def real(name: str, monkeypatch, *variables: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install \"carv3d[{name}]\"")
    for variable in [each for each in os.environ if each.startswith(name.upper())]:
        monkeypatch.delenv(variable)


def resumed(tmp_path: Path, name: str) -> Run:
    """A run of four steps whose first checkpoint goes on to six, in a folder with a blank in its name."""
    run = trained(tmp_path / "a run", f"log.{name}=true")
    assert cli.main(["train", "--resume", str(checkpoint.listing(run.ckpts)[0]), "steps=6"]) == 0
    return run


def test_tensorboard_s_files_read_back(tmp_path, monkeypatch, capfd):
    real("tensorboard", monkeypatch)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = resumed(tmp_path, "tensorboard")
    assert "warning: no" not in capfd.readouterr().err
    board = EventAccumulator(str(run.folder / "tb_logs"))
    board.Reload()
    assert [each.step for each in board.Scalars("step_ms")] == [1, 2, 3, 4, 5, 6]
    psnr = {record["step"]: record["quality"]["psnr"] for record in run.metrics() if record.get("quality")}
    assert {each.step: each.value for each in board.Scalars("quality/psnr")} == pytest.approx(psnr)
    assert [each.step for each in board.Images("views")] == [2, 4, 6]
    (picture,) = [each for each in board.Images("preview") if each.step == 6]
    assert picture.encoded_image_string == (run.save / "preview.png").read_bytes()


def test_wandb_s_files_read_back(tmp_path, monkeypatch, capfd):
    """Offline, one file for each process of the run, all of one id; no picture of the machine in it."""
    real("wandb", monkeypatch)
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    monkeypatch.setenv("WANDB_MODE", "offline")
    run = resumed(tmp_path, "wandb")
    said = capfd.readouterr()
    assert said.out.splitlines() == [str(run.folder)] * 2 and "wandb" not in said.err, said.err
    steps, ids, ends, pictures = [], set(), [], 0
    for path in sorted((run.folder / "trackers" / "wandb").glob("offline-run-*/*.wandb"), key=lambda each: each.stat().st_mtime):
        store = DataStore()
        store.open_for_scan(str(path))
        while (data := store.scan_data()) is not None:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                ids.add(record.run.run_id)
            if kind == "exit":
                ends.append(record.exit.exit_code)
            if kind == "history":
                items = {each.key or "/".join(each.nested_key): json.loads(each.value_json) for each in record.history.item}
                steps += [items["_step"]] if "step_ms" in items else []
                pictures += "views" in items
    assert steps == [1, 2, 3, 4, 5, 6] and len(ids) == 1 and ends == [0, 0] and pictures == 3
    assert run.checked() and not list(run.folder.rglob("wandb-metadata.json")) and not list(run.folder.rglob("requirements.txt"))


def test_mlflow_s_files_read_back(tmp_path, monkeypatch, capfd):
    """And those of a run that was moved, which are told anew in its own folder."""
    real("mlflow", monkeypatch)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    run = resumed(tmp_path, "mlflow")
    said = capfd.readouterr()
    assert said.out.splitlines() == [str(run.folder)] * 2 and "warning: no" not in said.err, said.err
    client, kept = mlflow_of(run)
    assert [each.step for each in client.get_metric_history(kept.info.run_id, "step_ms")] == [1, 2, 3, 4, 5, 6]
    assert kept.data.params["prompt"] == "a red mushroom" and kept.data.params["estimator.stratified"] in ("true", "True")
    assert kept.info.status == "FINISHED" and kept.info.run_name == "a run"
    assert [each.path for each in client.list_artifacts(kept.info.run_id, "views")] == [f"views/it{i}.png" for i in (2, 4, 6)]
    run.folder.rename(tmp_path / "moved")
    assert cli.main(["train", "--resume", str(tmp_path / "moved"), "steps=8"]) == 0
    client, kept = mlflow_of(Run(tmp_path / "moved"))
    assert [each.step for each in client.get_metric_history(kept.info.run_id, "step_ms")] == [*range(1, 9)]
    assert not (tmp_path / "a run").exists()


def mlflow_of(run: Run):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=(run.folder / "trackers" / "mlflow").as_uri())
    (kept,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    return client, kept


def test_a_training_imports_none_of_them(tmp_path, calls):
    trained(tmp_path / "run", "log.wandb=true", "log.mlflow=true")
    assert not {"wandb", "mlflow"} & set(sys.modules)
