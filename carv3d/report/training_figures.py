"""The figures of runs of carv3d train, each with the caption that says what is drawn in it, and no more."""

from __future__ import annotations

import math

import numpy
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carv3d.report import curves as costs
from carv3d.report import numbers
from carv3d.report.curves import Lines, mean_line
from carv3d.report.figures import (
    UNIT_NAMES,
    WIDTH,
    any_interval,
    legend,
    named,
    plain_axes,
    plain_ticks,
    reach,
    style,
    wrapped,
    zero,
)
from carv3d.report.multipliers import FIGURES, Summary, multiplier
from carv3d.report.numbers import Number, several
from carv3d.report.study import Study
from carv3d.runtime.types import Record

WHAT = {"views": "renders per step", "k": "K, draws per render", "importance": "importance sampling",
        "stratified": "strata of timesteps", "noise": "noise", "cameras": "views"}
JUDGED = {"picture": "effective compute in the picture", "memory": "effective compute in Adam's space",
          "moment": "effective compute by second moment", "work": "effective compute by raw variance"}
POINTS = 40  # of cost at which differences are drawn
Drawn = tuple[Figure, str]  # a figure and its caption


def styles(summary: Summary) -> dict[str, Record]:
    """One look for each name, in every figure."""
    return {row.name: style(i) for i, row in enumerate(summary.rows)}


def _side_axis(axes: Axes, label: str, ratio: bool) -> None:
    """Of values, a ratio to the baseline's or a difference from it, one above the other."""
    if ratio:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis, *axes.get_xlim())
        axes.minorticks_off()
    axes.axvline(float(ratio), color="#888888", linewidth=0.9)
    axes.grid(True, axis="x", color="#dddddd", linewidth=0.6)
    axes.set_xlabel(label)


def _dot(axes: Axes, y: float, number: Number, look: Record) -> None:
    """A value with its interval; an arrow where it is a bound."""
    ends = [end if math.isfinite(end) else number.value for end in (number.low, number.high)]
    axes.plot(ends, [y, y], color=look["color"], linewidth=1.3)
    marker = number.bound or look["marker"]
    axes.plot([number.value], [y], linestyle="", color=look["color"], marker=marker, markersize=6,
              markerfacecolor=look.get("markerfacecolor", look["color"]))


def multipliers(summary: Summary) -> Drawn | None:
    """The difference of quality at all of the baseline's seconds, and the figures of compared states, in panels."""
    rows, looks, (score, unit) = summary.others, styles(summary), named(summary.quality)
    panels: list[tuple[str, bool, dict[str, Number]]] = [(
        f"{score} above {summary.baseline}'s{',' * bool(unit)}{unit}, at all of its seconds", False,
        {row.name: row.curves["seconds"].differences[1.0] for row in rows
         if "seconds" in row.curves and 1.0 in row.curves["seconds"].differences})]
    panels += [(f"{label}, over {summary.baseline}", True,
                {row.name: found for row in rows if (found := row.figures[what])}) for what, label in JUDGED.items()]
    panels = [panel for panel in panels if panel[2]]
    if not panels:
        return None
    names = [row.name for row in rows if any(row.name in found for _, _, found in panels)]
    tall = sum(max(wrapped(name).count("\n"), 1) for name in names)
    figure = Figure(figsize=(WIDTH, len(panels) * (0.34 * tall + 0.8)), layout="constrained")
    for n, (label, ratio, of_panel) in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, n + 1)
        for i, name in enumerate(names):
            if name in of_panel:
                _dot(axes, i, of_panel[name], looks[name])
        axes.set_yticks(range(len(names)), list(map(wrapped, names)))
        axes.set_ylim(len(names) - 0.5, -0.5)
        _side_axis(axes, label, ratio)
    every = [number for _, _, of_panel in panels for number in of_panel.values()]
    return figure, "Right of the grey line is better than the baseline. " + _intervals(every, "Lines") + _bounds(every)


def _intervals(every: list[Number], what: str) -> str:
    """Of intervals what is drawn of them."""
    if not any_interval(every):
        return f"No intervals: {numbers.why_none(every)}."
    return f"{what} are 95 % intervals" + ", where there is one" * any(math.isnan(each.low) for each in every) + "."


def _bounds(every: list[Number]) -> str:
    return " An arrow is a bound." * any(number.bound for number in every)


