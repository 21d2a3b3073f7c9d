"""Points in [0,1) for B items x K draws."""

from __future__ import annotations

import torch
from torch import Tensor

BELOW_ONE = 1 - 2**-53  # the largest float64 below 1


def iid(items: int, draws: int, generator: torch.Generator) -> Tensor:
    """Independent uniforms [B,K] float64."""
    return torch.rand(items, draws, generator=generator, dtype=torch.float64, device=generator.device)


def stratified(items: int, draws: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Stratified uniforms [B,K] float64 and the stratum of each, [B,K] int64: every stratum once, in random order.

    K >= 2: each item has its own K strata, (k + xi)/K, in an order of its own. K = 1, B > 1: the B items share B strata
    under one random permutation. K = 1, B = 1: iid. The permutation makes every single entry uniform on [0,1) and
    independent of its position: a slot with a fixed stratum would tie an item (a camera, a prompt) to one noise band
    and bias the estimate.
    """
    jitter = iid(items, draws, generator)
    stratum = iid(items, draws, generator).argsort(0 if draws == 1 else 1)
    points = (stratum + jitter) / (items if draws == 1 else draws)
    return points.clamp_(max=BELOW_ONE), stratum  # the sum of K-1 and a jitter just below 1 rounds to K
