"""Score the shapes of finished runs against the toybox's truth and write the table as Markdown on stdout.

usage: python scripts/eval_geometry.py [--exp-root-dir outputs] [--name toybox20] [--mesh] [--out FILE]

Reads each run's newest checkpoint and changes nothing in it. --mesh scores the meshes as ``carv3d export`` makes them,
without a texture. What was computed is kept in FILE, by default NAME-geometry.json beside the group's folder, and is
not computed again while the checkpoint and the code that scores it stay the same.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import statistics
import sys
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import torch
from runs import finished

from carv3d.config.schema import Config
from carv3d.quality import scores, solids
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import as_json, read_object, write_text
from carv3d.runtime.progress import say
from carv3d.runtime.threads import share_cores
from carv3d.scenes.base import Scene
from carv3d.text3d import build
from carv3d.toybox.grammar import parse
from carv3d.toybox.lists import held_out

SHOWN = {"psnr": 2, "mask_iou": 3, "fscore_1": 3, "fscore_2": 3, "chamfer": 4, "chamfer_accuracy": 4,
         "chamfer_completeness": 4, "normal_consistency": 3, "volume_iou": 3, "fog": 4, "mask_iou_60": 3, "psnr_60": 2,
         "mask_iou_80": 3, "psnr_80": 2}  # with digits; a mesh has those of its shape alone
COUNTS, WORST = ("parts", "euler"), 5
Row = tuple[str, int, dict]


def reduced(config: Config, scene: Scene, device: torch.device) -> dict:
    """Scores of the mesh that ``carv3d export`` makes at the run's own options; the worst where it makes none."""
    from carv3d.export import mesh, volume

    own = config.export
    options = mesh.Options(resolution=own.mesh_resolution, smooth=own.smooth, faces=own.faces, texture_size=0,
                           least_part=own.least_part)
    views = volume.cameras(*config.data.middle_camera, config.data.elevation_range)
    made = None
    with contextlib.suppress(UserError):
        made = mesh.extract(scene, views, device, options, lambda label, total: contextlib.nullcontext(Silent()),
                            lambda line: None).surface
    return solids.of_mesh(config, made)


class Silent:
    """A progress bar that nobody sees."""

    def add(self, count: int) -> None:
        pass

    to = add


def computed(run: Run, path: Path, mesh: bool) -> dict:
    config = run.config([])
    scenes, device, _ = build.trained_scenes(config, path)
    return reduced(config, scenes[0], device) if mesh else scores.evaluate(config, scenes[0], device)


@cache
def code() -> str:
    """Changes whenever the code that scores shapes does."""
    folder = files("carv3d")
    sources = [each for room in ("quality", "toybox", "export") for each in folder.joinpath(room).iterdir()
               if each.name.endswith(".py")]
    return hashlib.sha256(b"".join(each.read_bytes() for each in sorted(sources, key=str))).hexdigest()[:16]


def collect(runs: dict[tuple[str, int], Run], kept: Path, mesh: bool) -> list[Row]:
    """The scores of each run, written to ``kept`` one by one."""
    known, rows = read_object(kept), []
    for i, ((prompt, seed), run) in enumerate(sorted(runs.items(), key=lambda item: (item[0][1], item[0][0]))):
        path = checkpoint.newest(run.ckpts)
        key = f"{run.folder.name}/{path.name}{'/mesh' if mesh else ''}"
        stamp = f"{path.stat().st_mtime} {code()}"
        if known.get(key, {}).get("stamp") != stamp:
            say(f"{i + 1}/{len(runs)}: {prompt}, seed {seed}")
            known[key] = {"stamp": stamp, "quality": computed(run, path, mesh)}
            write_text(kept, as_json(known, 1) + "\n")
        rows.append((prompt, seed, known[key]["quality"]))
    return rows


def table(rows: Sequence[Row]) -> str:
    names = [name for name in SHOWN if name in rows[0][2]]
    head = ["prompt", "seed", *(name.replace("_", " ") for name in (*names, *COUNTS))]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for prompt, seed, q in rows:
        cells = [f"{q[name]:.{SHOWN[name]}f}" for name in names]
        counts = [f"{q[name]}{'' if q[f'{name}_right'] else ' (wrong)'}" for name in COUNTS]
        mark = " (held out)" if held_out(parse(prompt)) else ""
        lines.append(f"| {' | '.join([prompt + mark, str(seed), *cells, *counts])} |")
    lines.append("")
    for label, wanted in (("all", (False, True)), ("seen", (False,)), ("held out", (True,))):
        lines.append(totals(label, [q for prompt, _, q in rows if held_out(parse(prompt)) in wanted], names))
    worst = sorted(rows, key=lambda row: row[2]["fscore_1"])[:WORST]
    lines.append("worst by F-score at 1 %: " + ", ".join(f"{prompt} (seed {seed}) {q['fscore_1']:.3f}"
                                                        for prompt, seed, q in worst) + ".")
    return "\n".join(lines)


def totals(label: str, found: list[dict], names: list[str]) -> str:
    """One line of means over some runs."""
    if not found:
        return f"{label}: no run.  "
    means = "; ".join(f"{name.replace('_', ' ')} {statistics.mean(q[name] for q in found):.{SHOWN[name]}f}"
                      for name in names)
    shares = ", ".join(f"right {name} {100 * statistics.mean(q[f'{name}_right'] for q in found):.0f} %"
                       for name in COUNTS)
    return f"{label}, {len(found)} runs: mean {means}; {shares}.  "


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exp-root-dir", type=Path, default=Path("outputs"))
    parser.add_argument("--name", default="toybox20")
    parser.add_argument("--mesh", action="store_true", help="the exported mesh in place of the scene's own surface")
    parser.add_argument("--out", type=Path, help="where to keep the scores, JSON")
    args = parser.parse_args()
    share_cores()
    kept = args.out or args.exp_root_dir / f"{args.name}-geometry.json"
    try:
        runs = finished(args.exp_root_dir, args.name)
        if not runs:
            raise UserError(f"{args.exp_root_dir / args.name}: no finished run in it; give --exp-root-dir and --name")
        print(table(collect(runs, kept, args.mesh)))
    except UserError as error:
        say(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
