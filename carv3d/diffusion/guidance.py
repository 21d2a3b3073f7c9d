"""The one definition of guidance scale, and what keeps a strong one within bounds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True)
class Remedy:
    """What is done to a guided prediction, seen as the clean latents x0 that it implies: rescale, the share phi of x0
    scaled to the spread of the conditional prediction's (arXiv 2305.08891, Eq. 14 to 16; on x0, over all views of an
    item, as MVDream has it, arXiv 2308.16512); limit: no number of x0 is larger (thresholding, arXiv 2205.11487), in
    the latents as the network sees them; 0: none. With either the objective is another one, of which the estimate is as
    unbiased as ever."""

    rescale: float = 0.0
    limit: float = 0.0


def branches(scale: float) -> tuple[str, ...]:
    """Which predictions a guidance scale needs: a scale of 1 or 0 leaves one branch without effect."""
    return {1.0: ("cond",), 0.0: ("uncond",)}.get(float(scale), ("uncond", "cond"))


def guide(predictions: dict[str, Tensor], scale: float) -> Tensor:
    """uncond + s (cond - uncond) (classifier-free guidance, arXiv 2207.12598); s = 1 is cond, s = 0 uncond."""
    needed = branches(scale)
    if len(needed) == 1:
        return predictions[needed[0]]
    return predictions["uncond"] + scale * (predictions["cond"] - predictions["uncond"])


def guided(schedule: NoiseSchedule, noisy: Tensor, timestep: Tensor, predictions: dict[str, Tensor], scale: float,
           remedy: Remedy = Remedy(), together: int = 1) -> Tensor:
    """``guide`` of noise predictions for noisy latents [n,c,h,w] at timesteps [n], with its remedy. together: rows of
    an item, which stand together."""
    eps = guide(predictions, scale)
    if remedy == Remedy():
        return eps
    x0 = schedule.x0_from_eps(noisy, eps, timestep)
    if remedy.rescale and len(branches(scale)) > 1:
        plain = schedule.x0_from_eps(noisy, predictions["cond"], timestep)
        wanted, found = (x.unflatten(0, (-1, together)).flatten(1).std(1) for x in (plain, x0))
        factor = 1.0 + remedy.rescale * (wanted / found.clamp(min=torch.finfo(found.dtype).tiny) - 1.0)
        x0 = x0 * factor.repeat_interleave(together).reshape(-1, *[1] * (x0.ndim - 1))
    if remedy.limit:
        x0 = x0.clamp(-remedy.limit, remedy.limit)
    return schedule.eps_from_x0(noisy, x0, timestep)


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
