"""``python scripts/sweep.py ...`` is ``carv3d sweep ...``."""

import sys

from carv3d.cli import main

sys.exit(main(["sweep", *sys.argv[1:]]))
