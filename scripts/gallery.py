"""One picture of several runs, under the toybox's light where their colour is albedo.

usage: python scripts/gallery.py OUT.png RUN ...
       python scripts/gallery.py OUT.webp RUN ... [--columns 3] [--size 512] [--frames 24] [--elevation 20]

.png: eight views of each, a run per row. .webp: turntables side by side, animated, in rows of --columns.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from carv3d.cameras import turntable
from carv3d.export.images import BACKGROUNDS, all_views, sheet_cameras, to_bytes, write_png
from carv3d.export.video import frames
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.files import write_bytes
from carv3d.runtime.progress import Progress
from carv3d.text3d import build

QUALITY, SECONDS = 80, 3.0  # of animated pictures: WebP's quality, and how long a turn lasts


def row(run: Run) -> Tensor:
    """Eight views side by side, [H, 8 W, 3]."""
    config = run.config()
    scenes, device, _ = build.trained_scenes(config, checkpoint.newest(run.ckpts))
    cameras, lit = sheet_cameras(*config.data.middle_camera), config.light.colour == "albedo"
    return torch.cat(list(all_views(scenes[0], cameras, BACKGROUNDS["white"], device, lit, closer=True).rgb), 1)


def turn(run: Run, count: int, size: int, elevation_deg: float) -> Tensor:
    """One turn, [F,S,S,3]."""
    config = run.config()
    scenes, device, _ = build.trained_scenes(config, checkpoint.newest(run.ckpts))
    cameras = turntable(count, elevation_deg, *config.data.middle_camera, size)
    with Progress(run.folder.name, count) as bar:
        return torch.stack(list(frames(scenes[0], cameras, "white", device, bar.add, config.light.colour == "albedo")))


def tiled(turns: list[Tensor], columns: int) -> Tensor:
    """Turns [F,S,S,3] in rows of ``columns``, white where the last row is short: [F,R S,C S,3]."""
    blank = torch.ones_like(turns[0])
    turns = turns + [blank] * (math.ceil(len(turns) / columns) * columns - len(turns))
    return torch.cat([torch.cat(turns[i:i + columns], 2) for i in range(0, len(turns), columns)], 1)


def write_webp(path: Path, pictures: Tensor) -> None:
    """[F,H,W,3] in [0,1] as one animated picture that loops."""
    images, content = [Image.fromarray(picture) for picture in to_bytes(pictures)], io.BytesIO()
    images[0].save(content, "WEBP", save_all=True, append_images=images[1:], loop=0, quality=QUALITY, method=6,
                   duration=round(1000 * SECONDS / len(images)))
    write_bytes(path, content.getbuffer())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--elevation", type=float, default=20.0)
    args = parser.parse_args()
    runs = [Run.open(run) for run in args.runs]
    if args.out.suffix == ".webp":
        turns = [turn(run, args.frames, args.size, args.elevation) for run in runs]
        write_webp(args.out, tiled(turns, min(args.columns, len(turns))))
    else:
        write_png(args.out, torch.cat([row(run) for run in runs]))
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
