"""TensorBoard, Weights & Biases and MLflow behind one interface. Each package is optional, and is imported by the
process of its own that follows a run (follower.py), never by the one that trains.

Where a package keeps things, and whom it tells, is its own environment variables' to say (WANDB_MODE, WANDB_PROJECT,
MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME and the rest); without them everything stays in the run folder.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import shutil
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from carv3d.config.schema import LogConfig
from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record

PROJECT = "carv3d"
BATCH = 100  # parameters that MLflow takes at a time
LONGEST_VALUE = 500  # characters of a parameter that every version of MLflow takes


@dataclass(frozen=True)
class About:
    """A run as trackers are told of it. known: what the tracker said of itself in earlier processes of the run, and may
    add to; kept in the run folder."""

    folder: Path
    group: str  # the option name: of a sweep's cells the sweep
    config: Record
    known: Record

    @property
    def home(self) -> Path:
        """Where trackers keep what is theirs."""
        return self.folder / "trackers"


class Tracker(Protocol):
    """Shows one run. Whatever a method raises costs the run this tracker, and nothing else."""

    def __init__(self, about: About):
        """Goes on with the tracker's run where ``about.known`` names one."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Steps never fall."""

    def media(self, step: int, name: str, path: Path) -> None:
        """A PNG or an MP4; a tracker that cannot show one passes it over."""

    def end(self, status: str) -> None:
        """finished, interrupted, failed, or running: of a run whose process was killed."""


class TensorBoard:
    """Event files in tb_logs/, written without TensorFlow and without torch."""

    def __init__(self, about: About):
        writer = importlib.import_module("tensorboard.summary.writer.event_file_writer")
        self.events = importlib.import_module("tensorboard.compat.proto.event_pb2")
        self.proto = importlib.import_module("tensorboard.compat.proto.summary_pb2")
        self.writer = writer.EventFileWriter(str(about.folder / "tb_logs"))
        if "step" not in about.known:  # all is told anew, and readers are to drop what an older carv3d wrote there
            start = self.events.SessionLog(status=self.events.SessionLog.START)
            self.writer.add_event(self.events.Event(step=0, wall_time=time.time(), session_log=start))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._add(step, [self.proto.Summary.Value(tag=key, simple_value=value) for key, value in values.items()])

    def media(self, step: int, name: str, path: Path) -> None:
        if path.suffix == ".png":
            content = path.read_bytes()
            width, height = struct.unpack(">II", content[16:24])
            image = self.proto.Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=content)
            self._add(step, [self.proto.Summary.Value(tag=name, image=image)])

    def end(self, status: str) -> None:
        self.writer.close()

    def _add(self, step: int, values: list[object]) -> None:
        self.writer.add_event(self.events.Event(step=step, wall_time=time.time(),
                                                summary=self.proto.Summary(value=values)))
        self.writer.flush()


class WandB:
    """Weights & Biases: online where WANDB_MODE says so or an account is logged in, else offline in trackers/wandb."""

    def __init__(self, about: About):
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self.wandb = wandb = importlib.import_module("wandb")
        about.known.setdefault("id", os.urandom(6).hex())
        mode = os.environ.get("WANDB_MODE") or ("online" if self._logged_in() else "offline")
        given = {"id": about.known["id"], "resume": "allow", "mode": mode, "dir": str(about.home),
                 "name": os.environ.get("WANDB_NAME") or about.folder.name, "config": about.config,
                 "project": os.environ.get("WANDB_PROJECT") or PROJECT,
                 "group": os.environ.get("WANDB_RUN_GROUP") or (about.group if about.group != PROJECT else None),
                 # of the run alone: nothing about the machine, its packages, its screen or the code beside it
                 "settings": wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True,
                                            symlink=False, x_disable_stats=True, x_disable_meta=True,
                                            x_disable_machine_info=True, x_save_requirements=False)}
        self.home = about.home
        try:
            self.run = wandb.init(**given)
        except Exception:  # a server that cannot be reached, an account that is refused: what is told stays here
            if mode != "online":
                raise
            self.run = wandb.init(**given | {"mode": "offline"})
        self._unlink()

    def _logged_in(self) -> bool:
        try:
            return bool(self.wandb.login(prompt=False, verify=False))
        except Exception:  # whatever is wrong with an account, a run can be written offline
            return False

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def media(self, step: int, name: str, path: Path) -> None:
        shown = self.wandb.Image(str(path)) if path.suffix == ".png" else self.wandb.Video(str(path), format="mp4")
        self.run.log({name: shown}, step=step)

    def end(self, status: str) -> None:
        self.run.summary.update({"status": status})
        self.run.finish(exit_code=0 if status == "finished" else 1)
        self._unlink()

    def _unlink(self) -> None:
        """W&B links to a log in the user's cache, and a run folder with a link out of it is refused."""
        for path in self.home.rglob("*"):
            if path.is_symlink():
                path.unlink()


