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
from carv3d.export import gltf, relief, smoothing, surface, texture, unseen
from carv3d.export.atlas import Atlas, told_stretch
from carv3d.export.axes import Placement
from carv3d.export.gltf import Material
from carv3d.export.surface import Surface
from carv3d.export.unwrap import Failed, unwrap
from carv3d.runtime.files import write_bytes, write_text
from carv3d.runtime.types import Record
from carv3d.scenes.base import Scene

REACH_CELLS = 2.0  # of the grid, how far before the surface the colour's rays start


@dataclass(frozen=True)
class Shape:
    """A scene's surface without colours. fine: as it was found, smoothed. reduced: to the budget of faces. cell: of the
    grid it was found on, world units. facts: for the manifest."""

    fine: Surface
    reduced: Surface
    cell: float
    facts: Record

    @property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Its lowest and highest coordinates [3], world units."""
        return self.reduced.vertices.min(0).astype(np.float64), self.reduced.vertices.max(0).astype(np.float64)


@dataclass(frozen=True)
class Relief:
    """tangents: [U,4], see ``relief.tangents``. image: [S,S,3] uint8, the normal map."""

    tangents: np.ndarray
    image: np.ndarray


@dataclass(frozen=True)
class Mesh:
    """surface: in world axes. normals: [V,3]. colours: [V,3] uint8 display values, what the mesh has without a texture.
    atlas and texture [S,S,3] uint8 display values: None where no atlas was made. relief: None where none was made.
    facts: for the manifest."""

    surface: Surface
    normals: np.ndarray
    colours: np.ndarray
    atlas: Atlas | None
    texture: np.ndarray | None
    relief: Relief | None
    facts: Record


@dataclass(frozen=True)
class Options:
    """resolution: grid points per axis. smooth: iterations of smoothing. faces: budget. texture_size: texels a side, 0
    for vertex colours alone. normal_map: one beside the texture. unwrap_s: limit for the UV atlas, seconds. least_part:
    share of the largest part's volume below which one is dropped."""

    resolution: int = 192
    smooth: int = 20
    faces: int = 20000
    texture_size: int = 1024
    normal_map: bool = True
    unwrap_s: float = 120.0
    least_part: float = 0.01


Stage = Callable[[str, int], AbstractContextManager]
"""A progress bar of (label, total), with ``add`` and ``to``."""


def find(scene: Scene, views: Cameras, device: torch.device, options: Options, stage: Stage) -> Shape:
    """The surface of a scene that has a field, or UserError with the reason why it has none. ``views`` are those whose
    silhouettes it has to agree with."""
    with stage("density", options.resolution) as bar:
        solid, level = unseen.solid(scene, views, options.resolution, device, bar.add)
    height, parts, dropped = surface.cleaned(solid.grid.numpy(), level.value, options.least_part)
    fine = smoothing.smoothed(surface.triangulate(height, scene.bound), options.smooth, scene.bound)
    reduced = surface.reduce(fine, options.faces)
    facts = {"resolution": options.resolution, "threshold": round(solid.threshold(level.value), 4),
             "silhouette_iou": round(level.iou, 4), "opacity_threshold": round(level.opacity, 4), "parts": parts,
             "parts_dropped": dropped, "smooth": options.smooth, "faces_before_reduction": len(fine.faces),
             "faces": len(reduced.faces), "vertices": len(reduced.vertices), "watertight": reduced.watertight,
             "volume": round(reduced.volume, 6)}
    return Shape(fine, reduced, 2 * scene.bound / (options.resolution - 1), facts)


def extract(scene: Scene, views: Cameras, device: torch.device, options: Options, stage: Stage,
            announce: Callable[[str], None]) -> Mesh:
    """``find`` and ``coloured`` in one."""
    return coloured(find(scene, views, device, options, stage), scene, device, options, stage, announce)


def coloured(shape: Shape, scene: Scene, device: torch.device, options: Options, stage: Stage,
             announce: Callable[[str], None]) -> Mesh:
    """The mesh of a surface with its colours: a texture and a normal map, or at the vertices where no atlas is wanted
    or can be made."""
    made, size = shape.reduced, options.texture_size
    normals, reach = made.normals, REACH_CELLS * shape.cell
    with stage("colours", len(made.vertices)) as bar:
        seen = texture.colours(scene, made.vertices, normals, reach, device, bar.add)
    atlas = image = bumps = None
    facts: Record = {"texture_size": None, "normal_map": False}
    if size:
        try:
            with stage("unwrap (s, limit)", round(options.unwrap_s)) as bar:
                atlas = unwrap(made.vertices, made.faces, size, options.unwrap_s,
                               lambda seconds: bar.to(round(seconds)))
        except Failed as fault:
            announce(f"notice: {fault}; the mesh has vertex colours instead of a texture; "
                     "lower export.faces or raise export.unwrap_s")
    if atlas:
        with stage("texture", size**2) as bar:
            image = texture.bake(scene, made.vertices, normals, made.faces, atlas, size, reach, device, bar.add)
        facts = {"texture_size": size, "charts": atlas.charts,
                 "stretch": told_stretch(made.vertices, made.faces, atlas), "normal_map": options.normal_map}
    if atlas and options.normal_map:
        with stage("normal map", size**2) as bar:
            tangents = relief.tangents(made, normals, atlas)
            where, values, turned = relief.bake(shape.fine, made, normals, atlas, tangents, size, bar.add)
            bumps = Relief(tangents, texture.filled(where, values, size))
            bar.add(size**2 - len(where))
        facts["normal_map_deg"] = round(turned, 2)
    return Mesh(made, normals, texture.to_bytes(seen), atlas, image, bumps, shape.facts | facts)


