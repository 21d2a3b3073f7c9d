"""Milliseconds of each station of the training step, as medians; one JSON object on stdout.

usage: python scripts/bench_step.py [--config FILE] [--repeats N] [--warm-up N] [--backends] [key=value ...]

The scene is trained for --warm-up steps first, so that a settled scene is measured and not the fog it starts from. The
picture size and the schedules are those of the last step of the configuration. The station ``estimate`` is split in
three: the teacher's calls, the rest of the objective (noising, guidance, residual), and the estimator's own part
(norms, weights, mean). ``estimator_share`` is that last part, the draws and the proposal's update over the whole step,
less the random numbers that a plain step with as many draws needs too (``plain_random_ms``, timed beside);
``measurement_share`` is one measurement for estimator.k=auto over the steps between two. Device-synchronised.

objective.type=vsd has two stations more: ``score``, the evaluation of the particles' own score within the objective,
and ``lora``, its training. --backends adds a table of every NeRF backend that works here, ``encoding/render`` as in
scene.nerf: milliseconds of the render station, of the backward one and of the whole step, round-robin on equal scenes
(tinycudann's, whose grid is another, is trained as long); and the step's time over that of torch/torch.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from carv3d.config.schema import Config
from carv3d.runs.environment import environment
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say
from carv3d.runtime.threads import share_cores
from carv3d.text3d import build

sys.path.insert(0, str(Path(__file__).parent))  # its neighbours, whoever loads it
from benchmark import Parser, exit_status, loaded, settled, synchroniser  # noqa: E402

if TYPE_CHECKING:
    import torch

    from carv3d.text3d.trainer import Trainer

FAST = {"cpu": (["numba"], ["numba"]), "cuda": (["triton", "tinycudann"], ["triton", "nerfacc"])}  # encoding, render


def measure(config: Config, warm_up: int, repeats: int, backends: bool = False) -> dict:
    import torch

    from carv3d.text3d import auto_k
    from carv3d.text3d.step import train_step
    from carv3d.text3d.timer import moment

    trainer = build.trainer(config)
    trainer.teacher.prepare()
    for step in range(warm_up):
        train_step(trainer, step)
    sync = synchroniser(trainer.device)
    spent = {"teacher": 0.0, "score": 0.0, "objective": 0.0}

    def timed(name, function):
        def run(*args):
            sync()
            began = time.perf_counter()
            out = function(*args)
            sync()
            spent[name] += 1e3 * (time.perf_counter() - began)
            return out
        return run

    predict, value = trainer.teacher.predict, trainer.objective.value
    trainer.teacher.predict = timed("teacher", predict)
    trainer.objective.value = lambda *args: timed("objective", value(*args))
    learner = getattr(trainer.objective, "learner", None)
    score = learner.score if learner else None
    if score:
        score.forward = timed("score", score.forward)
    stations: dict[str, list[float]] = {}
    plain: list[float] = []
    for step in range(warm_up, warm_up + repeats):
        spent.update(dict.fromkeys(spent, 0.0))
        for station, ms in stations_of(trainer, step, sync).items():
            stations.setdefault(station, []).append(ms)
        stations["estimate"][-1] -= spent["objective"]
        stations.setdefault("teacher", []).append(spent["teacher"])
        if score:
            stations.setdefault("score", []).append(spent["score"])
        stations.setdefault("objective", []).append(spent["objective"] - spent["teacher"] - spent["score"])
        began = time.perf_counter()
        torch.randn(config.data.first_batch, trainer.sampler.k, *trainer.teacher.latent_shape, device=trainer.device)
        torch.randint(1000, (config.data.first_batch, trainer.sampler.k))
        sync()
        plain.append(1e3 * (time.perf_counter() - began))
    medians = {name: round(statistics.median(times), 3) for name, times in stations.items()}
    total = statistics.median([sum(parts) for parts in zip(*stations.values())])
    trainer.teacher.predict, trainer.objective.value = predict, value
    if score:
        del score.forward
    looks = []  # what a step of a measurement for estimator.k=auto takes beyond the step itself
    auto_k.begin(trainer)
    while trainer.probe.queue:
        grad_norm = train_step(trainer, warm_up + len(looks)).metrics["grad_norm"]
        sync()
        began = time.perf_counter()
        auto_k.seen(trainer, warm_up + len(looks), grad_norm, moment(trainer.device), moment(trainer.device))
        sync()
        looks.append(1e3 * (time.perf_counter() - began))
    event_ms, every = sum(looks), config.estimator.measure_every
    own = medians["draws"] + medians["estimate"] + medians["account"] - statistics.median(plain)
    return {"batch_size": config.data.batch_size, "k": config.estimator.k, "picture": round(config.data.width.at(0)),
            "step_ms": round(total, 3), "stations_ms": medians, "plain_random_ms": round(statistics.median(plain), 3),
            "estimator_share": round(own / total, 4),
            "measurement_ms": round(event_ms, 1), "measure_every": every,
            "measurement_share": round(event_ms / (event_ms + every * total), 4),
            "repeats": repeats, "warm_up": warm_up,
            "environment": environment(str(trainer.device), trainer.scenes[0].backends),
            **({"backends": measure_backends(trainer, warm_up, repeats)} if backends else {})}


def stations_of(trainer: Trainer, step: int, sync: Callable[[], None]) -> dict[str, float]:
    """Milliseconds of each station of one step."""
    from carv3d.text3d.step import train_step

    out: dict[str, float] = {}
    sync()
    last = time.perf_counter()

    def mark(station: str) -> None:
        nonlocal last
        sync()
        now = time.perf_counter()
        out[station] = 1e3 * (now - last)
        last = now

    train_step(trainer, step, mark)
    return out


def working_backends(config: Config, device: torch.device) -> list[tuple[str, str]]:
    """Every (encoding, render) of scene.nerf that works here; torch works everywhere."""
    from carv3d.scenes.kernels.backends import probe_one
    from carv3d.scenes.kernels.rays.levels import TRITON_FEATURES
    from carv3d.scenes.kernels.rays.rows import FEATURES

    handled = {"cpu": (FEATURES,), "cuda": TRITON_FEATURES}[device.type]
    encodings, renders = ([name for name in names if probe_one(name).works] for names in FAST[device.type])
    if config.scene.nerf.features not in handled:
        encodings = []
    return list(itertools.product(["torch", *encodings], ["torch", *renders]))


def with_backends(trainer: Trainer, encoding: str, render: str, warm_up: int) -> Trainer:
    """The same step on a scene with other backends: the settled scene itself where they keep their parameters alike,
    else one that is trained here."""
    import torch

    from carv3d.text3d.step import train_step
    from carv3d.text3d.trainer import Trainer

    config = trainer.config
    nerf = dataclasses.replace(config.scene.nerf, encoding_backend=encoding, render_backend=render)
    config = dataclasses.replace(config, scene=dataclasses.replace(config.scene, nerf=nerf))
    scene = build.scene(config)
    rates = {"encoding": config.optimizer.lr_encoding, "mlp": config.optimizer.lr_mlp}
    optimizer = torch.optim.Adam(scene.parameter_groups(rates), betas=tuple(config.optimizer.betas),
                                 eps=config.optimizer.eps, fused=True)
    made = Trainer.of(config, [scene], trainer.teacher, trainer.objective, optimizer, trainer.device)
    made.sampler.k, settled_scene = trainer.sampler.k, trainer.scenes[0].state_dict()
    if scene.state_dict().keys() == settled_scene.keys():
        scene.load_state_dict(settled_scene)
    else:
        for step in range(warm_up):
            train_step(made, step)
    return made


def measure_backends(trainer: Trainer, warm_up: int, repeats: int) -> dict[str, dict[str, float]]:
    """Medians for each backend that works here, round-robin so that all see the same drift of the machine; and the
    median over rounds of its step's time over that of torch/torch."""
    sync = synchroniser(trainer.device)
    twins = {f"{encoding}/{render}": with_backends(trainer, encoding, render, warm_up)
             for encoding, render in working_backends(trainer.config, trainer.device)}
    times: dict[str, list[dict[str, float]]] = {name: [] for name in twins}
    for step in range(warm_up, warm_up + repeats + 1):
        for name, twin in twins.items():
            times[name].append(stations_of(twin, step, sync))
    out = {}
    for name, found in times.items():
        kept = found[1:]  # the first compiles and allocates
        out[name] = {f"{station}_ms": round(statistics.median(one[station] for one in kept), 3)
                     for station in ("render", "backward")}
        steps, plain = ([sum(one.values()) for one in times[each][1:]] for each in (name, "torch/torch"))
        out[name]["step_ms"] = round(statistics.median(steps), 3)
        out[name]["step_over_torch"] = round(statistics.median(a / b for a, b in zip(steps, plain, strict=True)), 4)
    return out


# --- what the benchmarks share ----------------------------------------------------------------------------------------


def main(argv: list[str] | None = None) -> int:
    share_cores()
    def work() -> None:
        parser = Parser(__doc__, repeats=40, warm_up=200)
        parser.add_argument("--backends", action="store_true", help="also time every NeRF backend that works here")
        args = parser.read(argv)
        config = loaded(args)
        if args.backends and config.scene.type != "nerf":
            raise UserError(f"--backends: given with scene.type {config.scene.type}; it needs scene.type=nerf")
        build.set_up_kernels(config, say, truth=True)
        print(json.dumps(measure(settled(config), args.warm_up, args.repeats, args.backends), indent=1))

    return exit_status("bench_step.py", work)


if __name__ == "__main__":
    sys.exit(main())
