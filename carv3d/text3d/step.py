"""The training step, in data order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from carv3d import carv
from carv3d.runtime import rng
from carv3d.scenes.base import Scene
from carv3d.text3d import regularisers, views
from carv3d.text3d.batch import Batch, Mark, unmarked
from carv3d.text3d.trainer import Trainer

Metrics: TypeAlias = dict[str, Tensor | float]  # scalars for the log; tensors stay on the device until then


@dataclass
class StepOut:
    """What a step leaves behind; tensors stay on the device until somebody logs them. timestep, squared_norm: of its
    draws, [items,K] each."""

    metrics: Metrics
    finite: Tensor
    replay: dict[str, Tensor]
    timestep: Tensor
    squared_norm: Tensor


def train_step(trainer: Trainer, step: int, mark: Mark = unmarked, seed: int | None = None) -> StepOut:
    """One optimiser step: render once, encode once, ask the teacher K times, go back once.

    seed: of this step's random numbers; the run's own by default.
    """
    config, world = trainer.config, trainer.world
    turn, scene = trainer.turn(step)
    seed = config.run_seed if seed is None else seed
    generator = partial(rng.stream, seed, step)
    count, trainer.sampler.k = trainer.way(step)
    together = trainer.teacher.views_per_item
    for group, lr in zip(trainer.optimizer.param_groups, trainer.base_lr):
        group["lr"] = lr * config.optimizer.lr_scale.at(step) * trainer.pace

    # views, rendered once and encoded once; of several processes each takes its share
    looked_at = views.of_step(config, step, count, trainer.viewed, seed, together)
    batch = Batch(trainer, scene, looked_at, generator("render"), world.share(count), mark)

    # K draws per item, a view or as many as the teacher looks at together, averaged into one cotangent; nothing here
    # touches the scene
    purposes = ("", " twin")[:1 + scene.wants_halves(turn)]  # the independent parts in which the gradient comes
    target, k = trainer.target(step), math.ceil(trainer.sampler.k / len(purposes))
    items = count // together
    whole = [trainer.sampler.draw(items, batch.shape, target, k=k,
                                  time_generator=generator("timesteps" + purpose),
                                  noise_generator=generator("noise" + purpose, trainer.device))
             for purpose in purposes]
    parts = [draws.part(world.share(items)) for draws in whole]
    mark("draws")
    estimates = batch.estimates(parts)
    mark("estimate")

    # one backward, or one for each half; a non-finite gradient masks the update without asking the device
    weights = config.loss.at(step)
    wanted = [name for name, weight in weights.items() if weight > 0]
    own = scene.penalties(wanted, generator("regularisers"), batch.out)
    terms = regularisers.regularisers(batch.out, batch.views.cameras, scene.splats, weights, own)
    _backward(trainer, scene, batch, estimates, regularisers.total(terms))
    mark("backward")
    grad_norm, finite = _update(trainer, estimates)
    mark("optimiser")
    scene.update(turn, generator("scene"), trainer.optimizer)
    mark("update")
    learned = trainer.objective.learn(batch.latents.detach(), batch.condition, batch.views.cameras.c2w, step)
    if learned:
        mark("lora")

    # what this step's draws taught is for the next step: this one stays unbiased
    timestep = torch.cat([draws.timestep for draws in whole], 1)
    squared_norm = world.gather(torch.cat([estimate.squared_norm for estimate in estimates], 1))
    trainer.sampler.observe(timestep, squared_norm)
    trainer.viewed += count
    trainer.ledger.spend(scene, steps=1, renders=count, encodes=count, draws=timestep.numel(),
                         lora_draws=count * trainer.objective.learning_draws)
    mark("account")
    metrics: Metrics = {"k": trainer.sampler.k, "grad_norm": grad_norm, "draw_norm": squared_norm.mean().sqrt(),
               "opacity": batch.out.opacity.detach().mean(), **batch.out.stats, **learned,
               **{f"loss_{name}": term.detach().mean() for name, term in terms.items()}}
    return StepOut(metrics, finite, _replay(batch, carv.join(parts)), timestep, squared_norm)


def _backward(trainer: Trainer, scene: Scene, batch: Batch, estimates: list[carv.Estimate], extra: Tensor | None
              ) -> None:
    """The mean over views, and the regularisers, into the parameters' gradients; of two halves each by itself, with the
    scene looking at each."""
    count, seen = len(estimates), len(batch.views) * trainer.world.size
    trainer.optimizer.zero_grad(set_to_none=True)
    for left, estimate in zip(reversed(range(count)), estimates):
        roots, cotangents = [batch.latents], [estimate.mean / (seen * count)]
        if extra is not None:
            roots, cotangents = [*roots, extra], [*cotangents, torch.ones_like(extra) / (count * trainer.world.size)]
        _Given.apply(cotangents, *roots).backward(retain_graph=left > 0)
        if count > 1:
            scene.observe(trainer.world.sum)


class _Given(torch.autograd.Function):
    """A scalar whose gradient to each root is the cotangent given for it. torch.autograd.backward takes both as well,
    but compares their sizes symbolically, for which it imports sympy at its first call."""

    @staticmethod
    def forward(ctx: FunctionCtx, cotangents: list[Tensor], *roots: Tensor) -> Tensor:
        setattr(ctx, "cotangents", cotangents)
        return roots[0].new_zeros(())

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, *getattr(ctx, "cotangents")


def _update(trainer: Trainer, estimates: list[carv.Estimate]) -> tuple[Tensor, Tensor]:
    """The optimiser's step, skipped on the device where anything is not finite: the gradient's norm, and whether all
    is."""
    clip, parameters = trainer.config.optimizer.clip_grad_norm, trainer.parameters
    gradients = [p.grad for p in parameters if p.grad is not None]
    broken = torch.stack([~estimate.finite for estimate in estimates]).any().float()
    trainer.world.sum([*gradients, broken])
    grad_norm = torch.nn.utils.get_total_norm(gradients)
    finite = torch.isfinite(grad_norm) & (broken == 0)
    if clip:
        torch.nn.utils.clip_grads_with_norm_(parameters, clip, grad_norm)
    setattr(trainer.optimizer, "found_inf", (~finite).float())  # fused Adam reads it on the device
    trainer.optimizer.step()
    return grad_norm, finite


def _replay(batch: Batch, draws: carv.Draws) -> dict[str, Tensor]:
    """All that the step's gradient came from, should it not be finite."""
    return {"latents": batch.latents.detach(), "timestep": draws.timestep, "weight": draws.weight, "noise": draws.noise,
            "azimuth_deg": batch.views.cameras.azimuth_deg, "elevation_deg": batch.views.cameras.elevation_deg,
            "background": batch.views.background}
