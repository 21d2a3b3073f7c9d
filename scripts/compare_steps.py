"""The training step of a revision and of the working tree, timed in turn on this machine.

usage: python scripts/compare_steps.py REV [--rounds N] [--steps N] [--warm-up N] [key=value ...]

Each side is a process of its own that holds a settled trainer; the two take turns, --steps steps at a time, and wait
while the other runs. The ratio new over old is taken round by round, so that what else the machine does meets both; its
median and a 95 % interval (of the geometric mean, Student's t over rounds) are printed, beside the medians of both.
REV is checked out into a folder of its own, which is removed.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIDE = """
import statistics, sys, time
import carv3d
try:
    from carv3d.runtime.threads import share_cores
    share_cores()  # as the command does, before torch is imported
except ImportError:  # before there was such a thing
    pass
from carv3d import config
try:
    from carv3d.text3d import build
    from carv3d.text3d.step import train_step
except ImportError:  # before the rooms
    from carv3d import build
    from carv3d.train import train_step
assert carv3d.__file__.startswith(sys.argv[1]), carv3d.__file__
warm_up, steps = int(sys.argv[2]), int(sys.argv[3])
given = config.load(None, sys.argv[4:])
build.settle(given)
build.set_up_kernels(given, lambda line: None, truth=True)
trainer = build.trainer(given)
trainer.teacher.prepare()
step = 0
for step in range(warm_up):
    train_step(trainer, step)
print("ready", flush=True)
for _ in sys.stdin:
    taken = []
    for _ in range(steps):
        step += 1
        began = time.perf_counter()
        train_step(trainer, step)
        taken.append(1e3 * (time.perf_counter() - began))
    print(statistics.median(taken), flush=True)
"""
STUDENT = {9: 2.262, 11: 2.201, 14: 2.145, 19: 2.093, 29: 2.045, 39: 2.023}  # 97.5 % quantile by degrees of freedom


@contextlib.contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """The revision in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="compare_steps-") as folder:
        tree = Path(folder) / "tree"
        made = subprocess.run(["git", "-C", str(ROOT), "worktree", "add", "-q", "--detach", str(tree), revision],
                              capture_output=True, text=True)
        if made.returncode:
            sys.exit(f"compare_steps.py: error: {revision} is no revision of this repository; give one that git knows")
        try:
            yield tree
        finally:
            subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(tree)], check=False)


def side(tree: Path, arguments: argparse.Namespace) -> subprocess.Popen[str]:
    """A process with a settled trainer, ready to be asked."""
    command = [sys.executable, "-c", SIDE, str(tree), str(arguments.warm_up), str(arguments.steps),
               *arguments.overrides]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tree,
                               env={**os.environ, "PYTHONPATH": str(tree), "GOMP_SPINCOUNT": "20000",
                                    "OMP_WAIT_POLICY": "PASSIVE"})
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        sys.exit(f"compare_steps.py: error: the trainer of {tree} did not start; its message stands above")
    return process


def asked(process: subprocess.Popen[str]) -> float:
    """Median milliseconds of some steps more."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def summary(old: list[float], new: list[float]) -> str:
    """Both medians, the median ratio, and the interval of its geometric mean."""
    logs = [math.log(b / a) for a, b in zip(old, new, strict=True)]
    mean, count = statistics.mean(logs), len(logs)
    freedom = max((n for n in STUDENT if n <= count - 1), default=9)
    wide = STUDENT[freedom] * statistics.stdev(logs) / math.sqrt(count)
    return (f"old {statistics.median(old):.2f} ms, new {statistics.median(new):.2f} ms; new over old "
            f"{statistics.median(map(math.exp, logs)):.4f}, mean {math.exp(mean):.4f} "
            f"[{math.exp(mean - wide):.4f}, {math.exp(mean + wide):.4f}] over {count} rounds")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="the training step of two revisions, in turn")
    parser.add_argument("revision")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10, help="steps in a round")
    parser.add_argument("--warm-up", type=int, default=60)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 10:
        parser.error(f"--rounds {arguments.rounds} given; allowed: 10 or more")
    arguments.overrides = arguments.overrides or ["prompt=a green mug", "data.width=64", "data.height=64"]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {' '.join(arguments.overrides)}")
    with checked_out(arguments.revision) as tree:
        sides = [side(tree, arguments), side(ROOT, arguments)]
        times: list[list[float]] = [[], []]
        for turn in range(arguments.rounds + 1):  # the first is not counted
            for which in (0, 1) if turn % 2 else (1, 0):
                took = asked(sides[which])
                if turn:
                    times[which].append(took)
        for process in sides:
            process.kill()
    print(summary(*times))
    return 0


if __name__ == "__main__":
    sys.exit(main())
