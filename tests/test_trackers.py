"""Trackers: what TensorBoard, W&B and MLflow are told of a run, and that a run is the same with and without them.

The packages are optional: a stand-in, as strict about calls as they are, stands for them in every suite, and the real
ones are read back where they are installed.
"""

import importlib.util
import json
import os
import signal
import struct
import sys
import time
import zlib
from pathlib import Path

import pytest

from carv3d.config.load import load
from carv3d.config.schema import LogConfig
from carv3d.runs import trackers, tracking
from carv3d.runs.folder import Run
from carv3d.runs.trackers import flat, numbers
from carv3d.runs.tracking import Tracking

PATIENCE_S = 1200  # with a machine that has other things to do
STAND_IN = """
import json, os, time
from types import SimpleNamespace

def called(name, /, **given):
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

def Video(path, *, format):
    assert os.path.getsize(path) and format == "mp4"
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
    if mode == "online":
        raise ConnectionError("no network")
    called("wandb.init", id=id, mode=mode, name=name, prompt=config["prompt"], project=project, group=group)
    return Run()
"""
MLFLOW = STAND_IN.replace("import json", "import sys, json") + """
import collections
from pathlib import Path
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
    def get_run(self, run_id):
        place = Path(os.environ["CALLS"]).with_name("run") / "trackers" / "mlflow"
        return SimpleNamespace(info=SimpleNamespace(artifact_uri=os.environ.get("PLACE", place.as_uri()) + "/a1/artifacts"))
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
        found = [json.loads(line) for line in (tmp_path / "calls").read_text(encoding="utf-8").splitlines()]
        return [given for name, given in found if name in names]

    return read


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(tracking, "WAIT_S", PATIENCE_S)


def picture(level: int) -> bytes:
    """A PNG of two by two greys."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress((b"\0" + bytes([level] * 6)) * 2)) + chunk(b"IEND", b""))


def written(folder: Path, *words: str, first: int = 0, last: int = 4, status: str = "finished") -> Run:
    """A run's files as steps first+1 to last of a training write them: numbers, pictures, decisions and scores every second
    step, the summary; with its trackers."""
    config = load(None, ["prompt=a red mushroom", *words])
    run = Run(folder) if folder.exists() else Run.create(config, {}, folder)
    run.rewrite_config(config)
    run.truncate_metrics(first)
    run.write_summary({"status": "running"})
    with Tracking(run, config.log) as told:
        for step in range(first + 1, last + 1):
            run.log({"step": step, "k": 2, "loss_sds": 0.5 / step, "lost": None})
            told.look()
            if step % 2 == 0:
                (run.save / f"it{step}.png").write_bytes(picture(step))
                told.look()
                run.log({"step": step, "decision": {"k": 4, "ways": [[1, 2]]}})
                run.log({"step": step, "quality": {"psnr": 20.0 + step, "nearest_prompt": "a red cube"}, "cost": {"draws": 8}})
                told.look()
        (run.save / "preview.png").write_bytes(picture(100))
        (run.save / "turntable.mp4").write_bytes(b"....ftypisom")
        run.write_summary({"status": status, "step": last, "quality": {"psnr": 30.0}, "ledger": {"draws": 64}, "seconds": {"train": 1.5},
                           "artefacts": {"checkpoint": "ckpts/last.ckpt", "preview": "save/preview.png", "video": "save/turntable.mp4"}})
    return run


def told(found: list[dict]) -> list[tuple[int, str]]:
    return [(each["step"], key) for each in found for key in each["data"]]


