"""carv3d train --dry-run: the resolved configuration and what the run would cost; writes nothing."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from typing import NamedTuple

from carv3d import config as configuration
from carv3d.commands import needs
from carv3d.config import registry
from carv3d.config.options import constant
from carv3d.config.schema import Config
from carv3d.runs import budget
from carv3d.runs.environment import peak_memory_mib
from carv3d.runtime.progress import duration, result, say
from carv3d.text3d import build

MOST_STEPS, LEAST_STEPS, MOST_S = 96, 4, 8.0  # of a probe, which stops after so many seconds once it has LEAST_STEPS
MARGIN = 0.25  # of the range, on either side


class Estimate(NamedTuple):
    """Seconds of training: if every step cost what a settled scene's do, and what the first ones do; and a line of what
    they are made of for each image size."""

    settled: float
    fresh: float
    lines: list[str]


def main(config: Config) -> int:
    memory = needs.lines(config) if registry.teacher(config).located else []
    build.set_up_kernels(config, say, truth=True)
    found = estimate(config)  # first, for it decides what auto is
    result(configuration.dump(config).rstrip("\n"))
    if memory:
        result("\n".join(memory))
    result("\n".join(found.lines))
    low, high = sorted((found.settled, found.fresh))
    result(f"# estimate: {duration(low * (1 - MARGIN))} to {duration(high * (1 + MARGIN))} of training: what steps "
           f"cost on a fresh scene and on a settled one, give or take {MARGIN:.0%}, by which a machine's hours differ; "
           f"video, start and scores not counted; {peak_memory_mib():.0f} MiB")
    return 0


def estimate(config: Config) -> Estimate:
    probes: dict[tuple[int, int], tuple[float, float]] = {}
    for size in _phases(config, config.trainer.max_steps):
        probes[size], step_cost = _probe(config, *size)
    last = budget.most_steps(config, step_cost)
    totals, lines, left = [0.0, 0.0], [], [config.budget.seconds or float("inf")] * 2
    for (width, height), steps in _phases(config, last).items():
        done = 0
        for i, step_s in enumerate(probes[width, height]):
            within = min(steps, math.ceil(left[i] / step_s)) if left[i] < float("inf") else steps
            totals[i], left[i], done = totals[i] + step_s * within, left[i] - step_s * within, max(done, within)
        if done > 0:
            settled, fresh = (1e3 * step_s for step_s in probes[width, height])
            lines.append(f"# {done} steps at {width}x{height}: {settled:.0f} ms each on a settled scene, {fresh:.0f} "
                         "at first")
    return Estimate(totals[0], totals[1], lines)


def _phases(config: Config, count: int) -> dict[tuple[int, int], int]:
    """Number of steps at each image size."""
    sizes: dict[tuple[int, int], int] = {}
    for step in range(count):
        size = round(config.data.width.at(step)), round(config.data.height.at(step))
        sizes[size] = sizes.get(size, 0) + 1
    return sizes


def _probe(config: Config, width: int, height: int) -> tuple[tuple[float, float], dict[str, float]]:
    """Training from the start at one image size: median seconds of its last steps and of its first, but for the very
    first, which sets things up; and the counts that a step costs."""
    from carv3d.text3d.step import train_step

    data = dataclasses.replace(config.data, width=constant(width), height=constant(height))
    trainer = build.trainer(dataclasses.replace(config, data=data))
    train_step(trainer, 0)
    step_cost = budget.spent(trainer.ledger, 0.0)
    seconds: list[float] = []
    most = max(LEAST_STEPS, min(MOST_STEPS, config.trainer.max_steps - 1))
    while len(seconds) < most and (len(seconds) < LEAST_STEPS or sum(seconds) < MOST_S):
        began = time.perf_counter()
        train_step(trainer, 1 + len(seconds))
        seconds.append(time.perf_counter() - began)
    few = max(len(seconds) // 4, 2)
    return (statistics.median(seconds[-few:]), statistics.median(seconds[:few])), step_cost
