"""Where a scene lies in its files: all formats face the same way, stand in the same place, have the same size."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from fields import CPU, Analytic, as_others_read, ball, either

from carv3d import config as configuration
from carv3d.export import assets
from carv3d.export.axes import Placement, offset
from carv3d.runtime.errors import UserError
from carv3d.scenes.splats import Splats
from carv3d.scenes.turns import FRONT, UP

LOW, HIGH = np.array([-0.4, -0.4, -0.3]), np.array([0.7, 0.4, 0.6])  # of the scene below


def scene() -> Analytic:
    """A ball with a nose in front, +x, and a hat on top, +z, off the origin; its Gaussians are the middles of these."""
    made = Analytic(either(ball(0.4, (0.0, 0.0, 0.1)), ball(0.15, (0.55, 0.0, 0.1)), ball(0.1, (0.0, 0.0, 0.5))))
    middles = torch.tensor([[0.0, 0.0, 0.1], [0.55, 0.0, 0.1], [0.0, 0.0, 0.5]])
    sizes = torch.tensor([0.4, 0.15, 0.1]).log()[:, None].expand(3, 3)
    made.splats = Splats(middles, sizes, torch.tensor([[1.0, 0, 0, 0]] * 3), torch.full((3,), 4.0),
                         torch.zeros(3, 1, 3))
    return made


def written(folder: Path, *overrides: str, formats: tuple[str, ...] = ("glb", "obj", "ply")) -> dict[str, np.ndarray]:
    """{format: points [N,3] in the file} and the manifest, for what the configuration says."""
    import trimesh

    config = configuration.load(None, ["scene.type=gaussians", "export.mesh_resolution=40", "export.faces=1000",
                                       "export.texture_size=0", *(f"export.{each}" for each in overrides)])
    out = {}
    folder.mkdir(exist_ok=True)
    for path in assets.write(folder, [scene()], CPU, config, list(formats), 0):
        if path.suffix == ".ply":
            out["ply"] = as_others_read(path).means.numpy()
        elif path.suffix == ".obj":
            rows = re.findall(r"^v (\S+) (\S+) (\S+)", path.read_text(), re.MULTILINE)
            out["obj"] = np.array(rows, dtype=float)
        else:
            (found,) = trimesh.load(path).geometry.values()
            out["glb"] = np.asarray(found.vertices)
    return out


def upright(points: np.ndarray, up: str) -> np.ndarray:
    """What a program with z up makes of a file: one turn around x alone."""
    x, y, z = points.T
    return {"z": points, "y": np.stack([x, -z, y], 1), "-y": np.stack([x, z, -y], 1)}[up]


def manifest(folder: Path) -> dict[str, dict]:
    return json.loads((folder / "export.json").read_text())


@pytest.mark.parametrize("given", ["auto", "z", "-y"])
def test_all_formats_face_the_same_way(tmp_path, capsys, given):
    """Opened together and stood upright, nose is on nose and hat on hat: towards -y, as of what glTF's importers turn."""
    files = written(tmp_path, f"up={given}")
    known = manifest(tmp_path)
    ups = {"glb": "y", "obj": "y" if given == "auto" else given, "ply": "z" if given == "auto" else given}
    for kind, points in files.items():
        stood = upright(points, ups[kind])
        assert stood[:, 1].min() < -0.5 and stood[:, 1].max() < 0.45, kind  # the nose
        assert stood[:, 2].max() > 0.45 and stood[:, 2].min() > -0.35, kind  # the hat
        (name,) = (name for name, entry in known.items() if entry["format"] == kind)
        assert (known[name]["up"], known[name]["front"]) == (ups[kind], FRONT[ups[kind]])
    said = capsys.readouterr().err
    assert f"{tmp_path}/mesh.glb (y up, front +z, {known['mesh.glb']['faces']:,} triangles)\n" in said
    assert f"{tmp_path}/splats.ply ({ups['ply']} up, front {FRONT[ups['ply']]}, 3 Gaussians)\n" in said


