"""Files from other programs: each kind is read as it is meant, or refused in one line; every input is made here."""

import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carv3d import config
from carv3d.config.scenes import GaussiansConfig
from carv3d.runtime import ply_header
from carv3d.runtime.errors import UserError
from carv3d.scenes import ply, starts
from carv3d.scenes.splats import SH_C0, Splats

COUNT = 40
FORMATS = {"<": "binary_little_endian", ">": "binary_big_endian", "": "ascii"}
NAMES = {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint", "f4": "float",
         "f8": "double"}
Columns = dict[str, np.ndarray]


def gaussians(degree: int = 0, count: int = COUNT, seed: int = 0) -> Columns:
    """The properties of a PLY of 3DGS, float32."""
    draw = np.random.default_rng(seed)
    rest = 3 * ((degree + 1) ** 2 - 1)
    ranges = {"x": (-0.5, 0.5), "y": (-0.5, 0.5), "z": (-0.5, 0.5), "nx": (0, 0), "ny": (0, 0), "nz": (0, 0),
              **{f"f_dc_{i}": (-1, 1) for i in range(3)}, **{f"f_rest_{i}": (-1, 1) for i in range(rest)},
              "opacity": (-3, 3), **{f"scale_{i}": (-4, -2) for i in range(3)}, **{f"rot_{i}": (0.1, 1) for i in range(4)}}
    return {name: draw.uniform(*ends, count).astype(np.float32) for name, ends in ranges.items()}


def cloud(colour: Columns | None = None, count: int = COUNT) -> Columns:
    where = np.random.default_rng(1).uniform(-0.5, 0.5, (3, count)).astype(np.float32)
    return dict(zip("xyz", where)) | (colour or {})


def element(name: str, columns: Columns, order: str = "<", names: dict[str, str] = NAMES) -> tuple[bytes, bytes]:
    """The header lines and the rows of one element."""
    count = len(next(iter(columns.values())))
    head = f"element {name} {count}\n" + "".join(f"property {names[c.dtype.str[1:]]} {n}\n" for n, c in columns.items())
    if not order:
        rows = zip(*(column.tolist() for column in columns.values()))
        return head.encode(), "".join(" ".join(map(repr, row)) + "\n" for row in rows).encode()
    table = np.empty(count, [(n, order + c.dtype.str[1:]) for n, c in columns.items()])
    for n, column in columns.items():
        table[n] = column
    return head.encode(), table.tobytes()


def content(columns: Columns, order: str = "<", *, comment: bytes = b"", name: str = "vertex", after: bytes = b"",
            names: dict[str, str] = NAMES, **others: Columns) -> bytes:
    """A PLY of an element of ``columns`` behind those of ``others``. after: header lines at the end."""
    made = [element(n, c, order) for n, c in others.items()] + [element(name, columns, order, names)]
    head = b"ply\nformat " + FORMATS[order].encode() + b" 1.0\n" + comment + b"".join(h for h, _ in made) + after
    return head + b"end_header\n" + b"".join(body for _, body in made)


