"""Rasterising 3D Gaussians (Kerbl et al., 2023): what every form computes, its constants, and which form runs.

A Gaussian is projected by the local affine map of EWA splatting (arXiv 2308.04079, eq. 5), J evaluated at a mean that
is clamped to CLAMP times the half field of view; DILATION square pixels are added to the diagonal of its 2D covariance.
``antialias`` multiplies its opacity by sqrt(det / det dilated), which keeps what it covers (Mip-Splatting, arXiv
2311.16493, eq. 9, as in gsplat's mode "antialiased"). At a pixel its alpha is min(ALPHA_MOST, opacity exp(-sigma)); it
is skipped below ALPHA_LEAST; a pixel ends before the Gaussian, in order of depth, that would bring its transmittance to
THROUGH_LEAST or less. These are the rules and constants of gsplat 1.5, so that its pictures and gradients are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.scenes.cameras import Cameras
from carv3d.scenes.splats import Splats

NEAR = 0.01  # world units along the view axis; what is nearer is not drawn
DILATION = 0.3  # square pixels
CLAMP = 1.3  # times the half field of view: where J stops following the mean
ALPHA_MOST = 0.999
ALPHA_LEAST = 1 / 255
THROUGH_LEAST = 1e-4


@dataclass(frozen=True)
class Raster:
    """B pictures of N Gaussians.

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


def rasterise(splats: Splats, cameras: Cameras, *, backend: str, antialias: bool) -> Raster:
    """Draw the Gaussians from each camera. backend: torch (any device and float type), numba (CPU, float32) or gsplat
    (CUDA, float32). Differentiable to the five tensors of ``splats``, once; not to the cameras."""
    if backend == "torch":
        from carv3d.scenes.kernels.splatting_torch import rasterise_torch as run
    elif backend == "numba":
        from carv3d.scenes.kernels.splatting_numba import rasterise_numba as run
    elif backend == "gsplat":
        from carv3d.scenes.kernels.splatting_gsplat import rasterise_gsplat as run
    else:
        raise ValueError(f"backend must be torch, numba or gsplat, got {backend!r}")
    return run(splats, cameras, antialias)


def screen_leaf(splats: Splats, cameras: Cameras) -> Tensor:
    """Zeros [B,N,2] that collect the gradient of the projected means where the Gaussians collect theirs."""
    wanted = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in splats.tensors().values())
    return splats.means.new_zeros(len(cameras), len(splats), 2).requires_grad_(wanted)


def world_to_camera(cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Rotations [B,3,3] from world to OpenCV axes (x right, y down, z forward) and camera positions [B,3]."""
    c2w = cameras.c2w
    flip = c2w.new_tensor([1.0, -1.0, -1.0])
    return c2w[:, :3, :3].mT * flip[:, None], c2w[:, :3, 3]


def ray_lengths(cameras: Cameras) -> Tensor:
    """Length of each pixel's ray per unit of z-depth, [B,H,W,1]."""
    focal = cameras.focal_px[:, None, None]
    column = torch.arange(cameras.width, device=focal.device, dtype=focal.dtype) + 0.5 - cameras.width / 2
    row = torch.arange(cameras.height, device=focal.device, dtype=focal.dtype) + 0.5 - cameras.height / 2
    return (1 + (column / focal) ** 2 + (row[:, None] / focal) ** 2).sqrt()[..., None]
