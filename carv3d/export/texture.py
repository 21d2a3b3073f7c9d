"""The colours of a scene's surface: at vertices, and as a texture over a UV atlas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.export.atlas import Atlas, texels
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


def bake(scene: Field, vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray, atlas: Atlas, size: int,
         reach: float, device: torch.device, progress: Callable[[int], None]) -> np.ndarray:
    """The texture [S,S,3] uint8 of display values. ``progress`` gets texels done, of S * S."""
    where, face, share = texels(atlas, size)
    points = np.einsum("tc,tci->ti", share, vertices[faces[face]])
    directions = np.einsum("tc,tci->ti", share, normals[faces[face]])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True).clip(1e-9)
    found = colours(scene, points, directions, reach, device, progress)
    progress(size * size - len(where))
    return filled(where, to_bytes(found), size)


def filled(where: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """An image [S,S,3] uint8 of values [T,3] at texels [T]; every texel outside the charts repeats its nearest one
    inside, so that neither filtering nor smaller copies of the texture show a seam."""
    from scipy import ndimage

    image = np.zeros((size * size, 3), dtype=np.uint8)
    image[where] = values
    empty = np.ones(size * size, dtype=bool)
    empty[where] = False
    rows, columns = ndimage.distance_transform_edt(empty.reshape(size, size), return_distances=False,
                                                   return_indices=True)
    return image.reshape(size, size, 3)[rows, columns]


def to_bytes(rgb: np.ndarray) -> np.ndarray:
    """[...,3] in [0,1] -> uint8."""
    return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def to_linear(display: np.ndarray) -> np.ndarray:
    """sRGB display values in [0,1] as linear light (IEC 61966-2-1)."""
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
