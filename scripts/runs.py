"""Many ``carv3d train`` runs for the evaluation scripts: each a process of its own, none done twice."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say


@dataclass(frozen=True)
class Cell:
    """One run: its group (a folder under the root), prompt, seed and further key=value."""

    group: str
    prompt: str
    seed: int
    overrides: tuple[str, ...] = ()


def parser(description: str, name: str) -> argparse.ArgumentParser:
    """The command line that evaluations share; ``name`` is the default group of their runs."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--seeds", type=int, default=2)
    made.add_argument("--name", default=name)
    made.add_argument("--workers", type=int, default=1)
    made.add_argument("--exp-root-dir", type=Path, default=Path("outputs"))
    made.add_argument("overrides", nargs="*", metavar="key=value")
    return made


def arguments(description: str, name: str) -> argparse.Namespace:
    """What it was given."""
    return parser(description, name).parse_args()


def finished(root: Path, group: str) -> dict[tuple[str, int], Run]:
    """The finished runs of a group, by (prompt, seed)."""
    found = {}
    for path in sorted(root.joinpath(group).glob("*/summary.json")):
        run = Run(path.parent)
        if run.summary().get("status") == "finished":
            found[run.summary()["prompt"], run.config().seed] = run
    return found


def train(cells: list[Cell], root: Path, workers: int = 1) -> dict[Cell, Run]:
    """Run what is not finished yet, without video, ``workers`` at a time with the cores divided among them.

    Several workers are for quality alone: their seconds are those of a shared machine. UserError when a run fails.
    """
    def one(numbered: tuple[int, Cell]) -> None:
        i, cell = numbered
        if (cell.prompt, cell.seed) in finished(root, cell.group):
            return
        say(f"{i + 1}/{len(cells)}: {cell.group}: {cell.prompt}, seed {cell.seed}")
        threads = {} if workers == 1 else {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // workers))}
        done = subprocess.run(
            [sys.executable, "-m", "carv3d", "train", f"prompt={cell.prompt}", f"seed={cell.seed}",
             f"name={cell.group}", f"exp_root_dir={root}", "export.video=false", "trainer.preview_every=0",
             *cell.overrides], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **threads})
        if done.returncode:
            raise UserError(f"{cell.group}: {cell.prompt}, seed {cell.seed} failed: {done.stderr.strip()[-400:]}")

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, enumerate(cells)))
    groups = {cell.group: finished(root, cell.group) for cell in cells}
    return {cell: groups[cell.group][cell.prompt, cell.seed] for cell in cells}
