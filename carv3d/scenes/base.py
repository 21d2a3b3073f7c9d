"""What every scene gives to the training step, so that nothing else in the step knows which scene it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from carv3d.cameras import Cameras, RenderOut
from carv3d.scenes.splats import Splats

Total = Callable[[Sequence[Tensor]], None]  # adds tensors up, in place, over all processes that share a step's views
WHOLE = slice(None)
BACK = 3  # work of a render with its way back, over that of one without


class Fixed:
    """What a scene whose parameters stay the same ones answers: no Gaussians, no evidence to gather."""

    splats, work = None, 0.0

    def wants_halves(self, step: int) -> bool:
        return False

    def observe(self, total: Total) -> None:
        """Nothing is decided from gradients."""


class Scene(Protocol):
    """A trainable scene (an ``nn.Module``). backends: which code runs it and why, one phrase for the log. splats: its
    Gaussians, None if it is not made of them. work: floating-point operations for a view of the latest render with
    gradients, its way back included; a model.
    """

    backends: str
    splats: Splats | None
    work: float

    def render(self, cameras: Cameras, background: Tensor, generator: torch.Generator | None = None,
               part: slice = WHOLE) -> RenderOut:
        """Render the views on ``background`` [B,3]. Without a generator the picture is deterministic.

        part: render these of the B views alone, as they would look among all; the generator serves all.
        """

    def parameter_groups(self, lr: dict[str, float]) -> list[dict]:
        """Optimiser groups, each named, with its learning rate."""

    def wants_halves(self, step: int) -> bool:
        """Whether this step's gradient is to come in two independent halves, with ``observe`` after each backward."""

    def observe(self, total: Total) -> None:
        """Take from the latest render's gradients what later decisions rest on, from all parts of the views."""

    def update(self, step: int, generator: torch.Generator, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Housekeeping after the optimiser's step: occupancy; density control, which replaces parameters in it."""
