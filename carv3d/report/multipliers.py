"""Effective compute multipliers of a study, in both senses, with 95 % intervals by bootstrap over prompts.

(a) variance: variance of the step's gradient times the cost of the step, baseline over variant, both on the same
states; the geometric mean over states. (b) time to quality: the cost at which the baseline's mean curve first has the
quality that it has at 75 % of its budget, over the cost at which the variant's mean curve first has it.

Resamples draw prompts with replacement, and within each prompt its seeds (its states); a variant and its baseline share
the draws, so that what they have in common cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy
import torch
from numpy import ndarray

from carv3d.carv.allocate import fit_cost
from carv3d.carv.bootstrap import interval, nested_weights
from carv3d.report.reading import UNITS, number
from carv3d.report.study import RunOf, State, Study
from carv3d.runtime.types import Record

GRID = 400  # points of cost at which curves are compared
SHARE = 0.75  # of the baseline's budget, where its quality is the one to reach
EARLY = 1e-9


@dataclass(frozen=True)
class Number:
    """A value and its 95 % interval. bound: "<" where the value is only an upper bound, ">" a lower one. An end of the
    interval that rests on a bound is one too."""

    value: float
    low: float
    high: float
    bound: str = ""


def plain(number: Number | None, digits: int = 2) -> str:
    """2.61 [1.90, 3.40], with < or > before what is a bound."""
    if number is None or math.isnan(number.value):
        return "–"
    interval = "" if math.isnan(number.low) else f" [{number.low:.{digits}f}, {number.high:.{digits}f}]"
    return f"{number.bound}{number.value:.{digits}f}{interval}"


def with_interval(rows: ndarray, count: int, bound: str = "") -> Number:
    """rows: the sample's value, then the resamples'. count: prompts behind them; with one there is no interval."""
    if count < 2:
        return Number(float(rows[0]), math.nan, math.nan, bound)
    found = interval(torch.from_numpy(rows), count)
    return Number(found["value"], found["low"], found["high"], bound)


# --- (a) variance -----------------------------------------------------------------------------------------------------

def work(state: State, name: str) -> float:
    """Variance x cost: the cost of a unit of precision."""
    numbers = state.by_name[name]
    return numbers["variance"] * numbers["step_ms"]


def variance_multiplier(states: list[State], baseline: str, variant: str,
                        figure: Callable[[State, str], float] = work) -> Number | None:
    """Geometric mean over states of the baseline's figure over the variant's; None where no state has both."""
    by_prompt: dict[str, list[float]] = {}
    for state in states:
        if {baseline, variant} <= state.by_name.keys():
            by_prompt.setdefault(state.prompt, []).append(math.log(figure(state, baseline) / figure(state, variant)))
    if not by_prompt:
        return None
    values = numpy.concatenate(list(by_prompt.values()))
    return with_interval(numpy.exp(nested_weights(tuple(map(len, by_prompt.values()))) @ values), len(by_prompt))


def variance(state: State, name: str) -> float:
    return state.by_name[name]["variance"]


def cost(state: State, name: str) -> float:
    return state.by_name[name]["step_ms"]


def components(states: list[State]) -> dict[str, float | None]:
    """rho, variance of a draw within a render over that between renders, and R, cost of a render (its encode and its
    backward with it) over that of a draw: from the plain estimators, those that only reuse; None if they are too few.

    Var = (S_B + W/K)/B and ms = c0 + B (a + b K), fitted over states, each scaled to its first plain estimator.
    """
    points: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for state in states:
        plain = [(way.views, way.k, state.by_name[name]) for name, way in state.ways.items() if way.plain]
        if not plain:
            continue
        v0, ms0 = plain[0][2]["variance"], plain[0][2]["step_ms"]
        for views, k, numbers in plain:
            points.setdefault((views, k), []).append((numbers["variance"] / v0, numbers["step_ms"] / ms0))
    means = {at: numpy.mean(rows, axis=0) for at, rows in points.items()}
    if len({k for _, k in means}) < 2:
        return {"rho": None, "r": None}
    design = numpy.array([[1 / b, 1 / (b * k)] for b, k in means])
    scale = numpy.array([row[0] for row in means.values()])  # relative errors count, not absolute ones
    between, within = numpy.linalg.lstsq(design / scale[:, None], numpy.ones(len(scale)), rcond=None)[0]
    steps = numpy.array([(1.0, b, b * k) for b, k in means])
    ms = [row[1] for row in means.values()]
    c0 = 0.0
    if numpy.linalg.matrix_rank(steps) == 3:
        c0 = max(float(numpy.linalg.lstsq(steps, numpy.array(ms), rcond=None)[0][0]), 0.0)
    fitted = fit_cost([(b, k, value) for (b, k), value in zip(means, ms)], c0)
    return {"rho": float(within / between) if between > 0 else math.inf, "r": fitted.r}


# --- (b) time to quality ----------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Curves:
    """One variant's runs on a common grid of cost. values: [runs, grid], nan beyond a run's end. where: (prompt, seed)
    of each run."""

    grid: ndarray
    values: ndarray
    where: list[tuple[str, int]]

    def of(self, where: list[tuple[str, int]]) -> tuple[ndarray, ndarray]:
        """The grid where all these runs have values, and their values there [runs, part of the grid]."""
        values = self.values[[self.where.index(at) for at in where]]
        known = ~numpy.isnan(values).any(0)
        return self.grid[known], values[:, known]


def curves(study: Study, unit: str, quality: str, priced: dict[str, float] | None = None) -> dict[str, Curves]:
    """Variant -> its curves; a variant without any is left out. priced: milliseconds of a variant's step, from which
    its seconds are counted instead of read from its runs' own clocks."""
    points: dict[str, dict[tuple[str, int], list[tuple[float, float]]]] = {}
    for run in study.runs:
        if run.status == "done" and (line := _line(run, unit, quality, priced)):
            points.setdefault(run.variant, {})[run.prompt, run.seed] = line
    out = {}
    longest = max((line[-1][0] for lines in points.values() for line in lines.values()), default=0.0)
    ends = {line[-1][0] for lines in points.values() for line in lines.values()}
    grid = numpy.union1d(numpy.linspace(0.0, longest, GRID), list(ends))  # each run's end is on it
    for variant, lines in points.items():
        rows = [numpy.interp(grid, numpy.array(line)[:, 0], numpy.array(line)[:, 1], right=numpy.nan)
                for line in lines.values()]
        rows = [numpy.where(grid < line[0][0] - EARLY, numpy.nan, row) for row, line in zip(rows, lines.values())]
        out[variant] = Curves(grid, numpy.array(rows), list(lines))
    return out


