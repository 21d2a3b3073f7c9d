"""One picture of several runs: eight views of each, colour only, a run per row.

usage: python scripts/gallery.py OUT.png RUN [RUN ...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from carv3d.export.images import LABELS
from carv3d.runs.folder import Run


def colours(sheet: np.ndarray) -> np.ndarray:
    """The colour row of a preview, without its name; sheets of older versions bear no names."""
    margin = LABELS if (sheet.shape[1] - LABELS) % 8 == 0 else 0
    return sheet[: (sheet.shape[1] - margin) // 8, margin:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+")
    args = parser.parse_args()
    sheets = [iio.imread(Run.open(run).save / "preview.png") for run in args.runs]
    iio.imwrite(args.out, np.concatenate([colours(sheet) for sheet in sheets]))
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
