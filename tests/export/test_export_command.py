"""carv3d export, and export.formats at the end of training."""

import dataclasses
import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from carv3d import config as configuration
from carv3d.cli import main
from carv3d.commands import export
from carv3d.export import mesh
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.scenes import ply

SMALL = ["--resolution", "48", "--faces", "600", "--texture-size", "64"]


def make_run(root: Path, states: list[dict], *overrides: str) -> Path:
    """A run folder with a checkpoint of these scenes at step 7 of 10, as an unfinished run leaves it."""
    config = configuration.load(None, ["prompt=a red mushroom", "teacher.type=exact", f"exp_root_dir={root}",
                                       "trainer.max_steps=10", *overrides])
    run = Run.create(config, {})
    checkpoint.save(run.ckpts, 7, {"trainer": {"scenes": states}, "config": configuration.dump(config)}, 2)
    return run.folder


@pytest.fixture(scope="module")
def run(fitted, tmp_path_factory) -> Path:
    scene, options = fitted
    return make_run(tmp_path_factory.mktemp("one"), [scene.state_dict()],
                    *(f"scene.nerf.{key}={value}" for key, value in options.items()))


def test_a_mesh_of_an_unfinished_run_without_a_teacher(run):
    code = f"""
import sys
from carv3d.cli import main
assert main(["export", {str(run)!r}, "--format", "glb", "--format", "obj", *{SMALL!r}]) == 0
assert not [m for m in sys.modules if m.startswith(("carv3d.diffusion", "carv3d.toybox.sets", "carv3d.carv", "diffusers"))]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    save = run / "save"
    assert done.stdout.splitlines() == [str(save / "mesh.glb"), str(save / "mesh.obj")]
    assert "density 48/48" in done.stderr and "texture" in done.stderr
    assert {p.name for p in save.iterdir()} == {"mesh.glb", "mesh.obj", "mesh.mtl", "mesh.png", "mesh_normal.png",
                                               "export.json"}
    known = json.loads((save / "export.json").read_text())
    entry = known["mesh.glb"]
    assert entry["format"] == "glb" and entry["up"] == "y" and entry["resolution"] == 48 and entry["faces"] <= 600
    assert entry["checkpoint_step"] == 7 and entry["watertight"] is True and entry["texture_size"] == 64
    assert entry["threshold"] > 0 and entry["vertices"] > 0 and known["mesh.obj"]["beside"] == [
        "mesh.mtl", "mesh.png", "mesh_normal.png"]
    assert entry["charts"] >= 2 and 1 < entry["stretch"]["mean"] < 1.3 and entry["stretch"]["max"] < 4.1
    assert f"{save}/mesh.glb (y up, front +z, {entry['faces']:,} triangles)\n" in done.stderr
    assert entry["quality"].keys() >= {"fscore_1", "volume_iou", "euler_right"} and entry["quality"]["parts"] == 1


def test_out_names_another_folder_and_a_checkpoint_may_be_given(run, tmp_path, capsys):
    path = run / "ckpts" / "step-000007.ckpt"
    assert main(["export", str(path), "--format", "obj", "--up", "-y", "--out", str(tmp_path / "new"), *SMALL]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/new/mesh.obj\n"
    assert json.loads((tmp_path / "new" / "export.json").read_text())["mesh.obj"]["up"] == "-y"


def test_options_of_export_may_be_given(run, tmp_path):
    """Before and after the others, which win where both are given; the run's own configuration stays."""
    before = (run / "config.yaml").read_text()
    assert main(["export", str(run), "export.faces=500", "export.up=z", "--format", "obj", *SMALL, "--out",
                 str(tmp_path), "export.texture_size=0", "export.pivot=base", "--faces", "400"]) == 0
    (entry,) = json.loads((tmp_path / "export.json").read_text()).values()
    assert (entry["up"], entry["pivot"], entry["texture_size"]) == ("z", "base", 64) and entry["faces"] <= 400
    assert (run / "config.yaml").read_text() == before


def test_every_particle_gets_its_file(fitted, tmp_path, capsys):
    scene, options = fitted
    folder = make_run(tmp_path, [scene.state_dict()] * 2, *(f"scene.nerf.{key}={v}" for key, v in options.items()))
    assert main(["export", str(folder), "--resolution", "32", "--texture-size", "0"]) == 0
    names = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert names == ["mesh-0.glb", "mesh-1.glb"]
    assert json.loads((folder / "save" / "export.json").read_text()).keys() == set(names)


