"""Rendering a scene's views in chunks, contact sheets, PNG files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from torch import Tensor

from carv3d.cameras import Cameras, RenderOut, orbit
from carv3d.runtime.errors import UserError, out_of_memory
from carv3d.runtime.files import write_bytes
from carv3d.scenes.base import Scene

CHUNK_PIXELS = 4 * 256 * 256
BACKGROUNDS = {"white": 1.0, "black": 0.0, "grey": 0.5}


@torch.no_grad()
def views(scene: Scene, cameras: Cameras, background: float, device: torch.device) -> Iterator[RenderOut]:
    """Render ``cameras`` in chunks that bound memory, smaller ones when it runs out; each chunk's images come back on
    the CPU. UserError where a single view does not fit."""
    per_chunk, start = max(1, CHUNK_PIXELS // (cameras.width * cameras.height)), 0
    while start < len(cameras):
        part = cameras[slice(start, start + per_chunk)].to(device)
        try:
            out = scene.render(part, torch.full((len(part), 3), background, device=device))
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if len(part) == 1:
                raise UserError(f"out of memory rendering {cameras.width}x{cameras.height} pixels; give a smaller size"
                                ) from error
            per_chunk = len(part) // 2
            continue
        yield RenderOut(out.rgb.cpu(), out.opacity.cpu(), out.depth.cpu())
        start += len(part)


def all_views(scene: Scene, cameras: Cameras, background: float, device: torch.device) -> RenderOut:
    """All views at once, [B,...] on the CPU; for the few and small."""
    parts = list(views(scene, cameras, background, device))
    return RenderOut(torch.cat([part.rgb for part in parts]), torch.cat([part.opacity for part in parts]),
                     torch.cat([part.depth for part in parts]))


def to_bytes(image: Tensor) -> np.ndarray:
    """[...,C] in [0,1] -> uint8."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def write_png(path: Path, image: Tensor) -> Path:
    """[H,W,C] in [0,1] -> a PNG file, atomically."""
    content = io.BytesIO()
    iio.imwrite(content, to_bytes(image), extension=".png")
    write_bytes(path, content.getbuffer())
    return path


def strip(out: RenderOut) -> Tensor:
    """B views side by side: colour, opacity and depth in three rows, [3H, B W, 3]."""
    opacity = out.opacity.expand(-1, -1, -1, 3)
    seen = out.opacity > 0.5
    depth = out.depth
    if seen.any():
        near, far = depth[seen].min(), depth[seen].max()
        depth = torch.where(seen, 1 - 0.8 * (depth - near) / (far - near).clamp(min=1e-6), 0.0)
    else:
        depth = torch.zeros_like(depth)
    rows = [out.rgb, opacity, depth.expand(-1, -1, -1, 3)]
    return torch.cat([torch.cat(list(row), 1) for row in rows], 0)


def contact_sheet(scene: Scene, distance: float, fovy_deg: float, device: torch.device, *, count: int = 8,
                  elevation_deg: float = 15.0, size: int = 128) -> Tensor:
    """``count`` views around the scene on white, with opacity and depth beneath."""
    cameras = orbit(torch.arange(count) * (360.0 / count), elevation_deg, distance, fovy_deg, size, size)
    return strip(all_views(scene, cameras, BACKGROUNDS["white"], device))