def test_what_trackers_are_told(tmp_path, calls, capfd):
    """All numbers of metrics.jsonl once, pictures, options, the end; a resumed run goes on as the same, from whichever
    checkpoint, and tells nothing twice."""
    run = written(tmp_path / "run", "log.wandb=true", "log.mlflow=true", "name=study")
    said = capfd.readouterr()
    assert said.out == said.err == "" and "chatter" in (run.folder / "trackers" / "log.txt").read_text(encoding="utf-8")
    (began,) = calls("wandb.init")
    assert began["mode"] == "offline" and began["group"] == "study" and began["prompt"] == "a red mushroom"
    assert calls("mlflow.create_run") == [{"name": "run", "experiment": "study"}]
    known = {(record["step"], key): value for record in run.metrics() for key, value in numbers(record).items() if key != "step"}
    assert {(2, "quality/psnr"), (2, "decision/k"), (4, "cost/draws"), (3, "loss_sds")} <= set(known)
    for package in ("wandb", "mlflow"):
        log = calls(f"{package}.log")
        values = {(each["step"], key): value for each in log for key, value in each["data"].items()}
        assert {pair: values[pair] for pair in known} == known and len(told(log)) == len(set(told(log)))
        assert values[4, "end/quality/psnr"] == 30 and values[4, "end/seconds/train"] == 1.5
    shown = [pair for pair in told(calls("wandb.log")) if pair[1] in ("views", "preview", "video")]
    assert shown == [(2, "views"), (4, "views"), (4, "preview"), (4, "video")]
    assert [each["path"] for each in calls("mlflow.log_artifact")] == ["it2.png", "it4.png", "preview.png", "turntable.mp4"]
    assert calls("wandb.finish") == [{"exit_code": 0, "summary": {"status": "finished"}}]
    assert calls("mlflow.end") == [{"status": "FINISHED"}] and calls("mlflow.tag") == [{"carv3d_status": "finished"}]

    written(run.folder, "log.wandb=true", "log.mlflow=true", "name=study", first=2, last=6)
    assert [each["id"] for each in calls("wandb.init")] == [began["id"]] * 2
    assert calls("mlflow.update_run") == [{"id": "a1", "status": "RUNNING"}] and len(calls("mlflow.create_run")) == 1
    for package in ("wandb", "mlflow"):
        found = told(calls(f"{package}.log"))
        assert len(found) == len(set(found)) and {step for step, _ in found} == {1, 2, 3, 4, 5, 6}


def test_a_tracker_that_is_wanted_later_is_told_all(tmp_path, calls):
    run = written(tmp_path / "run")
    assert not (run.folder / "trackers").exists()
    (run.save / "it9.png").write_bytes(picture(9))  # of a process killed beyond its checkpoint
    written(run.folder, "log.wandb=true", first=4, last=6)
    assert [step for step, key in told(calls("wandb.log")) if key == "loss_sds"] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("trouble", ["wandb.init:raise", "wandb.log:raise", "wandb.finish:raise", "wandb.init:exit"])
def test_a_tracker_that_fails_costs_a_line(tmp_path, calls, monkeypatch, capfd, trouble):
    """And the others nothing."""
    monkeypatch.setenv("TROUBLE", trouble)
    written(tmp_path / "run", "log.wandb=true", "log.mlflow=true")
    said = capfd.readouterr()
    assert said.out == "" and said.err.splitlines() == [
        "warning: no W&B from here on: " + ("SystemExit: 3" if trouble.endswith("exit") else "OSError: No space left on device")]
    assert calls("mlflow.end") == [{"status": "FINISHED"}] and len(calls(trouble.split(":")[0])) == 1


def test_a_tracker_that_hangs_keeps_nobody_waiting(tmp_path, calls, monkeypatch, capfd):
    """It is told the rest when it wakes up, after the command has ended; a hundred thousand words to it fill no pipe."""
    awake = tmp_path / "awake"
    monkeypatch.setenv("TROUBLE", f"wandb.init:{awake}")
    monkeypatch.setattr(tracking, "WAIT_S", 0.1)
    run = Run.create(config := load(None, ["prompt=a red mushroom", "log.wandb=true"]), {}, tmp_path / "run")
    with Tracking(run, config.log) as words:
        run.log({"step": 1, "k": 2})
        for _ in range(100_000):
            words.look()
        run.write_summary({"status": "finished", "step": 1})
    assert "wandb: not told all yet" in capfd.readouterr().err and not awake.exists()
    awake.touch()
    wait_for(lambda: (tmp_path / "calls").exists() and calls("wandb.finish"))
    assert calls("wandb.finish") == [{"exit_code": 0, "summary": {"status": "finished"}}] and (1, "k") in told(calls("wandb.log"))


def wait_for(what) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what() and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_server_that_cannot_be_reached_leaves_it_offline(tmp_path, calls, monkeypatch, capfd):
    monkeypatch.setenv("WANDB_MODE", "online")
    written(tmp_path / "run", "log.wandb=true")
    assert [each["mode"] for each in calls("wandb.init")] == ["offline"] and capfd.readouterr() == ("", "")
    assert len(calls("wandb.finish")) == 1