def curves(summary: Summary, unit: str) -> Drawn:
    """Mean over prompts and seeds; bands from the lowest to the highest seed."""
    looks, (score, of_score), every = styles(summary), named(summary.quality), summary.lines[unit]
    figure, axes = plain_axes(3.5)
    bands = False
    for i, (name, runs) in enumerate(every.items()):
        grid, mean = mean_line(list(runs.values()))
        if not len(grid):
            continue
        by_seed = [[line for (_, seed), line in runs.items() if seed == each]
                   for each in dict.fromkeys(seed for _, seed in runs)]
        if len(by_seed) > 1:
            ends, bands = [numpy.interp(grid, *mean_line(each)) for each in by_seed], True
            axes.fill_between(grid, numpy.min(ends, 0), numpy.max(ends, 0), color=looks[name]["color"], alpha=0.13,
                              linewidth=0)
        often = max(1, len(grid) // 8)
        axes.plot(grid, mean, label=name, markevery=(i * often // len(every), often), markersize=5,
                  linewidth=1.5, **looks[name])
    axes.set_xlim(left=0)
    axes.set_xlabel(UNIT_NAMES[unit] + (", priced at the step's cost measured alone"
                                        if unit == "seconds" and summary.priced else ""))
    axes.set_ylabel(score + "," * bool(of_score) + of_score)
    legend(figure, axes)
    return figure, f"{score} against {UNIT_NAMES[unit]}, {_averaged(every)}. " + (
        "Bands reach from the lowest seed's mean over prompts to the highest's." if bands
        else "No bands: no line has more than one seed.")


def _averaged(every: dict[str, Lines]) -> str:
    """Of what the lines are means."""
    counts = [tuple(len({cell[axis] for cell in runs}) for axis in (0, 1)) for runs in every.values()]
    prompts, seeds = (max(column) for column in zip(*counts))
    if prompts == seeds == 1:
        return "one run a line"
    most = "up to " * (len(set(counts)) > 1)
    return f"each line the mean over {most}{several(prompts, 'prompt')} and {several(seeds, 'seed')}"


def differences(summary: Summary, unit: str) -> Drawn | None:
    """By how much each variant is above the baseline at equal cost, with 95 % bands; only where all pairs are known."""
    every, looks, (score, of_score) = summary.lines[unit], styles(summary), named(summary.quality)
    mine = every.get(summary.baseline, {})
    figure, axes = plain_axes(3.4)
    budget = numpy.mean([line[0][-1] for line in mine.values()]) if mine else math.nan
    shown: list[Number] = []
    for i, row in enumerate(row for row in summary.others if unit in row.curves):
        shares = [n / POINTS for n in range(POINTS + 1)]
        found = [numbers.fitted(costs.at_share(mine, every[row.name], share), summary.shared) for share in shares]
        most = max((number.count for number in found if number), default=0)
        points = [(share * budget, number if number and number.count == most else None)
                  for share, number in zip(shares, found)]
        shown += [number for _, number in points if number]
        _band(axes, points, row.name, i, looks[row.name])
    if not shown:
        return None
    zero(axes, 0)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{UNIT_NAMES[unit]}, of {summary.baseline}'s runs")
    axes.set_ylabel(f"{score} above {summary.baseline}'s" + "," * bool(of_score) + of_score)
    legend(figure, axes)
    pairs = max(number.count for number in shown)
    of = "of one pair of runs" if pairs == 1 else (
        f"run by run, the mean over up to {pairs} pairs of runs, as far as all pairs go")
    bands = "Bands: 95 % intervals, pointwise." if any_interval(shown) else f"No bands: {numbers.why_none(shown)}."
    return figure, f"{score} above that of {summary.baseline} at equal {UNIT_NAMES[unit]}, {of}. {bands}"


def _band(axes: Axes, found: list[tuple[float, Number | None]], name: str, i: int, look: Record) -> None:
    """A line with its intervals, which breaks off where nothing is known."""
    if not any(number for _, number in found):
        return
    at, low, value, high = numpy.array([(x, *((number.low, number.value, number.high) if number else (math.nan,) * 3))
                                        for x, number in found]).T
    if any_interval(number for _, number in found):
        axes.fill_between(at, low, high, color=look["color"], alpha=0.13, linewidth=0)
    axes.plot(at, value, label=name, markevery=(i % 6, 6), markersize=5, linewidth=1.5, **look)


def along(study: Study, summary: Summary) -> Drawn | None:
    """The multiplier at each point of training."""
    by_cell: dict[str, list] = {}
    for state in study.states:
        by_cell.setdefault(state.cell, []).append(state)
    count = max((len(states) for states in by_cell.values()), default=0)
    if count < 2:
        return None
    names = [name for name in dict.fromkeys(n for s in study.states for n in s.by_name) if name != summary.baseline]
    shown, looks = [name for name in study.variants if name in names] or names, styles(summary)
    figure, axes = plain_axes(3.4)
    every: list[Number] = []
    for i, name in enumerate(shown):
        look, found = looks[name], []
        for n in range(count):
            states = [states[n] for states in by_cell.values() if len(states) > n]
            at = float(numpy.mean([state.step for state in states])) * (1 + 0.02 * (i - len(shown) / 2))
            if number := multiplier(states, summary.baseline, name, summary.shared, FIGURES[summary.judge]):
                found.append((at, number))
        every += [number for _, number in found]
        axes.errorbar([at for at, _ in found], [number.value for _, number in found],
                      reach(number for _, number in found), label=name, capsize=2, markersize=5, linewidth=1.3,
                      elinewidth=0.8, **look)
    if not every:
        return None
    zero(axes, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"step of the run of {summary.baseline} whose scene it is")
    axes.set_ylabel(f"{JUDGED[summary.judge]},\nover {summary.baseline}")
    legend(figure, axes)
    return figure, f"E{JUDGED[summary.judge][1:]}, by the state of the scene. {_intervals(every, 'Bars')}"


def decomposition(summary: Summary) -> Drawn | None:
    """What one change alone brings, all else equal."""
    rows = [(what, a, b, number) for what, a, b, number in summary.pairs if number]
    if not rows:
        return None
    rows.sort(key=lambda row: list(WHAT).index(row[0]))
    names = [wrapped(f"{WHAT[what]}: {a} → {b}", 32) for what, a, b, _ in rows]
    lines = len(rows) + 0.5 * sum(name.count("\n") for name in names)
    figure = Figure(figsize=(WIDTH, 0.34 * lines + 1.1), layout="constrained")
    axes = figure.add_subplot()
    for i, (what, _, _, number) in enumerate(rows):
        _dot(axes, i, number, style(list(WHAT).index(what)))
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    _side_axis(axes, f"{JUDGED[summary.judge]},\nsecond over first", ratio=True)
    every = [number for *_, number in rows]
    return figure, ("Every pair of estimators that differ in one thing alone: " + ", ".join(
        WHAT[what] for what in dict.fromkeys(row[0] for row in rows)) + f". {_intervals(every, 'Lines')}")