def _line(run: RunOf, unit: str, quality: str, priced: dict[str, float] | None) -> list[tuple[float, float]]:
    """(cost, quality) of a run, by rising cost."""
    if unit == "seconds" and priced is not None:
        if run.variant not in priced:
            return []
        return [(point.step * priced[run.variant] / 1e3, point.quality[quality]) for point in run.curve
                if number(point.quality.get(quality)) is not None]
    return [(point.cost[unit], point.quality[quality]) for point in run.curve
            if number(point.quality.get(quality)) is not None]


def first_reach(grid: ndarray, curve: ndarray, target: float) -> tuple[float, str]:
    """The cost at which a curve first has the target, linear between grid points, and whether that is a bound: "<"
    where it has it from its first point on, ">" where it never has it, which gives its last."""
    above = numpy.flatnonzero(curve >= target)
    if not len(above):
        return float(grid[-1]), ">"
    if (i := above[0]) == 0:
        return float(grid[0]), "<"
    share = (target - curve[i - 1]) / (curve[i] - curve[i - 1])
    return float(grid[i - 1] + share * (grid[i] - grid[i - 1])), ""


def time_to_quality(baseline: Curves, variant: Curves) -> tuple[Number, float] | None:
    """Cost that the baseline needs over cost that the variant needs, and the quality in question. Runs of prompts and
    seeds that both have, as far as the shortest of a variant's reaches; None if there are none."""
    if (matched := _matched(baseline, variant)) is None:
        return None
    sizes, (grid, reached), (other_grid, other) = matched
    rows, bounds, targets = [], [], []
    for mine, theirs in zip(reached, other):
        targets.append(float(numpy.interp(SHARE * grid[-1], grid, mine)))
        took, bound = first_reach(other_grid, theirs, targets[-1])
        rows.append(first_reach(grid, mine, targets[-1])[0] / max(took, EARLY))
        bounds.append({"<": ">", ">": "<", "": ""}[bound])
    return with_interval(numpy.array(rows), len(sizes), bounds[0]), targets[0]


@dataclass(frozen=True)
class Ladder:
    """How much less a variant needs than the baseline, for one quality after another. ratio, low, high: [levels], nan
    where one of the two never has that quality."""

    levels: ndarray
    ratio: ndarray
    low: ndarray
    high: ndarray


