"""The sets of draws one after another, what they add up to, and where a run may stop and go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor

from carv3d import carv
from carv3d.attribution import estimators, evaluate
from carv3d.attribution.gradients import Source
from carv3d.attribution.world import Truth
from carv3d.config.attribution import BESIDE, AttributeConfig
from carv3d.runtime.rng import generator
from carv3d.runtime.types import State

LEVEL = 0.95  # of the intervals
PILOT, FLOOR = 64, 0.1  # draws that a proposal is fitted on; its least importance over the mean


@dataclass
class Scores:
    """What R sets have given. each: method -> [R,Q,N], every set by itself. queries, training: sums of mean gradients,
    [Q,d] and [N,d], behind ``kernel`` and ``cosine_of_means``; paired: the sum of their inner products set by set,
    [Q,N]. damping: the kernel's, 0 before the first set. gradients: how many were taken."""

    each: dict[str, Tensor] = field(default_factory=dict)
    queries: Tensor | None = None
    training: Tensor | None = None
    paired: Tensor | None = None
    damping: float = 0.0
    gradients: int = 0

    @property
    def sets(self) -> int:
        return len(next(iter(self.each.values()))) if self.each else 0

    def add(self, found: dict[str, Tensor], queries: Tensor, training: Tensor, gradients: int) -> None:
        for name, scores in found.items():
            before = [self.each[name]] if name in self.each else []
            self.each[name] = torch.cat([*before, scores[None]])
        new = {"queries": queries, "training": training, "paired": queries @ training.T}
        for name, value in new.items():
            before = getattr(self, name)
            setattr(self, name, value if before is None else before + value)
        self.gradients += gradients

    def pooled(self) -> dict[str, Tensor]:
        """Of all draws together, method -> [Q,N]: the mean over sets where that is linear, else of mean gradients. Of
        two sets or more also dot_of_means, <E g_q, E g_i> without bias: a U-statistic of pairs of different sets, since
        draws that are shared, as within one, would count for alike."""
        assert self.queries is not None and self.training is not None
        linear = {name: self.each[name].mean(0) for name in estimators.OF_DRAWS}
        found = linear | estimators.of_means(self.queries / self.sets, self.training / self.sets, self.damping)
        if self.paired is not None and self.sets > 1:
            found[BESIDE] = (self.queries @ self.training.T - self.paired) / (self.sets * (self.sets - 1))
        return found

    def margin(self, name: str) -> Tensor | None:
        """Half the width of the 95 % interval of a method's scores, [Q,N], of Monte Carlo alone, from the spread of the
        sets; None of a single set. Of a kernel the sets are scored one by one, which is not how the pool is."""
        if self.sets < 2:
            return None
        factor = float(student.ppf(0.5 + LEVEL / 2, self.sets - 1)) / self.sets ** 0.5
        return self.each[name].std(0) * factor

    def state(self) -> State:
        return {"each": self.each, "queries": self.queries, "training": self.training, "paired": self.paired,
                "damping": self.damping, "gradients": self.gradients}


def noise_mode(config: AttributeConfig) -> str:
    """What ``attribute.noise`` means. Pairs of opposite noise help where partners have neighbouring noise levels, and
    not without strata (docs/attribution.md)."""
    if config.noise != "auto":
        return config.noise
    return "antithetic" if config.stratified and config.times == "random" and config.k % 2 == 0 else "iid"


def draw(config: AttributeConfig, shape: tuple[int, ...], target: Tensor, seed: int, number: int, purpose: str,
         importance: Tensor | None = None) -> carv.Draws:
    """One set of draws, [1,K]; equal arguments give equal sets. importance: [T], as ``carv.Sampler`` takes it."""
    time, noise = (generator(seed, f"{purpose}: {what}", number) for what in ("time", "noise"))
    sampler = carv.Sampler(config.k, importance=importance, stratified=config.stratified, noise=noise_mode(config))
    drawn = sampler.draw(1, shape, target, time_generator=time, noise_generator=noise)
    if config.times == "grid":
        order = drawn.timestep[0].argsort(stable=True).argsort()  # a draw's stratum, by which noises are paired
        drawn = carv.Draws(grid(target, config.k)[order][None], torch.ones(1, config.k), drawn.noise)
    return drawn


def grid(target: Tensor, count: int) -> Tensor:
    """So many noise levels at equal distances, [count] int64, rising."""
    steps = (target > 0).nonzero()[:, 0]
    return steps[((torch.arange(count) + 0.5) / count * len(steps)).long()]


def importance(config: AttributeConfig, training: Source, shape: tuple[int, ...], target: Tensor, seed: int) -> Tensor:
    """How large what is averaged is at each noise level, [T], for ``carv.Sampler``: the root mean square, over pilot
    pictures and PILOT draws on a grid, of gradients' lengths, or for ``cosine`` of the cosines between pictures.

    Fitted before the first set of draws, so that these stay unbiased; never below FLOOR of its mean, so that no weight
    is above 1 / FLOOR.
    """
    steps = grid(target, PILOT)
    noise = torch.randn(1, PILOT, *shape, generator=generator(seed, "attribution: pilot"))
    rows = training.look(slice(0, estimators.PICTURES), carv.Draws(steps[None], torch.ones(1, PILOT), noise)).rows
    if config.method == "cosine":
        size = []
        for each in rows:
            cosines = each.gram(each) / (each.norm()[:, None] * each.norm()).clamp_min(1e-30)
            size.append(cosines.fill_diagonal_(0).square().mean().sqrt())
    else:
        size = [each.norm().square().mean().sqrt() for each in rows]
    curve = np.interp(np.arange(len(target)), steps.numpy(), torch.stack(size).double().numpy())
    return torch.from_numpy(np.maximum(curve, FLOOR * curve.mean()))


def run(config: AttributeConfig, queries: Source, training: Source, shape: tuple[int, ...], target: Tensor, seed: int,
        scores: Scores, *, after: Callable[[Scores], None], report: Callable[[int], None], stop: Callable[[], bool],
        truth: Truth | None = None) -> bool:
    """Sets until all of them are done, or the top pictures stay, or ``stop``. after: each set. report: gradients taken.
    truth: which damping=auto needs.

    Returns whether it ended by itself.
    """
    fitted = None
    if config.importance_sampling and scores.sets < config.sets:
        fitted = importance(config, training, shape, target, seed)
    while scores.sets < config.sets:
        if stop():
            return False
        number = scores.sets
        draws = own = draw(config, shape, target, seed, number, "attribution", fitted)
        if config.draws == "independent":
            own = draw(config, shape, target, seed, number, "attribution: queries", fitted)
        before = ranked(scores.pooled()[config.method], config.top) if number else None
        found, of_queries, of_training = estimators.of_set(queries, training, own, draws, report)
        scores.damping = scores.damping or evaluate.damping(config, truth, of_queries, of_training)
        found |= estimators.of_means(of_queries, of_training, scores.damping)
        scores.add(found, of_queries, of_training, (len(queries) + len(training)) * config.k)
        after(scores)
        if before is not None and config.until == "stable":
            now = ranked(scores.pooled()[config.method], config.top)
            if all(set(a.tolist()) == set(b.tolist()) for a, b in zip(before, now, strict=True)):
                break
    return True


def ranked(scores: Tensor, count: int) -> Tensor:
    """The numbers of the training pictures with the highest scores, best first, [Q,count]."""
    return scores.topk(min(count, scores.shape[1]), dim=1).indices
