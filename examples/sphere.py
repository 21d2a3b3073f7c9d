"""A scene of your own: a signed-distance shape that starts as a sphere and trains, with a colour at every point.

    python -m carv3d train scene.type=sphere:Sphere scene.options.radius=0.4 prompt="a red mushroom"

Its density is VolSDF's (Yariv et al., arXiv 2106.12052, Eq. 2-3): Laplace's distribution function of minus the distance
over beta, times 1 / beta, so that a smaller beta means a harder surface. Distance and colour are trilinear on a grid;
unlike in the paper no term keeps the gradient's norm at 1, so the values are distances at the start alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.cameras import Cameras, RenderOut
from carv3d.config import option
from carv3d.scenes.base import WHOLE, Scene


class Sphere(Scene):
    """sdf: [1,1,R,R,R], distances to the surface, world units, negative inside. colour: [1,3,R,R,R], logits."""

    @dataclass
    class Options:
        radius: float = option(0.4, "of the sphere it starts as, world units; the box reaches to 1", gt=0, le=0.9)
        resolution: int = option(32, "grid points along each axis", ge=2, le=256)
        beta: float = option(0.05, "softness of the surface, world units", gt=0)
        samples: int = option(48, "along each ray", ge=2)

    rates = {"sdf": 0.005, "colour": 0.05}  # the trainable attributes, each with Adam's rate: optimizer.rates.sdf=...
    formats = ("glb", "obj")  # what carv3d export can write of it; needs ``field``

    def __init__(self, options: Options, *, device: torch.device | str, generator: torch.Generator) -> None:
        super().__init__()
        self.options = options
        axis = torch.linspace(-self.bound, self.bound, options.resolution)
        z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")  # grid_sample reads points xyz from a volume zyx
        distance = (x.square() + y.square() + z.square()).sqrt() - options.radius
        colour = 0.1 * torch.randn(1, 3, *distance.shape, generator=generator)
        self.sdf, self.colour = nn.Parameter(distance[None, None].to(device)), nn.Parameter(colour.to(device))

    def field(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density [P], 1 / world unit, and colour [P,3] in [0,1] at points [P,3]; nothing outside the box."""
        volume, where = torch.cat([self.sdf, self.colour], 1), (points / self.bound)[None, None, None]
        found = F.grid_sample(volume, where, align_corners=True, padding_mode="border")[0, :, 0, 0]  # [4,P]
        beta = self.options.beta
        far = torch.exp(-found[0].abs() / beta) / 2
        density = torch.where(found[0] < 0, 1 - far, far) / beta
        return density * (points.abs().amax(1) <= self.bound), found[1:].T.sigmoid()

    def render(self, cameras: Cameras, background: Tensor, generator: torch.Generator | None = None,
               part: slice = WHOLE) -> RenderOut:
        """Emission and absorption at equal steps through the ball around the box; the generator is not needed."""
        cameras, background = cameras[part], background[part].to(self.device)
        origins, directions = cameras.to(self.device).rays()  # [B,H,W,3] each
        reach, count = self.bound * 3**0.5, self.options.samples
        step = 2 * reach / count
        along = torch.linspace(-reach + step / 2, reach - step / 2, count, device=self.device)
        middle = -(origins * directions).sum(-1, keepdim=True)  # of the ray's way through the ball
        distance = (middle + along).clamp_min(0)  # [B,H,W,N]
        points = origins[..., None, :] + distance[..., None] * directions[..., None, :]
        density, colour = self.field(points.view(-1, 3))
        thickness = density.view_as(distance) * step
        light = torch.exp(thickness - thickness.cumsum(-1))  # that is left where a sample begins
        weight = light * -torch.expm1(-thickness)
        opacity = weight.sum(-1, keepdim=True)
        rgb = (weight[..., None] * colour.view_as(points)).sum(-2) + (1 - opacity) * background[:, None, None]
        depth = (weight * distance).sum(-1, keepdim=True) / opacity.clamp_min(1e-6)
        return RenderOut(rgb, opacity, depth)
