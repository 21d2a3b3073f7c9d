"""Runs whose processes are killed with SIGKILL at random moments, against one of each kind that is left in peace.

    python scripts/kill_runs.py [--kills 100] [--jobs 2] [--seed 0] [--folder outputs/kill_runs]

Four kinds of run (image, NeRF, Gaussians, VSD) and five phases (training, writing a checkpoint, video, export, report)
in turn. A run is killed at a random moment within its phase and then resumed; it must come to the undisturbed run's
checkpoint, metrics, scores and files, all to the bit but for clocks, and leave no half-written file. A killed report is
made again and must be the undisturbed one's, byte for byte. Prints a table of Markdown; status 1 if anything differs.
tests/test_storage.py is the short form, without kills.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.progress import say

COMMON = ["data.width=16", "data.height=16", "checkpoint.every_n_train_steps=1", "checkpoint.keep=2",
          "export.video=true", "log.every_n_steps=1", "export.video_frames=40", "export.video_size=96",
          "trainer.preview_every=3",
          "budget.evaluations=2", "prompt=a red mushroom"]
EXACT = ["teacher.type=exact", "teacher.exact.set_size=8"]
NERF = ["scene.type=nerf", "scene.nerf.levels=4", "scene.nerf.table_size=1024", "scene.nerf.occupancy_resolution=16",
        "export.formats=[glb]", "export.mesh_resolution=64", "export.texture_size=128", "export.faces=2000"]
KINDS = {
    "image": [*EXACT, "scene.type=image", "scene.image.size=32", "trainer.max_steps=40"],
    "nerf": [*EXACT, *NERF, "trainer.max_steps=30"],
    "gaussians": [*EXACT, "scene.type=gaussians", "scene.gaussians.count=200", "scene.gaussians.density.start=5",
                  "scene.gaussians.density.stop=25", "scene.gaussians.density.every=5", "export.formats=[ply]",
                  "trainer.max_steps=30"],
    "vsd": [*NERF, "objective.type=vsd", "objective.vsd.particles=2", "trainer.max_steps=8"],
}
PHASES = ("training", "checkpoint", "video", "export", "report")
CLOCKS = {"wall_s", "step_ms", "peak_mem_mib", "cost", "seconds", "station_ms", "time"}
START_S = 120.0  # within which a phase is reached


@dataclass
class Ended:
    """What a run has come to: tensors, lines of metrics, summary and files' hashes, without what clocks say."""

    tensors: Any
    lines: list[dict[str, Any]]
    summary: dict[str, Any]
    files: dict[str, str]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "carv3d", *words]


def start(root: Path, words: list[str]) -> subprocess.Popen:
    root.mkdir(parents=True, exist_ok=True)
    with open(root / "log", "ab") as log:
        return subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def folder_of(root: Path) -> Path | None:
    """The run's, once it is one."""
    return next((path.parent for path in root.glob("runs/*/*/config.yaml")), None)


def fresh(root: Path, kind: str) -> list[str]:
    return command("train", *COMMON, *KINDS[kind], f"exp_root_dir={root / 'runs'}")


def ended(folder: Path) -> Ended:
    run = Run(folder)
    lines = [{key: value for key, value in line.items() if key not in CLOCKS} for line in run.metrics()]
    summary = {key: value for key, value in run.summary().items() if key not in CLOCKS}
    files = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
             for path in sorted((folder / "save").rglob("*")) if path.is_file()}
    return Ended(checkpoint.load(checkpoint.newest(run.ckpts))["trainer"], lines, summary, files)


def differences(a: Ended, b: Ended) -> list[str]:
    found = [f"tensors of {name}" for name in a.tensors if name not in CLOCKS
             and not same(a.tensors[name], b.tensors.get(name))]
    found += ["metrics"] * (a.lines != b.lines)
    for what, left, right in (("summary", a.summary, b.summary), ("file", a.files, b.files)):
        found += [f"{what} {name}" for name in left.keys() | right.keys() if left.get(name) != right.get(name)]
    return found


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def begun(root: Path, phase: str, draw: random.Random, kind: str) -> Callable[[], bool]:
    """Whether the run in ``root`` is in its phase now; of training and checkpoints, at a step drawn at random."""
    steps = int(KINDS[kind][-1].partition("=")[2])
    wanted = draw.randrange(1, steps)

    def missing(folder: Path) -> list[str]:
        return Run(folder).summary().get("missing", [])

    def now() -> bool:
        folder = folder_of(root)
        if folder is None:
            return False
        if phase == "training":
            return any((folder / "ckpts").glob(f"step-{wanted:06d}.ckpt"))
        if phase == "checkpoint":
            return any((folder / "ckpts").glob(".step-*.part.ckpt")) and len(Run(folder).metrics()) >= wanted
        if phase == "video":
            return any((folder / "save").glob(".turntable*.part.mp4"))
        return "export" in missing(folder) and "quality" not in missing(folder)

    return now


