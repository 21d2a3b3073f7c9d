"""Set before any test imports torch; and what all tests share."""

import os
import sys

import pytest

from carv3d.runtime.threads import share_cores

if "PYTEST_XDIST_WORKER" in os.environ:  # one worker per core, so one thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
share_cores()


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """What one test sets for its whole process would change the numbers of those after it."""
    before = _process()
    yield
    after = _process()
    assert {name: after.get(name) for name in before} == before  # what a library adds at its import stays


def _process() -> dict[str, object]:
    found: dict[str, object] = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    if torch := sys.modules.get("torch"):
        found |= {"threads": torch.get_num_threads(), "dtype": torch.get_default_dtype(), "onednn": torch.backends.mkldnn.enabled,
                  "matmul": torch.get_float32_matmul_precision(), "deterministic": torch.are_deterministic_algorithms_enabled(),
                  "gradients": torch.is_grad_enabled(), "denormal": bool((torch.full((16,), 1e-40) * 0.5 > 0).all())}
    return found


@pytest.fixture(autouse=True)
def coarse_shapes(nothing_left_behind, request, monkeypatch):
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
