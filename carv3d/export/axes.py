"""Where a file's axes lie. carv3d's world is right-handed, z up, and its objects face +x (``cameras``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UP = {
    "y": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),  # the front becomes +z, as glTF 2.0, section 3.4, has it
    "z": np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),  # what a program with z up makes of y up: the front is -y
    "-y": np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]),  # COLMAP's and 3DGS's habit: y down, the front is -z
    "world": np.eye(3),  # carv3d's own, z up, the front +x
}
"""Rotations [3,3] from the world to a file with that axis up: file = UP[axis] @ world. The first three differ by turns
around x alone, as programs turn what they open, so that all files face the same way once up is up."""

FRONT = {"y": "+z", "z": "-y", "-y": "-z", "world": "+x"}
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
        return f"{'z' if self.up == 'world' else self.up} up, front {FRONT[self.up]}"

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


def turned(rotation: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Rows [N,3], each rotated by [3,3]; float32."""
    return (vectors @ rotation.T).astype(np.float32)
