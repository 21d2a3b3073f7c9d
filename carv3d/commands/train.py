"""carv3d train: a prompt becomes a scene, a run folder and a turning video."""

from __future__ import annotations

import contextlib
import shlex
import time
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING

import carv3d
from carv3d import config as configuration
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.runs import budget, checkpoint, trackers
from carv3d.runs.clock import Clock
from carv3d.runs.environment import environment
from carv3d.runs.folder import Run, named_folder
from carv3d.runs.stopping import StopSignal, hold
from carv3d.runs.tracking import Tracking
from carv3d.runtime import devices, distributed
from carv3d.runtime.distributed import World
from carv3d.runtime.errors import UserError, of_the_machine
from carv3d.runtime.files import make_folder
from carv3d.runtime.progress import Progress, result, say
from carv3d.runtime.types import Record
from carv3d.text3d import build, contents

if TYPE_CHECKING:
    from carv3d.text3d.loop import Observer
    from carv3d.text3d.trainer import Trainer

FREE_ON_RESUME = ("trainer", "budget", "quality", "compare", "checkpoint", "log", "viewer", "export", "exp_root_dir",
                  "name", "tag", "device")


def main(args: Namespace) -> int:
    with distributed.world() as world:
        return _resume(args, world) if args.resume else _start(args, world)


def _overrides(args: Namespace) -> list[str]:
    return [*args.overrides, *(["viewer.enabled=true"] if args.view else [])]


def _start(args: Namespace, world: World) -> int:
    config = configuration.load(args.config, configuration.spelled_out(_overrides(args), args.prompt))
    configuration.check_new(config)
    folder = named_folder(args.out) if args.out else None
    build.settle(config)
    trackers.require(config.log)
    if args.dry_run:
        if world.size > 1:
            raise UserError("--dry-run: it probes one process; give it without torchrun")
        from carv3d.commands.dry_run import main as dry_run

        return dry_run(config)
    clock = _clock()
    with _end_checked(config):  # what can be refused is, before there is a folder
        _meet(world, config)
        ready = _trainer(config, clock, None, world)
    run = Run.create(config, _environment(config, registry.foreign(config)), folder) if world.rank == 0 else None
    return _run(run, ready, clock, None)


@contextlib.contextmanager
def _end_checked(config: Config) -> Iterator[None]:
    """UserError where the viewer could not be served, or the video at the end not be encoded: nobody should learn that
    after hours. ffmpeg is asked while the rest is made ready."""
    if config.viewer.enabled:
        from carv3d.commands.live import guard

        guard.check(config.viewer.host, config.viewer.port)
    if not config.export.video:
        yield
        return
    from carv3d.export.video import require_ffmpeg

    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(require_ffmpeg, "export.video=false")
        yield
        asked.result()


def _clock() -> Clock:
    clock = Clock()
    clock.seconds["start"] = time.perf_counter() - carv3d.STARTED
    return clock


def _resume(args: Namespace, world: World) -> int:
    if args.config:
        raise UserError("--config given with --resume; a resumed run keeps its own config.yaml, give key=value")
    if args.out or args.prompt:
        raise UserError(f"{'--out' if args.out else '--prompt'} given with --resume; a run keeps its folder and its "
                        "prompt: leave it out")
    clock = _clock()
    run = Run.open(args.resume)
    given = Path(args.resume)
    config = run.config(_overrides(args))
    changed, moved = _changes(run.config(), config)
    if changed:
        raise UserError(f"{changed[0]}: cannot change on --resume; allowed: {', '.join(FREE_ON_RESUME)}; "
                        "start a new run for another value")
    trackers.require(config.log)
    lock = hold(run) if world.rank == 0 else None
    for what in run.damaged():
        say(f"warning: {what}; going on without")
    if given.suffix != ".ckpt" and not checkpoint.listing(run.ckpts):
        build.settle(config)
        contents.check_moved(moved, _recorded(run), config)
        say("no checkpoint yet: starting again at step 0, with the same draws")
        return _go_on(run, config, clock, None, world, lock)
    path = checkpoint.named(given, run.ckpts)
    state = checkpoint.load(path)
    with checkpoint.fitting(path):
        _check_resumed(run, config, state, moved)
    return _go_on(run, config, clock, state, world, lock)


