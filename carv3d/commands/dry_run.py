"""carv3d train --dry-run: the resolved configuration and what the run would cost; writes nothing."""

from __future__ import annotations

import dataclasses
import time

from carv3d import build
from carv3d import config as configuration
from carv3d.progress import duration, say
from carv3d.runs import peak_memory_mib
from carv3d.schema import Config, constant


def main(config: Config) -> int:
    build.set_up_kernels(config, say, truth=True)
    print(configuration.dump(config), end="")
    total, lines = 0.0, []
    sizes = _phases(config)
    for (width, height), steps in sizes.items():
        step_s = _probe(config, width, height)
        total += step_s * steps
        lines.append(f"# {steps} steps at {width}x{height}: {1e3 * step_s:.0f} ms each")
    print("\n".join(lines))
    print(f"# estimate: {duration(total)} of training (video and start not counted), {peak_memory_mib():.0f} MiB; "
          "from two probe steps per picture size on a fresh scene, whose fog is dearer than a settled object")
    return 0


def _phases(config: Config) -> dict[tuple[int, int], int]:
    """Number of steps at each picture size."""
    sizes: dict[tuple[int, int], int] = {}
    for step in range(config.trainer.max_steps):
        size = round(config.data.width.at(step)), round(config.data.height.at(step))
        sizes[size] = sizes.get(size, 0) + 1
    return sizes


def _probe(config: Config, width: int, height: int) -> float:
    """Seconds of the second of two steps at one picture size."""
    from carv3d.train import train_step

    data = dataclasses.replace(config.data, width=constant(width), height=constant(height))
    trainer = build.trainer(dataclasses.replace(config, data=data))
    train_step(trainer, 0)
    began = time.perf_counter()
    train_step(trainer, 1)
    return time.perf_counter() - began
