"""One estimator's way of drawing, with what its draws have taught it: K, proposal, strata, noise and adaptation."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from carv3d.carv import adapt
from carv3d.carv.draws import Draws, draw
from carv3d.carv.noise import noise_mode
from carv3d.carv.proposal import Proposal, make_proposal

ADAPTIVE = "adaptive"


class Design(NamedTuple):
    """How the K draws of one item are made. proposal: a name. noise: iid, antithetic or zero_sum."""

    proposal: str
    stratified: bool
    noise: str
    k: int


class Sampler:
    """Draws K timesteps and noises for each of B items, and learns from the norms of what came out of them.

    k: draws per item. importance: None draws from p itself; a tensor [T] from q proportional to p x importance;
    "adaptive" from a proposal fitted to past draws (``carv.adapt``). base: [T], the known factor of the values' norms,
    such as w(t), which the adaptive fit divides out; ones by default. stratified: one timestep per stratum of q. noise:
    iid, antithetic, zero_sum, or auto, which depends on K (see ``noise_mode``). signature: what the norms depend on
    besides item and timestep; a state saved under another signature is forgotten.

        sampler = carv.Sampler(4, importance="adaptive", base=weight)
        draws = sampler.draw(items, shape, target, time_generator=..., noise_generator=...)
        estimate = carv.estimate(value, draws)
        sampler.observe(draws.timestep, estimate.squared_norm)    # for the next step: this one stays unbiased
    """

    def __init__(self, k: int, *, importance: Tensor | str | None = None, base: Tensor | None = None,
                 stratified: bool = True, noise: str = "auto", signature: str = ""):
        if isinstance(importance, str) and importance != ADAPTIVE:
            raise ValueError(f"importance must be None, a tensor or {ADAPTIVE!r}, got {importance!r}")
        self.k, self.stratified, self.noise = k, stratified, noise
        self.base, self.signature = base, signature
        self.adapts = isinstance(importance, str)
        self._importance = None if isinstance(importance, str) else importance
        self._adaptive = adapt.start(signature)
        self._late: adapt.Late | None = None
        self._bases: dict[torch.device, Tensor] = {}  # base on each device that asked for it
        self._fixed: tuple[Tensor, Proposal] | None = None  # of the latest target

    def proposal(self, target: Tensor) -> Proposal:
        """q(t) for the target p, [T]. Fixed proposals are made again only when the target changes."""
        if self.adapts:
            self.base = torch.ones(len(target)) if self.base is None else self.base
            return adapt.propose(self._adaptive, target, self._base(torch.device("cpu")))
        if self._fixed is None or not torch.equal(self._fixed[0], target):
            self._fixed = target, make_proposal(target, self._importance)
        return self._fixed[1]

    def design(self, k: int | None = None, proposal: str = "own") -> Design:
        """What a set of k draws (K by default) of one item alone is: one draw has neither strata nor a noise mode."""
        k = self.k if k is None else k
        return Design(proposal, self.stratified and k > 1, noise_mode(self.noise, k), k)

    def draw(self, items: int, shape: tuple[int, ...], target: Tensor, *, k: int | None = None,
             time_generator: torch.Generator, noise_generator: torch.Generator) -> Draws:
        """The draws of a step: k (K by default) for each item, the noise of each of ``shape``."""
        k = self.k if k is None else k
        return draw(items, k, shape, self.proposal(target), stratified=self.stratified,
                    noise=noise_mode(self.noise, k), time_generator=time_generator, noise_generator=noise_generator)

    def observe(self, timestep: Tensor, squared_norm: Tensor) -> None:
        """What a step's draws taught, for later steps: timestep [B,K], squared_norm [B,K] of their values.

        On a CUDA device it reaches the proposal one step later than on a CPU, so that the host need not wait for it:
        the proposal of a step is made of the draws of all steps but the latest, and its estimate unbiased as ever.
        """
        if not self.adapts or self.base is None:
            return
        self._settle()
        sums = adapt.sums_of(timestep, squared_norm, self._base(squared_norm.device))
        if sums.device.type == "cuda":
            self._late = adapt.Late(sums)
        else:
            self._adaptive = adapt.learn(self._adaptive, sums, self.signature)

    def _settle(self) -> None:
        """Learn from the sums that were on their way."""
        if self._late is not None:
            self._adaptive = adapt.learn(self._adaptive, self._late.sums(), self.signature)
            self._late = None

    def _base(self, device: torch.device) -> Tensor:
        assert self.base is not None  # proposal gives it before anything asks
        if device not in self._bases:
            self._bases[device] = self.base.to(device)
        return self._bases[device]

    def state(self) -> dict[str, Any]:
        """Plain numbers and tensors: what a checkpoint keeps. late, where there are any: sums of which the proposal has
        not been told yet."""
        state = {"k": self.k, "adaptive": self._adaptive.state()}
        return state if self._late is None else {**state, "late": self._late.sums()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what ``state`` gave, from whatever device it was loaded to. ValueError for sums of another shape."""
        adaptive, late = state["adaptive"], state.get("late")  # of older checkpoints: none
        self.k = state["k"]
        self._adaptive = adapt.Adaptive(adaptive["slow"].cpu(), adaptive["fast"].cpu(), adaptive["signature"])
        if late is not None and late.shape != adaptive["slow"].shape:
            raise ValueError(f"late must be {list(adaptive['slow'].shape)}, got {list(late.shape)}")
        self._late = None if late is None else adapt.Late(late.cpu())
