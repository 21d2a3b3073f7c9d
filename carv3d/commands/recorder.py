"""What is written and shown of a run while it trains."""

from __future__ import annotations

import time
from collections.abc import Callable

from torch import Tensor

from carv3d import config as configuration
from carv3d.export.images import write_png
from carv3d.measure.compare import compare as estimators
from carv3d.quality.scores import evaluate
from carv3d.runs import budget, checkpoint
from carv3d.runs.clock import Clock
from carv3d.runs.environment import peak_memory_mib
from carv3d.runs.folder import Run
from carv3d.runs.particles import numbered, of_particles
from carv3d.runs.tracking import Tracking
from carv3d.runtime.files import convenient
from carv3d.runtime.progress import Progress
from carv3d.runtime.types import Record
from carv3d.text3d.finish import sheet
from carv3d.text3d.loop import Observer
from carv3d.text3d.trainer import Trainer

# What the progress line says of the metrics: draws are the teacher's, of a view; the residual is the root mean square
# norm of theirs; opacity is the mean of a picture's.
SHOWN = {"k": "draws per view", "draw_norm": "residual", "opacity": "opacity"}


class Recorder(Observer):
    """Writes metrics, previews, checkpoints, replays and scores into a run folder, and shows progress. What takes time
    is entered into the clock under its own station."""

    def __init__(self, run: Run, trainer: Trainer, clock: Clock, first_step: int, bar: Progress):
        self.run, self.trainer, self.clock, self.bar = run, trainer, clock, bar
        self.config, self.first_step, self.began = trainer.config, first_step, time.perf_counter()
        self.written: set[int] = set()  # steps of this process's checkpoints

    def log(self, step: int, metrics: dict[str, float]) -> None:
        step_ms = 1e3 * (time.perf_counter() - self.began) / (step - self.first_step)
        record = {"step": step, "wall_s": round(self.clock.seconds["train"], 3), **self.trainer.ledger, **metrics,
                  "step_ms": round(step_ms, 2), "peak_mem_mib": round(peak_memory_mib(), 1)}
        self.run.log(record)
        shown = {name: metrics[key] for key, name in SHOWN.items() if key in metrics}
        losses = {f"loss {key.removeprefix('loss_')}": v for key, v in metrics.items() if key.startswith("loss_")}
        self.bar.to(step, **{"s/step": step_ms / 1e3, **shown, **losses})

    def decision(self, step: int, record: Record) -> None:
        self.run.log({"step": step, "decision": record})

    def progress(self, step: int) -> None:
        self.bar.to(step)

    def preview(self, step: int) -> None:
        def write() -> None:
            for scene, mark in numbered(self.trainer.scenes):
                write_png(self.run.save / f"it{step}{mark}.png",
                          sheet(scene, self.config, self.trainer.device, count=4, size=64))

        with convenient("preview"):
            self._timed("preview", write)

    def checkpoint(self, step: int) -> None:
        def write() -> None:
            checkpoint.save(self.run.ckpts, step, {
                "trainer": self.trainer.state(), "config": configuration.dump(self.config),
                "seconds": dict(self.clock.seconds)}, self.config.checkpoint.keep, self.written)
            self.written.add(step)

        self._timed("checkpoint", write)

    def keep_replay(self, step: int, draws: dict[str, Tensor]) -> None:
        self.run.keep_replay(step, draws)

    def evaluate(self, step: int) -> None:
        def write() -> None:
            scores = [evaluate(self.config, scene, self.trainer.device, geometry=False)
                      for scene in self.trainer.scenes]
            self.run.log({"step": step, **of_particles(scores), "cost": self._cost()})

        self._timed("evaluation", write)

    def compare(self, step: int) -> None:
        self._timed("compare", lambda: self.run.log({"step": step, "compare": estimators(self.trainer, step),
                                                     "cost": self._cost()}))

    def _cost(self) -> dict[str, float]:
        return budget.spent(self.trainer.ledger, self.clock.seconds["train"])

    def _timed(self, station: str, work: Callable[[], None]) -> None:
        self.clock.lap("loop")
        work()
        self.clock.lap(station)


class Tracked(Observer):
    """Has the run's trackers look at what a Recorder, which is asked before it, has written."""

    def __init__(self, tracking: Tracking):
        self.tracking = tracking

    def log(self, step: int, metrics: dict[str, float]) -> None:
        self.tracking.look()

    def preview(self, step: int) -> None:
        self.tracking.look()

    def evaluate(self, step: int) -> None:
        self.tracking.look()

    def compare(self, step: int) -> None:
        self.tracking.look()
