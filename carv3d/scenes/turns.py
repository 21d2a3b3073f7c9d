"""Which axis of a file is up: how the world is turned for each, what says so in a PLY, and Gaussians turned."""

from __future__ import annotations

import numpy as np
import torch

from carv3d.scenes import harmonics
from carv3d.scenes.splats import Splats

UP = {
    "y": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),  # the front becomes +z, as glTF 2.0, section 3.4, has it
    "z": np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),  # what a program with z up makes of y up: the front is -y
    "-y": np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]),  # COLMAP's and 3DGS's habit: y down, the front is -z
    "world": np.eye(3),  # carv3d's own, z up, the front +x
}
"""Rotations [3,3] from the world to a file with that axis up: file = UP[axis] @ world. The first three differ by turns
around x alone, as programs turn what they open, so that all files face the same way once up is up."""

FRONT = {"y": "+z", "z": "-y", "-y": "-z", "world": "+x"}
TOLD = {up: f"{'z' if up == 'world' else up} up, front {front}" for up, front in FRONT.items()}
"""Each in words, which after carv3d's name are a PLY's comment."""


def comment(up: str) -> str:
    return f"carv3d {TOLD[up]}"


def turned(rotation: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Rows [N,3], each rotated by [3,3]; float32."""
    return (vectors @ rotation.T).astype(np.float32)


def rotated(splats: Splats, rotation: np.ndarray) -> Splats:
    """The same Gaussians in a world turned by ``rotation`` [3,3]: centres, orientations and view-dependent colour."""
    turn = harmonics.quaternion(rotation)
    quaternions = harmonics.product(turn, splats.quaternions.detach().cpu().double().numpy()).astype(np.float32)
    sh = harmonics.rotated(splats.sh.detach().cpu().numpy(), rotation)
    means = turned(rotation, splats.means.detach().cpu().numpy())
    return Splats(torch.from_numpy(means), splats.log_scales, torch.from_numpy(quaternions), splats.opacity_logits,
                  torch.from_numpy(sh))
