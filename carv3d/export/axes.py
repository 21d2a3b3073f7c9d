"""Where a file's axes lie. carv3d's world is right-handed, z up, and its objects face +x (``cameras``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carv3d.scenes.turns import TOLD, UP, turned

PIVOTS = ("origin", "base", "centre")


@dataclass(frozen=True)
class Placement:
    """How a scene lies in a file: moved by ``offset`` [3], world units, scaled, turned so that ``up`` is up."""

    up: str
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0

    @property
    def rotation(self) -> np.ndarray:
        return UP[self.up]

    @property
    def told(self) -> str:
        return TOLD[self.up]

    def points(self, points: np.ndarray) -> np.ndarray:
        """Points [N,3] of the world in the file; float32."""
        return turned(self.rotation, (points + np.array(self.offset)) * self.scale)

    def directions(self, vectors: np.ndarray) -> np.ndarray:
        """Directions [N,3] of the world in the file; float32."""
        return turned(self.rotation, vectors)


def offset(pivot: str, low: np.ndarray, high: np.ndarray) -> tuple[float, float, float]:
    """By what a scene whose box goes from ``low`` [3] to ``high`` [3], world units, is moved: origin: not at all; base:
    the middle of the box's floor comes to the origin; centre: its middle."""
    if pivot == "origin":
        return 0.0, 0.0, 0.0
    x, y, z = (-(low + high) / 2).tolist()
    return x, y, -float(low[2]) if pivot == "base" else z
