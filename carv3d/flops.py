"""Floating-point operations of training: a model. Networks as PyTorch's counter sees them, measured once; renders by the
scenes' formulas, from what the latest one had to do.

What it leaves out: activations, normalisation, sampling and the optimiser, the choice of what to render (occupancy, sorting),
and all that memory costs. A multiplication and an addition count as two.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from carv3d.diffusion.teacher import Teacher

LEARN = 3  # a row that is learnt from: forward, and back to the activations and to the weights
BACK = 3  # a render with its way back, over one without


@dataclass(frozen=True)
class Networks:
    """Operations of one row through the denoiser, and of encoding one picture with its way back."""

    row: int
    encode: int

    @classmethod
    def of(cls, teacher: Teacher, height: int, width: int, device: torch.device) -> Networks:
        """Count them on one row and on one picture of this size."""
        from torch.utils.flop_counter import FlopCounterMode

        zero = torch.zeros(1, device=device)
        condition = teacher.condition(zero, zero, torch.zeros(1, 3, device=device))
        noisy = torch.zeros(1, *teacher.latent_shape, device=device)
        with torch.no_grad(), FlopCounterMode(display=False) as row:
            rows = teacher.evaluations(("cond",))
            teacher.predict(noisy, zero.long() + teacher.schedule.timesteps // 2, condition, zero.long(), ("cond",))
        with FlopCounterMode(display=False) as encode:
            teacher.encode(torch.full((1, height, width, 3), 0.5, device=device, requires_grad=True)).sum().backward()
        return cls(row.get_total_flops() // rows, encode.get_total_flops())

    def spent(self, *, encodes: int = 0, teacher_evals: int = 0, lora_draws: int = 0) -> int:
        return encodes * self.encode + (teacher_evals + LEARN * lora_draws) * self.row


def field_samples(samples: float, levels: int, features: int, widths: list[int]) -> float:
    """A radiance field at so many points and back: trilinear interpolation at every level, the MLP, compositing."""
    interpolation = levels * 8 * (3 + 2 * features)
    products = 2 * sum(a * b for a, b in zip(widths[:-1], widths[1:]))
    return BACK * samples * (interpolation + products + 20)


def splat_pairs(count: int, pairs: float) -> float:
    """Gaussians that are projected and so many pixels that they cover, and back: a quadratic form, an exponential and a
    blend at each."""
    return BACK * (300 * count + 30 * pairs)


def resized_pixels(pixels: int) -> float:
    """A picture resized to so many pixels of three channels, and back: four neighbours each."""
    return BACK * 3 * 8 * pixels
