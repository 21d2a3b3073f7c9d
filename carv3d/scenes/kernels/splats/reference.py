"""The reference rasteriser: every pixel against every Gaussian, in plain torch, on any device and float type."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from carv3d.cameras import Cameras
from carv3d.scenes.kernels.splats.rules import (
    ALPHA_LEAST,
    ALPHA_MOST,
    CLAMP,
    DILATION,
    NEAR,
    THROUGH_LEAST,
    Raster,
    ray_lengths,
    screen_leaf,
    world_to_camera,
)
from carv3d.scenes.splats import SH_C0, Splats

CHUNK_PAIRS = 1 << 22  # pixels times Gaussians at once; each chunk is computed again on the way back


def rotations(quaternions: Tensor) -> Tensor:
    """Matrices [N,3,3] of quaternions [N,4], wxyz, of any length but zero."""
    w, x, y, z = F.normalize(quaternions, dim=-1).unbind(-1)
    return torch.stack([
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ], -1).unflatten(-1, (3, 3))


def harmonics(directions: Tensor, degree: int) -> Tensor:
    """Real spherical harmonics [...,(degree+1)^2] of unit vectors [...,3], in the order and signs of 3DGS."""
    x, y, z = directions.unbind(-1)
    out = [torch.full_like(x, SH_C0)]
    if degree >= 1:
        first = math.sqrt(3 / (4 * math.pi))
        out += [-first * y, first * z, -first * x]
    if degree >= 2:
        second = math.sqrt(15 / (4 * math.pi))
        out += [second * x * y, -second * y * z, second / math.sqrt(12) * (3 * z * z - 1), -second * x * z,
                second / 2 * (x * x - y * y)]
    if degree >= 3:
        a, b, c = math.sqrt(35 / (32 * math.pi)), math.sqrt(105 / (4 * math.pi)), math.sqrt(21 / (32 * math.pi))
        out += [-a * y * (3 * x * x - y * y), b * x * y * z, -c * y * (5 * z * z - 1),
                math.sqrt(7 / (16 * math.pi)) * z * (5 * z * z - 3), -c * x * (5 * z * z - 1),
                b / 2 * z * (x * x - y * y), -a * x * (x * x - 3 * y * y)]
    return torch.stack(out, -1)


@dataclass(frozen=True)
class Projected:
    """N Gaussians on the screens of B cameras.

    mean: [B,N,2], pixels. conic: [B,N,3], the entries xx, xy, yy of the inverse covariance. opacity: [B,N]. rgb:
    [B,N,3]. depth: [B,N], along z. half_box: [B,N,2], half the sides of the box where alpha can reach ALPHA_LEAST.
    seen: bool [B,N]. Values where it is false are finite and mean nothing.
    """

    mean: Tensor
    conic: Tensor
    opacity: Tensor
    rgb: Tensor
    depth: Tensor
    half_box: Tensor
    seen: Tensor


def project(splats: Splats, cameras: Cameras, antialias: bool, screen: Tensor) -> Projected:
    """screen [B,N,2] is added to the projected means."""
    view, position = (part.to(splats.means) for part in world_to_camera(cameras))
    focal = cameras.focal_px.to(splats.means)[:, None]
    offset = splats.means - position[:, None]  # [B,N,3]
    x, y, z = torch.einsum("bij,bnj->bni", view, offset).unbind(-1)
    front = z > NEAR
    x, y, z = (torch.where(front, value, other) for value, other in ((x, 0.0), (y, 0.0), (z, 1.0)))
    size = focal.new_tensor([cameras.width, cameras.height])
    mean = torch.stack([x, y], -1) * (focal / z)[..., None] + size / 2 + screen
    limit = CLAMP * size / 2 / focal[..., None]  # [B,1,2]
    slope = torch.stack([x / z, y / z], -1).clamp(-limit, limit)
    axes = view[:, None] @ (rotations(splats.quaternions) * splats.log_scales.exp()[:, None])  # [B,N,3,3]
    shadow = (focal / z)[..., None, None] * (axes[..., :2, :] - slope[..., None] * axes[..., 2:, :])  # J W R S
    # det(M M^T) as the squared 2x2 minors of M (Cauchy-Binet): no cancellation for needles, no root of a negative
    minors = torch.cross(shadow[..., 0, :], shadow[..., 1, :], dim=-1)
    xx, yy = (shadow[..., i, :].square().sum(-1) for i in range(2))
    xy = (shadow[..., 0, :] * shadow[..., 1, :]).sum(-1)
    det = minors.square().sum(-1) + DILATION * (xx + yy) + DILATION**2
    xx, yy = xx + DILATION, yy + DILATION
    opacity = splats.opacity_logits.sigmoid().expand_as(z)
    if antialias:
        opacity = opacity * minors.norm(dim=-1) / det.sqrt()
    reach = (2 * (opacity / ALPHA_LEAST).clamp_min(1).log()).sqrt().detach()
    half_box = reach[..., None] * torch.stack([xx, yy], -1).detach().sqrt()
    seen = front & (opacity >= ALPHA_LEAST) & det.isfinite()
    seen &= ((mean + half_box > 0) & (mean - half_box < size)).all(-1)
    basis = harmonics(F.normalize(offset, dim=-1), splats.degree)
    rgb = (0.5 + torch.einsum("bnk,nkc->bnc", basis, splats.sh)).clamp_min(0)
    return Projected(mean, torch.stack([yy, -xy, xx], -1) / det[..., None], opacity, rgb, z, half_box, seen)


def composite(centres: Tensor, mean: Tensor, conic: Tensor, opacity: Tensor, values: Tensor) -> Tensor:
    """Front to back. centres: [P,2]; of N Gaussians in order of depth mean: [N,2], conic: [N,3], opacity: [N], values:
    [N,C]. Returns the weighted sum of the values, [P,C]."""
    dx, dy = (centres[:, None] - mean).unbind(-1)
    sigma = 0.5 * (conic[:, 0] * dx * dx + conic[:, 2] * dy * dy) + conic[:, 1] * dx * dy
    alpha = (opacity * (-sigma).exp()).clamp_max(ALPHA_MOST)
    alpha = torch.where(alpha < ALPHA_LEAST, 0.0, alpha)
    behind = (1 - alpha).cumprod(-1)
    before = torch.cat([torch.ones_like(behind[:, :1]), behind[:, :-1]], -1)
    return torch.where(behind > THROUGH_LEAST, before * alpha, 0.0) @ values


def rasterise_torch(splats: Splats, cameras: Cameras, antialias: bool) -> Raster:
    """As ``splatting.rasterise``; memory does not grow with pixels times Gaussians."""
    cameras, screen = cameras.to(splats.means.device), screen_leaf(splats, cameras)
    shown = project(splats, cameras, antialias, screen)
    axes = (torch.arange(size).to(screen) + 0.5 for size in (cameras.height, cameras.width))
    centres = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flip(-1).flatten(0, 1)  # x, y
    images = []
    for b in range(len(cameras)):
        seen = shown.seen[b].nonzero()[:, 0]
        order = seen[shown.depth[b, seen].argsort(stable=True)]
        values = torch.cat([shown.rgb[b], torch.ones_like(shown.depth[b, :, None]), shown.depth[b, :, None]], -1)
        given = [part[order] for part in (shown.mean[b], shown.conic[b], shown.opacity[b], values)]
        chunks = centres.split(max(CHUNK_PAIRS // max(len(order), 1), 1))
        images.append(torch.cat([checkpoint(composite, chunk, *given, use_reentrant=False) for chunk in chunks]))
    image = torch.stack(images).view(len(cameras), cameras.height, cameras.width, 5)
    radii = torch.where(shown.seen, shown.half_box.amax(-1).ceil(), 0.0).int()
    depth = image[..., 4:] * ray_lengths(cameras).to(image)
    return Raster(image[..., :3], image[..., 3:4], depth, radii, screen)
