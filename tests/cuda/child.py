"""Runs the cases on the pretended device, in a process of its own: ``child.py RESULTS [case...]``.

One JSON line a case, as it ends: its name, the seconds that it took, and the traceback if it failed.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import io
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "diffusion"), str(HERE.parent / "attribution"), str(HERE.parent), str(HERE.parents[1])]


def main(results: Path, names: list[str]) -> int:
    with tempfile.TemporaryDirectory() as root:
        import torch

        torch.set_num_threads(1)
        if seconds := float(os.environ.get("CARV3D_TRACE", 0)):
            faulthandler.dump_traceback_later(seconds, repeat=True)
        import cases
        import pretend
        import stubs

        from carv3d.runtime.kernel_cache import use_cache

        shrink()
        use_cache()  # of compiled kernels, which stays where it is
        os.environ["XDG_CACHE_HOME"] = f"{root}/cache"
        failed = 0
        with pretend.device(), stubs.libraries():
            for name in names or cases.CASES:
                folder = Path(root, "".join(each if each.isalnum() else "-" for each in name))
                folder.mkdir()
                error, seconds = run(cases.CASES[name], folder)
                failed += error is not None
                with open(results, "a", encoding="utf-8") as out:
                    out.write(json.dumps({"name": name, "seconds": round(seconds, 2), "error": error}) + "\n")
    return 1 if failed else 0


LITTLE = {
    "export.unseen": {"PIXELS": 16}, "quality.solids": {"RESOLUTION": 16}, "quality.geometry": {"SAMPLES": 500, "GRID": 32},
    "toybox.quality": {"VIEWS": 8, "SIZE": 16}, "quality.pixels": {"HIGH_VIEWS": 4, "RING_VIEWS": 4, "SIZE": 16},
    "measure.collect": {"FIT_VIEWS": 2, "FIT_DRAWS": 24, "ADAPT_STEPS": 4, "ADAPT_DRAWS": 4, "ROUNDS": 1, "BATCH": 2,
                        "NORM_BINS": 4},
    "onestep.world": {"STEPS": (1, 2, 3)},
    "measure.compare": {"WARM_UP": 2, "UPDATES": 2, "CHOICES": 1, "PLAIN_STEPS": 1}, "measure.picture": {"AROUND": 2},
    "text3d.probe": {"PAIRS": 2},
}


def shrink() -> None:
    """Numbers that no option sets, as small as the code allows: a case asks whether it runs, not what comes out."""
    for name, numbers in LITTLE.items():
        module = importlib.import_module(f"carv3d.{name}")
        for constant, value in numbers.items():
            assert hasattr(module, constant), f"{name}.{constant}"
            setattr(module, constant, value)
    finish = importlib.import_module("carv3d.text3d.finish")
    assert finish.sheet.__defaults__ == (8, 128, None)
    finish.sheet.__defaults__ = (2, 16, None)


def run(case, folder: Path) -> tuple[str | None, float]:
    """What went wrong in it, and how long it took; it may write into its folder, where it runs."""
    said, begun = io.StringIO(), time.perf_counter()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            case(folder)
        return None, time.perf_counter() - begun
    except BaseException:  # an exit counts as well
        return f"{traceback.format_exc()}\n{said.getvalue()[-4000:]}", time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), sys.argv[2:]))
