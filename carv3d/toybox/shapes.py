"""From an object of the grammar to the arrays that the tracer reads.

Sizes of the primitives, all along local axes, ``rounding`` added outside:
ellipsoid: radii x, y, z; box: half extents x, y, z; capped cone: half height, radius below, radius above; wedge (a
trapezoid in xz, extruded along y): half height, half width below, half width above, half depth; torus: radius, tube
radius; capsule: half length, radius; tube (open pipe): mid radius, half wall, half height.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from carv3d.toybox.grammar import COLOURS, Spec
from carv3d.toybox.models import BOX, CAPSULE, CONE, ELLIPSOID, MAIN, MODELS, SEATS, SECOND, TORUS, TUBE, WEDGE, Part

BALL_RADIUS = 0.8
"""Every object lies within this distance of the origin."""

_FILL_RADIUS = 0.79  # the bounding ball is measured along sampled directions: the rest is margin
_LARGEST_DIMENSION = 1.5


@dataclass(frozen=True)
class Solid:
    """P primitives whose union is the object, and what each is painted with.

    primitive: [P] int64. size: [P,5], the last is the rounding. centre: [P,3]. rotation: [P,3,3], local to world.
    extent: [P,3], half extents of the local bounding box. band: [P,2], range of local z. paint: [P,2] int64, rows of
    the palette outside and inside the band. palette: [M,3], RGB. float64 unless noted. Objects of the same kinds
    differ in nothing but the palette.
    """

    primitive: NDArray[np.int64]
    size: NDArray[np.float64]
    centre: NDArray[np.float64]
    rotation: NDArray[np.float64]
    extent: NDArray[np.float64]
    band: NDArray[np.float64]
    paint: NDArray[np.int64]
    palette: NDArray[np.float64]


def build(spec: Spec) -> Solid:
    """The object in the world: centred, within ``BALL_RADIUS``, facing +x."""
    parts, owner = _arranged(spec.kind, spec.under.kind if spec.under else None)
    named = [[(paint, beneath) for paint in (part.paint, part.band_paint)]
             for part, beneath in zip(parts, owner, strict=True)]
    rows = {name: row for row, name in enumerate(dict.fromkeys(name for pair in named for name in pair))}
    return Solid(
        primitive=np.array([part.primitive for part in parts], np.int64),
        size=np.array([(*part.size, part.rounding) for part in parts], np.float64),
        centre=np.array([part.at for part in parts], np.float64),
        rotation=np.stack([rotation(part) for part in parts]),
        extent=np.stack([extent(part) for part in parts]),
        band=np.array([part.band for part in parts], np.float64),
        paint=np.array([[rows[name] for name in pair] for pair in named], np.int64),
        palette=np.array([_colour(paint, spec.under if beneath else spec) for paint, beneath in rows], np.float64),
    )


def rotation(part: Part) -> NDArray[np.float64]:
    """Local to world, [3,3]: about x, then y, then z."""
    (ca, sa), (cb, sb), (cc, sc) = ((math.cos(a), math.sin(a)) for a in map(math.radians, part.turn))
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def extent(part: Part) -> NDArray[np.float64]:
    """Half extents of the part's bounding box in local axes, [3]."""
    a, b, c, d = part.size
    widest = max(b, c)
    inner = {
        ELLIPSOID: (a, b, c), BOX: (a, b, c), CONE: (widest, widest, a), WEDGE: (widest, d, a),
        TORUS: (a + b, a + b, b), CAPSULE: (b, b, a + b), TUBE: (a + b, a + b, c),
    }[part.primitive]
    return np.array(inner) + part.rounding


def support(part: Part, directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest coordinate of the part along each unit direction: [D,3] -> [D]."""
    local = directions @ rotation(part)
    up, (x, y, z) = local[:, 2], np.abs(local).T
    flat = np.hypot(x, y)
    a, b, c, d = part.size
    far = {
        ELLIPSOID: lambda: np.sqrt((a * x) ** 2 + (b * y) ** 2 + (c * z) ** 2),
        BOX: lambda: a * x + b * y + c * z,
        CONE: lambda: np.maximum(b * flat - a * up, c * flat + a * up),
        WEDGE: lambda: np.maximum(b * x - a * up, c * x + a * up) + d * y,
        TORUS: lambda: a * flat + b,
        CAPSULE: lambda: a * z + b,
        TUBE: lambda: (a + b) * flat + c * z,
    }[part.primitive]()
    return far + part.rounding + directions @ np.array(part.at)


@lru_cache(maxsize=None)
def _arranged(kind: str, under: str | None) -> tuple[tuple[Part, ...], tuple[bool, ...]]:
    """The placed parts of an object or a stacked pair, and which of them belong to the object beneath."""
    parts = tuple(MODELS[kind]())
    beneath: tuple[Part, ...] = ()
    if under is not None:
        beneath = tuple(MODELS[under]())
        x, z, width = SEATS[under]
        low, high = _bounds(parts)
        scale = width / float(np.max((high - low)[:2]))
        middle = (low + high) / 2
        parts = _moved(parts, scale, np.array([x, 0.0, z]) - scale * np.array([middle[0], middle[1], low[2]]))
    parts += beneath
    low, high = _bounds(parts)
    middle = (low + high) / 2
    directions = _directions(4000)
    radius = np.max([support(part, directions) for part in parts], 0) - directions @ middle
    scale = min(_LARGEST_DIMENSION / float(np.max(high - low)), _FILL_RADIUS / float(radius.max()))
    return _moved(parts, scale, -scale * middle), (False,) * (len(parts) - len(beneath)) + (True,) * len(beneath)


def _bounds(parts: Sequence[Part]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    axes = np.eye(3)
    low = -np.max([support(part, -axes) for part in parts], 0)
    return low, np.max([support(part, axes) for part in parts], 0)


def _moved(parts: Sequence[Part], scale: float, shift: NDArray[np.float64]) -> tuple[Part, ...]:
    """The parts scaled about the origin, then shifted."""
    return tuple(
        replace(
            part,
            size=tuple(scale * length for length in part.size),
            rounding=scale * part.rounding,
            at=tuple(scale * coordinate + float(s) for coordinate, s in zip(part.at, shift, strict=True)),
            band=(scale * part.band[0], scale * part.band[1]),
        )
        for part in parts
    )


def _directions(count: int) -> NDArray[np.float64]:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice), [count,3]."""
    z = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    angle = np.arange(count) * math.pi * (3.0 - math.sqrt(5.0))
    flat = np.sqrt(1.0 - z * z)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], -1)


def _colour(paint: str, spec: Spec) -> tuple[float, float, float]:
    return COLOURS[{MAIN: spec.colour, SECOND: spec.second}.get(paint, paint)]
