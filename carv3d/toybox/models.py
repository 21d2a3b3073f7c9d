"""The twenty objects, each a short list of parts; an object faces +x, its left is +y, up is +z.

Lengths are in the model's own unit: ``shapes`` centres and scales every object. Parts overlap where they join.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

ELLIPSOID, BOX, CONE, WEDGE, TORUS, CAPSULE, TUBE = range(7)

MAIN, SECOND = "main", "second"
"""The two paints that a prompt chooses; any other paint is the name of a colour."""

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Part:
    """One primitive. size: its lengths [4], see ``shapes``; at: centre; turn: degrees about x, then y, then z.

    band: the range of local z that takes ``band_paint``.
    """

    primitive: int
    size: tuple[float, ...]
    rounding: float = 0.0
    at: Vector = (0.0, 0.0, 0.0)
    paint: str = MAIN
    turn: Vector = (0.0, 0.0, 0.0)
    band: tuple[float, float] = (0.0, 0.0)
    band_paint: str = SECOND


def ball(rx: float, ry: float, rz: float, at: Vector, paint: str = MAIN, **rest) -> Part:
    """Ellipsoid with these radii."""
    return Part(ELLIPSOID, (rx, ry, rz, 0.0), 0.0, at, paint, **rest)


def box(hx: float, hy: float, hz: float, at: Vector, paint: str = MAIN, rounding: float = 0.03, **rest) -> Part:
    """Box with these half extents."""
    return Part(BOX, (hx - rounding, hy - rounding, hz - rounding, 0.0), rounding, at, paint, **rest)


def cone(half: float, low: float, high: float, at: Vector, paint: str = MAIN, rounding: float = 0.03, **rest) -> Part:
    """Capped cone along z: half height, radius below and above."""
    size = (half - rounding, max(low - rounding, 0.0), max(high - rounding, 0.0), 0.0)
    return Part(CONE, size, rounding, at, paint, **rest)


def wedge(half: float, low: float, high: float, depth: float, at: Vector, paint: str = MAIN, **rest) -> Part:
    """Trapezoid in the xz plane, half width below and above, reaching ``depth`` to both sides along y."""
    r = 0.03
    return Part(WEDGE, (half - r, max(low - r, 0.0), max(high - r, 0.0), depth - r), r, at, paint, **rest)


def ring(radius: float, tube_radius: float, at: Vector, paint: str = MAIN, **rest) -> Part:
    """Torus about z."""
    return Part(TORUS, (radius, tube_radius, 0.0, 0.0), 0.0, at, paint, **rest)


def pill(half: float, radius: float, at: Vector, paint: str = MAIN, **rest) -> Part:
    """Capsule along z; ``half`` is the half length of its axis."""
    return Part(CAPSULE, (half, radius, 0.0, 0.0), 0.0, at, paint, **rest)


def tube(radius: float, wall: float, half: float, at: Vector, paint: str = MAIN, **rest) -> Part:
    """Open pipe along z: mid radius, half thickness of the wall, half height."""
    r = 0.03
    return Part(TUBE, (radius, wall - r, half - r, 0.0), r, at, paint, **rest)


def mirrored(*parts: Part) -> tuple[Part, ...]:
    """The parts and their mirror images on the right side (-y)."""
    images = (replace(p, at=(p.at[0], -p.at[1], p.at[2]), turn=(-p.turn[0], p.turn[1], -p.turn[2])) for p in parts)
    return (*parts, *images)


def _legs(x: float, y: float, half: float, radius: float, z: float) -> tuple[Part, ...]:
    return mirrored(*(box(radius, radius, half, (side * x, y, z), SECOND) for side in (1, -1)))


def _sphere() -> Iterable[Part]:
    yield ball(1, 1, 1, (0, 0, 0), band=(-0.24, 0.24))


def _cube() -> Iterable[Part]:
    yield box(1, 1, 1, (0, 0, 0), rounding=0.06, band=(-0.3, 0.3))


def _cone() -> Iterable[Part]:
    yield cone(1, 0.85, 0.05, (0, 0, 0), rounding=0.04, band=(0.2, math.inf))


def _cylinder() -> Iterable[Part]:
    yield cone(1, 0.62, 0.62, (0, 0, 0), rounding=0.04, band=(-0.28, 0.28))


def _torus() -> Iterable[Part]:
    yield ring(0.7, 0.3, (0, 0, 0), band=(0.06, math.inf))


def _mug() -> Iterable[Part]:
    yield tube(0.6, 0.08, 0.75, (0, 0, 0))
    yield cone(0.08, 0.64, 0.64, (0, 0, -0.65))
    for z in (-0.36, 0.36):
        yield pill(0.17, 0.1, (0, 0.8, z), SECOND, turn=(90, 0, 0))
    yield pill(0.36, 0.1, (0, 0.99, 0), SECOND)


def _mushroom() -> Iterable[Part]:
    yield cone(0.5, 0.94, 0.52, (0, 0, 0.4), rounding=0.4)
    yield cone(0.55, 0.36, 0.26, (0, 0, -0.4), SECOND, rounding=0.08)


def _snowman() -> Iterable[Part]:
    yield ball(0.62, 0.62, 0.56, (0, 0, -0.72))
    yield ball(0.46, 0.46, 0.44, (0, 0, 0.02))
    yield ball(0.36, 0.36, 0.36, (0, 0, 0.62))
    yield cone(0.1, 0.44, 0.44, (0, 0, 0.9), SECOND)
    yield cone(0.2, 0.27, 0.27, (0, 0, 1.08), SECOND)
    yield cone(0.2, 0.11, 0.03, (0.5, 0, 0.6), "orange", turn=(0, 90, 0))
    yield from mirrored(ball(0.08, 0.08, 0.08, (0.3, 0.15, 0.73), "black"))
    for x, z in ((0.42, 0.14), (0.44, -0.1)):
        yield ball(0.08, 0.08, 0.08, (x, 0, z), "black")


def _rocket() -> Iterable[Part]:
    yield cone(0.62, 0.36, 0.36, (0, 0, -0.12))
    yield cone(0.4, 0.37, 0.03, (0, 0, 0.84))
    for turn in (60, 180, 300):
        x, y = 0.42 * math.cos(math.radians(turn)), 0.42 * math.sin(math.radians(turn))
        yield wedge(0.34, 0.34, 0.1, 0.1, (x, y, -0.6), SECOND, turn=(0, 0, turn))
    yield ball(0.1, 0.2, 0.2, (0.32, 0, 0.2), "black")


def _tree() -> Iterable[Part]:
    yield cone(0.3, 0.17, 0.15, (0, 0, -0.95), SECOND)
    for z, low in ((-0.4, 0.72), (0.12, 0.58), (0.58, 0.42)):
        yield cone(0.36, low, 0.12, (0, 0, z), rounding=0.05)


def _house() -> Iterable[Part]:
    yield box(0.7, 0.62, 0.48, (0, 0, -0.48))
    yield wedge(0.36, 0.82, 0.03, 0.82, (0, 0, 0.3), SECOND, turn=(0, 0, 90))
    yield box(0.04, 0.15, 0.26, (0.7, 0, -0.68), "black", rounding=0.01)
    yield from mirrored(box(0.04, 0.13, 0.13, (0.7, 0.36, -0.36), "cyan", rounding=0.01))
    yield box(0.12, 0.12, 0.3, (-0.4, 0.4, 0.4), "grey")


def _car() -> Iterable[Part]:
    yield box(1.05, 0.48, 0.2, (0, 0, -0.16), rounding=0.08)
    yield wedge(0.22, 0.64, 0.4, 0.42, (-0.14, 0, 0.22), band=(-0.12, 0.12), band_paint="black")
    for x in (-0.6, 0.62):
        yield from mirrored(cone(0.1, 0.24, 0.24, (x, 0.44, -0.34), SECOND, turn=(90, 0, 0)))
    yield from mirrored(ball(0.07, 0.12, 0.1, (1.02, 0.3, -0.12), "yellow"))
    yield from mirrored(ball(0.05, 0.12, 0.08, (-1.03, 0.3, -0.1), "red"))


def _chair() -> Iterable[Part]:
    yield box(0.5, 0.5, 0.09, (0, 0, 0))
    yield box(0.09, 0.5, 0.5, (-0.42, 0, 0.5))
    yield from _legs(0.4, 0.4, 0.4, 0.09, -0.4)


def _table() -> Iterable[Part]:
    yield box(0.72, 0.95, 0.1, (0, 0, 0.4))
    yield from _legs(0.58, 0.8, 0.44, 0.1, -0.04)


def _lamp() -> Iterable[Part]:
    yield cone(0.36, 0.62, 0.3, (0, 0, 0.6))
    yield cone(0.66, 0.08, 0.08, (0, 0, -0.2), SECOND)
    yield cone(0.09, 0.42, 0.32, (0, 0, -0.86), SECOND)


def _duck() -> Iterable[Part]:
    yield ball(0.8, 0.52, 0.46, (-0.1, 0, -0.4))
    yield cone(0.26, 0.24, 0.05, (-0.82, 0, -0.14), turn=(0, -50, 0))
    yield ball(0.38, 0.36, 0.38, (0.42, 0, 0.34))
    yield ball(0.32, 0.25, 0.12, (0.86, 0, 0.26), SECOND)
    yield from mirrored(ball(0.08, 0.08, 0.08, (0.66, 0.24, 0.48), "black"))
    yield from mirrored(ball(0.4, 0.1, 0.24, (-0.22, 0.5, -0.34), turn=(0, 12, 0)))


def _fish() -> Iterable[Part]:
    yield ball(0.78, 0.38, 0.48, (0.2, 0, 0))
    yield wedge(0.3, 0.5, 0.1, 0.09, (-0.74, 0, 0), SECOND, turn=(0, 90, 0))
    yield wedge(0.2, 0.42, 0.16, 0.09, (0.08, 0, 0.5), SECOND)
    yield from mirrored(ball(0.11, 0.11, 0.11, (0.62, 0.22, 0.14), "white"))
    yield from mirrored(ball(0.07, 0.07, 0.07, (0.68, 0.27, 0.15), "black"))


def _bear() -> Iterable[Part]:
    yield ball(0.46, 0.5, 0.56, (0, 0, -0.42))
    yield ball(0.26, 0.36, 0.4, (0.24, 0, -0.42), SECOND)
    yield ball(0.42, 0.46, 0.42, (0.04, 0, 0.42))
    yield ball(0.2, 0.22, 0.17, (0.42, 0, 0.32), SECOND)
    yield ball(0.08, 0.1, 0.08, (0.6, 0, 0.38), "black")
    yield from mirrored(
        ball(0.1, 0.18, 0.18, (0, 0.36, 0.78)),
        ball(0.08, 0.08, 0.08, (0.4, 0.18, 0.54), "black"),
        pill(0.2, 0.15, (0.14, 0.52, -0.3), turn=(40, 0, 0)),
        pill(0.2, 0.18, (0.36, 0.32, -0.84), turn=(0, 90, 0)),
    )


def _boat() -> Iterable[Part]:
    yield wedge(0.24, 0.5, 0.62, 0.38, (-0.3, 0, -0.6))
    yield wedge(0.4, 0.38, 0.05, 0.24, (0.6, 0, -0.6), turn=(90, 0, 90))
    yield box(0.24, 0.24, 0.16, (-0.55, 0, -0.24), "grey")
    yield cone(0.72, 0.09, 0.09, (0.12, 0, 0.2), "brown")
    yield wedge(0.5, 0.5, 0.02, 0.1, (0.12, 0, 0.3), SECOND)


def _bottle() -> Iterable[Part]:
    yield cone(0.52, 0.4, 0.4, (0, 0, -0.48), rounding=0.06)
    yield cone(0.17, 0.4, 0.16, (0, 0, 0.16))
    yield cone(0.26, 0.16, 0.16, (0, 0, 0.5))
    yield cone(0.13, 0.2, 0.2, (0, 0, 0.8), SECOND)


MODELS: dict[str, Callable[[], Iterable[Part]]] = {
    "sphere": _sphere, "cube": _cube, "cone": _cone, "cylinder": _cylinder, "torus": _torus, "mug": _mug,
    "mushroom": _mushroom, "snowman": _snowman, "rocket": _rocket, "tree": _tree, "house": _house, "car": _car,
    "chair": _chair, "table": _table, "lamp": _lamp, "duck": _duck, "fish": _fish, "bear": _bear, "boat": _boat,
    "bottle": _bottle,
}

SEATS: dict[str, tuple[float, float, float]] = {
    "cube": (0.0, 1.0, 1.7), "cylinder": (0.0, 1.0, 1.24), "table": (0.0, 0.5, 1.2), "chair": (0.08, 0.09, 0.8),
    "car": (-0.14, 0.44, 1.0),
}
"""Where another object stands on a base: x, z and the width that it gets."""
