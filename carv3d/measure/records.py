"""The raw numbers of a measurement, as they are collected and before any statistics."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from torch import Tensor

from carv3d import carv
from carv3d.carv import Design
from carv3d.carv import noise as noises

PROPOSALS = ("uniform", "weight", "adaptive", "oracle")
TIMED_ITEMS = (1, 2)  # numbers of items (views, or groups that a teacher looks at together) whose whole steps are timed
SCOPE_BATCH = 4  # items of the batches on which per-render strata meet global ones


@dataclass(frozen=True)
class Settings:
    cameras: int
    replicates: int
    k: tuple[int, ...]

    @property
    def designs(self) -> list[Design]:
        """Every combination that K allows; one draw of one view has no strata and no noise mode."""
        return [Design(*how, k) for k in self.k for how in itertools.product(PROPOSALS, (False, True), noises.MODES)
                if noises.allows(how[2], k) and (k > 1 or how[1:] == (False, "iid"))]

    @property
    def batches(self) -> int:
        return max(self.cameras // 2, 2)

    def sets(self, k: int) -> int:
        """Replicates of a set of K: as many draws for small K as for the largest."""
        return self.replicates * (max(self.k) // k)


@dataclass(frozen=True)
class CameraRow:
    """One camera's unbiased contributions. within: variance of a set's mean, per design. noise: to S_N. halves: [2,m],
    sketched gradient means of two independent halves of all its draws."""

    within: dict[Design, float]
    noise: float
    halves: Tensor


@dataclass
class Measured:
    """The raw numbers of one state of a scene; a phase that did not run has left its field empty.

    rms: [T], root mean square of ||f|| around each timestep, latent space. timings: (B,K) -> ms of whole steps without
    housekeeping, which is the scene's own update, ms of each. strata: B -> sketched halves [2,m] of batches with camera
    strata. scope: K -> (per-render strata, global strata), within variance of batches of SCOPE_BATCH views.
    """

    step: int
    width: int
    height: int
    settings: Settings
    proposals: dict[str, carv.Proposal] = field(default_factory=dict)
    rms: Tensor | None = None
    timings: dict[tuple[int, int], list[float]] = field(default_factory=dict)
    housekeeping: list[float] = field(default_factory=list)
    cameras: list[CameraRow] = field(default_factory=list)
    strata: dict[int, list[Tensor]] = field(default_factory=dict)
    scope: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
