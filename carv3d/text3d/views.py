"""Which views a run looks at: cameras and backgrounds from the configuration."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.cameras import Cameras, golden_turn, sample_cameras
from carv3d.config.schema import Config
from carv3d.runtime import rng


def sample(config: Config, step: int, count: int, purpose: str = "", strata: bool = False,
           sequence: bool = False, seed: int | None = None) -> tuple[Cameras, Tensor]:
    """``count`` cameras at the step's image size and their background colours [count,3], on the CPU.

    purpose: names the random streams (empty for training). strata: one camera per azimuth sector. sequence: azimuths
    from the golden-ratio sequence over the steps, under a random shift that the seed gives. seed: the run's own by
    default.
    """
    data, seed = config.data, config.seed if seed is None else seed
    turn = None
    if sequence:
        offset = torch.rand((), generator=rng.generator(seed, "camera sequence")).item()
        turn = golden_turn(step, offset)
    cameras = sample_cameras(
        count, round(data.width.at(step)), round(data.height.at(step)), data.elevation_range,
        data.camera_distance_range, data.fovy_range, rng.generator(seed, f"{purpose} cameras".strip(), step),
        strata, turn)
    generator = rng.generator(seed, f"{purpose} background".strip(), step)
    return cameras, background_colours(data.background, count, generator)


def background_colours(kind: str, count: int, generator: torch.Generator) -> Tensor:
    """[count,3] in [0,1]: one random colour a view, or a fixed grey level."""
    if kind == "random":
        return torch.rand(count, 3, generator=generator)
    return torch.full((count, 3), {"white": 1.0, "black": 0.0, "grey": 0.5}[kind])


