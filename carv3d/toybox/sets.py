"""Finite sets of toybox images: the data distribution of an exact diffusion teacher.

Cameras and lights are scrambled Sobol points: whatever the count, every range is filled evenly, and a set is a function
of its arguments alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import chain, islice, product

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from carv3d.cameras import Cameras
from carv3d.diffusion.prompts import View
from carv3d.lights import AZIMUTH_DEG, ELEVATION_DEG, Light, light
from carv3d.toybox.grammar import BASES, COLOURS, KINDS, TOPS, Spec
from carv3d.toybox.tracer import render

Range = Sequence[float]  # lower and upper bound

LIGHT_JITTER_DEG = (15.0, 10.0)
"""Largest change of the light's azimuth and elevation."""

GAIN_JITTER = 0.06
"""Largest change of the light's gain, per colour channel."""


def view_cameras(
    view: View | None,
    elevation_range: Range,
    distance_range: Range,
    fovy_range: Range,
    count: int,
    size: int,
    seed: int,
) -> tuple[Cameras, Light]:
    """Cameras spread over exactly the directions that bear the view's name, and jittered lights.

    view: None for all directions. Ranges in degrees and world units. Raises ValueError when no elevation of the range
    bears the name.
    """
    bounds = view.elevation_range(elevation_range) if view else elevation_range
    if bounds is None:
        raise ValueError(f"no elevation in {elevation_range} bears the name {view.name if view else ''!r}")
    centres, half_width = (view.centres_deg, view.half_width_deg) if view else ((0.0,), 180.0)
    u = SobolEngine(9, scramble=True, seed=seed).draw(count, dtype=torch.float64)
    sector = u[:, 0] * len(centres)
    centre = torch.tensor(centres, dtype=torch.float64)[sector.long()]
    azimuth = centre + (2.0 * (sector % 1.0) - 1.0) * half_width
    elevation = _between(1.0 - u[:, 1], bounds)  # in (0, 1]: the lower end of "overhead" is not overhead
    cameras = Cameras(
        azimuth.float(), elevation, _between(u[:, 2], distance_range), _between(u[:, 3], fovy_range), size, size
    )
    return cameras, jittered(u[:, 4:])


def jittered(u: Tensor) -> Light:
    """The evaluation light, its direction and gain changed by [N,5] uniform numbers."""
    jitter = 2.0 * u - 1.0
    return light(AZIMUTH_DEG + LIGHT_JITTER_DEG[0] * jitter[:, 0], ELEVATION_DEG + LIGHT_JITTER_DEG[1] * jitter[:, 1],
                 1.0 + GAIN_JITTER * jitter[:, 2:])


def view_set(
    spec: Spec,
    view: View | None,
    elevation_range: Range,
    distance_range: Range,
    fovy_range: Range,
    count: int = 256,
    size: int = 64,
    seed: int = 0,
) -> Tensor:
    """Images of one object under one view word: [count,size,size,4] float32, premultiplied RGBA.

    view: None for all directions. Raises ValueError when no elevation of the range bears the view's name.
    """
    return render(spec, *view_cameras(view, elevation_range, distance_range, fovy_range, count, size, seed)).rgba


def unconditional_set(
    elevation_range: Range,
    distance_range: Range,
    fovy_range: Range,
    count: int = 1024,
    size: int = 64,
    seed: int = 0,
) -> Tensor:
    """Images of everything from everywhere: [count,size,size,4] float32, premultiplied RGBA.

    Each pass over all pairs of kind and colour is in random order; the cameras fill the whole ranges.
    """
    seen = view_cameras(None, elevation_range, distance_range, fovy_range, count, size, seed)
    return render(unconditional_specs(count, seed), *seen).rgba


def unfinished_pictures(count: int, size: int, seed: int) -> Tensor:
    """Opaque images [count,3,size,size] in [-1,1] on any colour, half of them as scenes in training may look: fog, or
    two objects at once."""
    rgba = unconditional_set((-15.0, 85.0), (2.3, 3.0), (36.0, 44.0), count, size, seed)
    generator = torch.Generator().manual_seed(seed)
    kind, strength = torch.rand(2, count, 1, 1, 1, generator=generator)
    rgba = torch.where(kind < 0.25, rgba * strength, rgba)
    rgba = torch.where((kind >= 0.25) & (kind < 0.5), torch.lerp(rgba, rgba.roll(1, 0), strength), rgba)
    colour = torch.rand(count, 1, 1, 3, generator=generator)
    return (rgba[..., :3] + (1 - rgba[..., 3:]) * colour).permute(0, 3, 1, 2) * 2 - 1


def unconditional_specs(count: int, seed: int) -> list[Spec]:
    """Objects whose pairs of kind and colour occur equally often, to within one; about half are plain, a quarter have
    a second colour, and a quarter, where the kind allows, stand on another object: [count]."""
    draw = random.Random(seed)
    pairs = list(product(KINDS, COLOURS))
    passes = chain.from_iterable(draw.sample(pairs, len(pairs)) for _ in range(count // len(pairs) + 1))
    return [_dressed(kind, colour, draw) for kind, colour in islice(passes, count)]


def _dressed(kind: str, colour: str, draw: random.Random) -> Spec:
    form = draw.randrange(4)
    if form == 2:
        return Spec(kind, colour, draw.choice(list(COLOURS)))
    if form == 3 and kind in TOPS:
        return Spec(kind, colour, under=Spec(draw.choice(BASES), draw.choice(list(COLOURS))))
    return Spec(kind, colour)


def _between(u: Tensor, bounds: Range) -> Tensor:
    return (bounds[0] + u * (bounds[1] - bounds[0])).float()
