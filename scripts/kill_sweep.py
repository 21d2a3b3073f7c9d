"""A sweep of real runs whose processes are killed with SIGKILL at random moments, against one that is left in peace.

    python scripts/kill_sweep.py [counts] [seconds] [--kills 10] [--seed 0] [--folder outputs/kill_sweep]

Two sweeps. ``counts``: cells that stop by counts at given K, two workers; each must end as the
undisturbed one did, to the bit. ``seconds``: cells that stop by seconds, or whose K is chosen from measured times, one
worker; each must keep to its budget to within two average steps. A kill takes the sweep or one of its trainers, half
and half; a killed sweep is started again. Ends with status 1 if anything differs. Linux only: it reads /proc.
tests/test_sweep.py is the short form.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.progress import say
from carv3d.sweep.ledger import CellLedger

COMMON = """
  data: {width: 32, height: 32}
  export.video: false
  checkpoint.every_n_train_steps: 5
"""
PLANS = {
    "counts": (2, f"""
name: counts
overrides:{COMMON}
  trainer: {{max_steps: 400, preview_every: 0}}
  budget.evaluations: 3
variants:
  k1: {{estimator.k: 1, budget.renders: 160}}
  k4: {{estimator.k: 4, budget.teacher_evals: 1280}}
  gaussians: {{scene.type: gaussians, estimator.k: 4, budget.draws: 640}}
prompts: [a red mushroom, a blue car]
"""),
    "seconds": (1, f"""
name: seconds
overrides:{COMMON}
  trainer: {{max_steps: 4000, preview_every: 0}}
variants:
  seconds: {{estimator.k: 4, budget.seconds: 8}}
  auto: {{estimator.k: auto, estimator.measure_every: 50, budget.teacher_evals: 1600}}
prompts: [a red mushroom, a blue car]
"""),
}


def start(home: Path, name: str) -> subprocess.Popen:
    workers, text = PLANS[name]
    home.mkdir(parents=True, exist_ok=True)
    plan = home / f"{name}.yaml"
    plan.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "carv3d", "sweep", str(plan), "--workers", str(workers), f"exp_root_dir={home}"]
    with open(home / f"{name}.log", "ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def trainers(sweep: int) -> list[int]:
    """Processes whose parent is the sweep and which are carv3d's trainers by now."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == sweep and b"\0train\0" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except (OSError, ValueError):  # it ended meanwhile
            continue
    return found


def disturbed(home: Path, name: str, kills: int, every_s: float, draw: random.Random) -> dict[str, int]:
    """Run to the end under ``kills`` kills, one in ``every_s`` seconds on average; how many of which. Started again
    whenever the sweep itself was killed."""
    done = {"sweep": 0, "trainer": 0}
    process = start(home, name)
    while sum(done.values()) < kills:
        time.sleep(draw.uniform(0.0, 2.0 * every_s))
        if process.poll() is not None:
            raise SystemExit(f"{name}: the sweep ended after {done} kills, status {process.returncode}; "
                             f"see {home / name}.log")
        running = trainers(process.pid)
        if draw.random() < 0.5 and running:
            os.kill(draw.choice(running), signal.SIGKILL)
            done["trainer"] += 1
        else:
            process.kill()
            process.wait()
            done["sweep"] += 1
            process = start(home, name)
        say(f"{name}: {sum(done.values())} of {kills} kills")
    if process.wait():
        raise SystemExit(f"{name}: status {process.returncode}; see {home / name}.log")
    return done


def rows(home: Path, name: str) -> list[dict[str, Any]]:
    with CellLedger(home / name / "ledger.sqlite") as ledger:
        return ledger.rows()


def end(home: Path, name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    """All that must not depend on kills: the trainer's state, quality, and quality along the run."""
    run = home / name / row["run"]
    return (checkpoint.load(checkpoint.newest(run / "ckpts"))["trainer"], row["result"]["quality"],
            [{key: line[key] for key in ("step", "quality")} for line in Run(run).metrics() if "quality" in line])


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit, through nested containers."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a.equal(b) if hasattr(a, "equal") else a == b


def spending(run: Run, stopped_by: str) -> tuple[float, float]:
    """The budget that ended a run, and what it spent of it; (nan, nan) if none did."""
    section, _, kind = stopped_by.partition(".")
    if section != "budget":
        return float("nan"), float("nan")
    summary = run.summary()
    return getattr(run.config().budget, kind), (summary["seconds"]["train"] if kind == "seconds"
                                                else summary["ledger"][kind])


def problems(home: Path, name: str, peace: Path) -> list[str]:
    found, after = [], rows(home, name)
    folders = [path.name for path in (home / name).glob("*@*")]
    if sorted(folders) != sorted(row["run"] for row in after):
        found.append(f"run folders {folders} are not one a cell")
    before = {row["id"]: row for row in rows(peace, name)}
    if set(before) != {row["id"] for row in after}:
        found.append("the cells differ")
    for row in after:
        if row["state"] != "done":
            found.append(f"{row['name']}: {row['state']}")
        elif name == "counts" and not same(end(home, name, row), end(peace, name, before[row["id"]])):
            found.append(f"{row['name']}: another end than in peace")
        elif name == "counts" and same(end(home, name, row), end(home, name, after[after[0] is row])):
            found.append(f"{row['name']}: the same end as another cell, so the comparison sees nothing")
        summary = Run(home / name / row["run"]).summary()
        seconds, steps = summary["seconds"]["train"], summary["step"]
        say(f"{name}: {row['name']}: {row['attempts']} attempts, step {steps}, {summary['stopped_by']}, "
            f"{summary['ledger']['renders']} renders, {summary['ledger']['draws']} draws, "
            f"{summary['ledger']['teacher_evals']} teacher evaluations, {seconds:.2f} s")
        budget, spent = spending(Run(home / name / row["run"]), str(summary["stopped_by"]))
        if not budget <= spent <= budget + 2 * spent / steps:
            found.append(f"{row['name']}: spent {spent} of {budget}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweeps", nargs="*", default=list(PLANS), metavar="counts|seconds", help="default: both")
    parser.add_argument("--kills", type=int, default=10, help="of each of the two sweeps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("outputs/kill_sweep"))
    arguments = parser.parse_args()
    if unknown := set(arguments.sweeps) - set(PLANS):
        parser.error(f"{', '.join(sorted(unknown))}: no such sweep; allowed: {', '.join(PLANS)}")
    shutil.rmtree(arguments.folder, ignore_errors=True)
    peace, noise = arguments.folder / "peace", arguments.folder / "kills"
    draw, wrong = random.Random(arguments.seed), []
    for name in arguments.sweeps:
        began = time.perf_counter()
        if start(peace, name).wait():
            raise SystemExit(f"{name}: failed in peace; see {peace / name}.log")
        every_s = 1.5 * (time.perf_counter() - began) / arguments.kills  # each delays it; so they fall on the whole
        done = disturbed(noise, name, arguments.kills, every_s, draw)
        say(f"{name}: killed the sweep {done['sweep']} times, a trainer {done['trainer']} times")
        wrong += problems(noise, name, peace)
    for line in wrong:
        say(line)
    say("something is wrong" if wrong else "every cell ended as it should")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
