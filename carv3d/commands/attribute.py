"""carv3d attribute: which training pictures made an output."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import IO

import carv3d
from carv3d import config as configuration
from carv3d.attribution import digits, loop, results, world
from carv3d.attribution.loop import Scores
from carv3d.attribution.settle import settle
from carv3d.attribution.world import World
from carv3d.config.schema import Config
from carv3d.runs import checkpoint
from carv3d.runs.clock import Clock
from carv3d.runs.environment import environment, peak_memory_mib
from carv3d.runs.folder import Run
from carv3d.runs.stopping import StopSignal, hold
from carv3d.runtime.errors import UserError, of_the_machine
from carv3d.runtime.progress import Progress, result, say
from carv3d.runtime.types import Record

FREE_ON_RESUME = ("attribute.sets", "attribute.until", "attribute.top", "attribute.method", "attribute.damping",
                  "exp_root_dir", "name", "tag")
GROUP, TAG = "attribute", "digits"


def main(args: Namespace) -> int:
    clock = Clock()
    clock.seconds["start"] = time.perf_counter() - carv3d.STARTED
    if args.resume:
        return _resume(args, clock)
    config = configuration.load(args.config, args.overrides)
    configuration.check_new(config)
    settle(config)
    if config.name == Config().name:
        config.name = GROUP
    config.tag = config.tag or TAG
    known = _world(config, clock)
    return _run(Run.create(config, environment("cpu", "") | {"command": "attribute"}), config, known, Scores(), clock)


def _resume(args: Namespace, clock: Clock) -> int:
    if args.config:
        raise UserError("--config given with --resume; a resumed run keeps its own config.yaml, give key=value")
    run = Run.open(args.resume, "attribute")
    config = run.config(args.overrides)
    changed = [key for key in configuration.differences(run.config(), config) if key not in FREE_ON_RESUME]
    if changed:
        raise UserError(f"{changed[0]}: cannot change on --resume; allowed: {', '.join(FREE_ON_RESUME)}; start a new "
                        "run for another value")
    settle(config)
    lock, scores = hold(run), Scores()
    if checkpoint.listing(run.ckpts):
        path = Path(args.resume) if args.resume.endswith(".ckpt") else checkpoint.newest(run.ckpts)
        state = checkpoint.load(path)
        with checkpoint.fitting(path):
            saved = configuration.parse(state["config"])
            scores = Scores(**state["attribution"])
            clock.seconds = {**state["seconds"], "start": state["seconds"]["start"] + clock.seconds["start"]}
        if other := [key for key in configuration.differences(saved, config) if key not in FREE_ON_RESUME]:
            raise UserError(f"checkpoint {path} refused: made with another {other[0]} than {run.folder}/config.yaml "
                            "says")
        say(f"resuming after {scores.sets} sets of draws")
    known = _world(config, clock)
    run.rewrite_config(config)
    return _run(run, config, known, scores, clock, lock)


def _world(config: Config, clock: Clock) -> World:
    clock.lap("load")
    with Progress("denoiser", digits.Recipe().steps) as bar:
        known = world.embedded(config.seed, bar.to)
    clock.lap("model")
    return known


def _run(run: Run, config: Config, known: World, scores: Scores, clock: Clock, lock: IO[str] | None = None) -> int:
    stop, lock = StopSignal(), lock or hold(run)
    run.write_summary({"status": "running"})
    say(f"run folder {run.folder}")
    try:
        ended = _score(run, config, known, scores, clock, stop)
        _finish(run, config, known, scores, clock, "finished" if ended else "interrupted")
    except KeyboardInterrupt:
        run.try_summary({"status": "interrupted", "reason": "stopped at once"})
        raise
    except Exception as error:
        reason = error if isinstance(error, UserError) else of_the_machine(error)
        run.try_summary({"status": "failed", "reason": str(reason or f"{type(error).__name__}: {error}")})
        raise reason or error
    finally:
        lock.close()
    result(run.folder)
    return 0 if ended else 130


def _score(run: Run, config: Config, known: World, scores: Scores, clock: Clock, stop: StopSignal) -> bool:
    """The sets that are missing, a checkpoint after each. Returns whether they ended by themselves."""
    own = config.attribute
    queries, training = known.sources(own)
    say(f"{len(queries)} queries, {len(training)} training pictures, {own.sets} sets of {own.k} draws")
    each = (len(training) + len(queries)) * own.k
    with Progress("gradients", own.sets * each, scores.sets * each) as bar:
        def after(found: Scores) -> None:
            clock.lap("score")
            checkpoint.save(run.ckpts, found.sets, {
                "attribution": found.state(), "seconds": clock.seconds, "config": configuration.dump(config)}, 1,
                            [found.sets])
            clock.lap("checkpoint")

        return loop.run(own, queries, training, known.shape, known.target, config.seed, scores, after=after,
                        report=bar.add, stop=stop)


def _finish(run: Run, config: Config, known: World, scores: Scores, clock: Clock, status: str) -> None:
    own, sets = config.attribute, scores.sets
    summary: Record = {"status": status, "step": sets, "seconds": clock.seconds, "warnings": [],
                       "ledger": {"sets": sets, "draws": sets * own.k, "gradients": scores.gradients}}
    if sets:
        found = results.methods(own, known, scores)
        summary["lds"] = results.predicted(known, found, config.seed)
        summary["quality"] = {f"lds_{group.replace(' ', '_')}": part["lds"][own.method]["value"]
                              for group, part in summary["lds"].items()}
        summary["artefacts"] = results.write(run.folder, own, known, scores, found, summary)
        for group, part in summary["lds"].items():
            say(f"{group}: " + ", ".join(f"{name} {value['value']:.3f}" for name, value in part["lds"].items())
                + f", ceiling {part['ceiling']:.3f}")
    clock.lap("results")
    summary["peak_mem_mib"] = round(peak_memory_mib(), 1)
    run.write_summary(summary)
    say("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in clock.seconds.items())
        + f"; peak memory {summary['peak_mem_mib']:.0f} MiB")
