"""How images are lit: one far light per image, half-Lambert shading, the toybox's renders and scenes in training alike.

Brightness at a surface with normal n is ambient + (1 - ambient) (1 + n.l) / 2, l the direction towards the light: a
surface that faces away keeps the ambient share, so that a normal always has a gradient. An ambient share of one is no
light at all: the image shows albedo.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.runtime.devices import moved

AZIMUTH_DEG, ELEVATION_DEG = 35.0, 50.0
"""The evaluation light; its gain is one."""

AMBIENT = 0.45
"""Brightness of a surface that faces away from the light; one that faces it has brightness 1."""

PLAIN = 0.8
"""Albedo, in every channel, of a surface shown without its own colours."""


@dataclass(frozen=True)
class Light:
    """One light per image. azimuth_deg, elevation_deg: [B], where it comes from. gain: [B,3], per colour channel.
    ambient: [B], share of the brightness that no normal changes; 1: unlit, what is seen is albedo. plain: [B] bool,
    surfaces are shown in ``PLAIN`` grey instead of their own colours."""

    azimuth_deg: Tensor
    elevation_deg: Tensor
    gain: Tensor
    ambient: Tensor
    plain: Tensor

    def __len__(self) -> int:
        return len(self.azimuth_deg)

    def __getitem__(self, index: slice | Tensor) -> Light:
        """A subset of the lights, by slice or index tensor."""
        return Light(self.azimuth_deg[index], self.elevation_deg[index], self.gain[index], self.ambient[index],
                     self.plain[index])

    def to(self, device: torch.device | str) -> Light:
        return Light(*(moved(x, device) for x in (self.azimuth_deg, self.elevation_deg, self.gain, self.ambient,
                                                  self.plain)))

    @property
    def towards(self) -> Tensor:
        """Unit vectors towards the light, [B,3], world axes."""
        azimuth, elevation = torch.deg2rad(self.azimuth_deg), torch.deg2rad(self.elevation_deg)
        flat = elevation.cos()
        return torch.stack([flat * azimuth.cos(), flat * azimuth.sin(), elevation.sin()], -1)


def light(azimuth_deg: Tensor, elevation_deg: Tensor, gain: Tensor | None = None, ambient: Tensor | float = AMBIENT,
          plain: Tensor | bool = False) -> Light:
    """B lights; what is left out is that of the evaluation light."""
    count = len(azimuth_deg)
    return Light(azimuth_deg.float(), elevation_deg.float(), torch.ones(count, 3) if gain is None else gain.float(),
                 torch.as_tensor(ambient).float().expand(count), torch.as_tensor(plain).expand(count))


def fixed(count: int, ambient: float = AMBIENT) -> Light:
    """The evaluation light for ``count`` images; with ambient 1 they are unlit."""
    return light(torch.full((count,), AZIMUTH_DEG), torch.full((count,), ELEVATION_DEG), ambient=ambient)


def brightness(normals: Tensor, lit: Light) -> Tensor:
    """What B lights make of unit normals [B,H,W,3], world axes: [B,H,W,1] in [0,1], the gain left out."""
    facing = torch.einsum("bhwc,bc->bhw", normals, lit.towards)[..., None]
    ambient = lit.ambient[:, None, None, None]
    return ambient + (1 - ambient) * 0.5 * (1 + facing)
