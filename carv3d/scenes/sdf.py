"""A surface: a signed distance on the NeRF's hash grid and MLP, with the density of VolSDF (arXiv 2106.12052)."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.cameras import RenderOut
from carv3d.config.scenes import SdfConfig
from carv3d.config.traits import SdfTraits
from carv3d.runtime.devices import moved
from carv3d.runtime.types import State
from carv3d.scenes.kernels.rays import fused
from carv3d.scenes.kernels.rays.fused import INSET, Field
from carv3d.scenes.nerf import CHUNK_RAYS, NeRF
from carv3d.scenes.starts import Points

ANYWHERE = 0.25  # share of the eikonal's points that lie anywhere in the box; the others lie in occupied cells
FIT_STEPS, FIT_POINTS = 500, 8192  # of the fit to another scene, points a step
FIT_UNIT, FIT_COLOURS = 0.02, 0.05  # world units: an error of 1; the distance up to which colours count


def laplace(depth: Tensor, beta: float) -> Tensor:
    """Density [N] at ``depth`` [N] below a surface, negative above it: the Laplace distribution's cumulative function
    over beta (VolSDF, eqs. 2 and 3, with alpha = 1 / beta) around INSET beta; 0 far outside, 1 / beta far inside.

    INSET is 0 in VolSDF. An object's outline then lies two or three beta outside its surface, as a ray that grazes it
    runs far through the thin fog there: fitted to images, the surface comes out too small by that (docs/surfaces.md).
    """
    inside = depth - INSET * beta
    tail = 0.5 * (-inside.abs() / beta).exp()
    return torch.where(inside > 0, 1 - tail, tail) / beta


class Sdf(SdfTraits, NeRF):
    """A NeRF whose network gives, in place of the log density, the depth below a surface: minus a signed distance.

    It starts as a sphere, |x| - radius, that the network's first output bends, ``reach`` world units for one of it.
    options: see ``config.scenes.SdfConfig``.

    steps: that it has had; beta and the levels in use follow from it.
    """

    section = "scene.sdf"
    steps: Tensor

    def __init__(self, options: SdfConfig, *, device: torch.device | str = "cpu", generator: torch.Generator) -> None:
        super().__init__(options, device=device, generator=generator)
        self.options = options
        self.register_buffer("steps", torch.zeros((), dtype=torch.long, device=self.device))
        self._now = 0  # steps, known without asking the device
        self._cells: Tensor | None = None  # occupied ones [C,3], until they change

    @classmethod
    def make(cls, options: SdfConfig, *, device: torch.device, generator: torch.Generator,
             points: Points | None = None) -> Sdf:
        scene = cls(options, device=device, generator=generator)
        if points is not None:
            scene.fit(*points, generator=generator)
        return scene

    # --- the field ---

    @property
    def beta(self) -> float:
        return self.options.beta.at(self._now)

    @property
    def levels(self) -> int:
        """Of the hash grid, in use."""
        return min(int(self.options.active_levels.at(self._now)), len(self.encoding.resolution))

    def weights(self) -> tuple[Tensor, ...]:
        """Of the MLP, for the levels in use, its first output in world units."""
        first, *inner, last = self.mlp
        used = self.levels * self.encoding.features
        return first[:, :used], *inner, torch.cat([last[:1] * self.options.reach, last[1:]])

    def as_density(self, first: Tensor) -> Tensor:
        return laplace(first, self.beta)

    def _field(self) -> Field:
        levels, whole = self.levels, super()._field()
        return dataclasses.replace(whole, resolution=whole.resolution[:levels], row=whole.row[:levels + 1],
                                   beta=self.beta)

    @torch.no_grad()
    def distance(self, points: Tensor) -> Tensor:
        """Signed distance [N] to the surface at points [N,3] within the box, negative inside, without gradient."""
        if self.fused:
            return -fused.density(points, dataclasses.replace(self._field(), beta=-1.0))
        return -torch.cat([self.network(part)[0] for part in points.split(CHUNK_RAYS * 16)])

    # --- training ---

    def penalties(self, names: Collection[str], generator: torch.Generator, out: RenderOut) -> dict[str, Tensor]:
        """As a NeRF's; and eikonal: squared departure of the distance's slope from 1, at random points (arXiv
        2002.10099)."""
        terms = super().penalties(names, generator, out)
        if "eikonal" in names:
            terms["eikonal"] = (self.gradient(self._anywhere(generator)).norm(dim=-1) - 1).square()
        return terms

    def _anywhere(self, generator: torch.Generator) -> Tensor:
        """Points [P,3]: most in occupied cells, the rest in the box, all far enough from its border for a slope."""
        count, edge = self.options.eikonal_points, self.bound - self.spacing
        points = torch.rand(count, 3, generator=generator)
        which = torch.rand(count, generator=generator)
        if self._cells is None:
            self._cells = self.occupied.nonzero()
        cells, size = self._cells, len(self.occupied)
        points, which = moved(points, self.device), moved(which, self.device)
        if len(cells):
            chosen = cells[((which - ANYWHERE) / (1 - ANYWHERE) * len(cells)).long().clamp(0, len(cells) - 1)]
            points = torch.where((which < ANYWHERE)[:, None], points, (chosen + points) / size)
        return ((points * 2 - 1) * self.bound).clamp(-edge, edge)

    @torch.no_grad()
    def update(self, step: int, generator: torch.Generator, optimizer: torch.optim.Optimizer | None = None) -> None:
        """As a NeRF's, with the beta and the levels of the step to come."""
        self._now = step + 1
        self.steps.fill_(self._now)
        super().update(step, generator, optimizer)
        self._cells = None

    def fit(self, points: Tensor, colours: Tensor, distance: Tensor, *, generator: torch.Generator) -> None:
        """Take the signed distance [N] and, near the surface, the colours [N,3] at points [N,3] of another scene."""
        points, colours, distance = (x.to(self.device) for x in (points, colours, distance))
        optimizer = torch.optim.Adam(self.parameter_groups(self.rates), betas=(0.9, 0.99), eps=1e-15)
        rates = [group["lr"] for group in optimizer.param_groups]
        for step in range(FIT_STEPS):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * (1 - step / FIT_STEPS)
            rows = torch.randint(len(points), (FIT_POINTS,), generator=generator).to(self.device)
            depth, colour = self.network(points[rows])
            off = F.huber_loss((depth + distance[rows]) / FIT_UNIT, torch.zeros_like(depth))
            near = (distance[rows].abs() < FIT_COLOURS).float()[:, None]
            wrong = ((colour.sigmoid() - colours[rows]).square() * near).sum() / near.sum().clamp_min(1)
            optimizer.zero_grad()
            (off + wrong).backward()
            optimizer.step()

    def _load_from_state_dict(self, state_dict: State, prefix: str, *rest: object) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._now, self._cells = int(self.steps), None
