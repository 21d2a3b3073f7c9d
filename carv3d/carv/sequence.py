"""Points that fill the unit cube evenly, from a sequence that is scrambled at random once."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

BLOCK = 1024  # points made at a time


def sobol(seed: int, first: int, count: int, dimensions: int) -> Tensor:
    """Points ``first``, first + 1, ... of a scrambled Sobol' sequence, [count,dimensions] float64 in [0,1).

    Sobol' (1967) with Joe and Kuo's directions and a random linear scramble and shift (Matousek 1998), which ``seed``
    gives. Over seeds each point by itself is uniform, so that a mean over points is unbiased; given the seed, and so
    the points before it, a point is not random at all, and a run's points are spread over the cube as independent ones
    are not: a mean over n of them converges faster than n^-1/2. Equal arguments give equal points, whatever was asked
    before.
    """
    blocks = [_block(seed, number, dimensions) for number in range(first // BLOCK, (first + count - 1) // BLOCK + 1)]
    start = first % BLOCK
    return torch.cat(blocks)[start : start + count]


@functools.lru_cache(maxsize=16)
def _block(seed: int, number: int, dimensions: int) -> Tensor:
    engine = SobolEngine(dimensions, scramble=True, seed=seed)
    engine.fast_forward(number * BLOCK)
    return engine.draw(BLOCK, dtype=torch.float64)
