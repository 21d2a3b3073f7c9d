"""The main job of a revision and of the working tree, in turn on this machine: seconds, memory, quality.

usage: python scripts/bench_job.py REV [--prompts TEXT ...] [--seeds N] [--avx2] [--keep DIR] [--record FILE]
       [--old key=value ...] [key=value ...]

Each job is ``carv3d train`` in a process of its own, from the command to its exit, video and evaluation included; the
two sides take turns, and which goes first changes from pair to pair. Before, each side runs a hundred steps that are
not counted, so that its kernels are compiled, and its engine, which a shorter run does without, measured and made.
Ratios are new over old, pair by pair; differences of scores new less old. The interval is Student's over the prompts,
each the mean of its seeds: runs of a prompt share what is hard about it.

Scores are those that both sides' own summaries have; where the working tree can read the other side's checkpoint too,
it scores both. --avx2: both sides without AVX-512 and AMX (ONEDNN_MAX_CPU_ISA, which OpenVINO obeys too,
ATEN_CPU_CAPABILITY, and NUMBA_CPU_NAME=haswell for the compiled kernels). --old: options for REV alone. --record
adds a line to a CSV file, the history by commit.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # its neighbours, whoever loads it
from compare_steps import ROOT, checked_out  # noqa: E402

from carv3d.runs.environment import cpu_name  # noqa: E402

PROMPTS = ("a green mug", "a red mushroom", "a yellow cone on top of a purple cube")
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 19: 2.093}  # 97.5 % quantile by freedom
WITHOUT_AVX512 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "NUMBA_CPU_NAME": "haswell"}
SCORE = """
import json, sys
from pathlib import Path
from carv3d.quality.scores import evaluate
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.text3d import build
run = Run.open(Path(sys.argv[1]))
config = run.config([])
scenes, device, _ = build.trained_scenes(config, checkpoint.newest(run.ckpts))
print(json.dumps(evaluate(config, scenes[0], device)))
"""
SCORES = ("retrieval_top1", "mask_iou", "psnr", "fscore_1", "fscore_2", "chamfer", "normal_consistency", "volume_iou")


@dataclass(frozen=True)
class Job:
    """A whole job: wall and processor seconds, largest resident size in MiB, seconds of its stations, its scores."""

    wall: float
    cpu: float
    memory: float
    stations: dict[str, float]
    scores: dict[str, float]


def job(tree: Path, folder: Path, prompt: str, seed: int, given: Sequence[str], avx2: bool) -> Job:
    """Run one and wait for it; ends this script where the job fails."""
    command = [sys.executable, "-m", "carv3d", "train", f"prompt={prompt}", f"seed={seed}", f"exp_root_dir={folder}",
               *given]
    surroundings = {**os.environ, "PYTHONPATH": str(tree), **(WITHOUT_AVX512 if avx2 else {})}
    log = tempfile.TemporaryFile("w+", encoding="utf-8")
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=surroundings, stdout=subprocess.PIPE, stderr=log,
                               encoding="utf-8")
    assert process.stdout is not None
    run = process.stdout.read().strip()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not run:
        log.seek(0)
        sys.exit(f"bench_job.py: error: {' '.join(command)} in {tree} ended with {process.returncode}: "
                 f"{log.read().strip().splitlines()[-1:]}")
    summary = json.loads((folder / run.splitlines()[-1] / "summary.json").read_text(encoding="utf-8"))
    kilo = 2**20 if sys.platform == "darwin" else 2**10
    found = {name: float(summary["quality"][name]) for name in SCORES if name in (summary["quality"] or {})}
    if (folder / run.splitlines()[-1] / "ckpts").is_dir():
        scored = subprocess.run([sys.executable, "-c", SCORE, run.splitlines()[-1]], cwd=folder, capture_output=True,
                                text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        if not scored.returncode:
            found = {name: float(value) for name, value in json.loads(scored.stdout).items() if name in SCORES}
    return Job(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / kilo, summary["seconds"], found)


def pairs(trees: tuple[Path, Path], folder: Path, args: argparse.Namespace) -> Iterator[tuple[str, Job, Job]]:
    """(prompt, old, new), one after another."""
    options = ([*args.overrides, *args.old], args.overrides)
    for side, tree in enumerate(trees):
        short = [*options[side], "trainer.max_steps=100", "export.video_frames=2"]
        job(tree, folder, args.prompts[0], 0, short, args.avx2)
    turn = 0
    for seed in range(args.seeds):
        for prompt in args.prompts:
            found: dict[int, Job] = {}
            for side in (0, 1) if turn % 2 else (1, 0):
                found[side] = job(trees[side], folder, prompt, seed, options[side], args.avx2)
            turn += 1
            old, new = found[0], found[1]
            print(f"{prompt}, seed {seed}: {old.wall:.1f} s, {new.wall:.1f} s; {old.memory:.0f}, {new.memory:.0f} MiB",
                  file=sys.stderr, flush=True)
            yield prompt, old, new


def interval(values: Sequence[tuple[str, float]]) -> tuple[float, float, float]:
    """Mean of (prompt, value) over prompts, and its 95 % interval; infinite for a single prompt."""
    by_prompt: dict[str, list[float]] = {}
    for prompt, value in values:
        by_prompt.setdefault(prompt, []).append(value)
    means = [statistics.mean(each) for each in by_prompt.values()]
    mean, freedom = statistics.mean(means), len(means) - 1
    if not freedom:
        return mean, -math.inf, math.inf
    quantile = STUDENT[max(n for n in STUDENT if n <= freedom)]
    wide = quantile * statistics.stdev(means) / math.sqrt(len(means))
    return mean, mean - wide, mean + wide


def ratio(found: Sequence[tuple[str, Job, Job]], of: Callable[[Job], float]) -> tuple[float, ...]:
    """Geometric mean of new over old, with its interval."""
    return tuple(map(math.exp, interval([(prompt, math.log(of(new) / of(old))) for prompt, old, new in found])))


def report(found: Sequence[tuple[str, Job, Job]]) -> dict[str, tuple[float, ...]]:
    """Markdown on stdout; returns what was found by name."""
    rows: dict[str, tuple[float, ...]] = {}
    print("| | old | new | new over old | 95 % interval |\n|---|---|---|---|---|")

    def row(name: str, of: Callable[[Job], float]) -> None:
        rows[name] = ratio(found, of)
        sides = (statistics.median(of(each[side]) for each in found) for side in (1, 2))
        print("| {} | {:.1f} | {:.1f} | {:.3f} | [{:.3f}, {:.3f}] |".format(name, *sides, *rows[name]))

    row("seconds, whole job", lambda one: one.wall)
    row("processor seconds", lambda one: one.cpu)
    row("memory, MiB", lambda one: one.memory)
    both = set.intersection(*(set(one.stations) for each in found for one in each[1:]))
    for station in sorted(both, key=lambda name: -found[0][1].stations[name]):
        if min(one.stations[station] for each in found for one in each[1:]) > 0.05:
            row(f"seconds, {station}", lambda one, station=station: one.stations[station])  # type: ignore[misc]
    print("\n| score | old | new | new less old | 95 % interval |\n|---|---|---|---|---|")
    for name in SCORES:
        if all(name in one.scores for each in found for one in each[1:]):
            rows[name] = interval([(prompt, new.scores[name] - old.scores[name]) for prompt, old, new in found])
            sides = (statistics.mean(each[side].scores[name] for each in found) for side in (1, 2))
            print("| {} | {:.3f} | {:.3f} | {:+.4f} | [{:+.4f}, {:+.4f}] |".format(name, *sides, *rows[name]))
    return rows


def record(path: Path, args: argparse.Namespace, commits: Sequence[str], rows: dict[str, tuple[float, ...]]) -> None:
    """One line more in the history."""
    line = {"old": commits[0], "new": commits[1], "processor": cpu_name(), "avx2": int(args.avx2),
            "options": " ".join(args.overrides), "prompts": len(args.prompts), "seeds": args.seeds}
    for name in ("seconds, whole job", "memory, MiB", "retrieval_top1", "mask_iou"):
        mean, low, high = rows.get(name, (math.nan,) * 3)
        line[name.split(",")[0]] = f"{mean:.4f} [{low:.4f} {high:.4f}]"
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, line, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(line)


def commit(tree: Path) -> str:
    """Of a checkout, with + if it has changes."""
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(tree), *words], capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision")
    parser.add_argument("--prompts", nargs="+", default=list(PROMPTS), metavar="TEXT")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--avx2", action="store_true")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the runs there")
    parser.add_argument("--record", type=Path, metavar="FILE")
    parser.add_argument("--old", nargs="*", default=[], metavar="key=value")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    args = parser.parse_intermixed_args(argv)
    if args.seeds < 1:
        parser.error(f"--seeds {args.seeds} given; allowed: 1 or more")
    print(f"{cpu_name()}, {os.cpu_count()} cores{', AVX2 alone' if args.avx2 else ''}; {' '.join(args.overrides)}\n")
    with checked_out(args.revision) as tree, tempfile.TemporaryDirectory(prefix="bench_job-") as temporary:
        folder = args.keep.absolute() if args.keep else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        commits = commit(tree), commit(ROOT)
        rows = report(list(pairs((tree, ROOT), folder, args)))
    if args.record:
        record(args.record, args, commits, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
