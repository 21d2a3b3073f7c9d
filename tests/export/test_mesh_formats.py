"""Meshes as STL, as USDZ and as unlit GLB, in the hands of others: trimesh, usd-core, Khronos' validator."""

import dataclasses
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import browser
import imageio.v3 as iio
import numpy as np
import pytest
from fields import CPU, Analytic, ball, either, stage

from carv3d.export import mesh, stl, volume
from carv3d.export.axes import Placement
from carv3d.export.gltf import Material
from carv3d.export.surface import Surface
from carv3d.runtime.errors import UserError

WEB = Path(browser.__file__).parent
NO_USD = "needs usd-core: pip install usd-core"


@pytest.fixture(scope="module")
def meshes() -> dict[str, mesh.Mesh]:
    """A ball with a nose in front, +x, off the origin: with textures, and with colours at its vertices."""
    scene = Analytic(either(ball(0.4, (0.0, 0.0, 0.1)), ball(0.15, (0.5, 0.0, 0.1))))
    views = volume.cameras(2.65, 40.0, (-5.0, 35.0))
    options = mesh.Options(resolution=48, faces=800, texture_size=64)
    return {name: mesh.extract(scene, views, CPU, dataclasses.replace(options, texture_size=size), stage, print)
            for name, size in (("texture", 64), ("vertices", 0))}


# --- STL ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("up", ["z", "y", "world"])
def test_trimesh_reads_the_stl(meshes, tmp_path, up):
    import trimesh

    made, place = meshes["vertices"].surface, Placement(up, (0.1, 0.2, 0.3), 2.0)
    path = stl.write(tmp_path / "a.stl", made, place)
    assert path.stat().st_size == 84 + 50 * len(made.faces) and path.read_bytes().startswith(b"carv3d, ")
    found = trimesh.load(path)
    np.testing.assert_array_equal(found.triangles.astype(np.float32), place.points(made.vertices)[made.faces])
    assert found.is_watertight and found.volume == pytest.approx(8 * made.volume, rel=1e-5)
    given = np.frombuffer(path.read_bytes()[84:], stl.ROW)["normal"]
    np.testing.assert_allclose(given, found.face_normals, atol=1e-3)


def test_faces_that_look_inwards_would_show(meshes, tmp_path):
    """The control."""
    import trimesh

    made = meshes["vertices"].surface
    found = trimesh.load(stl.write(tmp_path / "a.stl", Surface(made.vertices, made.faces[:, ::-1])))
    assert found.volume == pytest.approx(-made.volume, rel=1e-5)


# --- USDZ -----------------------------------------------------------------------------------------------------------

def written(folder: Path, made: mesh.Mesh, place: Placement = Placement("y")) -> Path:
    pytest.importorskip("pxr", reason=NO_USD)
    from carv3d.export import usd

    return usd.write(folder / "a.usdz", made, place, Material(0.25, 0.5))


def complaints(path: Path) -> list[str]:
    """What every validator of usd-core's says, those of usdchecker and of packages among them."""
    from pxr import Usd, UsdValidation

    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    names = {each.GetMetadata().name for each in validators}
    assert {"usdUtilsValidators:UsdzPackageValidator", "usdGeomValidators:StageMetadataChecker",
            "usdShadeValidators:NormalMapTextureValidator", "usdUtilsValidators:MissingReferenceValidator"} <= names
    found = UsdValidation.ValidationContext(validators).Validate(Usd.Stage.Open(str(path)))
    return [f"{each.GetName()}: {each.GetMessage()}" for each in found]


