"""View words: which name a camera direction has in a prompt.

Four counts are known: 1 (no view words), 4 (front, side, back, overhead, as DreamFusion and threestudio have them), 8
(eight named azimuths and overhead, for teachers that were taught them) and 24 (each of the eight azimuths at three
named heights: low up to 0 degrees, level up to 25, high up to 60; and overhead). The thresholds of the four are
threestudio's: front within 45 degrees of azimuth 0, back beyond 135, overhead above 60 degrees of elevation; overhead
wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.runtime.devices import constant

OVERHEAD_DEG = 60.0


@dataclass(frozen=True)
class View:
    """One named set of directions: ``centres_deg`` each +- ``half_width_deg`` of azimuth, at elevations above
    ``above_deg`` and up to ``to_deg``."""

    name: str
    centres_deg: tuple[float, ...]
    half_width_deg: float
    above_deg: float = -math.inf
    to_deg: float = OVERHEAD_DEG

    @property
    def overhead(self) -> bool:
        return self.above_deg == OVERHEAD_DEG

    def elevation_range(self, bounds: Sequence[float]) -> tuple[float, float] | None:
        """The part of an elevation range, degrees, that bears this name; None where there is none."""
        low, high = bounds
        if low > self.to_deg or high <= self.above_deg:
            return None
        return max(low, self.above_deg), min(high, self.to_deg)


_OVERHEAD = View("overhead", (0.0,), 180.0, OVERHEAD_DEG, math.inf)
_EIGHT = ("front", "front left", "left side", "back left", "back", "back right", "right side", "front right")
_HEIGHTS = {"low": (-math.inf, 0.0), "level": (0.0, 25.0), "high": (25.0, OVERHEAD_DEG)}
VIEWS: dict[int, tuple[View, ...]] = {
    1: (),
    4: (View("front", (0.0,), 45.0), View("side", (90.0, 270.0), 45.0), View("back", (180.0,), 45.0), _OVERHEAD),
    8: tuple(View(name, (45.0 * i,), 22.5) for i, name in enumerate(_EIGHT)) + (_OVERHEAD,),
    24: tuple(View(f"{height} {name}", (45.0 * i,), 22.5, *bounds) for height, bounds in _HEIGHTS.items()
              for i, name in enumerate(_EIGHT)) + (_OVERHEAD,),
}


def view_weights(azimuth_deg: Tensor, elevation_deg: Tensor, views: int, *, interpolate: bool = False,
                 front_deg: float = 45.0, back_deg: float = 45.0, overhead_deg: float = OVERHEAD_DEG) -> Tensor:
    """Share of each of ``VIEWS[views]`` in a camera's prompt, [B,V], rows of sum 1; one column without view words.

    interpolate: neighbours in azimuth share linearly in the angle between their centres; else one word has all.
    front_deg, back_deg: half the angle that is called front, and back (of the four; not where interpolated).
    """
    if views not in VIEWS:
        raise ValueError(f"views must be one of {sorted(VIEWS)}, got {views}")
    names = VIEWS[views]
    if not names:
        return torch.ones_like(azimuth_deg)[:, None]
    if views == 24:
        around = view_weights(azimuth_deg, elevation_deg, 8, interpolate=interpolate, overhead_deg=overhead_deg)
        edges = constant(tuple(to for _, to in list(_HEIGHTS.values())[:-1]), elevation_deg.device)
        height = torch.nn.functional.one_hot(torch.bucketize(elevation_deg, edges), len(_HEIGHTS)).to(around)
        return torch.cat([(height[:, :, None] * around[:, None, :-1]).flatten(1), around[:, -1:]], 1)
    azimuth = azimuth_deg[:, None, None] - constant(
        tuple(v.centres_deg + v.centres_deg[:1] * (2 - len(v.centres_deg)) for v in names), azimuth_deg.device)
    distance = ((azimuth + 180.0) % 360.0 - 180.0).abs().amin(-1)
    if interpolate:
        weights = (1.0 - distance / (2.0 * names[0].half_width_deg)).clamp(min=0.0)
        weights[:, -1] = 0.0
    else:
        index = distance[:, :-1].argmin(-1)
        if views == 4:
            front = distance[:, 0]
            index = torch.where(front <= front_deg, 0, torch.where(front > 180.0 - back_deg, 2, 1))
        weights = torch.nn.functional.one_hot(index, len(names)).to(azimuth_deg.dtype)
    above = torch.zeros_like(weights)
    above[:, -1] = 1.0
    return torch.where(elevation_deg[:, None] > overhead_deg, above, weights)


def perp_neg_weights(azimuth_deg: Tensor, elevation_deg: Tensor, scale: float,
                     overhead_deg: float = OVERHEAD_DEG) -> Tensor:
    """How much of the front's and of the side's prompt Perp-Neg takes away for each camera, [B,2].

    Towards the front both fade out where their own word is the whole prompt, as scale (e^{-r/2} - e^{-1/2}) /
    (1 - e^{-1/2}) with r the word's share (arXiv 2304.04968, section 4.2: weights fall with the share). Towards the
    back the front is fully unwanted, and the side a quarter as much as before. Nothing is taken away from overhead.
    """
    def fading(share: Tensor) -> Tensor:
        low = math.exp(-0.5)
        return scale * ((-0.5 * share).exp() - low) / (1.0 - low)

    away = ((azimuth_deg + 180.0) % 360.0 - 180.0).abs() / 90.0  # 0 front, 1 side, 2 back
    front = torch.where(away <= 1.0, fading(1.0 - away), scale)
    side = torch.where(away <= 1.0, fading(away), 0.25 * fading(2.0 - away))
    return torch.stack([front, side], -1) * (elevation_deg <= overhead_deg)[:, None]


def view_index(azimuth_deg: Tensor, elevation_deg: Tensor, views: int) -> Tensor:
    """Index into ``VIEWS[views]`` for each camera [B]; all zero where there are no view words."""
    return view_weights(azimuth_deg, elevation_deg, views).argmax(-1)


def view_prompt(prompt: str, view: View | None) -> str:
    """The prompt with its view word, as the field writes it: ``a mug, back view``."""
    return prompt if view is None else f"{prompt}, {view.name} view"
