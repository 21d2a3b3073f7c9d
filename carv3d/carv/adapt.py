"""A proposal q(t) fitted while it is used: from past draws only, so that each step's estimate stays unbiased.

The variance-optimal q is proportional to p(t) sqrt(E ||f||^2 | t). Its second moment is followed per bin of timesteps
by a moving average of the squared norms that the estimator returns anyway. The averages are conditional on the bin, so
it does not matter which q drew them.
"""

from __future__ import annotations

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

    slow, fast: [2,BINS] float64: sum of squared norms, and number of draws. signature: what the norms depend on
    besides the scene; when it changes the past says nothing about the future.
    """

    slow: Tensor
    fast: Tensor
    signature: str

    def state(self) -> dict[str, Tensor | str]:
        return {"slow": self.slow, "fast": self.fast, "signature": self.signature}


def start(signature: str) -> Adaptive:
    """Nothing seen yet: the proposal is p."""
    nothing = torch.zeros(2, BINS, dtype=torch.float64)
    return Adaptive(nothing, nothing, signature)


def observe(state: Adaptive, timestep: Tensor, squared_norm: Tensor, timesteps: int, signature: str) -> Adaptive:
    """The state after a step's draws: timestep [B,K], squared_norm [B,K], out of ``timesteps`` = T.

    Non-finite norms are left out. A new signature forgets the past.
    """
    if signature != state.signature:
        state = start(signature)
    norms = squared_norm.detach().double().flatten()
    bins = (timestep.flatten() * BINS // timesteps).to(norms.device)
    seen = torch.isfinite(norms)
    sums = torch.zeros(2, BINS, dtype=torch.float64, device=norms.device)
    sums[0].index_add_(0, bins, torch.where(seen, norms, 0.0))
    sums[1].index_add_(0, bins, seen.double())
    sums = sums.to(state.slow.device)
    return Adaptive(SLOW * state.slow + sums, FAST * state.fast + sums, signature)


def propose(state: Adaptive, target: Tensor) -> Proposal:
    """q = 0.8 q* + 0.2 p with q* proportional to p sqrt(moment), or p itself while no gain is seen. target: p, [T]."""
    moment = _moments(state.slow)
    if moment is None:
        return make_proposal(target)
    bins = torch.arange(target.numel()) * BINS // target.numel()
    p = target.double() / target.double().sum()
    fitted = p * moment[bins].sqrt()
    if fitted.sum() <= 0:
        return make_proposal(target)
    mixture = (1 - DEFENSIVE) * fitted / fitted.sum() + DEFENSIVE * p
    recent = _moments(state.fast)[bins]
    kept = p > 0
    ratio = (p[kept].square() * recent[kept] / mixture[kept]).sum() / (p[kept] * recent[kept]).sum()
    if not ratio < GAIN:
        return make_proposal(target)
    return make_proposal(target, torch.where(kept, mixture / p.clamp(min=1e-300), 0.0))


def _moments(sums: Tensor) -> Tensor | None:
    """Mean squared norm per bin, shrunk to the overall mean; None before the first draw."""
    if sums[1].sum() <= 0 or sums[0].sum() <= 0:
        return None
    overall = sums[0].sum() / sums[1].sum()
    return (sums[0] + SHRINK * overall) / (sums[1] + SHRINK)