@pytest.mark.parametrize("arguments,words", [
    (["--format", "fbx"], ["--format fbx: not known; allowed: glb, obj, usdz, stl, ply, splat, spz, compressed.ply, "
                           "splat.glb, points.ply, all"]),
    (["--format", "ply"], ["--format: ply given with scene.type nerf", "allowed: glb, obj, usdz, stl"]),
    (["--format", "spz", "--format", "glb"], ["--format: spz given with scene.type nerf, which has no Gaussians"]),
    (["--up", "z"], ["--up z", "glb is y up"]),
    (["export.unlit=maybe"], ["export.unlit", "true or false"]),
    (["--format", "obj", "--up", "x"], ["export.up", "'x' given", "auto, z, y, -y, world"]),
    (["--resolution", "9"], ["9 given", "from 16"]),
    (["--resolution", "5000"], ["export.mesh_resolution", "5000", "<= 512"]),
    (["--faces", "many"], ["many", "whole number"]),
    (["--texture-size", "100000"], ["export.texture_size", "<= 8192"]),
    (["--out", "/dev/null/x"], ["--out: /dev/null/x", "cannot be made"]),
    (["trainer.max_steps=3"], ["trainer.max_steps: cannot change with carv3d export; allowed: export.*"]),
    (["export.smoothe=3"], ["export.smoothe", "export.smooth"]),
    (["export.faces=3"], ["export.faces", "3 given", ">= 100"]),
    (["export.faces"], ["export.faces", "key=value"]),
])
def test_mistakes_end_in_one_line(run, tmp_path, capsys, arguments, words):
    assert main(["export", str(run), *arguments]) == 2
    captured = capsys.readouterr()
    line = captured.err.splitlines()[-1]
    assert captured.out == "" and line.startswith("carv3d: error: ") and all(word in line for word in words), line


def test_a_flat_picture_is_refused(tmp_path, capsys):
    folder = make_run(tmp_path, [{}], "scene.type=image")
    assert main(["export", str(folder)]) == 2
    assert "glb given with scene.type image" in capsys.readouterr().err


@pytest.mark.parametrize("value,words", [
    ("[glb, fbx]", ["export.formats", "'fbx' given", "a list of some of glb, obj, usdz, stl, ply, splat, spz"]),
    ("[all, splat]", ["export.formats: splat given with scene.type nerf"]),
    ("3", ["export.formats", "3 given"]),
    ("ply", ["export.formats: ply given with scene.type nerf"]),
])
def test_formats_are_checked_before_training(capsys, tmp_path, monkeypatch, value, words):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "prompt=a red mushroom", f"export.formats={value}"]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in words) and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_one_format_may_stand_without_brackets():
    assert configuration.load(None, ["export.formats=glb"]).export.formats == ["glb"]
    config = configuration.load(None, ["export.formats=[obj, glb, obj]"])
    assert config.export.formats == ["obj", "glb"]
    assert configuration.parse(configuration.dump(config)) == config


