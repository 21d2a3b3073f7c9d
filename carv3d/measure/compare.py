"""Estimators side by side on one state of a scene: variance of the step's gradient, and what the step costs.

Nothing is assumed of how an estimator draws: its training step is run again and again, at a learning rate of 0 and with
a new seed each time, and the gradients that came out are counted. Steps of all estimators alternate, so that whatever
else the machine does meets all of them.
"""

from __future__ import annotations

import hashlib
import statistics
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from carv3d import config as configuration
from carv3d.config.options import constant
from carv3d.config.schema import Config
from carv3d.runtime import rng
from carv3d.runtime.devices import now_ms
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import Progress
from carv3d.scenes.base import Scene
from carv3d.text3d.auto_k import choose_k
from carv3d.text3d.step import train_step
from carv3d.text3d.trainer import Trainer, preserved, with_options

WARM_UP = 24  # steps of an estimator before it is measured: an adaptive proposal meets the scene, timers settle
UPDATES = 16  # steps whose housekeeping is timed; an occupancy grid is looked at once in as many


@dataclass
class Spread:
    """Welford's running moments of vectors: the trace of their covariance, unbiased, without keeping them."""

    count: int = 0
    mean: Tensor = field(default_factory=lambda: torch.zeros(()))
    squares: float = 0.0

    def add(self, vector: Tensor) -> None:
        self.count += 1
        if self.count == 1:
            self.mean = torch.zeros_like(vector, dtype=torch.float64)
        away = vector.double() - self.mean
        self.mean += away / self.count
        self.squares += float(away @ (vector.double() - self.mean))

    @property
    def trace(self) -> float:
        return self.squares / (self.count - 1)

    @property
    def signal(self) -> float:
        """Squared norm of the expectation, unbiased: it may be negative."""
        return float(self.mean @ self.mean) - self.trace / self.count


@dataclass
class Entrant:
    """One estimator: a variant of the run's trainer that moves nothing, and what was measured of it."""

    trainer: Trainer
    spread: Spread = field(default_factory=Spread)
    step_ms: list[float] = field(default_factory=list)
    choice_ms: float = 0.0

    def step(self, step: int, n: int, purpose: str) -> tuple[Tensor, float]:
        """The n-th training step that moves nothing: the gradient of all parameters, and milliseconds.

        The n-th step of each estimator has the same seed, so that their luck is shared. Two successive steps take
        turns, since Gaussians have the gradient of every other one come in two halves.
        """
        trainer = self.trainer
        mark = {"mark": trainer.timer} if trainer.measures_cost else {}
        began = now_ms(trainer.device)
        if mark:
            trainer.timer.start()
        train_step(trainer, step + n % 2, seed=_seed(trainer.config, purpose, step, n), **mark)
        ms = now_ms(trainer.device) - began
        gradient = torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
                              for p in trainer.parameters])
        return gradient, ms

    def report(self, update_ms: float) -> dict[str, float]:
        """variance: trace of the covariance of the step's gradient in parameter space. step_ms: median of a whole step,
        with its share of the scene's housekeeping and of the choice of K."""
        config = self.trainer.config
        share = self.choice_ms / config.estimator.measure_every if config.estimator.k == "auto" else 0.0
        return {"variance": self.spread.trace, "signal": self.spread.signal, "replicates": self.spread.count,
                "step_ms": statistics.median(self.step_ms) + update_ms + share, "items": config.data.batch_size,
                "k": self.trainer.sampler.k}


class _Still:
    """A scene whose housekeeping rests: a density control that acted would change what is measured."""

    def __init__(self, scene: Scene):
        self._scene = scene

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scene, name)

    def update(self, *_: object) -> None:
        """Timed apart."""


def compare(trainer: Trainer, step: int) -> dict[str, dict[str, float]]:
    """Every estimator of compare.estimators on the scene before ``step``: name -> what ``Entrant.report`` says.

    The trainer ends as it began, to the bit. UserError if a gradient is not finite.
    """
    replicates = trainer.config.compare.replicates
    with preserved(trainer):
        update_ms = _update_ms(trainer, step)
    with preserved(trainer):
        entrants = {name: _entrant(trainer, config, step)
                    for name, config in configuration.estimators(trainer.config).items()}
        with Progress(f"step {step}: estimators", replicates) as bar:
            for n in range(replicates):
                for name, entrant in entrants.items():
                    gradient, ms = entrant.step(step, n, "compare")
                    if not bool(torch.isfinite(gradient).all()):
                        raise UserError(f"the gradient of {name} at step {step} is not finite; what diverged "
                                        "cannot be compared")
                    entrant.spread.add(gradient)
                    entrant.step_ms.append(ms)
                bar.add()
    return {name: entrant.report(update_ms) for name, entrant in entrants.items()}


def _entrant(trainer: Trainer, config: Config, step: int) -> Entrant:
    """An estimator, warmed up on this state; with estimator.k=auto, its K is chosen from what is measured here."""
    still = with_options(config, optimizer={"lr_scale": constant(0.0), "clip_grad_norm": 0.0})
    own = trainer.variant(still, [cast(Scene, _Still(scene)) for scene in trainer.scenes])
    entrant = Entrant(own)
    auto = config.estimator.k == "auto"
    for n in range(WARM_UP if auto or own.sampler.adapts else 2):
        entrant.step(step, n, "compare warm-up")
    if auto:
        began = now_ms(own.device)
        choose_k(own, step, seed=_seed(config, "compare choice", step, 0))
        entrant.choice_ms = now_ms(own.device) - began
    return entrant


def _seed(config: Config, purpose: str, step: int, n: int) -> int:
    digest = hashlib.sha256(f"{config.seed}/{purpose}/{step}/{n}".encode()).digest()[:6]
    return int.from_bytes(digest, "little")


def _update_ms(trainer: Trainer, step: int) -> float:
    """Mean cost of the scene's housekeeping, over enough steps to meet what it does once in many."""
    began = now_ms(trainer.device)
    for n in range(step, step + UPDATES):
        trainer.scene.update(n, rng.generator(trainer.config.seed, "compare update", n), trainer.optimizer)
    return (now_ms(trainer.device) - began) / UPDATES
