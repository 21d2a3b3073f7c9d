"""From a field to a mesh: known volumes, closed surfaces, parts, colours; files that others load; what is refused."""

import json
import struct

import numpy as np
import pytest
import torch
from fields import CPU, Analytic, ball, either, stage, torus

from carv3d.export import mesh, surface, texture, unwrap, volume
from carv3d.export.axes import Placement
from carv3d.export.mesh import Options
from carv3d.runtime.errors import UserError
from carv3d.scenes.turns import UP

VIEWS = volume.cameras(2.65, 40.0, (-5.0, 35.0))
PLAIN = Options(resolution=64, texture_size=0)


def extracted(scene, options: Options = PLAIN, said: list[str] | None = None) -> mesh.Mesh:
    return mesh.extract(scene, VIEWS, CPU, options, stage, (said if said is not None else []).append)


def ball_volume(radius: float) -> float:
    return 4 / 3 * np.pi * radius**3


@pytest.mark.parametrize("inside,outside", [(20.0, 0.0), (1e5, 0.0), (100.0, 0.05), (20.0, 0.3), (1e5, 0.3)])
def test_a_ball_has_its_volume_whatever_its_density_and_the_fog_around_it(inside, outside):
    """Fog of 0.3 is opaque to more than one half along the box's diagonals."""
    made = extracted(Analytic(ball(0.5), inside, outside))
    assert made.surface.volume == pytest.approx(ball_volume(0.5), rel=0.12)
    assert made.surface.watertight and made.facts["parts"] == 1 and made.facts["silhouette_iou"] > 0.93
    outward = (made.normals * made.surface.vertices).sum(1) / np.linalg.norm(made.surface.vertices, axis=1)
    assert outward.min() > 0.7 and outward.mean() > 0.97


def test_a_torus_keeps_its_hole():
    made = extracted(Analytic(torus(0.5, 0.2))).surface
    assert made.watertight and len(made.vertices) - len(made.faces) // 2 == 0  # Euler's characteristic of a torus
    assert made.volume == pytest.approx(2 * np.pi**2 * 0.5 * 0.2**2, rel=0.1)


def test_parts_side_by_side_stay_and_specks_go():
    one, two, speck = ball(0.35, (0.0, -0.5, 0.0)), ball(0.2, (0.0, 0.5, 0.0)), ball(0.07, (0.0, 0.2, 0.6))
    made = extracted(Analytic(either(one, two, speck)), Options(resolution=96, texture_size=0))
    assert (made.facts["parts"], made.facts["parts_dropped"]) == (2, 1)
    assert made.surface.volume == pytest.approx(ball_volume(0.35) + ball_volume(0.2), rel=0.1)


def test_cavities_are_filled():
    """What lies behind an opaque surface was never seen in training."""
    made = extracted(Analytic(lambda p: (p.norm(dim=-1) - 0.4).abs() - 0.15)).surface
    assert made.watertight and len(made.vertices) - len(made.faces) // 2 == 2
    assert made.volume == pytest.approx(ball_volume(0.55), rel=0.1)


def test_what_the_box_cuts_off_is_closed_there():
    made = extracted(Analytic(ball(0.6, (0.8, 0.0, 0.0)))).surface
    assert made.watertight and np.abs(made.vertices).max() <= 1.0 and made.vertices[:, 0].max() == 1.0


@pytest.mark.parametrize("faces", [200, 2000, 10**6])
def test_the_budget_of_faces(faces):
    made = extracted(Analytic(ball(0.5)), Options(resolution=64, texture_size=0, faces=faces))
    assert made.surface.watertight and made.facts["faces"] == len(made.surface.faces) <= faces
    assert len(made.surface.faces) > 0.9 * min(faces, made.facts["faces_before_reduction"])
    assert made.surface.volume == pytest.approx(ball_volume(0.5), rel=0.12)


def test_a_rough_surface_stays_closed_when_reduced():
    """Roughness makes the edges with four faces that collapsing leaves: the control has some, the reduction none."""
    from fast_simplification import simplify
    from scipy import ndimage

    axis = np.linspace(-1, 1, 64)
    away = np.sqrt(sum(x * x for x in np.meshgrid(axis, axis, axis, indexing="ij")))
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=away.shape), 1.2)
    height, *_ = surface.cleaned((1 - away + 1.5 * noise).astype(np.float32), 0.5, 0.01)
    made = surface.triangulate(height, 1.0)
    assert made.watertight
    targets = [500 * i for i in range(2, 10)]
    plain = [simplify(made.vertices, made.faces, target_count=n) for n in targets]
    assert not all(surface.Surface(vertices, faces.astype(np.int32)).watertight for vertices, faces in plain)
    assert [surface.reduce(made, n).watertight for n in targets] == [True] * len(targets)


