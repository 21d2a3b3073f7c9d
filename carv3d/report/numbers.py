"""Numbers of a report: a value, its 95 % interval by the design of the runs behind it, and how many these are."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from carv3d.carv.effects import Cells, crossed, nested

ALONE = "no interval: one prompt, one seed"


@dataclass(frozen=True)
class Number:
    """A value and its 95 % interval, whose ends are nan where there is none. bound: "<" where the value is an upper
    bound alone, ">" a lower one; its interval then ends on one side only. count: pairs of runs, or states, behind it,
    of so many prompts and seeds."""

    value: float
    low: float
    high: float
    bound: str = ""
    prompts: int = 0
    seeds: int = 0
    count: int = 0


def plain(number: Number | None, digits: int = 2, sign: str = "") -> str:
    """2.61 [1.90, 3.40], with < or > before what is a bound. sign: "+" for differences."""
    if number is None or math.isnan(number.value):
        return "–"
    low, high = ("∞" if end == math.inf else f"{end:.{digits}f}" for end in (number.low, number.high))
    interval = "" if math.isnan(number.low) else f" [{low}, {high}]"
    return f"{number.bound}{number.value:{sign}.{digits}f}{interval}"


def several(n: int, name: str) -> str:
    """1 prompt, 2 prompts."""
    return f"{n} {name}{'s' * (n != 1)}"


def counted(number: Number, what: str) -> str:
    """8 prompts, 3 seeds, 24 pairs."""
    return ", ".join(several(n, name)
                     for n, name in ((number.prompts, "prompt"), (number.seeds, "seed"), (number.count, what)))


def behind(number: Number, what: str) -> str:
    """What stands beside a number in a sentence: n = 24 pairs: 8 prompts, 3 seeds; and why there is no interval."""
    spread = f": {several(number.prompts, 'prompt')}, {several(number.seeds, 'seed')}" * (number.count > 1)
    return f"n\u00a0=\u00a0{several(number.count, what)}{spread}" + f"; {ALONE}" * math.isnan(number.low)


def interval(number: Number, digits: int = 2) -> str:
    """95 % interval 1.90 to 3.40; of a bound the end that there is, and nothing where there is none."""
    low, high = (f"{end:.{digits}f}" if math.isfinite(end) else "" for end in (number.low, number.high))
    if low and high:
        return f"95\u00a0% interval {low} to {high}"
    return f"95\u00a0% interval from {low} up" if low else f"95\u00a0% interval up to {high}" if high else ""


def why_none(found: Iterable[Number]) -> str:
    """Of numbers that have no interval, what each rests on."""
    return ALONE.partition(": ")[2] if all(each.prompts == each.seeds == 1 for each in found) else "one value each"


def gathered(values: Iterable[tuple[tuple[str, Hashable], float]]) -> dict[tuple[str, Hashable], float]:
    """One value a cell: the mean of those that it has."""
    found: dict[tuple[str, Hashable], list[float]] = {}
    for cell, value in values:
        found.setdefault(cell, []).append(value)
    return {cell: math.fsum(each) / len(each) for cell, each in found.items()}


def fitted(cells: Cells, shared: bool, bound: str = "") -> Number | None:
    """The mean over cells (prompt, seed); None where there are none. shared: whether runs of one seed share random
    numbers whatever their prompt."""
    if not cells:
        return None
    found = (crossed if shared else nested)(cells)
    low, high = (-math.inf if bound == "<" else found.low), (math.inf if bound == ">" else found.high)
    if math.isnan(found.low):
        low = high = math.nan
    return Number(found.value, low, high, bound, len({prompt for prompt, _ in cells}), len({seed for _, seed in cells}),
                  len(cells))


def powers(number: Number | None) -> Number | None:
    """Of a mean of logarithms, the geometric mean."""
    if number is None:
        return None
    value, low, high = map(math.exp, (number.value, number.low, number.high))
    return replace(number, value=value, low=low, high=high)