def stored(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def read(path: Path, bound: float | None = None) -> tuple[Splats, list[str]]:
    said: list[str] = []
    return ply.read_splats(path, said.append, bound), said


def wanted(columns: Columns) -> Splats:
    """What such columns mean, by the description of the format."""
    def stack(*names: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([columns[name].astype(np.float32) for name in names], -1))

    rest = sum(name.startswith("f_rest") for name in columns) // 3
    sh = [stack("f_dc_0", "f_dc_1", "f_dc_2")]
    sh += [stack(*(f"f_rest_{channel * rest + i}" for channel in range(3))) for i in range(rest)]
    return Splats(stack(*"xyz"), stack(*(f"scale_{i}" for i in range(3))), stack(*(f"rot_{i}" for i in range(4))),
                  stack("opacity")[:, 0], torch.stack(sh, 1))


def assert_same(found: Splats, right: Splats) -> None:
    for name, tensor in right.tensors().items():
        assert torch.equal(found.tensors()[name], tensor), name


# --- PLY as the field writes it --------------------------------------------------------------------------------------

def lines_end_in(data: bytes, end: bytes) -> bytes:
    head, body = data.split(b"end_header\n", 1)
    return (head + b"end_header\n").replace(b"\n", end) + body


FACES = b"element face 7\nproperty list uchar int vertex_indices\n"
SHORT = {kind: f"{'u' if kind[0] == 'u' else ''}{'float' if kind[0] == 'f' else 'int'}{8 * int(kind[1])}" for kind in NAMES}


@pytest.mark.parametrize("order", list(FORMATS))
@pytest.mark.parametrize("change", [
    lambda columns, order: content(columns, order),
    lambda columns, order: lines_end_in(content(columns, order), b"\r\n"),
    lambda columns, order: lines_end_in(content(columns, order), b"\r"),
    lambda columns, order: content(columns, order, comment="comment café, end_header\nobj_info ä\n\n".encode("latin-1")),
    lambda columns, order: content({n: c.astype("f8") for n, c in columns.items()}, order),
    lambda columns, order: content(columns, order, names=SHORT),
    lambda columns, order: content(dict(reversed(columns.items())) | {"label": np.arange(COUNT, dtype="i4")}, order),
    lambda columns, order: content(columns, order, camera={"view": np.arange(3, dtype="f8")}),
    lambda columns, order: content(columns, order, after=FACES) + b"\3\0\0\0\0" * 7,
], ids=["plain", "crlf", "cr", "latin1", "double", "types by size", "other order", "element before", "faces after"])
@pytest.mark.parametrize("degree", [0, 3])
def test_splats_as_the_field_writes_them(tmp_path, degree, change, order):
    columns = gaussians(degree)
    path = stored(tmp_path / "a.ply", change(columns, order))
    assert ply_header.kind(path) == "splats"
    found, said = read(path)
    assert_same(found, wanted(columns))
    assert found.degree == degree and said == []


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("order", list(FORMATS))
def test_points_of_every_type(tmp_path, kind, order):
    columns = {name: np.arange(7).astype(kind) * (i + 1) for i, name in enumerate("xyz")}
    points, colours = ply.read_points(stored(tmp_path / "a.ply", content(columns, order)))
    assert torch.equal(points, torch.arange(7.0)[:, None] * torch.tensor([1.0, 2, 3])) and (colours == 0.5).all()


SHADES = np.linspace(0.1, 1, COUNT)


@pytest.mark.parametrize("names", ["red green blue", "r g b", "diffuse_red diffuse_green diffuse_blue"])
@pytest.mark.parametrize("kind,scale,said", [
    ("u1", 255, ""), ("i1", 255, ""), ("u2", 65535, ""), ("f4", 1, ""), ("f8", 1, ""), ("f4", 255, "float32 up to 255 taken as 0 to 255"),
    ("f8", 65535, "float64 up to 65535 taken as 0 to 65535"), ("u2", 255, "uint16 up to 255 taken as 0 to 255"),
    ("i4", 255, "int32 up to 255 taken as 0 to 255"), ("u4", 65535, "uint32 up to 65535 taken as 0 to 65535"),
])
def test_colours_on_their_scale(tmp_path, names, kind, scale, said):
    values = SHADES * scale if kind[0] == "f" else np.round(SHADES * scale).astype("u4")
    colour = {name: (values / (i + 1)).astype("u1" if kind == "i1" else kind).view(kind) for i, name in enumerate(names.split())}
    told: list[str] = []
    path = stored(tmp_path / "a.ply", content(cloud(colour)))
    _, colours = ply.read_points(path, told.append)
    np.testing.assert_allclose(colours, SHADES[:, None] / [1, 2, 3], atol=1.01 / 255)
    assert told == ([f"notice: a.ply: colours of type {said}"] if said else [])


def test_points_with_the_colours_of_splats(tmp_path):
    """Harmonics of degree 0 without size and rotation."""
    path = stored(tmp_path / "a.ply", content(cloud({f"f_dc_{i}": np.full(COUNT, i, "f4") for i in range(3)})))
    assert ply_header.kind(path) == "points"
    np.testing.assert_allclose(ply.read_points(path)[1], [[0.5, 0.5 + SH_C0, 1]] * COUNT, atol=1e-6)


def test_splats_with_plain_colours(tmp_path):
    columns = gaussians()
    right = wanted(columns)
    for i, name in enumerate(("red", "green", "blue")):
        del columns[f"f_dc_{i}"]
        columns[name] = np.full(COUNT, 51 * (i + 1), "u1")
    path = stored(tmp_path / "a.ply", content(columns))
    assert ply_header.kind(path) == "splats"
    found, _ = read(path)
    torch.testing.assert_close(0.5 + SH_C0 * found.sh[:, 0], torch.tensor([[0.2, 0.4, 0.6]]).expand(COUNT, 3))
    assert_same(Splats(found.means, found.log_scales, found.quaternions, found.opacity_logits, right.sh), right)


# --- bad rows --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name,value,fault", [
    ("x", math.nan, "position"), ("y", -math.inf, "position"), ("opacity", math.inf, "opacity"),
    ("opacity", -math.inf, "opacity"), ("scale_2", -math.inf, "size"), ("scale_0", 1e4, "size"), ("scale_1", 9.0, "size"),
    ("rot_1", math.nan, "rotation"), ("rot_*", 0.0, "rotation"), ("rot_*", 1e30, "rotation"),
    ("f_dc_1", math.nan, "colour"), ("f_rest_4", math.inf, "colour"),
])
def test_bad_gaussians_are_left_out_and_counted(tmp_path, name, value, fault):
    columns = gaussians(1)
    for each in columns:
        if each == name or name == "rot_*" and each.startswith("rot_"):
            columns[each][[0, 7, 39]] = value
    found, said = read(stored(tmp_path / "a.ply", content(columns)))
    assert_same(found, wanted(columns)[torch.tensor([i for i in range(COUNT) if i not in (0, 7, 39)])])
    assert said == [f"notice: a.ply: 3 of 40 Gaussians left out, not finite or out of proportion: {fault} 3"]


