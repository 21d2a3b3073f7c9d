"""Score distillation: teacher + latents -> the value function that the estimator averages."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.carv.estimate import ValueFn
from carv3d.diffusion.guidance import Remedy, branches, guided
from carv3d.diffusion.teacher import Condition, Teacher
from carv3d.objectives.base import Objective


def sds(teacher: Teacher, condition: Condition, latents: Tensor, weight: Tensor, guidance_scale: float,
        remedy: Remedy = Remedy()) -> ValueFn:
    """SDS (DreamFusion, arXiv 2209.14988, Eq. 3): f(t, eps) = w(t) (eps_hat(z_t) - eps), eps_hat guided.

    latents: [B,c,h,w], detached. weight: w(t), [T]. The mean over draws of f is the cotangent of the latents; no
    gradient passes through the teacher.
    """
    needed = branches(guidance_scale)

    @torch.no_grad()
    def value(view: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        noisy = teacher.schedule.add_noise(latents[view], noise, timestep)
        eps_hat = guided(teacher.schedule, noisy, timestep, teacher.predict(noisy, timestep, condition, view, needed),
                         guidance_scale, remedy, teacher.views_per_item)
        return weight[timestep].to(noise.dtype).reshape(-1, 1, 1, 1) * (eps_hat - noise)

    return value




class SDS(Objective):
    """Score distillation sampling, ``objective.type=sds``."""

    @property
    def branches(self) -> tuple[str, ...]:
        return branches(self.guidance_scale)

    def value(self, condition: Condition, latents: Tensor, c2w: Tensor) -> ValueFn:
        return sds(self.teacher, condition, latents, self.weight, self.guidance_scale, self.setting.remedy)
