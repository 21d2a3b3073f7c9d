"""What keeps a surface's shape: smoothing, charts, normal maps. Against closed forms, and against what a file says."""

import json
import struct

import numpy as np
import pytest
import torch
from fields import CPU, Analytic, ball, either, stage
from scipy import ndimage

from carv3d.export import charts, mesh, relief, smoothing, surface, unwrap, volume
from carv3d.export.atlas import Atlas, in_plane, stretch, told_stretch

VIEWS = volume.cameras(2.65, 40.0, (-5.0, 35.0))
CELL = 2 / 95


def from_ball(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points, axis=-1) - 0.6


def from_box(points: np.ndarray) -> np.ndarray:
    beyond = np.abs(points) - [0.5, 0.4, 0.3]
    return np.linalg.norm(np.maximum(beyond, 0), axis=-1) + np.minimum(beyond.max(-1), 0)


def found(distance, noise: float) -> surface.Surface:
    """The surface of a distance on a grid, with noise of ``noise`` cells that is smooth over 0.7 of one."""
    axis = np.linspace(-1, 1, 96)
    there = distance(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1))
    bumps = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=there.shape), 0.7)
    height, *_ = surface.cleaned((0.5 - 0.05 * (there / CELL + noise * bumps / bumps.std())).clip(0, 1).astype(
        np.float32), 0.5, 0.01)
    return surface.triangulate(height, 1.0)


def faces_look(made: surface.Surface, distance) -> float:
    """The mean angle between the normals of vertices and the distance's gradient, degrees."""
    points = made.vertices.astype(np.float64)
    slope = np.stack([distance(points + step) - distance(points - step) for step in 1e-5 * np.eye(3)], -1)
    slope /= np.linalg.norm(slope, axis=1, keepdims=True).clip(1e-12)
    return float(np.degrees(np.arccos((slope * made.normals).sum(1).clip(-1, 1))).mean())


@pytest.mark.parametrize("distance,size", [(from_ball, 4 / 3 * np.pi * 0.6**3), (from_box, 8 * 0.5 * 0.4 * 0.3)])
def test_smoothing_takes_noise_and_no_volume(distance, size):
    rough = found(distance, 0.3)
    smooth = smoothing.smoothed(rough, 20, 1.0)
    before, after = (np.sqrt(np.square(distance(made.vertices.astype(float))).mean()) for made in (rough, smooth))
    turned = [faces_look(made, distance) for made in (rough, smooth)]
    print(f"{before / CELL:.3f} -> {after / CELL:.3f} cells, {turned[0]:.1f} -> {turned[1]:.1f} degrees, volume "
          f"{rough.volume / size:.4f} -> {smooth.volume / size:.4f}")
    assert after < 0.9 * before and turned[1] < 0.85 * turned[0]
    assert smooth.volume == pytest.approx(rough.volume, rel=0.01) and smooth.volume == pytest.approx(size, rel=0.01)
    assert smooth.watertight and np.array_equal(smooth.faces, rough.faces)


def test_smoothing_without_noise_moves_next_to_nothing():
    """Silhouettes stay: a clean ball by less than a thirtieth of a cell; the plain mean of neighbours, the control,
    shrinks it by ten times as much."""
    clean = found(from_ball, 0.0)
    assert smoothing.smoothed(clean, 0, 1.0) is clean
    smooth = smoothing.smoothed(clean, 20, 1.0)
    assert np.abs(from_ball(smooth.vertices)).max() < CELL / 30
    points = clean.vertices.astype(float)
    for _ in range(40):
        start, end = np.concatenate([clean.faces[:, [i, (i + 1) % 3]] for i in range(3)]).T
        count = np.bincount(start, minlength=len(points))
        mean = np.stack([np.bincount(start, points[end, i], len(points)) / count for i in range(3)], 1)
        points = points + 0.5 * (mean - points)
    assert np.abs(from_ball(points)).mean() > 10 * np.abs(from_ball(smooth.vertices)).mean()


