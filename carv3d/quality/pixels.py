"""Scores of rendered views that the sixteen evaluation views do not give: fog, views from high up, agreeing depths."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.cameras import Cameras, RenderOut, orbit

HIGH = (60, 80)  # elevations, degrees: above the sixteen evaluation views
HIGH_VIEWS, RING_VIEWS, SIZE = 8, 16, 64
RING_ELEVATION_DEG = 15.0


def high_cameras(distance: float, fovy_deg: float) -> Cameras:
    """``HIGH_VIEWS`` views all around at each elevation of ``HIGH``, one elevation after the other, 64x64."""
    azimuth = torch.arange(HIGH_VIEWS).repeat(len(HIGH)) * (360.0 / HIGH_VIEWS)
    return orbit(azimuth, [float(e) for e in HIGH for _ in range(HIGH_VIEWS)], distance, fovy_deg, SIZE, SIZE)


def ring_cameras(distance: float, fovy_deg: float) -> Cameras:
    """``RING_VIEWS`` views all around at one elevation, 64x64."""
    return orbit(torch.arange(RING_VIEWS) * (360.0 / RING_VIEWS), RING_ELEVATION_DEG, distance, fovy_deg, SIZE, SIZE)


def high_scores(rgb: Tensor, opacity: Tensor, true_rgb: Tensor, true_opacity: Tensor) -> dict[str, float]:
    """psnr_60, mask_iou_60, psnr_80, mask_iou_80, each as the toybox's own scores are: PSNR in dB, at most 100, and the
    mean over views of the overlap of opacity > 0.5. rgb: [16,64,64,3] in the order of ``high_cameras``; opacity:
    [16,64,64]. What is not finite counts as wrong as can be."""
    out = {}
    for i, elevation in enumerate(HIGH):
        part = slice(i * HIGH_VIEWS, (i + 1) * HIGH_VIEWS)
        error = torch.nan_to_num((rgb[part] - true_rgb[part]).square(), 1.0, 1.0, 1.0).mean().item()
        mask, true_mask = opacity[part] > 0.5, true_opacity[part] > 0.5
        both, either = (mask & true_mask).sum((1, 2)), (mask | true_mask).sum((1, 2))
        out[f"psnr_{elevation}"] = -10.0 * math.log10(max(error, 1e-10))
        out[f"mask_iou_{elevation}"] = (both / either.clamp(min=1)).mean().item()
    return out


def fog(opacity: Tensor, empty: Tensor) -> float:
    """Share of the opacity [B,H,W] that lies in pixels marked ``empty`` [B,H,W]; 1 where there is none at all, or where
    it is not finite."""
    whole = opacity.double().sum().item()
    return opacity.double()[empty].sum().item() / whole if 0 < whole < math.inf else 1.0


def beside(true_opacity: Tensor) -> Tensor:
    """The pixels of [B,H,W] that see nothing of the true object, and whose eight neighbours see nothing of it."""
    return F.max_pool2d(true_opacity[:, None], 3, 1, 1)[:, 0] == 0


def depth_consistency(out: RenderOut, cameras: Cameras, tolerance: float) -> float:
    """Share of the surface points seen in a view that its two neighbours in a ring see at the same depth.

    out: the views of ``cameras``, in order around the object, the last beside the first. A point is where a pixel's
    opacity passes 0.5, at its depth; it agrees when the neighbour has such a pixel within ``tolerance``, world units,
    of its distance, where it falls or among the eight pixels around. One that the neighbour sees something nearer in
    front of is left out, as hidden. 0 where no point is left.
    """
    shown = (out.opacity[..., 0] > 0.5) & torch.isfinite(out.depth[..., 0])
    depth = torch.where(shown, out.depth[..., 0], 0.0)
    origins, directions = cameras.rays()
    points = origins + depth[..., None] * directions
    agreed = counted = 0
    for i in range(len(cameras)):
        for j in ((i + 1) % len(cameras), (i - 1) % len(cameras)):
            agrees, hidden = _met(points[i][shown[i]], depth[j], shown[j], cameras, j, tolerance)
            agreed, counted = agreed + int(agrees.sum()), counted + int((~hidden).sum())
    return agreed / counted if counted else 0.0


def _met(points: Tensor, depth: Tensor, shown: Tensor, cameras: Cameras, view: int, tolerance: float
         ) -> tuple[Tensor, Tensor]:
    """Which of the points [N,3] a view sees at their depth, and which are hidden from it or out of its image."""
    c2w = cameras.c2w[view]
    local = (points - c2w[:3, 3]) @ c2w[:3, :3]
    ahead, focal = -local[:, 2], cameras.focal_px[view]
    column = (focal * local[:, 0] / ahead + cameras.width / 2).floor().long()
    row = (cameras.height / 2 - focal * local[:, 1] / ahead).floor().long()
    outside = (ahead <= 0) | (column < 1) | (row < 1) | (column > cameras.width - 2) | (row > cameras.height - 2)
    column, row = column.clamp(1, cameras.width - 2), row.clamp(1, cameras.height - 2)
    around = [(row + r, column + c) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    apart = torch.stack([torch.where(shown[at], depth[at] - local.norm(dim=1), math.inf) for at in around])
    agrees = (apart.abs() <= tolerance).any(0) & ~outside
    seen = torch.isfinite(apart)
    nearer = torch.where(seen, apart, -math.inf).amax(0) < -tolerance
    return agrees, outside | seen.any(0) & nearer