def test_the_process_that_dies_costs_a_line(tmp_path, calls, monkeypatch, capfd):
    monkeypatch.setattr(tracking, "CODE", "raise SystemExit(9)")
    written(tmp_path / "run", "log.wandb=true")
    assert "the trackers' process ended with status 9" in capfd.readouterr().err


def test_a_store_that_leads_out_of_the_run_costs_a_line(tmp_path, calls, monkeypatch, capfd):
    """As in a folder that somebody else made."""
    run = written(tmp_path / "run", "log.mlflow=true")
    monkeypatch.setenv("PLACE", "file:///elsewhere")
    written(run.folder, "log.mlflow=true", first=4, last=6)
    assert "no MLflow from here on: UserError: trackers/mlflow names files out of the run" in capfd.readouterr().err
    assert len(calls("mlflow.log_artifact")) == 4 and calls("mlflow.update_run") == []


@pytest.mark.parametrize("status,code,word", [("interrupted", 1, "KILLED"), ("failed", 1, "FAILED"), ("running", 1, "KILLED")])
def test_the_end_of_a_run_is_told(tmp_path, calls, status, code, word):
    """running: what the summary of a run says whose process was killed."""
    written(tmp_path / "run", "log.wandb=true", "log.mlflow=true", status=status)
    assert calls("wandb.finish") == [{"exit_code": code, "summary": {"status": status}}]
    assert calls("mlflow.end") == [{"status": word}]


# --- trainings ----------------------------------------------------------------------------------------------------------

TINY = ["train", "prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=2",
        "data.views=4", "scene.type=image", "scene.image.size=16", "export.video=false", "export.view=false",
        "quality.shape=false", "trainer.preview_every=2", "trainer.max_steps=4", "log.every_n_steps=1", "budget.evaluations=2",
        "checkpoint.every_n_train_steps=2", "device=cpu"]


def trained(out: Path, *words: str, status: int = 0) -> Run:
    from carv3d import cli

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert cli.main([*TINY, "-o", str(out), *words]) == status
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return Run(out)


def bits(run: Run) -> list:
    """Every tensor of the newest checkpoint."""
    import torch

    from carv3d.runs import checkpoint

    out = []

    def walk(value):
        if isinstance(value, torch.Tensor):
            out.append(value.tolist())
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
            walk(child)

    walk(checkpoint.load(checkpoint.newest(run.ckpts))["trainer"])
    assert len(out) > 3
    return out


def test_a_training_is_the_same_with_trackers_and_without(tmp_path, calls, monkeypatch, capfd):
    """To the bit, also where they fail. Its process imports none of them; stdout has the run's folder alone. Control: another
    seed."""
    run = trained(tmp_path / "with", "log.wandb=true", "log.mlflow=true")
    assert capfd.readouterr().out.splitlines() == [str(run.folder)] and not {"wandb", "mlflow"} & set(sys.modules)
    found = told(calls("wandb.log"))
    assert {(4, "grad_norm"), (2, "quality/psnr"), (2, "views"), (4, "preview"), (4, "end/quality/psnr")} <= set(found)
    monkeypatch.setenv("TROUBLE", "wandb.log:raise")
    failed = trained(tmp_path / "failed", "log.wandb=true")
    without, other = trained(tmp_path / "without"), trained(tmp_path / "other", "seed=1")
    assert bits(run) == bits(without) == bits(failed) != bits(other)
    assert failed.summary()["status"] == "finished"