def kill(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def disturbed(root: Path, kind: str, phase: str, draw: random.Random, whole: Ended, took: dict[str, float]
              ) -> list[str]:
    """One run, killed and resumed; in what it differs from the undisturbed one. took: seconds of that one's parts."""
    most = {"training": 0.05, "checkpoint": 0.0, "video": took["video"], "export": 0.1 + took.get("export", 0.0)}[phase]
    for _ in range(9):  # a phase of some milliseconds can be missed
        process, now, since = start(root, fresh(root, kind)), begun(root, phase, draw, kind), time.monotonic()
        while process.poll() is None and time.monotonic() - since < START_S and not now():
            time.sleep(0.0005)
        time.sleep(0.9 * draw.random() * most)
        if process.poll() is None and Run(folder_of(root) or root).summary().get("missing", True):
            break
        process.wait()
        shutil.rmtree(root / "runs", ignore_errors=True)
    else:
        return ["the phase was never met"]
    kill(process)
    folder = folder_of(root)
    assert folder is not None
    summary = Run(folder).summary()
    if summary["status"] == "finished" and not summary["missing"]:
        return [f"killed too late in {phase}"]
    if start(root, command("train", "--resume", str(folder))).wait():
        return [f"the resume ended with status {process.returncode}; see {root / 'log'}"]
    litter = [f"litter {path.name}" for path in folder.rglob(".*.part*")]
    return litter + differences(whole, ended(folder))


def report_of(root: Path, run: Path) -> list[str]:
    return command("report", str(run), "--out", str(root / "page"))


def page(root: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (root / "page").iterdir()}


def killed_report(root: Path, run: Path, draw: random.Random, took_s: float) -> list[str]:
    process = start(root, report_of(root, run))
    time.sleep(took_s * (0.4 + 0.6 * draw.random()))
    kill(process)
    if start(root, report_of(root, run)).wait():
        return [f"the report failed; see {root / 'log'}"]
    other = root.parent / f"{root.name}-whole"
    if start(other, report_of(other, run)).wait():
        return [f"the undisturbed report failed; see {other / 'log'}"]
    return [] if page(root) == page(other) else ["the page"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("outputs/kill_runs"))
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for all runs alike: sums in threads round as their number says
    shutil.rmtree(given.folder, ignore_errors=True)
    with ThreadPoolExecutor(given.jobs) as pool:
        roots = {kind: given.folder / "whole" / kind for kind in KINDS}
        began = time.monotonic()
        statuses = pool.map(lambda kind: start(roots[kind], fresh(roots[kind], kind)).wait(), KINDS)
        for kind, status in zip(KINDS, statuses):
            if status:
                raise SystemExit(f"the undisturbed run of {kind} failed; see {roots[kind] / 'log'}")
        runs = {kind: folder for kind, root in roots.items() if (folder := folder_of(root))}
        whole = {kind: ended(folder) for kind, folder in runs.items()}
        say(f"{len(whole)} undisturbed runs in {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        start(given.folder / "timed", report_of(given.folder / "timed", runs["nerf"])).wait()
        took_s = time.monotonic() - began

        def one(number: int) -> tuple[str, str, list[str]]:
            draw = random.Random(f"{given.seed} {number}")
            kind, phase = list(KINDS)[number % 4], PHASES[number // 4 % 5]
            root = given.folder / f"{number:03d}-{kind}-{phase}"
            if phase == "export" and kind == "image":
                phase = "training"  # a picture has no other files
            found = (killed_report(root, runs[kind], draw, took_s) if phase == "report" else
                     disturbed(root, kind, phase, draw, whole[kind], Run(runs[kind]).summary()["seconds"]))
            if not found:
                shutil.rmtree(root, ignore_errors=True)
            say(f"{number + 1}: {kind}, {phase}: {'; '.join(found) or 'equal'}")
            return kind, phase, found

        results = list(pool.map(one, range(given.kills)))
    return table(results)


def table(results: list[tuple[str, str, list[str]]]) -> int:
    """Equal of all, by kind and phase."""
    every = Counter((kind, phase) for kind, phase, _ in results)
    equal = Counter((kind, phase) for kind, phase, found in results if not found)
    print(f"| killed in | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}")
    for phase in PHASES:
        print(f"| {phase} | " + " | ".join(f"{equal[kind, phase]} of {every[kind, phase]}" if every[kind, phase] else ""
                                            for kind in KINDS) + " |")
    print(f"{sum(equal.values())} of {sum(every.values())} equal to the bit")
    return 0 if equal == every else 1


if __name__ == "__main__":
    sys.exit(main())