def _check_resumed(run: Run, config: Config, state: Record, moved: list[str]) -> None:
    """UserError where the run does not go on from this state: another configuration, nothing left to do. moved: the
    locations that are not as config.yaml says."""
    saved = configuration.parse(state["config"])
    changed, moved_since = _changes(saved, config)
    if changed:
        raise UserError(f"checkpoint {state['path']} refused: made with another {changed[0]} than "
                        f"{run.folder}/config.yaml says")
    build.settle(config, begun=True)
    if config.quality.clip != run.config().quality.clip:
        build.settle_quality(config)
    contents.check_moved({*moved, *moved_since}, _recorded(run), config)
    if config.budget.flops and "flops" not in state["trainer"]["ledger"]:
        raise UserError(f"budget.flops: {config.budget.flops:g} given on --resume of a run that has not counted them; "
                        "give it another budget")
    before = run.summary()
    cost = budget.spent(state["trainer"]["ledger"], state["seconds"].get("train", 0.0))
    if not (ended := budget.stopped_by(config, state["step"], cost)):
        return
    if before.get("status") == "finished" and not before.get("missing"):  # else its end is to be made
        raise UserError(f"{run.folder} is already at step {state['step']} of {config.trainer.max_steps}"
                        + (f" and has used up {ended}" if ended != "trainer.max_steps" else "")
                        + f"; give a larger {ended} to go on")
    say(f"nothing is left to train; what is to be made: {', '.join(before.get('missing') or ['everything after it'])}")


def _changes(before: Config, after: Config) -> tuple[list[str], list[str]]:
    """The options that differ and may not on --resume; and the locations that do, whose content is to be compared."""
    differing = [key for key in configuration.differences(before, after) if key.split(".")[0] not in FREE_ON_RESUME]
    fresh = [key for key in contents.STARTS  # which is no location
             if {contents.start(before, key), contents.start(after, key)} & set(contents.FRESH)]
    moved = [key for key in differing if key in contents.LOCATIONS and key not in fresh]
    return [key for key in differing if key not in moved], moved


def _recorded(run: Run) -> Record:
    """What the run's locations held when it began."""
    found = run.environment().get("contents")
    return found if isinstance(found, dict) else {}


def _meet(world: World, config: Config) -> None:
    if world.size > 1 and config.compare.points:
        raise UserError(f"compare.points: {config.compare.points} given with {world.size} ranks; estimators are "
                        "compared by one process: give 0, or start without torchrun")
    world.connect(devices.device(config.device), config.data.sizes)


def _go_on(run: Run, config: Config, clock: Clock, state: Record | None, world: World,
           lock: IO[str] | None) -> int:
    """From a checkpoint's state or from the start: once all ranks have read the folder, the first one writes to it."""
    with _end_checked(config):
        _meet(world, config)
        ready = _trainer(config, clock, state, world)
    world.any(False)
    if world.rank:
        return _run(None, ready, clock, state)
    run.rewrite_config(config)
    make_folder(run.save, "RUN", within=True)  # an empty one is lost by some ways of copying
    run.truncate_metrics(state["step"] if state else 0)
    return _run(run, ready, clock, state, lock)


def _environment(config: Config, components: Record, backends: str = "") -> Record:
    """What env.json holds: the surroundings, the classes that are not carv3d's own, and what its locations hold."""
    return environment(str(devices.device(config.device)), backends) | {
        "components": components, "contents": contents.of(config)}


def _components(run: Run, config: Config, state: Record | None) -> Record:
    """The classes that are not carv3d's own, by option. earlier: hashes of modules, other than today's, that made some
    of the steps behind ``state``."""
    found: Record = registry.foreign(config)
    before = run.environment().get("components") if state else None
    for option, now in found.items():
        past = before.get(option) if isinstance(before, dict) else None
        past = past if isinstance(past, dict) else {}
        hashes = [*past["earlier"]] if isinstance(past.get("earlier"), list) else []
        if earlier := [each for each in dict.fromkeys(map(str, [*hashes, past.get("sha256", now["sha256"])]))
                       if each != now["sha256"]]:
            now["earlier"] = earlier
    return found


