"""carv3d train --dry-run: the resolved configuration and what the run would cost; writes nothing."""

from __future__ import annotations

import dataclasses
import math
import time

from carv3d import config as configuration
from carv3d.commands import needs
from carv3d.config import registry
from carv3d.config.options import constant
from carv3d.config.schema import Config
from carv3d.runs import budget
from carv3d.runs.environment import peak_memory_mib
from carv3d.runtime.progress import duration, result, say
from carv3d.text3d import build


def main(config: Config) -> int:
    memory = needs.lines(config) if registry.teacher(config).located else []
    build.set_up_kernels(config, say, truth=True)
    total, lines = estimate(config)  # first, for it decides what auto is
    result(configuration.dump(config).rstrip("\n"))
    if memory:
        result("\n".join(memory))
    result("\n".join(lines))
    result(f"# estimate: {duration(total)} of training (video and start not counted), {peak_memory_mib():.0f} MiB; "
          "from two probe steps per image size on a fresh scene, whose fog is more expensive than a settled object")
    return 0


def estimate(config: Config) -> tuple[float, list[str]]:
    """Seconds of training, and a line of what they are made of for each image size."""
    probes: dict[tuple[int, int], float] = {}
    total, lines, left = 0.0, [], config.budget.seconds or float("inf")
    for size in _phases(config, config.trainer.max_steps):
        probes[size], step_cost = _probe(config, *size)
    last = budget.most_steps(config, step_cost)
    for (width, height), steps in _phases(config, last).items():
        step_s = probes[width, height]
        within = min(steps, math.ceil(left / step_s)) if left < float("inf") else steps
        total, left = total + step_s * within, left - step_s * within
        if within > 0:
            lines.append(f"# {within} steps at {width}x{height}: {1e3 * step_s:.0f} ms each")
    return total, lines


def _phases(config: Config, count: int) -> dict[tuple[int, int], int]:
    """Number of steps at each image size."""
    sizes: dict[tuple[int, int], int] = {}
    for step in range(count):
        size = round(config.data.width.at(step)), round(config.data.height.at(step))
        sizes[size] = sizes.get(size, 0) + 1
    return sizes


def _probe(config: Config, width: int, height: int) -> tuple[float, dict[str, float]]:
    """Seconds of the second of two steps at one image size, and the counts that a step costs."""
    from carv3d.text3d.step import train_step

    data = dataclasses.replace(config.data, width=constant(width), height=constant(height))
    trainer = build.trainer(dataclasses.replace(config, data=data))
    train_step(trainer, 0)
    step_cost = budget.spent(trainer.ledger, 0.0)
    began = time.perf_counter()
    train_step(trainer, 1)
    return time.perf_counter() - began, step_cost
