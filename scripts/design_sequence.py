"""The generator of the views' sequence (``carv3d.text3d.views.GENERATOR``): found by search, for an optimiser's memory.

usage: python scripts/design_sequence.py [--seed 0] [--tries 60] [--check]

Point n of the sequence is (shift + n g) mod 1, in ten coordinates that make a view. A gradient's dependence on the view
is a Fourier series on that cube; over steps of B points each, Adam's first moment hears the harmonic h of it with the
power sin(pi B x)^2 / (B sin(pi x))^2 (1 - b)^2 / (1 + b^2 - 2 b cos(2 pi B x)), x = h.g, b = 0.9: least where the
harmonic turns by about half a circle a step. g is chosen so that harmonics of low order, of one, two and three
coordinates, have little of it in all, each weighted by how much the coordinates matter (carv3d measure --views), as a
mean over B of 1, 2, 3, 4, 8 and relative to independent points. --check: the same sum for independent points, for
Sobol' points and for the stored generator, simulated.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy
import torch
from numpy import ndarray
from torch.quasirandom import SobolEngine

sys.path.insert(0, str(Path(__file__).parent.parent))
from carv3d.text3d import views  # noqa: E402

BETA, BATCHES = 0.9, (1, 2, 3, 4, 8)
# azimuth, elevation, distance, field of view, background, kind of light, direction of light
WEIGHTS = numpy.array([1.0, 1.0, 0.3, 0.3, 0.25, 0.25, 0.25, 1.0, 0.5, 0.5])
ALONE, PAIRS, THREE = ((1, 1.0), (2, 0.3), (3, 0.1)), ((1, 1, 0.5), (2, 1, 0.15), (1, 2, 0.15)), 0.2  # orders, weights


def harmonics() -> tuple[ndarray, ndarray]:
    """Whole vectors [n,10], and the weight of each, sum 1."""
    found: list[tuple[ndarray, float]] = []

    def add(weight: float, **orders: int) -> None:
        vector = numpy.zeros(len(WEIGHTS))
        for name, order in orders.items():
            vector[int(name[1:])] = order
            weight *= WEIGHTS[int(name[1:])]
        found.append((vector, weight))

    for i in range(len(WEIGHTS)):
        for order, weight in ALONE:
            add(weight, **{f"c{i}": order})
    for i, j in itertools.combinations(range(len(WEIGHTS)), 2):
        for (a, b, weight), sign in itertools.product(PAIRS, (1, -1)):
            add(weight, **{f"c{i}": a, f"c{j}": sign * b})
    for three in itertools.combinations(numpy.flatnonzero(WEIGHTS >= 0.5), 3):
        for signs in itertools.product((1, -1), repeat=2):
            add(THREE, **{f"c{c}": sign for c, sign in zip(three, (1, *signs))})
    vectors, weights = map(numpy.array, zip(*found))
    return vectors, weights / weights.sum()


def heard(generators: ndarray, items: int, vectors: ndarray, weights: ndarray) -> ndarray:
    """Power of all harmonics in Adam's mean over steps of so many points, relative to independent points; [n]."""
    x = generators @ vectors.T % 1.0
    step = numpy.sin(numpy.pi * items * x) ** 2 / numpy.maximum(items * numpy.sin(numpy.pi * x), 1e-9) ** 2
    memory = (1 - BETA) ** 2 / (1 + BETA**2 - 2 * BETA * numpy.cos(2 * numpy.pi * items * x))
    return step * memory / ((1 - BETA) / (1 + BETA) / items) @ weights


def search(seed: int, tries: int) -> tuple[float, ndarray]:
    """The best generator found, and its mean over batches: at random, then nearby."""
    rng, (vectors, weights) = numpy.random.default_rng(seed), harmonics()

    def best(candidates: ndarray) -> tuple[float, ndarray]:
        means = sum(heard(candidates, items, vectors, weights) for items in BATCHES) / len(BATCHES)
        return float(means.min()), candidates[means.argmin()]

    ends = []
    for _ in range(tries):
        least, at = best(rng.random((2000, len(WEIGHTS))))
        for spread in (0.05, 0.02, 0.01, 0.005, 0.002, 0.001):
            for _ in range(10):
                moved = at + spread * rng.standard_normal((500, len(at))) * (rng.random((500, len(at))) < 0.4)
                least, at = min((least, at), best(moved % 1.0), key=lambda pair: pair[0])
        ends.append((least, at))
    return min(ends, key=lambda pair: pair[0])


def simulated(kind: str, items: int, runs: int = 200, steps: int = 40) -> float:
    """The same sum from points, at random places of their sequence."""
    vectors, weights = harmonics()
    of_step = numpy.repeat(BETA ** numpy.arange(steps - 1, -1, -1), items)
    of_step /= of_step.sum()
    power = numpy.zeros(len(vectors))
    for run in range(runs):
        rng, count = numpy.random.default_rng(run), steps * items
        first = int(rng.integers(0, 3000)) * items
        points = {"independent": lambda: rng.random((count, len(WEIGHTS))),
                  "Sobol'": lambda: SobolEngine(len(WEIGHTS), scramble=True, seed=run).fast_forward(first).draw(
                      count, dtype=torch.float64).numpy(),
                  "stored": lambda: (rng.random(len(WEIGHTS)) + numpy.outer(
                      numpy.arange(first, first + count), views.GENERATOR)) % 1.0}[kind]()
        power += numpy.abs(of_step @ numpy.exp(2j * numpy.pi * points @ vectors.T)) ** 2 / runs
    return float(power / (of_step @ of_step) @ weights)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tries", type=int, default=60)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(argv)
    if args.check:
        for kind in ("independent", "Sobol'", "stored"):
            print(kind, *(f"B={items}: {simulated(kind, items):.3f}" for items in BATCHES))
        return 0
    least, generator = search(args.seed, args.tries)
    print(f"{least:.4f}", [round(float(x), 6) for x in generator])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
