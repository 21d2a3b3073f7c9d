"""The CUDA road without a GPU: every case of cases.py, run on a pretended device (pretend.py) with stand-ins for what
the CUDA libraries compile (stubs.py).

One process of its own runs them all (child.py), so that nothing of it reaches other tests; of several workers the first
that comes starts it and the others wait. Again by hand, one case alone: ``python tests/cuda/child.py /dev/stdout NAME``.
"""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "diffusion"), str(HERE.parent)]

import cases  # noqa: E402


@pytest.fixture(scope="session")
def found(tmp_path_factory) -> dict[str, str | None]:
    """What went wrong in each case, None for nothing; and under "" how the process ended."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    results, ended = shared / "cuda.jsonl", shared / "cuda.txt"
    with open(shared / "cuda.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ended.exists():
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])}
            done = subprocess.run([sys.executable, HERE / "child.py", results], env=environment, text=True,
                                  capture_output=True)
            ended.write_text(f"exit status {done.returncode}\n{done.stderr[-4000:]}")
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    return {"": ended.read_text(), **{line["name"]: line["error"] for line in lines}}


@pytest.mark.parametrize("name", cases.CASES)
def test_on_the_pretended_device(name, found):
    assert name in found, f"the process ended before: {found['']}"
    assert found[name] is None, found[name]