class MLflow:
    """MLflow at MLFLOW_TRACKING_URI, else in files in trackers/mlflow."""

    ENDS = {"finished": "FINISHED", "failed": "FAILED"}

    def __init__(self, about: About):
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        uri, local = self._store(about)
        entities = importlib.import_module("mlflow.entities")
        self.Metric, self.Param = entities.Metric, entities.Param
        self.client = importlib.import_module("mlflow").MlflowClient(tracking_uri=uri)
        if run_id := about.known.get("id"):
            self.id = str(run_id)
            if local and not self._within(uri):
                raise UserError("trackers/mlflow names files out of the run; move it away")
            self.client.update_run(self.id, status="RUNNING")
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or about.group
        experiment = self.client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self.client.create_experiment(name)
        self.id = about.known["id"] = str(self.client.create_run(number, run_name=about.folder.name).info.run_id)
        options = [self.Param(key, str(value)[:LONGEST_VALUE]) for key, value in flat(about.config).items()]
        for first in range(0, len(options), BATCH):
            self.client.log_batch(self.id, params=options[first:first + BATCH])

    def _within(self, store: str) -> bool:
        """Whether the run of a store in the run folder keeps its pictures there: whoever made the folder has said."""
        place = str(self.client.get_run(self.id).info.artifact_uri)
        return place.startswith(f"{store}/") and ".." not in place

    def _store(self, about: About) -> tuple[str, bool]:
        """Its URI, and whether it lies in the run folder. One that is new to the run is told all: another server, or
        files of a run that was moved, which name their old folder."""
        given, own = os.environ.get("MLFLOW_TRACKING_URI"), about.home / "mlflow"
        uri = given or own.absolute().as_uri()
        digest = hashlib.sha256(uri.encode()).hexdigest()[:16]  # it may hold a password
        if about.known.get("store") != digest:
            about.known.clear()
            about.known["store"] = digest
            if not given:
                shutil.rmtree(own, ignore_errors=True)
        if not given:
            os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # MLflow 3 asks for it; a database would need more packages
        return uri, not given

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        now = round(1e3 * time.time())
        self.client.log_batch(self.id, metrics=[self.Metric(key, value, now, step) for key, value in values.items()])

    def media(self, step: int, name: str, path: Path) -> None:
        self.client.log_artifact(self.id, str(path), name)

    def end(self, status: str) -> None:
        self.client.set_tag(self.id, "carv3d.status", status)
        self.client.set_terminated(self.id, self.ENDS.get(status, "KILLED"))


KINDS: dict[str, type[Tracker]] = {"tensorboard": TensorBoard, "wandb": WandB, "mlflow": MLflow}


def wanted(log: LogConfig) -> list[str]:
    return [name for name in KINDS if getattr(log, name)]


def require(log: LogConfig) -> None:
    """UserError if a tracker that is wanted is not installed."""
    for name in wanted(log):
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:  # None: no package, but a folder of that name
            raise UserError(f"log.{name}: true given, but the package {name} is missing; "
                            f"pip install \"carv3d[{name}]\", or log.{name}=false")


def flat(record: Mapping[str, object], above: str = "", between: str = ".") -> dict[str, object]:
    """Nested records as one, whose keys are paths; of lists, those of records are gone into."""
    out: dict[str, object] = {}
    for key, value in record.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            value = {str(i): each for i, each in enumerate(value)}
        if isinstance(value, dict):
            out |= flat(value, f"{above}{key}{between}", between)
        else:
            out[f"{above}{key}"] = value
    return out


def numbers(record: Mapping[str, object], above: str = "") -> dict[str, float]:
    """The numbers in a record, by path."""
    return {key: float(value) for key, value in flat(record, above, "/").items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)}