def test_what_the_box_cuts_off_stays_flat():
    made = found(lambda p: from_ball(p - [0.8, 0, 0]), 0.0)
    smooth = smoothing.smoothed(made, 20, 1.0)
    assert (smooth.vertices[:, 0] == 1.0).sum() == (made.vertices[:, 0] == 1.0).sum() > 100
    assert np.abs(smooth.vertices).max() == 1.0 and smooth.watertight


# --- charts ----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def lumpy() -> surface.Surface:
    """A ball with dents and bumps, as few steps of training leave it, reduced."""
    axis = np.linspace(-1, 1, 96)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    bumps = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=points.shape[:3]), 3)
    height, *_ = surface.cleaned((0.5 - from_ball(points) + 0.04 * bumps / bumps.std()).astype(np.float32), 0.5, 0.01)
    return surface.reduce(surface.triangulate(height, 1.0), 6000)


def test_charts_are_few_and_sound(lumpy):
    """Far fewer than xatlas makes of it, none mirrored or overlapping, stretch bounded, all faces there."""
    import xatlas

    flat = charts.make(lumpy.vertices, lumpy.faces)
    assert np.array_equal(flat.vertex[flat.faces], lumpy.faces)
    shape = in_plane(lumpy.vertices[lumpy.faces].astype(float))
    ratio, determinant = stretch(shape, flat.uv[flat.faces])
    assert ratio.max() <= charts.MOST_STRETCH and determinant.min() > 0
    assert not charts.overlapping(flat.uv[flat.faces], flat.chart).any()
    theirs = xatlas.Atlas()
    theirs.add_mesh(lumpy.vertices, lumpy.faces.astype(np.uint32))
    theirs.generate()
    count = flat.chart.max() + 1
    print(f"{count} charts, xatlas alone {theirs.chart_count}; mean stretch {ratio.mean():.3f}")
    assert count < theirs.chart_count / 4


def test_the_atlas_fits_with_room_between_its_charts(lumpy):
    atlas = unwrap.packed(charts.make(lumpy.vertices, lumpy.faces), 256)
    assert np.array_equal(atlas.vertex[atlas.faces], lumpy.faces) and atlas.uv.min() >= 0 and atlas.uv.max() <= 1
    told = told_stretch(lumpy.vertices, lumpy.faces, atlas)
    assert 1 < told["mean"] < 1.25 and told["max"] < charts.MOST_STRETCH + 0.1
    points = atlas.uv * 256
    _, chart = np.unique(_chart(atlas), return_inverse=True)
    nearest = min(np.linalg.norm(points[chart == i][:, None] - points[chart != i][None], axis=-1).min()
                  for i in range(chart.max() + 1))
    assert nearest > unwrap.PADDING_TEXELS - 1
    assert atlas.charts == chart.max() + 1


def _chart(atlas: Atlas) -> np.ndarray:
    """Of each corner of an atlas, by passing the smallest index around until nothing changes."""
    label = np.arange(len(atlas.uv))
    while True:
        least = label[atlas.faces].min(1)
        after = label.copy()
        np.minimum.at(after, atlas.faces, least[:, None])
        if np.array_equal(after, label):
            return label
        label = after


def test_stretch_is_the_ratio_of_singular_values():
    corners = np.array([[[0, 0, 0], [2, 0, 0], [0, 1, 0]], [[1, 1, 1], [1, 3, 1], [1, 1, 2]]], dtype=float)
    drawn = np.array([[[0, 0], [2, 0], [0, 1]], [[0, 0], [2, 0], [0, -3]]], dtype=float)  # as it is; 1 and -3 times
    ratio, determinant = stretch(in_plane(corners), drawn)
    np.testing.assert_allclose(ratio, [1, 3])
    np.testing.assert_allclose(determinant, [1, -3])
    generator = np.random.default_rng(0)
    flat, uv = in_plane(generator.normal(size=(50, 3, 3))), generator.normal(size=(50, 3, 2))
    maps = np.linalg.solve(flat[:, 1:], uv[:, 1:] - uv[:, :1])
    values = np.linalg.svd(maps, compute_uv=False)
    np.testing.assert_allclose(stretch(flat, uv)[0], values[:, 0] / values[:, 1], rtol=1e-6)


