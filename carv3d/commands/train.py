"""carv3d train: a prompt becomes a scene, a run folder and a turning video."""

from __future__ import annotations

import dataclasses
import fcntl
import signal
import time
from argparse import Namespace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import carv3d
from carv3d import budget, build, checkpoint, distributed
from carv3d import config as configuration
from carv3d.distributed import World
from carv3d.errors import UserError
from carv3d.progress import Progress, say
from carv3d.runs import Clock, Run, environment, peak_memory_mib, require_tensorboard
from carv3d.schema import Config

if TYPE_CHECKING:
    from carv3d.train import Trainer

FREE_ON_RESUME = ("trainer", "budget", "quality", "compare", "checkpoint", "log", "export", "exp_root_dir", "name",
                  "tag", "device")


def main(args: Namespace) -> int:
    with distributed.world() as world:
        return _resume(args, world) if args.resume else _start(args, world)


def _start(args: Namespace, world: World) -> int:
    config = configuration.load(args.config, args.overrides)
    build.settle(config)
    if config.log.tensorboard:
        require_tensorboard()
    if args.dry_run:
        if world.size > 1:
            raise UserError("--dry-run: it probes one process; give it without torchrun")
        from carv3d.commands.dry_run import main as dry_run

        return dry_run(config)
    clock = _clock()
    _meet(world, config)
    run = Run.create(config, environment=environment(str(build.device(config)), "")) if world.rank == 0 else None
    return _run(run, config, clock, None, world)


def _clock() -> Clock:
    clock = Clock()
    clock.seconds["start"] = time.perf_counter() - carv3d.STARTED
    return clock


def _resume(args: Namespace, world: World) -> int:
    if args.config:
        raise UserError("--config given with --resume; a resumed run keeps its own config.yaml, give key=value")
    clock = _clock()
    run = Run.open(args.resume)
    given = Path(args.resume)
    before = run.config()
    config = run.config(args.overrides)
    changed = [key for key in _differences(before, config) if key.split(".")[0] not in FREE_ON_RESUME]
    if changed:
        raise UserError(f"{changed[0]}: cannot change on --resume; allowed: {', '.join(FREE_ON_RESUME)}; "
                        "start a new run for another value")
    lock = _lock(run) if world.rank == 0 else None
    if given.suffix != ".ckpt" and not checkpoint.listing(run.ckpts):
        build.settle(config)
        say("no checkpoint yet: starting again at step 0, with the same draws")
        return _go_on(run, config, clock, None, world, lock)
    path = given if given.suffix == ".ckpt" else checkpoint.newest(run.ckpts)
    state = checkpoint.load(path)
    saved = configuration.parse(state["config"])
    changed = [key for key in _differences(saved, config) if key.split(".")[0] not in FREE_ON_RESUME]
    if changed:
        raise UserError(f"checkpoint {path} refused: made with another {changed[0]} than {run.folder}/config.yaml says")
    build.settle(config)
    if config.budget.flops and "flops" not in state["trainer"]["ledger"]:
        raise UserError(f"budget.flops: {config.budget.flops:g} given on --resume of a run that has not counted them; "
                        "give it another budget")
    if run.summary().get("status") == "finished":  # else its end is still to be made: pictures, quality, summary
        cost = budget.spent(state["trainer"]["ledger"], state["seconds"].get("train", 0.0))
        if ended := budget.stopped_by(config, state["step"], cost):
            raise UserError(f"{run.folder} is already at step {state['step']} of {config.trainer.max_steps}"
                            + (f" and has used up {ended}" if ended != "trainer.max_steps" else "")
                            + f"; give a larger {ended} to go on")
    return _go_on(run, config, clock, state, world, lock)


def _meet(world: World, config: Config) -> None:
    if world.size > 1 and config.compare.points:
        raise UserError(f"compare.points: {config.compare.points} given with {world.size} ranks; estimators are "
                        "compared by one process: give 0, or start without torchrun")
    world.connect(build.device(config), config.data.batch_size)


def _go_on(run: Run, config: Config, clock: Clock, state: dict[str, Any] | None, world: World, lock: Any) -> int:
    """From a checkpoint's state or from the start: once all ranks have read the folder, the first one writes to it."""
    _meet(world, config)
    world.any(False)
    if world.rank:
        return _run(None, config, clock, state, world)
    run.rewrite_config(config)
    run.truncate_metrics(state["step"] if state else 0)
    return _run(run, config, clock, state, world, lock)


def _differences(a: Config, b: Config) -> list[str]:
    def flat(node: Any, prefix: str = "") -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in node.items():
            out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        return out

    left, right = flat(dataclasses.asdict(a)), flat(dataclasses.asdict(b))
    return [key for key in left if left[key] != right[key]]


