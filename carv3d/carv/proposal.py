"""The law of the timestep: target p(t), proposal q(t), inverse CDF and importance weights p/q.

Discrete and exact: for any q that is positive wherever p is, E_q[p/q f] = E_p[f] (CARV, arXiv 2605.21489, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.carv.uniforms import BELOW_ONE


@dataclass(frozen=True)
class Proposal:
    """A law on T timesteps. target, density, cdf, weight (= p/q, 0 where p is 0): [T] float64."""

    target: Tensor
    density: Tensor
    cdf: Tensor
    weight: Tensor

    def sample(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Inverse CDF: uniforms in [0,1] of any shape -> timesteps (int64) and weights p/q (float64), same shape; both
        ends belong to the outermost timesteps that q has.

        With u uniform on a stratum [a,b) the expected number of hits of t is the length of the overlap of [a,b) with
        t's share of the CDF, so a set of strata that covers [0,1) once meets t exactly K q(t) times on average.
        """
        timestep = torch.searchsorted(self.cdf, uniform.double().clamp(max=BELOW_ONE).contiguous(), right=True)
        return timestep, self.weight[timestep]

    def to(self, device: torch.device | str) -> Proposal:
        return Proposal(*(t.to(device) for t in (self.target, self.density, self.cdf, self.weight)))


def uniform_target(timesteps: int, low: int, high: int) -> Tensor:
    """p(t): uniform on low..high inclusive out of 0..T-1; [T] float64. ValueError if the range is empty or outside."""
    if not 0 <= low <= high < timesteps:
        raise ValueError(f"timestep range must satisfy 0 <= low <= high < {timesteps}, got low={low}, high={high}")
    target = torch.zeros(timesteps, dtype=torch.float64)
    target[low : high + 1] = 1.0 / (high - low + 1)
    return target


def make_proposal(target: Tensor, importance: Tensor | None = None) -> Proposal:
    """q proportional to p times ``importance`` ([T], >= 0); without importance q = p.

    CARV's choice of importance is the explicit weight on the residual. ValueError for a shape mismatch, a non-finite or
    negative value, or an importance that is 0 where p is positive (the weighted mean would then miss that t).
    """
    target = target.double()
    if target.ndim != 1 or not torch.isfinite(target).all() or (target < 0).any() or target.sum() <= 0:
        raise ValueError("target must be a finite, non-negative [T] vector with a positive sum")
    target = target / target.sum()
    density = target
    if importance is not None:
        if importance.shape != target.shape:
            raise ValueError(f"importance must have shape {tuple(target.shape)}, got {tuple(importance.shape)}")
        importance = importance.to(target)
        supported = target > 0
        if not torch.isfinite(importance[supported]).all() or (importance[supported] <= 0).any():
            raise ValueError("importance must be finite and positive wherever the target is; "
                             f"got min {importance[supported].min().item():g}")
        density = torch.where(supported, target * importance, 0.0)
        density = density / density.sum()
    weight = torch.where(target > 0, target / density.clamp(min=torch.finfo(torch.float64).tiny), 0.0)
    if importance is None:
        weight = (target > 0).to(target)  # exactly 1: the plain estimator to the bit
    cdf = density.cumsum(0)
    cdf[int((density > 0).nonzero().max()) :] = 1.0
    return Proposal(target, density, cdf, weight)
