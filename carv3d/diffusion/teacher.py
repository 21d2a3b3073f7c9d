"""What a diffusion teacher is to the rest of carv3d."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import torch
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.config.schema import Config
from carv3d.config.traits import TeacherTraits
from carv3d.diffusion.schedule import NoiseSchedule
from carv3d.lights import Light
from carv3d.runtime.errors import UserError

Condition: TypeAlias = Any  # what a teacher knows of B views: its own record, which others only hand on


class Teacher(TeacherTraits, ABC):
    """A frozen denoiser of latents [n, *latent_shape].

    schedule: its noise schedule, on its device, such as ``schedule.scaled_linear()``. latent_shape: (c, h, w).
    views_per_item: V; above 1 it looks at V views of one scene together, which differ in azimuth alone, 360 / V degrees
    apart: one draw, of one timestep, belongs to all of them. description: one line for the log.
    """

    schedule: NoiseSchedule
    latent_shape: tuple[int, int, int]
    views_per_item: int = 1
    description: str = "a class of your own"

    @classmethod
    def make(cls, config: Config, device: torch.device) -> Teacher:
        """From a whole configuration; a class that is made otherwise says so here. UserError unless what the training
        step reads of it is there."""
        made = cls(config.teacher.options, config=config, device=device)  # type: ignore[call-arg]
        for name in ("schedule", "latent_shape"):
            if not hasattr(made, name):
                raise UserError(f"teacher.type: {cls.__name__} has no attribute {name}; set it in __init__")
        return made

    @classmethod
    def settle(cls, config: Config) -> None:
        """Before a run folder exists: UserError for a prompt or for files that this teacher cannot use."""

    def prepare(self) -> None:
        """What may take long and needs no step: called once before the first."""

    def by_modules(self) -> contextlib.AbstractContextManager[None]:
        """Within, every prediction is made by torch's modules, whose operations can be counted."""
        return contextlib.nullcontext()

    @abstractmethod
    def encode(self, rgb: Tensor) -> Tensor:
        """Images [B,H,W,3] in [0,1] -> latents [B,c,h,w]; differentiable and deterministic."""

    @abstractmethod
    def condition(self, cameras: Cameras, background: Tensor, light: Light | None = None) -> Condition:
        """What the teacher needs to know of B views: cameras, background colours [B,3], and how they are lit; None
        where the scene's colours hold whatever light there is."""

    def evaluations(self, branches: tuple[str, ...]) -> int:
        """How many latents the network answers for a draw of these branches."""
        return len(branches) * self.views_per_item

    @abstractmethod
    def predict(self, noisy: Tensor, timestep: Tensor, condition: Condition, view: Tensor,
                branches: tuple[str, ...]) -> dict[str, Tensor]:
        """eps predictions [n,c,h,w] for noisy latents [n,c,h,w] at timesteps [n]; ``view`` [n] indexes the condition.
        Of V views per item, the V rows of an item stand together, in order.

        branches: which of "cond" and "uncond" are wanted; no other is evaluated.
        """
