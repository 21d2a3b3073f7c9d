"""A camera's way through the places that a person has chosen, and the video along it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from carv3d.cameras import PlacedCameras, placed


def along(places: Sequence[PlacedCameras], frames: int, width: int, height: int, closed: bool) -> PlacedCameras:
    """``frames`` cameras from the first place to the last, or back to the first, on smooth curves: positions and fields
    of view on cubic splines, orientations on a spline of rotations. places: at least 2, of one camera each."""
    from scipy.interpolate import CubicSpline
    from scipy.spatial.transform import Rotation, RotationSpline

    poses = np.stack([place.pose[0].double().numpy() for place in places])
    values = np.concatenate([poses[:, :3, 3], [[float(place.fovy_deg)] for place in places]], 1)
    if closed:
        poses, values = np.concatenate([poses, poses[:1]]), np.concatenate([values, values[:1]])
    knots = np.arange(len(values))
    at = np.linspace(0, knots[-1], frames, endpoint=not closed)
    found = CubicSpline(knots, values, bc_type="periodic" if closed else "natural")(at)
    pose = np.tile(np.eye(4), (frames, 1, 1))
    pose[:, :3, 3] = found[:, :3]
    pose[:, :3, :3] = RotationSpline(knots, Rotation.from_matrix(poses[:, :3, :3]))(at).as_matrix()
    fovy = np.clip(found[:, 3], values[:, 3].min(), values[:, 3].max())
    return placed(torch.tensor(pose, dtype=torch.float32), torch.tensor(fovy, dtype=torch.float32), width, height)


def unused(folder: Path) -> Path:
    """The name of a video that is not there yet: path.mp4, path-1.mp4, ..."""
    number = 0
    while (path := folder / f"path{f'-{number}' if number else ''}.mp4").exists():
        number += 1
    return path
