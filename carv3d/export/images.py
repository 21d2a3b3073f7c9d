"""Rendering a scene's views in chunks, contact sheets, PNG files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from carv3d.cameras import Cameras, RenderOut, orbit
from carv3d.lights import fixed
from carv3d.runtime.errors import UserError, out_of_memory
from carv3d.runtime.files import write_bytes
from carv3d.scenes import shading
from carv3d.scenes.base import Scene
from carv3d.scenes.shading import SOLID, pictured

if TYPE_CHECKING:
    from carv3d.export.surface import Surface

LABELS = 52  # pixels at the left of a contact sheet, for the names of its rows
MESH_REACH = 0.03  # half sides of the box, how far before the surface the rays of its colour start
CHUNK_PIXELS = 4 * 256 * 256
BACKGROUNDS = {"white": 1.0, "black": 0.0, "grey": 0.5}


@torch.no_grad()
def views(scene: Scene, cameras: Cameras, background: float, device: torch.device, lit: bool = False, *,
          closer: bool = False) -> Iterator[RenderOut]:
    """Render ``cameras`` in chunks that bound memory, smaller ones when it runs out; each chunk's images come back on
    the CPU. lit: a scene whose colour is albedo under the evaluation light. closer: as ``Scene.closer``. UserError
    where a single view does not fit."""
    per_chunk, start = max(1, CHUNK_PIXELS // (cameras.width * cameras.height)), 0
    rays = len(cameras) * cameras.width * cameras.height
    with scene.closer(rays) if closer else nullcontext():
        while start < len(cameras):
            part = cameras[slice(start, start + per_chunk)].to(device)
            try:
                behind = torch.full((len(part), 3), background, device=device)
                out = scene.render(part, behind)
                rgb = pictured(out, behind, part, fixed(len(part)).to(device)) if lit else out.rgb
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise UserError(f"out of memory rendering {cameras.width}x{cameras.height} pixels; give a smaller "
                                    "size") from error
                per_chunk = len(part) // 2
                continue
            yield RenderOut(rgb.cpu(), out.opacity.cpu(), out.depth.cpu())
            start += len(part)


def all_views(scene: Scene, cameras: Cameras, background: float, device: torch.device, lit: bool = False, *,
              closer: bool = False) -> RenderOut:
    """All views at once, [B,...] on the CPU; for the few and small. lit, closer: see ``views``."""
    parts = list(views(scene, cameras, background, device, lit, closer=closer))
    return RenderOut(torch.cat([part.rgb for part in parts]), torch.cat([part.opacity for part in parts]),
                     torch.cat([part.depth for part in parts]))


def to_bytes(image: Tensor) -> np.ndarray:
    """[...,C] in [0,1] -> uint8."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def write_png(path: Path, image: Tensor) -> Path:
    """[H,W,C] in [0,1] -> a PNG file, atomically."""
    import imageio.v3 as iio

    content = io.BytesIO()
    iio.imwrite(content, to_bytes(image), extension=".png")
    write_bytes(path, content.getbuffer())
    return path


def strip(out: RenderOut, cameras: Cameras, mesh: Tensor | None = None) -> Tensor:
    """B views side by side, a row each of colour, normals, depth, opacity and ``mesh`` [B,H,W,3] if there is one, with
    the rows' names at the left: [R H, LABELS + B W, 3]."""
    rows = {"colour": out.rgb, "normals": normals(out, cameras), "depth": nearness(out).expand(-1, -1, -1, 3),
            "opacity": out.opacity.expand(-1, -1, -1, 3)} | ({} if mesh is None else {"mesh": mesh})
    return torch.cat([torch.cat([_label(name, cameras.height), *row], 1) for name, row in rows.items()], 0)


def normals(out: RenderOut, cameras: Cameras) -> Tensor:
    """The surface's directions as colours, [B,H,W,3] in [0,1]: red to the right, green up, blue towards the camera,
    each (1 + component) / 2; black where opacity is not above 0.5."""
    shown = (out.opacity > SOLID) & torch.isfinite(out.depth)
    world = shading.normals(torch.where(shown, out.depth, 0.0), cameras)
    local = torch.einsum("bij,bhwi->bhwj", cameras.c2w[:, :3, :3], world)
    return torch.where(shown, 0.5 + 0.5 * local, 0.0)


def nearness(out: RenderOut) -> Tensor:
    """Depth as brightness, [B,H,W,1]: 1 the nearest of all views, 0.2 the farthest, 0 where there is nothing."""
    seen, depth = out.opacity > 0.5, out.depth
    if not seen.any():
        return torch.zeros_like(depth)
    near, far = depth[seen].min(), depth[seen].max()
    return torch.where(seen, 1 - 0.8 * (depth - near) / (far - near).clamp(min=1e-6), 0.0)


def _label(name: str, height: int) -> Tensor:
    """A row's name, black on white, [H,LABELS,3]."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (LABELS, height), "white")
    ImageDraw.Draw(image).text((4, height / 2), name, "black", anchor="lm")
    return torch.from_numpy(np.array(image)).float() / 255


def sheet_cameras(distance: float, fovy_deg: float, *, count: int = 8, elevation_deg: float = 15.0, size: int = 128
                  ) -> Cameras:
    """The views of a contact sheet: all around, starting at the front."""
    return orbit(torch.arange(count) * (360.0 / count), elevation_deg, distance, fovy_deg, size, size)


def contact_sheet(scene: Scene, cameras: Cameras, device: torch.device, mesh: Tensor | None = None) -> Tensor:
    """A scene's views on white as ``strip`` shows them, by default those of ``sheet_cameras``."""
    return strip(all_views(scene, cameras, BACKGROUNDS["white"], device, closer=True), cameras, mesh)


def mesh_views(scene: Scene, surface: Surface | None, cameras: Cameras, device: torch.device) -> Tensor:
    """The scene's surface from the same views, [B,H,W,3], unlit on white, its vertices in the colours that
    ``texture.colours`` gives; blank where there is none."""
    from carv3d.export import texture
    from carv3d.export.raster import raster

    white = BACKGROUNDS["white"]
    if surface is None:
        return torch.full((len(cameras), cameras.height, cameras.width, 3), white)
    reach = MESH_REACH * scene.bound
    colours = texture.colours(scene, surface.vertices, surface.normals, reach, device, lambda count: None)
    return raster(surface.vertices, surface.faces, colours, cameras, white)
