"""Checkpoints: written whole or not at all, checked before they are trusted, loadable with ``weights_only=True``."""

from __future__ import annotations

import contextlib
import io
import os
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

import torch

from carv3d.runtime import files
from carv3d.runtime.errors import UserError, out_of_memory, shown
from carv3d.runtime.types import State

FORMAT = 2
_NAME = re.compile(r"step-(\d+)\.ckpt")


def path_for(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}.ckpt"


def listing(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    return sorted((p for p in folder.glob("step-*.ckpt") if _NAME.fullmatch(p.name)), key=step_of)


def step_of(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    if not found:
        raise ValueError(f"{path.name} is not the name of a checkpoint")
    return int(found[1])


def save(folder: Path, step: int, state: State, keep: int, own: Collection[int] = ()) -> Path:
    """Write ``state`` as the checkpoint of ``step``, point last.ckpt at it, drop what is older than the newest ``keep``
    good ones up to this step.

    own: steps that this process wrote, which are good; others are read before they count. Later steps, left over from
    a part of the run that was given up, are neither counted nor touched.
    """
    files.make_folder(folder, "ckpts", within=True)
    path = path_for(folder, step)
    buffer = io.BytesIO()  # torch's own writer hides why a disk refused
    torch.save({"format": FORMAT, "step": step, **state}, buffer)
    files.write_bytes(path, buffer.getbuffer())
    files.link(folder / "last.ckpt", path.name)
    good = 0
    for old in reversed([old for old in listing(folder) if step_of(old) <= step]):
        if good >= keep:
            files.remove(old)
        else:
            good += step_of(old) in (step, *own) or fault(old) is None
    return path


def fault(path: Path) -> str | None:
    """Why a checkpoint cannot be used, or None: reads it all and checks each record's CRC."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            return f"its record {damaged} is damaged"
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return "it does not exist"
    except Exception as error:  # any way of being unreadable is a reason to refuse
        return f"it cannot be read ({type(error).__name__})"
    return _unfit(state)


def _unfit(state: object) -> str | None:
    """Why what was read is no checkpoint, or None. What else is in it, only those can judge that take it up:
    ``fitting``."""
    if not isinstance(state, dict) or "format" not in state:
        return "it is not a carv3d checkpoint"
    if state["format"] != FORMAT:
        return f"its format is {shown(state['format'])}, this version reads {FORMAT}"
    if not isinstance(state.get("step"), int) or state["step"] < 0:
        return "it does not say its step"
    return None


@contextlib.contextmanager
def fitting(path: Path) -> Iterator[None]:
    """What is read from a checkpoint within this, and turns out not to be there or to have another shape, is a
    UserError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        raise UserError(f"checkpoint {path.name} refused: it does not fit {path.parent.parent / 'config.yaml'} ({why})"
                        "; give another one") from error


def load(path: Path, device: torch.device | str = "cpu") -> State:
    """The state in a checkpoint, and its path. A damaged or foreign one is refused, and the newest good one beside it
    is named."""
    reason = fault(path)
    if reason:
        good = next((p for p in reversed(listing(path.parent)) if p != path and fault(p) is None), None)
        advice = f"give the newest good one, {good}" if good else f"no good one lies in {path.parent}"
        raise UserError(f"checkpoint {path.name} refused: {reason}; {advice}")
    state: State = torch.load(path, map_location=device, weights_only=True)
    return {**state, "path": path}


def named(run: str | Path, folder: Path) -> Path:
    """The checkpoint that RUN names, or else the newest in the run's folder of them."""
    return Path(run) if Path(run).suffix == ".ckpt" else newest(folder)


def newest(folder: Path) -> Path:
    """The newest checkpoint of a run's ckpts folder."""
    found = listing(folder)
    if not found:
        raise UserError(f"{folder} holds no checkpoint yet; wait for the first, or carv3d train --resume the run")
    latest = os.path.realpath(folder / "last.ckpt")  # the one written last, which need not be the furthest
    return next((path for path in found if os.path.realpath(path) == latest), found[-1])