def test_world_axes_are_read_back_as_they_were(tmp_path):
    found = written(tmp_path, "up=world", formats=("ply",))["ply"]
    np.testing.assert_array_equal(found, scene().splats.means)
    assert b"comment carv3d z up, front +x\n" in (tmp_path / "splats.ply").read_bytes()


@pytest.mark.parametrize("pivot,scale", [("origin", 2.5), ("base", 1.0), ("centre", 2.5)])
def test_pivot_and_scale_hold_for_meshes_and_splats_alike(tmp_path, pivot, scale):
    files = written(tmp_path, f"pivot={pivot}", f"scale={scale}", "up=z")
    known = manifest(tmp_path)
    assert {entry["pivot"] for entry in known.values()} == {pivot} and len({str(e["offset"]) for e in known.values()}) == 1
    moved = np.array(known["splats.ply"]["offset"])
    np.testing.assert_allclose(files["ply"], (scene().splats.means.numpy() + moved) @ UP["z"].T * scale, atol=1e-5)
    sizes = as_others_read(tmp_path / "splats.ply").log_scales.exp()[:, 0]
    np.testing.assert_allclose(sizes, np.array([0.4, 0.15, 0.1]) * scale, rtol=1e-5)
    wanted = (np.stack([LOW, HIGH]) + offset(pivot, LOW, HIGH)) @ UP["z"].T * scale
    found = np.sort(np.stack([files["obj"].min(0), files["obj"].max(0)]), 0)
    np.testing.assert_allclose(found, np.sort(wanted, 0), atol=0.08 * scale)
    np.testing.assert_allclose(upright(files["glb"], "y"), files["obj"], atol=1e-5)
    if pivot == "base":
        alone = written(tmp_path / "alone", "pivot=base", f"scale={scale}", "up=z", formats=("ply",))
        np.testing.assert_array_equal(alone["ply"], files["ply"])
        assert files["obj"][:, 2].min() == pytest.approx(0, abs=1e-5)
        np.testing.assert_allclose(files["obj"][:, :2].min(0), -files["obj"][:, :2].max(0), atol=1e-5)
    if pivot == "centre":
        np.testing.assert_allclose(files["obj"].min(0), -files["obj"].max(0), atol=1e-5)


def test_a_scene_without_a_surface_is_placed_by_its_gaussians(tmp_path):
    config = configuration.load(None, ["export.pivot=base", "export.up=z"])
    config.scene.type = "image"  # which declares no mesh
    assets.write(tmp_path, [scene()], CPU, config, ["ply"], 0)
    found = as_others_read(tmp_path / "splats.ply").means.numpy()
    np.testing.assert_allclose(found.min(0)[2], 0, atol=1e-6)
    np.testing.assert_allclose(found[:, :2].min(0), -found[:, :2].max(0), atol=1e-6)


def test_turns_are_turns():
    place = Placement("z", (1.0, 2.0, 3.0), 2.0)
    np.testing.assert_allclose(place.points(np.array([[0.0, 0.0, 0.0]])), [[4.0, -2.0, 6.0]])
    np.testing.assert_allclose(place.directions(np.array([[1.0, 0.0, 0.0]])), [[0.0, -1.0, 0.0]])


@pytest.mark.parametrize("given,words", [
    ("export.pivot=middle", ["export.pivot", "'middle' given", "origin, base, centre"]),
    ("export.scale=0", ["export.scale", "0", ">= 1e-06"]),
    ("export.scale=-1", ["export.scale", "-1", ">= 1e-06"]),
    ("export.smooth=-1", ["export.smooth", "-1", ">= 0 and <= 1000"]),
    ("export.metallic=1.5", ["export.metallic", "1.5", ">= 0 and <= 1"]),
    ("export.roughness=-0.5", ["export.roughness", "-0.5", ">= 0 and <= 1"]),
    ("export.normal_map=maybe", ["export.normal_map", "true or false"]),
])
def test_mistakes_are_one_line(given, words):
    with pytest.raises(UserError) as caught:
        configuration.load(None, ["prompt=a red mushroom", given])
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value), caught.value
