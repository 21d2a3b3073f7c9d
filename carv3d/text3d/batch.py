"""B views, rendered and encoded once: the draws about them, and the way back from latents to parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from carv3d import carv
from carv3d.carv.estimate import ValueFn
from carv3d.carv.variance import Sketch, contrasts
from carv3d.scenes.base import WHOLE, Scene
from carv3d.scenes.shading import shaded
from carv3d.text3d.trainer import Trainer
from carv3d.text3d.views import Views

ROWS = 32  # latents of one teacher call, where many sets are asked at once

Mark = Callable[[str], None]  # called with the name of each station of a step as it ends; timers hang on it


def unmarked(station: str) -> None:
    """Nobody looks at the clock."""


class Batch:
    """out: what was rendered, unlit. views: those in it. latents: [B,c,h,w], with their graph. condition:
    what the teacher knows of the views. value: the objective's value function of the detached latents. An item, which
    draws belong to, is a view, or as many as the teacher looks at together."""

    def __init__(self, trainer: Trainer, scene: Scene, views: Views, generator: torch.Generator, part: slice = WHOLE,
                 mark: Mark = unmarked):
        """part: of the views, those that are this process's; the generator serves all."""
        device = trainer.device
        views = views.to(device)
        mark("cameras")
        self.trainer = trainer
        self.out = scene.render(views.cameras, views.background, generator, part)
        self.views = mine = views[part]
        rgb = self.out.rgb if mine.light is None else shaded(self.out, mine.background, mine.cameras, mine.light)
        mark("render")
        self.latents = trainer.teacher.encode(rgb)
        mark("encode")
        self.condition = trainer.teacher.condition(mine.cameras, mine.background, mine.light)
        value = trainer.objective.value(self.condition, self.latents.detach(), mine.cameras.c2w)
        self.together = trainer.teacher.views_per_item
        self.value = value if self.together == 1 else of_items(value, self.together)

    @property
    def items(self) -> int:
        return len(self.views) // self.together

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one item's latents: [c,h,w], or [V,c,h,w] of several views."""
        own = tuple(self.latents.shape[1:])
        return own if self.together == 1 else (self.together, *own)

    def estimates(self, parts: Sequence[carv.Draws]) -> list[carv.Estimate]:
        """Of each part the mean over each item's draws, [B,c,h,w] whatever the items, in chunks that fit memory."""
        found = self.trainer.chunks.run(lambda chunk: carv.estimate_parts(self.value, parts, chunk),
                                        sum(part.per_item for part in parts))
        return [replace(one, mean=one.mean.view_as(self.latents)) for one in found]

    def estimate_sets(self, draws: carv.Draws) -> carv.Estimate:
        """Of rows of draws, sets x items, the item running fastest."""
        return carv.estimate(lambda row, t, e: self.value(row % self.items, t, e), draws,
                             max(ROWS // (draws.items * self.together), 1))

    def set_means(self, draws: carv.Draws) -> Tensor:
        """Each set's mean per view: [sets,B,c,h,w]."""
        return self.estimate_sets(draws).mean.reshape(-1, *self.latents.shape)

    def pull(self, cotangent: Tensor) -> list[Tensor]:
        """Parameter gradients of the mean over views for cotangents [B,c,h,w]."""
        parameters = self.trainer.parameters
        grads = torch.autograd.grad(self.latents, parameters, cotangent / len(self.views), retain_graph=True,
                                    allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, grads)]

    def variance(self, means: Tensor, count: int) -> float:
        """Variance of one set's parameter gradient, from its replicates [sets,B,c,h,w] and ``count`` backwards."""
        nothing = means.new_zeros(())
        norms = [sum((g.square().sum() for g in self.pull(contrast)), nothing) for contrast in contrasts(means, count)]
        return float(torch.stack(norms).mean())

    def sketches(self, means: Tensor, sketch: Sketch) -> Tensor:
        """Pulled back and sketched: [n,B,c,h,w] -> [n,m], on the CPU."""
        return torch.stack([sketch(torch.cat([g.flatten() for g in self.pull(mean)])) for mean in means]).cpu()


def of_items(value: ValueFn, together: int) -> ValueFn:
    """A value function of views as one of items, each of which is ``together`` of them with one timestep."""

    def of_item(item: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        view = (item[:, None] * together + torch.arange(together, device=item.device)).flatten()
        return value(view, timestep.repeat_interleave(together), noise.flatten(0, 1)).unflatten(0, (-1, together))

    return of_item
