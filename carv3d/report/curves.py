"""Quality over cost, run by run, and by how much a variant is above its baseline at equal cost."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

import numpy
from numpy import ndarray

from carv3d.report.reading import number
from carv3d.report.study import Price, RunOf, Study

SHARES = (0.25, 0.5, 0.75, 1.0)  # of the baseline's cost, at which quality is compared
EARLY = 1e-9
Line: TypeAlias = tuple[ndarray, ndarray]  # of one run: costs, rising, and what it had at each
Lines: TypeAlias = dict[tuple[str, Hashable], Line]  # of one variant, by (prompt, seed)
Cells: TypeAlias = dict[tuple[str, Hashable], float]  # by (prompt, seed)


def lines(study: Study, unit: str, quality: str, priced: dict[str, Price] | None = None) -> dict[str, Lines]:
    """Variant -> the curves of its runs that are done; a variant without any is left out. priced: what
    a variant's seconds are counted from, instead of read from its runs' own clocks."""
    out: dict[str, Lines] = {}
    for run in study.runs:
        if run.status == "done" and (points := _points(run, unit, quality, priced)):
            costs, values = zip(*points)
            of_variant = out.setdefault(run.variant, {})
            of_variant[run.prompt, run.seed] = numpy.array(costs, float), numpy.array(values, float)
    return out


def _points(run: RunOf, unit: str, quality: str, priced: dict[str, Price] | None) -> list[tuple[float, float]]:
    """(cost, quality) of a run, by rising cost."""
    known = [point for point in run.curve if number(point.quality.get(quality)) is not None]
    if unit == "seconds" and priced is not None:
        price = priced.get(run.variant)
        return [] if price is None else [(price.seconds(point), point.quality[quality]) for point in known]
    return [(point.cost[unit], point.quality[quality]) for point in known]


def at_share(baseline: Lines, variant: Lines, share: float) -> Cells:
    """Variant less baseline at a share of what the baseline's run has cost in the end, of the prompts and seeds whose
    two curves are both known there."""
    out: Cells = {}
    for cell, line in baseline.items():
        cost = share * float(line[0][-1])
        if cell in variant and _reaches(line, cost) and _reaches(variant[cell], cost):
            out[cell] = float(numpy.interp(cost, *variant[cell]) - numpy.interp(cost, *line))
    return out


def _reaches(line: Line, cost: float) -> bool:
    return bool(line[0][0] - EARLY <= cost <= line[0][-1] + EARLY)


def area(baseline: Lines, variant: Lines) -> Cells:
    """Variant less baseline, the mean over cost from the first to the last that both have."""
    out: Cells = {}
    for cell, line in baseline.items():
        if cell not in variant:
            continue
        other = variant[cell]
        first, last = max(line[0][0], other[0][0]), min(line[0][-1], other[0][-1])
        if last > first:
            grid = numpy.unique([first, last, *(x for x in (*line[0], *other[0]) if first < x < last)])
            away = numpy.interp(grid, *other) - numpy.interp(grid, *line)
            out[cell] = float(numpy.diff(grid) @ (away[1:] + away[:-1]) / 2 / (last - first))
    return out


def ends(baseline: Lines, variant: Lines) -> tuple[Cells, float]:
    """Variant less baseline where each run ends, and what the variant's runs cost there, over the baseline's (geometric
    mean)."""
    both = [cell for cell in baseline if cell in variant]
    spent = [numpy.log(variant[cell][0][-1] / baseline[cell][0][-1]) for cell in both]
    return ({cell: float(variant[cell][1][-1] - baseline[cell][1][-1]) for cell in both},
            float(numpy.exp(numpy.mean(spent))) if spent else 0.0)


def least(cells: Cells) -> tuple[str, float]:
    """The prompt with the lowest mean over its seeds, and that mean."""
    by_prompt: dict[str, list[float]] = {}
    for (prompt, _), value in cells.items():
        by_prompt.setdefault(prompt, []).append(value)
    means = {prompt: float(numpy.mean(values)) for prompt, values in by_prompt.items()}
    return min(means.items(), key=lambda item: item[1])


def mean_line(runs: list[Line]) -> Line:
    """Over runs, linear between their points, where all are known."""
    first, last = max(xs[0] for xs, _ in runs), min(xs[-1] for xs, _ in runs)
    grid = numpy.unique([x for xs, _ in runs for x in xs if first <= x <= last])
    return grid, numpy.mean([numpy.interp(grid, xs, ys) for xs, ys in runs], 0)
