"""A student on its way: generator, its moving average, the fake score, and the training step.

DMD2 (arXiv 2405.14867) without adversarial and regression terms. The generator's gradient is E_z J_G(z)^T E_omega
[(p/q) w (mu_fake - mu_real)(x_t)], omega = (t, noise), x = G(z), w = 1 / mean |x - mu_real|, and K draws of omega are
asked of each output. It is unbiased for the fake score as it stands; how far that lags behind the generator is a bias
that no number of draws removes.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
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

LOOKED = 64  # outputs on which the fake score's lag is looked at, the same each time
FAKE_COOLED = 0.1  # of its rate, to which the fake score's falls: it still has to follow
BETAS = (0.0, 0.99)  # of both optimisers: no momentum, as the two chase each other


@dataclass
class Ledger:
    """What was spent: outputs of the generator, those that the gradient passed through among them, rows through the
    teacher and through the fake score. skipped: updates whose gradient was not finite."""

    outputs: int = 0
    updates: int = 0
    teacher_evals: int = 0
    fake_evals: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Start:
    """noise: [n,*shape]. prompt: [n] int64, what each output is of."""

    noise: Tensor
    prompt: Tensor


class Student:
    """Everything that training changes. own: how. seed: of every random number."""

    def __init__(self, denoiser: Denoiser, own: DistillConfig, seed: int):
        self.denoiser, self.own, self.seed = denoiser, own, seed
        self.generator, self.average = denoiser.copy(), denoiser.copy().requires_grad_(False)
        self.fake = denoiser.fake(own.fake_rank, seed)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), lr=own.lr, betas=BETAS)
        self.fake_optimizer = torch.optim.Adam(self.fake.parameters(), lr=own.fake_lr, betas=BETAS)
        steps = denoiser.schedule.timesteps
        low, high = (min(round(share * steps), steps - 1) for share in (own.t_min, own.t_max))
        self.target = carv.uniform_target(steps, low, high)
        k = own.k if isinstance(own.k, int) else 1
        self.sampler = carv.Sampler(k, importance="adaptive" if own.importance_sampling else None,
                                    stratified=own.stratified, noise=own.noise, signature="generator")
        self.reshape(own.outputs, k)
        self.ledger = Ledger()

    def reshape(self, outputs: int, k: int) -> None:
        """So many outputs in a step from now on, and draws of each."""
        self.own = dataclasses.replace(self.own, outputs=outputs, k=k)
        self.sampler.k = k

    # --- the step -----------------------------------------------------------------------------------------------------

    def step(self, number: int, progress: float) -> dict[str, Tensor]:
        """One update of the generator and ``fake_updates`` of the fake score; the fake's loss and the mean length of
        the generator's gradient. progress: the share of the training that is behind, which the rate follows."""
        made, start, gap = self.push(number, progress)
        losses = [self.learn(number * self.own.fake_updates + n, made, start) for n in range(self.own.fake_updates)]
        return {"loss_fake": torch.stack(losses).mean(), "gap": gap}

    def push(self, number: int, progress: float) -> tuple[Tensor, Start, Tensor]:
        """One update of the generator; its outputs, what they were made of, and the mean length of their gradients."""
        own, net = self.own, self.denoiser
        cooled = min(1.0, (1 - progress) / own.cool) if own.cool else 1.0
        for optimizer, rate in ((self.optimizer, own.lr * cooled), (self.fake_optimizer,
                                                                    own.fake_lr * max(cooled, FAKE_COOLED))):
            for group in optimizer.param_groups:
                group["lr"] = rate
        start, draws = self.start(number, "outputs"), self.draw(number)
        self.optimizer.zero_grad(set_to_none=True)
        made, found = [], []
        for part in self.parts():
            outputs = net.generate(self.generator, start.noise[part], start.prompt[part])
            found.append(carv.estimate(self.value(outputs.detach(), start.prompt[part]), draws.part(part)))
            (outputs * found[-1].mean).sum().div(own.outputs).backward()
            made.append(outputs.detach())
        self._update(self.optimizer)
        self.sampler.observe(draws.timestep, torch.cat([each.squared_norm for each in found]))
        for mean, now in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now.detach(), 1 - own.ema)
        rows = draws.timestep.numel()
        self.ledger.outputs += own.outputs
        self.ledger.updates += own.outputs
        self.ledger.teacher_evals += rows * net.branches
        self.ledger.fake_evals += rows
        return torch.cat(made), start, torch.cat([each.mean for each in found]).square().flatten(1).sum(1).sqrt().mean()

    def value(self, outputs: Tensor, prompt: Tensor) -> ValueFn:
        """The estimator's integrand for outputs [B,*shape]: which way, and how far, draws would move them."""
        net = self.denoiser

        @torch.no_grad()
        def value(index: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
            clean, told = outputs[index], prompt[index]
            noisy = net.schedule.add_noise(clean, noise, timestep)
            real, fake = net.real(noisy, timestep, told), net.clean(self.fake, noisy, timestep, told)
            if not self.own.normalise:
                return fake - real
            size = (clean - real).flatten(1).abs().mean(1).clamp_min(1e-6)  # of each draw alone: a mean over K would
            return (fake - real) / size.view(-1, *[1] * (clean.ndim - 1))  # change what is estimated with K

        return value

    def learn(self, place: int, outputs: Tensor, start: Start) -> Tensor:
        """The fake score's update number ``place``, by the denoising loss on outputs: these, or fresh ones. The loss.
        """
        net, fresh = self.denoiser, self.own.fake_outputs == "fresh"
        if fresh:
            start = self.start(place, "fake outputs")
            outputs = self.made(self.generator, start)
            self.ledger.outputs += len(outputs)
        draws = carv.Sampler(1, stratified=self.own.stratified, noise="iid").draw(
            len(outputs), net.shape, self.target, time_generator=self._random("fake time", place),
            noise_generator=self._random("fake noise", place))
        self.fake_optimizer.zero_grad(set_to_none=True)
        losses = []
        for part in self.parts():
            clean, told = outputs[part], start.prompt[part]
            losses.append(carv.estimate_loss(
                lambda index, t, noise: net.denoising(self.fake, clean[index], t, noise, told[index]),
                draws.part(part), items=len(outputs)).mean)
        self._update(self.fake_optimizer)
        self.ledger.fake_evals += len(outputs)
        return torch.cat(losses).mean()

    def _update(self, optimizer: torch.optim.Optimizer) -> None:
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if torch.isfinite(torch.nn.utils.get_total_norm(gradients)):
            optimizer.step()
        else:
            self.ledger.skipped += 1

    @property
    def bytes(self) -> int:
        """Of weights, gradients and Adam's moments; activations come on top."""
        sizes = {name: sum(p.numel() for p in network.parameters()) for name, network in self._networks()}
        teacher = sum(p.numel() * p.element_size() for p in self.denoiser.teacher.parameters())
        return 16 * (sizes["generator"] + sizes["fake"]) + 4 * sizes["average"] + teacher

    @torch.no_grad()
    def made(self, network: nn.Module, start: Start) -> Tensor:
        """Outputs of a generator."""
        return torch.cat([self.denoiser.generate(network, start.noise[part], start.prompt[part])
                          for part in self.parts(len(start.noise))])

    @torch.no_grad()
    def lag(self) -> dict[str, float]:
        """How far the fake score is behind: its denoising loss on LOOKED outputs that it has not learned on, and, since
        a score's optimum is not known, the teacher's on the same."""
        start, net = self.start(0, "lag: outputs", LOOKED), self.denoiser
        outputs = self.made(self.generator, start)
        draws = carv.Sampler(1, stratified=True, noise="iid").draw(
            LOOKED, net.shape, self.target, time_generator=self._random("lag: time", 0),
            noise_generator=self._random("lag: noise", 0))
        rows = outputs, draws.timestep[:, 0], draws.noise[:, 0], start.prompt
        return {f"loss_fresh_{name}": float(torch.cat([
            net.denoising(network, *(each[part] for each in rows)) for part in self.parts(LOOKED)]).mean())
            for name, network in (("fake", self.fake), ("teacher", net.teacher))}

    def parts(self, count: int = 0) -> list[slice]:
        """Of so many outputs, those that go through a network together."""
        count, each = count or self.own.outputs, self.own.chunk or count or self.own.outputs
        return [slice(first, first + each) for first in range(0, count, each)]

    # --- random numbers, and what a checkpoint holds ------------------------------------------------------------------

    def start(self, number: int, purpose: str, count: int = 0) -> Start:
        """What outputs are made of, as many as given or own.outputs."""
        net, count = self.denoiser, count or self.own.outputs
        prompt = torch.randint(net.prompts, (count,), generator=generator(self.seed, f"{purpose}: prompts", number))
        noise = torch.randn(count, *net.shape, generator=generator(self.seed, purpose, number))
        return Start(noise.to(net.device), prompt.to(net.device))

    def draw(self, number: int) -> carv.Draws:
        return self.sampler.draw(self.own.outputs, self.denoiser.shape, self.target,
                                 time_generator=self._random("time", number),
                                 noise_generator=self._random("noise", number))

    def _random(self, purpose: str, number: int) -> torch.Generator:
        return generator(self.seed, purpose, number, self.denoiser.device)

    @contextlib.contextmanager
    def preserved(self) -> Iterator[None]:
        """Whatever happens to the student within this is undone."""
        before = copy.deepcopy(self.state())
        try:
            yield
        finally:
            self.load_state(before)

    def _networks(self) -> Iterator[tuple[str, nn.Module]]:
        return ((name, getattr(self, name)) for name in ("generator", "fake", "average"))

    def state(self) -> State:
        return {**{name: part.state_dict() for name, part in self._networks()},
                "optimizer": self.optimizer.state_dict(), "fake_optimizer": self.fake_optimizer.state_dict(),
                "sampler": self.sampler.state(), "ledger": vars(self.ledger), "shape": [self.own.outputs, self.own.k]}

    def load_state(self, state: State) -> None:
        for name, part in self._networks():
            part.load_state_dict(state[name])
        load_optimizer(self.optimizer, state["optimizer"])
        load_optimizer(self.fake_optimizer, state["fake_optimizer"])
        self.sampler.load_state(state["sampler"])
        self.ledger = Ledger(**state["ledger"])
        self.reshape(*state["shape"])
