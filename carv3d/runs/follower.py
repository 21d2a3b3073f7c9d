"""A process beside a run that tells its trackers what the run's files say.

It has its own session, signals, exits, imports and random numbers, so that whatever a tracker's package does with them
is not the run's: no failure and no wait of it reaches the training. It reads metrics.jsonl, pictures and the summary,
so that a resumed run tells what a killed process did not. What was told is kept in trackers/state.json.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import yaml

from carv3d.runs.folder import Run, records
from carv3d.runs.trackers import KINDS, About, Tracker, numbers
from carv3d.runtime import files
from carv3d.runtime.errors import one_line
from carv3d.runtime.types import Record

NICE = 10  # how far the training goes first
LAST_S = 600  # after a run's end, at most
TITLES = {"tensorboard": "TensorBoard", "wandb": "W&B", "mlflow": "MLflow"}
PICTURE = re.compile(r"it(\d+)(-\d+)?\.png")
SHOWN = re.compile(r"(preview|video)(-\d+)?")  # of the summary's artefacts


class Told(NamedTuple):
    step: int
    values: dict[str, float]
    media: tuple[str, Path] | None = None  # a name, and what it names


class Follower:
    """Tells each tracker, in order of steps, what it was not told yet."""

    def __init__(self, folder: Path, names: list[str], terminal: IO[str]):
        self.run, self.terminal = Run(folder), terminal
        self.read, self.step = 0, 0  # bytes of metrics.jsonl; the latest step in them
        self.home = folder / "trackers"
        self.state = files.read_object(self.home / "state.json")
        self.seen: set[Path] = set()  # pictures
        self.trackers: dict[str, Tracker] = {}
        config = yaml.safe_load(files.read_bytes(folder / "config.yaml"))
        for name in names:
            with self._costing(name):
                known = self._known(name)
                self.trackers[name] = KINDS[name](About(folder, str(config["name"]), config, known))
        self._keep()

    def look(self) -> None:
        """At what is new in the folder."""
        new = self._lines()
        self.step = max([self.step, *(told.step for told in new)])
        self._tell(sorted(new + self._pictures(), key=lambda each: each.step))

    def end(self) -> None:
        """Tell of the run's end, with the pictures made there."""
        summary = self.run.summary()
        step, status = int(summary.get("step") or 0), str(summary.get("status"))
        self.look()
        shown = [(name, self.run.folder / path) for name, path in (summary.get("artefacts") or {}).items()
                 if SHOWN.fullmatch(name) and ".." not in path and not os.path.isabs(path)]
        last = {key: summary.get(key) for key in ("ledger", "quality", "particles", "seconds", "peak_mem_mib")}
        self._tell([Told(step, numbers({k: v for k, v in last.items() if v is not None}, "end/")),
                    *(Told(step, {}, pair) for pair in shown)])
        for name, tracker in list(self.trackers.items()):
            with self._costing(name):
                tracker.end(status)
        self._keep()

    def _lines(self) -> list[Told]:
        """Of metrics.jsonl, as far as they are whole."""
        path = self.run.folder / "metrics.jsonl"
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            file.seek(self.read)
            whole = file.read().rpartition(b"\n")[0]
            self.read += len(whole) + bool(whole)
            return [Told(record["step"], numbers({k: v for k, v in record.items() if k != "step"}))
                    for _, record in records(whole.split(b"\n"))]
        return []

    def _pictures(self) -> list[Told]:
        """Of steps that were read: others may be of a process that was killed beyond its checkpoint."""
        found = [(int(match[1]), match[2] or "", path) for path in sorted(self.run.save.glob("it*.png"))
                 if path not in self.seen and (match := PICTURE.fullmatch(path.name)) and int(match[1]) <= self.step]
        self.seen |= {path for _, _, path in found}
        return [Told(step, {}, (f"views{mark}", path)) for step, mark, path in found]

    def _tell(self, new: list[Told]) -> None:
        for name, tracker in list(self.trackers.items()):
            known = self._known(name)
            with self._costing(name):
                for told in new:
                    self._tell_one(tracker, known, told)
        if new:
            self._keep()

    def _tell_one(self, tracker: Tracker, known: Record, told: Told) -> None:
        """Nothing twice: steps fall where a run goes on from a checkpoint, and say the same as before."""
        step = int(known.get("step", -1))
        if told.step < step:
            return
        keys = known.get("keys", []) if told.step == step else []
        names = [told.media[0]] if told.media else [key for key in told.values if key not in keys]
        if told.media and told.media[0] in keys or not names:
            return
        known.update(step=told.step, keys=[*keys, *names])
        if told.media:
            tracker.media(told.step, *told.media)
        else:
            tracker.scalars(told.step, {key: told.values[key] for key in names})

    def _known(self, name: str) -> Record:
        if not isinstance(self.state.get(name), dict):
            self.state[name] = {}
        known: Record = self.state[name]
        return known

    def _keep(self) -> None:
        files.write_text(self.home / "state.json", files.as_json(self.state) + "\n")

    @contextlib.contextmanager
    def _costing(self, name: str) -> Iterator[None]:
        """What fails within costs the run this tracker, and a line."""
        try:
            yield
        except (Exception, SystemExit) as error:
            self.trackers.pop(name, None)
            reason = one_line(f"{type(error).__name__}: {files.reason(error)}")
            with contextlib.suppress(OSError):  # a terminal that is gone
                print(f"warning: no {TITLES[name]} from here on: {reason[:200]}", file=self.terminal, flush=True)


def main() -> None:
    """Arguments: the run folder, the names of trackers. A byte on stdin: something is new; its end: the run's."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the run's end is this one's too
    os.nice(NICE)
    terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")
    files.make_folder(folder / "trackers", "RUN", within=True)
    log = os.open(folder / "trackers" / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    for stream in (1, 2):  # what packages print
        os.dup2(log, stream)
    with _alone(folder / "trackers" / ".lock"):
        follower = Follower(folder, names, terminal)
        while os.read(0, 4096):
            follower.look()
        signal.alarm(LAST_S)
        follower.end()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Once the follower of an earlier process of this run has told its last."""
    handle = files.open_lock(path)
    while not files.lock(handle):
        time.sleep(0.2)
    try:
        yield
    finally:
        os.close(handle)