def by_quality(baseline: Curves, variant: Curves, count: int = 60) -> Ladder | None:
    """The multiplier to each of ``count`` qualities, from the baseline's first to its best; intervals, pointwise, where
    at least nine in ten resamples reach it."""
    if (matched := _matched(baseline, variant)) is None:
        return None
    sizes, (grid, reached), (other_grid, other) = matched
    best = numpy.maximum.accumulate(reached[0])
    levels = numpy.linspace(best[0], best[-1], count)

    def needed(at: ndarray, rows: ndarray) -> ndarray:
        so_far = numpy.maximum.accumulate(rows, 1)
        return numpy.array([numpy.interp(levels, row, at, left=at[0], right=numpy.nan) for row in so_far])

    ratios = needed(grid, reached) / needed(other_grid, other)
    enough = numpy.isnan(ratios[1:]).mean(0) < 0.1
    low, high = numpy.full(count, numpy.nan), numpy.full(count, numpy.nan)
    for i in numpy.flatnonzero(enough if len(sizes) > 1 else enough & False):
        column = ratios[:, i]
        number = with_interval(column[~numpy.isnan(column)], len(sizes))
        low[i], high[i] = number.low, number.high
    return Ladder(levels, ratios[0], low, high)


Means = tuple[ndarray, ndarray]  # a grid of cost, and mean curves on it: [1+RESAMPLES, grid]


def _matched(baseline: Curves, variant: Curves) -> tuple[tuple[int, ...], Means, Means] | None:
    """How many runs of each prompt both have, and the mean curves of these, the sample's and its resamples'; None where
    there are none."""
    shared = [at for at in baseline.where if at in variant.where]
    prompts = list(dict.fromkeys(prompt for prompt, _ in shared))
    shared.sort(key=lambda at: prompts.index(at[0]))
    if not shared:
        return None
    (grid, mine), (other_grid, theirs) = baseline.of(shared), variant.of(shared)
    if not len(grid) or not len(other_grid):
        return None
    sizes = tuple(sum(at[0] == prompt for at in shared) for prompt in prompts)
    return sizes, (grid, nested_weights(sizes) @ mine), (other_grid, nested_weights(sizes) @ theirs)


def at_equal_cost(every: dict[str, Curves], baseline: str, shares: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
                  ) -> dict[str, list[float]]:
    """Variant -> mean quality at these shares of the baseline's budget; nan where its runs do not reach so far."""
    end = every[baseline].of(every[baseline].where)[0][-1]
    out = {}
    for name, one in every.items():
        grid, values = one.of(one.where)
        known = [len(grid) and grid[0] - EARLY <= share * end <= grid[-1] for share in shares]
        out[name] = [float(numpy.interp(share * end, grid, values.mean(0))) if there else math.nan
                     for share, there in zip(shares, known)]
    return out


def summary(study: Study, baseline: str, quality: str) -> Record:
    """Everything the page says in numbers."""
    from carv3d.report.study import pairs

    states = study.states
    names = list(dict.fromkeys(name for state in states for name in state.by_name))
    priced = study.step_ms() if study.shared_machine and states else None
    by_unit = {unit: curves(study, unit, quality, priced) for unit in UNITS}
    rows = []
    for name in dict.fromkeys([*study.variants, *names]):
        reach = {unit: time_to_quality(every[baseline], every[name]) if {baseline, name} <= every.keys() else None
                 for unit, every in by_unit.items()}
        ways = [state.ways[name] for state in states if name in state.ways]
        rows.append({"name": name, "way": max(ways, key=lambda way: way.k, default=None),
                     "k": sorted({way.k for way in ways}), "work": variance_multiplier(states, baseline, name),
                     "variance": variance_multiplier(states, baseline, name, variance),
                     "cost": variance_multiplier(states, name, baseline, cost), "reach": reach})
    return {"rows": rows, "curves": by_unit, "priced": priced is not None, **components(states),
            "pairs": [(what, a, b, variance_multiplier(states, a, b)) for what, a, b in pairs(study)],
            "ladders": {unit: {name: ladder for name, one in every.items()
                               if name != baseline and (ladder := by_quality(every[baseline], one))}
                        for unit, every in by_unit.items() if baseline in every},
            "equal": {unit: at_equal_cost(every, baseline) for unit, every in by_unit.items() if baseline in every}}
