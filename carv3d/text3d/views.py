"""Which views a run looks at: cameras, backgrounds and lights from the configuration."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d import lights
from carv3d.cameras import Cameras, golden_turn, sample_cameras
from carv3d.config.schema import Config, LightConfig
from carv3d.lights import Light
from carv3d.runtime import rng
from carv3d.runtime.devices import moved


@dataclass(frozen=True)
class Views:
    """B views. background: [B,3] in [0,1]. light: None where a scene's colours are shown as they are and hold whatever
    light there is."""

    cameras: Cameras
    background: Tensor
    light: Light | None

    def __len__(self) -> int:
        return len(self.cameras)

    def __getitem__(self, index: slice) -> Views:
        return Views(self.cameras[index], self.background[index], self.light[index] if self.light else None)

    def to(self, device: torch.device | str) -> Views:
        return Views(self.cameras.to(device), moved(self.background, device),
                     self.light.to(device) if self.light else None)


def sample(config: Config, step: int, count: int, purpose: str = "", strata: bool = False,
           sequence: bool = False, seed: int | None = None) -> Views:
    """``count`` views at the step's image size, on the CPU.

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
    light = None
    if config.light.colour == "albedo":
        light = sample_lights(config.light, step, count, rng.generator(seed, f"{purpose} light".strip(), step))
    return Views(cameras, background_colours(data.background, count, generator), light)


def sample_lights(own: LightConfig, step: int, count: int, generator: torch.Generator) -> Light:
    """Lights from anywhere in the range, each in a share of the views that the step's configuration gives: on the
    scene's own colours, on plain grey; the rest unlit."""
    u = torch.rand(3, count, generator=generator)
    lit, plain = own.lit.at(step), own.plain.at(step)
    low, high = own.elevation_range
    shade = u[0] < lit + plain
    return lights.light(360.0 * u[1], low + (high - low) * u[2], ambient=torch.where(shade, own.ambient, 1.0),
                        plain=u[0] < plain)


def background_colours(kind: str, count: int, generator: torch.Generator) -> Tensor:
    """[count,3] in [0,1]: one random colour a view, or a fixed grey level."""
    if kind == "random":
        return torch.rand(count, 3, generator=generator)
    return torch.full((count, 3), {"white": 1.0, "black": 0.0, "grey": 0.5}[kind])
