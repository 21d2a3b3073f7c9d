"""Light on a rendered scene: normals from its depth, and what a light makes of its albedo."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.cameras import Cameras, RenderOut
from carv3d.lights import PLAIN, Light, brightness
from carv3d.scenes.kernels.backends import probe_one

SOLID = 0.5  # opacity from which a pixel's depth is that of a surface


def normals(depth: Tensor, cameras: Cameras) -> Tensor:
    """Unit normals [B,H,W,3], world axes, towards the camera, of the surface at depth [B,H,W,1] along each pixel's ray.

    Differences of neighbouring surface points, on each axis those to the neighbour that is nearer in depth: an edge
    behind which another surface lies does not tilt the one in front. Differentiable to the depth.
    """
    origins, directions = cameras.rays()
    points = origins + depth * directions
    across, down = (_difference(points, depth, axis) for axis in (2, 1))
    normal = F.normalize(torch.linalg.cross(down, across), dim=-1, eps=1e-12)
    return torch.where((normal * directions).sum(-1, keepdim=True) > 0, -normal, normal)


def pictured(out: RenderOut, background: Tensor, cameras: Cameras, light: Light) -> Tensor:
    """``shaded`` for pictures to look at, without gradient; on a CPU where compiled kernels work, one of those, which
    differs by rounding."""
    if out.rgb.device.type == "cpu" and not light.plain.any() and probe_one("numba").works:
        from carv3d.scenes.kernels.lighting import lighted

        return lighted(out, background, cameras, light, SOLID)
    return shaded(out, background, cameras, light)


def _difference(points: Tensor, depth: Tensor, axis: int) -> Tensor:
    """To the next pixel along an axis, or from the one before where that is nearer in depth; [B,H,W,3]."""
    size = points.shape[axis]
    step = points.narrow(axis, 1, size - 1) - points.narrow(axis, 0, size - 1)
    jump = (depth.narrow(axis, 1, size - 1) - depth.narrow(axis, 0, size - 1)).detach().abs()
    ends = step.narrow(axis, 0, 1), step.narrow(axis, size - 2, 1)
    after, before = torch.cat([step, ends[1]], axis), torch.cat([ends[0], step], axis)
    to_after = torch.cat([jump, jump.narrow(axis, size - 2, 1)], axis)
    to_before = torch.cat([jump.narrow(axis, 0, 1), jump], axis)
    return torch.where(to_after <= to_before, after, before)


def shaded(out: RenderOut, background: Tensor, cameras: Cameras, light: Light) -> Tensor:
    """What B lights show of a scene whose colour is albedo: [B,H,W,3] in [0,1] on background [B,3].

    out: the scene on that background. Unlit images are as they were. Where a pixel is not solid there is no normal,
    and it gets the brightness that an average one has.
    """
    behind = (1 - out.opacity) * background[:, None, None]
    ambient = light.ambient[:, None, None, None]
    bright = torch.where(out.opacity > SOLID, brightness(normals(out.depth, cameras), light), 0.5 * (1 + ambient))
    factor = bright * light.gain[:, None, None]
    own = out.rgb + (out.rgb - behind) * (factor - 1)  # with a factor of one the image itself, to the bit
    return torch.where(light.plain[:, None, None, None], PLAIN * out.opacity * factor + behind, own)
