"""carv3d: text to 3D by score distillation with a variance-reduced gradient (CARV, arXiv 2605.21489)."""

import time

__version__ = "0.1.0"

STARTED = time.perf_counter()  # a run's seconds count from here, so that loading torch is in them
