"""Splat files in other hands: PlayCanvas' splat-transform reads each of them, and finds the Gaussians that were written.

It reads SPZ by Niantic's and Adobe's own library, and gives all in the axes of 3DGS's files: y down. What KHR_gaussian_
splatting asks of a glTF is checked from its text (release candidate, July 2026): nothing at hand reads it.
"""

import gzip
import json
import math
import shutil
import struct
import subprocess
from pathlib import Path

import browser
import numpy as np
import pytest
import torch
from test_splat import made, matrices

from carv3d.config.export import FORMATS, SPLATS
from carv3d.export import splat
from carv3d.export.axes import Placement
from carv3d.runtime.errors import UserError
from carv3d.scenes import ply
from carv3d.scenes.splats import SH_C0, Splats
from carv3d.scenes.turns import UP

WEB = Path(browser.__file__).parent
needs_reader = pytest.mark.skipif(not shutil.which("node") or not (WEB / "node_modules/@playcanvas").is_dir(),
                                  reason="needs Node and PlayCanvas' splat-transform: npm ci in tests/web")
AXES = {"ply": "-y", "splat": "-y", "spz": "y", "compressed.ply": "-y"}  # for which the reader gives y down
# What the bits of each format allow: position (world units), log size, angle (degrees), opacity, colour, harmonics
WITHIN = {"ply": (1e-6, 1e-6, 1e-3, 1e-6, 1e-6, 1e-5),
          "splat": (1e-6, 1e-5, 2.0, 0.5 / 255 + 1e-6, 0.5 / 255 + 1e-6, math.inf),
          "spz": (2**-16, 1 / 32 + 1e-5, 0.25, 0.5 / 255 + 1e-6, 0.5 / 255 / 0.15 * SH_C0 + 1e-6, 1 / 256 + 1e-5),
          "compressed.ply": (2e-3, 2e-3, 0.2, 0.5 / 255 + 1e-6, 4e-3, 8 / 256)}


def given(count: int = 600, degree: int = 3) -> Splats:
    """Gaussians whose colours and harmonics lie within what bytes hold."""
    free = made(count, degree)
    sh = free.sh.clamp(-1, 1) * 0.6  # turned by an axis, none is beyond 1, where SPZ ends
    return Splats(free.means / 3, free.log_scales * 0.5 - 2, free.quaternions, free.opacity_logits, sh)


