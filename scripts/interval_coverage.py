"""How often 95 % intervals of carv3d.carv.effects cover, in made-up studies: docs/effective_compute/coverage.csv.

usage: python scripts/interval_coverage.py [--simulations 5000] [--seed 0] [--out docs/effective_compute/coverage.csv]

A value is effect of its prompt + effect of its seed + rest, all with mean 0 and the variances given. In crossed studies
a seed's effect is the same for every prompt; in nested ones each prompt's seeds are its own, and their effect is rest.
Of one prompt the mean in question is that prompt's. fitting: by the method that fits the study; other: by the other,
which for a crossed study is what a report that takes its runs for independent would say.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy

from carv3d.carv.effects import Mean, crossed, nested

OUT = Path(__file__).parent.parent / "docs" / "effective_compute" / "coverage.csv"
METHODS: dict[str, Callable[[dict], Mean]] = {"nested": nested, "crossed": crossed}
SHAPES = {"8x3": (3,) * 8, "4x2": (2,) * 4, "2x2": (2,) * 2, "8x2": (2,) * 8, "8x1": (1,) * 8, "1x3": (3,),
          "8x3 less 4": (3, 2) * 4, "4 of 3, 3, 2, 1": (3, 3, 2, 1)}
VARIANCES = {"nested": ((0, 0, 1), (0.3, 0, 1), (1, 0, 1), (1, 0, 0.1)),
             "crossed": ((0, 0, 1), (1, 0, 1), (0, 0.1, 1), (0, 1, 1), (1, 1, 1), (0.1, 1, 0.1), (1, 0.1, 0.1))}


@dataclass(frozen=True)
class World:
    """seeds: shape's name. prompt, seed, rest: variances."""

    design: str
    shape: str
    prompt: float
    seed: float
    rest: float
    noise: str = "normal"

    def draw(self, rng: numpy.random.Generator) -> dict[tuple[str, int], float]:
        """One study, whose mean is 0. Seeds that a prompt lacks in a crossed study go round."""
        def normal(variance: float, *size: int) -> numpy.ndarray:
            out = rng.normal(size=size)
            if self.noise == "lognormal":
                out = (numpy.exp(out) - numpy.exp(0.5)) / numpy.sqrt(numpy.exp(2) - numpy.exp(1))
            return variance**0.5 * out

        counts = SHAPES[self.shape]
        most = max(counts)
        values = normal(self.prompt, len(counts), 1) + normal(self.seed, most) + normal(self.rest, len(counts), most)
        return {(str(i), j): values[i, j] for i, count in enumerate(counts)
                for j in ((i + n) % most for n in range(count))}

    def covered(self, simulations: int, rng: numpy.random.Generator) -> dict[str, float]:
        """Method -> the share of studies in which its interval has 0."""
        hits = dict.fromkeys(METHODS, 0)
        for _ in range(simulations):
            cells = self.draw(rng)
            for name, method in METHODS.items():
                found = method(cells)
                hits[name] += found.low <= 0 <= found.high
        return {name: count / simulations for name, count in hits.items()}


def worlds() -> Iterator[World]:
    for design, variances in VARIANCES.items():
        for shape, counts in SHAPES.items():
            yield from (World(design, shape, *each) for each in variances if len(counts) > 1 or not each[0])
        yield World(design, "8x3", 1, float(design == "crossed"), 1, "lognormal")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args(argv)
    with open(args.out, "w", newline="") as handle:
        writers = [csv.writer(stream, lineterminator="\n") for stream in (handle, sys.stdout)]
        for writer in writers:
            writer.writerow([*(field.name for field in fields(World)), "simulations", "fitting", "other"])
        for number, world in enumerate(worlds()):
            found = world.covered(args.simulations, numpy.random.default_rng((args.seed, number)))
            other = next(name for name in METHODS if name != world.design)
            row = [*astuple(world), args.simulations, f"{found[world.design]:.4f}", f"{found[other]:.4f}"]
            for writer in writers:
                writer.writerow(row)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
