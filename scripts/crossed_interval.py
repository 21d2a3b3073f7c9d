"""95 % intervals of docs/effective_compute.md across prompts and random numbers, from the CSVs beside it.

usage: python scripts/crossed_interval.py [--resamples 20000] [--seed 0] [--check]

Runs of one seed share cameras, timesteps and noise whatever the prompt, as do the states of one step (states.csv has
one seed; each step its own random numbers). So prompts are resampled and, independently, seeds (curves.csv) or steps
(states.csv), each cell weighted by the product of its counts. Three seeds or steps are few: the interval is the mean
(of logarithms, for multipliers) and 4.303 standard errors of the bootstrap to either side, Student's t with two degrees
of freedom; percentiles beside. --check: how often either covers in made-up tables of this shape.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from pathlib import Path

import numpy

DATA = Path(__file__).parent.parent / "docs" / "effective_compute"
STUDENT = 4.303
STEPS = 400  # of a run of plain
MADE_UP = ((0, 0.013, 0.13), (0.02, 0.021, 0.145), (0, 0.056, 0.092), (0.02, 0.1, 0.02))  # prompts, seeds, each


def read(name: str) -> list[dict[str, str]]:
    with open(DATA / name, newline="") as handle:
        return list(csv.DictReader(handle))


def table(cells: dict[tuple[str, int], float]) -> numpy.ndarray:
    prompts, columns = (list(dict.fromkeys(key[axis] for key in cells)) for axis in (0, 1))
    return numpy.array([[cells[prompt, column] for column in columns] for prompt in prompts])


def crossed(values: numpy.ndarray, rng: numpy.random.Generator, resamples: int) -> tuple[float, ...]:
    """Mean of [prompts, seeds], low and high by Student's t, low and high by percentiles."""
    rows, columns = (rng.multinomial(n, numpy.full(n, 1 / n), resamples) / n for n in values.shape)
    means, mean = ((rows @ values) * columns).sum(1), values.mean()
    wide = STUDENT * means.std()
    return mean, mean - wide, mean + wide, *numpy.quantile(means, (0.025, 0.975))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resamples", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(argv)
    rng = numpy.random.default_rng(args.seed)
    ms, work, curves = {}, {}, {}
    for row in read("states.csv"):
        ms.setdefault(row["estimator"], []).append(float(row["step_ms"]))
        cell = work.setdefault(row["estimator"], {})
        cell[row["prompt"], int(row["step"])] = math.log(float(row["variance"]) * float(row["step_ms"]))
    for name in ("reuse", "paper", "all", "auto", "fresh", "all, 8 renders"):
        found = numpy.exp(crossed(table(work["plain"]) - table(work[name]), rng, args.resamples))
        print("{}: {:.2f} times by work [{:.2f}, {:.2f}], percentiles [{:.2f}, {:.2f}]".format(name, *found))
    for row in read("curves.csv"):
        points = curves.setdefault(row["variant"], {}).setdefault((row["prompt"], int(row["seed"])), [])
        points.append((int(row["step"]), float(row["psnr"])))
    price = statistics.median(ms["all"]) / statistics.median(ms["plain"])
    for share in (0.25, 0.5, 0.75, 1.0):
        mine, plain = (table({key: float(numpy.interp(share * STEPS / cost, *zip(*line)))
                              for key, line in curves[name].items()}) for name, cost in (("all", price), ("plain", 1)))
        found = crossed(mine - plain, rng, args.resamples)
        print("all at {:.0%} of plain's seconds: {:+.2f} dB [{:.2f}, {:.2f}], percentiles [{:.2f}, {:.2f}]; "
              "prompts {:.2f} and above".format(share, *found, (mine - plain).mean(1).min()))
    for scales in MADE_UP if args.check else ():
        sides = [rng.normal(0, scale**0.5, (1000, *shape)) for scale, shape in zip(scales, ((8, 1), (1, 3), (8, 3)))]
        ends = numpy.array([crossed(values, rng, 2000)[1:] for values in sum(sides)])
        t, percentiles = ((low <= 0) & (high >= 0) for low, high in (ends[:, :2].T, ends[:, 2:].T))
        print(f"variances {scales}: t covers {t.mean():.1%}, percentiles {percentiles.mean():.1%}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
