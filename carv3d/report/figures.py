"""What the report's figures share: their look, their files, and those of scores by an option and over a cost.

Colours are Okabe and Ito's, each with a marker and a dash of its own, so that they hold up for the colour-blind and in
print without colour. Legends stand below the axes, where no data is.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from carv3d.report.curves import Line, mean_line
from carv3d.report.numbers import Number
from carv3d.runtime.figure_style import STYLES
from carv3d.runtime.files import make_folder, write_bytes, write_text
from carv3d.runtime.types import Record

UNIT_NAMES = {"seconds": "seconds of training", "renders": "renders", "teacher_evals": "teacher evaluations"}
Mark = tuple[float, Number, list[float]]  # an option's value, a score there, and the values of which it is the mean
QUALITIES = {"psnr": ("PSNR", " dB")}  # name and unit of a score
WIDTH = 5.2  # inches of a figure
SIDE = 24  # letters of a name beside a figure, in a line
LEGEND = 74  # letters of a legend's line
INKS = {"#000000": ("ink", "#eeeeee"), "#ffffff": ("paper", "#161616"), "#dddddd": ("line", "#3c3c3c"),
        "#666666": ("level", "#aaaaaa"), "#888888": ("zero", "#999999"), "#777777": ("grey", "#9a9a9a"),
        "#0072b2": ("blue", "#3f9fd8")}
"""Colours that a dark page has others for, with their names and what they are there."""


def style(i: int) -> Record:
    """Colours come round after eight, with hollow markers."""
    return {**STYLES[i % len(STYLES)], **({"markerfacecolor": "white"} if i >= len(STYLES) else {})}


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


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write the figure into ``folder`` as ``name`` with .svg, .pdf and .png: text as text, fonts embedded in the PDF,
    the same bytes each time. Returns the SVG for a page, which is dark where its reader prefers that."""
    path = folder / name
    make_folder(path.parent, "--out")
    with matplotlib.rc_context({"svg.fonttype": "none", "pdf.fonttype": 42, "font.family": "sans-serif",
                                "svg.hashsalt": path.name}):
        for kind, metadata in (("pdf", {"CreationDate": None}), ("png", {})):
            content = io.BytesIO()
            figure.savefig(content, dpi=200, format=kind, metadata=metadata)
            write_bytes(path.with_name(f"{path.name}.{kind}"), content.getbuffer())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    write_text(path.with_name(f"{path.name}.svg"), buffer.getvalue())
    return for_page(buffer.getvalue())


def for_page(svg: str) -> str:
    """The same with colours that follow the page's: those of ``INKS`` are others where it is dark."""
    dark = "".join(f"--{name}:{colour};" for name, colour in INKS.values())
    rules = f"svg{{fill:var(--ink,#000000)}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    named = re.sub(r"(fill|stroke): (#[0-9a-f]{6})\b", lambda found: f"{found[1]}: " + (
        f"var(--{INKS[found[2]][0]}, {found[2]})" if found[2] in INKS else found[2]), svg)
    return named.replace("</style>", f"{rules}</style>", 1)


def plain_ticks(axis: Axis, low: float, high: float) -> None:
    """Of a logarithmic axis: round numbers, as they are written."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    subs = (1, 1.5, 2, 3, 5, 7) if high / low < 30 else (1, 2, 5) if high / low < 1000 else (1,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def plain_axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(True, color="#dddddd", linewidth=0.6)
    return figure, axes


def zero(axes: Axes, at: float) -> None:
    axes.axhline(at, color="#888888", linewidth=0.9)


def wrapped(name: str, letters: int = SIDE) -> str:
    """A name beside a figure, in lines."""
    return "\n".join(textwrap.wrap(name, letters)) or name


def legend(figure: Figure, axes: Axes, first: int = 0) -> None:
    """Below the axes, in as many columns as the names leave room for; the figure grows by it. first: the number of the
    handle that it begins with."""
    handles, names = axes.get_legend_handles_labels()
    handles, names = handles[first:] + handles[:first], names[first:] + names[:first]
    if not names:
        return
    shown = [wrapped(name, LEGEND - 6) for name in names]
    longest = max(len(line) for name in shown for line in name.split("\n"))
    columns = max(1, min(len(names), LEGEND // (longest + 6)))
    lines = sum(name.count("\n") + 1 for name in shown) / columns
    figure.set_figheight(figure.get_figheight() + 0.19 * math.ceil(lines))
    figure.legend(handles, shown, fontsize=9, frameon=False, loc="outside lower center", ncols=columns)


def any_interval(numbers: Iterable[Number | None]) -> bool:
    """Whether any has an interval, so that a figure of them draws one."""
    return any(number is not None and not math.isnan(number.low) for number in numbers)


def reach(numbers: Iterable[Number]) -> list[list[float]]:
    """How far intervals go below and above their values; nan, which is not drawn, where there is none."""
    found = list(numbers)
    return [[number.value - number.low for number in found], [number.high - number.value for number in found]]


def by_option(lines: dict[str, list[Mark]], label: str, levels: dict[str, float]) -> Figure:
    """Scores against an option, one line a name, by rising values; a little apart where they would lie on one another.

    label: the option's. levels: horizontal lines, by name.
    """
    from matplotlib.ticker import NullLocator

    at = sorted({mark[0] for marks in lines.values() for mark in marks})
    log = at[0] > 0 and at[-1] / at[0] >= 4
    places = {x: math.log(x) if log else x for x in at}
    apart = 0.012 * (places[at[-1]] - places[at[0]])
    figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
    axes = figure.add_subplot()
    for i, (name, marks) in enumerate(lines.items()):
        look = style(i)
        xs = [places[x] + apart * (i - (len(lines) - 1) / 2) for x, _, _ in marks]
        ends = reach(number for _, number, _ in marks)
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
    legend(figure, axes, first=len(levels))  # matplotlib has what is with intervals last
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

    figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
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
    plain_ticks(axes.yaxis, *axes.get_ylim())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(True, axis="y", color="#dddddd", linewidth=0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel(label)
    axes.set_ylabel(what)
    legend(figure, axes)
    return figure