def _lock(run: Run) -> Any:
    """Hold the run folder against a second trainer; released when the process ends, however it ends."""
    handle = open(run.folder / ".lock", "w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UserError(f"{run.folder} is being trained by another process; wait for it or stop it") from None
    return handle


class StopSignal:
    """First SIGINT or SIGTERM: finish the step, then save and render. Second: stop at once. Of several ranks, all stop
    where one was told to."""

    def __init__(self) -> None:
        self.received: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._first)

    def __call__(self) -> bool:
        return self.received is not None

    def of_any(self, world: World) -> bool:
        agreed = world.any(self())  # and not self() below: a signal between the two would part the ranks
        if agreed and not self():
            self.received = signal.SIGTERM
        return agreed

    def _first(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, self._second)
        say("stopping after this step: saving and rendering (once more to stop at once)")

    def _second(self, number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt


def _run(run: Run | None, config: Config, clock: Clock, state: dict[str, Any] | None, world: World,
         lock: Any = None) -> int:
    """run: the folder, which is the first rank's; None: another rank's part, the same steps with nothing written."""
    stop = StopSignal()
    if state:
        clock.seconds = {name: state["seconds"].get(name, 0.0) for name in state["seconds"]} | {
            "start": state["seconds"]["start"] + clock.seconds["start"]}
    if run is None:
        _follow(config, clock, state, stop, world)
        return 0  # stopped or not: torchrun would end the first rank, which still renders, if another one failed
    lock = lock or _lock(run)
    run.write_summary({"status": "running", "prompt": config.prompt})
    say(f"run folder {run.folder}")
    try:
        _train(run, config, clock, state, stop, world)
    except UserError as error:
        run.try_summary({"status": "failed", "reason": str(error), "prompt": config.prompt})
        raise
    except KeyboardInterrupt:
        run.try_summary({"status": "interrupted", "reason": "stopped at once", "prompt": config.prompt})
        raise
    except Exception as error:
        run.try_summary({"status": "failed", "reason": f"{type(error).__name__}: {error}", "prompt": config.prompt})
        raise
    print(run.folder, flush=True)
    return 130 if stop() else 0


def _trainer(config: Config, clock: Clock, state: dict[str, Any] | None, world: World) -> tuple[Trainer, int]:
    """The trainer, ready, and the step it begins with."""
    with world.first_before_others():
        build.set_up_kernels(config, say, truth=True)
    clock.lap("compile")
    trainer = build.trainer(config, world)
    if state:
        trainer.load_state(state["trainer"])
        say(f"resuming at step {state['step']}")
    trainer.teacher.prepare()
    return trainer, state["step"] if state else 0


def _follow(config: Config, clock: Clock, state: dict[str, Any] | None, stop: StopSignal, world: World) -> None:
    from carv3d.train import Hooks, train

    trainer, first = _trainer(config, clock, state, world)
    quiet = Hooks(*6 * [lambda *_: None], stop=lambda: stop.of_any(world))
    train(trainer, first, quiet, clock)
    world.leave()


def _train(run: Run, config: Config, clock: Clock, state: dict[str, Any] | None, stop: StopSignal,
           world: World) -> None:
    from carv3d.train import Hooks, train

    trainer, first = _trainer(config, clock, state, world)
    run.write_environment(environment(str(trainer.device), trainer.scenes[0].backends) | {"ranks": world.size})
    say(f"teacher: {trainer.teacher.description}")
    say(f"scene: {config.scene.type}, {trainer.scenes[0].backends}")
    estimator = config.estimator
    if estimator.stratified and estimator.k == 1 and config.data.batch_size == 1:
        say("estimator.stratified: one draw of one view leaves nothing to stratify; timesteps are independent")
    clock.lap("start")

    with Progress("train", config.trainer.max_steps, first) as bar:
        began = time.perf_counter()

        def log(step: int, metrics: dict[str, float]) -> None:
            wall = clock.seconds["train"]
            step_ms = 1e3 * (time.perf_counter() - began) / (step - first)
            record = {"step": step, "wall_s": round(wall, 3), **trainer.ledger, **metrics,
                      "step_ms": round(step_ms, 2), "peak_mem_mib": round(peak_memory_mib(), 1)}
            run.log(record, config.log.tensorboard)
            shown = {k: v for k, v in metrics.items() if k in ("k", "opacity", "draw_norm") or k.startswith("loss_")}
            bar.to(step, ms=round(step_ms), **{k: int(v) if k == "k" else v for k, v in shown.items()})

        def decision(step: int, record: dict[str, Any]) -> None:
            run.log({"step": step, "decision": record})

        def save(step: int) -> None:
            clock.lap("loop")
            checkpoint.save(run.ckpts, step, {"trainer": trainer.state(), "config": configuration.dump(config),
                                              "seconds": dict(clock.seconds)}, config.checkpoint.keep)
            clock.lap("checkpoint")

        def preview(step: int) -> None:
            from carv3d.export.pictures import write_png

            clock.lap("loop")
            for scene, mark in numbered(trainer.scenes):
                write_png(run.save / f"it{step}{mark}.png", sheet(scene, config, trainer.device, count=4, size=64))
            clock.lap("preview")

        def score(step: int) -> None:
            from carv3d.commands.evaluate import evaluate

            clock.lap("loop")
            scores = [evaluate(config, scene, trainer.device) for scene in trainer.scenes]
            cost = budget.spent(trainer.ledger, clock.seconds["train"])
            run.log({"step": step, **of_particles(scores), "cost": cost})
            clock.lap("evaluation")

        def compare(step: int) -> None:
            from carv3d.compare import compare as estimators

            clock.lap("loop")
            run.log({"step": step, "compare": estimators(trainer, step),
                     "cost": budget.spent(trainer.ledger, clock.seconds["train"])})
            clock.lap("compare")

        hooks = Hooks(log, decision, bar.to, preview, save, run.keep_replay, lambda: stop.of_any(world), score, compare)
        done = train(trainer, first, hooks, clock)
    world.leave()
    clock.lap("loop")
    finish(run, config, trainer.scenes, trainer.device, clock, dict(trainer.ledger), done, stop())


def sheet(scene: Any, config: Config, device: Any, **kwargs: Any) -> Any:
    from carv3d.export.pictures import contact_sheet
    from carv3d.views import middle_camera

    return contact_sheet(scene, *middle_camera(config), device, **kwargs)


def numbered(scenes: list[Any]) -> list[tuple[Any, str]]:
    """Each particle with the mark that its files bear: none if there is one alone, else -0, -1, ..."""
    return [(scene, f"-{i}" if len(scenes) > 1 else "") for i, scene in enumerate(scenes)]


def of_particles(scores: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary's entries: quality is the first scene's (null without ground truth), particles are all, if several.
    """
    quality = {"quality": scores[0] if scores else None}
    return quality | {"particles": scores} if len(scores) > 1 else quality


def finish(run: Run, config: Config, scenes: list[Any], device: Any, clock: Clock, ledger: dict[str, int], step: int,
           stopped: bool) -> None:
    """Pictures, video, quality, warnings and the summary."""
    from carv3d import health
    from carv3d.commands.evaluate import evaluate
    from carv3d.commands.export import at_the_end
    from carv3d.commands.render import render_turntable
    from carv3d.export.pictures import BACKGROUNDS, all_views, write_png
    from carv3d.scenes.cameras import turntable
    from carv3d.toybox import quality
    from carv3d.views import middle_camera

    artefacts = {"checkpoint": "ckpts/last.ckpt"}
    for scene, mark in numbered(scenes):
        preview = run.save / f"preview{mark}.png"
        write_png(preview, sheet(scene, config, device))
        artefacts[f"preview{mark}"] = str(preview.relative_to(run.folder))
        if config.export.video:
            video = config.export
            path = render_turntable(run.save / f"turntable{mark}.mp4", scene, config, device, views=video.video_frames,
                                    size=video.video_size, elevation_deg=video.video_elevation, background="white")
            artefacts[f"video{mark}"] = str(path.relative_to(run.folder))
    clock.lap("video")
    distance, fovy = middle_camera(config)
    cameras = turntable(health.VIEWS, 15.0, distance, fovy, 64)
    scores, truth = [], None
    if config.teacher.toybox or config.quality.clip:
        scores = [evaluate(config, scene, device) for scene in scenes]
    if config.teacher.toybox:
        truth = quality.views(config.prompt, cameras, BACKGROUNDS["white"])
    faults = [(f"particle {mark[1:]}: " if mark else "") + fault for scene, mark in numbered(scenes)
              for fault in health.warnings(all_views(scene, cameras, BACKGROUNDS["white"], device),
                                           ledger["nonfinite_steps"], truth)]
    clock.lap("evaluation")
    seconds = clock.seconds.get("train", 0.0)

    def summarise() -> None:
        run.write_summary({
            "status": "interrupted" if stopped else "finished", "prompt": config.prompt, "step": step,
            "stopped_by": None if stopped else budget.stopped_by(config, step, budget.spent(ledger, seconds)),
            "ledger": ledger, "seconds": {k: round(v, 3) for k, v in clock.seconds.items()},
            "peak_mem_mib": round(peak_memory_mib(), 1), **of_particles(scores), "artefacts": artefacts,
            "warnings": faults,
        })

    summarise()  # before the export: whatever becomes of that, the run is finished
    if config.export.formats:
        at_the_end(run, config, scenes, device, step, artefacts, faults)
        clock.lap("export")
        summarise()
    for fault in faults:
        say(f"warning: {fault}")
    for score, (_, mark) in zip(scores, numbered(scenes)):
        shown = ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in score.items())
        say(f"quality{mark}: {shown}")
    say("seconds: " + ", ".join(f"{k} {v:.1f}" for k, v in clock.seconds.items())
        + f"; peak memory {peak_memory_mib():.0f} MiB")
