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

from carv3d.report import curves as costs
from carv3d.report import numbers
from carv3d.report.curves import Line, mean_line
from carv3d.report.multipliers import FIGURES, Summary, multiplier
from carv3d.report.numbers import Number
from carv3d.report.study import Study
from carv3d.runtime.figure_style import STYLES
from carv3d.runtime.files import write_bytes
from carv3d.runtime.types import Record

UNIT_NAMES = {"seconds": "seconds of training", "renders": "renders", "teacher_evals": "teacher evaluations"}
Mark = tuple[float, Number, list[float]]  # an option's value, a score there, and the values of which it is the mean
WHAT = {"views": "renders per step", "k": "K, draws per render", "importance": "importance sampling",
        "stratified": "strata of timesteps", "noise": "noise", "cameras": "views"}
QUALITIES = {"psnr": ("PSNR", " dB")}  # name and unit of a score
JUDGED = {"picture": "effective compute in the picture", "memory": "effective compute in Adam's space",
          "moment": "effective compute by second moment", "work": "effective compute by raw variance"}
POINTS = 40  # of cost at which differences are drawn


def style(i: int) -> Record:
    """Colours come round after eight, with hollow markers."""
    return {**STYLES[i % len(STYLES)], **({"markerfacecolor": "white"} if i >= len(STYLES) else {})}


def styles(summary: Summary) -> dict[str, Record]:
    """One look for each name, in every figure."""
    return {row.name: style(i) for i, row in enumerate(summary.rows)}


def named(quality: str) -> tuple[str, str]:
    """A score's name, and its unit after a blank if it has one."""
    return QUALITIES.get(quality, (quality, ""))


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


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(True, color="#dddddd", linewidth=0.6)
    return figure, axes


def _zero(axes: Axes, at: float) -> None:
    axes.axhline(at, color="#888888", linewidth=0.9)


def _side_axis(axes: Axes, label: str, ratio: bool) -> None:
    """Of values, a ratio to the baseline's or a difference from it, one above the other."""
    if ratio:
        axes.set_xscale("log")
        _plain_ticks(axes.xaxis, *axes.get_xlim())
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


def multipliers(summary: Summary) -> Figure:
    """The difference of quality at all of the baseline's seconds, and the figures of compared states, side by side."""
    rows, looks, (score, unit) = summary.others, styles(summary), named(summary.quality)
    panels: list[tuple[str, bool, dict[str, Number]]] = [(
        f"{score} above {summary.baseline}'s{',' * bool(unit)}{unit}, at all of its seconds", False,
        {row.name: row.curves["seconds"].differences[1.0] for row in rows
         if "seconds" in row.curves and 1.0 in row.curves["seconds"].differences})]
    panels += [(f"{label}, over {summary.baseline}", True,
                {row.name: found for row in rows if (found := row.figures[what])}) for what, label in JUDGED.items()]
    panels = [panel for panel in panels if panel[2]]
    names = [row.name for row in rows if any(row.name in found for _, _, found in panels)]
    figure = Figure(figsize=(4.2 * max(len(panels), 1) + 1.8, 0.34 * len(names) + 1.3), layout="constrained")
    for n, (label, ratio, known) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), n + 1)
        for i, name in enumerate(names):
            if name in known:
                _dot(axes, i, known[name], looks[name])
        axes.set_yticks(range(len(names)), names if n == 0 else [""] * len(names))
        axes.set_ylim(len(names) - 0.5, -0.5)
        _side_axis(axes, label, ratio)
    return figure