def test_a_stray_far_away_is_left_out(tmp_path):
    """A thousand times the cloud's diagonal; a hundred times, as backgrounds may lie, is kept."""
    columns = gaussians(count=100)
    columns["z"][0], columns["z"][1] = 2e3, 1e2
    found, said = read(stored(tmp_path / "a.ply", content(columns)))
    assert_same(found, wanted(columns)[1:])
    assert said == ["notice: a.ply: 1 of 100 Gaussians left out, not finite or out of proportion: position 1"]


def test_nothing_but_bad_rows_is_refused(tmp_path):
    columns = gaussians()
    columns["scale_2"][:] = -math.inf
    with pytest.raises(UserError, match="nothing in it can be used: 40 of 40 Gaussians left out.*: size 40; write"):
        read(stored(tmp_path / "a.ply", content(columns)))


def test_bad_points_are_left_out_and_counted(tmp_path):
    """A colour that no scale has does not set the scale."""
    columns = cloud({name: np.full(COUNT, 0.5, "f4") for name in ("red", "green", "blue")})
    columns["x"][3], columns["x"][6], columns["green"][4], columns["red"][5] = math.nan, 1e30, math.inf, 1e9
    said: list[str] = []
    points, colours = ply.read_points(stored(tmp_path / "a.ply", content(columns)), said.append)
    assert len(points) == 36 and (colours == 0.5).all()
    assert said == ["notice: a.ply: 4 of 40 points left out, not finite or out of proportion: position 2, colour 2"]


def test_one_gaussian_alone_is_not_too_large(tmp_path):
    assert len(read(stored(tmp_path / "a.ply", content(gaussians(count=1))))[0]) == 1


# --- packed forms ----------------------------------------------------------------------------------------------------

