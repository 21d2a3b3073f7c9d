"""The report's figures. Colours are Okabe and Ito's, each with a marker and a dash of its own, so that they hold up for
the colour-blind and in print without colour."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from numpy import ndarray

from carv3d.report.multipliers import SHARE, Curves, Number, variance_multiplier
from carv3d.report.study import Study
from carv3d.runtime.figure_style import STYLES
from carv3d.runtime.files import write_bytes
from carv3d.runtime.types import Record

UNIT_NAMES = {"seconds": "seconds of training", "renders": "renders", "teacher_evals": "teacher evaluations"}
Line = tuple[ndarray, ndarray]  # of one run: costs, rising, and what it had at each
Mark = tuple[float, Number, list[float]]  # an option's value, a score there, and the values of which it is the mean
WHAT = {"views": "renders per step", "k": "K, draws per render", "importance": "importance sampling",
        "stratified": "strata of timesteps", "noise": "noise", "cameras": "camera strata"}


def style(i: int) -> Record:
    """Colours come round after eight, with hollow markers."""
    return {**STYLES[i % len(STYLES)], **({"markerfacecolor": "white"} if i >= len(STYLES) else {})}


def styles(summary: Record) -> dict[str, Record]:
    """One look for each name, in every figure."""
    return {row["name"]: style(i) for i, row in enumerate(summary["rows"])}


@contextlib.contextmanager
def names_as_they_are() -> Iterator[None]:
    """Within this a dollar sign in a name is one, and no mathematics; a sign that the font lacks is a box."""
    with matplotlib.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        for words in ("Glyph .* missing from font", "constrained_layout not applied"):  # of names too long for a figure
            warnings.filterwarnings("ignore", message=words)
        yield


def save(figure: Figure, path: Path) -> str:
    """Write the PNG; returns the same as SVG, text as text."""
    content = io.BytesIO()
    figure.savefig(content, dpi=130, format="png")
    write_bytes(path, content.getbuffer())
    with matplotlib.rc_context({"svg.fonttype": "none", "font.family": "sans-serif",
                                "svg.hashsalt": path.name}):  # the same page each time
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _plain_ticks(axis: Axis, low: float, high: float) -> None:
    """Of a logarithmic axis: round numbers, as they are written."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    subs = (1, 1.5, 2, 3, 5, 7) if high / low < 30 else (1, 2, 5) if high / low < 1000 else (1,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _ratio_axis(axes: Axes, label: str) -> None:
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis, *axes.get_xlim())
    axes.minorticks_off()
    axes.axvline(1, color="#888888", linewidth=0.9)
    axes.grid(True, axis="x", color="#dddddd", linewidth=0.6)
    axes.set_xlabel(label)


def _dot(axes: Axes, y: float, number: Number, look: Record) -> None:
    """A value with its interval; an arrow where it is a bound."""
    low, high = (value if not math.isnan(end) else number.value
                 for value, end in ((number.low, number.low), (number.high, number.high)))
    axes.plot([low if not math.isnan(low) else number.value, high if not math.isnan(high) else number.value], [y, y],
              color=look["color"], linewidth=1.3)
    marker = {"<": "<", ">": ">"}.get(number.bound, look["marker"])
    axes.plot([number.value], [y], linestyle="", color=look["color"], marker=marker, markersize=6,
              markerfacecolor=look.get("markerfacecolor", look["color"]))


