"""The colours of a scene's surface: at vertices, and as a texture over a UV atlas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.export.unwrap import Atlas
from carv3d.export.volume import Field

SAMPLES = 12
CHUNK_POINTS = 1 << 14


@torch.no_grad()
def colours(scene: Field, points: np.ndarray, normals: np.ndarray, reach: float, device: torch.device,
            progress: Callable[[int], None]) -> np.ndarray:
    """What a camera sees at points [N,3] of the surface, straight from outside: [N,3] in [0,1], display values.

    A short ray against each normal is composited as an image's rays are (arXiv 2003.08934, equation 3), from ``reach``
    before the surface to twice that behind it, and its weights are made to sum to one: what shines through from further
    back belongs to another part of the surface.
    """
    offsets = torch.linspace(reach, -2 * reach, SAMPLES, device=device)
    step = 3 * reach / (SAMPLES - 1)
    out = np.empty((len(points), 3), dtype=np.float32)
    for start in range(0, len(points), CHUNK_POINTS):
        part = slice(start, start + CHUNK_POINTS)
        origin, normal = (torch.from_numpy(x[part]).to(device) for x in (points, normals))
        along = origin[:, None] + offsets[:, None] * normal[:, None]
        density, rgb = scene.field(along.clamp(-scene.bound, scene.bound).reshape(-1, 3))
        out[part] = composite(density.view(-1, SAMPLES), rgb.view(-1, SAMPLES, 3), step).float().cpu()
        progress(len(origin))
    return out


def composite(density: Tensor, rgb: Tensor, step: float) -> Tensor:
    """Density [N,S] and colour [N,S,3] along rays -> colour [N,3], weights normalised to sum to one."""
    thickness = (density.float() * step).clamp_min(1e-6)
    through = F.pad(thickness.cumsum(1)[:, :-1], (1, 0)).neg().exp()
    weight = through * -torch.expm1(-thickness)
    return (weight[..., None] * rgb).sum(1) / weight.sum(1, keepdim=True)


def texels(atlas: Atlas, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The texels whose centre lies in a face: index [T] into the image, row 0 on top; face [T]; barycentric [T,3]."""
    corner = atlas.uv[atlas.faces].astype(np.float64) * size - 0.5  # [F,3,2], texel centres at whole numbers
    low = np.ceil(corner.min(1)).astype(np.int64).clip(0)
    high = np.floor(corner.max(1)).astype(np.int64).clip(max=size - 1)
    width, height = (np.maximum(high - low + 1, 0)).T
    count = width * height
    face = np.repeat(np.arange(len(count)), count)
    index = np.arange(len(face)) - np.repeat(count.cumsum() - count, count)
    x, y = low[face, 0] + index % width[face], low[face, 1] + index // width[face]
    a, b, c = (corner[face, i] for i in range(3))

    def twice_area(p: np.ndarray, q: np.ndarray, rx: np.ndarray, ry: np.ndarray) -> np.ndarray:
        return (q[:, 0] - p[:, 0]) * (ry - p[:, 1]) - (q[:, 1] - p[:, 1]) * (rx - p[:, 0])

    whole = twice_area(a, b, c[:, 0], c[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.stack([twice_area(b, c, x, y), twice_area(c, a, x, y), twice_area(a, b, x, y)], -1) / whole[:, None]
    inside = (share >= -1e-9).all(1)
    where = (size - 1 - y) * size + x
    return where[inside], face[inside], share[inside].astype(np.float32)


def bake(scene: Field, vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray, atlas: Atlas, size: int,
         reach: float, device: torch.device, progress: Callable[[int], None]) -> np.ndarray:
    """The texture [S,S,3] uint8 of display values; every texel outside the charts repeats its nearest one inside, so
    that neither filtering nor smaller copies of the texture show a seam. ``progress`` gets texels done, of S * S."""
    from scipy import ndimage

    where, face, share = texels(atlas, size)
    points = np.einsum("tc,tci->ti", share, vertices[faces[face]])
    directions = np.einsum("tc,tci->ti", share, normals[faces[face]])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True).clip(1e-9)
    found = colours(scene, points, directions, reach, device, progress)
    image = np.zeros((size * size, 3), dtype=np.uint8)
    image[where] = to_bytes(found)
    empty = np.ones(size * size, dtype=bool)
    empty[where] = False
    progress(size * size - len(where))
    rows, columns = ndimage.distance_transform_edt(empty.reshape(size, size), return_distances=False,
                                                   return_indices=True)
    return image.reshape(size, size, 3)[rows, columns]


def to_bytes(rgb: np.ndarray) -> np.ndarray:
    """[...,3] in [0,1] -> uint8."""
    return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