# --- normal maps -----------------------------------------------------------------------------------------------------

def bumpy(points: torch.Tensor) -> torch.Tensor:
    return ball(0.6)(points) + 0.02 * torch.sin(14 * points).prod(-1)


@pytest.fixture(scope="module")
def relieved() -> mesh.Mesh:
    """A bumpy ball with the normal map of some 60,000 faces on 500."""
    options = mesh.Options(resolution=96, faces=500, texture_size=256, smooth=2)
    return mesh.extract(Analytic(bumpy), VIEWS, CPU, options, stage, print)


def glb(path) -> tuple[dict, dict[str, np.ndarray]]:
    """A reader of its own: the JSON, and the first mesh's attributes and indices."""
    content = path.read_bytes()
    length = struct.unpack("<I", content[12:16])[0]
    head, body = json.loads(content[20:20 + length]), content[28 + length:]
    (primitive,) = head["meshes"][0]["primitives"]
    out = {}
    for name, index in (primitive["attributes"] | {"INDEX": primitive["indices"]}).items():
        each = head["accessors"][index]
        kind = {5126: "<f4", 5125: "<u4", 5121: "u1"}[each["componentType"]]
        view = head["bufferViews"][each["bufferView"]]
        rows = np.frombuffer(body, kind, offset=view["byteOffset"], count=view["byteLength"] // np.dtype(kind).itemsize)
        out[name] = rows.reshape(each["count"], -1)
    return head, out


def shading_error(made: mesh.Mesh, path, green: float = 1.0) -> tuple[float, float]:
    """Mean angle to the truth of the normals that a renderer shades with, degrees: without the map, and with it, as
    MikkTSpace's paper has a renderer do it, from what the file says. green: -1 is DirectX's convention."""
    _, file = glb(path)
    faces = file["INDEX"].reshape(-1, 3)
    generator = np.random.default_rng(0)
    share = generator.dirichlet(np.ones(3), len(faces))

    def between(name: str) -> np.ndarray:
        return np.einsum("fc,fci->fi", share, file[name][faces].astype(float))

    uv = between("TEXCOORD_0")
    row, column = ((uv[:, i] * 256).astype(int).clip(0, 255) for i in (1, 0))  # v downwards: row 0 on top
    value = made.relief.image[row, column] / 255 * 2 - 1
    normal, along = between("NORMAL"), between("TANGENT")[:, :3]
    up = np.cross(normal, along) * file["TANGENT"][faces[:, 0], 3:]
    mapped = value[:, :1] * along + green * value[:, 1:2] * up + value[:, 2:] * normal
    world = between("POSITION") @ np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])  # file = that @ world
    place = torch.from_numpy(world).requires_grad_()
    (slope,) = torch.autograd.grad(bumpy(place).sum(), place)
    true = slope.numpy() @ np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]).T

    def apart(normals: np.ndarray) -> float:
        lengths = np.linalg.norm(normals, axis=1) * np.linalg.norm(true, axis=1)
        return float(np.degrees(np.arccos(((normals * true).sum(1) / lengths).clip(-1, 1))).mean())

    return apart(normal), apart(mapped)


def test_the_normal_map_gives_back_what_reducing_took(relieved, tmp_path):
    path = mesh.write_glb(tmp_path / "a.glb", relieved)
    without, with_map = shading_error(relieved, path)
    print(f"{without:.1f} degrees without the map, {with_map:.1f} with it")
    assert with_map < 0.6 * without
    assert shading_error(relieved, path, green=-1.0)[1] > 1.5 * with_map  # the control: the other convention
    assert relieved.facts["normal_map"] is True and relieved.facts["normal_map_deg"] > 5


