"""Estimators side by side on one state of a scene: variance of the step's gradient, and what the step costs.

Nothing is assumed of how an estimator draws: its training steps are run again and again, at a learning rate of 0 and
with new seeds, and the gradients that came out are counted. Each replicate is a window of successive steps with a seed
of its own, so that what an estimator gains by spreading its views over steps is seen where Adam would see it, in the
weighted mean over its memory. Steps of all estimators alternate, so that whatever else the machine does meets all.
"""

from __future__ import annotations

import hashlib
import itertools
import statistics
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from carv3d import config as configuration
from carv3d.config.options import constant
from carv3d.config.schema import Config
from carv3d.measure.picture import Picture
from carv3d.runtime import rng
from carv3d.runtime.devices import now_ms
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import Progress
from carv3d.scenes.base import Scene
from carv3d.text3d import auto_k
from carv3d.text3d.step import train_step
from carv3d.text3d.timer import between, moment
from carv3d.text3d.trainer import Trainer, preserved, with_options

WARM_UP = 24  # steps of an estimator before it is measured: an adaptive proposal meets the scene, timers settle
CHOICES = 3  # measurements from which an automatic B or K is chosen on a state, the first looking widely
PLAIN_STEPS = 5  # timed beside a measurement
UPDATES = 16  # steps whose housekeeping is timed; an occupancy grid is looked at once in as many


@dataclass
class Spread:
    """Running sums over windows of vectors, from which moments follow that need no vector kept.

    weights: [W], of a window's vectors in its mean, sum 1. Vectors of different windows are independent; those of one
    need not be. total, means: sums of all vectors, and of the windows' weighted means.
    """

    weights: Tensor
    count: int = 0
    windows: int = 0
    squares: float = 0.0
    window_squares: float = 0.0
    mean_squares: float = 0.0
    total: Tensor = field(default_factory=lambda: torch.zeros(()))
    means: Tensor = field(default_factory=lambda: torch.zeros(()))
    _sum: Tensor = field(default_factory=lambda: torch.zeros(()))
    _mean: Tensor = field(default_factory=lambda: torch.zeros(()))

    def add(self, vector: Tensor) -> Tensor | None:
        """Returns the window's weighted mean where this was its last vector."""
        vector = vector.double()
        at = self.count % len(self.weights)
        self._sum = vector if at == 0 else self._sum + vector
        self._mean = self.weights[at] * vector if at == 0 else self._mean + self.weights[at] * vector
        self.squares += float(vector @ vector)
        self.count += 1
        if at == len(self.weights) - 1:
            self.windows += 1
            self.window_squares += float(self._sum @ self._sum)
            self.mean_squares += float(self._mean @ self._mean)
            self.total, self.means = self.total + self._sum, self.means + self._mean
            return self._mean
        return None

    @property
    def signal(self) -> float:
        """Squared norm of the expectation, unbiased: it may be negative."""
        pairs = len(self.weights) ** 2 * self.windows * (self.windows - 1)
        return (float(self.total @ self.total) - self.window_squares) / pairs

    @property
    def trace(self) -> float:
        """Of the covariance of one vector, unbiased."""
        return self.squares / self.count - self.signal

    @property
    def mean_trace(self) -> float:
        """Of the covariance of a window's weighted mean, unbiased."""
        spread = self.mean_squares - float(self.means @ self.means) / self.windows
        return spread / (self.windows - 1)


