"""Whether a mug is one: exports runs as .glb, lets Blender render them, and measures the hollow and the handle.

usage: CARV3D_BPY_PYTHON=PYTHON python scripts/eval_mug.py RUN ...

PYTHON is one that has Blender (pip install bpy). Markdown on stdout: how deep the hollow is, as a share of the mug's
height (seen from above), and in how many places one sees through between body and handle (from the front): one, if the
handle is attached at both ends, none if at one. The toybox's own mug: 0.88 and 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say

VIEWS = Path(__file__).parent / "blender_views.py"
RIM = 0.6  # share of the height above which a surface belongs to the rim or the handle
LEAST = 0.005  # share of the outline below which a hollow or a gap is a speck


def rendered(python: str, files: list[Path], folder: Path, size: int = 128) -> list[tuple[np.ndarray, np.ndarray]]:
    """What Blender shows of .glb files from above and from the front: height and alpha, [S,S,2] in [0,1] each."""
    done = subprocess.run([python, str(VIEWS), "heights", str(folder), *map(str, files), "--size", str(size)],
                          capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"Blender: {done.stderr.strip()[-400:]}")
    return [tuple(iio.imread(folder / f"{file.stem}-{side}.png")[..., [0, 3]] / 255 for side in ("above", "front"))
            for file in files]


def hollow(above: np.ndarray) -> float:
    """Depth of what the rim encloses, as a share of the height; 0 without such a place. above: [S,S,2]."""
    from scipy import ndimage

    height, solid = above[..., 0], above[..., 1] > 0.5
    rim = solid & (height > RIM)
    enclosed = ndimage.binary_fill_holes(rim) & ~rim & solid
    return float(1 - np.median(height[enclosed])) if enclosed.sum() > LEAST * solid.sum() else 0.0


def gaps(front: np.ndarray) -> int:
    """In how many places one sees through the outline. front: [S,S,2]."""
    from scipy import ndimage

    solid = front[..., 1] > 0.5
    labels, count = ndimage.label(ndimage.binary_fill_holes(solid) & ~solid)
    return int((np.bincount(labels.ravel(), minlength=count + 1)[1:] > LEAST * solid.sum()).sum())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    args = parser.parse_args()
    python = os.environ.get("CARV3D_BPY_PYTHON", sys.executable)
    try:
        with tempfile.TemporaryDirectory() as made:
            files = []
            for i, path in enumerate(args.runs):
                subprocess.run([sys.executable, "-m", "carv3d", "export", str(path), "export.formats=[glb]",
                                "export.texture_size=0", f"--out={made}/{i}"], check=True, stdout=subprocess.DEVNULL)
                files.append(Path(made, f"{i}", "mesh.glb").rename(Path(made, f"{i}.glb")))
            seen = rendered(python, files, Path(made, "seen"))
    except (UserError, subprocess.CalledProcessError) as error:
        say(f"error: {error}")
        return 2
    print("| prompt | seed | depth of the hollow | gaps at the handle |\n|---|---|---|---|")
    for path, (above, front) in zip(args.runs, seen, strict=True):
        run = Run(path)
        print(f"| {run.summary()['prompt']} | {run.config().seed} | {hollow(above):.2f} | {gaps(front)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
