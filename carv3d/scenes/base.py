"""What every scene gives to the training step, so that nothing else in the step knows which scene it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from carv3d.scenes.cameras import Cameras


@dataclass
class RenderOut:
    """B rendered views.

    rgb: [B,H,W,3] composited on the background, in [0,1]. opacity: [B,H,W,1] in [0,1]. depth: [B,H,W,1], expected
    distance along the ray divided by opacity, world units, 0 where nothing was hit. stats: scalars for the log.
    """

    rgb: Tensor
    opacity: Tensor
    depth: Tensor
    stats: dict[str, float] = field(default_factory=dict)


class Scene(Protocol):
    """A trainable scene (an ``nn.Module``). backends: which code runs it and why, one phrase for the log."""

    backends: str

    def render(self, cameras: Cameras, background: Tensor, generator: torch.Generator | None = None) -> RenderOut:
        """Render the views on ``background`` [B,3]. Without a generator the picture is deterministic."""

    def parameter_groups(self, lr: dict[str, float]) -> list[dict]:
        """Optimiser groups, each named, with its learning rate."""

    def update(self, step: int, generator: torch.Generator) -> None:
        """Housekeeping between optimiser steps (occupancy, density control); reads no gradient."""
