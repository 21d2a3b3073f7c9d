"""A proposal q(t) fitted while it is used: from past draws only, so that each step's estimate stays unbiased.

The variance-optimal q is proportional to p(t) sqrt(E ||f||^2 | t). A known factor of ||f||, ``base`` (the explicit
weight w(t) on the residual), is divided out, and what remains is followed per bin of timesteps by a moving average of
the squared norms that the estimator returns anyway; q is proportional to p base sqrt(average). So the fit corrects
CARV's proposal p w, which can be far from the best: where the teacher is exact and guidance low, the residual shrinks
faster with t than the weight grows. The averages are conditional on the bin, so it hardly matters which q drew them;
within a bin they are taken under q's own shape p base, for which this choice is the optimal one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.carv.proposal import Proposal, make_proposal

BINS = 20
SLOW, FAST = 0.98, 0.9  # decay per step of the two moving averages
SHRINK = 2.0  # bins are drawn to the overall mean with the weight of this many draws
DEFENSIVE = 0.2  # share of p in q: p/q <= 1/0.2 whatever the fit does
GAIN = 0.95  # q is used only while the fast average says that it lowers the second moment below this share of p's


@dataclass(frozen=True)
class Adaptive:
    """Decayed sums over past draws, per bin of equal width over all T timesteps.

    slow, fast: [2,BINS] float64 on the CPU: sum of squared norms, and number of draws. signature: what the norms depend
    on besides the scene; when it changes the past says nothing about the future.
    """

    slow: Tensor
    fast: Tensor
    signature: str

    def __post_init__(self) -> None:
        if any(sums.shape != (2, BINS) for sums in (self.slow, self.fast)):
            raise ValueError(f"slow and fast must be [2,{BINS}], got {tuple(self.slow.shape)} and "
                             f"{tuple(self.fast.shape)}")

    def state(self) -> dict[str, Tensor | str]:
        return {"slow": self.slow, "fast": self.fast, "signature": self.signature}


def start(signature: str) -> Adaptive:
    """Nothing seen yet: the proposal is p."""
    nothing = torch.zeros(2, BINS, dtype=torch.float64)
    return Adaptive(nothing, nothing, signature)


def observe(state: Adaptive, timestep: Tensor, squared_norm: Tensor, base: Tensor, signature: str) -> Adaptive:
    """The state after a step's draws: timestep [B,K], squared_norm [B,K]; base: [T], positive where t is drawn.

    Non-finite norms are left out. A new signature forgets the past. Waits for the device of the norms.
    """
    return learn(state, sums_of(timestep, squared_norm, base), signature)


def sums_of(timestep: Tensor, squared_norm: Tensor, base: Tensor) -> Tensor:
    """What a step's draws add to the sums of an ``Adaptive``, [2,BINS] float64 on the device of the norms; arguments as
    in ``observe``."""
    timestep = timestep.flatten()
    norms = squared_norm.detach().double().flatten() / base.to(squared_norm.device)[timestep].double().square()
    bins = timestep * BINS // base.numel()
    seen = torch.isfinite(norms)
    sums = torch.zeros(2, BINS, dtype=torch.float64, device=norms.device)
    sums[0].index_add_(0, bins, torch.where(seen, norms, 0.0))
    sums[1].index_add_(0, bins, seen.double())
    return sums


def learn(state: Adaptive, sums: Tensor, signature: str) -> Adaptive:
    """The state after a step's ``sums``; a new signature forgets the past."""
    if signature != state.signature:
        state = start(signature)
    sums = sums.to(state.slow.device)
    return Adaptive(SLOW * state.slow + sums, FAST * state.fast + sums, signature)


class Late:
    """A step's sums on their way from a CUDA device to the host, which asks for them a step later, when they have long
    arrived: the copy is queued, and nobody waits for what was queued after it."""

    def __init__(self, sums: Tensor):
        self._sums = sums.to("cpu", non_blocking=True)
        self._arrived: torch.cuda.Event | None = None
        if sums.device.type == "cuda":
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def sums(self) -> Tensor:
        """[2,BINS] float64 on the CPU; waits for the step that they are of."""
        if self._arrived is not None:
            self._arrived.synchronize()
            self._arrived = None
        return self._sums


def propose(state: Adaptive, target: Tensor, base: Tensor) -> Proposal:
    """q = 0.8 q* + 0.2 p with q* proportional to p base sqrt(average), or p itself where no gain is seen.

    target: p, [T]. base: [T], positive wherever p is.
    """
    p = target.double() / target.double().sum()
    base = base.double().cpu()
    if not (state.slow.sum(1) > 0).all():  # nothing seen
        return make_proposal(target)
    bins, squared = _bins(p.numel()), base.square()
    level = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, squared)
    moment = _moments(state.slow, level)
    fitted = p * base * moment[bins].sqrt()
    mixture = (1 - DEFENSIVE) * fitted / fitted.sum() + DEFENSIVE * p
    weighted = p * squared * _moments(state.fast, level)[bins]
    over = mixture / p.clamp(min=1e-300)  # q/p, and 0 where p is
    if not (weighted / over.clamp(min=DEFENSIVE)).sum() < GAIN * weighted.sum():
        return make_proposal(target)
    return make_proposal(target, over)


@functools.cache
def _bins(timesteps: int) -> Tensor:
    """The bin of each timestep, [T] int64."""
    return torch.arange(timesteps) * BINS // timesteps


def _moments(sums: Tensor, level: Tensor) -> Tensor:
    """Mean per bin, shrunk to the overall one. level: squared base per bin, the share of each bin in the overall mean,
    so that bins of small norms do not speak for those that matter."""
    overall = (level * sums[0]).sum() / (level * sums[1]).sum()
    return (sums[0] + SHRINK * overall) / (sums[1] + SHRINK)
