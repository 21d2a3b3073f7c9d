"""carv3d measure of a run of carv3d distill: the account of its student at each checkpoint."""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from pathlib import Path

from carv3d.commands.distill import Distillation
from carv3d.config.schema import Config
from carv3d.onestep import account
from carv3d.onestep.settle import settle
from carv3d.runs import checkpoint
from carv3d.runs.clock import Clock
from carv3d.runs.environment import environment
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import as_json, expanded, make_folder, write_text
from carv3d.runtime.progress import Progress, result
from carv3d.runtime.types import Record


def main(args: Namespace, run: Run, ks: tuple[int, ...]) -> int:
    """Of all checkpoints, or the one named. UserError before anything is written where one cannot be used."""
    for option, given in (("--config", args.config), ("--warm-up", args.warm_up)):
        if given:
            raise UserError(f"{option} given with --run; a run keeps its own config.yaml and is not trained further, "
                            "give key=value")
    config = run.config(args.overrides)
    settle(config)
    newest = checkpoint.newest(run.ckpts)
    paths = [Path(args.run)] if args.run.endswith(".ckpt") else checkpoint.listing(run.ckpts) or [newest]
    work = Distillation(config, Clock())
    folder = expanded(args.out, "--out") if args.out else run.folder / "measure"
    report: Record = {"seed": config.seed, "environment": environment(work.denoiser.device.type, ""), "states": []}
    for path in paths:
        state = checkpoint.load(path, work.denoiser.device)
        with checkpoint.fitting(path):
            work.load(state)
        _given(work, config, run.config())
        total = len(account.designs(ks)) * args.cameras * args.replicates
        with Progress(f"update {work.done}", total) as bar:
            found = account.measure(work.student, args.cameras, args.replicates, ks, report=bar.add)
        report["states"].append({"step": work.done, **found})
        make_folder(folder, "--out")
        _write(folder, report)
        result("\n".join([f"== update {work.done} ==", *account.table(found)]) + "\n")
    result(folder)
    return 0


def _given(work: Distillation, config: Config, before: Config) -> None:
    """Another number of outputs than the run's, where one is asked for."""
    if config.distill.outputs != before.distill.outputs:
        work.student.reshape(config.distill.outputs, 1)


def _write(folder: Path, report: Record) -> None:
    write_text(folder / "measure.json", as_json(report, 1) + "\n")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = ("conditional", "total", "ecm", "ecm_with_fake")
    writer.writerow(["step", "way", "k", *(f"{name}{end}" for name in columns for end in ("", "_low", "_high"))])
    for state in report["states"]:
        for row in state["designs"]:
            numbers = row["conditional"], row["total"], row["ecm"]["push"], row["ecm"]["whole"]
            writer.writerow([state["step"], row["way"], row["k"],
                             *(number[end] for number in numbers for end in ("value", "low", "high"))])
    write_text(folder / "measure.csv", out.getvalue())
