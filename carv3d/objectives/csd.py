"""Classifier score distillation."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.carv.estimate import ValueFn
from carv3d.diffusion.teacher import Condition, Teacher
from carv3d.objectives.base import Objective


def csd(teacher: Teacher, condition: Condition, latents: Tensor, weight: Tensor, guidance_scale: float) -> ValueFn:
    """CSD (classifier score distillation, arXiv 2310.19415, Eq. 8): f(t, eps) = s w(t) (eps_cond - eps_uncond).

    What remains of SDS without its residual eps_cond - eps: the classifier's score alone, so ``guidance_scale`` only
    scales. Shapes as in ``sds``.
    """

    @torch.no_grad()
    def value(view: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        noisy = teacher.schedule.add_noise(latents[view], noise, timestep)
        predictions = teacher.predict(noisy, timestep, condition, view, ("uncond", "cond"))
        scale = guidance_scale * weight[timestep].to(noise.dtype).reshape(-1, 1, 1, 1)
        return scale * (predictions["cond"] - predictions["uncond"])

    return value


class CSD(Objective):
    """Classifier score distillation, ``objective.type=csd``."""

    branches = ("uncond", "cond")

    def value(self, condition: Condition, latents: Tensor, c2w: Tensor) -> ValueFn:
        return csd(self.teacher, condition, latents, self.weight, self.guidance_scale)
