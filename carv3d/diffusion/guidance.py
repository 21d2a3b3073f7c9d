"""The one definition of guidance scale."""

from __future__ import annotations

import torch
from torch import Tensor


def branches(scale: float) -> tuple[str, ...]:
    """Which predictions a guidance scale needs: a scale of 1 or 0 leaves one branch without effect."""
    return {1.0: ("cond",), 0.0: ("uncond",)}.get(float(scale), ("uncond", "cond"))


def guide(predictions: dict[str, Tensor], scale: float) -> Tensor:
    """uncond + s (cond - uncond) (classifier-free guidance, arXiv 2207.12598); s = 1 is cond, s = 0 uncond."""
    needed = branches(scale)
    if len(needed) == 1:
        return predictions[needed[0]]
    return predictions["uncond"] + scale * (predictions["cond"] - predictions["uncond"])


def perp_neg(cond: Tensor, uncond: Tensor, negatives: list[Tensor], weights: Tensor) -> Tensor:
    """The conditional prediction without what negative prompts add at a right angle to it (Perp-Neg, arXiv 2304.04968,
    Eq. 6): cond - sum_i w_i perp(neg_i - uncond), perpendicular to cond - uncond; guided, the sum is scaled with it.

    cond, uncond, negatives: [n,c,h,w]. weights: [n,len(negatives)].
    """
    wanted = (cond - uncond).flatten(1)
    squared = wanted.square().sum(1, keepdim=True).clamp(min=torch.finfo(wanted.dtype).tiny)
    taken = torch.zeros_like(wanted)
    for negative, weight in zip(negatives, weights.unbind(1), strict=True):
        other = (negative - uncond).flatten(1)
        across = other - (other * wanted).sum(1, keepdim=True) / squared * wanted
        taken += weight[:, None].to(across.dtype) * across
    return cond - taken.view_as(cond)
