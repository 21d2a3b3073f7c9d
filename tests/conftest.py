"""Set before any test imports torch; and what all tests share."""

import os

import pytest

from carv3d.runtime.threads import share_cores

if "PYTEST_XDIST_WORKER" in os.environ:  # one worker per core, so one thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
share_cores()


@pytest.fixture(autouse=True)
def coarse_shapes(request, monkeypatch):
    """Shapes are scored on a coarse grid, which takes a tenth of the time; tests of shapes look at the real one."""
    if not {"quality", "scenes"} & set(request.path.parts):
        monkeypatch.setattr("carv3d.quality.solids.RESOLUTION", 32)
    if request.path.name != "test_unseen.py":  # the views that look for what no view sees
        monkeypatch.setattr("carv3d.export.unseen.PIXELS", 32)


@pytest.fixture(autouse=True)
def no_engine_measured(request, monkeypatch):
    """teacher.engine=auto is torch, whatever is installed here; the tests of engines look at the real choice."""
    if request.path.name != "test_engines.py":
        monkeypatch.setattr("carv3d.teachers.LONG", 1 << 30)
