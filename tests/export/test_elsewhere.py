"""What others make of the files: Khronos' validator, three.js in headless Chromium, Blender. See tests/web/README.md."""

import dataclasses
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import numpy as np
import pytest
import torch
from fields import CPU, stage

from carv3d.cameras import orbit
from carv3d.export import mesh, volume
from carv3d.export.images import all_views
from carv3d.scenes.turns import UP

WEB = Path(browser.__file__).parent
BLENDER = os.environ.get("CARV3D_BPY_PYTHON") or (sys.executable if importlib.util.find_spec("bpy") else None)
SIZE = 256


@pytest.fixture(scope="module")
def files(fitted, tmp_path_factory) -> dict[str, Path]:
    """The fitted NeRF with a texture, and with colours at its vertices."""
    scene, _ = fitted
    folder = tmp_path_factory.mktemp("glb")
    views = volume.cameras(2.65, 40.0, (-5.0, 35.0))
    made = {}
    for name, size in (("texture", 512), ("vertices", 0)):
        options = mesh.Options(resolution=128, faces=6000, texture_size=size)
        made[name] = mesh.write_glb(folder / f"{name}.glb", mesh.extract(scene, views, CPU, options, stage, print))
    return made


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
@pytest.mark.skipif(not (WEB / "node_modules" / "gltf-validator").is_dir(),
                    reason="needs the glTF validator: npm ci in tests/web")
def test_khronos_validator_finds_nothing(files):
    """No error and no warning; and the control, a file cut short, has errors."""
    broken = files["texture"].with_name("broken.glb")
    broken.write_bytes(files["texture"].read_bytes()[:-1000])
    command = ["node", "validate.mjs", *map(str, files.values()), str(broken)]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    *good, bad = map(json.loads, done.stdout.splitlines())
    for report in good:
        assert report["issues"]["numErrors"] == report["issues"]["numWarnings"] == 0, report["issues"]
        assert report["info"]["drawCallCount"] == 1
    assert [report["info"]["materialCount"] for report in good] == [1, 1]
    assert good[0]["info"]["hasTextures"] and bad["issues"]["numErrors"] > 0


@pytest.mark.skipif(browser.missing() is not None, reason=f"needs a browser with three.js: {browser.missing()}")
@pytest.mark.parametrize("name,least_psnr", [("texture", 27.0), ("vertices", 25.0)])
def test_three_js_shows_what_carv3d_renders(files, fitted, name, least_psnr):
    """The same camera in the file's axes: silhouettes agree, and colours within both, edges left out."""
    scene, _ = fitted
    cameras = orbit([0.0, 70.0, 160.0, 250.0], [15.0, 0.0, 35.0, -5.0], 2.65, 40.0, SIZE, SIZE)
    own = all_views(scene, cameras, 1.0, CPU)
    eyes = [(UP["y"] @ c2w[:3, 3].numpy()).tolist() for c2w in cameras.c2w]
    drawn = browser.draw([{"model": str(files[name]), "size": SIZE, "fovy_deg": 40.0, "eye": eye} for eye in eyes])
    for picture, rgb, opacity in zip(drawn, own.rgb.numpy(), own.opacity[..., 0].numpy(), strict=True):
        shown, wanted = picture[..., 3] > 127, opacity > 0.5
        iou = (shown & wanted).sum() / (shown | wanted).sum()
        within = shown & inner(opacity)
        psnr = -10 * np.log10(np.square(picture[..., :3] / 255 - rgb)[within].mean())
        print(f"{name}: IoU {iou:.4f}, PSNR {psnr:.1f} dB")
        assert iou > 0.95 and psnr > least_psnr


def test_trimesh_keeps_the_colours_of_vertices(files):
    """As an attribute: beside a material its own viewer does not show them."""
    import trimesh

    (found,) = trimesh.load(files["vertices"]).geometry.values()
    assert found.visual.vertex_attributes["color"][:, :3].std(0).min() > 20


@pytest.mark.skipif(BLENDER is None, reason="needs Blender as a module: pip install bpy, or name a Python that has it in "
                                            "CARV3D_BPY_PYTHON")
