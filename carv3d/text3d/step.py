"""The training step, in data order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d import carv
from carv3d.carv import adapt
from carv3d.carv.noise import noise_mode
from carv3d.runtime import rng
from carv3d.runtime.devices import moved
from carv3d.text3d import regularisers as losses
from carv3d.text3d import views
from carv3d.text3d.trainer import Trainer


@dataclass
class StepOut:
    """What a step leaves behind; tensors stay on the device until somebody logs them."""

    metrics: dict[str, Tensor | float]
    finite: Tensor
    replay: dict[str, Tensor]


def train_step(trainer: Trainer, step: int, mark: Callable[[str], None] = lambda station: None) -> StepOut:
    """One optimiser step: render once, encode once, ask the teacher K times, go back once.

    mark is called with the name of each station as it ends; timers hang on it.
    """
    turn, particle = divmod(step, len(trainer.scenes))
    trainer.scene = trainer.scenes[particle]
    config, scene, teacher, device = trainer.config, trainer.scene, trainer.teacher, trainer.device
    data, batch, estimator, world = config.data, config.data.batch_size, config.estimator, trainer.world

    def generator(purpose: str, where: torch.device | str = "cpu") -> torch.Generator:
        return rng.generator(config.seed, purpose, step, where)

    # schedules become plain numbers
    proposal = trainer.proposal(step)
    for group, lr in zip(trainer.optimizer.param_groups, trainer.base_lr):
        group["lr"] = lr * config.optimizer.lr_scale.at(step)
    weights = config.loss.at(step)

    # views, rendered once and encoded once; of several processes each takes its share
    cameras, background = views.sample(config, step, batch, strata=data.camera_strata, sequence=data.camera_sequence)
    cameras, background = cameras.to(device), moved(background, device)
    mark("cameras")
    mine = world.share(batch)
    out = scene.render(cameras, background, generator("render"), mine)
    cameras, background = cameras[mine], background[mine]
    mark("render")
    latents = teacher.encode(out.rgb)
    mark("encode")

    # K draws per view, averaged into one cotangent; nothing here touches the scene
    condition = teacher.condition(cameras.azimuth_deg, cameras.elevation_deg, background)
    purposes = ("", " twin")[:1 + scene.wants_halves(turn)]  # the independent parts in which the gradient comes
    k = math.ceil(trainer.k / len(purposes))
    noise = noise_mode(estimator.noise, k, config.objective.guidance_scale)
    whole = [carv.draw(batch, k, tuple(latents.shape[1:]), proposal, stratified=estimator.stratified, noise=noise,
                       time_generator=generator("timesteps" + purpose),
                       noise_generator=generator("noise" + purpose, device)) for purpose in purposes]
    parts = [draws.part(mine) for draws in whole]
    mark("draws")
    value = trainer.value(condition, cameras, latents.detach())
    estimates = [trainer.estimate(value, draws) for draws in parts]
    mark("estimate")

    # one backward, or one for each half
    terms = losses.regularisers(out.opacity, scene.splats, weights)
    extra = losses.total(terms)
    trainer.optimizer.zero_grad(set_to_none=True)
    for left, estimate in zip(reversed(range(len(parts))), estimates):
        roots = [(latents, estimate.mean / (batch * len(parts)))]
        roots += [(extra, torch.ones_like(extra) / (len(parts) * world.size))] if extra is not None else []
        torch.autograd.backward(*zip(*roots), retain_graph=left > 0)
        if len(parts) > 1:
            scene.observe(world.sum)
    mark("backward")

    # a non-finite gradient masks the whole update on the device, without asking the device
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    gradients = [p.grad for p in parameters if p.grad is not None]
    broken = torch.stack([~estimate.finite for estimate in estimates]).any().float()
    world.sum([*gradients, broken])
    grad_norm = torch.nn.utils.get_total_norm(gradients)
    finite = torch.isfinite(grad_norm) & (broken == 0)
    if config.optimizer.clip_grad_norm:
        torch.nn.utils.clip_grads_with_norm_(parameters, config.optimizer.clip_grad_norm, grad_norm)
    trainer.optimizer.found_inf = (~finite).float()
    trainer.optimizer.step()
    mark("optimiser")
    scene.update(turn, generator("scene"), trainer.optimizer)
    mark("update")

    # VSD: the score of the particles' renders learns from the same latents, with draws of its own
    learned = {}
    if trainer.learner:
        learned["loss_lora"] = trainer.learner.step(latents.detach(), condition, cameras.c2w, step)
        trainer.count(lora_draws=batch * config.objective.vsd.k)
        mark("lora")

    # what this step's draws taught is for the next step: this one stays unbiased
    draws, timestep = carv.join(parts), torch.cat([draws.timestep for draws in whole], 1)
    squared_norm = world.gather(torch.cat([estimate.squared_norm for estimate in estimates], 1))
    if estimator.importance_sampling and estimator.proposal == "adaptive":
        trainer.adaptive = adapt.observe(trainer.adaptive, timestep, squared_norm, trainer.weight, trainer.signature())
    trainer.count(steps=1, renders=batch, encodes=batch, draws=timestep.numel())
    mark("account")
    metrics = {"k": trainer.k, "grad_norm": grad_norm, "draw_norm": squared_norm.mean().sqrt(),
               "opacity": out.opacity.detach().mean(), **out.stats, **learned,
               **{f"loss_{name}": term.detach().mean() for name, term in terms.items()}}
    return StepOut(metrics, finite, {"latents": latents.detach(), "timestep": draws.timestep, "weight": draws.weight,
                                     "noise": draws.noise, "azimuth_deg": cameras.azimuth_deg,
                                     "elevation_deg": cameras.elevation_deg, "background": background})
