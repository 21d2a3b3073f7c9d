"""Rules, constants and the result of rasterising, the same for every form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.scenes.splats import Splats

NEAR = 0.01  # world units along the view axis; what is nearer is not drawn
DILATION = 0.3  # square pixels
CLAMP = 1.3  # times the half field of view: where J stops following the mean
ALPHA_MOST = 0.999
ALPHA_LEAST = 1 / 255
THROUGH_LEAST = 1e-4


@dataclass(frozen=True)
class Raster:
    """B images of N Gaussians.

    rgb: [B,H,W,3], premultiplied, no background. opacity: [B,H,W,1]. depth: [B,H,W,1], the sum of weight times distance
    along the ray, not divided: a Gaussian's distance is the z-depth of its mean times the ray's length per unit of z.
    radii: int32 [B,N], pixels, half the longer side of the box where alpha can reach ALPHA_LEAST; 0 where not seen.
    screen: [B,N,2]; after a backward pass its ``grad`` is the gradient with respect to the projected means in pixels (x
    right, y down), for density control. Its values mean nothing. torch.autograd.grad may be asked for it as well.
    """

    rgb: Tensor
    opacity: Tensor
    depth: Tensor
    radii: Tensor
    screen: Tensor


def screen_leaf(splats: Splats, cameras: Cameras) -> Tensor:
    """Zeros [B,N,2] that collect the gradient of the projected means where the Gaussians collect theirs."""
    wanted = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in splats.tensors().values())
    return splats.means.new_zeros(len(cameras), len(splats), 2).requires_grad_(wanted)


def world_to_camera(cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Rotations [B,3,3] from world to OpenCV axes (x right, y down, z forward) and camera positions [B,3]."""
    c2w = cameras.c2w
    right, up, back = c2w[:, :3, :3].unbind(-1)
    return torch.stack([right, -up, -back], 1), c2w[:, :3, 3]


def ray_lengths(cameras: Cameras) -> Tensor:
    """Length of each pixel's ray per unit of z-depth, [B,H,W,1]."""
    focal = cameras.focal_px[:, None, None]
    column = torch.arange(cameras.width, device=focal.device, dtype=focal.dtype) + 0.5 - cameras.width / 2
    row = torch.arange(cameras.height, device=focal.device, dtype=focal.dtype) + 0.5 - cameras.height / 2
    return (1 + (column / focal) ** 2 + (row[:, None] / focal) ** 2).sqrt()[..., None]
