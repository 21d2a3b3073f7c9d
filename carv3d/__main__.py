"""``python -m carv3d`` is the command ``carv3d``."""

import sys

from carv3d.cli import main

sys.exit(main())