@pytest.mark.parametrize("scene,words", [
    (Analytic(ball(0.5), 0.2), ["it is blank", "largest opacity in 12 views is 0.1", "densities from 0 to 0.2"]),
    (Analytic(ball(9.0), 5.0), ["fills its whole box", "densities from 5 to 5", "loss.lambda_sparsity"]),
    (Analytic(ball(0.5), float("nan")), ["density is not finite"]),
])
def test_a_scene_without_a_surface_is_refused_with_the_reason(scene, words):
    with pytest.raises(UserError) as caught:
        extracted(scene)
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


# --- colour ----------------------------------------------------------------------------------------------------------

def test_compositing_sees_the_first_opaque_colour():
    density = torch.tensor([[0.0, 1e6, 1e6], [0.0, 0.0, 50.0], [0.0, 0.0, 0.0]])
    rgb = torch.eye(3).expand(3, 3, 3)
    found = texture.composite(density, rgb, 0.02)
    torch.testing.assert_close(found[:2], torch.eye(3)[1:], atol=1e-4, rtol=0)
    torch.testing.assert_close(found[2], torch.full((3,), 1 / 3), atol=1e-4, rtol=0)  # no density: the plain mean


def test_texels_of_one_triangle():
    atlas = unwrap.Atlas(np.arange(3), np.array([[0, 0], [1, 0], [0, 1]], dtype=np.float32), np.array([[0, 1, 2]]))
    where, face, share = texture.texels(atlas, 8)
    assert len(where) == 36 and set(face) == {0}  # 8 + 7 + ... + 1 centres, those on the long edge among them
    row, column = where // 8, where % 8
    np.testing.assert_allclose(share @ atlas.uv, np.stack([column + 0.5, 7 - row + 0.5], -1) / 8, atol=1e-6)


@pytest.fixture(scope="module")
def textured() -> mesh.Mesh:
    """A ball and a smaller one beside it, coloured by position."""
    scene = Analytic(either(ball(0.35, (0.0, -0.4, 0.0)), ball(0.25, (0.1, 0.4, 0.1))))
    return extracted(scene, Options(resolution=64, faces=1500, texture_size=256))


def test_the_texture_shows_the_field(textured):
    """Sampled in the middle of every face. The worst is met where a face is thinner than a texel."""
    middle = textured.atlas.uv[textured.atlas.faces].mean(1) * 256
    found = textured.texture[255 - middle[:, 1].astype(int), middle[:, 0].astype(int)] / 255
    wanted = (textured.surface.vertices[textured.surface.faces].mean(1) + 1) / 2
    assert np.abs(found - wanted).max() < 0.04 and np.abs(found - wanted).mean() < 0.01
    assert np.abs(textured.colours / 255 - (textured.surface.vertices + 1) / 2).max() < 0.04


def test_no_texel_is_left_empty(textured):
    """Around the charts their colours go on: nothing here is darker than the darkest point of the surface."""
    assert textured.texture.min() >= 255 * (textured.surface.vertices.min() + 1) / 2 - 8


def test_the_atlas_is_the_mesh(textured):
    assert np.array_equal(textured.atlas.vertex[textured.atlas.faces], textured.surface.faces)
    assert textured.atlas.uv.min() >= 0 and textured.atlas.uv.max() <= 1


def test_an_atlas_that_takes_too_long_gives_vertex_colours(tmp_path):
    said: list[str] = []
    made = extracted(Analytic(ball(0.5)), Options(resolution=64, texture_size=64, unwrap_s=0.001), said)
    assert made.atlas is None and made.texture is None and made.facts["texture_size"] is None
    assert len(said) == 1 and "no UV atlas within 0.001 s" in said[0] and "\n" not in said[0]
    loaded = load(mesh.write_glb(tmp_path / "a.glb", made))
    linear = loaded.visual.vertex_attributes["color"][:, :3] / 255  # kept by trimesh, though not shown
    shown = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    bright = made.colours.min(1) > 60  # linear bytes are coarse in the dark
    assert np.abs(shown - made.colours / 255)[bright].max() < 0.02
    text = mesh.write_obj(tmp_path / "a.obj", made).read_text()
    assert len(next(line for line in text.splitlines() if line.startswith("v ")).split()) == 7
    assert not (tmp_path / "a.mtl").exists()


