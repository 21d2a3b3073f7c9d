"""95 % intervals of the first edition of docs/effective_compute.md, across prompts and random numbers, from its CSVs.

usage: python scripts/crossed_interval.py

Runs of one seed share cameras, timesteps and noise whatever the prompt, as do the states of one step (states.csv has
one seed; each step its own random numbers). So prompts are crossed with seeds (curves.csv) or steps (states.csv), both
random: carv3d.carv.effects.crossed, whose coverage scripts/interval_coverage.py measures.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from pathlib import Path

import numpy

from carv3d.carv.effects import crossed

DATA = Path(__file__).parent.parent / "docs" / "effective_compute" / "first_edition"
STEPS = 400  # of a run of plain
NAMES = ("reuse", "paper", "all", "auto", "fresh", "all, 8 renders")
Table = dict[tuple[str, int], float]


def read(name: str) -> list[dict[str, str]]:
    with open(DATA / name, newline="") as handle:
        return list(csv.DictReader(handle))


def less(table: Table, other: Table) -> Table:
    return {cell: value - other[cell] for cell, value in table.items()}


def work() -> dict[str, Table]:
    """Estimator -> logarithm of variance x milliseconds by (prompt, step)."""
    out: dict[str, Table] = {}
    for row in read("states.csv"):
        cell = out.setdefault(row["estimator"], {})
        cell[row["prompt"], int(row["step"])] = math.log(float(row["variance"]) * float(row["step_ms"]))
    return out


def quality(share: float) -> dict[str, Table]:
    """Variant -> PSNR by (prompt, seed), where its steps have used a share of the seconds that STEPS of plain take."""
    ms: dict[str, list[float]] = {}
    for row in read("states.csv"):
        ms.setdefault(row["estimator"], []).append(float(row["step_ms"]))
    lines: dict[str, dict[tuple[str, int], list[tuple[float, float]]]] = {}
    for row in read("curves.csv"):
        cells = lines.setdefault(row["variant"], {})
        cells.setdefault((row["prompt"], int(row["seed"])), []).append((float(row["step"]), float(row["psnr"])))
    plain = statistics.median(ms["plain"])
    return {name: {cell: float(numpy.interp(share * STEPS * plain / statistics.median(ms[name]), *zip(*line)))
                   for cell, line in cells.items()} for name, cells in lines.items()}


def main(argv: list[str] | None = None) -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(argv)
    tables = work()
    for name in NAMES:
        found = crossed(less(tables["plain"], tables[name]))
        ends = (math.exp(end) for end in (found.value, found.low, found.high))
        print("{}: {:.2f} times by work [{:.2f}, {:.2f}]".format(name, *ends))
    for share in (0.25, 0.5, 0.75, 1.0):
        curves = quality(share)
        away = less(curves["all"], curves["plain"])
        found = crossed(away)
        prompts = {prompt: statistics.fmean(value for cell, value in away.items() if cell[0] == prompt)
                   for prompt, _ in away}
        print(f"all at {share:.0%} of plain's seconds: {found.value:+.2f} dB [{found.low:.2f}, {found.high:.2f}]; "
              f"the prompt with the least {min(prompts.values()):.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