@pytest.mark.parametrize("name", ["texture", "vertices"])
def test_usd_reads_the_usdz(meshes, tmp_path, name):
    """Geometry, axes, colours and material as they were given; nothing for usdchecker's rules to complain of."""
    made, place = meshes[name], Placement("y", (0.0, 0.0, 0.3), 2.0)
    path = written(tmp_path, made, place)
    from pxr import Usd, UsdGeom, UsdShade

    assert complaints(path) == []
    stage_ = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage_) == "Y" and UsdGeom.GetStageMetersPerUnit(stage_) == 1.0
    prim = UsdGeom.Mesh(stage_.GetDefaultPrim().GetChild("mesh"))
    np.testing.assert_array_equal(prim.GetPointsAttr().Get(), place.points(made.surface.vertices))
    np.testing.assert_array_equal(np.array(prim.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3), made.surface.faces)
    np.testing.assert_array_equal(prim.GetNormalsAttr().Get(), place.directions(made.normals))
    assert prim.GetNormalsInterpolation() == "vertex" and prim.GetOrientationAttr().Get() == "rightHanded"
    surface = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0].ComputeSurfaceSource()[0]
    assert surface.GetShaderId() == "UsdPreviewSurface"
    assert (surface.GetInput("metallic").Get(), surface.GetInput("roughness").Get()) == (0.25, 0.5)
    colour = surface.GetInput("diffuseColor").GetConnectedSources()[0][0].source
    if name == "vertices":
        shown = np.array(prim.GetDisplayColorPrimvar().Get())
        again = np.where(shown <= 0.0031308, shown * 12.92, 1.055 * shown ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(again * 255, made.colours, atol=0.01)
        assert UsdShade.Shader(colour).GetInput("varname").Get() == "displayColor"
        return
    corners = UsdGeom.PrimvarsAPI(prim).GetPrimvar("st")
    assert corners.GetInterpolation() == "faceVarying"
    np.testing.assert_allclose(corners.ComputeFlattened(), made.atlas.uv[made.atlas.faces].reshape(-1, 2), atol=1e-7)
    with zipfile.ZipFile(path) as package:
        assert set(package.namelist()) == {"mesh.usdc", "colour.png", "normal.png"}
        for file, image in (("colour.png", made.texture), ("normal.png", made.relief.image)):
            np.testing.assert_array_equal(iio.imread(io.BytesIO(package.read(file))), image)
    assert UsdShade.Shader(colour).GetInput("file").Get().resolvedPath.endswith("a.usdz[colour.png]")
    bumps = UsdShade.Shader(surface.GetInput("normal").GetConnectedSources()[0][0].source)
    assert tuple(bumps.GetInput("scale").Get()) == (2, 2, 2, 1) and tuple(bumps.GetInput("bias").Get()) == (-1, -1, -1, 0)


def test_the_checks_of_usd_see_what_is_wrong(meshes, tmp_path):
    """The controls: a normal map read as colours, and no axis that is up."""
    path = written(tmp_path, meshes["texture"])
    from pxr import Sdf, Usd, UsdUtils

    with zipfile.ZipFile(path) as package:
        package.extractall(tmp_path / "loose")
    stage_ = Usd.Stage.Open(str(tmp_path / "loose" / "mesh.usdc"))
    stage_.GetPrimAtPath("/carv3d/material/normal").GetAttribute("inputs:sourceColorSpace").Set("sRGB")
    stage_.GetPrimAtPath("/carv3d/material/colour").GetAttribute("inputs:file").Set(Sdf.AssetPath("./gone.png"))
    stage_.ClearMetadata("upAxis")
    stage_.Save()
    UsdUtils.CreateNewUsdzPackage(str(tmp_path / "loose" / "mesh.usdc"), str(tmp_path / "bad.usdz"))
    told = "\n".join(complaints(tmp_path / "bad.usdz"))
    assert "upAxis" in told and "sourceColorSpace" in told and "gone.png" in told


def test_without_usd_core_it_is_said(meshes, tmp_path, monkeypatch):
    from carv3d.config import export as options
    from carv3d.export import usd

    monkeypatch.setattr(options.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"usdz given, .* pip install 'carv3d\[usd\]'"):
        usd.write(tmp_path / "a.usdz", meshes["vertices"])
    assert not list(tmp_path.iterdir())


# --- unlit GLB ------------------------------------------------------------------------------------------------------

@pytest.mark.skipif(not shutil.which("node") or not (WEB / "node_modules" / "gltf-validator").is_dir(),
                    reason="needs Node and the glTF validator: npm ci in tests/web")
def test_khronos_validator_finds_nothing_in_an_unlit_file(meshes, tmp_path):
    """Nor does it name the extension where it was not asked for."""
    paths = [mesh.write_glb(tmp_path / f"{name}-{unlit}.glb", made, material=Material(unlit=unlit))
             for name, made in meshes.items() for unlit in (True, False)]
    done = subprocess.run(["node", "validate.mjs", *map(str, paths)], cwd=WEB, capture_output=True, text=True,
                          timeout=600)
    for path, line in zip(paths, done.stdout.splitlines(), strict=True):
        report = json.loads(line)
        assert report["issues"]["numErrors"] == report["issues"]["numWarnings"] == 0, report["issues"]
        assert report["info"].get("extensionsUsed", []) == ["KHR_materials_unlit"] * path.stem.endswith("True")


@pytest.mark.skipif(browser.missing() is not None, reason=f"needs a browser with three.js: {browser.missing()}")
def test_no_light_changes_the_colours_of_an_unlit_file(meshes, tmp_path):
    """In three.js, under two lamps; the control: they do change those of another."""
    jobs = [{"model": str(mesh.write_glb(tmp_path / f"{unlit}.glb", meshes["texture"], material=Material(unlit=unlit))),
             "size": 128, "fovy_deg": 40.0, "eye": [1.0, 0.5, 2.2], "lit": lit}
            for unlit, lit in ((True, True), (True, False), (False, True))]
    lit, plain, other = (picture.astype(float) for picture in browser.draw(jobs))
    shown = plain[..., 3] > 250
    assert shown.mean() > 0.1 and np.abs(lit - plain)[shown].max() <= 1
    assert np.abs(other - plain)[shown].mean() > 10
