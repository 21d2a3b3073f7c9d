"""Gaussians and points from elsewhere: which of them can be used, and how they come to lie in the scene's box."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from carv3d.scenes.splats import Splats

LOG_SCALES = 40.0  # natural logarithm of the largest size, and of the smallest: squares of both stay finite in float32
LENGTHS = (1e-12, 1e12)  # of a quaternion, likewise
BY_FAR = 1000.0  # times the cloud's diagonal, or the median Gaussian's size: the most for a size, and for a distance
TAIL = 0.05  # share of the points that lie below, and above, what counts as the cloud on an axis
REACH = 2.0  # half boxes that a cloud may reach and be left alone
FILL = 0.5  # of the box, for a cloud that was too large
SAMPLE = 1 << 20  # points from which a cloud's extent is taken


def extent(points: Tensor) -> tuple[Tensor, Tensor]:
    """Low and high end [3] on each axis of the middle of finite points [N,3], N > 0, outliers left out."""
    some = points.detach().double()[::max(len(points) // SAMPLE, 1)].sort(0)[0]
    rank = math.floor(TAIL * (len(some) - 1))
    return some[rank], some[len(some) - 1 - rank]


def faults(splats: Splats) -> dict[str, Tensor]:
    """What of N Gaussians cannot be drawn, {attribute: [N]}: numbers that are not finite in float32, a quaternion
    without a direction, a size that is out of range or larger than the cloud by far, a position as far from it."""
    bad = {name: ~torch.isfinite(tensor.detach().float().flatten(1)).all(1) for name, tensor in {
        "position": splats.means, "size": splats.log_scales, "rotation": splats.quaternions,
        "opacity": splats.opacity_logits[:, None], "colour": splats.sh}.items()}
    length, largest = splats.quaternions.detach().double().norm(dim=1), splats.log_scales.detach().double().amax(1)
    bad["rotation"] |= (length < LENGTHS[0]) | (length > LENGTHS[1])
    bad["size"] |= (splats.log_scales.detach().abs() > LOG_SCALES).any(1)
    good = ~any_of(bad)
    if good.any():
        common = largest[good].median().exp()
        bad["position"] |= strays(splats.means, good, common)
        low, high = extent(splats.means[good])
        bad["size"] |= largest > torch.maximum((high - low).norm(), common).log() + math.log(BY_FAR)
    return bad


def strays(points: Tensor, good: Tensor, least: Tensor | float) -> Tensor:
    """Which of the ``good`` [N] among points [N,3] lie further from their middle than BY_FAR times the diagonal of
    their extent, or BY_FAR times ``least`` if that is longer; none where all are in one place and ``least`` is 0."""
    low, high = extent(points[good])
    reach = BY_FAR * torch.clamp((high - low).norm(), min=least)
    return ((points.detach().double() - (low + high) / 2).norm(dim=1) > reach) & good & (reach > 0)


def any_of(bad: dict[str, Tensor]) -> Tensor:
    """Which rows [N] have at least one fault."""
    return torch.stack(list(bad.values())).any(0)


def told(bad: dict[str, Tensor], what: str) -> str:
    """How many rows have which fault, for people."""
    rows = any_of(bad)
    each = ", ".join(f"{name} {int(some.sum()):,}" for name, some in bad.items() if some.any())
    return f"{int(rows.sum()):,} of {len(rows):,} {what} left out, not finite or out of proportion: {each}"


def placed(points: Tensor, bound: float) -> tuple[Tensor, float] | None:
    """The centre [3] and the factor by which finite points [N,3] come to lie in [-bound, bound]^3, as
    (points - centre) * factor; None if they may stay where they are: they meet the box, and reach no further than
    REACH times as far. Nothing is made larger."""
    low, high = extent(points)
    meets = bool(((low <= bound) & (high >= -bound)).all())
    if meets and float(torch.maximum(high.abs(), low.abs()).max()) <= REACH * bound:
        return None
    half = float((high - low).max()) / 2
    return (low + high) / 2, FILL * bound / half if half > bound else 1.0


def moved(splats: Splats, centre: Tensor, factor: float) -> Splats:
    """The same Gaussians at (means - centre) * factor, their sizes with them."""
    return replace(splats, means=(splats.means - centre) * factor, log_scales=splats.log_scales + math.log(factor))
