"""Models trained anew on some of the pictures, several at once, and their losses: what scores have to predict.

Initial parameters, noise and timesteps are common to all models of a seed, so that they differ by their data alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, vmap

from carv3d.attribution.functional import Model, Parameters, Samples
from carv3d.runtime.rng import generator

LOOKS, ROWS = 64, 32  # draws at which a model's loss on a query is taken; rows through a network at a time


@dataclass(frozen=True)
class Recipe:
    """How parameters are trained: Adam, its rate falling to nothing as a cosine."""

    steps: int
    batch: int
    lr: float


def together(batch: int) -> int:
    """How many models are trained at once."""
    return max(1, ROWS // batch)


def trained(model: Model, start: Parameters, samples: Samples, subsets: Tensor, recipe: Recipe, seed: int,
            report: Callable[[int], None] = lambda count: None) -> dict[str, Tensor]:
    """Parameters [M,...] from ``start``, of one model for each row of ``subsets`` [M,n], the numbers of its samples.

    report: called with numbers of models' steps.
    """
    parts = [_together(model, start, samples, part, recipe, seed, report)
             for part in subsets.split(together(recipe.batch))]
    return {name: torch.cat([part[name] for part in parts]) for name in start}


def _together(model: Model, start: Parameters, samples: Samples, subsets: Tensor, recipe: Recipe, seed: int,
              report: Callable[[int], None]) -> dict[str, Tensor]:
    def loss(parameters: Parameters, clean: Tensor, told: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        return model.value("loss", parameters, clean, told, timestep, noise).mean()

    made = {name: p.detach().expand(len(subsets), *p.shape).clone() for name, p in start.items()}
    device = next(iter(made.values())).device
    optimizer = torch.optim.Adam(made.values(), lr=recipe.lr, betas=(0.9, 0.99))
    slopes = vmap(grad(loss), in_dims=(0, 0, 0, None, None))
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        draw = generator(seed, "tune: batch", step)
        chosen = subsets[:, (torch.rand(recipe.batch, generator=draw) * subsets.shape[1]).long()]
        timestep = torch.randint(model.schedule.timesteps, (recipe.batch,), generator=draw)
        noise = torch.randn(recipe.batch, *samples.values.shape[1:], generator=draw)
        rows = (samples.values[chosen], samples.told[samples.which[chosen]], timestep, noise)
        found = slopes(made, *(each.to(device) for each in rows))
        for name, p in made.items():
            p.grad = found[name]
        optimizer.step()
        report(len(subsets))
    return made


@torch.no_grad()
def losses(model: Model, parameters: Parameters, queries: Samples, looks: int = LOOKS) -> Tensor:
    """The mean loss of one model on each query, [Q], over draws that are the same for all, one in each stratum of the
    noise levels."""
    draw, device = generator(0, "tune: looks"), next(iter(parameters.values())).device
    steps = model.schedule.timesteps
    timestep = ((torch.arange(looks) + torch.rand(looks, generator=draw)) / looks * steps).long().to(device)
    noise = torch.randn(looks, *queries.values.shape[1:], generator=draw).to(device)
    out = []
    for number in range(len(queries)):
        clean, told = queries.values[number].to(device), queries.told[queries.which[number]].to(device)
        parts = [model.value("loss", parameters, clean.expand(len(t), *clean.shape), told.expand(len(t), *told.shape),
                             t, e) for t, e in zip(timestep.split(ROWS), noise.split(ROWS), strict=True)]
        out.append(torch.cat(parts).mean().cpu())
    return torch.stack(out)
