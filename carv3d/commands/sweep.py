"""carv3d sweep: many runs from one file, each done once, whatever interrupts them."""

from __future__ import annotations

import contextlib
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from carv3d import teachers
from carv3d.attribution.settle import settle as settle_attribution
from carv3d.config.schema import Config
from carv3d.onestep.settle import settle as settle_distillation
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import duration, result, say
from carv3d.sweep import engine as sweep
from carv3d.sweep import plan as sweep_plan
from carv3d.sweep.executor import Executor, Processes
from carv3d.sweep.ledger import CellLedger
from carv3d.sweep.plan import Application, Cell, Plan
from carv3d.sweep.ray_cluster import Ray
from carv3d.sweep.table import table
from carv3d.text3d import build

LARGEST_K = 16  # of estimator.k=auto, where the first chunk to try after running out of memory is sought


def _draws(config: Config) -> int:
    """Of a view that go through the teacher together."""
    estimator = config.estimator
    k = max(estimator.ks(), default=LARGEST_K)
    return min(k, k if isinstance(estimator.chunk, str) else estimator.chunk or k)


# what may be swept: settled and summarised by its own code, which no room of the sweep knows
APPLICATIONS = (
    Application("train", build.settle, ("step", "stopped_by", "ledger", "seconds", "quality", "particles",
                                        "peak_mem_mib", "warnings"),
                teachers.meant, chunk="estimator.chunk", whole=_draws),
    Application("attribute", settle_attribution, ("step", "ledger", "seconds", "quality", "peak_mem_mib", "warnings"),
                steps=lambda config: config.attribute.sets),
    Application("distill", settle_distillation, ("step", "outputs", "k", "ledger", "seconds", "quality", "teacher",
                                                 "peak_mem_mib", "warnings"),
                steps=lambda config: config.distill.steps, chunk="distill.chunk",
                whole=lambda config: config.distill.chunk or config.distill.outputs))


def planned(path: Path, overrides: list[str] | tuple[str, ...] = ()) -> Plan:
    """The plan in a file, its cells checked by the application that they are runs of."""
    return sweep_plan.load(path, APPLICATIONS, overrides)


def main(args: Namespace) -> int:
    plan = planned(Path(args.file), args.overrides)
    sweep.check(plan, args.workers)
    path = plan.folder / "ledger.sqlite"
    if args.resume and not path.is_file():
        raise UserError(f"--resume given, but {path} does not exist: nothing of this sweep has run; leave --resume out "
                        "to begin it")
    if args.dry_run:
        return _dry_run(plan, args.workers)
    cuda = any(cell.config.device != "cpu" for cell in plan.cells)
    with contextlib.redirect_stdout(sys.stderr):  # Ray prints on stdout what becomes of its nodes
        executor: Executor = (Ray if args.executor == "ray" else Processes)(args.workers, cuda=cuda)
        status = sweep.run(plan, executor, args.retry)
    with CellLedger(path) as ledger:
        result(table(ledger.rows(cell.id for cell in plan.cells)))
    result(plan.folder / "cells.csv")
    return status


def _of_distillation(config: Config) -> str:
    own = config.distill
    return f"{own.steps} updates of {own.outputs} outputs, K {own.k}"


PLAINLY: dict[str, tuple[Callable[[Config], str], str]] = {  # what a cell does, and of what its cost is made
    "attribute": (lambda config: f"{config.attribute.sets} sets of {config.attribute.k} draws",
                  "draws times pictures and queries in gradients"),
    "distill": (_of_distillation, "its updates, or until its budget ends, and the teacher's samples beside")}


def _dry_run(plan: Plan, workers: int) -> int:
    """The cells, and of training their time from probe steps at each image size of one cell per variant; of the others
    what a cell does, as what that costs is known only with its pictures or its teacher. Writes nothing."""
    from carv3d.commands.dry_run import estimate

    if plan.application.command in PLAINLY:
        of_cell, costs = PLAINLY[plan.application.command]
        for cell in plan.cells:
            result(f"{cell.id}  {cell.name}  # {of_cell(cell.config)}")
        result(f"# {len(plan.cells)} cells, {workers} at a time; each takes {costs}")
        return 0
    alike: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        result(f"{cell.id}  {cell.name}")
        key = str({name: value for name, value in cell.axes.items() if name not in ("prompt", "seed")})
        alike.setdefault(key, []).append(cell)
    build.set_up_kernels(plan.cells[0].config, say, truth=True)
    settled, fresh = 0.0, 0.0
    for cells in alike.values():
        found = estimate(cells[0].config)
        settled, fresh = settled + found.settled * len(cells), fresh + max(found.settled, found.fresh) * len(cells)
        result(f"# {len(cells)} cells like '{cells[0].name}': {duration(found.settled)} of training each")
    result(f"# estimate: {duration(settled / workers)} to {duration(fresh / workers)} for {len(plan.cells)} cells with "
          f"{workers} at a time (start, images and video not counted), from probe steps with all cores")
    return 0
