"""Bootstrap resamples and intervals, one for the whole project."""

from __future__ import annotations

import math

import torch
from torch import Tensor

RESAMPLES = 1000


class Bootstrap:
    """Weights [1+RESAMPLES, n] of n independent units."""

    def __init__(self, count: int, generator: torch.Generator):
        picks = torch.randint(count, (RESAMPLES, count), generator=generator)
        drawn = torch.zeros(RESAMPLES, count, dtype=torch.float64)
        drawn.scatter_add_(1, picks, torch.ones_like(picks).double())
        self.picks = torch.cat([torch.arange(count)[None], picks])
        self.weights = torch.cat([torch.ones(1, count, dtype=torch.float64), drawn]) / count

    def mean(self, column: Tensor | list[float]) -> Tensor:
        """[n] -> [1+RESAMPLES]."""
        return self.weights @ torch.as_tensor(column, dtype=torch.float64)

    def median(self, column: list[float]) -> Tensor:
        return torch.as_tensor(column, dtype=torch.float64)[self.picks].median(1).values


def interval(rows: Tensor, count: int) -> dict[str, float]:
    """value, low, high of rows [1+RESAMPLES] behind which ``count`` units stand.

    Percentiles, widened for small samples to the levels Phi(-sqrt(n/(n-1)) t) (Hesterberg, arXiv 1411.5279, section
    5.3); plain percentiles cover too little there. t by its expansion in 1/(n-1) (Abramowitz and Stegun, 26.7.5).
    """
    z, nu = 1.959964, count - 1
    t = z + (z**3 + z) / (4 * nu) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * nu**2)
    level = 0.5 * math.erfc(math.sqrt(count / nu) * t / math.sqrt(2))
    levels = torch.tensor([level, 1 - level], dtype=torch.float64)
    low, high = torch.quantile(rows[1:].double(), levels, interpolation="nearest").tolist()
    value = rows[0].item()
    return {"value": value, "low": min(low, value), "high": max(high, value)}