def test_an_atlas_that_fails_is_told(monkeypatch):
    with pytest.raises(unwrap.Failed, match="no UV atlas could be made"):
        unwrap.unwrap(np.zeros((3, 2), dtype=np.float32), np.zeros((1, 3), dtype=np.int32), 64, 60, lambda _: None)


# --- files -----------------------------------------------------------------------------------------------------------

def load(path):
    import trimesh

    scene = trimesh.load(path)
    (found,) = scene.geometry.values()
    return found


def chunks(path) -> tuple[dict, int]:
    """The JSON of a .glb, and how many chunks there are."""
    content = path.read_bytes()
    magic, version, length = struct.unpack("<4sII", content[:12])
    assert (magic, version, length) == (b"glTF", 2, len(content))
    sizes, at = [], 12
    while at < length:
        sizes.append(struct.unpack("<I", content[at:at + 4])[0])
        at += 8 + sizes[-1]
    return json.loads(content[20:20 + sizes[0]]), len(sizes)


def test_glb_is_one_file_with_texture_and_normal_map(tmp_path, textured):
    path = mesh.write_glb(tmp_path / "a.glb", textured)
    head, count = chunks(path)
    assert count == 2 and not [b for b in head["buffers"] if "uri" in b]
    (material,) = head["materials"]
    assert all(image["mimeType"] == "image/png" and "uri" not in image for image in head["images"])
    assert len(head["images"]) == len(head["textures"]) == 2 and material["normalTexture"] == {"index": 1}
    surface_ = material["pbrMetallicRoughness"]
    assert surface_["metallicFactor"] == 0 and surface_["roughnessFactor"] == 1 and "baseColorTexture" in surface_
    (primitive,) = head["meshes"][0]["primitives"]
    assert {"POSITION", "NORMAL", "TEXCOORD_0", "TANGENT"} <= primitive["attributes"].keys()
    assert [p.name for p in tmp_path.iterdir()] == ["a.glb"]


def test_glb_as_trimesh_loads_it(tmp_path, textured):
    found = load(mesh.write_glb(tmp_path / "a.glb", textured))
    world = found.vertices @ UP["y"]  # file = UP @ world
    np.testing.assert_allclose(world, textured.surface.vertices[textured.atlas.vertex], atol=1e-6)
    np.testing.assert_array_equal(np.asarray(found.visual.material.baseColorTexture), textured.texture)
    found.merge_vertices(merge_tex=True, merge_norm=True)
    assert found.is_watertight and found.volume == pytest.approx(textured.surface.volume, rel=1e-4)
    np.testing.assert_allclose(found.visual.to_color().vertex_colors[:, :3] / 255,
                               (found.vertices @ UP["y"] + 1) / 2, atol=0.06)


@pytest.mark.parametrize("up", list(UP))
def test_obj_as_trimesh_loads_it(tmp_path, textured, up):
    path = mesh.write_obj(tmp_path / "a.obj", textured, Placement(up))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mtl", "a.obj", "a.png", "a_normal.png"]
    assert path.read_text().startswith(f"# carv3d, {Placement(up).told}\nmtllib a.mtl\n")
    import trimesh

    found = trimesh.load(path, process=False)
    (found,) = found.geometry.values() if isinstance(found, trimesh.Scene) else [found]
    np.testing.assert_allclose(found.vertices[found.faces].mean(1) @ UP[up],
                               textured.surface.vertices[textured.surface.faces].mean(1), atol=1e-5)
    np.testing.assert_allclose(found.visual.to_color().vertex_colors[:, :3] / 255, (found.vertices @ UP[up] + 1) / 2,
                               atol=0.06)
    shared = sum(line.startswith("v ") for line in path.read_text().splitlines())
    assert shared == len(textured.surface.vertices)  # seams split no vertex


def test_a_real_nerf_agrees_with_its_renders(fitted):
    scene, _ = fitted
    made = extracted(scene, Options(resolution=96, texture_size=0))
    assert made.surface.watertight and made.facts["silhouette_iou"] > 0.95
    low, high = made.surface.vertices.min(0), made.surface.vertices.max(0)
    np.testing.assert_allclose(low, [-0.5, -0.35, -0.12], atol=0.08)
    np.testing.assert_allclose(high, [0.5, 0.35, 0.6], atol=0.08)
