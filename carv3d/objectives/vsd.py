"""Variational score distillation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from carv3d.carv.estimate import ValueFn
from carv3d.diffusion.guidance import branches, guide
from carv3d.diffusion.teacher import Teacher


def vsd(teacher: Teacher, condition: Any, latents: Tensor, weight: Tensor, guidance_scale: float,
        score: Callable[[Tensor, Tensor, Tensor], Tensor]) -> ValueFn:
    """VSD (ProlificDreamer, arXiv 2305.16213, Eq. 9): f(t, eps) = w(t) (eps_hat(z_t) - eps_phi(z_t)), eps_hat guided.

    score(noisy [n,c,h,w], timestep [n], view [n]) -> eps_phi, the noise as seen by a model of the particles' own
    renders; it is asked for its conditional prediction alone. Shapes as in ``sds``.
    """
    needed = branches(guidance_scale)

    @torch.no_grad()
    def value(view: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        noisy = teacher.schedule.add_noise(latents[view], noise, timestep)
        eps_hat = guide(teacher.predict(noisy, timestep, condition, view, needed), guidance_scale)
        return weight[timestep].to(noise.dtype).reshape(-1, 1, 1, 1) * (eps_hat - score(noisy, timestep, view))

    return value
