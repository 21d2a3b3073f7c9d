"""Which engine a teacher is asked by: the one that is named, or the fastest of those that are here."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module

import torch

from carv3d.diffusion import networks
from carv3d.diffusion.diffusers_teacher import DiffusersTeacher
from carv3d.diffusion.engines import store
from carv3d.diffusion.engines.base import Engine, Traced, example, identity
from carv3d.diffusion.engines.packages import installed, require, versions
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say

CLASSES = {"numba": ("numba", "Numba"), "openvino": ("openvino", "OpenVINO"), "onnxruntime": ("onnx", "OnnxRuntime")}
REPEATS = 7  # of each, in turn
WORTH = 0.95  # an engine must take less than this share of torch's time


def made(name: str, teacher: DiffusersTeacher, *counts: int) -> Engine:
    """A named engine, ready for calls of so many rows; UserError where it is not to be had here."""
    require(name)
    if name not in teacher.ENGINES:
        raise UserError(f"teacher.engine: {name} given, which is not known to run the network of a "
                        f"{type(teacher).__name__}; allowed: {', '.join(('auto', 'torch', *teacher.ENGINES))}")
    try:
        module, cls = CLASSES[name]
        engine: Engine = getattr(import_module(f"carv3d.diffusion.engines.{module}"), cls)(teacher)
    except (ImportError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise UserError(f"teacher.engine: {name} given, which cannot be loaded ({reason}); install it again, or give "
                        "teacher.engine=torch") from error
    engine.prepare(*counts)
    return engine


def fastest(teacher: DiffusersTeacher, count: int) -> str:
    """Of torch and the engines that are here, by the shortest time of a call of ``count`` rows on this machine;
    measured once, then kept by network, processor, threads, versions and rows."""
    names = [name for name in installed() if name in teacher.ENGINES and name != "numba"]
    if teacher.denoiser.dtype != torch.float32:  # the others have no other on CPUs
        names = [name for name in names if name == "openvino"]
    elif _own(teacher):  # which converts nothing, and was faster than the others wherever they were measured
        names = ["numba"]
    if not names:
        return "torch"
    key = f"{identity(teacher)} {torch.get_num_threads()} {[versions(name) for name in names]} {count}"
    name = f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"
    found = _known(store.read(name), names)
    if found is None:
        found = _measured(teacher, count, names)
        store.write(name, json.dumps(found).encode())
    best = min(found, key=lambda each: found[each])
    return best if found[best] < WORTH * found["torch"] else "torch"


def _own(teacher: DiffusersTeacher) -> bool:
    """Whether carv3d's own loops run its network."""
    if not isinstance(teacher.denoiser, networks.UNet):
        return False
    from carv3d.diffusion.engines.numba import runs

    return runs(teacher)


def _known(content: bytes | None, names: list[str]) -> dict[str, float] | None:
    """Milliseconds that were kept."""
    found = json.loads(content) if content else None
    return found if isinstance(found, dict) and {*found} <= {"torch", *names} and "torch" in found else None


def _measured(teacher: DiffusersTeacher, count: int, names: list[str]) -> dict[str, float]:
    """Milliseconds of a call, by engine; one that cannot run this network is left out, and said so."""
    say(f"measuring which of torch, {', '.join(names)} runs the teacher fastest here (once, then kept)")
    asked, plain = example(teacher, count), Traced(teacher)
    runs: dict[str, Callable[[], object]] = {"torch": partial(plain, *asked)}
    for name in names:
        try:
            runs[name] = partial(made(name, teacher, count).run, asked)
        except UserError as error:
            say(f"teacher.engine: going on without {name}: {error}")
    times: dict[str, list[float]] = {name: [] for name in runs}
    with torch.no_grad():
        for turn in range(REPEATS + 1):
            for name, run in runs.items():
                began = time.perf_counter()
                run()
                if turn:  # the first warms up
                    times[name].append(1e3 * (time.perf_counter() - began))
    return {name: min(each) for name, each in times.items()}  # what else the machine does only adds
