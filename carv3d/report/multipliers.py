"""What a study has found of its variants against the baseline, in figures, each with the interval that fits its design.

In the order of what they are worth: the difference of quality at equal seconds, run by run; its mean over the way; the
seconds to qualities that were named beforehand; and, of estimators compared on the same states, variance times cost,
first in the space that Adam steps in. Intervals: ``carv3d.carv.effects``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy

from carv3d.carv.allocate import fit_cost
from carv3d.report import curves, levels
from carv3d.report.curves import Lines
from carv3d.report.levels import Ratio
from carv3d.report.numbers import Number, fitted, gathered, powers
from carv3d.report.reading import UNITS
from carv3d.report.study import State, Study, Way, pairs

Figure = Callable[[State, str], "float | None"]


@dataclass(frozen=True)
class Compared:
    """A variant's curves against the baseline's, over one unit of cost. differences: by share of the baseline's cost,
    in units of quality, variant less baseline; least: the prompt with the least of these. area: their mean over cost.
    end: that where each run ends; spent: variant's cost there over baseline's. ratios: by level, baseline's cost over
    variant's."""

    differences: dict[float, Number]
    least: dict[float, tuple[str, float]]
    area: Number | None
    end: Number | None
    spent: float
    ratios: dict[float, Ratio]


@dataclass(frozen=True)
class Row:
    """One variant or estimator. way: how it draws, with its largest K; ks: all that it took. curves: by unit. figures:
    of ``FIGURES``, by name, as ratios to the baseline's."""

    name: str
    way: Way | None
    ks: list[int]
    curves: dict[str, Compared]
    figures: dict[str, Number | None]


@dataclass(frozen=True)
class Summary:
    """shared: whether runs of one seed share random numbers whatever their prompt. priced: whether seconds are counted
    from the cost of a step. lines: by unit and variant, the runs' curves. judge: the figure of ``FIGURES`` by
    which pairs are compared. r, rho: None where they are not known."""

    baseline: str
    quality: str
    shared: bool
    priced: bool
    rows: list[Row]
    lines: dict[str, dict[str, Lines]]
    levels: list[float]
    judge: str
    pairs: list[tuple[str, str, str, Number | None]]
    r: float | None
    rho: float | None

    @property
    def others(self) -> list[Row]:
        return [row for row in self.rows if row.name != self.baseline]

    @property
    def views(self) -> int | None:
        """The baseline's, in a step."""
        return next((row.way.views for row in self.rows if row.name == self.baseline and row.way), None)

    def other_batch(self, row: Row) -> bool:
        """Whether a row's steps have another number of views than the baseline's."""
        return row.way is not None and self.views is not None and row.way.views != self.views


# --- variance times cost ----------------------------------------------------------------------------------------------

def work(state: State, name: str) -> float:
    """Variance x cost: the cost of a unit of precision."""
    return variance(state, name) * cost(state, name)


def variance(state: State, name: str) -> float:
    return state.by_name[name]["variance"]


def cost(state: State, name: str) -> float:
    return state.by_name[name]["step_ms"]


def memory(state: State, name: str) -> float | None:
    """Variance of the mean of gradients that Adam steps by, in the space that it steps in, x cost."""
    found = state.by_name[name].get("memory_variance")
    return None if found is None else found * cost(state, name)


def picture(state: State, name: str) -> float | None:
    """Variance of what Adam's update by that mean changes in rendered views, x cost."""
    found = state.by_name[name].get("picture_variance")
    return None if found is None else found * cost(state, name)


def moment(state: State, name: str) -> float | None:
    """Expected squared norm of a step's gradient in that space, signal and noise, x cost: what a stochastic gradient
    method with the best rate needs for a given descent is proportional to it."""
    found, known = state.by_name[name].get("adam_variance"), signal(state)
    return None if found is None or known is None else (known + found) * cost(state, name)


def signal(state: State) -> float | None:
    """Squared norm of the expected gradient in Adam's space: all estimators have the same, so it is the mean of what
    they found, each weighted by one over its variance, and 0 at least."""
    known = [(each["adam_signal"], 1 / each["adam_variance"]) for each in state.by_name.values()
             if {"adam_signal", "adam_variance"} <= each.keys()]
    if not known:
        return None
    return max(sum(found * weight for found, weight in known) / sum(weight for _, weight in known), 0.0)


FIGURES: dict[str, Figure] = {"picture": picture, "memory": memory, "moment": moment, "work": work,
                              "variance": variance, "cost": cost}