def test_a_training_that_is_stopped_keeps_its_exit_status(tmp_path, calls, monkeypatch):
    from carv3d.commands.recorder import Recorder
    from carv3d.runs.stopping import StopSignal

    log = Recorder.log

    def stopping(self, step, metrics):
        log(self, step, metrics)
        if step == 2:  # as Ctrl-C; a signal that met another handler would end the tests
            handler = signal.getsignal(signal.SIGINT)
            assert isinstance(getattr(handler, "__self__", None), StopSignal), handler
            handler(signal.SIGINT, None)

    monkeypatch.setattr(Recorder, "log", stopping)
    trained(tmp_path / "run", "log.wandb=true", "log.mlflow=true", status=130)
    assert calls("wandb.finish") == [{"exit_code": 1, "summary": {"status": "interrupted"}}]
    assert calls("mlflow.end") == [{"status": "KILLED"}]


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_package_that_is_missing_is_one_line_and_no_folder(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    trained(tmp_path / "run", f"log.{name}=true", status=2)
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
    """A run of four steps that goes on from the second to the sixth, in a folder with a blank in its name."""
    written(tmp_path / "a run", f"log.{name}=true")
    return written(tmp_path / "a run", f"log.{name}=true", first=2, last=6)


def test_tensorboard_s_files_read_back(tmp_path, monkeypatch, capfd):
    real("tensorboard", monkeypatch)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = resumed(tmp_path, "tensorboard")
    assert capfd.readouterr() == ("", "")
    board = EventAccumulator(str(run.folder / "tb_logs"))
    board.Reload()
    assert [each.step for each in board.Scalars("loss_sds")] == [1, 2, 3, 4, 5, 6]
    psnr = {record["step"]: record["quality"]["psnr"] for record in run.metrics() if record.get("quality")}
    assert {each.step: each.value for each in board.Scalars("quality/psnr")} == pytest.approx(psnr)
    assert [each.step for each in board.Images("views")] == [2, 4, 6]
    (picture,) = [each for each in board.Images("preview") if each.step == 6]
    assert picture.encoded_image_string == (run.save / "preview.png").read_bytes()


def entries(content: bytes):
    """The entries of a .wandb file, which is a log of LevelDB's behind seven bytes: blocks of 32 KiB, of parts with a checksum,
    a length and a kind (whole, first, middle, last)."""
    at, entry = 7, b""
    while at + 7 <= len(content):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        size, kind = struct.unpack("<HB", content[at + 4:at + 7])
        entry = (b"" if kind in (1, 2) else entry) + content[at + 7:at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            yield entry


def test_wandb_s_files_read_back(tmp_path, monkeypatch, capfd):
    """Offline, one file for each process of the run, all of one id; nothing of the machine in it."""
    real("wandb", monkeypatch)
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_MODE", "offline")
    run = resumed(tmp_path, "wandb")
    assert capfd.readouterr() == ("", "")
    steps, ids, ends, pictures = [], set(), [], 0
    for path in sorted((run.folder / "trackers" / "wandb").glob("offline-run-*/*.wandb"), key=lambda each: each.stat().st_mtime):
        for data in entries(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                ids.add(record.run.run_id)
            if kind == "exit":
                ends.append(record.exit.exit_code)
            if kind == "history":
                items = {each.key or "/".join(each.nested_key): json.loads(each.value_json) for each in record.history.item}
                steps += [items["_step"]] if "loss_sds" in items else []
                pictures += any(key.split("/")[0] == "views" for key in items)
    assert steps == [1, 2, 3, 4, 5, 6] and len(ids) == 1 and ends == [0, 0] and pictures == 3
    assert run.checked() and not list(run.folder.rglob("wandb-metadata.json")) and not list(run.folder.rglob("requirements.txt"))


def test_mlflow_s_files_read_back(tmp_path, monkeypatch, capfd):
    """And those of a run that was moved, which are told anew in its own folder."""
    real("mlflow", monkeypatch)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    run = resumed(tmp_path, "mlflow")
    assert capfd.readouterr() == ("", "")
    client, kept = mlflow_of(run)
    assert [each.step for each in client.get_metric_history(kept.info.run_id, "loss_sds")] == [1, 2, 3, 4, 5, 6]
    assert kept.data.params["prompt"] == "a red mushroom" and kept.data.params["estimator.stratified"] in ("true", "True")
    assert kept.info.status == "FINISHED" and kept.info.run_name == "a run"
    assert [each.path for each in client.list_artifacts(kept.info.run_id, "views")] == [f"views/it{i}.png" for i in (2, 4, 6)]
    run.folder.rename(tmp_path / "moved")
    written(tmp_path / "moved", "log.mlflow=true", first=6, last=8)
    client, kept = mlflow_of(Run(tmp_path / "moved"))
    assert [each.step for each in client.get_metric_history(kept.info.run_id, "loss_sds")] == [*range(1, 9)]
    assert not (tmp_path / "a run").exists()


def mlflow_of(run: Run):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=(run.folder / "trackers" / "mlflow").as_uri())
    (kept,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    return client, kept
