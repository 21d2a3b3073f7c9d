"""Where each second of a job goes: ``carv3d train`` once, looked at by sampling, by its stations and by operation.

usage: python scripts/profile_job.py [--interval MS] [--json FILE] [key=value ...]

Markdown on stdout. By sampling: every --interval milliseconds a second thread looks at what the first one is in; the
sample counts for the part of the job that it stands in (PARTS) and for carv3d's function, or the package, that is
innermost. By stations: medians of the step's at three stages of the run, its 10th, 50th and 90th hundredth. By
operation: one step at each of these under PyTorch's profiler, which itself costs time, so that only its shares are
shown. ``prompt`` is "a green mug" unless given; give scene.type=gaussians for Gaussians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from carv3d.runs.environment import cpu_name
from carv3d.runtime.threads import share_cores

ROOT = Path(__file__).resolve().parent.parent
STAGES, AROUND = (0.1, 0.5, 0.9), 8  # shares of a run; steps on either side whose stations count
PARTS = {  # innermost function that names a part of the job -> the part; the first from outside counts
    "train_step": "training step", "set_up_kernels": "kernels", "_trainer": "start: teacher and scene",
    "_previews": "preview", "_videos": "video", "_quality": "evaluation", "_faults": "evaluation",
    "_exports": "export", "checkpoint": "checkpoints", "preview": "previews in between", "choose_k": "choice of K",
    "_environment": "start: env.json", "settle": "start: checks", "load": "start: configuration"}
OPERATIONS = 8  # shown of a step


class Sampler(threading.Thread):
    """Counts samples of the main thread: by part, and by part and innermost function."""

    def __init__(self, interval_s: float):
        super().__init__(daemon=True)
        self.interval_s, self.ended = interval_s, threading.Event()
        self.seconds: Counter[tuple[str, str]] = Counter()
        self.main = threading.main_thread().ident

    def run(self) -> None:
        last = time.perf_counter()
        while not self.ended.wait(self.interval_s):
            frame, now = sys._current_frames().get(self.main or 0), time.perf_counter()
            if frame is not None:
                self.seconds[_place(frame)] += now - last
            last = now


def _place(frame: FrameType) -> tuple[str, str]:
    """(part of the job, innermost function of carv3d or else package) of a stack."""
    part, inner, package, imported = "between", "", "", False
    while frame is not None:  # from inside out: what is found last is outermost
        code, module = frame.f_code, frame.f_globals.get("__name__", "")
        if module.startswith("importlib._bootstrap"):
            imported = True
        elif not package and not module.startswith(("carv3d", "threading")):
            package = module.partition(".")[0]
        if module.startswith("carv3d"):
            inner = inner or f"{module.removeprefix('carv3d.')}.{code.co_name}"
            part = PARTS.get(code.co_name, part)
        frame = frame.f_back  # type: ignore[assignment]
    if imported:
        return "imports", package or inner
    return part, inner or package


def child(interval_s: float, out: Path, overrides: list[str]) -> int:
    """The job itself, in this process."""
    sampler = Sampler(interval_s)
    sampler.start()
    began = time.perf_counter()
    share_cores()  # as the command does, before torch is imported
    from carv3d import cli
    from carv3d.text3d import loop

    stations: dict[int, dict[str, float]] = {}
    operations: dict[int, list[tuple[str, float]]] = {}
    step_of, wanted = loop.train_step, set()

    def watched(trainer, step, mark):
        if not wanted:
            wanted.update(int(share * trainer.config.trainer.max_steps) for share in STAGES)
        last, found = [time.perf_counter()], stations.setdefault(step, {})

        def timed(station: str) -> None:
            mark(station)
            now = time.perf_counter()
            found[station], last[0] = 1e3 * (now - last[0]), now

        if step not in wanted:
            return step_of(trainer, step, timed)
        from torch.profiler import ProfilerActivity, profile

        stations.pop(step)
        with profile(activities=[ProfilerActivity.CPU]) as watcher:
            result = step_of(trainer, step, mark)
        operations[step] = [(event.key, event.self_cpu_time_total) for event in watcher.key_averages()]
        return result

    loop.train_step = watched
    status = cli.main(["train", *overrides])
    sampler.ended.set()
    sampler.join()
    out.write_text(json.dumps({
        "seconds": time.perf_counter() - began, "stages": sorted(wanted),
        "sampled": [[*place, seconds] for place, seconds in sampler.seconds.most_common()],
        "stations": {str(step): found for step, found in stations.items()},
        "operations": {str(step): found for step, found in operations.items()}}), encoding="utf-8")
    return status


def tables(found: dict) -> None:
    """Markdown on stdout."""
    parts: Counter[str] = Counter()
    for part, _, seconds in found["sampled"]:
        parts[part] += seconds
    print(f"whole job: {found['seconds']:.1f} s\n\n| part | seconds | most of it in |\n|---|---|---|")
    for part, seconds in parts.most_common():
        inner = [f"{name} {s:.1f}" for each, name, s in found["sampled"] if each == part and s >= 0.1][:4]
        print(f"| {part} | {seconds:.1f} | {', '.join(inner)} |")
    stages = found["stages"]
    print(f"\n| station, ms | {' | '.join(f'step {stage}' for stage in stages)} |\n{'|---' * (len(stages) + 1)}|")
    near = [[own for step, own in found["stations"].items() if abs(int(step) - stage) <= AROUND] for stage in stages]
    names = list(dict.fromkeys(name for group in near for own in group for name in own))
    rows = {name: [statistics.median(own.get(name, 0.0) for own in group) for group in near] for name in names}
    rows["whole step"] = [statistics.median(sum(own.values()) for own in group) for group in near]
    for name, values in rows.items():
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in values)} |")
    print("\n| step | operations, share of its time |\n|---|---|")
    for step, events in found["operations"].items():
        total = sum(ms for _, ms in events)
        most = sorted(events, key=lambda event: -event[1])[:OPERATIONS]
        print(f"| {step} | {', '.join(f'{name} {100 * ms / total:.0f} %' for name, ms in most)} |")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interval", type=float, default=5.0, metavar="MS")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    args = parser.parse_args(argv)
    if args.interval <= 0:
        parser.error(f"--interval {args.interval:g} given; allowed: more than 0")
    if args.child:
        return child(args.interval / 1e3, args.child, args.overrides)
    with tempfile.TemporaryDirectory(prefix="profile_job-") as folder:
        out = args.json.absolute() if args.json else Path(folder) / "found.json"
        command = [sys.executable, str(Path(__file__).resolve()), "--interval", str(args.interval), "--child", str(out),
                   "prompt=a green mug", f"exp_root_dir={folder}", *args.overrides]
        status = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
                                ).returncode
        if status:
            return status
        print(f"{cpu_name()}, {os.cpu_count()} cores; {' '.join(args.overrides)}\n")
        tables(json.loads(out.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
