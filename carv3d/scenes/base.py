"""What every scene gives to the training step, so that nothing else in the step knows which scene it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from carv3d.cameras import Cameras, RenderOut
from carv3d.config.traits import SceneTraits
from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record
from carv3d.scenes.splats import Splats
from carv3d.scenes.starts import Points

Total = Callable[[Sequence[Tensor]], None]  # adds tensors up, in place, over all processes that share a step's views
WHOLE = slice(None)
BACK = 3  # work of a render with its way back, over that of one without


class Scene(SceneTraits, nn.Module, ABC):
    """A trainable scene. What a subclass must define is abstract here; the rest has an answer for a scene whose
    parameters stay the same ones and that nothing is decided about while it trains.

    backends: which code runs it and why, one phrase for the log. splats: its Gaussians, None if it is not made of them.
    work: floating-point operations for a view of the latest render with gradients, its way back included; a model.
    bound: half the side of the box it fills, world units. step: length along a ray, world units, over which its density
    makes one opacity. compiled: the name under which kernels are kept that
    ``rehearse`` compiles, empty if there are none.
    """

    backends: str = "torch"
    splats: Splats | None = None
    work: float = 0.0
    bound: float = 1.0
    step: float = 2 * 3**0.5 / 128
    compiled: str = ""

    # --- making one ---

    @classmethod
    def make(cls, options: Any, *, device: torch.device, generator: torch.Generator,
             points: Points | None = None) -> Scene:
        """A fresh scene. options: an instance of the class's ``Options``. generator: draws the initial parameters.
        points: of the run that ``starts_from`` named."""
        return cls(options, device=device, generator=generator)

    @classmethod
    def blank(cls, options: Any, *, device: torch.device) -> Scene:
        """One to load a checkpoint into; needs nothing that a fresh scene may start from."""
        return cls.make(options, device=device, generator=torch.Generator().manual_seed(0))

    @classmethod
    def rehearse(cls) -> None:
        """Run once on a tiny input whatever compiles itself for a CPU."""

    # --- training ---

    @abstractmethod
    def render(self, cameras: Cameras, background: Tensor, generator: torch.Generator | None = None,
               part: slice = WHOLE) -> RenderOut:
        """Render the views on ``background`` [B,3]. Without a generator the image is deterministic.

        part: render these of the B views alone, as they would look among all; the generator serves all.
        """

    def parameter_groups(self, lr: dict[str, float]) -> list[Record]:
        """Optimiser groups, each named, with its learning rate; lr: by the names in ``rates``. Here a name is that of
        an attribute, a parameter or a module. UserError for a name that is neither."""
        groups: list[Record] = []
        for name, rate in lr.items():
            held = getattr(self, name, None)
            if not isinstance(held, (nn.Parameter, nn.Module)):
                raise UserError(f"scene.type: {type(self).__name__} declares the rate {name}, but its attribute {name} "
                                "is no parameter or module; set it in __init__, or define parameter_groups")
            groups.append({"name": name, "lr": rate,
                           "params": list(held.parameters()) if isinstance(held, nn.Module) else [held]})
        return groups

    def penalties(self, names: Collection[str], generator: torch.Generator, out: RenderOut) -> dict[str, Tensor]:
        """Regularisers that only such a scene has, of those names of loss.lambda_NAME: each unweighted, of any shape,
        its mean counts. out: what this process has rendered in this step; the generator is the same in every process
        that shares it."""
        return {}

    def wants_halves(self, step: int) -> bool:
        """Whether this step's gradient is to come in two independent halves, with ``observe`` after each backward."""
        return False

    def observe(self, total: Total) -> None:
        """Take from the latest render's gradients what later decisions rest on, from all parts of the views."""

    def update(self, step: int, generator: torch.Generator, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Housekeeping after the optimiser's step: occupancy; density control, which replaces parameters in it."""

    # --- what exports ask ---

    def closer(self, rays: int = 0) -> AbstractContextManager[None]:
        """While it lasts, renders without gradients sample rays more densely, for pictures that people look at: in
        shading, whose normals come from depth, and in pictures of normals a coarse march shows as rings. rays: how many
        there will be, about; for many it may pay to prepare, and pictures may then differ by what nobody sees."""
        return nullcontext()

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return next(self.parameters()).device

    def field(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density [P], 1 / world unit, and colour [P,3] in [0,1] at points [P,3], world units: for meshes, and for
        scenes that start from this one. TypeError where a scene has none."""
        raise TypeError(f"{type(self).__name__} has no density field")

    def distance(self, points: Tensor) -> Tensor:
        """Signed distance [P] to its surface, negative inside, world units, at points [P,3] of its box, without
        gradient. TypeError where it knows none: its surface is then found in its density."""
        raise TypeError(f"{type(self).__name__} knows no distance")

    def density(self, points: Tensor) -> Tensor:
        """Density alone [P], without gradient."""
        with torch.no_grad():
            return self.field(points)[0]