@dataclass
class Entrant:
    """One estimator: a variant of the run's trainer that moves nothing, and what was measured of it. raw, adam: its
    gradient as it is, and over the root of its second moment. picture: what Adam's update by a window would change in
    rendered views. averaged: Adam's own average of squared gradients along a window, which begins as all do."""

    trainer: Trainer
    raw: Spread
    adam: Spread
    picture: Spread
    second_moment: Tensor = field(default_factory=lambda: torch.zeros(()))
    averaged: Tensor = field(default_factory=lambda: torch.zeros(()))
    step_ms: list[float] = field(default_factory=list)
    choice_ms: float = 0.0

    def step(self, step: int, seed: int) -> tuple[Tensor, float]:
        """A training step that moves nothing: the gradient of all parameters, and milliseconds.

        Seeds and steps of all estimators are the same, so that their luck is shared.
        """
        began = now_ms(self.trainer.device)
        train_step(self.trainer, step, seed=seed)
        return self.trainer.gradient(), now_ms(self.trainer.device) - began

    def warm_up(self, step: int, count: int) -> None:
        """Steps before anything is measured, and the second moment of their gradients."""
        rows = [self.step(step + n, _seed(self.trainer.config, "compare warm-up", step, n))[0].double().square()
                for n in range(count)]
        self.second_moment = torch.stack(rows).mean(0)

    def choose(self, step: int) -> None:
        """B and K by the measurements that a run would make of this state; what they cost beyond as many steps in the
        chosen way is charged, as a run would meet it once every ``estimator.measure_every``."""
        trainer, n = self.trainer, 0
        for _ in range(CHOICES):
            auto_k.begin(trainer)
            measuring: list[float] = []
            while trainer.probe.queue:
                seed, n = _seed(trainer.config, "compare choice", step, n), n + 1
                began = moment(trainer.device)
                out = train_step(trainer, step + n, seed=seed)
                ended = moment(trainer.device)
                auto_k.seen(trainer, step + n, out.metrics["grad_norm"], began, ended)
                measuring.append(between(began, ended))
        chosen = [self.step(step + n, _seed(trainer.config, "compare chosen", step, n))[1] for n in range(PLAIN_STEPS)]
        self.choice_ms = sum(measuring) - len(measuring) * statistics.median(chosen)

    def measure(self, step: int, seed: int, picture: Picture) -> bool:
        """One step more, and whether all of its gradient is finite."""
        gradient, ms = self.step(step, seed)
        self.step_ms.append(ms)
        self.adam.add(gradient * picture.scale)
        beta = self.trainer.config.optimizer.betas[1]
        self.averaged = beta * self.averaged + (1 - beta) * gradient.double().square()
        if (mean := self.raw.add(gradient)) is not None:
            self.picture.add(picture.change(mean / (self.averaged.sqrt() + picture.epsilon)))
            self.averaged = picture.second_moment
        return bool(torch.isfinite(gradient).all())

    def report(self, update_ms: float) -> dict[str, float]:
        """variance, signal: trace of the covariance of the step's gradient in parameter space, and squared norm of its
        expectation. adam_variance, adam_signal: in Adam's space. memory_variance: there, of the mean over Adam's
        memory. picture_variance, picture_signal: of what an update by that mean would change in rendered views, squared
        colour summed over their pixels. replicates: windows. step_ms: median of a whole step, with its share of the
        scene's housekeeping and of the choice of B and K."""
        share = self.choice_ms / self.trainer.config.estimator.measure_every
        return {"variance": self.raw.trace, "signal": self.raw.signal, "adam_variance": self.adam.trace,
                "adam_signal": self.adam.signal, "memory_variance": self.adam.mean_trace,
                "picture_variance": self.picture.trace, "picture_signal": self.picture.signal,
                "replicates": self.raw.windows, "step_ms": statistics.median(self.step_ms) + update_ms + share,
                "items": self.trainer.probe.present.items,
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

    Adam's space is that of the gradient over the root of its second moment, as Adam's average of it would settle on
    this state: of the warm-up steps of all estimators, each counting as much, and damped, so that entries which are
    seldom reached do not count for more than all others. The trainer ends as it began, to the bit. UserError if a
    gradient is not finite.
    """
    config = trainer.config
    with preserved(trainer):
        update_ms = _update_ms(trainer, step)
    with preserved(trainer):
        entrants = {name: _entrant(trainer, own, step) for name, own in configuration.estimators(config).items()}
        second_moment = torch.stack([entrant.second_moment for entrant in entrants.values()]).mean(0)
        picture = Picture(trainer, step, second_moment)
        for entrant in entrants.values():
            entrant.averaged = second_moment
        with Progress(f"step {step}: estimators", config.compare.replicates) as bar:
            for replicate in range(config.compare.replicates):
                seed = _seed(config, "compare", step, replicate)
                for n, (name, entrant) in itertools.product(range(config.compare.window), entrants.items()):
                    if not entrant.measure(step + n, seed, picture):
                        raise UserError(f"the gradient of {name} at step {step} is not finite; what diverged "
                                        "cannot be compared")
                bar.add()
    return {name: entrant.report(update_ms) for name, entrant in entrants.items()}


def memory(beta: float, count: int) -> Tensor:
    """Weights [count] of successive gradients in their mean, as Adam's first moment weighs them, the latest most; sum
    1."""
    weights = beta ** torch.arange(count - 1, -1, -1, dtype=torch.float64)
    return weights / weights.sum()


def _entrant(trainer: Trainer, config: Config, step: int) -> Entrant:
    """An estimator, warmed up on this state; with estimator.k=auto, its K is chosen from what is measured here."""
    still = with_options(config, optimizer={"lr_scale": constant(0.0), "clip_grad_norm": 0.0})
    own = trainer.variant(still, [cast(Scene, _Still(scene)) for scene in trainer.scenes])
    weights = memory(config.optimizer.betas[0], trainer.config.compare.window)
    entrant = Entrant(own, Spread(weights), Spread(weights), Spread(memory(0.5, 1)))
    entrant.warm_up(step, WARM_UP)
    if auto_k.chooses(config):
        entrant.choose(step)
    return entrant


def _seed(config: Config, purpose: str, step: int, n: int) -> int:
    digest = hashlib.sha256(f"{config.run_seed}/{purpose}/{step}/{n}".encode()).digest()[:6]
    return int.from_bytes(digest, "little")


def _update_ms(trainer: Trainer, step: int) -> float:
    """Mean cost of the scene's housekeeping, over enough steps to meet what it does once in many."""
    began = now_ms(trainer.device)
    for n in range(step, step + UPDATES):
        trainer.scene.update(n, rng.generator(trainer.config.run_seed, "compare update", n), trainer.optimizer)
    return (now_ms(trainer.device) - began) / UPDATES
