"""Variational score distillation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from carv3d.carv.estimate import ValueFn
from carv3d.config.schema import VsdConfig
from carv3d.config.traits import VsdTraits
from carv3d.diffusion.guidance import Remedy, branches, guided
from carv3d.diffusion.teacher import Condition, Teacher
from carv3d.objectives.base import Objective, Setting
from carv3d.objectives.learner import Learner
from carv3d.runtime.types import State


def vsd(teacher: Teacher, condition: Condition, latents: Tensor, weight: Tensor, guidance_scale: float,
        score: Callable[[Tensor, Tensor, Tensor], Tensor], remedy: Remedy = Remedy()) -> ValueFn:
    """VSD (ProlificDreamer, arXiv 2305.16213, Eq. 9): f(t, eps) = w(t) (eps_hat(z_t) - eps_phi(z_t)), eps_hat guided.

    score(noisy [n,c,h,w], timestep [n], view [n]) -> eps_phi, the noise as seen by a model of the particles' own
    renders; it is asked for its conditional prediction alone. Shapes as in ``sds``.
    """
    needed = branches(guidance_scale)

    @torch.no_grad()
    def value(view: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        noisy = teacher.schedule.add_noise(latents[view], noise, timestep)
        eps_hat = guided(teacher.schedule, noisy, timestep, teacher.predict(noisy, timestep, condition, view, needed),
                         guidance_scale, remedy, teacher.views_per_item)
        return weight[timestep].to(noise.dtype).reshape(-1, 1, 1, 1) * (eps_hat - score(noisy, timestep, view))

    return value


class VSD(VsdTraits, Objective):
    """Variational score distillation, ``objective.type=vsd``: a LoRA of the teacher learns with every step."""

    def __init__(self, options: VsdConfig, setting: Setting):
        from carv3d.diffusion.diffusers_teacher import DiffusersTeacher
        from carv3d.diffusion.lora import LoRAScore

        super().__init__(options, setting)
        if not isinstance(setting.teacher, DiffusersTeacher):
            raise TypeError(f"VSD adapts the layers of a network, which {type(setting.teacher).__name__} has not")
        score = LoRAScore(setting.teacher, options.rank, setting.seed)
        self.learner = Learner(score, options, setting.teacher.schedule.timesteps, setting.seed, setting.chunks,
                               setting.world)

    @property
    def branches(self) -> tuple[str, ...]:
        return branches(self.guidance_scale)

    @property
    def evaluations(self) -> int:
        """The teacher's rows, and one of the particles' own score."""
        return super().evaluations + 1

    def value(self, condition: Condition, latents: Tensor, c2w: Tensor) -> ValueFn:
        score = self.learner.score
        return vsd(self.teacher, condition, latents, self.weight, self.guidance_scale,
                   lambda noisy, timestep, view: score(noisy, timestep, condition, view, c2w), self.setting.remedy)

    def learn(self, latents: Tensor, condition: Condition, c2w: Tensor, step: int) -> dict[str, Tensor]:
        return {"loss_lora": self.learner.step(latents, condition, c2w, step)}

    @property
    def learning_draws(self) -> int:
        return self.learner.own.k

    def parameters(self) -> Iterator[nn.Parameter]:
        return self.learner.score.parameters()

    def state(self) -> State:
        return self.learner.state()

    def load_state(self, state: State) -> None:
        self.learner.load_state(state)
