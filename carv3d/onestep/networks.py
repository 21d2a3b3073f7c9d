"""What is distilled: a denoiser's network, and what is asked of it and of copies of it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from carv3d import digits
from carv3d.diffusion.schedule import NoiseSchedule


class Denoiser(ABC):
    """schedule: of its noise. kind: what its network says, epsilon, v_prediction or sample. shape: of one output.
    teacher: its trained network, frozen. start: the timestep at which a copy of it, asked once about pure noise, is a
    generator. prompts: how many things an output can be of. bound: outputs lie within it, if they are bounded.
    identity: of the weights and prompts, for those that come from files.

    Everywhere below ``prompt`` is [n] int64, what each row is of.
    """

    schedule: NoiseSchedule
    shape: tuple[int, ...]
    teacher: nn.Module
    start: int
    kind: str = "epsilon"
    prompts: int = 1
    bound: float | None = None
    identity: str = ""
    device: torch.device = torch.device("cpu")

    @abstractmethod
    def ask(self, network: nn.Module, noisy: Tensor, timestep: Tensor, prompt: Tensor) -> Tensor:
        """What a network of the teacher's kind says of rows [n,*shape] at timesteps [n]."""

    def copy(self) -> nn.Module:
        """The teacher's network once more, to be trained."""
        return copy.deepcopy(self.teacher).requires_grad_(True)

    def fake(self, rank: int, seed: int) -> nn.Module:
        """What learns the score of the generator's outputs: a copy, or with a rank layers of LoRA (arXiv 2106.09685) in
        the teacher itself. ValueError where it can have none."""
        if rank:
            raise ValueError(f"{type(self).__name__} has no layers for LoRA")
        return self.copy()

    def clean(self, network: nn.Module, noisy: Tensor, timestep: Tensor, prompt: Tensor) -> Tensor:
        """E[x0 | x_t] as the network says, [n,*shape]."""
        return self.schedule.x0_said(self.kind, noisy, self.ask(network, noisy, timestep, prompt), timestep)

    def real(self, noisy: Tensor, timestep: Tensor, prompt: Tensor) -> Tensor:
        """E[x0 | x_t] as the teacher says, guided if it is."""
        return self.clean(self.teacher, noisy, timestep, prompt)

    @property
    def branches(self) -> int:
        """Rows through the teacher's network for one of ``real``."""
        return 1

    def denoising(self, network: nn.Module, clean: Tensor, timestep: Tensor, noise: Tensor, prompt: Tensor) -> Tensor:
        """The squared error of what a network says of noised rows, mean over each: [n]."""
        noisy = self.schedule.add_noise(clean, noise, timestep)
        wanted = self.schedule.said(self.kind, noisy, noise, timestep)
        return (self.ask(network, noisy, timestep, prompt) - wanted).square().flatten(1).mean(1)

    def generate(self, network: nn.Module, noise: Tensor, prompt: Tensor) -> Tensor:
        """One evaluation at ``start`` (DMD, arXiv 2311.18828, section 4), with noise z in the place of x_t, of which
        little else is left there: (z - sigma eps_hat(z)) / alpha, or alpha z - sigma v_hat(z)."""
        return self.clean(network, noise, torch.full((len(noise),), self.start, device=noise.device), prompt)

    @torch.no_grad()
    def sample(self, noise: Tensor, prompt: Tensor, steps: int, report: Callable[[int], None] = lambda step: None
               ) -> Tensor:
        """The teacher's own samples by DDIM (arXiv 2010.02502) from noise [n,*shape], which one step leaves at its
        first guess. report: called with the number of each."""
        levels, values = torch.linspace(self.schedule.timesteps - 1, 0, steps + 1).long()[:-1], noise
        for number, (now, then) in enumerate(zip(levels, [*levels[1:], None]), 1):
            timestep = now.to(noise.device).expand(len(noise))
            clean = self.real(values, timestep, prompt)
            if self.bound is not None:
                clean = clean.clamp(-self.bound, self.bound)
            report(number)
            if then is None:
                break
            values = self.schedule.add_noise(clean, self.schedule.eps_from_x0(values, clean, timestep),
                                             then.to(noise.device).expand(len(noise)))
        return clean

    @abstractmethod
    def pictures(self, outputs: Tensor) -> Tensor:
        """Outputs [n,*shape] as they are looked at: [n,H,W,3] in [0,1]."""


class Digits(Denoiser):
    """The embedded one: of scikit-learn's digits, outputs [64]."""

    bound = 1.0

    def __init__(self, teacher: digits.Denoisers):
        self.schedule, self.shape, self.teacher, self.start = digits.schedule(), (digits.PIXELS,), teacher, 350

    def ask(self, network: nn.Module, noisy: Tensor, timestep: Tensor, prompt: Tensor) -> Tensor:
        out: Tensor = network(noisy[None], timestep[None], prompt[None])[0]
        return out

    def pictures(self, outputs: Tensor) -> Tensor:
        side = round(digits.PIXELS ** 0.5)
        return ((outputs.clamp(-1, 1) + 1) / 2).view(-1, side, side, 1).expand(-1, -1, -1, 3)
