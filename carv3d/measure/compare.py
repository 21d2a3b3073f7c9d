"""Estimators side by side on one state of a scene: variance of the step's gradient, and what the step costs.

Nothing is assumed of how an estimator draws: its training step is run again and again, at a learning rate of 0 and with
a new seed each time, and the gradients that came out are counted. Steps of all estimators alternate, so that whatever
else the machine does meets all of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from carv3d import config as configuration
from carv3d.carv import adapt
from carv3d.carv.choose_k import Account
from carv3d.config.schema import Config, constant
from carv3d.runtime import rng
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import Progress
from carv3d.text3d.auto_k import choose_k
from carv3d.text3d.step import train_step
from carv3d.text3d.trainer import FIRST_K, Trainer, preserved

WARM_UP = 24  # steps of an estimator before it is measured: an adaptive proposal meets the scene, timers settle
UPDATES = 16  # steps whose housekeeping is timed; an occupancy grid is looked at once in as many


@dataclass
class Spread:
    """Welford's running moments of vectors: the trace of their covariance, unbiased, without keeping them."""

    count: int = 0
    mean: Tensor | None = None
    squares: float = 0.0

    def add(self, vector: Tensor) -> None:
        self.count += 1
        if self.mean is None:
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
    """One estimator: its configuration, what its draws have taught it so far, and what was measured of it."""

    config: Config
    k: int
    adaptive: adapt.Adaptive
    account: Account
    spread: Spread = field(default_factory=Spread)
    step_ms: list[float] = field(default_factory=list)
    choice_ms: float = 0.0

    def report(self, update_ms: float) -> dict[str, float]:
        """variance: trace of the covariance of the step's gradient in parameter space. step_ms: median of a whole step,
        with its share of the scene's housekeeping and of the choice of K."""
        share = self.choice_ms / self.config.estimator.measure_every if self.config.estimator.k == "auto" else 0.0
        return {"variance": self.spread.trace, "signal": self.spread.signal, "replicates": self.spread.count,
                "step_ms": statistics.median(self.step_ms) + update_ms + share, "items": self.config.data.batch_size,
                "k": self.k}


class _Still:
    """A scene whose housekeeping rests: a density control that acted would change what is measured."""

    def __init__(self, scene: Any):
        self._scene = scene

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scene, name)

    def update(self, *_: Any) -> None:
        """Timed apart."""


def compare(trainer: Trainer, step: int) -> dict[str, dict[str, float]]:
    """Every estimator of compare.estimators on the scene before ``step``: name -> what ``Entrant.report`` says.

    The trainer ends as it began, to the bit. UserError if a gradient is not finite.
    """
    with preserved(trainer):
        update_ms = _update_ms(trainer, step)
    scenes, replicates = trainer.scenes, trainer.config.compare.replicates
    estimators = configuration.estimators(trainer.config)
    try:
        with preserved(trainer):
            trainer.scenes = [_Still(scene) for scene in scenes]
            entrants = {name: _entrant(trainer, config, step) for name, config in estimators.items()}
            with Progress(f"step {step}: estimators", replicates) as bar:
                for n in range(replicates):
                    for name, entrant in entrants.items():
                        gradient, ms = _step(trainer, entrant, step, n, "compare")
                        if not bool(torch.isfinite(gradient).all()):
                            raise UserError(f"the gradient of {name} at step {step} is not finite; what diverged "
                                            "cannot be compared")
                        entrant.spread.add(gradient)
                        entrant.step_ms.append(ms)
                    bar.add()
    finally:
        trainer.scenes, trainer._proposal = scenes, None
    return {name: entrant.report(update_ms) for name, entrant in entrants.items()}


def _entrant(trainer: Trainer, config: Config, step: int) -> Entrant:
    """An estimator, warmed up on this state; with estimator.k=auto, its K is chosen from what is measured here."""
    estimator, auto = config.estimator, config.estimator.k == "auto"
    still = dataclasses.replace(config.optimizer, lr_scale=constant(0.0), clip_grad_norm=0.0)
    entrant = Entrant(dataclasses.replace(config, optimizer=still), FIRST_K if auto else estimator.k,
                      adapt.start(trainer.signature()), Account())
    trainer.timer.ms.clear()
    learns = auto or estimator.importance_sampling and estimator.proposal == "adaptive"
    for n in range(WARM_UP if learns else 2):
        _step(trainer, entrant, step, n, "compare warm-up")
    if auto:
        _take(trainer, entrant, step, 0, "compare choice")
        began = _now(trainer)
        choose_k(trainer, step)
        entrant.choice_ms, entrant.k = _now(trainer) - began, trainer.k
    return entrant


def _take(trainer: Trainer, entrant: Entrant, step: int, n: int, purpose: str) -> None:
    """Make the trainer this estimator's; the n-th step of each has the same seed, so that their luck is shared."""
    seed = hashlib.sha256(f"{entrant.config.seed}/{purpose}/{step}/{n}".encode()).digest()[:6]
    trainer.config = dataclasses.replace(entrant.config, seed=int.from_bytes(seed, "little"))
    trainer.k, trainer.adaptive, trainer.account = entrant.k, entrant.adaptive, entrant.account
    trainer._proposal = None


def _step(trainer: Trainer, entrant: Entrant, step: int, n: int, purpose: str) -> tuple[Tensor, float]:
    """The n-th training step that moves nothing: the gradient of all parameters, and milliseconds.

    Two successive steps take turns, since Gaussians have the gradient of every other one come in two halves.
    """
    _take(trainer, entrant, step, n, purpose)
    began = _now(trainer)
    if trainer.measures_cost:
        trainer.timer.start()
        train_step(trainer, step + n % 2, trainer.timer)
    else:
        train_step(trainer, step + n % 2)
    ms = _now(trainer) - began
    entrant.adaptive = trainer.adaptive
    gradient = torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
                          for group in trainer.optimizer.param_groups for p in group["params"]])
    return gradient, ms


def _update_ms(trainer: Trainer, step: int) -> float:
    """Mean cost of the scene's housekeeping, over enough steps to meet what it does once in many."""
    began = _now(trainer)
    for n in range(step, step + UPDATES):
        trainer.scene.update(n, rng.generator(trainer.config.seed, "compare update", n), trainer.optimizer)
    return (_now(trainer) - began) / UPDATES


def _now(trainer: Trainer) -> float:
    if trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)
    return 1e3 * time.perf_counter()
