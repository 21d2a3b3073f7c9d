"""Points that fill the unit cube evenly over a run's steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def kronecker(generator: Sequence[float], shift: Tensor, first: int, count: int) -> Tensor:
    """Points ``first``, first + 1, ... of the sequence (shift + n generator) mod 1, [count,d] float64 in [0,1).

    shift: [d], uniform in [0,1): over shifts each point is uniform, so that a mean over points is unbiased; given the
    shift, and so the points before it, a point is not random at all. All stretches of as many points are equally even,
    wherever they begin, and how even is up to the generator: a Fourier series' term of orders h turns by h.generator
    from point to point (Niederreiter, 1978), and what turns fast cancels in any moving mean.
    """
    steps = torch.arange(first, first + count, dtype=torch.float64)[:, None]
    points = (shift + steps * torch.tensor(generator, dtype=torch.float64)) % 1.0
    return points.clamp(max=1 - 2**-53)

