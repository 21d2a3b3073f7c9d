"""How far points are from the surface of a finished scene: what a signed scene may start from."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from carv3d.config.schema import Config
from carv3d.export import surface, unseen, volume
from carv3d.scenes.base import Scene
from carv3d.scenes.starts import Points

RESOLUTION = 128  # grid points per axis
LEAST_PART = 0.01  # of the largest part's volume below which one is dropped
SOFT_CELLS = 1.0  # standard deviation of the blur that takes the grid's steps from the distance
NEAR_CELLS, NEAR_SHARE = 6.0, 0.7  # that share of the points lies within so many cells of the surface


@torch.no_grad()
def around(config: Config, scene: Scene, device: torch.device, count: int, generator: torch.Generator) -> Points:
    """Points [N,3] of the box of ``scene``, a run's with that configuration, their colours [N,3] and their signed
    distance [N] to its surface as it is exported, on the CPU. UserError if it has none."""
    views = volume.cameras(*config.data.middle_camera, config.data.elevation_range)
    solid, level = unseen.solid(scene, views, RESOLUTION, device, lambda done: None)
    height, _, _ = surface.cleaned(solid.grid.numpy(), level.value, LEAST_PART)
    cell = 2 * scene.bound / (RESOLUTION - 1)
    grid = torch.from_numpy(signed(height[1:-1, 1:-1, 1:-1] > 0) * np.float32(cell))
    near = (grid.abs() < NEAR_CELLS * cell).nonzero()
    close = near[torch.randint(len(near), (round(NEAR_SHARE * count),), generator=generator)]
    anywhere = torch.rand(count - len(close), 3, generator=generator) * (RESOLUTION - 1)
    jitter = torch.rand(close.shape, generator=generator) - 0.5
    points = (torch.cat([close + jitter, anywhere]) * cell - scene.bound).clamp(-scene.bound, scene.bound)
    found = F.grid_sample(grid[None, None], (points.flip(-1) / scene.bound)[None, None, None], align_corners=True)
    colours = torch.cat([scene.field(part.to(device))[1].cpu() for part in points.split(1 << 16)])
    return points, colours, found.flatten()


def signed(inside: np.ndarray) -> np.ndarray:
    """Distance [N,N,N] in cells, negative inside, to the boundary of a set of grid points, half a cell from them."""
    outward = ndimage.distance_transform_edt(~inside) - 0.5
    inward = ndimage.distance_transform_edt(inside) - 0.5
    return ndimage.gaussian_filter(np.where(inside, -inward, outward).astype(np.float32), SOFT_CELLS, mode="nearest")
