"""What is distilled: a denoiser's network, and what is asked of it and of copies of it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from carv3d import digits
from carv3d.diffusion.schedule import NoiseSchedule


class Denoiser(ABC):
    """schedule: of its noise. shape: of one output. teacher: its trained network, frozen. start: the timestep at which
    a copy of it, asked once about pure noise, is a generator."""

    schedule: NoiseSchedule
    shape: tuple[int, ...]
    teacher: nn.Module
    start: int

    @abstractmethod
    def eps(self, network: nn.Module, noisy: Tensor, timestep: Tensor) -> Tensor:
        """The noise that a network of the teacher's kind sees in rows [n,*shape] at timesteps [n]."""

    def clean(self, network: nn.Module, noisy: Tensor, timestep: Tensor) -> Tensor:
        """E[x0 | x_t] as the network says, [n,*shape]."""
        return self.schedule.x0_from_eps(noisy, self.eps(network, noisy, timestep), timestep)

    def generate(self, network: nn.Module, noise: Tensor) -> Tensor:
        """One evaluation: (z - sigma eps_hat(z)) / alpha at ``start`` (DMD, arXiv 2311.18828, section 4), with noise z
        in the place of x_t, of which little else is left there."""
        return self.clean(network, noise, torch.full((len(noise),), self.start, device=noise.device))

    @torch.no_grad()
    def sample(self, noise: Tensor, steps: int) -> Tensor:
        """The teacher's own samples by DDIM (arXiv 2010.02502) from noise [n,*shape], which one step leaves at its
        first guess; outputs are within [-1,1]."""
        levels, values = torch.linspace(self.schedule.timesteps - 1, 0, steps + 1).long()[:-1], noise
        for now, then in zip(levels, [*levels[1:], None]):
            timestep = now.expand(len(noise))
            clean = self.clean(self.teacher, values, timestep).clamp(-1, 1)
            if then is None:
                break
            values = self.schedule.add_noise(clean, self.schedule.eps_from_x0(values, clean, timestep),
                                             then.expand(len(noise)))
        return clean


class Digits(Denoiser):
    """The embedded one: of scikit-learn's digits, outputs [64]."""

    def __init__(self, teacher: digits.Denoisers):
        self.schedule, self.shape, self.teacher, self.start = digits.schedule(), (digits.PIXELS,), teacher, 350

    def eps(self, network: nn.Module, noisy: Tensor, timestep: Tensor) -> Tensor:
        out: Tensor = network(noisy[None], timestep[None], torch.zeros(1, len(noisy), dtype=torch.long))[0]
        return out
