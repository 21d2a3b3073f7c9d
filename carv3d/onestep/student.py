"""A student on its way: generator, its moving average, the fake score, and the training step.

DMD2 (arXiv 2405.14867) without adversarial and regression terms. The generator's gradient is E_z J_G(z)^T E_omega
[(p/q) w (mu_fake - mu_real)(x_t)], omega = (t, noise), x = G(z), w = 1 / mean |x - mu_real|, and K draws of omega are
asked of each output. It is unbiased for the fake score as it stands; how far that lags behind the generator is a bias
that no number of draws removes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from carv3d import carv
from carv3d.carv.estimate import ValueFn
from carv3d.config.onestep import DistillConfig
from carv3d.onestep.networks import Denoiser
from carv3d.runtime.rng import generator
from carv3d.runtime.states import load_optimizer
from carv3d.runtime.types import State

BETAS = (0.0, 0.99)  # of both optimisers: no momentum, as the two chase each other


@dataclass
class Ledger:
    """What was spent: outputs of the generator, those that the gradient passed through among them, rows through the
    teacher and through the fake score."""

    outputs: int = 0
    updates: int = 0
    teacher_evals: int = 0
    fake_evals: int = 0


class Student:
    """Everything that training changes. own: how. seed: of every random number."""

    def __init__(self, denoiser: Denoiser, own: DistillConfig, seed: int):
        self.denoiser, self.own, self.seed = denoiser, own, seed
        self.generator, self.fake, self.average = (copy.deepcopy(denoiser.teacher).requires_grad_(each)
                                                   for each in (True, True, False))
        self.optimizer = torch.optim.Adam(self.generator.parameters(), lr=own.lr, betas=BETAS)
        self.fake_optimizer = torch.optim.Adam(self.fake.parameters(), lr=own.fake_lr, betas=BETAS)
        steps = denoiser.schedule.timesteps
        low, high = (min(round(share * steps), steps - 1) for share in (own.t_min, own.t_max))
        self.target = carv.uniform_target(steps, low, high)
        self.sampler = carv.Sampler(own.k, importance="adaptive" if own.importance_sampling else None,
                                    stratified=own.stratified, noise=own.noise, signature="generator")
        self.ledger = Ledger()

    # --- the step -----------------------------------------------------------------------------------------------------

    def step(self, number: int) -> dict[str, Tensor]:
        """One update of the generator and ``fake_updates`` of the fake score; both losses."""
        own = self.own
        for group in self.optimizer.param_groups:
            group["lr"] = own.lr * min(1.0, (own.steps - number) / (own.steps * own.cool)) if own.cool else own.lr
        outputs = self.denoiser.generate(self.generator, self.noise(number, "outputs"))
        draws = self.draw(number)
        estimate = carv.estimate(self.value(outputs.detach()), draws)
        self.optimizer.zero_grad(set_to_none=True)
        (outputs * estimate.mean).sum().div(len(outputs)).backward()
        self.optimizer.step()
        self.sampler.observe(draws.timestep, estimate.squared_norm)
        for mean, now in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now.detach(), 1 - own.ema)
        loss = torch.stack([self._learn(number, n, outputs.detach()) for n in range(own.fake_updates)]).mean()
        self.ledger.outputs += len(outputs)
        self.ledger.updates += len(outputs)
        self.ledger.teacher_evals += draws.timestep.numel()
        self.ledger.fake_evals += draws.timestep.numel()
        return {"loss_fake": loss, "gap": estimate.mean.square().flatten(1).sum(1).sqrt().mean()}

    def value(self, outputs: Tensor) -> ValueFn:
        """The estimator's integrand for outputs [B,*shape]: which way, and how far, draws would move them."""
        net = self.denoiser

        @torch.no_grad()
        def value(index: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
            clean = outputs[index]
            noisy = net.schedule.add_noise(clean, noise, timestep)
            real, fake = (net.clean(network, noisy, timestep) for network in (net.teacher, self.fake))
            if not self.own.normalise:
                return fake - real
            size = (clean - real).flatten(1).abs().mean(1).clamp_min(1e-6)  # of each draw alone: a mean over K would
            return (fake - real) / size.view(-1, *[1] * (clean.ndim - 1))  # change what is estimated with K

        return value

    def _learn(self, number: int, update: int, same: Tensor) -> Tensor:
        """One update of the fake score, by the denoising loss on outputs; its mean."""
        own, place = self.own, number * self.own.fake_updates + update
        if own.fake_outputs == "fresh":
            with torch.no_grad():
                same = self.denoiser.generate(self.generator, self.noise(place, "fake outputs"))
            self.ledger.outputs += len(same)
        draws = carv.Sampler(1, stratified=own.stratified, noise="iid").draw(
            len(same), self.denoiser.shape, self.target, time_generator=generator(self.seed, "fake time", place),
            noise_generator=generator(self.seed, "fake noise", place))
        self.fake_optimizer.zero_grad(set_to_none=True)
        estimate = carv.estimate_loss(lambda index, t, noise: self.denoising(self.fake, same[index], t, noise), draws)
        self.fake_optimizer.step()
        self.ledger.fake_evals += len(same)
        return estimate.mean.mean()

    def denoising(self, network: nn.Module, clean: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """The squared error of the noise that a network sees, mean over each output: [n]."""
        noisy = self.denoiser.schedule.add_noise(clean, noise, timestep)
        return (self.denoiser.eps(network, noisy, timestep) - noise).square().flatten(1).mean(1)

    # --- random numbers, and what a checkpoint holds ------------------------------------------------------------------

    def noise(self, number: int, purpose: str, count: int = 0) -> Tensor:
        """What outputs are made of, [count or own.outputs, *shape]."""
        return torch.randn(count or self.own.outputs, *self.denoiser.shape,
                           generator=generator(self.seed, purpose, number))

    def draw(self, number: int) -> carv.Draws:
        return self.sampler.draw(self.own.outputs, self.denoiser.shape, self.target,
                                 time_generator=generator(self.seed, "time", number),
                                 noise_generator=generator(self.seed, "noise", number))

    def _parts(self) -> Iterator[tuple[str, nn.Module]]:
        return ((name, getattr(self, name)) for name in ("generator", "fake", "average"))

    def state(self) -> State:
        return {**{name: part.state_dict() for name, part in self._parts()}, "optimizer": self.optimizer.state_dict(),
                "fake_optimizer": self.fake_optimizer.state_dict(), "sampler": self.sampler.state(),
                "ledger": vars(self.ledger)}

    def load_state(self, state: State) -> None:
        for name, part in self._parts():
            part.load_state_dict(state[name])
        load_optimizer(self.optimizer, state["optimizer"])
        load_optimizer(self.fake_optimizer, state["fake_optimizer"])
        self.sampler.load_state(state["sampler"])
        self.ledger = Ledger(**state["ledger"])
