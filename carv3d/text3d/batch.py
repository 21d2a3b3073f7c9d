"""Views rendered and encoded once: draws of their latents' gradient, and the way back to the parameters."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d import carv
from carv3d.cameras import Cameras
from carv3d.carv.variance import Sketch, contrasts
from carv3d.runtime import rng
from carv3d.text3d.trainer import Trainer

ROWS = 32  # of one teacher call


class Batch:
    """B views, rendered and encoded once: draws of their latents' gradient, and the way back to the parameters."""

    def __init__(self, trainer: Trainer, step: int, cameras: Cameras, background: Tensor, label: str):
        self.device, self.seed, self.step, self.label = trainer.device, trainer.config.seed, step, label
        self.items = len(cameras)
        self.parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
        cameras, background = cameras.to(self.device), background.to(self.device)
        rendered = trainer.scene.render(cameras, background, rng.generator(self.seed, f"{label} render", step))
        self.latents = trainer.teacher.encode(rendered.rgb)
        condition = trainer.teacher.condition(cameras.azimuth_deg, cameras.elevation_deg, background)
        self.value = trainer.value(condition, cameras, self.latents.detach())

    def draw(self, rows: int, k: int, proposal: carv.Proposal, stratified: bool, noise: str, label: str) -> carv.Draws:
        return carv.draw(rows, k, tuple(self.latents.shape[1:]), proposal, stratified=stratified, noise=noise,
                         time_generator=rng.generator(self.seed, f"{self.label} {label} t", self.step),
                         noise_generator=rng.generator(self.seed, f"{self.label} {label} e", self.step, self.device))

    def estimate(self, draws: carv.Draws) -> carv.Estimate:
        """Of sets x B rows, the view running fastest."""
        return carv.estimate(lambda row, t, e: self.value(row % self.items, t, e), draws,
                             max(ROWS // draws.items, 1))

    def means(self, draws: carv.Draws) -> Tensor:
        """Each set's mean per view: [sets,B,c,h,w]."""
        return self.estimate(draws).mean.unflatten(0, (-1, self.items))

    def pull(self, cotangent: Tensor) -> list[Tensor]:
        """Parameter gradients of the mean over views for cotangents [B,c,h,w]."""
        grads = torch.autograd.grad(self.latents, self.parameters, cotangent / self.items, retain_graph=True,
                                    allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for p, g in zip(self.parameters, grads)]

    def variance(self, means: Tensor, count: int) -> float:
        """Variance of one set's parameter gradient, from its replicates [sets,B,c,h,w] and ``count`` backwards."""
        norms = [sum(g.square().sum() for g in self.pull(contrast)) for contrast in contrasts(means, count)]
        return float(torch.stack(norms).mean())

    def sketches(self, means: Tensor, sketch: Sketch) -> Tensor:
        """[n,B,c,h,w] -> [n,m]."""
        return torch.stack([sketch(torch.cat([g.flatten() for g in self.pull(mean)])) for mean in means]).cpu()