def multiplier(states: list[State], baseline: str, variant: str, shared: bool, figure: Figure = work) -> Number | None:
    """Geometric mean over states of the baseline's figure over the variant's; None where no state has both.

    Prompts and seeds are random, and the states of a run its mean. Where prompts share random numbers (``shared``) each
    seed and step has its own, which are then what prompts are crossed with.
    """
    known = [(state, math.log(mine / theirs)) for state in states if {baseline, variant} <= state.by_name.keys()
             and (mine := figure(state, baseline)) and (theirs := figure(state, variant))]
    prompts, seeds = {state.prompt for state, _ in known}, {state.seed for state, _ in known}
    by_step = shared and len(prompts) > 1

    def cell(state: State) -> tuple[str, Hashable]:
        return state.prompt, (state.seed, state.step) if by_step else state.seed

    found = powers(fitted(gathered((cell(state), ratio) for state, ratio in known), shared))
    return None if found is None else replace(found, seeds=len(seeds), count=len(known))


def components(states: list[State]) -> tuple[float | None, float | None]:
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
        return None, None
    design = numpy.array([[1 / b, 1 / (b * k)] for b, k in means])
    scale = numpy.array([row[0] for row in means.values()])  # relative errors count, not absolute ones
    between, within = numpy.linalg.lstsq(design / scale[:, None], numpy.ones(len(scale)), rcond=None)[0]
    steps = numpy.array([(1.0, b, b * k) for b, k in means])
    ms = [row[1] for row in means.values()]
    c0 = 0.0
    if numpy.linalg.matrix_rank(steps) == 3:
        c0 = max(float(numpy.linalg.lstsq(steps, numpy.array(ms), rcond=None)[0][0]), 0.0)
    fitted = fit_cost([(b, k, value) for (b, k), value in zip(means, ms)], c0)
    return float(within / between) if between > 0 else math.inf, fitted.r


# --- all of it --------------------------------------------------------------------------------------------------------

def compared(raw: tuple[Lines, Lines], smooth: tuple[Lines, Lines], goals: list[float], shared: bool) -> Compared:
    """raw, smooth: the curves of baseline and variant. goals: levels of quality."""
    cells = {share: found for share in curves.SHARES if (found := curves.at_share(*raw, share))}
    ratios = {level: levels.ratio(*smooth, level, shared) for level in goals}
    ends, spent = curves.ends(*raw)
    return Compared({share: number for share, found in cells.items() if (number := fitted(found, shared))},
                    {share: curves.least(found) for share, found in cells.items()}, fitted(curves.area(*raw), shared),
                    fitted(ends, shared), spent,
                    {level: found for level, found in ratios.items() if found})


def summary(study: Study, baseline: str, quality: str, asked: list[float] | None = None) -> Summary:
    """Everything that the page says in numbers. asked: levels of quality; None for the default's."""
    states, shared = study.states, study.shares_numbers
    names = list(dict.fromkeys([*study.variants, *(name for state in states for name in state.by_name)]))
    priced = study.prices() if study.shared_machine and states else None
    lines = {unit: curves.lines(study, unit, quality, priced) for unit in UNITS}
    smooth = {unit: {name: {cell: levels.smoothed(line) for cell, line in runs.items()} for name, runs in every.items()}
              for unit, every in lines.items()}
    goals = levels.default_levels(smooth[UNITS[0]], quality) if asked is None else asked
    judge = next(name for name, figure in FIGURES.items() if name == "work" or any(
        figure(state, each) is not None for state in states for each in state.by_name))
    rows = []
    for name in names:
        ways = [state.ways[name] for state in states if name in state.ways]
        way = max(ways, key=lambda way: (way.k, way.halves), default=None)
        both = [unit for unit, runs in lines.items() if name != baseline and {baseline, name} <= runs.keys()]
        against = {unit: compared((lines[unit][baseline], lines[unit][name]),
                                  (smooth[unit][baseline], smooth[unit][name]), goals, shared) for unit in both}
        found = {what: multiplier(states, *((name, baseline) if what == "cost" else (baseline, name)), shared, figure)
                 for what, figure in FIGURES.items()}
        rows.append(Row(name, way, sorted({way.k for way in ways}), against, found))
    rho, r = components(states)
    brought = [(what, a, b, multiplier(states, a, b, shared, FIGURES[judge])) for what, a, b in pairs(study)]
    return Summary(baseline, quality, shared, priced is not None, rows, lines, goals, judge, brought, r, rho)
