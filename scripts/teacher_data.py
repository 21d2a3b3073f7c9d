"""What teachers of the toybox learn from: captioned renders, how they are seen and lit, and scenes in the making.

No caption shows a held-out object.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.diffusion.prompts import VIEWS, view_index, view_prompt
from carv3d.diffusion.view_vector import BACKGROUND, CAMERA
from carv3d.lights import Light, light
from carv3d.runtime import rng
from carv3d.toybox.grammar import BASES, COLOURS, KINDS, TOPS, Spec, caption
from carv3d.toybox.lists import held_out
from carv3d.toybox.sets import jittered
from carv3d.toybox.tracer import render

CHUNK = 512  # pictures rendered and encoded at a time


@dataclass
class Data:
    pictures: int = 294912  # captioned renders that the denoiser learns from
    autoencoder_pictures: int = 49152  # renders that the autoencoder learns from, composited anew at each use
    size: int = 64
    forms: list[float] = field(default_factory=lambda: [0.45, 0.25, 0.30])  # single objects, two colours, stacked
    elevations: list[list[float]] = field(  # probability, from, to (degrees)
        default_factory=lambda: [[0.8, -15.0, 60.0], [0.2, 60.0, 89.0]])
    distance: list[float] = field(default_factory=lambda: [2.3, 3.0])
    fovy: list[float] = field(default_factory=lambda: [36.0, 44.0])
    lights: list[float] = field(default_factory=lambda: [0.15, 0.35, 0.35, 0.15])  # see ``lit``
    light_elevation: list[float] = field(default_factory=lambda: [-10.0, 85.0])  # of a light that the vector names
    ambient: list[float] = field(default_factory=lambda: [0.1, 0.5])  # its share of light from everywhere
    without_view: float = 0.15  # captions without a view word
    with_height: float = 0.5  # of the others: the height named beside the azimuth
    plain_side: float = 0.25  # of the side views without a height: "side view", whichever side
    without_caption: float = 0.10  # empty captions, for classifier-free guidance
    without_camera: float = 0.15  # vectors that do not tell the camera
    without_background: float = 0.15  # vectors that do not tell the background
    together: int = 1  # pictures of one object that are looked at together, around it, alike in all else


def draw_spec(draw: random.Random, forms: list[float]) -> Spec:
    """One object of the grammar that is not held out: its form first, then its kinds, then its colours, evenly."""
    while True:
        form = draw.choices(("single", "two", "stack"), forms)[0]
        colour, other = draw.choice(list(COLOURS)), draw.choice(list(COLOURS))
        if form == "stack":
            spec = Spec(draw.choice(TOPS), colour, under=Spec(draw.choice(BASES), other))
        else:
            spec = Spec(draw.choice(list(KINDS)), colour, other if form == "two" else None)
        if not held_out(spec):
            return spec


class Pictures(NamedTuple):
    """N renders: captions with a view word and without, premultiplied rgba [N,size,size,4], how each was seen and lit,
    and whether the vector tells the light, [N] bool."""

    viewed: list[str]
    plain: list[str]
    rgba: Tensor
    cameras: Cameras
    light: Light
    told: Tensor


def lit(data: Data, u: Tensor) -> tuple[Light, Tensor]:
    """N lights from uniform numbers [N,8], and whether the vector tells them: in the shares ``data.lights``, near the
    evaluation light (untold); none, so that albedo is seen; from anywhere; from anywhere on plain grey."""
    share = torch.tensor(data.lights).cumsum(0)
    kind = torch.bucketize(u[:, 0] * share[-1], share[:-1])
    near, told = jittered(u[:, 3:8]), kind > 0
    low, high = data.light_elevation
    ambient = data.ambient[0] + u[:, 3] * (data.ambient[1] - data.ambient[0])
    return light(
        torch.where(told, 360.0 * u[:, 1], near.azimuth_deg), torch.where(told, low + (high - low) * u[:, 2],
                                                                          near.elevation_deg),
        torch.where(told[:, None], 1.0, near.gain),
        torch.where(kind == 0, near.ambient, torch.where(kind == 1, 1.0, ambient)), kind == 3), told


def viewed_caption(data: Data, text: str, azimuth: Tensor, elevation: Tensor, draw: random.Random) -> str:
    """The caption with the name of its view: azimuth and height, the azimuth alone, or any side."""
    views = 24 if draw.random() < data.with_height else 8
    view = VIEWS[views][int(view_index(azimuth[None], elevation[None], views))]
    any_side = view.name.endswith("side") and views == 8 and draw.random() < data.plain_side
    return f"{text}, side view" if any_side else view_prompt(text, view)


def captioned(data: Data, count: int, seed: int) -> Iterator[Pictures]:
    """Chunks of captioned renders; those of one object stand together."""
    v = data.together
    chunk = CHUNK // v * v
    for first in range(0, count, chunk):
        n = min(chunk, count - first)
        generator, draw = rng.generator(seed, "renders", first), random.Random(f"{seed}/captions/{first}")
        u = torch.rand(n // v, 12, generator=generator)
        share = torch.tensor([row[0] for row in data.elevations])
        low, high = (torch.tensor([row[i] for row in data.elevations]) for i in (1, 2))
        band = torch.multinomial(share, n // v, True, generator=generator).repeat_interleave(v)
        u = u.repeat_interleave(v, 0)
        between = lambda bounds, x: bounds[0] + x * (bounds[1] - bounds[0])  # noqa: E731
        azimuth = 360.0 * u[:, 0] + 360.0 / v * (torch.arange(n) % v)
        elevation = low[band] + u[:, 1] * (high - low)[band]
        cameras = Cameras(azimuth, elevation, between(data.distance, u[:, 2]), between(data.fovy, u[:, 3]),
                          data.size, data.size)
        lights, told = lit(data, u[:, 4:])
        specs = [spec for _ in range(n // v) for spec in v * [draw_spec(draw, data.forms)]]
        plain = [caption(spec) for spec in specs]
        viewed = [viewed_caption(data, text, azimuth[i], elevation[i], draw) for i, text in enumerate(plain)]
        yield Pictures(viewed, plain, render(specs, cameras, lights).rgba, cameras, lights, told)


def backgrounds(count: int, generator: torch.Generator) -> Tensor:
    """[count,3]: seven in ten any colour, two in ten any grey, the rest black, mid-grey or white."""
    device = generator.device
    colour = torch.rand(count, 3, generator=generator, device=device)
    kind = torch.rand(count, 1, generator=generator, device=device)
    grey = torch.rand(count, 1, generator=generator, device=device)
    fixed = torch.randint(3, (count, 1), generator=generator, device=device) / 2
    return torch.where(kind < 0.7, colour, torch.where(kind < 0.9, grey, fixed).expand(-1, 3))


def composite(rgba: Tensor, background: Tensor) -> Tensor:
    """Premultiplied RGBA [N,H,W,4] on colours [N,3] -> [N,3,H,W] in [-1,1]."""
    rgb = rgba[..., :3] + background[:, None, None] * (1.0 - rgba[..., 3:])
    return rgb.permute(0, 3, 1, 2) * 2.0 - 1.0


def unfinished(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the pictures made to look like scenes in training, which the encoder must take in its stride: fog,
    two objects blended, or half the resolution. [N,H,W,4] -> same."""
    n = len(rgba)
    kind = torch.rand(n, 1, 1, 1, generator=generator, device=rgba.device)
    strength = torch.rand(n, 1, 1, 1, generator=generator, device=rgba.device)
    blurred = F.interpolate(F.avg_pool2d(rgba.permute(0, 3, 1, 2), 2), scale_factor=2, mode="bilinear")
    out = torch.where(kind < 0.15, rgba * strength, rgba)
    out = torch.where((kind >= 0.15) & (kind < 0.3), torch.lerp(rgba, rgba.roll(1, 0), strength), out)
    return torch.where((kind >= 0.3) & (kind < 0.5), blurred.permute(0, 2, 3, 1), out)


def picked(own: Data, data: dict[str, Tensor], count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A batch of what was encoded: latents [n,c,h,w], token ids [n,L] and vectors [n,32], of which some say less. What
    is looked at together is told as much."""
    v, device = own.together, generator.device
    rand = lambda: torch.rand(count // v, 1, generator=generator, device=device).repeat_interleave(v, 0)  # noqa: E731
    pick = torch.randint(len(data["latents"]) // v, (count // v,), generator=generator, device=device)
    pick = (v * pick[:, None] + torch.arange(v, device=device)).flatten()
    ids = torch.where(rand() < own.without_view, data["plain"][pick], data["viewed"][pick])
    ids = torch.where(rand() < own.without_caption, data["empty"], ids)
    vector = data["vectors"][pick].float()
    for group, share in ((CAMERA, own.without_camera), (BACKGROUND, own.without_background)):
        vector[:, group] *= rand() >= share
    return data["latents"][pick].float(), ids, vector
