"""``python scripts/train.py ...`` is ``carv3d train ...``."""

import sys

from carv3d.cli import main

sys.exit(main(["train", *sys.argv[1:]]))
