"""Judging estimators by independent repeats: bias through a U-statistic, variances through whole-set repeats.

Nothing here looks inside a set of draws: a structured set's variance is that of many complete, independent sets.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Bias:
    """z: U over its null standard deviation. relative: ||bias|| / ||truth||, 0 where U <= 0. upper: its 95 % bound."""

    z: float
    relative: float
    upper: float


@dataclass(frozen=True)
class Ratio:
    """A ratio and its standard error."""

    value: float
    se: float

    @property
    def upper(self) -> float:
        return self.value + 3 * self.se

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.se:.3f}"


def off_diagonal_sum(products: Tensor) -> Tensor:
    """Sum over i != j of [C,J,J] -> [C]."""
    return products.sum((1, 2)) - products.diagonal(dim1=1, dim2=2).sum(-1)


def bias(estimates: Tensor, references: Tensor) -> Bias:
    """Is the mean of ``estimates`` that of ``references``? Both [C,J,D]: C conditions, J independent blocks of means.

    With d_i = estimate_i - reference_i, U = mean over i != j of <d_i, d_j> is unbiased for ||bias||^2, since the blocks
    are independent (each has its own reference: a common one would make every pair agree). Its null variance is
    2 / (J (J-1)) times the mean square of <d_i, d_j>. Conditions add up. U's tail is that of a
    chi-square in few dimensions: z > 4 about 2e-3 of the time in three effective dimensions a condition.
    """
    estimates, references = estimates.double(), references.double()
    pairs = estimates.shape[1] * (estimates.shape[1] - 1)
    difference = estimates - references
    products = difference @ difference.mT
    u = off_diagonal_sum(products).sum() / pairs
    deviation = (2 / pairs * off_diagonal_sum(products.square()) / pairs).sum().sqrt()
    squared_truth = off_diagonal_sum(references @ references.mT).sum() / pairs
    relative, upper = ((x.clamp(min=0) / squared_truth).sqrt().item() for x in (u, u + 2 * deviation))
    return Bias((u / deviation).item(), relative, upper)


def blocks(repeats: Tensor, count: int = 16) -> Tensor:
    """Independent repeats [C,n,D] -> means of ``count`` blocks [C,count,D]."""
    return repeats.unflatten(1, (count, -1)).mean(2)


def trace_variance(repeats: Tensor) -> Tensor:
    """tr Cov of independent repeats [C,n,D] -> [C], unbiased."""
    return repeats.double().var(1).sum(-1)


def ratio(above: Tensor, below: Tensor) -> Ratio:
    """Ratio of sums of paired positive quantities [C] with its jackknife standard error over the C pairs."""
    value = above.sum() / below.sum()
    left_out = (above.sum() - above) / (below.sum() - below)
    count = len(above)
    return Ratio(value.item(), ((count - 1) / count * (left_out - left_out.mean()).square().sum()).sqrt().item())


def kappa(sets: Tensor, singles: Tensor, per_set: int) -> Ratio:
    """kappa = K W(K) / W_iid(1) from C cameras: estimates by whole sets of K draws [C,n,D] and by single iid uniform
    draws [C,n',D]. 1 for K iid uniform draws; what the sampler makes of the within-render variance otherwise."""
    return ratio(per_set * trace_variance(sets), trace_variance(singles))


def shared_variance(first: Tensor, second: Tensor) -> Tensor:
    """Per-batch terms [n] whose mean is tr Cov(a, b): the variance of what two replicates [n,D] have in common.

    first and second are estimates for the same n cameras (or batches of cameras) with independent draws, so that the
    draws' own variance drops out: the between-render term, without bias.
    """
    a, b = (x.double() - x.double().mean(0) for x in (first, second))
    return (a * b).sum(-1) * len(a) / (len(a) - 1)


def independent_ratio(above: Tensor, below: Tensor) -> Ratio:
    """Ratio of the means of independent samples [n] and [n'], with its delta-method standard error."""
    value = above.mean() / below.mean()
    spread = sum(x.var() / len(x) / x.mean().square() for x in (above, below))
    return Ratio(value.item(), (value.abs() * spread.sqrt()).item())
