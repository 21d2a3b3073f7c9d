"""The loop around the training step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from carv3d.runs import budget
from carv3d.runs.clock import Clock
from carv3d.text3d.auto_k import choose_k
from carv3d.text3d.step import StepOut, train_step
from carv3d.text3d.trainer import Trainer


@dataclass
class Hooks:
    """What the loop calls and the step does not know of. ``stop`` is asked after each step; all ranks must agree."""

    log: Callable[[int, dict[str, float]], None]
    decision: Callable[[int, dict[str, Any]], None]
    progress: Callable[[int], None]
    preview: Callable[[int], None]
    checkpoint: Callable[[int], None]
    keep_replay: Callable[[int, dict[str, Tensor]], None]
    stop: Callable[[], bool]
    evaluate: Callable[[int], None] = lambda step: None
    compare: Callable[[int], None] = lambda step: None


def train(trainer: Trainer, first_step: int, hooks: Hooks, clock: Clock | None = None) -> int:
    """Run steps from first_step until max_steps or a budget is reached, or ``stop``; returns the steps done in all.

    Reads the device once per log interval. A non-finite step is counted and its draws are handed to ``keep_replay``.
    The clock's station train is the time within steps and the choice of K, and nothing else; hooks lap their own.
    """
    config, clock = trainer.config, clock or Clock()
    trainer.require_agreement()
    pending: deque[tuple[int, StepOut]] = deque()

    def cost() -> dict[str, float]:
        return budget.spent(trainer.ledger, clock.seconds.get("train", 0.0))

    exact = config.budget.seconds > 0  # then every step ends with the device's end of it
    done = first_step
    at_points = [(config.budget.evaluations, hooks.evaluate), (config.compare.points, hooks.compare)]
    passed = [budget.points(config, count, done, cost()) for count, _ in at_points]
    while not budget.stopped_by(config, done, cost()):
        step, done = done, done + 1
        clock.lap("loop")
        if trainer.measures_cost:
            trainer.timer.start()
            out = train_step(trainer, step, trainer.timer)
        else:
            out = train_step(trainer, step)
        _lap(trainer, clock, wait=exact)
        choosing = config.estimator.k == "auto" and done % config.estimator.measure_every == 0
        if choosing and not budget.stopped_by(config, done, cost()):
            decision = choose_k(trainer, step)
            _lap(trainer, clock, wait=exact)
            hooks.decision(done, decision)
        pending.append((step, out))
        stopping = hooks.stop() or budget.stopped_by(config, done, cost()) is not None
        every = config.checkpoint.every_n_train_steps
        saving = stopping or (every and done % every == 0)
        logging = done % config.log.every_n_steps == 0
        previewing = config.trainer.preview_every and done % config.trainer.preview_every == 0
        due = [budget.points(config, count, done, cost()) for count, _ in at_points]
        if trainer.device.type == "cuda" and (logging or saving or previewing or due != passed):
            _lap(trainer, clock, wait=True)  # what is still to be computed is training, not what waits for it below
        if logging or saving:
            for earlier, result in pending:
                if not bool(result.finite):
                    trainer.ledger["nonfinite_steps"] += 1
                    hooks.keep_replay(earlier, {name: trainer.world.gather(x) for name, x in result.replay.items()})
            pending.clear()
        if logging or stopping:
            hooks.log(done, trainer.world.mean({name: float(value) for name, value in out.metrics.items()}))
        hooks.progress(done)
        if previewing:
            hooks.preview(done)
        for (_, hook), now, before in zip(at_points, due, passed):
            if now > before:  # ahead of the checkpoint: a kill loses no point
                hook(done)
        passed = due
        if saving:
            trainer.require_agreement()
            hooks.checkpoint(done)
        if stopping:
            break
    return done


def _lap(trainer: Trainer, clock: Clock, wait: bool) -> None:
    """Enter training time, which is the first process's. wait: until the device has done what it was given."""
    if wait and trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)
    clock.seconds["train"] = trainer.world.first(clock.lap("train"))
