"""Intervals of a mean over prompts and seeds by random effects: 95 %, Student's t, Satterthwaite's degrees of freedom.

Values are keyed by their two labels, (prompt, seed). ``nested``: every prompt has seeds of its own, so that seed 0 of
one has nothing to do with seed 0 of another. ``crossed``: runs of one seed share random numbers whatever their prompt,
so that a seed has an effect of its own, which more prompts do not average away. Of multipliers the caller takes
logarithms. Searle, Casella and McCulloch, Variance Components (1992), chapter 5; Satterthwaite, Biometrics 2 (1946).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy
from numpy import ndarray
from scipy.special import stdtrit

Cells: TypeAlias = Mapping[tuple[str, Hashable], float]  # (prompt, seed) -> its one value
Vector: TypeAlias = ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]
LEVEL = 0.975


@dataclass(frozen=True)
class Mean:
    """A mean with the ends of its 95 % interval, both nan where there is one value alone, and degrees of freedom."""

    value: float
    low: float
    high: float
    freedom: float


def nested(cells: Cells) -> Mean:
    """Prompts random, and seeds within each, however many: the mean of the prompts' means, each of which counts alike.

    Its variance is that of the prompts' means over their number, unbiased also where they have unequally many seeds,
    and never negative; the degrees of freedom are then a little fewer than prompts less one, by a component between
    prompts that is 0 at least. Of one prompt it is the mean over its seeds, and says nothing of other prompts.
    ValueError without values.
    """
    by_prompt: dict[str, list[float]] = {}
    for (prompt, _), value in cells.items():
        by_prompt.setdefault(prompt, []).append(value)
    if len(by_prompt) < 2:
        return _plain(cells.values())
    means = numpy.array([numpy.mean(values) for values in by_prompt.values()])
    a, spread = len(means), float(means.var(ddof=1))
    shares = numpy.array([1 / len(values) for values in by_prompt.values()])
    inner = sum(float(numpy.var(values)) * len(values) for values in by_prompt.values())
    inner /= max(len(cells) - a, 1)  # within prompts, a seed
    each = max(spread - inner * shares.mean(), 0.0) + inner * shares  # variance of each prompt's mean
    if not each.any():
        each = numpy.ones(a)
    squares = float((each**2).sum())
    bilinear = squares + (float(each.sum()) ** 2 - squares) / (a - 1) ** 2
    return _interval(float(means.mean()), spread / a, float(each.sum()) ** 2 / bilinear)


def crossed(cells: Cells) -> Mean:
    """Prompts and seeds both random, one value a cell, cells may be missing: the mean of all cells, each counts alike.

    Components of prompts, seeds and the rest (their interaction and noise) by the method of moments from unweighted
    sums of squares (Henderson's first); of a whole table the variance of the mean is (MS prompts + MS seeds - MS rest)
    over its cells. Where a component comes out negative, that effect is taken as none and the others are found anew
    without it, so that the variance is never negative; what is left as rest is the effect's, too. With prompts but one
    seed the interval is over prompts, and what another seed does is not in it. ValueError without values.
    """
    values = numpy.array(list(cells.values()), float)
    if len(values) < 2:
        return _plain(values)
    labels = [_numbered(label[axis] for label in cells) for axis in (0, 1)]
    labels.append(tuple(range(len(values))))
    kept = tuple(axis for axis in (0, 1, 2) if axis == 2 or 1 < max(labels[axis]) + 1 < len(values))
    if kept == (2,):
        return _plain(values)
    while True:
        found = _moments(tuple(labels[axis] for axis in kept))
        if found is None:  # no degrees of freedom are left for the rest, whose variance then counts to the others
            kept = kept[:-1]
            continue
        parts = found.solve(values)
        if (parts >= 0).all() or len(kept) == 1:
            return _interval(float(values.mean()), *found.satterthwaite(parts))
        kept = tuple(axis for axis, part in zip(kept, parts) if part > parts.min())


@dataclass(frozen=True)
class _Moments:
    """Of one pattern of cells. forms: [factors, N, N], each a factor's sum of squares. expected: [factors, factors], of
    each form per unit of each component. of_mean: [factors], variance of the mean per unit of each. products: [factors,
    factors], half the variance of that variance's estimate per product of two components."""

    forms: Vector
    expected: Vector
    of_mean: Vector
    products: Vector

    def solve(self, values: Vector) -> Vector:
        """Components, which may be negative."""
        away = values - values.mean()
        parts: Vector = numpy.linalg.solve(self.expected, numpy.einsum("kij,i,j->k", self.forms, away, away))
        return parts

    def satterthwaite(self, parts: Vector) -> tuple[float, float]:
        """Variance of the mean, and its degrees of freedom."""
        variance, spread = float(self.of_mean @ parts), float(parts @ self.products @ parts)
        return variance, variance**2 / spread if spread > 0 else math.inf


@lru_cache(maxsize=256)
def _moments(labels: tuple[tuple[int, ...], ...]) -> _Moments | None:
    """labels: of each factor, the level of every cell. None where their components cannot be told apart."""
    count = len(labels[0])
    members = [numpy.equal.outer(each, each).astype(float) for each in labels]
    forms = numpy.array([same / same.sum(1) - 1 / count for same in members])
    expected = numpy.einsum("kij,lij->kl", forms, members)
    has_rest = max(labels[-1]) + 1 == count
    if has_rest and len(labels) > 1 and numpy.linalg.matrix_rank(sum(members[:-1])) == count:
        return None
    if numpy.linalg.matrix_rank(expected) < len(labels):
        return None
    of_mean = numpy.array([same.sum() for same in members]) / count**2
    weights = numpy.linalg.solve(expected.T, of_mean)
    estimate = numpy.einsum("k,kij->ij", weights, forms)
    shifted = [estimate @ same for same in members]
    products = numpy.array([[numpy.einsum("ij,ji->", one, other) for other in shifted] for one in shifted])
    return _Moments(forms, expected, of_mean, products)


def _numbered(labels: Iterable[Hashable]) -> tuple[int, ...]:
    known: dict[Hashable, int] = {}
    return tuple(known.setdefault(label, len(known)) for label in labels)


def _plain(values: Iterable[float]) -> Mean:
    """Of independent values."""
    column = numpy.array(list(values), float)
    if not len(column):
        raise ValueError("a mean needs a value at least")
    if len(column) < 2:
        return Mean(float(column[0]), math.nan, math.nan, 0.0)
    return _interval(float(column.mean()), float(column.var(ddof=1)) / len(column), len(column) - 1.0)


def _interval(value: float, variance: float, freedom: float) -> Mean:
    wide = float(stdtrit(freedom, LEVEL)) * math.sqrt(max(variance, 0.0))
    return Mean(value, value - wide, value + wide, freedom)
