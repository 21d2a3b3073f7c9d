"""Set before any test imports torch."""

import os

from carv3d.runtime.threads import share_cores

if "PYTEST_XDIST_WORKER" in os.environ:  # one worker per core, so one thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
share_cores()
