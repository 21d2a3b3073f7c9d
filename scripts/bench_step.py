"""Milliseconds of each station of the training step, as medians; one JSON object on stdout.

usage: python scripts/bench_step.py [--config FILE] [--repeats N] [--warm-up N] [key=value ...]

The scene is trained for --warm-up steps first, so that a settled scene is measured and not the fog it starts from. The
picture size and the schedules are those of the last step of the configuration. The station ``estimate`` is split in
three: the teacher's calls, the rest of the objective (noising, guidance, residual), and the estimator's own part
(norms, weights, mean). ``estimator_share`` is that last part, the draws and the proposal's update over the whole step,
less the random numbers that a plain step with as many draws needs too (``plain_random_ms``, timed beside);
``measurement_share`` is one measurement for estimator.k=auto over the steps between two. Device-synchronised.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import time

from carv3d import build
from carv3d import config as configuration
from carv3d.errors import UserError
from carv3d.progress import say
from carv3d.runs import environment
from carv3d.schema import Config, Schedule, constant
from carv3d.threads import share_cores


def settled(config: Config) -> Config:
    """Every schedule held at its value in the last step."""
    def hold(node):
        changes = {}
        for item in dataclasses.fields(node):
            value = getattr(node, item.name)
            if isinstance(value, Schedule):
                changes[item.name] = constant(value.at(config.trainer.max_steps - 1))
            elif dataclasses.is_dataclass(value):
                changes[item.name] = hold(value)
        return dataclasses.replace(node, **changes)

    return hold(config)


def measure(config: Config, warm_up: int, repeats: int) -> dict:
    import torch

    from carv3d.train import choose_k, train_step

    trainer = build.trainer(config)
    trainer.teacher.prepare()
    for step in range(warm_up):
        trainer.timer.start()
        train_step(trainer, step, trainer.timer)
    if trainer.device.type == "cuda":
        sync = torch.cuda.synchronize
    else:
        def sync() -> None:
            pass
    spent = {"teacher": 0.0, "objective": 0.0}

    def timed(name, function):
        def run(*args):
            sync()
            began = time.perf_counter()
            out = function(*args)
            sync()
            spent[name] += 1e3 * (time.perf_counter() - began)
            return out
        return run

    predict, value = trainer.teacher.predict, trainer.value
    trainer.teacher.predict = timed("teacher", predict)
    trainer.value = lambda *args: timed("objective", value(*args))
    stations: dict[str, list[float]] = {}
    plain: list[float] = []
    for step in range(warm_up, warm_up + repeats):
        spent.update(teacher=0.0, objective=0.0)
        last = time.perf_counter()

        def mark(station: str) -> None:
            nonlocal last
            sync()
            now = time.perf_counter()
            stations.setdefault(station, []).append(1e3 * (now - last))
            last = now

        train_step(trainer, step, mark)
        stations["estimate"][-1] -= spent["objective"]
        stations.setdefault("teacher", []).append(spent["teacher"])
        stations.setdefault("objective", []).append(spent["objective"] - spent["teacher"])
        began = time.perf_counter()
        torch.randn(config.data.batch_size, trainer.k, *trainer.teacher.latent_shape, device=trainer.device)
        torch.randint(1000, (config.data.batch_size, trainer.k))
        sync()
        plain.append(1e3 * (time.perf_counter() - began))
    medians = {name: round(statistics.median(times), 3) for name, times in stations.items()}
    total = statistics.median([sum(parts) for parts in zip(*stations.values())])
    trainer.teacher.predict, trainer.value = predict, value
    events = []
    for event in range(5):
        began = time.perf_counter()
        choose_k(trainer, warm_up + event)
        sync()
        events.append(1e3 * (time.perf_counter() - began))
    event_ms, every = statistics.median(events), config.estimator.measure_every
    own = medians["draws"] + medians["estimate"] + medians["account"] - statistics.median(plain)
    return {"batch_size": config.data.batch_size, "k": config.estimator.k, "picture": round(config.data.width.at(0)),
            "step_ms": round(total, 3), "stations_ms": medians, "plain_random_ms": round(statistics.median(plain), 3),
            "estimator_share": round(own / total, 4),
            "measurement_ms": round(event_ms, 1), "measure_every": every,
            "measurement_share": round(event_ms / (event_ms + every * total), 4),
            "repeats": repeats, "warm_up": warm_up,
            "environment": environment(str(trainer.device), trainer.scenes[0].backends)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config")
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--warm-up", type=int, default=200)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    args = parser.parse_args()
    share_cores()
    try:
        config = configuration.load(args.config, ["prompt=a red mushroom", *args.overrides])
        build.settle(config)
        build.set_up_kernels(config, say, truth=True)
        print(json.dumps(measure(settled(config), args.warm_up, args.repeats), indent=1))
    except UserError as error:
        print(f"bench_step.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
