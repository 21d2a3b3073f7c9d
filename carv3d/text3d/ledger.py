"""What a run has spent, by all processes of its world and over all its resumed parts."""

from __future__ import annotations

import torch

from carv3d.config.schema import Config
from carv3d.diffusion.flops import Networks
from carv3d.diffusion.teacher import Teacher
from carv3d.runtime.distributed import World
from carv3d.scenes.base import Scene

COUNTS = ("steps", "renders", "encodes", "draws", "teacher_evals", "lora_draws", "nonfinite_steps")


class Ledger(dict[str, int]):
    """Counts by name; with ``budget.flops`` also floating-point operations, a model (``diffusion.flops``).

    evaluations: rows through the denoiser behind one draw.
    """

    def __init__(self, config: Config, teacher: Teacher, evaluations: int, device: torch.device, world: World):
        super().__init__(dict.fromkeys(COUNTS, 0))
        self.config, self.teacher, self.evaluations = config, teacher, evaluations
        self.device, self.world = device, world
        self._networks: Networks | None = None
        if config.budget.flops:
            self["flops"] = 0

    def spend(self, scene: Scene, **spent: int) -> None:
        """Enter what was spent on a scene; draws bring their teacher evaluations along."""
        for name, number in spent.items():
            self[name] += number
        rows = spent.get("draws", 0) * self.evaluations
        self["teacher_evals"] += rows
        if "flops" in self:
            work = self.world.mean({"view": scene.work})["view"]
            self["flops"] += round(spent.get("renders", 0) * work) + self.networks.spent(
                encodes=spent.get("encodes", 0), teacher_evals=rows, lora_draws=spent.get("lora_draws", 0))

    @property
    def networks(self) -> Networks:
        """What a row and an encode cost, counted when first asked for: no network's cost depends on the image's size,
        which the teacher chooses, but the exact teacher's, which has no network."""
        if self._networks is None:
            height, width = (round(schedule.at(0)) for schedule in (self.config.data.height, self.config.data.width))
            self._networks = Networks.of(self.teacher, height, width, self.device)
        return self._networks
