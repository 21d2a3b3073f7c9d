"""One picture of several runs: eight views of each, colour only, a run per row.

usage: python scripts/gallery.py OUT.png RUN [RUN ...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from carv3d.runs.folder import Run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+")
    args = parser.parse_args()
    sheets = [iio.imread(Run.open(run).save / "preview.png") for run in args.runs]
    iio.imwrite(args.out, np.concatenate([sheet[: len(sheet) // 3] for sheet in sheets]))  # colour rows
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
