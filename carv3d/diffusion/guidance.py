"""The one definition of guidance scale."""

from __future__ import annotations

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
