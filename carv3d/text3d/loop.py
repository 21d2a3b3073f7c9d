"""The loop around the training step, and those who watch it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from carv3d.runs import budget
from carv3d.runs.clock import Clock
from carv3d.runtime.errors import UserError, out_of_memory
from carv3d.runtime.types import Record
from carv3d.text3d import auto_k
from carv3d.text3d.step import StepOut, train_step
from carv3d.text3d.timer import Moment, moment
from carv3d.text3d.trainer import Trainer

NEXT = {"": "the cameras", "cameras": "rendering", "render": "encoding", "encode": "the draws", "draws": "the teacher",
        "estimate": "the backward pass", "backward": "the optimiser", "optimiser": "the scene's update",
        "update": "the LoRA's training"}  # station of a step that has ended -> the one after it


class Observer:
    """Watches a run; any number may. Each method is called after so many steps are done; none does anything here."""

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Every ``log.every_n_steps``: scalars of the latest step, means over ranks."""

    def drawn(self, step: int, timestep: Tensor, squared_norm: Tensor) -> None:
        """Each step; of its draws, [items,K] each, over all ranks: where they were, and the squared norms of what came
        of them."""

    def decision(self, step: int, record: Record) -> None:
        """K was chosen anew; what from, for replaying."""

    def progress(self, step: int) -> None:
        """Each step."""

    def preview(self, step: int) -> None:
        """Every ``trainer.preview_every``."""

    def wants_checkpoint(self) -> bool:
        """Asked after each step: whether there is to be a checkpoint of it. Of several ranks none may ask for one."""
        return False

    def checkpoint(self, step: int) -> None:
        """Every ``checkpoint.every_n_train_steps``, where one is wanted, and after the last step."""

    def keep_replay(self, step: int, draws: dict[str, Tensor]) -> None:
        """A step's gradient was not finite; all that it came from."""

    def evaluate(self, step: int) -> None:
        """At ``budget.evaluations`` points of equal cost."""

    def compare(self, step: int) -> None:
        """At ``compare.points`` points of equal cost."""


def train(trainer: Trainer, first_step: int, observers: Sequence[Observer] = (),
          stop: Callable[[], bool] = lambda: False, clock: Clock | None = None) -> int:
    """Run steps from first_step until max_steps or a budget is reached, or ``stop``; returns the steps done in all.

    Itself reads the device once per log interval; what a step waits for besides: docs/performance.md. A non-finite step
    is counted, and its draws are handed to the observers.
    stop: asked after each step; all ranks must agree. The clock's station train is the time within steps and the choice
    of K, and nothing else; observers lap their own.
    """
    config, clock = trainer.config, clock or Clock()
    trainer.require_agreement()
    points = _Points(trainer, clock, first_step)
    pending: deque[tuple[int, StepOut]] = deque()
    done, ended, broken = first_step, points.stopped(first_step), 0
    while not ended:
        step, done = done, done + 1
        clock.lap("loop")
        out, began, ended_at = _step(trainer, clock, step)
        if (decision := auto_k.after(trainer, step, out.metrics["grad_norm"], began, ended_at)) is not None:
            for each in observers:
                each.decision(done, decision)
        pending.append((step, out))
        for each in observers:
            each.drawn(done, out.timestep, out.squared_norm)
            each.progress(done)
        ended, wanted = stop() or points.stopped(done), [each.wants_checkpoint() for each in observers]
        saving = ended or any(wanted) or _every(config.checkpoint.every_n_train_steps, done)
        logging, previewing = _every(config.log.every_n_steps, done), _every(config.trainer.preview_every, done)
        due = points.due(done)
        if trainer.device.type == "cuda" and (logging or saving or previewing or any(due)):
            _lap(trainer, clock, wait=True)  # what is still to be computed is training, not what waits for it below
        if logging or saving:
            broken = _look_at(trainer, pending, observers, broken)
        if logging or ended:
            metrics = trainer.world.mean({name: float(value) for name, value in out.metrics.items()})
            for each in observers:
                each.log(done, metrics)
        if saving:
            trainer.require_agreement()
        for each in observers:
            for now, call in ((previewing, each.preview), (due[0], each.evaluate), (due[1], each.compare),
                              (saving, each.checkpoint)):  # points ahead of the checkpoint: a kill loses none
                if now:
                    call(done)
    return done


def _every(interval: int, done: int) -> bool:
    return interval > 0 and done % interval == 0


class _Points:
    """The moments of a run that its cost decides: its end, its evaluations, its comparisons of estimators."""

    def __init__(self, trainer: Trainer, clock: Clock, first_step: int):
        self.trainer, self.clock = trainer, clock
        self.counts = (trainer.config.budget.evaluations, trainer.config.compare.points)
        self.passed = self._passed(first_step)

    def _cost(self) -> dict[str, float]:
        return budget.spent(self.trainer.ledger, self.clock.seconds.get("train", 0.0))

    def _passed(self, done: int) -> list[int]:
        return [budget.points(self.trainer.config, count, done, self._cost()) for count in self.counts]

    def stopped(self, done: int) -> bool:
        return budget.stopped_by(self.trainer.config, done, self._cost()) is not None

    def due(self, done: int) -> list[bool]:
        """Whether evaluations, and comparisons, are due now; asked once a step."""
        before, self.passed = self.passed, self._passed(done)
        return [now > then for now, then in zip(self.passed, before)]


def _step(trainer: Trainer, clock: Clock, step: int) -> tuple[StepOut, Moment, Moment]:
    """A step in the clock's time, and when it began and ended: with a budget of seconds every step ends with the
    device's end of it."""
    ended = [""]

    def mark(station: str) -> None:
        ended[0] = station

    began = moment(trainer.device)
    try:
        out = train_step(trainer, step, mark)
    except (RuntimeError, MemoryError, OSError) as error:
        if not out_of_memory(error):
            raise
        data, place = trainer.config.data, NEXT.get(ended[0], "the end")
        raise UserError(
            f"out of memory in {place} of step {step + 1}, with {trainer.way(step).items} views of "
            f"{data.width.at(step):.0f} x {data.height.at(step):.0f} and K = {trainer.sampler.k}; lower data.width and "
            "height, data.batch_size, the scene's size or estimator.chunk, then give --resume") from error
    last = moment(trainer.device)
    _lap(trainer, clock, wait=trainer.config.budget.seconds > 0)
    return out, began, last


def _look_at(trainer: Trainer, pending: deque[tuple[int, StepOut]], observers: Sequence[Observer], broken: int) -> int:
    """Count the steps since the last look that were not finite. broken: how many were so in a row until now; returns
    the same of after. UserError when they are too many: nothing trains any more."""
    most = trainer.config.trainer.max_nonfinite_steps
    for step, out in pending:
        broken = 0 if bool(out.finite) else broken + 1
        if broken:
            trainer.ledger["nonfinite_steps"] += 1
            replay = {name: trainer.world.gather(x) for name, x in out.replay.items()}
            for each in observers:
                each.keep_replay(step, replay)
        if broken >= most:
            raise UserError(f"the gradients of the last {broken} steps, up to step {step + 1}, were not finite, and "
                            "nothing trains any more; look at save/nonfinite, lower the learning rates, or give "
                            "teacher.dtype=float32")
    pending.clear()
    return broken


def _lap(trainer: Trainer, clock: Clock, wait: bool) -> None:
    """Enter training time, which is the first process's. wait: until the device has done what it was given."""
    if wait and trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)
    clock.seconds["train"] = trainer.world.first(clock.lap("train"))
