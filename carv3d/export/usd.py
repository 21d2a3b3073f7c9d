"""A mesh as USDZ (Pixar's Universal Scene Description, as Apple's viewers open it), by usd-core, which is optional."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from carv3d.config.export import require_usd
from carv3d.export.axes import Placement
from carv3d.export.gltf import Material
from carv3d.export.mesh import Mesh, as_png
from carv3d.export.texture import to_linear
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import write_bytes

if TYPE_CHECKING:
    from pxr import Usd, UsdShade

ROOT = "/carv3d"
PIXELS = {"colour.png": ("sRGB", (1, 1, 1, 1), (0, 0, 0, 0)),  # as they are
          "normal.png": ("raw", (2, 2, 2, 1), (-1, -1, -1, 0))}  # -1 to 1, as UsdPreviewSurface wants normals


def write(path: Path, mesh: Mesh, place: Placement = Placement("y"), material: Material = Material()) -> Path:
    """One file with mesh, material (UsdPreviewSurface) and textures; y up, one unit a metre.

    Texture coordinates are the faces' corners', so that seams do not split vertices. Without a texture the vertices
    carry their colours, in linear light, which the material reads. UserError without usd-core.
    """
    require_usd(path.name)
    from pxr import Usd, UsdGeom, UsdUtils

    with tempfile.TemporaryDirectory() as folder:
        layer, package = Path(folder) / "mesh.usdc", Path(folder) / "mesh.usdz"
        stage = Usd.Stage.CreateNew(str(layer))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, ROOT).GetPrim())
        stage.SetMetadata("comment", f"carv3d, {place.told}")
        images = {}
        if mesh.atlas and mesh.texture is not None:
            images["colour.png"] = as_png(mesh.texture)
            images |= {"normal.png": as_png(mesh.relief.image)} if mesh.relief else {}
        for name, content in images.items():
            (Path(folder) / name).write_bytes(content)
        _bind(_geometry(stage, mesh, place), _material(stage, material, list(images)))
        stage.Save()
        if not UsdUtils.CreateNewUsdzPackage(str(layer), str(package)):
            raise UserError(f"{path} was not written: usd-core could not pack it in {folder}; free some space there")
        write_bytes(path, package.read_bytes())
    return path


def _geometry(stage: Usd.Stage, mesh: Mesh, place: Placement) -> Usd.Prim:
    from pxr import Sdf, UsdGeom, Vt

    made, faces = UsdGeom.Mesh.Define(stage, f"{ROOT}/mesh"), np.ascontiguousarray(mesh.surface.faces, dtype=np.int32)
    points = place.points(mesh.surface.vertices)
    made.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    made.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
    made.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(0), points.max(0)])))
    made.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(faces), 3, dtype=np.int32)))
    made.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(faces.reshape(-1)))
    made.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(place.directions(mesh.normals)))
    made.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    if mesh.atlas:
        corners = UsdGeom.PrimvarsAPI(made).CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray,
                                                          UsdGeom.Tokens.faceVarying)
        corners.Set(Vt.Vec2fArray.FromNumpy(mesh.atlas.uv.astype(np.float32)))
        corners.SetIndices(Vt.IntArray.FromNumpy(np.ascontiguousarray(mesh.atlas.faces, dtype=np.int32).reshape(-1)))
    else:
        colours = made.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex)
        colours.Set(Vt.Vec3fArray.FromNumpy(to_linear(mesh.colours / 255.0).astype(np.float32)))
    return made.GetPrim()


def _material(stage: Usd.Stage, material: Material, images: list[str]) -> UsdShade.Material:
    """A material with these textures, or with the vertices' colours if there are none."""
    from pxr import Sdf, UsdShade

    types, name = Sdf.ValueTypeNames, f"{ROOT}/material"

    def shader(part: str, kind: str, **inputs: tuple[object, object]) -> UsdShade.Shader:
        made = UsdShade.Shader.Define(stage, f"{name}/{part}")
        made.CreateIdAttr(kind)
        for key, (value_type, value) in inputs.items():
            made.CreateInput(key, value_type).Set(value)
        return made

    made = UsdShade.Material.Define(stage, name)
    surface = shader("surface", "UsdPreviewSurface", metallic=(types.Float, material.metallic),
                     roughness=(types.Float, material.roughness))
    made.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", types.Token))
    wanted = {"colour.png": ("diffuseColor", types.Color3f), "normal.png": ("normal", types.Normal3f)}
    if images:
        reader = shader("st", "UsdPrimvarReader_float2", varname=(types.String, "st"))
        at = reader.CreateOutput("result", types.Float2)
    for image in images:
        space, scale, bias = PIXELS[image]
        texture = shader(image.removesuffix(".png"), "UsdUVTexture", file=(types.Asset, f"./{image}"),
                         sourceColorSpace=(types.Token, space), scale=(types.Float4, scale),
                         bias=(types.Float4, bias), wrapS=(types.Token, "clamp"), wrapT=(types.Token, "clamp"))
        texture.CreateInput("st", types.Float2).ConnectToSource(at)
        key, value_type = wanted[image]
        surface.CreateInput(key, value_type).ConnectToSource(texture.CreateOutput("rgb", types.Float3))
    if not images:
        reader = shader("colours", "UsdPrimvarReader_float3", varname=(types.String, "displayColor"))
        surface.CreateInput("diffuseColor", types.Color3f).ConnectToSource(reader.CreateOutput("result", types.Float3))
    return made


def _bind(prim: Usd.Prim, material: UsdShade.Material) -> None:
    from pxr import UsdShade

    UsdShade.MaterialBindingAPI.Apply(prim).Bind(material)
