"""Where no view can look: there a field that is trained on images is arbitrary, so its mesh is made solid."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.cameras import Cameras, orbit
from carv3d.export.images import all_views
from carv3d.export.volume import Level, Solidity, find_level, solidity

if TYPE_CHECKING:
    from carv3d.scenes.base import Scene

AZIMUTHS, RINGS, PIXELS = 8, 5, 80  # of the views that look for it
ELEVATIONS = (-15.0, 60.0)  # degrees that they span at least, lest all that hangs over counts as a base
BEHIND = 0.06  # share of half the box's side, behind a surface that is seen, up to which the field itself is believed
COARSE = 2  # grid points of a surface for each that is looked at, per axis


def cameras(views: Cameras) -> Cameras:
    """All around, in rings from the lowest of ``views`` to the highest, each ring turned against the one below."""
    low, high = min(views.elevation_deg.min().item(), ELEVATIONS[0]), max(views.elevation_deg.max().item(),
                                                                        ELEVATIONS[1])
    ring = torch.arange(RINGS).repeat_interleave(AZIMUTHS)
    azimuth = (torch.arange(AZIMUTHS).repeat(RINGS) + ring * 0.5) * (360.0 / AZIMUTHS)
    return orbit(azimuth, (low + (high - low) * ring / (RINGS - 1)).tolist(), views.distance[0].item(),
                 views.fovy_deg[0].item(), PIXELS, PIXELS)


def solid(scene: Scene, views: Cameras, resolution: int, device: torch.device, progress: Callable[[int], None]
          ) -> tuple[Solidity, Level]:
    """A scene's solidity on a grid, ``filled``, and the level of its surface, that agrees with ``views``. UserError
    where it has none."""
    found = solidity(scene, resolution, device, progress)
    level = find_level(found, views, all_views(scene, views, 1.0, device))
    return filled(found, level, scene, views, device), level


@torch.no_grad()
def filled(found: Solidity, level: Level, scene: Scene, views: Cameras, device: torch.device) -> Solidity:
    """With everything solid that none of ``cameras(views)`` sees: the inside of a wall, and what lies behind a base
    that views from above the ground hardly see. A cup that they look into stays hollow."""
    size = found.grid.shape[0]
    looking = cameras(views)
    out = all_views(scene, looking, 1.0, device)
    depth = torch.where(out.opacity > level.opacity, out.depth + BEHIND * found.bound, torch.inf)[..., 0]
    coarse = _resized(found.grid, max(size // COARSE, 2)) > level.value
    hidden = _hidden(coarse, found.bound, looking, depth)
    if not hidden.any():
        return found
    joined = (F.max_pool3d(hidden[None, None].float(), 3, 1, 1)[0, 0] > 0) & (hidden | coarse)
    return dataclasses.replace(found, grid=torch.maximum(found.grid, _resized(joined.float(), size)))


def _hidden(inside: Tensor, bound: float, looking: Cameras, depth: Tensor) -> Tensor:
    """Which points of a grid [N,N,N] that are not ``inside``, but in its box, lie behind ``depth`` [B,H,W] in all
    views."""
    hidden = torch.zeros_like(inside)
    places = inside.nonzero()
    if not len(places):
        return hidden
    low, high = places.amin(0), places.amax(0) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    left = (~inside[box]).nonzero() + low
    focal = looking.focal_px
    for b in range(len(looking)):
        points = left * (2 * bound / (len(inside) - 1)) - bound
        c2w = looking.c2w[b]
        local = (points - c2w[:3, 3]) @ c2w[:3, :3]
        ahead = (-local[:, 2]).clamp_min(1e-6)
        column = (local[:, 0] / ahead * focal[b] + looking.width / 2).floor().long()
        row = (looking.height / 2 - local[:, 1] / ahead * focal[b]).floor().long()
        framed = (column >= 0) & (column < looking.width) & (row >= 0) & (row < looking.height)
        met = depth[b][row.clamp(0, looking.height - 1), column.clamp(0, looking.width - 1)]
        left = left[framed & (local.norm(dim=-1) > met)]
    hidden[tuple(left.T)] = True
    return hidden


def _resized(grid: Tensor, size: int) -> Tensor:
    """[N,N,N] on points that span the same box, ends included: [size,size,size]."""
    return F.interpolate(grid[None, None], (size,) * 3, mode="trilinear", align_corners=True)[0, 0]
