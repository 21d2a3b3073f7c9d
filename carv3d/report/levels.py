"""How many times less a variant needs than its baseline to reach a quality that was named beforehand.

Each run's curve is smoothed by isotonic regression, so that a lucky moment of a curve that has gone flat counts for
nothing: what it reaches is at most the mean of its last three evaluations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy
from scipy.optimize import isotonic_regression

from carv3d.report.curves import Line, Lines
from carv3d.report.numbers import Number, fitted, powers

LAST = 3  # evaluations at the end, whose mean is the most that a curve reaches
STEPS = {"psnr": 2.0}  # between levels by default, which are its multiples


@dataclass(frozen=True)
class Ratio:
    """number: the baseline's cost over the variant's. pairs: of runs, those among them that do not count."""

    number: Number
    pairs: int

    @property
    def told(self) -> bool:
        """Whether half of the pairs count, at least: a mean of fewer says little of the others."""
        return 2 * self.number.count >= self.pairs


def smoothed(line: Line) -> Line:
    """The rising curve that is nearest to it."""
    costs, values = line
    return costs, numpy.minimum(isotonic_regression(values).x, values[-LAST:].mean())


def passage(line: Line, level: float) -> tuple[float, float]:
    """The least and the most cost at which a smoothed curve first has the level, linear between its points: the same
    where it passes it, (0, first) where it begins there, and (last, infinity) where it never has it."""
    costs, values = line
    above = numpy.flatnonzero(values >= level)
    if not len(above):
        return float(costs[-1]), math.inf
    if (i := int(above[0])) == 0:
        return 0.0, float(costs[0])
    share = (level - values[i - 1]) / (values[i] - values[i - 1])
    cost = float(costs[i - 1] + share * (costs[i] - costs[i - 1]))
    return cost, cost


def ratio(baseline: Lines, variant: Lines, level: float, shared: bool) -> Ratio | None:
    """Geometric mean over prompts and seeds; both of smoothed curves. None where no pair of runs says anything.

    A pair of which only one run passes the level has a bound. Where all such bounds go the same way they come in, and
    the mean is a bound, too; where they go both ways, or neither run passes it, the pair is left out.
    """
    bounds = {}
    for cell in [cell for cell in baseline if cell in variant]:
        (mine, mine_most), (theirs, theirs_most) = passage(baseline[cell], level), passage(variant[cell], level)
        bounds[cell] = _log(mine) - _log(theirs_most), _log(mine_most) - _log(theirs)
    exact = {cell: low for cell, (low, high) in bounds.items() if low == high}
    above = {cell: low for cell, (low, high) in bounds.items() if low > -math.inf and high == math.inf}
    below = {cell: high for cell, (low, high) in bounds.items() if low == -math.inf and high < math.inf}
    bound = "" if bool(above) == bool(below) else ">" if above else "<"
    number = powers(fitted({**exact, **(above if bound == ">" else below if bound else {})}, shared, bound))
    return None if number is None else Ratio(number, len(bounds))


def _log(cost: float) -> float:
    return math.log(cost) if cost > 0 else -math.inf


def default_levels(every: dict[str, Lines], quality: str) -> list[float]:
    """Multiples of a step between the lowest first and the highest last quality of any smoothed curve."""
    step, ends = STEPS.get(quality), [values for runs in every.values() for _, values in runs.values()]
    if step is None or not ends:
        return []
    first, last = (pick(values[at] for values in ends) / step for pick, at in ((min, 0), (max, -1)))
    return [step * n for n in range(math.ceil(first), math.floor(last) + 1)]
