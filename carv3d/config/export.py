"""What leaves a run: the formats of its files, and the options of these and of its videos."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import NamedTuple

from carv3d.config.options import option
from carv3d.runtime.errors import UserError


class Format(NamedTuple):
    """stem, ending: of a file's name, between which particles have their number. up: the axis that points up in it
    (``scenes.turns.UP``) unless ``export.up`` says otherwise. fixed: nothing else is allowed in such files."""

    stem: str
    ending: str
    up: str
    fixed: bool = False


FORMATS = {
    "glb": Format("mesh", "glb", "y", fixed=True),
    "obj": Format("mesh", "obj", "y"),
    "usdz": Format("mesh", "usdz", "y", fixed=True),  # what Apple's viewers ask of one
    "stl": Format("mesh", "stl", "z"),
    "ply": Format("splats", "ply", "z"),
    "splat": Format("splats", "splat", "-y"),
    "spz": Format("splats", "spz", "y", fixed=True),
    "compressed.ply": Format("splats", "compressed.ply", "-y"),
    "splat.glb": Format("splats", "glb", "y", fixed=True),
    "points.ply": Format("points", "ply", "z"),
}
"""Every format by the name that a user gives. Which axis is up in it, and why: docs/export.md."""

MESHES = tuple(name for name, said in FORMATS.items() if said.stem == "mesh")
SPLATS = tuple(name for name in FORMATS if name not in MESHES)
ALL = "all"  # every format of the scene, in a list of formats
NEEDS_USD = "it needs usd-core: pip install 'carv3d[usd]' (or pip install usd-core)"


def has_usd() -> bool:
    """Whether USD's Python package (usd-core) is installed; it is not loaded."""
    return importlib.util.find_spec("pxr") is not None


def require_usd(option_name: str) -> None:
    """UserError where usd-core is missing. option_name: by which USDZ was asked for."""
    if not has_usd():
        raise UserError(f"{option_name}: usdz given, and this Python cannot write it; {NEEDS_USD}, or leave usdz out")


@dataclass
class ExportConfig:
    video: bool = option(True, "save/turntable.mp4 and save/preview.png at the end")
    view: bool = option(True, "save/view.html at the end, to turn the scene in; needs the surface of quality.shape")
    video_frames: int = option(120, "frames of one full turn", ge=1, le=10000)
    video_fps: int = option(30, "frames per second", ge=1, le=240)
    video_size: int = option(0, "side in pixels; 0: 512 on CUDA, 256 on a CPU", ge=0, le=4096)
    video_elevation: float = option(15.0, "elevation of the video's camera, degrees", ge=-90, le=90)
    video_lit: bool = option(True, "scenes whose colour is albedo: the video under the toybox's light; false: albedo")
    formats: list[str] = option([], "files written at the end, and by carv3d export: glb, obj, usdz and stl are "
                                "meshes, the others Gaussians; all: every one that the scene has",
                                choices=(*FORMATS, ALL))
    up: str = option("auto", "axis that points up where the format leaves it open; auto: y in obj, z in stl, ply and "
                     "points.ply, -y in splat and compressed.ply; glb, usdz, spz and splat.glb are always y; world: "
                     "carv3d's own axes, z up, front +x", choices=("auto", "z", "y", "-y", "world"))
    pivot: str = option("origin", "what lies at the origin of a file: the scene's own origin; the middle of the "
                                  "object's base; its middle", choices=("origin", "base", "centre"))
    scale: float = option(1.0, "size of the object in a file over its size in the scene", ge=1e-6, le=1e6)
    mesh_resolution: int = option(192, "grid points per axis that the surface is found on", ge=16, le=512)
    smooth: int = option(20, "iterations of smoothing of the surface before faces are reduced; 0: none", ge=0, le=1000)
    faces: int = option(20000, "triangles of a mesh, about, at most", ge=100, le=2000000)
    texture_size: int = option(1024, "side of a mesh's texture in texels; 0: colours at the vertices instead", ge=0,
                               le=8192)
    normal_map: bool = option(True, "with a texture, a normal map of what reducing the faces smoothed away")
    unlit: bool = option(False, "glb: a material that no light changes (KHR_materials_unlit), so that every viewer "
                                "shows the colours as they are")
    metallic: float = option(0.0, "of a mesh's material, 0 to 1", ge=0, le=1)
    roughness: float = option(1.0, "of a mesh's material, 0 to 1", ge=0, le=1)
    unwrap_s: float = option(120.0, "seconds after which the UV atlas is given up for colours at the vertices", gt=0,
                              le=86400)
    least_part: float = option(0.01, "loose parts smaller than this share of the largest one's volume are dropped",
                               ge=0, le=1)
    pad_sh: bool = option(False, "ply: spherical harmonics padded with zeros to degree 3, which Unity's importer wants")