def packed(values: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """Whole numbers [N,F] in one uint32 each, the first in the highest bits."""
    out = np.zeros(len(values), "u8")
    for column, width in zip(values.T, bits):
        out = out << np.uint64(width) | column.astype("u8")
    return out.astype("u4")


def compressed(degree: int, coloured: bool, count: int = 300) -> tuple[bytes, Splats]:
    """A compressed PLY of random bits, and what they mean by the description of the format."""
    draw = np.random.default_rng(degree)
    chunks = -(-count // 256)
    axes = ["x", "y", "z", "scale_x", "scale_y", "scale_z", *("rgb" if coloured else "")]
    low = {axis: draw.uniform(-4, -3, chunks).astype("f4") if "_" in axis else draw.uniform(-1, 0, chunks).astype("f4") for axis in axes}
    high = {axis: (low[axis] + 0.9).astype("f4") for axis in axes}
    three, four = [draw.integers(0, (2048, 1024, 2048), (count, 3)) for _ in range(2)], draw.integers(0, 256, (count, 4))
    four[0, 3], four[1, 3] = 0, 255
    which, small = draw.integers(0, 4, count), draw.integers(300, 724, (count, 3))
    vertex = {"packed_position": packed(three[0], (11, 10, 11)), "packed_scale": packed(three[1], (11, 10, 11)),
              "packed_rotation": packed(np.column_stack([which, small]), (2, 10, 10, 10)), "packed_color": packed(four, (8, 8, 8, 8))}
    chunk = {f"min_{axis}": low[axis] for axis in axes} | {f"max_{axis}": high[axis] for axis in axes}
    rest = 3 * ((degree + 1) ** 2 - 1)
    bytes_ = draw.integers(0, 256, (count, rest), dtype="u1")
    if rest:
        bytes_[0, :2] = 0, 255
    data = content(vertex, chunk=chunk)
    if rest:
        lines, rows = element("sh", {f"f_rest_{i}": bytes_[:, i] for i in range(rest)})
        data = data.replace(b"end_header\n", lines + b"end_header\n") + rows

    def between(names: list[str], share: np.ndarray) -> torch.Tensor:
        ends = [np.stack([end[name][np.arange(count) // 256].astype("f8") for name in names], -1) for end in (low, high)]
        return torch.from_numpy(ends[0] + (ends[1] - ends[0]) * share)

    most = np.array([2047, 1023, 2047])
    others = (small / 1023 - 0.5) * math.sqrt(2)
    turns = [np.insert(other, place, math.sqrt(1 - other @ other)) for other, place in zip(others, which)]
    colour = between(["r", "g", "b"], four[:, :3] / 255) if coloured else torch.from_numpy(four[:, :3] / 255)
    steps = np.where(bytes_ == 0, 0, np.where(bytes_ == 255, 1, (bytes_ + 0.5) / 256)) * 8 - 4
    higher = torch.from_numpy(steps).view(count, 3, rest // 3).transpose(1, 2)
    opacity = torch.from_numpy(four[:, 3] / 255).clamp(0.5 / 255, 1 - 0.5 / 255)
    right = Splats(between(["x", "y", "z"], three[0] / most), between(["scale_x", "scale_y", "scale_z"], three[1] / most),
                   torch.from_numpy(np.array(turns)), opacity.logit(), torch.cat([((colour - 0.5) / SH_C0)[:, None], higher], 1))
    return data, right


@pytest.mark.parametrize("degree,coloured", [(0, False), (0, True), (1, True), (3, False)])
def test_compressed_ply(tmp_path, degree, coloured):
    data, right = compressed(degree, coloured)
    path = stored(tmp_path / "a.ply", data)
    assert ply_header.kind(path) == "splats"
    found, said = read(path)
    assert said == [] and found.degree == degree
    for name, tensor in right.tensors().items():
        torch.testing.assert_close(found.tensors()[name], tensor.float(), atol=2e-6, rtol=2e-6)


ROW = struct.pack("<6f8B", 0.1, -0.2, 0.3, 0.01, 0.02, 0.04, 255, 0, 51, 204, 192, 64, 128, 0)
DARK = struct.pack("<6f8B", 0, 0, 0, 0, 0.02, 0.04, 255, 0, 51, 255, 255, 128, 128, 128)  # its first size is 0


def test_splat_file(tmp_path):
    path = stored(tmp_path / "a.splat", ROW * 3 + DARK)
    assert GaussiansConfig(init=str(path)).init_kind == "splats"
    found, said = read(path)
    assert said == ["notice: a.splat: 1 of 4 Gaussians left out, not finite or out of proportion: size 1"]
    right = {"means": [0.1, -0.2, 0.3], "log_scales": np.log([0.01, 0.02, 0.04]), "quaternions": [0.5, -0.5, 0, -1],
             "opacity_logits": math.log(4), "sh": (np.array([[1, 0, 0.2]]) - 0.5) / SH_C0}
    for name, value in right.items():
        np.testing.assert_allclose(found.tensors()[name], [value] * 3, rtol=1e-6, err_msg=name)


# --- refused in one line ---------------------------------------------------------------------------------------------

def rows(count: str) -> bytes:
    return content(cloud()).replace(b"vertex 40", b"vertex " + count.encode())


@pytest.mark.parametrize("data,words", [
    (b"", "neither a PLY or .splat file nor a run; give blob, a .ply or .splat file"),
    (b"solid stl\n", "neither a PLY"),
    (b"ply\n", "its header has no end"),
    (content(cloud()).replace(b"end_header", b"end-header"), "header line .end-header"),
    (content(cloud()).replace(b"format binary_little_endian", b"format middle_endian"), "allowed: format ascii, binary_little"),
    (content(cloud()).replace(b"format binary_little_endian 1.0\n", b""), "header line 'end_header'"),
    (rows("0"), "holds no points: its vertex element has 0 rows"),
    (rows("1000000000000"), "cut short: 1,000,000,000,000 rows of vertex in its header mean at least 12,000,000,000,000 bytes"),
    (rows("4294967336"), "cut short: 4,294,967,336 rows"),
    (rows("18446744073709551656"), "cut short: 18,446,744,073,709,551,656 rows"),
    (rows("9" * 5000), "ROWS a whole number"),
    (rows("-40"), "header line 'element vertex -40'; allowed: element NAME ROWS"),
    (rows("4e1"), "header line 'element vertex 4e1'"),
    (content(cloud(), "").replace(b"vertex 40", b"vertex 1000000000000"), "cut short: 1,000,000,000,000 rows"),
    (content(cloud())[:-5], "cut short: 40 rows of vertex in its header mean at least 480 bytes after it, 475 are there"),
    (content(cloud(), "")[:-60], "39 rows of 3 numbers given|cut short|is not 3 numbers"),
    (content(cloud()).replace(b"property float y", b"property list uchar float y"), "property 'y' of element 'vertex' is a list"),
    (content(cloud(), name="corner", after=b"element vertex 0\n"), "holds no points"),
    (content(cloud(), name="corner"), r"no vertex element in it \(corner\)"),
    (content(cloud()).replace(b"float y", b"float x"), "each name once in it"),
    (content(cloud()).replace(b"float y", b"half y"), "TYPE one of PLY's eight"),
    (content(cloud()).replace(b"property float y\n", b"property float\n"), "header line 'property float'"),
    (content(cloud(), after=b"element vertex 40\n"), "each name once"),
    (content(cloud()).replace(b"float y", b"float w"), "has no y; a point cloud needs x, y and z"),
    (content(cloud(), "").replace(b"0.", b"o."), "is not 3 numbers"),
    (content(cloud({"red": np.full(COUNT, 250, "i2")}), "").replace(b"short red", b"uchar red").replace(b" 250\n", b" 260\n"),
     "'red' holds a number that its type, uint8, cannot"),
    (content({n: c for n, c in gaussians().items() if n != "opacity"}), "no Gaussians in it: opacity missing"),
    (content({n: c for n, c in gaussians().items() if "dc" not in n}), "f_dc_0, f_dc_1, f_dc_2 missing"),
    (content(gaussians() | {"f_rest_0": np.zeros(COUNT, "f4")}), "1 attributes f_rest_. given; allowed: 0, 9, 24, 45"),
    (compressed(0, False)[0].replace(b"float min_scale_y", b"float min_scale_w"), "a compressed PLY without min_scale_y"),
    (compressed(0, False)[0].replace(b"uint packed_color", b"float packed_color"), "without packed_color"),
    (compressed(1, False)[0].replace(b"f_rest_8", b"f_rest_9"), "element sh with 9 properties"),
    (content({"packed_position": np.zeros(4, "u4")}), "a compressed PLY without min_x"),
])
def test_damaged_ply_in_one_line(tmp_path, data, words):
    refused(stored(tmp_path / "a.ply", data), words)


@pytest.mark.parametrize("data,words", [
    (b"", "0 bytes; a .splat file has 32 a Gaussian"), (ROW[:-1], "31 bytes"), (DARK * 9, "nothing in it can be used"),
])
def test_damaged_splat_file_in_one_line(tmp_path, data, words):
    refused(stored(tmp_path / "a.splat", data), words)


def refused(path: Path, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        started(path)
    message = str(caught.value)
    assert message.startswith("scene.gaussians.init: ") and message.isprintable() and len(message) < 300


def started(path: Path, *overrides: str) -> Splats:
    """What a run that starts from the file trains first."""
    options = config.load(None, ["prompt=a red cube", f"scene.gaussians.init={path}", *overrides]).scene.gaussians
    return starts.first(options, torch.Generator().manual_seed(0), None)


# --- where it lies, and how much of it is taken ----------------------------------------------------------------------

@pytest.mark.parametrize("shift,factor,moved", [
    (0.0, 1.0, None), (1.2, 1.0, None), (100.0, 40.0, "moved by (-100, -100, -100), then scaled by 0.025"),
    (1.6, 1.0, "moved by (-1.6, -1.6, -1.6), then scaled by 1"), (-20.0, 10.0, "moved by (20, 20, 20), then scaled by 0.1"),
    (5e6, 1.0, "moved by (-5e+06, -5e+06, -5e+06), then scaled by 1"),
])
@pytest.mark.parametrize("kind", ["splats", "points"])
def test_far_and_large_clouds_are_brought_into_the_box(tmp_path, capsys, kind, shift, factor, moved):
    """In float64: at 5,000,000, where georeferenced clouds lie, float32 is off by a quarter. A stray point far outside
    does not matter, nor what lies in the box or next to it."""
    within = np.random.default_rng(2).uniform(-0.7, 0.7, (400, 3)).clip(-0.5, 0.5)
    within[0, 0] = 1.7
    columns = {**(gaussians(count=400) if kind == "splats" else {}), **dict(zip("xyz", within.T * factor + shift))}
    if kind == "splats":
        columns |= {f"scale_{i}": np.full(400, math.log(0.05 * factor)) for i in range(3)}
    found = started(stored(tmp_path / "a.ply", content(columns)))
    said = capsys.readouterr().err
    assert said == (f"notice: a.ply does not lie in the scene's box, -1 to 1: {moved}\n" if moved else "")
    np.testing.assert_allclose(found.means, within if moved else within * factor + shift, atol=1e-5)
    if kind == "splats":
        np.testing.assert_allclose(found.log_scales, math.log(0.05), atol=1e-4)


def test_what_is_cut_is_said(tmp_path, capsys):
    path = stored(tmp_path / "a.ply", content(gaussians(3)))
    assert len(started(path, "scene.gaussians.count=30")) == 30
    assert capsys.readouterr().err.splitlines() == [
        "notice: a.ply: harmonics of degree 3 cut to 0; scene.gaussians.sh_degree keeps more",
        "notice: a.ply: 30 of 40 taken, at random; scene.gaussians.count takes more"]
    assert_same(started(path, "scene.gaussians.sh_degree=3"), wanted(gaussians(3)))
    assert len(started(stored(path, content(cloud())), "scene.gaussians.count=30")) == 30
    assert capsys.readouterr().err == "notice: a.ply: 30 of 40 taken, at random; scene.gaussians.count takes more\n"


def test_what_cannot_be_seen_is_said(tmp_path):
    columns = gaussians() | {"opacity": np.full(COUNT, -9, "f4")}
    assert read(stored(tmp_path / "a.ply", content(columns)))[1] == [
        "notice: a.ply: none of its Gaussians is opaque enough to be seen"]


# --- whatever the bytes ----------------------------------------------------------------------------------------------

GOOD = [content(gaussians(1, 5)), content(gaussians(0, 5), ">"), content(gaussians(0, 5), ""), content(cloud(count=5)),
        content(cloud({c: np.arange(5, dtype="u1") for c in ("red", "green", "blue")}, 5), ""), compressed(1, True, 5)[0],
        content(cloud({c: np.arange(5, dtype="f4") for c in "rgb"}, 5)), ROW * 3]
WORDS = [b"ply", b"format ascii 1.0", b"format binary_big_endian 1.0", b"end_header", b"comment \xe9", b"element vertex 3",
         b"element vertex 99999999999999", b"element face 2", b"element chunk 1", b"property list uchar int x", b"", b"\r",
         b"property uchar red", b"property short r", *(b"property float " + n.encode() for n in gaussians(1)),
         *(b"property uint packed_" + n for n in (b"position", b"rotation", b"scale", b"color")), b"1 2 3", b"nan inf -inf"]


@st.composite
def mutated(draw) -> bytes:
    """A good file with bytes overwritten, cut out, put in, or a header line exchanged."""
    data = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        until = at + draw(st.sampled_from([0, 1, 4, 30]))
        data[at:until] = draw(st.binary(max_size=8) | st.sampled_from([b"\xff\xff\x7f\x7f", b"\0\0\xc0\x7f", *WORDS]))
    return bytes(data)


def assembled() -> st.SearchStrategy[bytes]:
    """Header lines in any order, then bytes."""
    head = st.lists(st.sampled_from(WORDS), max_size=20).map(lambda lines: b"\n".join([b"ply", WORDS[1], *lines, b"end_header\n"]))
    return st.tuples(head, st.binary(max_size=300)).map(b"".join)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=mutated() | assembled() | st.binary(max_size=100), name=st.sampled_from(["a.ply", "a.splat"]))
def test_any_file_is_read_or_refused_in_one_line(tmp_path, data, name):
    """And what is read can be drawn."""
    try:
        found = started(stored(tmp_path / name, data), "scene.gaussians.sh_degree=1")
    except UserError as error:
        assert str(error).isprintable() and len(str(error)) < 300
    else:
        assert len(found) and all(torch.isfinite(tensor).all() for tensor in found.tensors().values())
        assert found.quaternions.norm(dim=1).min() > 0 and found.log_scales.abs().max() < 41
