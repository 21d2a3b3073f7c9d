"""Everything that a training step works on, as declared parts, and what a checkpoint keeps of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from carv3d import carv
from carv3d.carv.choose_k import FIRST_K, Way
from carv3d.config.schema import Config
from carv3d.diffusion.teacher import Teacher
from carv3d.objectives.base import Objective
from carv3d.runtime.distributed import World
from carv3d.runtime.errors import UserError
from carv3d.runtime.memory import Chunks
from carv3d.runtime.states import load_optimizer, require_alike
from carv3d.runtime.types import State
from carv3d.scenes.base import Scene
from carv3d.text3d.ledger import Ledger
from carv3d.text3d.probe import Probe


@dataclass
class Trainer:
    """scenes: VSD's particles, trained in turn; one otherwise. base_lr: rates of the optimiser's groups, before
    ``optimizer.lr_scale``. sampler: K, proposal, strata and noise of the scene's gradient. chunks: how many draws go
    through the teacher at once. probe: how a step draws, and what was measured to choose it. viewed: views of the
    training steps so far."""

    config: Config
    scenes: Sequence[Scene]
    teacher: Teacher
    objective: Objective
    optimizer: torch.optim.Optimizer
    device: torch.device
    world: World
    base_lr: list[float]
    weight: Tensor
    sampler: carv.Sampler
    ledger: Ledger
    chunks: Chunks
    probe: Probe
    viewed: int = 0

    @classmethod
    def of(cls, config: Config, scenes: Sequence[Scene], teacher: Teacher, objective: Objective,
           optimizer: torch.optim.Optimizer, device: torch.device, world: World | None = None,
           base_lr: list[float] | None = None) -> Trainer:
        """The parts that follow from the configuration, fresh. base_lr: those in the optimiser by default."""
        world = world or World()
        rates = base_lr or [group["lr"] for group in optimizer.param_groups]
        weight = objective.weight
        return cls(config, scenes, teacher, objective, optimizer, device, world, rates, weight,
                   sampler_of(config, weight), Ledger(config, teacher, objective.evaluations, device, world),
                   Chunks("teacher", config.estimator.chunk, device),
                   Probe(first_way(config, world.size * teacher.views_per_item)))

    def variant(self, config: Config, scenes: Sequence[Scene] | None = None) -> Trainer:
        """Another configuration of the estimator on the same scenes, teacher and optimiser, with parts of its own:
        what it spends, learns and measures stays with it."""
        made = Trainer.of(config, scenes or self.scenes, self.teacher, self.objective, self.optimizer, self.device,
                          self.world, self.base_lr)
        if config.estimator.chunk == self.config.estimator.chunk:
            made.chunks.size = self.chunks.size
        return made

    @property
    def scene(self) -> Scene:
        """The first scene, which is the only one but for VSD's particles."""
        return self.scenes[0]

    def turn(self, step: int) -> tuple[int, Scene]:
        """Which scene a step trains, and how many steps that scene has had before."""
        count, which = divmod(step, len(self.scenes))
        return count, self.scenes[which]

    def target(self, step: int) -> Tensor:
        """p(t) of a step: uniform between t_min and t_max."""
        count = self.teacher.schedule.timesteps
        shares = self.config.objective.t_min.at(step), self.config.objective.t_max.at(step)
        low, high = (min(round(share * count), count - 1) for share in shares)
        return carv.uniform_target(count, low, high)

    def way(self, step: int) -> Way:
        """How a step draws: as given, as was chosen last, or as a measurement under way wants it."""
        if self.probe.queue:
            return self.probe.queue[0]
        return Way(self.probe.present.items, self.config.estimator.k_at(step) or self.probe.present.k)

    @property
    def pace(self) -> float:
        """Factor on every rate: where a run chooses B, the square root of B over what it began with. So the noise that
        Adam leaves in the scene stays the same whatever B (Malladi et al., arXiv 2205.10287)."""
        if self.config.data.batch_size != "auto":
            return 1.0
        return math.sqrt(self.probe.present.items / first_way(self.config, self.least).items)

    @property
    def least(self) -> int:
        """Fewest views of a step, which all its numbers of views are multiples of: an item for each rank."""
        return self.world.size * self.teacher.views_per_item

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Everything the optimiser moves."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def gradient(self) -> Tensor:
        """Of all parameters, [P], zero where none came."""
        return torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
                          for p in self.parameters])

    def require_agreement(self) -> None:
        """RuntimeError unless all processes hold the same parameters: nothing else would show that they drifted.
        UserError unless they run the same code: of backends chosen by ``auto``, one may work here and not there."""
        own = [scene.backends for scene in self.scenes]
        if self.world.any(self.world.first(own) != own):
            raise UserError(f"the ranks chose different backends, this one {own[0]}; name one that works on all of "
                            "them (scene.TYPE.*_backend), or see with carv3d doctor what is wrong on the others")
        self.world.require_same([*(p for scene in self.scenes for p in scene.parameters()),
                                 *self.objective.parameters()])

    def state(self) -> State:
        """What a checkpoint keeps: plain numbers and tensors. Amid a measurement it waits for the device."""
        return {"scenes": [scene.state_dict() for scene in self.scenes], "optimizer": self.optimizer.state_dict(),
                "learner": self.objective.state(), "ledger": dict(self.ledger), **self.sampler.state(),
                "chunk": self.chunks.size, "viewed": self.viewed, "probe": self.probe.state()}

    def load_state(self, state: State) -> None:
        """Take up what ``state`` gave; an error, of many kinds, where it is not the state of such a trainer."""
        own = self.state()
        for name in ("k", "adaptive"):
            require_alike(own[name], state[name], name)
        if any(type(count) is not int for count in state["ledger"].values()):
            raise ValueError("the ledger holds what is no count")
        if state["k"] < 1 or not (state["chunk"] is None or type(state["chunk"]) is int and state["chunk"] >= 0):
            raise ValueError("k or chunk is no number of draws")
        for scene, saved in zip(self.scenes, state["scenes"], strict=True):
            scene.load_state_dict(saved)
        if state["learner"] is not None:
            self.objective.load_state(state["learner"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.ledger.update(state["ledger"])
        self.sampler.load_state(state)
        self.chunks.size = state["chunk"]
        self.viewed = state.get("viewed", state["ledger"]["steps"] * self.probe.present.items)  # of older checkpoints
        self.probe = Probe.of(state["probe"]) if "probe" in state else Probe(Way(self.probe.present.items, state["k"]))


def first_way(config: Config, least: int) -> Way:
    """How the first step draws, where that is chosen: about four views, a multiple of ``Trainer.least``."""
    items = config.data.first_batch
    return Way(items if items % least == 0 else least, config.estimator.k_at(0) or FIRST_K)


def sampler_of(config: Config, weight: Tensor) -> carv.Sampler:
    """The estimator that a configuration describes. weight: w(t), [T], on the residual."""
    own, objective = config.estimator, config.objective
    importance: Tensor | str | None = None
    if own.importance_sampling and own.proposal == "adaptive":
        importance = "adaptive"
    elif own.importance_sampling and own.proposal == "weight":
        importance = weight.cpu()
    elif own.importance_sampling:
        table = torch.tensor(own.table, dtype=torch.float64)
        importance = table[torch.arange(len(weight)) * len(table) // len(weight)]
    return carv.Sampler(
        own.k_at(0) or FIRST_K, importance=importance, base=weight, stratified=own.stratified,
        noise=own.noise, signature=f"{objective.type} {objective.guidance_scale} {objective.weighting}")


def with_options(config: Config, **sections: State) -> Config:
    """A configuration with some options of some sections replaced: with_options(c, data={"batch_size": 1})."""
    return replace(config, **{name: replace(getattr(config, name), **own) for name, own in sections.items()})


@contextmanager
def preserved(trainer: Trainer) -> Iterator[None]:
    """Whatever happens to the trainer's scenes and optimiser within is undone."""
    state = copy.deepcopy(trainer.state())
    try:
        yield
    finally:
        trainer.load_state(state)
        trainer.optimizer.zero_grad(set_to_none=True)
