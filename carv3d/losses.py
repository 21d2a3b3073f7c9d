"""Regularisers, unreduced: one value per view [B]; the training step weighs and averages them."""

from __future__ import annotations

import torch
from torch import Tensor


def sparsity(opacity: Tensor) -> Tensor:
    """Mean opacity (smoothed at 0 as in threestudio: sqrt(o^2 + 0.01)) of [B,H,W,1] -> [B]."""
    return (opacity.square() + 0.01).sqrt().flatten(1).mean(1)


def opaque(opacity: Tensor) -> Tensor:
    """Binary entropy of the opacity [B,H,W,1] -> [B]: small when each pixel is either empty or solid."""
    p = opacity.clamp(1e-3, 1 - 1e-3)
    return -(p * p.log() + (1 - p) * (1 - p).log()).flatten(1).mean(1)


def regularisers(opacity: Tensor, weights: dict[str, float]) -> dict[str, Tensor]:
    """The terms with a positive weight, each already weighted, [B]."""
    terms = {"sparsity": sparsity, "opaque": opaque}
    return {name: weights[name] * terms[name](opacity) for name in terms if weights[name] > 0}


def total(terms: dict[str, Tensor]) -> Tensor | None:
    """Sum of the terms, averaged over views; None without terms."""
    return torch.stack([term.mean() for term in terms.values()]).sum() if terms else None
