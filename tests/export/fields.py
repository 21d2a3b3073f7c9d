"""Scenes whose density and colour are known in closed form, for the tests of carv3d.export."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from carv3d.cameras import Cameras, RenderOut
from carv3d.scenes import ply
from carv3d.scenes.splats import Splats

CPU = torch.device("cpu")


class Silent:
    """A stage that shows no progress."""

    def add(self, _: int) -> None: ...

    def to(self, _: int) -> None: ...


def stage(_label: str, _total: int) -> AbstractContextManager:
    return nullcontext(Silent())


@dataclass
class Analytic:
    """distance: points [N,3] -> signed distance [N], negative inside. inside, outside: densities. colour: points [N,3]
    -> [N,3]. edge: a third of the width over which the density falls, world units."""

    distance: Callable[[Tensor], Tensor]
    inside: float = 100.0
    outside: float = 0.0
    colour: Callable[[Tensor], Tensor] = lambda points: (points + 1) / 2
    bound: float = 1.0
    edge: float = 0.001

    def density(self, points: Tensor) -> Tensor:
        share = torch.sigmoid(-self.distance(points) / self.edge)
        return self.outside + (self.inside - self.outside) * share

    def field(self, points: Tensor) -> tuple[Tensor, Tensor]:
        return self.density(points), self.colour(points)

    def render(self, cameras: Cameras, background: Tensor, generator: torch.Generator | None = None) -> RenderOut:
        """Plain compositing of 96 samples along the part of each ray that lies in the box."""
        origins, directions = (x[..., None, :] for x in cameras.rays())
        ends = (torch.tensor([[-self.bound], [self.bound]]) - origins) / directions[..., None, 0, :]
        near, far = ends.amin(-2).amax(-1), ends.amax(-2).amin(-1)
        step = (far - near).clamp_min(0)[..., None] / 96
        distance = near[..., None] + step * (torch.arange(96) + 0.5)
        density, rgb = self.field((origins + distance[..., None] * directions).reshape(-1, 3))
        thickness = density.view(distance.shape) * step
        before = torch.nn.functional.pad(thickness.cumsum(-1)[..., :-1], (1, 0))
        weight = (-before).exp() * -torch.expm1(-thickness)
        opacity = weight.sum(-1, keepdim=True)
        colour = (weight[..., None] * rgb.view(*distance.shape, 3)).sum(-2) + (1 - opacity) * background[:, None, None]
        depth = (weight * distance).sum(-1, keepdim=True) / opacity.clamp_min(1e-6)
        return RenderOut(colour, opacity, depth)


def ball(radius: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Callable[[Tensor], Tensor]:
    return lambda points: (points - torch.tensor(centre)).norm(dim=-1) - radius


def torus(large: float, small: float) -> Callable[[Tensor], Tensor]:
    return lambda p: torch.hypot(torch.hypot(p[:, 0], p[:, 1]) - large, p[:, 2]) - small


def either(*shapes: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda points: torch.stack([shape(points) for shape in shapes]).amin(0)


def as_others_read(path: Path) -> Splats:
    """The Gaussians of a file in its own axes: without the comment by which carv3d turns them back."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / path.name
        other.write_bytes(path.read_bytes().replace(b"comment carv3d", b"comment another"))
        return ply.read_splats(other)