def test_tangents_are_unit_and_follow_the_atlas(relieved, tmp_path):
    """Growing u is along the tangent, growing v (up in the picture) along sign times cross(normal, tangent)."""
    _, file = glb(mesh.write_glb(tmp_path / "a.glb", relieved))
    tangent, sign = file["TANGENT"][:, :3], file["TANGENT"][:, 3]
    np.testing.assert_allclose(np.linalg.norm(tangent, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose((tangent * file["NORMAL"]).sum(1), 0, atol=1e-5)
    assert set(sign) <= {-1.0, 1.0}
    faces = file["INDEX"].reshape(-1, 3)
    assert (sign[faces] == sign[faces[:, :1]]).all()  # no chart is half mirrored
    corners, uv = file["POSITION"][faces], file["TEXCOORD_0"][faces] * [1, -1]
    maps = np.linalg.solve((uv[:, 1:] - uv[:, :1]).astype(float), (corners[:, 1:] - corners[:, :1]).astype(float))
    up = np.cross(file["NORMAL"], tangent) * sign[:, None]
    for drawn, direction in ((maps[:, 0], tangent), (maps[:, 1], up)):
        drawn = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        assert np.einsum("fi,fci->fc", drawn, direction[faces]).mean() > 0.93


def test_a_thin_wall_takes_the_normals_of_its_own_side():
    """The nearest faces to a point may lie on the other side."""
    plate = Analytic(lambda p: (p.abs() - torch.tensor([0.5, 0.5, 0.02])).amax(-1))
    made = mesh.find(plate, VIEWS, CPU, mesh.Options(resolution=64, faces=300), stage)
    nearest = relief._Nearest(made.fine)
    points = np.array([[0.1, 0.2, 0.0]] * 2)
    face, _ = nearest(points, np.array([[0, 0, 1.0], [0, 0, -1.0]]))
    height = made.fine.vertices[made.fine.faces[face]][..., 2].mean(1)
    assert height[0] > 0 > height[1]


def test_no_map_where_none_is_wanted(tmp_path):
    options = mesh.Options(resolution=48, faces=400, texture_size=64, normal_map=False)
    made = mesh.extract(Analytic(either(ball(0.4), ball(0.3, (0.0, 0.4, 0.0)))), VIEWS, CPU, options, stage, print)
    head, file = glb(mesh.write_glb(tmp_path / "a.glb", made))
    assert "normalTexture" not in head["materials"][0] and "TANGENT" not in file and len(head["images"]) == 1
    assert made.facts["normal_map"] is False and "normal_map_deg" not in made.facts
    mesh.write_obj(tmp_path / "a.obj", made)
    assert "norm" not in (tmp_path / "a.mtl").read_text() and not (tmp_path / "a_normal.png").exists()


def test_the_material_of_a_file(relieved, tmp_path):
    material = mesh.Material(metallic=0.25, roughness=0.5)
    for made in (relieved, mesh.Mesh(relieved.surface, relieved.normals, relieved.colours, None, None, None, {})):
        head, file = glb(mesh.write_glb(tmp_path / "a.glb", made, material=material))
        looks = head["materials"][0]["pbrMetallicRoughness"]
        assert (looks["metallicFactor"], looks["roughnessFactor"]) == (0.25, 0.5)
        assert head["meshes"][0]["primitives"][0]["material"] == 0 and ("COLOR_0" in file) == (made.atlas is None)
    mesh.write_obj(tmp_path / "a.obj", relieved, material=material)
    lines = (tmp_path / "a.mtl").read_text().splitlines()
    assert {"Pm 0.25", "Pr 0.5", "map_Kd a.png", "norm a_normal.png", "map_Bump a_normal.png"} <= set(lines)
