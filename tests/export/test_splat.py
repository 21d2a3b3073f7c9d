"""Gaussians as PLY: what is written is what 3DGS's readers expect, and comes back; turning turns everything."""

import struct

import numpy as np
import pytest
import torch
from fields import as_others_read

from carv3d.export import splat
from carv3d.export.axes import Placement
from carv3d.runtime.errors import UserError
from carv3d.scenes import harmonics, ply
from carv3d.scenes.splats import SH_C0, Splats
from carv3d.scenes.turns import FRONT, UP


def made(count: int = 50, degree: int = 3, seed: int = 0) -> Splats:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    return Splats(draw(count, 3), draw(count, 3) - 3, draw(count, 4), draw(count), draw(count, (degree + 1) ** 2, 3))


def parsed(path) -> tuple[list[str], dict[str, np.ndarray]]:
    """A reader of its own: header lines, and the attributes by name from packed little-endian floats."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    lines = head.decode().splitlines()
    names = [line.split()[2] for line in lines if line.startswith("property float ")]
    count = next(int(line.split()[2]) for line in lines if line.startswith("element vertex"))
    assert len(body) == 4 * count * len(names)
    rows = np.array(list(struct.iter_unpack(f"<{len(names)}f", body)))
    return lines, dict(zip(names, rows.T, strict=True))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_an_independent_reader_finds_the_same_numbers(tmp_path, degree):
    splats = made(degree=degree)
    lines, found = parsed(splat.write(tmp_path / "a.ply", splats))
    assert lines[:3] == ["ply", "format binary_little_endian 1.0", "comment carv3d z up, front +x"]
    rest = 3 * ((degree + 1) ** 2 - 1)
    assert list(found) == [*"x y z nx ny nz f_dc_0 f_dc_1 f_dc_2".split(), *(f"f_rest_{i}" for i in range(rest)),
                           *"opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3".split()]
    for i, axis in enumerate("xyz"):
        np.testing.assert_array_equal(found[axis], splats.means[:, i])
        np.testing.assert_array_equal(found[f"scale_{i}"], splats.log_scales[:, i])
        np.testing.assert_array_equal(found[f"f_dc_{i}"], splats.sh[:, 0, i])
        assert not found[f"n{axis}"].any()
    for i in range(4):
        np.testing.assert_array_equal(found[f"rot_{i}"], splats.quaternions[:, i])
    np.testing.assert_array_equal(found["opacity"], splats.opacity_logits)
    each = rest // 3
    for channel in range(3):
        for i in range(each):  # channel-major: all of red first
            np.testing.assert_array_equal(found[f"f_rest_{channel * each + i}"], splats.sh[:, 1 + i, channel])


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_reading_gives_back_what_was_written(tmp_path, degree):
    splats = made(degree=degree)
    found = ply.read_splats(splat.write(tmp_path / "a.ply", splats))
    assert found.degree == degree
    for name, tensor in splats.tensors().items():
        assert torch.equal(found.tensors()[name], tensor), name


def test_padding_adds_zeros_only(tmp_path):
    splats = made(degree=1)
    found = ply.read_splats(splat.write(tmp_path / "a.ply", splats, degree=3))
    assert found.degree == 3 and torch.equal(found.sh[:, :4], splats.sh) and not found.sh[:, 4:].any()
    with pytest.raises(ValueError, match="degree must be 1 to 3, got 0"):
        splat.write(tmp_path / "b.ply", splats, degree=0)


@pytest.mark.parametrize("order", ["<", ">", "ascii"])
def test_attributes_are_found_by_name(tmp_path, order):
    """Other order, other widths, extra attributes, no normals (as gsplat writes), big endian, text."""
    from plyfile import PlyData, PlyElement

    splats = made(degree=2)
    _, columns = parsed(splat.write(tmp_path / "a.ply", splats))
    names = [name for name in reversed(list(columns)) if name not in ("nx", "ny", "nz")] + ["extra"]
    vertex = np.zeros(len(splats), dtype=[(name, "f8" if name == "x" else "f4") for name in names])
    for name in names[:-1]:
        vertex[name] = columns[name]
    other = PlyData([PlyElement.describe(vertex, "vertex")], text=order == "ascii",
                    byte_order="=" if order == "ascii" else order)
    other.write(tmp_path / "b.ply")
    found = ply.read_splats(tmp_path / "b.ply")
    for name, tensor in splats.tensors().items():
        torch.testing.assert_close(found.tensors()[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("change,words", [
    (lambda text: b"no ply at all\n", "not a PLY"),
    (lambda text: text[:-7], "cut short: 50 rows of vertex"),
    (lambda text: text.replace(b"property float opacity\n", b"property float opaqueness\n"), "opacity missing"),
    (lambda text: text.replace(b"f_rest_8\n", b"f_test_8\n"), "8 attributes f_rest_* given; allowed: 0, 9, 24, 45"),
    (lambda text: text.replace(b"f_rest_8\n", b"f_rest_9\n"), "numbered from 0"),
])
def test_other_files_are_refused_in_one_line(tmp_path, change, words):
    path = splat.write(tmp_path / "a.ply", made(degree=1))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UserError) as caught:
        ply.read_splats(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_to_write_leaves_no_file(tmp_path):
    broken = made()
    broken.means[:, 1] = float("inf")
    for splats, words in ((made(0), "no Gaussians"), (broken, "50 of 50 Gaussians left out.*: position 50")):
        with pytest.raises(UserError, match=words):
            splat.write(tmp_path / "a.ply", splats)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="cannot be read"):
        ply.read_splats(tmp_path / "a.ply")


def test_what_cannot_be_drawn_is_not_written(tmp_path):
    """And is said; a file without it says nothing."""
    splats, said = made(), list[str]()
    splats.means[3, 1] = splats.opacity_logits[3] = float("nan")
    splats.quaternions[7] = 0
    splats.log_scales[20, 2], splats.log_scales[21, 0] = 50, -float("inf")
    splats.opacity_logits[30] = float("inf")
    splats.sh[40, 2, 1] = float("nan")
    found = ply.read_splats(splat.write(tmp_path / "a.ply", splats, announce=said.append), said.append)
    kept = torch.tensor([i for i in range(50) if i not in (3, 7, 20, 21, 30, 40)])
    assert all(torch.equal(found.tensors()[name], tensor[kept]) for name, tensor in splats.tensors().items())
    assert said == ["notice: a.ply: 6 of 50 Gaussians left out, not finite or out of proportion: position 1, size 2, "
                    "rotation 1, opacity 2, colour 1"]


# --- turning ---------------------------------------------------------------------------------------------------------

def matrices(quaternions: torch.Tensor) -> np.ndarray:
    """Rotations [N,3,3] of quaternions wxyz [N,4], by the textbook formula."""
    w, x, y, z = torch.nn.functional.normalize(quaternions.double(), dim=1).T
    rows = [[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2).numpy()


@pytest.mark.parametrize("degree", [0, 3])
@pytest.mark.parametrize("up", UP)
def test_a_file_of_ours_is_read_where_it_lay(tmp_path, up, degree):
    """Whichever axis is up in it, and said where it is turned. Control: without its comment it lies elsewhere."""
    splats, said = made(degree=degree), []
    path = splat.write(tmp_path / "a.ply", splats, place=Placement(up))
    found, other = ply.read_splats(path, said.append), as_others_read(path)
    assert torch.equal(found.means, splats.means) and torch.equal(found.log_scales, splats.log_scales)
    assert torch.equal(found.opacity_logits, splats.opacity_logits)
    np.testing.assert_allclose(matrices(found.quaternions), matrices(splats.quaternions), atol=1e-6)
    np.testing.assert_allclose(found.sh, splats.sh, atol=1e-5)
    told = [f"notice: a.ply: {Placement(up).told}, by its comment: turned back to z up, front +x"]
    assert said == ([] if up == "world" else told)
    assert torch.equal(other.means, splats.means) == (up == "world")


@pytest.mark.parametrize("up", UP)
def test_a_scene_starts_from_a_file_of_ours_as_it_was(tmp_path, up):
    from carv3d.config.schema import GaussiansConfig
    from carv3d.scenes.gaussians import Gaussians

    small = made(degree=0)
    splats = Splats(small.means / 5, small.log_scales, small.quaternions, small.opacity_logits, small.sh)
    path = splat.write(tmp_path / "a.ply", splats, place=Placement(up))
    scene = Gaussians.make(GaussiansConfig(init=str(path)), device=torch.device("cpu"),
                           generator=torch.Generator().manual_seed(0))
    assert torch.equal(scene.means.detach(), splats.means)


@pytest.mark.parametrize("up", ["y", "z", "-y"])
def test_a_turned_file_looks_the_same_from_turned_cameras(tmp_path, up):
    splats, rotation = made(), UP[up]
    found = as_others_read(splat.write(tmp_path / "a.ply", splats, place=Placement(up)))
    assert f"comment carv3d {Placement(up).told}\n".encode() in (tmp_path / "a.ply").read_bytes()
    np.testing.assert_allclose(found.means, splats.means.numpy() @ rotation.T, atol=1e-6)
    np.testing.assert_allclose(matrices(found.quaternions), rotation @ matrices(splats.quaternions), atol=1e-6)
    assert torch.equal(found.log_scales, splats.log_scales) and torch.equal(found.sh[:, 0], splats.sh[:, 0])
    directions = np.random.default_rng(1).normal(size=(20, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    before = np.einsum("nic,di->ndc", splats.sh, harmonics.basis(directions, 3))
    after = np.einsum("nic,di->ndc", found.sh, harmonics.basis(directions @ rotation.T, 3))
    np.testing.assert_allclose(after, before, atol=2e-5)


@pytest.mark.parametrize("up,top,front", [("z", (0, 0, 1), (0, -1, 0)), ("world", (0, 0, 1), (1, 0, 0)), ("y", (0, 1, 0), (0, 0, 1)),
                                          ("-y", (0, -1, 0), (0, 0, -1))])
def test_axes(up, top, front):
    rotation = UP[up]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(rotation @ [0, 0, 1], top)
    np.testing.assert_allclose(rotation @ [1, 0, 0], front)
    sign, axis = FRONT[up]
    assert front["xyz".index(axis)] == {"+": 1, "-": -1}[sign]


def test_the_harmonics_are_orthonormal_and_carry_3dgs_signs():
    """Orthonormal over the sphere (a product rule exact for these degrees); signs against 3DGS's constants."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    angle = np.arange(16) * (2 * np.pi / 16)
    z, phi = (x.ravel() for x in np.meshgrid(nodes, angle, indexing="ij"))
    ring = np.sqrt(1 - z * z)
    values = harmonics.basis(np.stack([ring * np.cos(phi), ring * np.sin(phi), z], -1), 3)
    weight = np.repeat(weights, 16) * (2 * np.pi / 16)
    np.testing.assert_allclose(np.einsum("ni,nj,n->ij", values, values, weight), np.eye(16), atol=1e-12)
    x, y, z = 0.48, 0.6, 0.64
    expected = [SH_C0, -0.4886025 * y, 0.4886025 * z, -0.4886025 * x, 1.0925484 * x * y, -1.0925484 * y * z,
                0.3153916 * (2 * z * z - x * x - y * y), -1.0925484 * x * z, 0.5462742 * (x * x - y * y),
                -0.5900436 * y * (3 * x * x - y * y), 2.8906114 * x * y * z,
                -0.4570458 * y * (4 * z * z - x * x - y * y),
                0.3731763 * z * (2 * z * z - 3 * x * x - 3 * y * y), -0.4570458 * x * (4 * z * z - x * x - y * y),
                1.4453057 * z * (x * x - y * y), -0.5900436 * x * (x * x - 3 * y * y)]
    np.testing.assert_allclose(harmonics.basis(np.array([[x, y, z]]), 3)[0], expected, atol=1e-6)


def test_any_rotation_as_a_quaternion():
    drawn = torch.randn(200, 4, generator=torch.Generator().manual_seed(2))
    for quaternion, matrix in zip(torch.nn.functional.normalize(drawn.double(), dim=1).numpy(), matrices(drawn)):
        found = harmonics.quaternion(matrix)
        assert min(np.abs(found - quaternion).max(), np.abs(found + quaternion).max()) < 1e-9
