"""Floating-point operations of training: a model. Networks as PyTorch's counter sees them, once; renders by the
formulas of the scenes, from what the latest one had to do.

It leaves out activations, normalisation, sampling, the optimiser, the choice of what to render (occupancy, sorting),
and all that memory costs. A multiplication and an addition count as two.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from carv3d.cameras import orbit
from carv3d.diffusion.teacher import Teacher

LEARN = 3  # a row that is learnt from: forward, back to the activations, back to the weights


@dataclass(frozen=True)
class Networks:
    """Operations of one row through the denoiser, and of encoding one image with its way back."""

    row: int
    encode: int

    @classmethod
    def of(cls, teacher: Teacher, height: int, width: int, device: torch.device) -> Networks:
        """Count them on one draw's conditional branch and on one image of this size."""
        from torch.utils.flop_counter import FlopCounterMode

        count = teacher.views_per_item
        cameras = orbit([0.0] * count, 0.0, 2.65, 40.0, width, height).to(device)
        condition = teacher.condition(cameras, torch.zeros(count, 3, device=device))
        noisy = torch.zeros(count, *teacher.latent_shape, device=device)
        with torch.no_grad(), teacher.by_modules(), FlopCounterMode(display=False) as row:
            view = torch.arange(count, device=device)
            teacher.predict(noisy, 0 * view + teacher.schedule.timesteps // 2, condition, view, ("cond",))
        with torch.enable_grad(), FlopCounterMode(display=False) as encode:
            image = torch.full((1, height, width, 3), 0.5, device=device, requires_grad=True)
            teacher.encode(image).sum().backward()
        return cls(row.get_total_flops() // teacher.evaluations(("cond",)), encode.get_total_flops())

    def spent(self, *, encodes: int = 0, teacher_evals: int = 0, lora_draws: int = 0) -> int:
        return encodes * self.encode + (teacher_evals + LEARN * lora_draws) * self.row
