"""Colours, markers and ticks of every figure."""

from __future__ import annotations

from matplotlib.axes import Axes

# Okabe and Ito's colours, each with a marker and a line of its own: the figures survive print without colour
STYLES = [dict(color=c, marker=m, linestyle=s) for c, m, s in (
    ("#000000", "o", "-"), ("#E69F00", "s", "--"), ("#56B4E9", "^", "-."), ("#009E73", "D", ":"), ("#D55E00", "v", "-"),
    ("#CC79A7", "P", "--"), ("#0072B2", "X", "-."), ("#777777", "*", ":"))]


def _log_ticks(axes: Axes) -> None:
    """Log-log with plain numbers on the ticks: these axes span less than two decades."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.minorticks_off()
