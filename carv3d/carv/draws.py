"""The K draws of each of B items: timesteps, importance weights, noise; drawn whole, before any chunking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.carv import noise as noises
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

    def part(self, items: slice = slice(None), draws: slice = slice(None)) -> Draws:
        """A rank's items or an accumulation part's draws; the parts of a partition make up the whole."""
        return Draws(self.timestep[items, draws], self.weight[items, draws], self.noise[items, draws])


def join(parts: Sequence[Draws]) -> Draws:
    """The draws of all parts of the same items as one record, in order."""
    return Draws(torch.cat([part.timestep for part in parts], 1), torch.cat([part.weight for part in parts], 1),
                 torch.cat([part.noise for part in parts], 1))


def draw(items: int, per_item: int, shape: tuple[int, ...], proposal: Proposal, *, stratified: bool,
         noise: str = "iid", time_generator: torch.Generator, noise_generator: torch.Generator) -> Draws:
    """Draw K = per_item (timestep, noise) pairs for each of B = items; ``shape`` is that of one item's noise.

    noise: iid, antithetic (even K; partners in adjacent strata, or in neighbouring slots without strata) or zero_sum
    (K >= 2). Two generators, so that the random numbers behind the noise do not depend on how timesteps are drawn.
    ValueError if B or K is below 1 or K does not allow the noise mode.
    """
    if items < 1 or per_item < 1:
        raise ValueError(f"items (B) and per_item (K) must be at least 1, got {items} and {per_item}")
    noises.check(noise, per_item)
    if stratified:
        points, stratum = uniforms.stratified(items, per_item, time_generator)
    else:
        points = uniforms.iid(items, per_item, time_generator)
        stratum = torch.arange(per_item, device=points.device).expand(items, -1)
    timestep, weight = proposal.to(points.device).sample(points)
    values = noises.sample(noise, stratum, shape, noise_generator)
    return Draws(noises.queued(timestep, values.device), noises.queued(weight.float(), values.device), values)