def _run(run: Run | None, trainer: Trainer, clock: Clock, state: Record | None, lock: IO[str] | None = None) -> int:
    """run: the folder, which is the first rank's; None: another rank's part, the same steps with nothing written."""
    stop, config = StopSignal(), trainer.config
    if run is None:
        _follow(trainer, clock, state, stop)
        return 0  # stopped or not: torchrun would end the first rank, which still renders, if another one failed
    lock = lock or hold(run)
    run.write_summary({"status": "running", "prompt": config.prompt})
    say(f"run folder {run.folder}")
    with Tracking(run, config.log) as tracking:
        _guarded(run, trainer, clock, state, stop, lock, tracking)
    if stop():
        say(f"stopped; carv3d train --resume {shlex.quote(str(run.folder))} goes on")
    result(run.folder, run=str(run.folder), summary=run.summary())
    return 130 if stop() else 0


def _guarded(run: Run, trainer: Trainer, clock: Clock, state: Record | None, stop: StopSignal, lock: IO[str],
             tracking: Tracking) -> None:
    """A failure is in the run's summary; the lock is given back."""
    config = trainer.config
    try:
        _train(run, trainer, clock, state, stop, tracking)
    except KeyboardInterrupt:
        run.try_summary({"status": "interrupted", "reason": "stopped at once", "prompt": config.prompt})
        raise
    except Exception as error:
        known = error if isinstance(error, UserError) else of_the_machine(error)
        reason = known or f"{type(error).__name__}: {error}"
        run.try_summary({"status": "failed", "reason": str(reason), "prompt": config.prompt})
        raise known or error
    finally:
        lock.close()


def _trainer(config: Config, clock: Clock, state: Record | None, world: World) -> Trainer:
    """The trainer, ready, in the state that it goes on from."""
    if state:
        with checkpoint.fitting(state["path"]):
            clock.seconds = {**state["seconds"], "start": state["seconds"]["start"] + clock.seconds["start"]}
    with world.first_before_others():
        build.set_up_kernels(config, say, truth=True)
    clock.lap("compile")
    trainer = build.trainer(config, world, begun=state is not None)
    if state:
        with checkpoint.fitting(state["path"]):
            trainer.load_state(state["trainer"])
        say(f"resuming at step {state['step']}")
    trainer.teacher.prepare()
    return trainer


@contextlib.contextmanager
def _viewed(run: Run, trainer: Trainer, clock: Clock, stop: StopSignal) -> Iterator[list[Observer]]:
    """The viewer, if one is wanted, which is served meanwhile."""
    own = trainer.config.viewer
    if not own.enabled:
        yield []
        return
    from carv3d.commands.live.viewer import opened

    viewer = opened(run, trainer, clock, stop)
    try:
        yield [viewer] if viewer else []
    finally:
        if viewer:
            viewer.close()


def _follow(trainer: Trainer, clock: Clock, state: Record | None, stop: StopSignal) -> None:
    from carv3d.text3d.loop import train

    train(trainer, state["step"] if state else 0, stop=lambda: stop.of_any(trainer.world), clock=clock)
    trainer.world.leave()


def _train(run: Run, trainer: Trainer, clock: Clock, state: Record | None, stop: StopSignal, tracking: Tracking
           ) -> None:
    from carv3d.commands.recorder import Recorder, Tracked
    from carv3d.text3d.finish import finish
    from carv3d.text3d.loop import train

    config, world, first = trainer.config, trainer.world, state["step"] if state else 0
    components = _components(run, config, state)
    notes = [f"{option}: the module of {now['class']} has changed since this run began; some of its steps were made by "
             "another version" for option, now in components.items() if "earlier" in now]
    recorded = _recorded(run)
    notes += contents.notes(recorded, config)
    for note in notes:  # now, and among the warnings at the end
        say(note)
    surroundings = _environment(config, components, trainer.scene.backends)
    run.write_environment(surroundings | {"ranks": world.size, "contents": surroundings["contents"] | recorded})
    say(f"teacher: {trainer.teacher.description}")
    say(f"scene: {config.scene.type}, {trainer.scene.backends}")
    estimator = config.estimator
    if estimator.stratified and estimator.ks() == [1] and config.data.sizes == [1]:
        say("estimator.stratified: one draw of one view leaves nothing to stratify; timesteps are independent")
    clock.lap("start")
    with _viewed(run, trainer, clock, stop) as viewers, Progress("train", config.trainer.max_steps, first) as bar:
        recorder = Recorder(run, trainer, clock, first, bar)
        observers = [recorder, Tracked(tracking), *viewers]
        done = train(trainer, first, observers, lambda: stop.of_any(world), clock)
    world.leave()
    clock.lap("loop")
    finish(run, config, trainer.scenes, trainer.device, clock, dict(trainer.ledger), done, stop(), notes)
