"""Colours, markers and ticks of every figure."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.axis import Axis

# Okabe and Ito's colours, each with a marker and a line of its own: the figures survive print without colour
STYLES = [dict(color=c, marker=m, linestyle=s) for c, m, s in (
    ("#000000", "o", "-"), ("#E69F00", "s", "--"), ("#56B4E9", "^", "-."), ("#009E73", "D", ":"), ("#D55E00", "v", "-"),
    ("#CC79A7", "P", "--"), ("#0072B2", "X", "-."), ("#777777", "*", ":"))]


def _log_ticks(axes: Axes) -> None:
    """Log-log with plain numbers on the ticks: these axes span less than two decades."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        plain_ticks(axis)
    axes.minorticks_off()


def plain_ticks(axis: Axis) -> None:
    """Of a logarithmic axis that spans little: plain numbers; the locator's own where not even two of them lie within.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter, StrMethodFormatter

    low, high = sorted(axis.get_view_interval())
    if high < 2 * low:
        axis.set_major_formatter(NullFormatter())
        axis.set_minor_formatter(ScalarFormatter())
        return
    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