def reader(*paths: Path) -> list[Splats]:
    """What splat-transform finds in each file: Gaussians with y down."""
    done = subprocess.run(["node", "splats.mjs", *map(str, paths)], cwd=WEB, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    lines = [line.removeprefix("read ") for line in done.stdout.splitlines() if line.startswith("read ")]
    return [as_splats(json.loads(line)) for line in lines]


def as_splats(columns: dict[str, list[float]]) -> Splats:
    def stacked(*names: str) -> torch.Tensor:
        return torch.tensor([columns[name] for name in names]).T.float()

    rest = sum(name.startswith("f_rest_") for name in columns)
    dc = stacked("f_dc_0", "f_dc_1", "f_dc_2")[:, None]
    higher = stacked(*(f"f_rest_{i}" for i in range(rest))).view(len(dc), 3, -1).transpose(1, 2) if rest else dc[:, :0]
    return Splats(stacked("x", "y", "z"), stacked("scale_0", "scale_1", "scale_2"),
                  stacked("rot_0", "rot_1", "rot_2", "rot_3"), stacked("opacity")[:, 0], torch.cat([dc, higher], 1))


def apart(found: Splats, wanted: Splats) -> tuple[float, ...]:
    """The largest difference of each kind, in the order of WITHIN; Gaussians are paired by their nearest centres.
    Harmonics that one of them lacks differ infinitely."""
    from scipy.spatial import cKDTree

    near, pairs = cKDTree(wanted.means.numpy()).query(found.means.numpy())
    assert len(found) == len(wanted) and len(set(pairs.tolist())) == len(pairs)
    other = wanted[torch.from_numpy(pairs)]
    along = np.einsum("nij,nij->nj", matrices(found.quaternions), matrices(other.quaternions))
    angle = np.degrees(np.arccos(np.abs(along).clip(0, 1)))  # of the axes, of which either end will do
    higher = (found.sh[:, 1:] - other.sh[:, 1:]).abs() if found.sh.shape == other.sh.shape else torch.tensor([np.inf])
    return (near.max(), float((found.log_scales - other.log_scales).abs().max()), float(angle.max()),
            float((found.opacity_logits.sigmoid() - other.opacity_logits.sigmoid()).abs().max()),
            float((found.sh[:, 0] - other.sh[:, 0]).abs().max()) * SH_C0, float(higher.max()) if higher.numel() else 0.0)


@needs_reader
def test_an_independent_reader_finds_the_gaussians_in_every_format(tmp_path):
    """As near as the bits allow, but for the harmonics that .splat has none of. How near is printed."""
    wanted = splat.placed(given(), Placement("-y"))
    paths = [splat.write(tmp_path / f"a.{kind}", given(), kind=kind, place=Placement(up)) for kind, up in AXES.items()]
    for kind, found in zip(AXES, reader(*paths), strict=True):
        differ = apart(found, wanted)
        print(kind, ", ".join(f"{each:.2g}" for each in differ), f"{(tmp_path / f'a.{kind}').stat().st_size:,} bytes")
        assert found.degree == (0 if kind == "splat" else 3)
        assert all(got <= most for got, most in zip(differ, WITHIN[kind])), (kind, differ)


@needs_reader
@pytest.mark.parametrize("degree", [0, 1, 2])
def test_fewer_harmonics_are_found_too(tmp_path, degree):
    splats = given(300, degree)
    wanted = splat.placed(splats, Placement("-y"))
    kinds = ("spz", "compressed.ply")
    paths = [splat.write(tmp_path / f"a.{kind}", splats, kind=kind, place=Placement(AXES[kind])) for kind in kinds]
    for kind, found in zip(kinds, reader(*paths), strict=True):
        assert found.degree == degree and all(a <= b for a, b in zip(apart(found, wanted), WITHIN[kind]))


@needs_reader
@pytest.mark.parametrize("wrong,which", [
    (lambda s: Splats(s.means, s.log_scales, s.quaternions.roll(1, 1), s.opacity_logits, s.sh), 2),  # xyzw for wxyz
    (lambda s: Splats(s.means, s.log_scales, s.quaternions * torch.tensor([1, -1, -1, -1]), s.opacity_logits, s.sh), 2),
    (lambda s: Splats(s.means, s.log_scales.exp(), s.quaternions, s.opacity_logits, s.sh), 1),
    (lambda s: Splats(s.means, s.log_scales, s.quaternions, s.opacity_logits.sigmoid(), s.sh), 3),
    (lambda s: Splats(s.means, s.log_scales, s.quaternions, s.opacity_logits, s.sh.flip(2)), 4),  # bgr for rgb
    (lambda s: Splats(s.means, s.log_scales, s.quaternions, s.opacity_logits,
                      torch.cat([s.sh[:, :1], s.sh[:, 1:].transpose(1, 2).reshape(len(s), 15, 3)], 1)), 5),
])
def test_the_comparison_sees_what_is_wrong(tmp_path, wrong, which):
    """The control: a swapped order and the like is far outside of what any format's bits allow."""
    wanted = splat.placed(given(), Placement("-y"))
    turned = splat.placed(given(), Placement("-y"))
    paths = [splat.write(tmp_path / f"a.{kind}", wrong(turned), kind=kind) for kind in ("ply", "compressed.ply")]
    for found in reader(*paths):
        assert apart(found, wanted)[which] > 3 * WITHIN["compressed.ply"][which]


@needs_reader
def test_spz_is_y_up_by_its_specification(tmp_path):
    """The control: a file in 3DGS's axes lies elsewhere for its reader, who turns it by half a turn around x."""
    wanted = splat.placed(given(), Placement("-y"))
    right, wrong = reader(*(splat.write(tmp_path / f"{i}.spz", given(), kind="spz", place=Placement(up))
                            for i, up in enumerate(("y", "-y"))))
    assert apart(right, wanted)[0] <= WITHIN["spz"][0]
    assert (wrong.means - wanted.means * torch.tensor([1, -1, -1])).abs().max() <= WITHIN["spz"][0]


# --- without any other program -----------------------------------------------------------------------------------

@pytest.mark.parametrize("up", ["-y", "y", "world"])
def test_a_compressed_file_of_ours_is_read_where_it_lay(tmp_path, up):
    """By carv3d's own reader; its comment says how it was turned."""
    splats, said = given(), []
    found = ply.read_splats(splat.write(tmp_path / "a.compressed.ply", splats, kind="compressed.ply",
                                        place=Placement(up)), said.append)
    assert all(a <= b for a, b in zip(apart(found, splats), WITHIN["compressed.ply"]))
    assert len(said) == (up != "world")


def test_a_splat_file_is_read_in_its_own_axes(tmp_path):
    found = ply.read_splats(splat.write(tmp_path / "a.splat", given(), kind="splat", place=Placement("-y")))
    wanted = splat.placed(given(), Placement("-y"))
    assert all(a <= b for a, b in zip(apart(found, wanted), WITHIN["splat"]))


def test_points_are_read_by_trimesh_and_by_carv3d(tmp_path):
    import trimesh

    path = splat.write(tmp_path / "a.ply", given(), kind="points.ply", place=Placement("z"))
    wanted, found = splat.placed(given(), Placement("z")), trimesh.load(path)
    colours = (0.5 + SH_C0 * wanted.sh[:, 0]).clamp(0, 1)
    np.testing.assert_array_equal(found.vertices.astype(np.float32), wanted.means)
    np.testing.assert_allclose(found.colors[:, :3] / 255, colours, atol=0.501 / 255)
    np.testing.assert_allclose(found.colors[:, 3] / 255, wanted.opacity_logits.sigmoid(), atol=0.501 / 255)
    points, rgb = ply.read_points(path, [].append)
    assert torch.equal(points, wanted.means) and (rgb - colours).abs().max() < 0.501 / 255


def test_spz_says_what_it_is(tmp_path):
    """Head and length by the format's description; the mark for anti-aliased Gaussians; the same bytes every time."""
    for antialiased in (False, True):
        path = splat.write(tmp_path / "a.spz", given(600, 2), kind="spz", antialiased=antialiased)
        content = gzip.decompress(path.read_bytes())
        magic, version, count, degree, bits, flags, reserved = struct.unpack("<4sIIBBBB", content[:16])
        assert (magic, version, count, degree, flags, reserved) == (b"NGSP", 3, 600, 2, antialiased, 0)
        assert len(content) == 16 + 600 * (9 + 1 + 3 + 3 + 4 + 24) and bits == 16
        first = path.read_bytes()
        assert splat.write(path, given(600, 2), kind="spz", antialiased=antialiased).read_bytes() == first


@pytest.mark.parametrize("scale,fits", [(1e-4, False), (1e-3, True), (1e2, True), (1e6, False)])
def test_spz_refuses_what_it_cannot_hold(tmp_path, scale, fits):
    """Sizes are logarithms in bytes; far out positions keep fewer bits behind the point. Nothing is left behind."""
    free, path = given(), tmp_path / "a.spz"
    splats = Splats(free.means, (free.log_scales * 0.2).clamp(-3, -0.5), free.quaternions, free.opacity_logits, free.sh)
    if fits:
        splat.write(path, splats, kind="spz", place=Placement("y", scale=scale))
        assert gzip.decompress(path.read_bytes())[13] == min(16, math.floor(math.log2(
            (2**23 - 1) / float(splats.means.abs().max() * scale))))
        return
    with pytest.raises(UserError, match=r"a\.spz was not written: positions up to .* change export.scale"):
        splat.write(path, splats, kind="spz", place=Placement("y", scale=scale))
    assert not list(tmp_path.iterdir())


def test_names_of_files_do_not_clash():
    names = [f"{said.stem}.{said.ending}" for said in FORMATS.values()]
    assert len(set(names)) == len(names) and not {"mesh.mtl", "mesh.png", "mesh_normal.png"} & set(names)
    with pytest.raises(ValueError, match="kind must be one of"):
        splat.write(Path("a.ksplat"), given(), kind="ksplat")


# --- glTF ------------------------------------------------------------------------------------------------------------

def parts(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Head of a .glb, and the attributes of its one primitive, by the specification of glTF 2.0 alone."""
    content = path.read_bytes()
    magic, version, length = struct.unpack("<4sII", content[:12])
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size = struct.unpack("<I", content[12:16])[0]
    head, body = json.loads(content[20:20 + size]), content[28 + size:]
    arrays = {}
    for name, index in head["meshes"][0]["primitives"][0]["attributes"].items():
        accessor = head["accessors"][index]
        view = head["bufferViews"][accessor["bufferView"]]
        dtype, width = {5126: "<f4", 5121: "u1"}[accessor["componentType"]], "SCALAR VEC2 VEC3 VEC4".split()
        raw = body[view["byteOffset"]:view["byteOffset"] + view["byteLength"]]
        arrays[name] = np.frombuffer(raw, dtype).reshape(accessor["count"], width.index(accessor["type"]) + 1)
    return head, arrays


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_gltf_of_gaussians_is_what_the_extension_asks_for(tmp_path, degree):
    splats = given(100, degree)
    place = Placement("y")
    head, found = parts(splat.write(tmp_path / "a.glb", splats, kind="splat.glb", place=place))
    wanted = splat.placed(splats, place)
    (primitive,), name = head["meshes"][0]["primitives"], "KHR_gaussian_splatting"
    assert head["extensionsUsed"] == [name] and "extensionsRequired" not in head
    assert primitive["mode"] == 0 and "indices" not in primitive and primitive["extensions"] == {name: {
        "kernel": "ellipse", "colorSpace": "srgb_rec709_display", "projection": "perspective",
        "sortingMethod": "cameraDistance"}}
    assert list(found) == ["POSITION", "COLOR_0", *(f"{name}:{each}" for each in (
        "ROTATION", "SCALE", "OPACITY", *(f"SH_DEGREE_{n}_COEF_{m}" for n in range(degree + 1)
                                         for m in range(2 * n + 1))))]
    bounds = head["accessors"][primitive["attributes"]["POSITION"]]
    np.testing.assert_array_equal([bounds["min"], bounds["max"]], [wanted.means.amin(0), wanted.means.amax(0)])
    np.testing.assert_array_equal(found["POSITION"], wanted.means)
    np.testing.assert_allclose(found[f"{name}:SCALE"], wanted.log_scales.exp(), rtol=1e-6)
    xyzw = found[f"{name}:ROTATION"]
    np.testing.assert_allclose(np.linalg.norm(xyzw, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(matrices(torch.from_numpy(np.roll(xyzw, 1, 1))), matrices(wanted.quaternions), atol=1e-6)
    np.testing.assert_allclose(found[f"{name}:OPACITY"][:, 0], wanted.opacity_logits.sigmoid(), atol=1e-6)
    for i in range((degree + 1) ** 2):
        n = math.isqrt(i)
        np.testing.assert_array_equal(found[f"{name}:SH_DEGREE_{n}_COEF_{i - n * n}"], wanted.sh[:, i])
    display = (0.5 + SH_C0 * wanted.sh[:, 0].double().numpy()).clip(0, 1)  # what is drawn where it is not known
    shown = found["COLOR_0"] / 255
    again = np.where(shown <= 0.0031308, shown * 12.92, 1.055 * shown ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(again[:, :3], display, atol=0.03)
    np.testing.assert_allclose(shown[:, 3], wanted.opacity_logits.sigmoid(), atol=0.501 / 255)


@pytest.mark.skipif(not shutil.which("node") or not (WEB / "node_modules" / "gltf-validator").is_dir(),
                    reason="needs Node and the glTF validator: npm ci in tests/web")
def test_khronos_validator_finds_nothing_but_an_extension_that_it_does_not_know(tmp_path):
    path = splat.write(tmp_path / "a.glb", given(100), kind="splat.glb", place=Placement("y"))
    done = subprocess.run(["node", "validate.mjs", str(path)], cwd=WEB, capture_output=True, text=True, timeout=600)
    report = json.loads(done.stdout)
    name, messages = "KHR_gaussian_splatting", report["issues"]["messages"]
    assert all(each["code"] == "UNSUPPORTED_EXTENSION" or each["code"] == "MESH_PRIMITIVE_INVALID_ATTRIBUTE"
               and f"/attributes/{name}:" in each["pointer"] for each in messages), messages
    assert {each["code"] for each in messages} == {"UNSUPPORTED_EXTENSION", "MESH_PRIMITIVE_INVALID_ATTRIBUTE"}
    assert report["info"]["totalVertexCount"] == 100


@pytest.mark.parametrize("kind", SPLATS)
def test_what_cannot_be_drawn_is_in_no_file(tmp_path, kind):
    splats, said = given(), list[str]()
    splats.means[3, 1] = float("nan")
    splats.opacity_logits[4] = float("inf")
    path = splat.write(tmp_path / f"a.{FORMATS[kind].ending}", splats, kind=kind, announce=said.append)
    (line,) = said
    assert "2 of 600 Gaussians left out" in line and path.exists() and "y" in UP
