"""What a diffusion teacher is to the rest of carv3d."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from carv3d.diffusion.schedule import NoiseSchedule


class Teacher(Protocol):
    """A frozen denoiser of latents [n, *latent_shape].

    schedule: its noise schedule, on its device. latent_shape: (c, h, w). description: one line for the log.
    """

    schedule: NoiseSchedule
    latent_shape: tuple[int, int, int]
    description: str

    def encode(self, rgb: Tensor) -> Tensor:
        """Pictures [B,H,W,3] in [0,1] -> latents [B,c,h,w]; differentiable and deterministic."""

    def condition(self, azimuth_deg: Tensor, elevation_deg: Tensor, background: Tensor) -> Any:
        """What the teacher needs to know of B views (angles [B] in degrees, background colours [B,3])."""

    def evaluations(self, branches: tuple[str, ...]) -> int:
        """How many evaluations of the network a draw takes for these branches."""

    def predict(self, noisy: Tensor, timestep: Tensor, condition: Any, view: Tensor,
                branches: tuple[str, ...]) -> dict[str, Tensor]:
        """eps predictions [n,c,h,w] for noisy latents [n,c,h,w] at timesteps [n]; ``view`` [n] indexes the condition.

        branches: which of "cond" and "uncond" are wanted; no other is evaluated.
        """
