"""Which way is up in a file. carv3d's world is right-handed, z up, and its objects face +x (``scenes.cameras``)."""

from __future__ import annotations

import numpy as np

UP = {
    "z": np.eye(3),
    "y": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),  # the front becomes +z, as glTF 2.0, section 3.4, has it
    "-y": np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]),  # COLMAP's and 3DGS's habit: y down, the front is -z
}
"""Rotations [3,3] from the world to a file with that axis up: file = UP[axis] @ world."""


def turned(rotation: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Rows [N,3], each rotated by [3,3]; float32."""
    return (vectors @ rotation.T).astype(np.float32)
