"""One picture of several runs: eight views of each, a run per row; under the toybox's light where colour is albedo.

usage: python scripts/gallery.py OUT.png RUN [RUN ...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from carv3d.export.images import BACKGROUNDS, all_views, sheet_cameras, write_png
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.text3d import build


def row(run: Run) -> torch.Tensor:
    """Eight views side by side, [H, 8 W, 3]."""
    config = run.config()
    scenes, device, _ = build.trained_scenes(config, checkpoint.newest(run.ckpts))
    cameras, lit = sheet_cameras(*config.data.middle_camera), config.light.colour == "albedo"
    return torch.cat(list(all_views(scenes[0], cameras, BACKGROUNDS["white"], device, lit).rgb), 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+")
    args = parser.parse_args()
    write_png(args.out, torch.cat([row(Run.open(run)) for run in args.runs]))
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
