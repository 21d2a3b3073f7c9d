"""How to spend compute: the cost of a step, the variance of its gradient, the K that makes their product least.

Pure arithmetic. A step with B items of K draws costs c0 + B (a + b K) and has variance (S_B + V(K)) / B, where V(K) is
the within variance of one item's set of K. The effective compute multiplier of a variant is the cost that a baseline
needs for the variant's variance, over the variant's cost: (Var cost) of the baseline over (Var cost) of the variant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

Figure = TypeVar("Figure", float, Tensor)  # one figure, or one for each resample


@dataclass(frozen=True)
class Cost:
    """Milliseconds (any unit will do). c0: once a step. a: per item, with its backward. b: per draw. >= 0, a+b > 0."""

    c0: float
    a: float
    b: float

    def __post_init__(self) -> None:
        if min(self.c0, self.a, self.b) < 0 or self.a + self.b <= 0:
            raise ValueError(f"costs must be >= 0 with a + b > 0, got c0={self.c0}, a={self.a}, b={self.b}")

    def step(self, items: int, draws: int) -> float:
        return self.c0 + items * (self.a + self.b * draws)

    @property
    def r(self) -> float:
        """R: cost of an item over cost of a draw."""
        return self.a / self.b if self.b else float("inf")


def work(between: float, within: float, items: int, draws: int, cost: Cost) -> float:
    """Variance times cost of one step; within is V(K). Smaller is better."""
    return (between + within) / items * cost.step(items, draws)


def multiplier(baseline: Figure, variant: Figure) -> Figure:
    """Effective compute multiplier, from two ``work`` figures."""
    return baseline / variant


def best_k(between: float, within_by_k: Mapping[int, float], items: int, cost: Cost) -> int:
    """The K among those given whose work is least; the smallest such. within_by_k: V(K)."""
    if not within_by_k:
        raise ValueError("within_by_k must name at least one K, got none")
    return min(sorted(within_by_k), key=lambda k: work(between, within_by_k[k], items, k, cost))


def continuous_best_k(rho: float, kappa: float, r: float) -> float:
    """K* = max(1, sqrt(R kappa rho)) for constant kappa and no fixed cost; rho = W / S_B."""
    return max(1.0, float((r * kappa * rho) ** 0.5))


def fit_cost(points: Iterable[tuple[int, int, float]], c0: float = 0.0) -> Cost:
    """a and b by least squares from (B, K, milliseconds) of whole steps, with c0 given.

    A negative a becomes 0; b is at least 1e-9, so that R stays a number.
    """
    rows = [(b, b * k, ms - c0) for b, k, ms in points]
    if len({(b, bk) for b, bk, _ in rows}) < 2:
        raise ValueError("steps at two or more (B, K) are needed to tell a from b")
    xx = sum(x * x for x, _, _ in rows)
    xy = sum(x * y for x, y, _ in rows)
    yy = sum(y * y for _, y, _ in rows)
    xz = sum(x * z for x, _, z in rows)
    yz = sum(y * z for _, y, z in rows)
    determinant = xx * yy - xy * xy
    if determinant <= 0:
        raise ValueError("steps at two or more K are needed to tell a from b")
    return Cost(c0, max((xz * yy - yz * xy) / determinant, 0.0), max((yz * xx - xz * xy) / determinant, 1e-9))


def step_cost(points: list[tuple[int, int, float]]) -> Cost:
    """c0, a and b by least squares from (B, K, ms) of whole steps at two or more B and K; a negative c0 becomes 0."""
    design = torch.tensor([[1.0, b, b * k] for b, k, _ in points], dtype=torch.float64)
    ms = torch.tensor([[ms] for _, _, ms in points], dtype=torch.float64)
    return fit_cost(points, max(torch.linalg.lstsq(design, ms).solution[0, 0].item(), 0.0))
