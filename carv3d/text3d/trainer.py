"""The training step and the loop around it, in data order."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from carv3d import carv
from carv3d.cameras import Cameras
from carv3d.carv import adapt
from carv3d.carv.choose_k import Account
from carv3d.carv.estimate import ValueFn
from carv3d.config.schema import Config
from carv3d.diffusion.flops import Networks
from carv3d.diffusion.guidance import branches
from carv3d.diffusion.teacher import Teacher
from carv3d.objectives.csd import csd
from carv3d.objectives.learner import Learner
from carv3d.objectives.sds import sds
from carv3d.objectives.vsd import vsd
from carv3d.runtime.distributed import World
from carv3d.runtime.memory import Chunks
from carv3d.scenes.base import Scene
from carv3d.text3d.timer import StationTimer

FIRST_K = 4  # of estimator.k=auto, until the first measurement


@dataclass
class Trainer:
    """Everything a step works on. scenes: VSD's particles, one otherwise; ``scene`` is the one whose turn it is.
    ``ledger`` counts what was spent, by all processes of the world and over all resumed parts of a run."""

    config: Config
    scenes: list[Scene]
    teacher: Teacher
    optimizer: torch.optim.Optimizer
    device: torch.device
    learner: Learner | None = None
    world: World = field(default_factory=World)
    ledger: dict[str, int] = field(default_factory=lambda: dict.fromkeys(
        ("steps", "renders", "encodes", "draws", "teacher_evals", "lora_draws", "nonfinite_steps"), 0))

    def __post_init__(self) -> None:
        self.scene = self.scenes[0]
        self.base_lr = [group["lr"] for group in self.optimizer.param_groups]
        self.weight = self.teacher.schedule.weighting(self.config.objective.weighting)
        self.k = FIRST_K if self.config.estimator.k == "auto" else self.config.estimator.k
        self.account = Account()
        self.timer = StationTimer(self.device)
        self.chunks = Chunks("teacher", self.config.estimator.chunk, self.device)
        self.adaptive = adapt.start(self.signature())
        self._proposal: tuple[tuple[int, int], carv.Proposal] | None = None
        self._networks: Networks | None = None
        if self.config.budget.flops:
            self.ledger["flops"] = 0

    @property
    def measures_cost(self) -> bool:
        return self.config.estimator.k == "auto" and self.config.estimator.cost.source == "measured"

    def signature(self) -> str:
        """What the norms of draws depend on besides the scene and the timestep."""
        objective = self.config.objective
        return f"{objective.type} {objective.guidance_scale} {objective.weighting}"

    def proposal(self, step: int) -> carv.Proposal:
        """q(t) of a step. Fixed proposals are remade only when the range of timesteps moves."""
        count = self.teacher.schedule.timesteps
        shares = self.config.objective.t_min.at(step), self.config.objective.t_max.at(step)
        bounds = tuple(min(round(share * count), count - 1) for share in shares)
        estimator = self.config.estimator
        if estimator.importance_sampling and estimator.proposal == "adaptive":
            return adapt.propose(self.adaptive, carv.uniform_target(count, *bounds), self.weight)
        if self._proposal is None or self._proposal[0] != bounds:
            importance = None
            if estimator.importance_sampling and estimator.proposal == "weight":
                importance = self.weight.cpu()
            elif estimator.importance_sampling:
                table = torch.tensor(estimator.table, dtype=torch.float64)
                importance = table[torch.arange(count) * len(table) // count]
            self._proposal = bounds, carv.make_proposal(carv.uniform_target(count, *bounds), importance)
        return self._proposal[1]

    def value(self, condition: Any, cameras: Cameras, latents: Tensor) -> ValueFn:
        """The objective's value function for detached latents."""
        objective = self.config.objective
        given = (self.teacher, condition, latents, self.weight, objective.guidance_scale)
        if self.learner is None:
            return (sds if objective.type == "sds" else csd)(*given)
        c2w, score = cameras.c2w, self.learner.score
        return vsd(*given, lambda noisy, timestep, view: score(noisy, timestep, condition, view, c2w))

    def estimate(self, value: ValueFn, draws: carv.Draws) -> carv.Estimate:
        """The mean over draws, in chunks that fit memory."""
        return self.chunks.run(lambda chunk: carv.estimate(value, draws, chunk), draws.per_item)

    @property
    def evaluations(self) -> int:
        """Rows of the UNet behind a draw: the teacher's branches, and VSD's own score."""
        objective = self.config.objective
        needed = ("uncond", "cond") if objective.type == "csd" else branches(objective.guidance_scale)
        return self.teacher.evaluations(needed) + (self.learner is not None)

    def count(self, **spent: int) -> None:
        """Enter what was spent; draws bring their teacher evaluations along."""
        for name, number in spent.items():
            self.ledger[name] += number
        rows = spent.get("draws", 0) * self.evaluations
        self.ledger["teacher_evals"] += rows
        if self.config.budget.flops:
            work = self.world.mean({"view": self.scene.work})["view"]
            self.ledger["flops"] += round(spent.get("renders", 0) * work) + self.networks.spent(
                encodes=spent.get("encodes", 0), teacher_evals=rows, lora_draws=spent.get("lora_draws", 0))

    @property
    def networks(self) -> Networks:
        """What a row and an encode cost, counted when first asked for: no network's cost depends on the picture's size,
        which the teacher chooses, but the exact teacher's, which has no network."""
        if self._networks is None:
            size = (round(schedule.at(0)) for schedule in (self.config.data.height, self.config.data.width))
            self._networks = Networks.of(self.teacher, *size, self.device)
        return self._networks

    def require_agreement(self) -> None:
        """RuntimeError unless all processes hold the same parameters: nothing else would show that they drifted."""
        learned = self.learner.score.parameters() if self.learner else ()
        self.world.require_same([*(p for scene in self.scenes for p in scene.parameters()), *learned])

    def state(self) -> dict[str, Any]:
        return {"scenes": [scene.state_dict() for scene in self.scenes], "optimizer": self.optimizer.state_dict(),
                "learner": self.learner.state() if self.learner else None, "ledger": dict(self.ledger), "k": self.k,
                "chunk": self.chunks.size, "account": asdict(self.account), "adaptive": self.adaptive.state(),
                "station_ms": dict(self.timer.ms) if self.measures_cost else {}}

    def load_state(self, state: dict[str, Any]) -> None:
        for scene, saved in zip(self.scenes, state["scenes"], strict=True):
            scene.load_state_dict(saved)
        if self.learner:
            self.learner.load_state(state["learner"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.ledger.update(state["ledger"])
        self.chunks.size = state["chunk"]
        self.k, self.account = state["k"], Account(**state["account"])
        self.adaptive = adapt.Adaptive(**state["adaptive"])
        self.timer.ms.update(state["station_ms"])


@contextmanager
def preserved(trainer: Trainer) -> Iterator[None]:
    """Whatever happens to the trainer within is undone."""
    state, config, scene = copy.deepcopy(trainer.state()), trainer.config, trainer.scene
    try:
        yield
    finally:
        trainer.config, trainer.scene = config, scene
        trainer.load_state(state)
        trainer.optimizer.zero_grad(set_to_none=True)