def test_blender_shows_the_colours_of_vertices(files):
    """The base colour of the material that it makes, baked, is the file's colour in every corner."""
    import trimesh

    command = [BLENDER, str(WEB / "blender.py"), str(files["vertices"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("shown ")] or [done.stderr[-500:]]
    told = json.loads(line.removeprefix("shown "))
    seen, stored = np.array(told["seen"]), np.array(told["stored"])
    (found,) = trimesh.load(files["vertices"]).geometry.values()
    written = found.visual.vertex_attributes["color"][found.faces.reshape(-1), :3] / 255
    print(f"Blender {told['version']}: off by {np.abs(seen - stored).max():.3f}")
    np.testing.assert_allclose(stored.mean(0), written.mean(0), atol=0.01)
    np.testing.assert_allclose(seen, stored, atol=0.06)
    assert seen.std(0).min() > 0.05  # the control: one grey for all would not do


@pytest.mark.skipif(browser.missing() is not None, reason=f"needs a browser with three.js: {browser.missing()}")
def test_three_js_shades_with_the_normal_map_as_it_shades_the_fine_mesh(tmp_path):
    """A bumpy ball, lit: 500 faces with the map are nearer to some 60,000 faces than without it, or with it upside
    down."""
    from fields import Analytic
    from test_geometry import VIEWS, bumpy

    scene = Analytic(bumpy, colour=lambda points: torch.full_like(points, 0.7))
    options = mesh.Options(resolution=96, faces=500, texture_size=512, smooth=2)
    low = mesh.extract(scene, VIEWS, CPU, options, stage, print)
    fine = mesh.extract(scene, VIEWS, CPU, dataclasses.replace(options, faces=10**6, texture_size=0), stage, print)
    down = dataclasses.replace(low.relief, image=low.relief.image * [1, -1, 1] + [0, 255, 0])
    made = {"fine": fine, "map": low, "none": dataclasses.replace(low, relief=None),
            "down": dataclasses.replace(low, relief=dataclasses.replace(down, image=down.image.astype(np.uint8)))}
    jobs = [{"model": str(mesh.write_glb(tmp_path / f"{name}.glb", each)), "size": SIZE, "fovy_deg": 40.0,
             "eye": [1.0, 0.5, 2.2], "lit": True} for name, each in made.items()]
    drawn = dict(zip(made, (picture.astype(float) for picture in browser.draw(jobs)), strict=True))
    within = np.logical_and.reduce([picture[..., 3] > 250 for picture in drawn.values()])
    error = {name: np.sqrt(np.square(drawn[name] - drawn["fine"])[within, :3].mean()) for name in ("map", "none", "down")}
    print(", ".join(f"{name} {each:.1f}" for name, each in error.items()), "of 255")
    assert error["map"] < 0.75 * error["none"] and error["map"] < 0.5 * error["down"]


TANGENTS = """
import json, sys
import bpy

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=sys.argv[1])
(mesh,) = [each.data for each in bpy.data.objects if each.type == "MESH"]
mesh.calc_tangents()
corners = [{"at": list(mesh.vertices[loop.vertex_index].co), "uv": list(mesh.uv_layers[0].data[i].uv),
            "tangent": list(loop.tangent), "sign": loop.bitangent_sign} for i, loop in enumerate(mesh.loops)]
links = [(each.from_node.type, each.to_socket.name) for each in mesh.materials[0].node_tree.links]
print("found", json.dumps({"corners": corners, "links": links}))
"""


@pytest.mark.skipif(BLENDER is None, reason="needs Blender as a module, see above")
def test_tangents_are_those_that_blender_computes(files):
    """Blender computes its own by MikkTSpace; and it wires both textures. The control: tangents of other corners."""
    from scipy.spatial import cKDTree
    from test_geometry import glb

    done = subprocess.run([BLENDER, "-c", TANGENTS, str(files["texture"])], capture_output=True, text=True, timeout=600)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found ")] or [done.stderr[-500:]]
    told = json.loads(line.removeprefix("found "))
    assert ["NORMAL_MAP", "Normal"] in told["links"] and ["TEX_IMAGE", "Base Color"] in told["links"]
    _, file = glb(files["texture"])
    at, tangent = (np.stack([x, -z, y], 1) for x, y, z in (file["POSITION"].T, file["TANGENT"][:, :3].T))
    uv = file["TEXCOORD_0"] * [1, -1] + [0, 1]
    corners = {name: np.array([each[name] for each in told["corners"]]) for name in ("at", "uv", "tangent", "sign")}
    tree = cKDTree(np.concatenate([at, uv], 1))
    apart, own = tree.query(np.concatenate([corners["at"], corners["uv"]], 1))
    assert apart.max() < 1e-5
    angle = np.degrees(np.arccos((tangent[own] * corners["tangent"]).sum(1).clip(-1, 1)))
    shifted = np.degrees(np.arccos((np.roll(tangent, 1, 0)[own] * corners["tangent"]).sum(1).clip(-1, 1)))
    print(f"Blender's tangents: off by {angle.max():.3f} degrees at most")
    assert angle.max() < 0.5 and np.median(shifted) > 2
    assert (file["TANGENT"][own, 3] == corners["sign"]).all()


def inner(opacity: np.ndarray) -> np.ndarray:
    """Pixels whose neighbours up to two away are opaque: at the edge a picture mixes in the background."""
    opaque = torch.from_numpy((opacity > 0.95).astype(np.float32))[None, None]
    return (-torch.nn.functional.max_pool2d(-opaque, 5, 1, 2))[0, 0].numpy() > 0.5
