"""Score distillation at noise that the teacher itself names (RFDS-Rev)."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.carv.estimate import ValueFn
from carv3d.diffusion.guidance import Remedy, branches, guided
from carv3d.diffusion.teacher import Condition, Teacher
from carv3d.objectives.base import Objective


def rfds_rev(teacher: Teacher, condition: Condition, latents: Tensor, weight: Tensor, guidance_scale: float,
             remedy: Remedy = Remedy()) -> ValueFn:
    """RFDS-Rev (arXiv 2406.03293): f(t, eps) = w(t) (eps_hat(z'_t) - eps'), eps_hat guided, where eps' =
    eps_hat_cond(z_t), the teacher's own guess of the noise without guidance, and z'_t is made of it.

    The paper moves the noise by (1 - s)(v_hat - (eps - x)) along the straight path, which is eps_hat - eps; its
    residual without a weight is that of objective.weighting=velocity. Another objective than SDS, whose gradient it
    does not estimate: eps' is no draw of the noise. Shapes as in ``sds``.
    """
    needed = branches(guidance_scale)

    @torch.no_grad()
    def value(view: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        schedule, clean = teacher.schedule, latents[view]
        first = schedule.add_noise(clean, noise, timestep)
        named = teacher.predict(first, timestep, condition, view, ("cond",))["cond"]
        noisy = schedule.add_noise(clean, named, timestep)
        eps_hat = guided(teacher.schedule, noisy, timestep, teacher.predict(noisy, timestep, condition, view, needed),
                         guidance_scale, remedy, teacher.views_per_item)
        return weight[timestep].to(noise.dtype).reshape(-1, 1, 1, 1) * (eps_hat - named)

    return value


class RFDSRev(Objective):
    """Score distillation at noise that the teacher itself names, ``objective.type=rfds_rev``."""

    @property
    def branches(self) -> tuple[str, ...]:
        return branches(self.guidance_scale)

    @property
    def evaluations(self) -> int:
        """The teacher's rows, and those that name the noise."""
        return super().evaluations + self.teacher.evaluations(("cond",))

    def value(self, condition: Condition, latents: Tensor, c2w: Tensor) -> ValueFn:
        return rfds_rev(self.teacher, condition, latents, self.weight, self.guidance_scale, self.setting.remedy)