def multipliers(summary: Record, baseline: str) -> Figure:
    """Both multipliers of everything that has one, side by side."""
    rows, looks = [row for row in summary["rows"] if row["name"] != baseline], styles(summary)
    unit = next((u for u in UNIT_NAMES if any(row["reach"].get(u) for row in rows)), None)
    panels = [("work", "effective compute by variance: over " + baseline)] if any(row["work"] for row in rows) else []
    panels += [(unit, f"to the same quality in fewer {UNIT_NAMES[unit]}")] if unit else []
    figure = Figure(figsize=(5.4 * max(len(panels), 1) + 1.6, 0.34 * len(rows) + 1.3), layout="constrained")
    for n, (what, label) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), n + 1)
        for i, row in enumerate(rows):
            number = row["work"] if what == "work" else (row["reach"][what] or (None,))[0]
            if number:
                _dot(axes, i, number, looks[row["name"]])
        axes.set_yticks(range(len(rows)), [row["name"] for row in rows] if n == 0 else [""] * len(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        _ratio_axis(axes, label)
    return figure


def curves(summary: Record, unit: str, quality: str, baseline: str) -> Figure:
    """Mean over prompts and seeds; bands from the lowest to the highest seed."""
    every: dict[str, Curves] = summary["curves"][unit]
    looks = styles(summary)
    figure = Figure(figsize=(6.6, 4.3), layout="constrained")
    axes = figure.add_subplot()
    for i, (name, one) in enumerate(every.items()):
        look = looks[name]
        mean = one.values.mean(0)
        seeds = list(dict.fromkeys(seed for _, seed in one.where))
        of_seed = [one.values[[j for j, at in enumerate(one.where) if at[1] == seed]].mean(0) for seed in seeds]
        if len(seeds) > 1:
            low, high = numpy.min(of_seed, 0), numpy.max(of_seed, 0)
            axes.fill_between(one.grid, low, high, color=look["color"], alpha=0.13, linewidth=0)
        axes.plot(one.grid, mean, label=name, markevery=(len(one.grid) // 40 * (i + 1), len(one.grid) // 8),
                  markersize=5, linewidth=1.5, **look)
        if name == baseline:
            known = numpy.flatnonzero(~numpy.isnan(mean))
            goal = numpy.interp(SHARE * one.grid[known[-1]], one.grid[known], mean[known])
            axes.axhline(goal, color="#888888", linewidth=0.9, linestyle=(0, (2, 2)))
            axes.annotate(f"{name} at {SHARE:.0%} of its budget: {goal:.2f}", (0, goal), (4, 3),
                          textcoords="offset points", fontsize=8, color="#555555")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel(UNIT_NAMES[unit] + (", priced at the step's cost measured alone"
                                        if unit == "seconds" and summary["priced"] else ""))
    axes.set_ylabel({"psnr": "PSNR, dB"}.get(quality, quality))
    axes.legend(fontsize=8.5, frameon=False, loc="lower right")
    return figure


def by_quality(summary: Record, unit: str, quality: str, baseline: str) -> Figure | None:
    """The multiplier to quality as a function of that quality; the level of the table is marked."""
    ladders, looks = summary["ladders"].get(unit), styles(summary)
    if not ladders:
        return None
    figure = Figure(figsize=(6.6, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for i, (name, ladder) in enumerate(ladders.items()):
        axes.fill_between(ladder.levels, ladder.low, ladder.high, color=looks[name]["color"], alpha=0.1, linewidth=0)
        axes.plot(ladder.levels, ladder.ratio, label=name, markevery=(2 * i + 1, 12), markersize=5, linewidth=1.5,
                  **looks[name])
    goal = next((row["reach"][unit][1] for row in summary["rows"]
                 if row["name"] != baseline and row["reach"][unit]), None)
    if goal is not None:
        axes.axvline(goal, color="#888888", linewidth=0.9, linestyle=(0, (2, 2)))
    axes.axhline(1, color="#888888", linewidth=0.9)
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_ylim(bottom=0, top=min(axes.get_ylim()[1], 10))
    axes.set_xlabel({"psnr": "PSNR reached, dB"}.get(quality, f"{quality} reached"))
    axes.set_ylabel(f"{baseline}'s {UNIT_NAMES[unit]} over the variant's")
    axes.legend(fontsize=8.5, frameon=False, loc="upper left")
    return figure


def along(study: Study, summary: Record, baseline: str) -> Figure | None:
    """The multiplier by variance at each point of training."""
    by_cell: dict[str, list] = {}
    for state in study.states:
        by_cell.setdefault(state.cell, []).append(state)
    count = max((len(states) for states in by_cell.values()), default=0)
    if count < 2:
        return None
    names = [name for name in dict.fromkeys(n for s in study.states for n in s.by_name) if name != baseline]
    shown, looks = [name for name in study.variants if name in names] or names, styles(summary)
    figure = Figure(figsize=(6.6, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for i, name in enumerate(shown):
        look, xs, ys, ends = looks[name], [], [], []
        for n in range(count):
            states = [states[n] for states in by_cell.values() if len(states) > n]
            number = variance_multiplier(states, baseline, name)
            xs.append(numpy.mean([state.step for state in states]) * (1 + 0.02 * (i - len(shown) / 2)))
            assert number is not None  # these states have both
            ys.append(number.value)
            ends.append((number.low, number.high))
        low, high = ([abs(y - end) for y, end in zip(ys, column)] for column in zip(*ends))
        axes.errorbar(xs, ys, None if math.isnan(low[0]) else [low, high], label=name, capsize=2, markersize=5,
                      linewidth=1.3, elinewidth=0.8, **look)
    axes.axhline(1, color="#888888", linewidth=0.9)
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"step of the run of {baseline} whose scene it is")
    axes.set_ylabel(f"effective compute by variance, over {baseline}")
    axes.legend(fontsize=8.5, frameon=False)
    return figure


def by_option(lines: dict[str, list[Mark]], label: str, levels: dict[str, float]) -> Figure:
    """Scores against an option, one line a name, by rising values; a little apart where they would lie on one another.

    label: the option's. levels: horizontal lines, by name.
    """
    from matplotlib.ticker import NullLocator

    at = sorted({mark[0] for marks in lines.values() for mark in marks})
    log = at[0] > 0 and at[-1] / at[0] >= 4
    places = {x: math.log(x) if log else x for x in at}
    apart = 0.012 * (places[at[-1]] - places[at[0]])
    figure = Figure(figsize=(8.2, 4.3), layout="constrained")
    axes = figure.add_subplot()
    for i, (name, marks) in enumerate(lines.items()):
        look = style(i)
        xs = [places[x] + apart * (i - (len(lines) - 1) / 2) for x, _, _ in marks]
        ends = [[0 if math.isnan(n.low) else n.value - n.low for _, n, _ in marks],
                [0 if math.isnan(n.high) else n.high - n.value for _, n, _ in marks]]
        axes.errorbar(xs, [number.value for _, number, _ in marks], ends, label=name, capsize=2, markersize=5,
                      linewidth=1.3, elinewidth=0.8, **look)
        for x, (_, _, each) in zip(xs, marks):
            if len(each) > 1:
                axes.plot([x] * len(each), each, linestyle="", marker=".", markersize=3, color=look["color"])
    _levels(axes, levels)
    axes.set_xticks([places[x] for x in at], [f"{x:g}" for x in at])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(True, axis="y", color="#dddddd", linewidth=0.6)
    axes.set_xlabel(label)
    axes.set_ylabel("linear datamodelling score")
    handles, names = axes.get_legend_handles_labels()
    order = [*range(len(handles) - len(lines), len(handles)), *range(len(handles) - len(lines))]  # lines before levels
    figure.legend([handles[i] for i in order], [names[i] for i in order], fontsize=8.5, frameon=False,
                  loc="outside right upper")
    return figure


def _levels(axes: Axes, levels: dict[str, float]) -> None:
    """Horizontal lines, dashed, each with its name and value in the legend."""
    for (name, level), dashes in zip(levels.items(), itertools.cycle(("--", ":", "-."))):
        axes.axhline(level, color="#666666", linewidth=1, linestyle=dashes, label=f"{name} {level:.3f}")


def mean_line(lines: list[Line]) -> Line:
    """Over runs, linear between their points, where all are known."""
    first, last = max(xs[0] for xs, _ in lines), min(xs[-1] for xs, _ in lines)
    grid = numpy.unique([x for xs, _ in lines for x in xs if first <= x <= last])
    return grid, numpy.mean([numpy.interp(grid, xs, ys) for xs, ys in lines], 0)


def over_cost(lines: dict[str, list[Line]], label: str, what: str, levels: dict[str, float],
              beside: tuple[str, dict[str, list[Line]]] = ("", {})) -> Figure:
    """A score against a cost, each run thin and the runs' mean bold, one colour a name.

    label, what: of the axes. levels: horizontal lines, by name. beside: something else, and its lines by the same
    names, of which the mean is dashed.
    """
    from matplotlib.ticker import NullLocator

    figure = Figure(figsize=(8.2, 4.3), layout="constrained")
    axes = figure.add_subplot()
    for i, (name, each) in enumerate(lines.items()):
        look = {**style(i), "linestyle": "-"}
        for xs, ys in each if len(each) > 1 else ():
            axes.plot(xs, ys, color=look["color"], linewidth=0.7, alpha=0.4)
        grid, mean = mean_line(each)
        axes.plot(grid, mean, label=name, markevery=max(1, len(grid) // 8), markersize=5, linewidth=1.8, **look)
        if name in beside[1]:
            axes.plot(*mean_line(beside[1][name]), linewidth=1.1, linestyle="--", color=look["color"])
    axes.set_yscale("log")
    if beside[1]:
        axes.plot([], [], linewidth=1.1, linestyle="--", color="#666666", label=beside[0])
    _levels(axes, levels)
    _plain_ticks(axes.yaxis, *axes.get_ylim())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(True, axis="y", color="#dddddd", linewidth=0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel(label)
    axes.set_ylabel(what)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=8.5, frameon=False, loc="outside right upper")
    return figure


def decomposition(found: list[tuple[str, str, str, Number | None]]) -> Figure | None:
    """What one change alone brings, all else equal."""
    rows = [(what, a, b, number) for what, a, b, number in found if number]
    if not rows:
        return None
    rows.sort(key=lambda row: list(WHAT).index(row[0]))
    figure = Figure(figsize=(8.4, 0.34 * len(rows) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    for i, (what, _, _, number) in enumerate(rows):
        _dot(axes, i, number, style(list(WHAT).index(what)))
    axes.set_yticks(range(len(rows)), [f"{WHAT[what]}: {a} → {b}" for what, a, b, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    _ratio_axis(axes, "effective compute by variance, second over first")
    return figure
