"""What commands that make runs of their own kind share: beginning, going on from a checkpoint, and ending well."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from carv3d import config as configuration
from carv3d.config.schema import Config
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runs.stopping import StopSignal, hold
from carv3d.runtime.errors import UserError, of_the_machine
from carv3d.runtime.progress import result, say
from carv3d.runtime.types import State

T = TypeVar("T")


class Resumed(NamedTuple):
    run: Run
    config: Config
    lock: IO[str]
    path: Path | None  # of the checkpoint
    state: State


def resumed(args: Namespace, command: str, overrides: list[str], free: tuple[str, ...],
            settle: Callable[[Config], None]) -> Resumed:
    """A run of ``command`` as it stands, held; the state is empty before its first checkpoint. free: options, and
    sections, that may change. UserError, and nothing written, where it cannot go on."""
    if args.config:
        raise UserError("--config given with --resume; a resumed run keeps its own config.yaml, give key=value")
    run = Run.open(args.resume, command)
    config = run.config(overrides)
    if changed := _bound(run.config(), config, free):
        raise UserError(f"{changed[0]}: cannot change on --resume; allowed: {', '.join(free)}; start a new run for "
                        "another value")
    settle(config)
    lock = hold(run)
    if not checkpoint.listing(run.ckpts):
        return Resumed(run, config, lock, None, {})
    path = checkpoint.named(args.resume, run.ckpts)
    state = checkpoint.load(path)
    with checkpoint.fitting(path):
        saved = configuration.parse(state["config"])
    if other := _bound(saved, config, free):
        raise UserError(f"checkpoint {path} refused: made with another {other[0]} than {run.folder}/config.yaml says")
    return Resumed(run, config, lock, path, state)


def _bound(before: Config, now: Config, free: tuple[str, ...]) -> list[str]:
    """What differs and may not."""
    return [key for key in configuration.differences(before, now)
            if not any(key == each or key.startswith(f"{each}.") for each in free)]


def guarded(run: Run, lock: IO[str], work: Callable[[StopSignal], bool]) -> int:
    """``work``, which says whether it came to its end by itself; its failure is in the run's summary. The exit status.
    """
    stop = StopSignal()
    run.write_summary({"status": "running"})
    say(f"run folder {run.folder}")
    try:
        ended = work(stop)
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
