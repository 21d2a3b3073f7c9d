"""Proof that a change of the code changed no number: the same small runs on two revisions, compared to the bit.

usage: python scripts/compare_runs.py REV [--cells NAME ...] [--keep DIR] [--jobs N] [--control] | --list

Each cell, a small configuration, runs on revision REV (checked out into a folder of its own, which is removed at the
end) and on the working tree that this script lies in: the same machine, Python, number of threads and command line.
Compared are the newest checkpoint (parameters, optimiser, VSD's learner, proposals, ledger), metrics.jsonl line by
line and summary.json; of carv3d measure, its CSV. LEFT_OUT below names what is not compared, MOVED what has another
name now, each with its reason; a key that only one side has is a difference. On a CPU, since CUDA's sums have no fixed
order.

Ends with status 0 if all is equal, 1 if anything differs, 2 for a mistake on the command line. --control: the working
tree trains at a rate that is greater by a ten-millionth; status 0 if every cell differs, 1 if this goes unseen in one.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
SHOWN = 5  # differences of a cell

# Keys are dotted and begin with checkpoint, metrics, summary or measure; a number counts lines, rows and lists. * is
# any one name or number. What lies below a key goes with it.
MOVED: dict[str, tuple[str, str]] = {}  # old key -> new key (with as many *), why
LEFT_OUT = {  # key -> why
    "checkpoint.config": "a text that every new option makes longer",
    "checkpoint.seconds": "a clock",
    "checkpoint.trainer.station_ms": "a clock",
    "checkpoint.trainer.probe.found": "a clock's milliseconds among them",
    "metrics.*.wall_s": "a clock",
    "metrics.*.step_ms": "a clock",
    "metrics.*.peak_mem_mib": "the process's memory",
    "metrics.*.cost.seconds": "a clock",
    "metrics.*.compare.*.step_ms": "a clock",
    "summary.seconds": "a clock",
    "summary.peak_mem_mib": "the process's memory",
    "summary.missing": "what of the end is still to be made, which revisions before it did not say",
    "measure.*.r": "cost of a render over that of a draw, both from clocks",
    "measure.*.r_*": "its interval",
    "measure.*.ecm_baseline_*": "whole steps, from clocks",
}


# --- cells -----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Cell:
    """One small configuration. half: it is stopped after half of its steps and gone on with."""

    what: str
    options: tuple[str, ...]
    steps: int = 6
    half: bool = False
    ranks: int = 1
    command: str = "train"


SMALL = ("prompt=a red mushroom", "device=cpu", "data.width=16", "data.height=16", "teacher.exact.set_size=8",
         "teacher.exact.unconditional_size=8", "scene.image.size=16", "scene.nerf.levels=4",
         "scene.nerf.table_size=2048", "scene.nerf.occupancy_resolution=16", "scene.nerf.occupancy_every=4")
SHORT = ("export.video=false", "trainer.preview_every=0", "log.every_n_steps=1")  # of train, not of measure
EXACT, BUNDLED, IMAGE = "teacher.type=exact", "teacher.type=bundled", "scene.type=image"
PLAIN = ("estimator.k=1", "estimator.importance_sampling=false", "estimator.stratified=false",
         "data.camera_strata=false")
GROWING = ("scene.type=gaussians", "scene.gaussians.count=200", "scene.gaussians.density.every=3",
           "scene.gaussians.density.start=3", "scene.gaussians.density.threshold=0.01",
           "scene.gaussians.density.prune_below=0.09", "scene.gaussians.density.reset_every=7",
           "scene.gaussians.density.reset_to=0.095", "loss.lambda_needle=1", "loss.lambda_faint=1")
VSD = (BUNDLED, IMAGE, "objective.type=vsd", "objective.vsd.particles=2", "estimator.k=1")
COMPARED = json.dumps(["plain: " + "; ".join(PLAIN), "four: estimator.k=4", "batch: data.batch_size=4"])
CELLS = {
    "image-plain": Cell("image, exact teacher, the plain estimator", (EXACT, IMAGE, *PLAIN)),
    "image": Cell("image, exact teacher", (EXACT, IMAGE)),
    "nerf": Cell("NeRF, exact teacher, regularisers", (
        EXACT, "loss.lambda_sparsity=1", "loss.lambda_opaque=1", "optimizer.clip_grad_norm=1"), 12),
    "nerf-bundled": Cell("NeRF, bundled teacher", (BUNDLED,)),
    "nerf-weight": Cell("NeRF, exact teacher, proposal from the weight", (EXACT, "estimator.proposal=weight")),
    "nerf-table": Cell("NeRF, exact teacher, proposal from a table, guided, in chunks", (
        EXACT, "estimator.proposal=table", "estimator.table=[1,2,3]", "estimator.chunk=3",
        "objective.guidance_scale=3")),
    "gaussians": Cell("Gaussians that grow, exact teacher", (EXACT, *GROWING), 12),
    "csd": Cell("image, bundled teacher, CSD", (BUNDLED, IMAGE, "objective.type=csd")),
    "vsd": Cell("two images, bundled teacher, VSD", VSD),
    "auto": Cell("image, exact teacher, K chosen at given costs, which change it", (
        EXACT, IMAGE, "estimator.k=auto", "estimator.cost={a_ms: 1, b_ms: 10, c0_ms: 1}",
        "estimator.measure_every=3"), 40),
    "negative": Cell("image, bundled teacher, negative prompt, one camera from a sequence", (
        BUNDLED, IMAGE, "prompts.negative=a blue car", "data.batch_size=1", "data.view_sequence=azimuth")),
    "perp-neg": Cell("image, bundled teacher, Perp-Neg over four views", (
        BUNDLED, IMAGE, "data.views=4", "prompts.perp_neg=1")),
    "draws": Cell("image, exact teacher, a budget of draws and quality along the run", (
        EXACT, IMAGE, "budget.draws=40", "budget.evaluations=3"), 100),
    "flops": Cell("image, bundled teacher, a budget of operations and quality along the run", (
        BUNDLED, IMAGE, "estimator.k=2", "budget.flops=2e10", "budget.evaluations=2"), 8),
    "estimators": Cell("image, exact teacher, estimators compared along the run", (
        EXACT, IMAGE, "compare.points=2", "compare.replicates=4", f"compare.estimators={COMPARED}"), 4),
    "resume-nerf": Cell("NeRF, exact teacher, stopped and resumed", (EXACT,), 10, half=True),
    "resume-vsd": Cell("two images, bundled teacher, VSD, stopped and resumed", VSD, half=True),
    "ranks": Cell("image, exact teacher, on two ranks", (EXACT, IMAGE, "data.batch_size=2"), ranks=2),
    "measure": Cell("carv3d measure of a NeRF, exact teacher", (
        EXACT, "--cameras", "2", "--k", "1,2", "--warm-up", "2"), command="measure"),
}


class Mistake(Exception):
    """The user's: one line, status 2."""


