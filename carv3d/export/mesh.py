"""A scene's surface as a textured triangle mesh, and the files that carry one: GLB, OBJ."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch

from carv3d.cameras import Cameras
from carv3d.export import surface, texture, volume
from carv3d.export.axes import UP, turned
from carv3d.export.images import all_views
from carv3d.export.surface import Surface
from carv3d.export.unwrap import Atlas, Failed, unwrap
from carv3d.runtime.files import write_bytes, write_text
from carv3d.runtime.types import Record
from carv3d.scenes.base import Scene

REACH_CELLS = 2.0  # of the grid, how far before the surface the colour's rays start


@dataclass(frozen=True)
class Mesh:
    """surface: in world axes. normals: [V,3]. colours: [V,3] uint8 display values, what the mesh has without a texture.
    atlas and texture [S,S,3] uint8 display values: None where no atlas was made. facts: for the manifest."""

    surface: Surface
    normals: np.ndarray
    colours: np.ndarray
    atlas: Atlas | None
    texture: np.ndarray | None
    facts: Record


@dataclass(frozen=True)
class Options:
    """resolution: grid points per axis. faces: budget. texture_size: texels a side, 0 for vertex colours alone.
    unwrap_s: limit for the UV atlas, seconds. least_part: share of the largest part's volume below which one is
    dropped."""

    resolution: int = 192
    faces: int = 20000
    texture_size: int = 1024
    unwrap_s: float = 120.0
    least_part: float = 0.01


Stage = Callable[[str, int], AbstractContextManager]
"""A progress bar of (label, total), with ``add`` and ``to``."""


def extract(scene: Scene, views: Cameras, device: torch.device, options: Options, stage: Stage,
            announce: Callable[[str], None]) -> Mesh:
    """The mesh of a scene that has a field, or UserError with the reason why it has none. ``views`` are those whose
    silhouettes it has to agree with."""
    with stage("density", options.resolution) as bar:
        solid = volume.solidity(scene, options.resolution, device, bar.add)
    level = volume.find_level(solid, views, all_views(scene, views, 1.0, device))
    height, parts, dropped = surface.cleaned(solid.grid.numpy(), level.value, options.least_part)
    full = surface.triangulate(height, scene.bound)
    made = surface.reduce(full, options.faces)
    normals = made.normals
    reach = REACH_CELLS * 2 * scene.bound / (options.resolution - 1)
    with stage("colours", len(made.vertices)) as bar:
        seen = texture.colours(scene, made.vertices, normals, reach, device, bar.add)
    atlas = image = None
    if options.texture_size:
        try:
            with stage("unwrap (s, limit)", round(options.unwrap_s)) as bar:
                atlas = unwrap(made.vertices, made.faces, options.texture_size, options.unwrap_s,
                               lambda seconds: bar.to(round(seconds)))
        except Failed as fault:
            announce(f"notice: {fault}; the mesh has vertex colours instead of a texture; "
                     "lower export.faces or raise export.unwrap_s")
    if atlas:
        with stage("texture", options.texture_size**2) as bar:
            image = texture.bake(scene, made.vertices, normals, made.faces, atlas, options.texture_size, reach,
                                   device, bar.add)
    facts = {"resolution": options.resolution, "threshold": round(solid.density(level.value), 4),
             "silhouette_iou": round(level.iou, 4), "opacity_threshold": round(level.opacity, 4), "parts": parts,
             "parts_dropped": dropped, "faces_before_reduction": len(full.faces), "faces": len(made.faces),
             "vertices": len(made.vertices), "watertight": made.watertight, "volume": round(made.volume, 6),
             "texture_size": options.texture_size if atlas else None}
    return Mesh(made, normals, texture.to_bytes(seen), atlas, image, facts)


def write_glb(path: Path, mesh: Mesh) -> Path:
    """One binary glTF 2.0 file, y up and front +z as its specification has it; a texture's metallic 0, roughness 1.

    The texture is stored as it is: glTF takes base-colour textures for sRGB, which display values are. Vertex colours
    it takes for linear light, so they are converted. They go without a material, beside which trimesh, unlike Blender
    and three.js, does not show them.
    """
    import trimesh
    from PIL import Image

    rotation = UP["y"]
    vertex = mesh.atlas.vertex if mesh.atlas else np.arange(len(mesh.surface.vertices))
    faces = mesh.atlas.faces if mesh.atlas else mesh.surface.faces
    visual: trimesh.visual.base.Visuals
    if mesh.atlas and mesh.texture is not None:
        material = trimesh.visual.material.PBRMaterial(name="carv3d", metallicFactor=0.0, roughnessFactor=1.0,
                                                       baseColorTexture=Image.fromarray(mesh.texture))
        visual = trimesh.visual.TextureVisuals(uv=mesh.atlas.uv, material=material)
    else:
        linear = texture.to_bytes(to_linear(mesh.colours / 255.0))
        visual = trimesh.visual.ColorVisuals(vertex_colors=np.pad(linear, ((0, 0), (0, 1)), constant_values=255))
    made = trimesh.Trimesh(turned(rotation, mesh.surface.vertices[vertex]), faces, visual=visual, process=False,
                           vertex_normals=turned(rotation, mesh.normals[vertex]))
    content = trimesh.Scene({"mesh": made}).export(  # type: ignore[arg-type]
        file_type="glb", include_normals=True)
    write_bytes(path, content)
    return path


def to_linear(display: np.ndarray) -> np.ndarray:
    """sRGB display values in [0,1] as linear light (IEC 61966-2-1)."""
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)


def write_obj(path: Path, mesh: Mesh, *, up: str = "y") -> Path:
    """OBJ with its MTL and PNG beside it, of the same name; texture seams do not split vertices here.

    Written in the order PNG, MTL, OBJ, so that an OBJ never names a file that is not there. Without a texture the
    vertices carry their colours, in the extension that Blender and MeshLab read: v x y z r g b, display values.
    """
    rotation = UP[up]
    positions = turned(rotation, mesh.surface.vertices)
    lines = [f"# carv3d, up {up}"]
    corners = [mesh.surface.faces + 1] * 2
    if mesh.atlas and mesh.texture is not None:
        encoded = io.BytesIO()
        iio.imwrite(encoded, mesh.texture, extension=".png")
        write_bytes(path.with_suffix(".png"), encoded.getbuffer())
        write_text(path.with_suffix(".mtl"), "newmtl carv3d\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nd 1\nillum 1\n"
                   f"map_Kd {path.with_suffix('.png').name}\n")
        lines += [f"mtllib {path.with_suffix('.mtl').name}", "usemtl carv3d"]
        corners.insert(1, mesh.atlas.faces + 1)
    else:
        positions = np.concatenate([positions, mesh.colours / 255.0], 1)
    lines += _rows("v", positions)
    lines += _rows("vt", mesh.atlas.uv) if mesh.atlas else []
    lines += _rows("vn", turned(rotation, mesh.normals))
    mark = "/" if mesh.atlas else "//"
    texts = [mark.join(map(str, corner)) for corner in np.stack(corners, -1).reshape(-1, len(corners)).tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in zip(texts[::3], texts[1::3], texts[2::3], strict=True)]
    write_text(path, "\n".join(lines) + "\n")
    return path


def _rows(name: str, values: np.ndarray) -> list[str]:
    return [f"{name} {' '.join(f'{x:.6g}' for x in row)}" for row in values.tolist()]
