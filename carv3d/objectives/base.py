"""What an objective is to the training step: from a teacher and latents to the value function that is averaged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from carv3d.carv.estimate import ValueFn
from carv3d.config.traits import ObjectiveTraits
from carv3d.diffusion.guidance import Remedy
from carv3d.diffusion.teacher import Condition, Teacher
from carv3d.runtime.distributed import World
from carv3d.runtime.memory import Chunks
from carv3d.runtime.types import State


@dataclass(frozen=True)
class Setting:
    """What every objective is made with. weight: w(t), [T], on the residual. guidance_scale: s in uncond + s (cond -
    uncond). chunks: of its own calls of a network. world: the processes that share the run. remedy: of guidance."""

    teacher: Teacher
    weight: Tensor
    guidance_scale: float
    seed: int
    chunks: Chunks
    world: World
    remedy: Remedy = Remedy()


class Objective(ObjectiveTraits, ABC):
    """An objective without anything to learn; subclasses give ``branches`` (an attribute will do) and ``value``.

    Made as ``cls(options, setting)``, where options is an instance of the class's own ``Options``.
    """

    def __init__(self, options: Any, setting: Setting):
        self.options, self.setting, self.teacher = options, setting, setting.teacher
        self.weight, self.guidance_scale = setting.weight, setting.guidance_scale

    @property
    @abstractmethod
    def branches(self) -> tuple[str, ...]:
        """Which of the teacher's predictions, cond and uncond, a draw asks for."""

    @property
    def evaluations(self) -> int:
        """Rows through the denoiser behind one draw; for the cost model and the ledger."""
        return self.teacher.evaluations(self.branches)

    @abstractmethod
    def value(self, condition: Condition, latents: Tensor, c2w: Tensor) -> ValueFn:
        """The value function of detached latents [B,c,h,w] seen from camera matrices [B,4,4]; see ``carv.estimate``."""

    # --- what an objective that learns adds ---

    def learn(self, latents: Tensor, condition: Condition, c2w: Tensor, step: int) -> dict[str, Tensor]:
        """After the scene's own step, on the same detached latents; scalars for the log."""
        return {}

    @property
    def learning_draws(self) -> int:
        """Draws per view that ``learn`` takes."""
        return 0

    def parameters(self) -> Iterator[nn.Parameter]:
        """What it learns."""
        return iter(())

    def state(self) -> State | None:
        """For a checkpoint; None where nothing is learnt."""
        return None

    def load_state(self, state: State) -> None:
        """Take up what ``state`` gave."""
