"""carv3d measure: what the gradient's variance is made of, what a step costs, what each way of drawing brings."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from carv3d import config as configuration
from carv3d.config.schema import Config
from carv3d.measure.table import _write, table
from carv3d.runs import checkpoint
from carv3d.runs.environment import environment
from carv3d.runs.folder import Run, fresh_folder
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import as_json, expanded, make_folder, write_text
from carv3d.runtime.progress import Progress, result, say
from carv3d.runtime.types import Record
from carv3d.text3d import build

if TYPE_CHECKING:
    from carv3d.text3d.trainer import Trainer

States = Callable[["Trainer"], Iterator[int]]  # puts the trainer into one state after another and gives its step


def main(args: Namespace) -> int:
    ks = tuple(sorted({1, *args.k}))
    if len(ks) < 2:
        raise UserError("--k 1 given; at least one K above 1 is needed to tell what a draw costs, for example --k 1,4")
    run = Run.open(args.run, "train", "distill") if args.run else None
    if run is not None and run.command == "distill" and not args.views:
        from carv3d.commands.measure_student import main as of_student

        return of_student(args, run, ks)
    if args.views and run is not None and run.command == "distill":
        raise UserError("--views given with a run of carv3d distill, which has none; leave it out")
    config, states = _fresh(args) if run is None else _kept(run, args)
    devices.device(config.device)
    build.set_up_kernels(config, say, truth=True)

    from carv3d.measure import plots, summary
    from carv3d.measure.collect import measure
    from carv3d.measure.records import Measured, Settings

    trainer = build.trainer(config, begun=run is not None)
    trainer.teacher.prepare()
    if args.views:
        return _views(args, run, trainer, states)
    items = config.data.first_batch // trainer.teacher.views_per_item
    settings = Settings(args.cameras, args.replicates, ks)
    report: Record = {"prompt": config.prompt, "seed": config.seed,
                      "environment": environment(str(trainer.device), trainer.scenes[0].backends),
                      "named": summary.named(), "interrupted": False,
                      "states": []}
    folder, measured = None, None
    try:
        for step in states(trainer):
            if folder is None:  # everything that can be refused has been
                folder = _folder(args.out, run, config)
                write_text(folder / "config.yaml", configuration.dump(config))
            width, height = (round(schedule.at(step)) for schedule in (config.data.width, config.data.height))
            measured = Measured(step, width, height, settings)
            measure(trainer, measured)
            report["states"].append(summary.summarise(measured, items, config.run_seed))
            _write(folder, report)
            measured = None
    except KeyboardInterrupt:
        say("stopped: writing what is measured so far (once more to stop at once)")
        report["interrupted"] = True
        if measured is not None:
            report["states"].append(summary.summarise(measured, items, config.run_seed))
        if folder is None:
            return 130
        _write(folder, report)
    assert folder is not None  # there is a state at least
    plots.draw(report, folder)
    for state in report["states"]:
        result("\n".join(table(state, report["named"])) + "\n")
    result(folder)
    return 130 if report["interrupted"] else 0


def _views(args: Namespace, run: Run | None, trainer: Trainer, states: States) -> int:
    """What the variance between views is made of, at each state: views.json, and a table."""
    from carv3d.measure import dimensions

    config, folder = trainer.config, Path()
    found: list[Record] = []
    for step in states(trainer):
        if not found:
            folder = _folder(args.out, run, config)
            write_text(folder / "config.yaml", configuration.dump(config))
        found.append(dimensions.analyse(trainer, step, args.views))
        report = {"prompt": config.prompt, "seed": config.seed,
                  "environment": environment(str(trainer.device), trainer.scenes[0].backends), "states": found}
        write_text(folder / "views.json", as_json(report, 1) + "\n")
        result("\n".join(dimensions.table(found[-1])) + "\n")
    result(folder)
    return 0


def _fresh(args: Namespace) -> tuple[Config, States]:
    """A new scene, after --warm-up steps of training."""
    config = configuration.load(args.config, configuration.spelled_out(args.overrides, args.prompt))
    build.settle(config)

    def states(trainer: Trainer) -> Iterator[int]:
        from carv3d.text3d.step import train_step

        with Progress("warm-up", args.warm_up) as bar:
            for step in range(args.warm_up):
                train_step(trainer, step)
                bar.add()
        yield args.warm_up

    return config, states


def _kept(run: Run, args: Namespace) -> tuple[Config, States]:
    """The named checkpoint of a run, or all that it kept."""
    for option, given in (("--config", args.config), ("--prompt", args.prompt), ("--warm-up", args.warm_up)):
        if given:
            raise UserError(f"{option} given with --run; a run keeps its own config.yaml and is not trained further, "
                            "give key=value")
    config = run.config(args.overrides)
    if config.scene != run.config().scene:
        raise UserError("scene: cannot change with --run; its checkpoints hold the scene as it was configured")
    build.settle(config, begun=True)
    checkpoint.newest(run.ckpts)
    paths = [Path(args.run)] if args.run.endswith(".ckpt") else checkpoint.listing(run.ckpts)
    for path in paths:  # before anything is measured
        build.trained_scenes(config, path)

    def states(trainer: Trainer) -> Iterator[int]:
        for path in paths:
            state = checkpoint.load(path, trainer.device)
            with checkpoint.fitting(path):
                trainer.scene.load_state_dict(state["trainer"]["scenes"][0])
                if state["trainer"]["learner"] is not None:
                    trainer.objective.load_state(state["trainer"]["learner"])
            yield state["step"]

    return config, states


def _folder(out: str | None, run: Run | None, config: Config) -> Path:
    if out is None and run is None:
        return fresh_folder(config, "measure")
    folder = expanded(out, "--out") if out else run.folder / "measure" if run else Path()
    make_folder(folder, "--out")
    return folder
