"""A run's files as other programs show them, one picture: a row for each format, a column for each program.

usage: python scripts/format_pictures.py OUT.webp MESH_RUN SPLAT_RUN [--size 200] [--bpy PYTHON]

Exports every format of both runs into a temporary folder and has each drawn by three.js and by Spark, in headless
Chromium (tests/web/README.md says what they need), and by Blender (--bpy: a Python that has it, or CARV3D_BPY_PYTHON),
from the same place, a little above and to the side of the front. Files whose axes the web programs leave as they are
are turned there as docs/export.md says. The first column is carv3d's own image. A cell without a picture: that program
does not open the format, or was not tried.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from carv3d.cameras import orbit
from carv3d.config.export import FORMATS, MESHES
from carv3d.export import assets
from carv3d.export.images import BACKGROUNDS, all_views, to_bytes
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.files import write_bytes
from carv3d.runtime.progress import say
from carv3d.scenes.turns import UP
from carv3d.text3d import build

WEB = Path(__file__).parents[1] / "tests" / "web"
sys.path.insert(0, str(WEB))
import browser  # noqa: E402

HALF = 0.5**0.5
TURNS = {"y": (0, 0, 0, 1), "-y": (1, 0, 0, 0), "z": (-HALF, 0, 0, HALF)}  # quaternions that stand a file upright there
AZIMUTH_DEG, ELEVATION_DEG, DISTANCE, FOVY_DEG = 30.0, 20.0, 2.65, 40.0
THREE, SPARK = ("splat.glb", "ply", "spz", "splat"), ("ply", "splat", "spz", "compressed.ply")
BLENDER = (*MESHES, "ply", "splat.glb", "points.ply")
LABEL, HEADER = 130, 26  # pixels


def exported(run: Run, folder: Path, size: int) -> tuple[dict[str, Path], np.ndarray]:
    """Every format of the run's scene, and carv3d's own unlit image of it, [S,S,3] uint8."""
    config = run.config(["export.unlit=true"])
    scenes, device, step = build.trained_scenes(config, checkpoint.newest(run.ckpts))
    build.set_up_kernels(config, say)
    folder.mkdir()
    made = {path.name: path for path in assets.write(folder, scenes[:1], device, config, ["all"], step)}
    cameras = orbit([AZIMUTH_DEG], ELEVATION_DEG, DISTANCE, FOVY_DEG, size, size)
    own = to_bytes(all_views(scenes[0], cameras, BACKGROUNDS["white"], device, closer=True).rgb[0])
    names = {kind: f"{said.stem}.{said.ending}" for kind, said in FORMATS.items()}
    return {kind: made[name] for kind, name in names.items() if name in made}, own


def on_white(picture: np.ndarray) -> np.ndarray:
    """[S,S,4] -> [S,S,3]."""
    alpha = picture[..., 3:] / 255.0
    return (picture[..., :3] * alpha + 255.0 * (1.0 - alpha)).round().astype(np.uint8)


def in_browser(files: dict[str, Path], viewer: str, size: int) -> dict[str, np.ndarray]:
    """By format, as three.js or Spark draw it."""
    cameras = orbit([AZIMUTH_DEG], ELEVATION_DEG, DISTANCE, FOVY_DEG, size, size)
    eye = (UP["y"] @ cameras.c2w[0, :3, 3].numpy()).tolist()
    splats = [kind for kind in (THREE if viewer == "three" else SPARK) if kind in files]
    jobs = [{"model": str(files[kind]), "name": files[kind].name, "viewer": viewer, "size": size,
             "fovy_deg": FOVY_DEG, "eye": eye, "turn": TURNS[FORMATS[kind].up]} for kind in splats]
    found = dict(zip(splats, browser.draw(jobs, page="splats.html"), strict=True)) if jobs else {}
    if viewer == "three" and "glb" in files:
        mesh = {"model": str(files["glb"]), "size": size, "fovy_deg": FOVY_DEG, "eye": eye, "lit": False}
        found["glb"] = browser.draw([mesh])[0]
    return {kind: on_white(picture) for kind, picture in found.items()}


def in_blender(python: str, files: dict[str, Path], folder: Path, size: int) -> dict[str, np.ndarray]:
    """By format, as Blender draws it, unlit, points as small balls."""
    import imageio.v3 as iio

    wanted = [kind for kind in BLENDER if kind in files]
    subprocess.run([python, str(WEB / "blender_formats.py"), str(folder), str(size), str(AZIMUTH_DEG),
                    str(ELEVATION_DEG), str(DISTANCE), str(FOVY_DEG), *(str(files[kind]) for kind in wanted)],
                   check=True, stdout=subprocess.DEVNULL)
    return {kind: on_white(iio.imread(folder / f"{files[kind].name}.png")) for kind in wanted}


def sheet(columns: dict[str, dict[str, np.ndarray]], size: int) -> Image.Image:
    """The table: names at the left and above; grey where there is no picture."""
    rows = [kind for kind in FORMATS if any(kind in found for found in columns.values())]
    out = Image.new("RGB", (LABEL + size * len(columns), HEADER + size * len(rows)), "white")
    draw = ImageDraw.Draw(out)
    for i, kind in enumerate(rows):
        draw.text((8, HEADER + (i + 0.5) * size), kind, "black", anchor="lm", font_size=16)
        for j, (name, found) in enumerate(columns.items()):
            at = (LABEL + j * size, HEADER + i * size)
            draw.text((at[0] + size / 2, HEADER / 2), name, "black", anchor="mm", font_size=16)
            if kind in found:
                out.paste(Image.fromarray(found[kind]), at)
            else:
                draw.rectangle((*at, at[0] + size - 1, at[1] + size - 1), "#ececec")
    return out


def main() -> int:
    known = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known.add_argument("out", type=Path)
    known.add_argument("runs", type=Path, nargs=2)
    known.add_argument("--size", type=int, default=200)
    known.add_argument("--bpy", default=os.environ.get("CARV3D_BPY_PYTHON", ""))
    args = known.parse_args()
    if missing := browser.missing("@sparkjsdev/spark"):
        known.error(missing)
    columns: dict[str, dict[str, np.ndarray]] = {"carv3d": {}, "three.js": {}, "Spark": {}, "Blender": {}}
    with tempfile.TemporaryDirectory() as temporary:
        for number, path in enumerate(args.runs):
            files, own = exported(Run.open(path), Path(temporary) / str(number), args.size)
            kinds = [kind for kind in files if (kind in MESHES) == (number == 0)]
            files = {kind: files[kind] for kind in kinds}
            columns["carv3d"] |= {kind: own for kind in kinds}
            columns["three.js"] |= in_browser(files, "three", args.size)
            columns["Spark"] |= in_browser(files, "spark", args.size)
            if args.bpy:
                columns["Blender"] |= in_blender(args.bpy, files, Path(temporary), args.size)
    content = io.BytesIO()
    sheet({name: found for name, found in columns.items() if found}, args.size).save(
        content, args.out.suffix[1:].upper(), quality=85)
    write_bytes(args.out, content.getbuffer())
    return 0


if __name__ == "__main__":
    sys.exit(main())