class Failed(Exception):
    """A run, or git, that did not end well."""


# --- the two sides ---------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Side:
    """A tree, where its runs go, the environment that makes it the one that is imported, and options of its own."""

    name: str
    tree: Path
    commit: str
    folder: Path
    environment: dict[str, str]
    options: tuple[str, ...] = ()


def git(*arguments: str | Path) -> str:
    """What git says in the working tree; Failed if it refuses."""
    done = subprocess.run(["git", "-C", str(ROOT), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def commit_of(revision: str) -> str:
    try:
        git("rev-parse", "--git-dir")
    except (Failed, OSError):
        raise Mistake(f"{ROOT} is no git checkout, so it has no revisions; run this from a clone") from None
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except Failed:
        raise Mistake(f"{revision}: no such revision; allowed: a commit, branch or tag of this checkout, "
                      "such as HEAD or HEAD~1") from None


@contextlib.contextmanager
def checked_out(commit: str, tree: Path) -> Iterator[Path]:
    """The commit's files in ``tree``, for as long as the context lasts."""
    try:
        git("worktree", "add", "--quiet", "--detach", tree, commit)
        yield tree
    finally:
        with contextlib.suppress(Failed):  # it was not made
            git("worktree", "remove", "--force", tree)


def shared(jobs: int) -> dict[str, str]:
    """The environment of both sides: as many threads, since rounding depends on them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {**os.environ, "OMP_NUM_THREADS": str(max(1, cores // jobs))}


def side(name: str, tree: Path, commit: str, folder: Path, environment: dict[str, str],
         options: tuple[str, ...] = ()) -> Side:
    """Mistake unless the package that its runs import is its own."""
    environment = environment | {"PYTHONPATH": str(tree)}
    folder.mkdir(parents=True)
    done = subprocess.run([sys.executable, "-c", "import carv3d; print(carv3d.__file__)"], cwd=folder, text=True,
                          env=environment, capture_output=True)
    if Path(done.stdout.strip()).resolve() != (tree / "carv3d" / "__init__.py").resolve():
        raise Mistake(f"{name}, {commit[:7]}: its carv3d is not what is imported from {tree}, but "
                      f"{done.stdout.strip() or 'nothing'}; give a revision that holds the package")
    return Side(name, tree, commit, folder, environment, options)


# --- running ---------------------------------------------------------------------------------------------------------

def carv3d(side: Side, folder: Path, ranks: int, *arguments: str) -> Path:
    """Run the command in ``folder``; the folder that it names on its last line."""
    ranked = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)) if ranks > 1 else ()
    done = subprocess.run([sys.executable, *ranked, "-m", "carv3d", *arguments], cwd=folder, env=side.environment,
                          capture_output=True, text=True)
    if done.returncode or not done.stdout.strip():
        said = [line for line in done.stderr.splitlines() if "carv3d: error:" in line] or done.stderr.splitlines()
        raise Failed(f"{side.name}: status {done.returncode}: {(said or ['nothing said'])[-1].strip()}")
    return folder / done.stdout.splitlines()[-1]


def run(side: Side, name: str, cell: Cell) -> dict[str, Any]:
    """One cell on one side; what it left."""
    folder, began = side.folder / name, time.perf_counter()
    folder.mkdir()
    given = (*SMALL, *cell.options, *side.options)
    if cell.command == "measure":
        made = carv3d(side, folder, 1, "measure", "--out", "measured", *given)
    else:
        steps = cell.steps // 2 if cell.half else cell.steps
        made = carv3d(side, folder, cell.ranks, "train", *SHORT, *given, f"trainer.max_steps={steps}")
        if cell.half:
            carv3d(side, folder, 1, "train", "--resume", str(made), f"trainer.max_steps={cell.steps}")
        ran = json.loads((made / "env.json").read_text(encoding="utf-8"))["git_commit"]
        if ran and ran.rstrip("+") != side.commit:  # None: git did not answer in time
            raise Failed(f"{side.name}: it ran {ran}, not {side.commit}; commit nothing meanwhile")
    print(f"{name}: {side.name}, {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    return results(made)


def results(folder: Path) -> dict[str, Any]:
    """All that a run or a measurement left, nested."""
    if (folder / "measure.csv").exists():
        with open(folder / "measure.csv", encoding="utf-8", newline="") as handle:
            return {"measure": [{key: number(text) for key, text in row.items()} for row in csv.DictReader(handle)]}
    newest = max((folder / "ckpts").glob("step-*.ckpt"), key=lambda path: int(path.stem.partition("-")[2]))
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {"checkpoint": torch.load(newest, map_location="cpu", weights_only=True),
            "metrics": [json.loads(line) for line in lines],
            "summary": json.loads((folder / "summary.json").read_text(encoding="utf-8"))}


def number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


# --- comparing -------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Difference:
    path: str
    text: str


def flat(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and leaf: a tensor, a number, a text, None or an empty container."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    items = list(items)
    if not items:
        yield path, node
    for key, value in items:
        yield from flat(value, f"{path}.{key}" if path else str(key))


def leaves(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """As a dictionary; ValueError rather than that one leaf hides another."""
    found: dict[str, Any] = {}
    for path, leaf in pairs:
        if path in found:
            raise ValueError(f"{path}: two values under one name")
        found[path] = leaf
    return found


def matches(path: str, key: str) -> bool:
    """Whether ``path`` is ``key`` or lies below it."""
    parts, words = path.split("."), key.split(".")
    return len(parts) >= len(words) and all(map(fnmatchcase, parts, words))


def renamed(path: str, moved: dict[str, tuple[str, str]]) -> str:
    """The new name of an old path."""
    for old, (new, _) in moved.items():
        if matches(path, old):
            parts, words = path.split("."), old.split(".")
            stars = iter([part for part, word in zip(parts, words) if word == "*"])
            return ".".join([next(stars) if word == "*" else word for word in new.split(".")] + parts[len(words):])
    return path


def compared(tree: Any, left_out: Iterable[str], moved: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """The leaves that count, by their new names."""
    return leaves((renamed(path, moved), leaf) for path, leaf in flat(tree)
                  if not any(matches(path, key) for key in left_out))


def bits(tensor: torch.Tensor) -> torch.Tensor:
    """A row of bytes for each entry."""
    return tensor.detach().contiguous().reshape(-1, 1).view(torch.uint8)


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit and in type: NaN equals the same NaN, and 0.0 does not equal -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(bits(a), bits(b))
    return struct.pack("d", a) == struct.pack("d", b) if isinstance(a, float) else a == b


def shown(leaf: Any) -> str:
    """A leaf in few words."""
    if isinstance(leaf, torch.Tensor):
        return f"{str(leaf.dtype).removeprefix('torch.')}{list(leaf.shape)}"
    return repr(leaf)


def told(a: Any, b: Any) -> str:
    """Two leaves that differ: both values, and how far apart they are at most."""
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b))
    tensors = isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) and a.shape == b.shape and a.dtype == b.dtype
    if not tensors:
        return f"{shown(a)} -> {shown(b)}" + (f", apart by {abs(a - b):.3g}" if numbers else "")
    other = (bits(a) != bits(b)).any(1)
    left, right = a.detach().reshape(-1), b.detach().reshape(-1)
    apart = (left.double() - right.double()).abs().nan_to_num(nan=torch.inf, posinf=torch.inf)
    worst = int(torch.where(other, apart, -1.0).argmax())
    return (f"{shown(a)}: {int(other.sum())} of {len(other)} entries, largest absolute difference "
            f"{apart[worst].item():.3g}, at {worst}: {left[worst].item()!r} -> {right[worst].item()!r}")


def differences(old: Any, new: Any, left_out: Iterable[str] = LEFT_OUT,
                moved: dict[str, tuple[str, str]] = MOVED) -> list[Difference]:
    """Every place in which two nested results are not the same to the bit."""
    left, right, found = compared(old, left_out, moved), compared(new, left_out, {}), []
    for path in left | right:
        if path not in right:
            found.append(Difference(path, f"{shown(left[path])} -> missing"))
        elif path not in left:
            found.append(Difference(path, f"missing -> {shown(right[path])}"))
        elif not same(left[path], right[path]):
            found.append(Difference(path, told(left[path], right[path])))
    return found


def size(tree: dict[str, Any], left_out: Iterable[str]) -> str:
    """How much was compared."""
    found = compared(tree, left_out, {}).values()
    tensors = sum(isinstance(leaf, torch.Tensor) for leaf in found)
    numbers = sum(isinstance(leaf, (int, float)) and not isinstance(leaf, bool) for leaf in found)
    return f"{tensors} tensors, {numbers} numbers, {len(tree.get('metrics', tree.get('measure', ())))} lines"


# --- the command -----------------------------------------------------------------------------------------------------

CONTROL = "optimizer.lr_scale=1.0000001"
GIVEN = {"checkpoint.trainer.optimizer.param_groups.*.lr": "what the control changes by itself"}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise Mistake(f"{message}; --help tells what is allowed")


def parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("revision", nargs="?", metavar="REV", help="what the working tree is compared with")
    parser.add_argument("--cells", nargs="+", default=list(CELLS), metavar="NAME", help="default: all")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="a new folder, for the runs of both sides")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time, sharing the cores")
    parser.add_argument("--control", action="store_true", help="one number changed: every cell must differ")
    parser.add_argument("--list", action="store_true", help="print the cells and end")
    given = parser.parse_args(argv)
    if unknown := [name for name in given.cells if name not in CELLS]:
        raise Mistake(f"--cells {' '.join(unknown)}: no such cell; allowed: {', '.join(CELLS)}")
    if given.jobs < 1:
        raise Mistake(f"--jobs {given.jobs} given; allowed: a whole number >= 1")
    if given.keep and given.keep.exists():
        raise Mistake(f"--keep: {given.keep} is there already; name a folder that is not")
    if not given.list and given.revision is None:
        raise Mistake("no revision given; give a commit, branch or tag, such as HEAD, or --list")
    return given


def outcome(pair: list[Future], left_out: dict[str, str]) -> tuple[bool, list[str]]:
    """Whether a cell is equal, and the lines that say so."""
    try:
        old, new = (future.result() for future in pair)
    except Failed as error:
        return False, [f"failed on {error}"]
    found = differences(old, new, left_out)
    if not found:
        return True, [f"equal ({size(new, left_out)})"]
    more = [f"    and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return False, [f"differs in {len(found)} places ({size(new, left_out)})",
                   *(f"    {one.path}: {one.text}" for one in found[:SHOWN]), *more]


def report(sides: list[Side], names: list[str], jobs: int, left_out: dict[str, str]) -> list[str]:
    """Run the cells, print the table; the names of those that are not equal."""
    unequal, width = [], max(map(len, names))
    with ThreadPoolExecutor(jobs) as pool:
        try:
            waiting = {name: [pool.submit(run, each, name, CELLS[name]) for each in sides] for name in names}
            for name, pair in waiting.items():
                equal, lines = outcome(pair, left_out)
                print(f"{name:{width}}  " + "\n".join(lines), flush=True)
                unequal += [] if equal else [name]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return unequal


def compare(given: argparse.Namespace) -> int:
    names, commit, head = list(dict.fromkeys(given.cells)), commit_of(given.revision), commit_of("HEAD")
    with tempfile.TemporaryDirectory(prefix="compare_runs-") as scratch:
        home = (given.keep or Path(scratch) / "runs").resolve()
        # compiled kernels are filed by their source's path: those of a tree that will be gone must go with it
        environment = shared(given.jobs) | {"NUMBA_CACHE_DIR": str(Path(scratch) / "kernels")}
        with checked_out(commit, Path(scratch) / "tree") as tree:
            changed = " and what is not committed" if git("status", "--porcelain") else ""
            print(f"old: {commit[:10]}; new: the working tree, {head[:10]}{changed}", file=sys.stderr)
            sides = [side("old", tree, commit, home / "old", environment),
                     side("new", ROOT, head, home / "new", environment, (CONTROL,) if given.control else ())]
            unequal = report(sides, names, given.jobs, LEFT_OUT | (GIVEN if given.control else {}))
    if given.control:
        unseen = [name for name in names if name not in unequal]
        print(f"control: goes unseen in {', '.join(unseen)}" if unseen else "control: every cell differs, as it must")
        return int(bool(unseen))
    print(f"{len(unequal)} of {len(names)} cells differ: {', '.join(unequal)}" if unequal else "every cell is equal")
    return int(bool(unequal))


def main(argv: list[str] | None = None) -> int:
    try:
        given = parsed(argv)
        if given.list:
            print("\n".join(f"{name:{max(map(len, CELLS))}}  {cell.what}" for name, cell in CELLS.items()))
            return 0
        return compare(given)
    except (Mistake, Failed) as error:
        print(f"compare_runs: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the other tree is removed then, too
    sys.exit(main())
