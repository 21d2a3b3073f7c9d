"""Which views a run looks at: cameras, backgrounds and lights from the configuration."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d import carv, lights
from carv3d.cameras import Cameras, camera_points, cameras_at, golden_turn
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


DIMENSIONS = {  # of the cube whose points are views -> coordinates of each
    "azimuth": slice(0, 1), "elevation": slice(1, 2), "distance": slice(2, 3), "fovy": slice(3, 4),
    "background": slice(4, 7), "light kind": slice(7, 8), "light direction": slice(8, 10)}
COORDINATES = 10
GENERATOR = (0.457948, 0.6465, 0.416431, 0.1101, 0.312471, 0.604833, 0.810363, 0.749868, 0.956095, 0.854931)
"""Of the sequence of views: points of successive steps cancel in Adam's memory (scripts/design_sequence.py)."""


def sample(config: Config, step: int, count: int, purpose: str = "", strata: bool = False,
           seed: int | None = None, together: int = 1) -> Views:
    """``count`` independent views at the step's image size, on the CPU.

    purpose: names the random streams (empty for training). strata: one camera per azimuth sector. seed: the run's own
    by default. together: how many make an item of the teacher (``around``), of which ``count`` is a multiple.
    """
    points = independent(step, count // together, purpose, strata, config.run_seed if seed is None else seed)
    return at(config, step, around(points, together))


def of_step(config: Config, step: int, count: int, first: int, seed: int | None = None, together: int = 1) -> Views:
    """The ``count`` views of a training step, before which the run has seen ``first``; otherwise as ``sample``."""
    seed, count, first = config.run_seed if seed is None else seed, count // together, first // together
    if config.data.view_sequence == "all":
        shift = torch.rand(COORDINATES, generator=rng.generator(seed, "views"), dtype=torch.float64)
        return at(config, step, around(carv.kronecker(GENERATOR, shift, first, count).T, together))
    points = independent(step, count, "", config.data.camera_strata, seed)
    if config.data.view_sequence == "azimuth":
        offset = torch.rand((), generator=rng.generator(seed, "camera sequence")).item()
        points[0] = torch.tensor([golden_turn(first + n, offset) for n in range(count)], dtype=torch.float64)
    return at(config, step, around(points, together))


def around(points: Tensor, together: int) -> Tensor:
    """Of each point [10,G] as many views as are looked at together, in order, which differ in azimuth alone and lie
    evenly around the circle: [10,G*together]."""
    found = points.repeat_interleave(together, 1)
    turn = torch.arange(found.shape[1]) % together / together
    found[0] = torch.where(turn == 0, found[0], (found[0] + turn) % 1.0)
    return found


def independent(step: int, count: int, purpose: str, strata: bool, seed: int) -> Tensor:
    """Random points [10,B] float64 for ``at``: independent of one another, but for the azimuths' strata."""
    cameras, background, light = (rng.generator(seed, f"{purpose} {what}".strip(), step)
                                  for what in ("cameras", "background", "light"))
    return torch.cat([camera_points(count, cameras, strata), torch.rand(count, 3, generator=background).T,
                      torch.rand(3, count, generator=light)])


def at(config: Config, step: int, points: Tensor) -> Views:
    """The views of points [10,B] in the unit cube (``DIMENSIONS``), at the step's image size."""
    data, light = config.data, None
    cameras = cameras_at(points[:4], round(data.width.at(step)), round(data.height.at(step)), data.elevation_range,
                         data.camera_distance_range, data.fovy_range)
    if config.light.colour == "albedo":
        light = lights_at(config.light, step, points[7:].float())
    background = points[DIMENSIONS["background"]].T.float().contiguous()
    if data.background != "random":
        background = torch.full_like(background, {"white": 1.0, "black": 0.0, "grey": 0.5}[data.background])
    return Views(cameras, background, light)


def lights_at(own: LightConfig, step: int, u: Tensor) -> Light:
    """Lights from anywhere in the range, each in a share of the views that the step's configuration gives: on the
    scene's own colours, on plain grey; the rest unlit. u: [3,B] in the unit cube."""
    lit, plain = own.lit.at(step), own.plain.at(step)
    low, high = own.elevation_range
    shade = u[0] < lit + plain
    return lights.light(360.0 * u[1], low + (high - low) * u[2], ambient=torch.where(shade, own.ambient, 1.0),
                        plain=u[0] < plain)