def curves(summary: Summary, unit: str) -> Figure:
    """Mean over prompts and seeds; bands from the lowest to the highest seed."""
    looks, (score, of_score) = styles(summary), named(summary.quality)
    figure, axes = _axes(6.6, 4.3)
    for i, (name, runs) in enumerate(summary.lines[unit].items()):
        grid, mean = mean_line(list(runs.values()))
        if not len(grid):
            continue
        by_seed = [[line for (_, seed), line in runs.items() if seed == each]
                   for each in dict.fromkeys(seed for _, seed in runs)]
        if len(by_seed) > 1:
            ends = [numpy.interp(grid, *mean_line(each)) for each in by_seed]
            axes.fill_between(grid, numpy.min(ends, 0), numpy.max(ends, 0), color=looks[name]["color"], alpha=0.13,
                              linewidth=0)
        every = max(1, len(grid) // 8)
        axes.plot(grid, mean, label=name, markevery=(i * every // len(summary.lines[unit]), every), markersize=5,
                  linewidth=1.5, **looks[name])
    axes.set_xlim(left=0)
    axes.set_xlabel(UNIT_NAMES[unit] + (", priced at the step's cost measured alone"
                                        if unit == "seconds" and summary.priced else ""))
    axes.set_ylabel(score + "," * bool(of_score) + of_score)
    axes.legend(fontsize=8.5, frameon=False, loc="lower right")
    return figure


def differences(summary: Summary, unit: str) -> Figure | None:
    """By how much each variant is above the baseline at equal cost, with 95 % bands; only where all pairs are known."""
    every, looks, (score, of_score) = summary.lines[unit], styles(summary), named(summary.quality)
    mine = every.get(summary.baseline, {})
    figure, axes = _axes(6.6, 4.0)
    budget = numpy.mean([line[0][-1] for line in mine.values()]) if mine else math.nan
    for i, row in enumerate(row for row in summary.others if unit in row.curves):
        shares = [n / POINTS for n in range(POINTS + 1)]
        found = [numbers.fitted(costs.at_share(mine, every[row.name], share), summary.shared) for share in shares]
        most = max((number.count for number in found if number), default=0)
        _band(axes, [(share * budget, number if number and number.count == most else None)
                     for share, number in zip(shares, found)], row.name, i, looks[row.name])
    _zero(axes, 0)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{UNIT_NAMES[unit]}, of {summary.baseline}'s runs")
    axes.set_ylabel(f"{score} above {summary.baseline}'s" + "," * bool(of_score) + of_score)
    return _with_legend(figure, axes)


def _band(axes: Axes, found: list[tuple[float, Number | None]], name: str, i: int, look: Record) -> None:
    """A line with its intervals, which breaks off where nothing is known."""
    if not any(number for _, number in found):
        return
    at, low, value, high = numpy.array([(x, *((number.low, number.value, number.high) if number else (math.nan,) * 3))
                                        for x, number in found]).T
    axes.fill_between(at, low, high, color=look["color"], alpha=0.13, linewidth=0)
    axes.plot(at, value, label=name, markevery=(i % 6, 6), markersize=5, linewidth=1.5, **look)


def _with_legend(figure: Figure, axes: Axes) -> Figure | None:
    """None where it has no lines."""
    if not axes.get_legend_handles_labels()[0]:
        return None
    axes.legend(fontsize=8.5, frameon=False)
    return figure


def along(study: Study, summary: Summary) -> Figure | None:
    """The multiplier at each point of training."""
    by_cell: dict[str, list] = {}
    for state in study.states:
        by_cell.setdefault(state.cell, []).append(state)
    count = max((len(states) for states in by_cell.values()), default=0)
    if count < 2:
        return None
    names = [name for name in dict.fromkeys(n for s in study.states for n in s.by_name) if name != summary.baseline]
    shown, looks = [name for name in study.variants if name in names] or names, styles(summary)
    figure, axes = _axes(6.6, 4.0)
    for i, name in enumerate(shown):
        look, found = looks[name], []
        for n in range(count):
            states = [states[n] for states in by_cell.values() if len(states) > n]
            at = float(numpy.mean([state.step for state in states])) * (1 + 0.02 * (i - len(shown) / 2))
            if number := multiplier(states, summary.baseline, name, summary.shared, FIGURES[summary.judge]):
                found.append((at, number))
        ends = [[0 if math.isnan(number.low) else number.value - number.low for _, number in found],
                [0 if math.isnan(number.high) else number.high - number.value for _, number in found]]
        axes.errorbar([at for at, _ in found], [number.value for _, number in found], ends, label=name, capsize=2,
                      markersize=5, linewidth=1.3, elinewidth=0.8, **look)
    _zero(axes, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"step of the run of {summary.baseline} whose scene it is")
    axes.set_ylabel(f"{JUDGED[summary.judge]}, over {summary.baseline}")
    return _with_legend(figure, axes)


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


def decomposition(summary: Summary) -> Figure | None:
    """What one change alone brings, all else equal."""
    rows = [(what, a, b, number) for what, a, b, number in summary.pairs if number]
    if not rows:
        return None
    rows.sort(key=lambda row: list(WHAT).index(row[0]))
    figure = Figure(figsize=(8.4, 0.34 * len(rows) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    for i, (what, _, _, number) in enumerate(rows):
        _dot(axes, i, number, style(list(WHAT).index(what)))
    axes.set_yticks(range(len(rows)), [f"{WHAT[what]}: {a} → {b}" for what, a, b, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    _side_axis(axes, f"{JUDGED[summary.judge]}, second over first", ratio=True)
    return figure
