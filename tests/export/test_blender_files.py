"""How files lie in Blender: every format that it opens stands upright, faces the same way, and has its colours."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fields import CPU, Analytic, ball, either, stage
from test_splat_viewers import figure

from carv3d.export import mesh, splat, stl, volume
from carv3d.export.axes import Placement

BLENDER = os.environ.get("CARV3D_BPY_PYTHON") or (sys.executable if importlib.util.find_spec("bpy") else None)
pytestmark = pytest.mark.skipif(BLENDER is None, reason="needs Blender as a module: pip install bpy, or name a Python "
                                                        "that has it in CARV3D_BPY_PYTHON")
OPEN = """
import json, sys
import bpy

readers = {"glb": bpy.ops.import_scene.gltf, "obj": bpy.ops.wm.obj_import, "usdz": bpy.ops.wm.usd_import,
           "stl": bpy.ops.wm.stl_import, "ply": bpy.ops.wm.ply_import}
for name in sys.argv[1:]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    readers[name.split(".")[-1]](filepath=name)
    (each,) = [each for each in bpy.data.objects if each.type == "MESH"]
    links = [(link.from_node.type, link.to_socket.name) for material in each.data.materials if material and material.node_tree
             for link in material.node_tree.links]
    colours = [list(item.color) for attribute in each.data.color_attributes for item in attribute.data]
    print("opened", json.dumps({"points": [list(each.matrix_world @ vertex.co) for vertex in each.data.vertices],
                                "links": links, "colours": colours}))
"""


def opened(*paths: Path) -> list[dict]:
    done = subprocess.run([BLENDER, "-c", OPEN, *map(str, paths)], capture_output=True, text=True, timeout=600)
    found = [json.loads(line.removeprefix("opened ")) for line in done.stdout.splitlines() if line.startswith("opened ")]
    assert len(found) == len(paths), done.stderr[-500:]
    return found


@pytest.fixture(scope="module")
def textured() -> mesh.Mesh:
    """A ball with a nose in front, +x, and a hat on top, +z."""
    scene = Analytic(either(ball(0.4), ball(0.15, (0.5, 0.0, 0.0)), ball(0.12, (0.0, 0.0, 0.45))))
    views = volume.cameras(2.65, 40.0, (-5.0, 35.0))
    options = mesh.Options(resolution=48, faces=800, texture_size=64)
    return mesh.extract(scene, views, CPU, options, stage, print)


def test_meshes_stand_upright_and_face_the_same_way(textured, tmp_path):
    """Towards -y, Blender's front; with their textures where the format has any. Control: another axis up lies."""
    from scipy.spatial import cKDTree

    pytest.importorskip("pxr", reason="needs usd-core: pip install usd-core")
    from carv3d.export import usd

    paths = [mesh.write_glb(tmp_path / "a.glb", textured), mesh.write_obj(tmp_path / "a.obj", textured),
             usd.write(tmp_path / "a.usdz", textured), stl.write(tmp_path / "a.stl", textured.surface),
             stl.write(tmp_path / "lying.stl", textured.surface, Placement("y"))]
    found = opened(*paths)
    *standing, lying = (np.array(each["points"]) for each in found)
    for path, points in zip(paths, standing):
        assert points[:, 1].min() < -0.6 and points[:, 1].max() < 0.45, path.name  # the nose
        assert points[:, 2].max() > 0.52 and points[:, 2].min() > -0.45, path.name  # the hat
        assert cKDTree(standing[0]).query(points)[0].max() < 1e-4, path.name
    assert lying[:, 2].max() > 0.6  # the nose is on top
    for each in found[:3]:
        assert ["TEX_IMAGE", "Base Color"] in each["links"] and ["NORMAL_MAP", "Normal"] in each["links"]


def test_colours_of_vertices_come_with_the_usdz(textured, tmp_path):
    pytest.importorskip("pxr", reason="needs usd-core: pip install usd-core")
    from carv3d.export import usd

    plain = dataclasses.replace(textured, atlas=None, texture=None, relief=None)
    (found,) = opened(usd.write(tmp_path / "a.usdz", plain))
    shown = np.array(found["colours"])[:, :3]
    again = np.where(shown <= 0.0031308, shown * 12.92, 1.055 * shown ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(np.sort(again * 255, 0), np.sort(plain.colours, 0), atol=1.5)
    assert shown.std(0).min() > 0.05


def test_points_stand_upright_with_their_colours(tmp_path):
    """The point cloud, and the glTF of Gaussians. The control: in 3DGS's own PLY Blender finds no colours."""
    paths = [splat.write(tmp_path / f"{kind}.{kind.split('.')[-1]}", figure(), kind=kind, place=Placement(up))
             for kind, up in (("points.ply", "z"), ("splat.glb", "y"), ("ply", "z"))]
    *clouds, other = opened(*paths)
    for cloud in clouds:
        at = np.array(cloud["points"])
        assert at[:, 1].min() < -0.5 and at[:, 1].max() < 0.45 and at[:, 2].max() > 0.55
        top = np.array(cloud["colours"])[at[:, 2] > 0.5, :3].mean(0)
        assert top[0] > 4 * top[1:].max()  # the hat is red
    assert not other["colours"]
