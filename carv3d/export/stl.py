"""A surface as a binary STL file (3D Systems, 1989): triangles without colours, for printing and measuring."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from carv3d.export.axes import Placement
from carv3d.export.surface import Surface
from carv3d.runtime.files import write_bytes

ROW = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def write(path: Path, surface: Surface, place: Placement = Placement("z")) -> Path:
    """Corners in the file's axes, counter-clockwise from outside; the head names the axes. The format has no unit:
    one of the world is one of the file, times ``place.scale``."""
    corners = place.points(surface.vertices)[surface.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).astype(np.float64)
    rows = np.zeros(len(corners), ROW)
    rows["corners"] = corners
    rows["normal"] = across / np.linalg.norm(across, axis=1, keepdims=True).clip(1e-30)
    head = f"carv3d, {place.told}".encode().ljust(80)  # must not begin with "solid", which would be STL in text
    write_bytes(path, head + np.uint32(len(rows)).astype("<u4").tobytes() + rows.tobytes())
    return path