def write_glb(path: Path, mesh: Mesh, place: Placement = Placement("y"), material: Material = Material()) -> Path:
    """One binary glTF 2.0 file, y up and front +z as its specification has it.

    The texture is stored as it is: glTF takes base-colour textures for sRGB, which display values are. Vertex colours
    it takes for linear light, so they are converted. Where there is a normal map, the file gives the tangents it was
    baked for.
    """
    vertex = mesh.atlas.vertex if mesh.atlas else np.arange(len(mesh.surface.vertices))
    attributes = {"POSITION": place.points(mesh.surface.vertices[vertex]),
                  "NORMAL": place.directions(mesh.normals[vertex])}
    images: dict[str, bytes] = {}
    if mesh.atlas and mesh.texture is not None:
        attributes["TEXCOORD_0"] = np.stack([mesh.atlas.uv[:, 0], 1 - mesh.atlas.uv[:, 1]], 1)  # v downwards there
        images["baseColorTexture"] = as_png(mesh.texture)
    else:
        linear = texture.to_bytes(texture.to_linear(mesh.colours / 255.0))
        attributes["COLOR_0"] = np.pad(linear, ((0, 0), (0, 1)), constant_values=255)
    if mesh.relief:
        along, sign = mesh.relief.tangents[:, :3], mesh.relief.tangents[:, 3:]
        attributes["TANGENT"] = np.concatenate([place.directions(along), sign], 1)
        images["normalTexture"] = as_png(mesh.relief.image)
    faces = mesh.atlas.faces if mesh.atlas else mesh.surface.faces
    write_bytes(path, gltf.mesh(attributes, faces, material, images))
    return path


def as_png(image: np.ndarray) -> bytes:
    """[S,S,3] uint8 as a PNG file."""
    content = io.BytesIO()
    iio.imwrite(content, image, extension=".png")
    return content.getvalue()


def beside_obj(path: Path, mesh: Mesh) -> list[Path]:
    """The files that an OBJ comes with: MTL, texture, normal map."""
    if not mesh.atlas:
        return []
    return [path.with_suffix(".mtl"), path.with_suffix(".png"),
            *([path.with_name(f"{path.stem}_normal.png")] if mesh.relief else [])]


def write_obj(path: Path, mesh: Mesh, place: Placement = Placement("y"), material: Material = Material()) -> Path:
    """OBJ with its MTL and PNG beside it, of the same name; texture seams do not split vertices here.

    Written in the order PNG, MTL, OBJ, so that an OBJ never names a file that is not there. Without a texture the
    vertices carry their colours, in the extension that Blender and MeshLab read: v x y z r g b, display values. The
    MTL names the normal map twice, since some programs read the one name and some the other.
    """
    positions = place.points(mesh.surface.vertices)
    lines = [f"# carv3d, {place.told}"]
    corners = [mesh.surface.faces + 1] * 2
    if mesh.atlas and mesh.texture is not None:
        library, colour, *normal = beside_obj(path, mesh)
        write_bytes(colour, as_png(mesh.texture))
        if mesh.relief:
            write_bytes(normal[0], as_png(mesh.relief.image))
        write_text(library, "newmtl carv3d\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nd 1\nillum 1\n"
                   f"Pm {material.metallic:g}\nPr {material.roughness:g}\nmap_Kd {colour.name}\n"
                   + "".join(f"{word} {each.name}\n" for each in normal for word in ("norm", "map_Bump")))
        lines += [f"mtllib {library.name}", "usemtl carv3d"]
        corners.insert(1, mesh.atlas.faces + 1)
    else:
        positions = np.concatenate([positions, mesh.colours / 255.0], 1)
    lines += _rows("v", positions)
    lines += _rows("vt", mesh.atlas.uv) if mesh.atlas else []
    lines += _rows("vn", place.directions(mesh.normals))
    mark = "/" if mesh.atlas else "//"
    texts = [mark.join(map(str, corner)) for corner in np.stack(corners, -1).reshape(-1, len(corners)).tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in zip(texts[::3], texts[1::3], texts[2::3], strict=True)]
    write_text(path, "\n".join(lines) + "\n")
    return path


def _rows(name: str, values: np.ndarray) -> list[str]:
    return [f"{name} {' '.join(f'{x:.6g}' for x in row)}" for row in values.tolist()]
