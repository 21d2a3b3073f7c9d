"""Score distillation: teacher + latents -> the value function that the estimator averages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from carv3d.carv.estimate import ValueFn
from carv3d.diffusion.guidance import branches, guide
from carv3d.diffusion.teacher import Teacher


def sds(teacher: Teacher, condition: Any, latents: Tensor, weight: Tensor, guidance_scale: float) -> ValueFn:
    """SDS (DreamFusion, arXiv 2209.14988, Eq. 3): f(t, eps) = w(t) (eps_hat(z_t) - eps), eps_hat guided.

    latents: [B,c,h,w], detached. weight: w(t), [T]. The mean over draws of f is the cotangent of the latents; no
    gradient passes through the teacher.
    """
    needed = branches(guidance_scale)

    @torch.no_grad()
    def value(view: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        noisy = teacher.schedule.add_noise(latents[view], noise, timestep)
        eps_hat = guide(teacher.predict(noisy, timestep, condition, view, needed), guidance_scale)
        return weight[timestep].to(noise.dtype).reshape(-1, 1, 1, 1) * (eps_hat - noise)

    return value


def csd(teacher: Teacher, condition: Any, latents: Tensor, weight: Tensor, guidance_scale: float) -> ValueFn:
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
