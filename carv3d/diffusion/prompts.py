"""View words: which name a camera direction has in a prompt.

Three counts are known: 1 (no view words), 4 (the field's front, side, back, overhead) and 8 (eight named azimuths and
overhead, for teachers that were taught them). The thresholds of the four are threestudio's: front within 45 degrees of
azimuth 0, back beyond 135, overhead above 60 degrees of elevation; overhead wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

OVERHEAD_DEG = 60.0


@dataclass(frozen=True)
class View:
    """One named set of directions: ``centres_deg`` each +- ``half_width_deg`` of azimuth, above or below overhead."""

    name: str
    centres_deg: tuple[float, ...]
    half_width_deg: float
    overhead: bool = False

    def elevation_range(self, bounds: tuple[float, float]) -> tuple[float, float] | None:
        """The part of an elevation range, degrees, that bears this name; None where there is none."""
        low, high = bounds
        if self.overhead:
            return (max(low, OVERHEAD_DEG), high) if high > OVERHEAD_DEG else None
        return (low, min(high, OVERHEAD_DEG)) if low <= OVERHEAD_DEG else None


_OVERHEAD = View("overhead", (0.0,), 180.0, overhead=True)
_EIGHT = ("front", "front left", "left side", "back left", "back", "back right", "right side", "front right")
VIEWS: dict[int, tuple[View, ...]] = {
    1: (),
    4: (View("front", (0.0,), 45.0), View("side", (90.0, 270.0), 45.0), View("back", (180.0,), 45.0), _OVERHEAD),
    8: tuple(View(name, (45.0 * i,), 22.5) for i, name in enumerate(_EIGHT)) + (_OVERHEAD,),
}


def view_index(azimuth_deg: Tensor, elevation_deg: Tensor, views: int) -> Tensor:
    """Index into ``VIEWS[views]`` for each camera [B]; all zero where there are no view words."""
    if views not in VIEWS:
        raise ValueError(f"views must be one of {sorted(VIEWS)}, got {views}")
    names = VIEWS[views]
    if not names:
        return torch.zeros_like(azimuth_deg, dtype=torch.long)
    azimuth = azimuth_deg[:, None, None] - torch.tensor([v.centres_deg + v.centres_deg[:1] * (2 - len(v.centres_deg))
                                                         for v in names], device=azimuth_deg.device)
    distance = ((azimuth + 180.0) % 360.0 - 180.0).abs().amin(-1)
    distance[:, -1] = torch.inf
    index = distance.argmin(-1)
    return torch.where(elevation_deg > OVERHEAD_DEG, len(names) - 1, index)


def view_prompt(prompt: str, view: View | None) -> str:
    """The prompt with its view word, as the field writes it: ``a mug, back view``."""
    return prompt if view is None else f"{prompt}, {view.name} view"