def test_a_blank_scene_is_refused_and_leaves_no_file(fitted, tmp_path, capsys):
    scene, options = fitted
    blank = {name: torch.zeros_like(tensor) for name, tensor in scene.state_dict().items()}
    folder = make_run(tmp_path, [blank], *(f"scene.nerf.{key}={value}" for key, value in options.items()),
                      "scene.nerf.blob_scale=0")
    assert main(["export", str(folder), "--resolution", "32"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "the scene has no surface: it is blank" in line and "densities from 1 to 1" in line
    assert not list((folder / "save").iterdir())


def gaussians(root: Path) -> Path:
    """A run of a ball of 300 Gaussians of degree 1."""
    from carv3d.scenes.gaussians import Gaussians
    from carv3d.scenes.splats import Splats

    generator = torch.Generator().manual_seed(0)
    means = torch.nn.functional.normalize(torch.randn(300, 3, generator=generator), dim=1) * 0.4
    splats = Splats(means, torch.full((300, 3), -2.5), torch.tensor([[1.0, 0, 0, 0]]).repeat(300, 1),
                    torch.full((300,), 3.0), torch.rand(300, 4, 3, generator=generator) - 0.5)
    scene = Gaussians(splats, bound=1.0, antialias=True, raster_backend="auto")
    return make_run(root, [scene.state_dict()], "scene.type=gaussians", "scene.gaussians.sh_degree=1",
                    "scene.gaussians.count=300")


UPS = {"mesh.glb": "y", "mesh.obj": "y", "mesh.usdz": "y", "mesh.stl": "z", "splats.ply": "z", "splats.splat": "-y",
       "splats.spz": "y", "splats.compressed.ply": "-y", "splats.glb": "y", "points.ply": "z"}
LOADED = """
import sys
from carv3d.cli import main
assert main({!r}) == 0
assert not [name for name in sys.modules if name.split(".")[0] == "pxr"]
"""


@pytest.mark.parametrize("asked", [["--format", "all"], ["export.formats=[all]"], ["--format", "splat", "--format", "all"]])
def test_all_is_every_format_that_the_scene_has(tmp_path, capsys, asked):
    import gzip

    pytest.importorskip("pxr", reason="needs usd-core: pip install usd-core")
    folder = gaussians(tmp_path)
    assert main(["export", str(folder), *asked, *SMALL, "export.unlit=true"]) == 0
    captured, save = capsys.readouterr(), folder / "save"
    assert {Path(line).name for line in captured.out.splitlines()} == set(UPS)
    assert {path.name for path in save.iterdir()} == {*UPS, "mesh.mtl", "mesh.png", "mesh_normal.png", "export.json"}
    known = json.loads((save / "export.json").read_text())
    assert {name: entry["up"] for name, entry in known.items()} == UPS
    assert {name: entry["sh_degree"] for name, entry in known.items() if "gaussians" in entry} == {
        name: 0 if name in ("splats.splat", "points.ply") else 1 for name in UPS if not name.startswith("mesh")}
    assert [name for name, entry in known.items() if entry.get("unlit")] == ["mesh.glb"]
    assert "texture_size" not in known["mesh.stl"] and known["mesh.stl"]["quality"] == known["mesh.glb"]["quality"]
    assert gzip.decompress((save / "splats.spz").read_bytes())[14] == 1  # trained anti-aliased
    assert "notice" not in captured.err


def test_a_format_that_is_refused_leaves_the_others_known(tmp_path, capsys):
    folder = gaussians(tmp_path)
    assert main(["export", str(folder), "--format", "ply", "--format", "spz", "export.scale=1e5"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "splats.spz was not written: positions up to 3.99e+04 and sizes from" in line and "change export.scale" in line
    assert {path.name for path in (folder / "save").iterdir()} == {"splats.ply", "export.json"}
    assert list(json.loads((folder / "save" / "export.json").read_text())) == ["splats.ply"]


def test_axes_that_are_fixed_are_said(tmp_path, capsys):
    folder = gaussians(tmp_path)
    for formats, words in ((["spz"], "spz is y up by its"), (["splat.glb", "spz"], "splat.glb, spz are y up by their")):
        assert main(["export", str(folder), *(f"--format={kind}" for kind in formats), "--up", "-y"]) == 2
        assert f"--up -y: {words} specification" in capsys.readouterr().err
    assert main(["export", str(folder), "--format", "spz", "--format", "splat", "--up", "z"]) == 0
    known = json.loads((folder / "save" / "export.json").read_text())
    assert [known[name]["up"] for name in ("splats.spz", "splats.splat")] == ["y", "z"]


def test_what_cannot_be_written_here_is_said(run, tmp_path, capsys, monkeypatch):
    """Without usd-core: all leaves USDZ out and says so; asked for by name it is refused before anything is done."""
    from carv3d.config import export as options

    monkeypatch.setattr(options, "has_usd", lambda: False)
    monkeypatch.setattr("carv3d.export.assets.has_usd", lambda: False)
    assert main(["export", str(run), "--format", "all", "--out", str(tmp_path), *SMALL]) == 0
    captured = capsys.readouterr()
    assert [Path(line).name for line in captured.out.splitlines()] == ["mesh.glb", "mesh.obj", "mesh.stl"]
    assert "notice: all but usdz: it needs usd-core: pip install 'carv3d[usd]'" in captured.err
    for command in (["export", str(run), "--format", "usdz"], ["train", "prompt=a red mushroom", "export.formats=[usdz]"]):
        assert main([*command, "--out", str(tmp_path / "no")] if command[0] == "export" else command) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert "usdz given, and this Python cannot write it" in line and "leave usdz out" in line
    assert not (tmp_path / "no").exists()


def test_triangles_alone_need_no_colours(run, tmp_path, capsys):
    assert main(["export", str(run), "--format", "stl", "--out", str(tmp_path), *SMALL]) == 0
    err = capsys.readouterr().err
    assert "density" in err and "texture" not in err and "colours" not in err
    assert f"{tmp_path}/mesh.stl (z up, front -y, " in err


def test_usd_is_not_loaded_for_other_formats(run, tmp_path):
    code = LOADED.format(["export", str(run), "--format", "glb", "--out", str(tmp_path), *SMALL])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- at the end of training ------------------------------------------------------------------------------------------

TRAIN = ["train", "prompt=a red mushroom", "teacher.type=exact", "teacher.exact.set_size=8", "data.views=4", "data.width=16",
         "data.height=16", "trainer.max_steps=2", "trainer.preview_every=0", "export.video=false",
         "export.formats=[glb]", "export.mesh_resolution=32", "export.texture_size=0", "device=cpu"]


@pytest.mark.parametrize("fault", [None, RuntimeError("the library broke"), KeyboardInterrupt()])
def test_training_ends_with_the_files_or_with_a_warning(tmp_path, monkeypatch, capsys, fault):
    """A failed export never loses the run."""
    if fault:
        def broken(*_):
            raise fault

        monkeypatch.setattr(mesh, "write_glb", broken)
    assert main([*TRAIN, f"exp_root_dir={tmp_path}"]) == 0
    captured = capsys.readouterr()
    folder = Path(captured.out.splitlines()[-1])
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["status"] == "finished" and summary["step"] == 2 and "export" in summary["seconds"]
    if fault is None:
        assert summary["artefacts"]["mesh.glb"] == "save/mesh.glb" and (folder / "save" / "mesh.glb").exists()
        assert json.loads((folder / "save" / "export.json").read_text())["mesh.glb"]["checkpoint_step"] == 2
    else:
        words = "stopped" if isinstance(fault, KeyboardInterrupt) else "RuntimeError: the library broke"
        assert any(text.startswith(f"export: {words}") for text in summary["warnings"])
        assert f"warning: export: {words}" in captured.err and "mesh.glb" not in summary["artefacts"]
        assert not (folder / "save" / "mesh.glb").exists()


def test_gaussians_are_written_by_their_own_record(tmp_path):
    """Any scene with ``splats`` will do."""
    from carv3d.scenes.splats import Splats

    splats = Splats(*(torch.ones(shape) for shape in ((5, 3), (5, 3), (5, 4), (5,), (5, 4, 3))))
    config = configuration.load(None, ["export.pad_sh=true", "export.up=-y"])
    scene = Namespace(splats=splats)
    placed = {"up": "-y", "front": "-z", "pivot": "origin", "offset": [0.0, 0.0, 0.0], "scale": 1.0}
    (path,) = export.write(tmp_path, [scene], torch.device("cpu"), config, ["ply"], 3)
    assert path == tmp_path / "splats.ply" and ply.read_splats(path).degree == 3
    assert json.loads((tmp_path / "export.json").read_text()) == {"splats.ply": {
        "format": "ply", **placed, "gaussians": 5, "sh_degree": 3, "checkpoint_step": 3}}
    splats.quaternions[:2] = 0
    export.write(tmp_path, [scene], torch.device("cpu"), config, ["ply"], 3)
    assert json.loads((tmp_path / "export.json").read_text())["splats.ply"] == {
        "format": "ply", **placed, "gaussians": 3, "sh_degree": 3, "left_out": 2, "checkpoint_step": 3}


def test_options_are_those_of_the_configuration():
    """Every option of the mesh has its field in ExportConfig with the same default."""
    own, given = mesh.Options(), configuration.load(None).export
    assert dataclasses.astuple(own) == (given.mesh_resolution, given.smooth, given.faces, given.texture_size,
                                        given.normal_map, given.unwrap_s, given.least_part)
