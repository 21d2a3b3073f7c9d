"""``python scripts/export_video.py RUN ...`` is ``carv3d render RUN ...``."""

import sys

from carv3d.cli import main

sys.exit(main(["render", *sys.argv[1:]]))
