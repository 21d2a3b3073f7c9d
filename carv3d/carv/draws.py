"""The K draws of each of B items: timesteps, importance weights, noise; drawn whole, before any chunking."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.carv import uniforms
from carv3d.carv.proposal import Proposal


@dataclass(frozen=True)
class Draws:
    """timestep: [B,K] int64. weight: [B,K] float32, p/q. noise: [B,K,*shape] float32, standard normal."""

    timestep: Tensor
    weight: Tensor
    noise: Tensor

    @property
    def items(self) -> int:
        return self.timestep.shape[0]

    @property
    def per_item(self) -> int:
        return self.timestep.shape[1]


def draw(items: int, per_item: int, shape: tuple[int, ...], proposal: Proposal, *, stratified: bool,
         time_generator: torch.Generator, noise_generator: torch.Generator) -> Draws:
    """Draw K = per_item (timestep, noise) pairs for each of B = items; ``shape`` is that of one item's noise.

    Two generators, so that the noise does not depend on how timesteps are drawn. ValueError if B or K is below 1.
    """
    if items < 1 or per_item < 1:
        raise ValueError(f"items (B) and per_item (K) must be at least 1, got {items} and {per_item}")
    points = (uniforms.stratified if stratified else uniforms.iid)(items, per_item, time_generator)
    timestep, weight = proposal.to(points.device).sample(points)
    noise = torch.randn(items, per_item, *shape, generator=noise_generator, device=noise_generator.device)
    return Draws(timestep.to(noise.device), weight.float().to(noise.device), noise)
