"""PLY files, read: splats as 3DGS writes them, and point clouds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from carv3d.runtime.errors import UserError
from carv3d.scenes.splats import MAX_DEGREE, Splats

FIXED = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1",
         "rot_2", "rot_3")
RESTS = {3 * ((degree + 1) ** 2 - 1): degree for degree in range(MAX_DEGREE + 1)}


def read_splats(path: Path) -> Splats:
    """The Gaussians of a PLY, its attributes found by name, in the file's own axes; UserError for any other file."""
    from plyfile import PlyData, PlyElementParseError, PlyHeaderParseError

    try:
        vertex = PlyData.read(path, mmap=False)["vertex"].data
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give a PLY of Gaussians") from None
    except (PlyHeaderParseError, PlyElementParseError, KeyError, ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a PLY with a vertex element ({' '.join(str(error).split())}); give a PLY of "
                        "Gaussians") from None
    present = vertex.dtype.names or ()
    if missing := [name for name in FIXED if name not in present]:
        raise UserError(f"{path}: no Gaussians in it: {', '.join(missing)} missing; give a PLY as 3DGS writes it")
    count = sum(name.startswith("f_rest_") for name in present)
    rest = [f"f_rest_{i}" for i in range(count)]
    if count not in RESTS or not set(rest) <= set(present):
        raise UserError(f"{path}: {count} attributes f_rest_* given; allowed: {', '.join(map(str, RESTS))}, numbered "
                        "from 0 (spherical harmonics of degree 0 to 3)")

    def columns(*wanted: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([vertex[name].astype(np.float32) for name in wanted], -1))

    higher = (columns(*rest).view(len(vertex), 3, -1).transpose(1, 2) if rest else torch.zeros(len(vertex), 0, 3))
    splats = Splats(columns("x", "y", "z"), columns("scale_0", "scale_1", "scale_2"),
                    columns("rot_0", "rot_1", "rot_2", "rot_3"), columns("opacity")[:, 0],
                    torch.cat([columns("f_dc_0", "f_dc_1", "f_dc_2")[:, None], higher], 1).contiguous())
    for name, tensor in splats.tensors().items():
        if bad := int((~torch.isfinite(tensor)).sum()):
            raise UserError(f"{path}: {bad} of the {name} are not finite; the file is damaged")
    return splats


def read_points(path: Path) -> tuple[Tensor, Tensor]:
    """Points [N,3] and colours [N,3] in [0,1] of a PLY file with x y z and optionally red green blue; else grey."""
    from plyfile import PlyData

    try:
        vertex = PlyData.read(str(path))["vertex"]
        names = {one.name for one in vertex.properties}
        columns = {name: torch.as_tensor(vertex[name].astype("float64")) for name in ("x", "y", "z") if name in names}
        kinds = [str(vertex[name].dtype) for name in ("red", "green", "blue") if name in names]
        colours = [torch.as_tensor(vertex[name].astype("float64")) for name in ("red", "green", "blue")
                   if name in names]
    except FileNotFoundError:
        raise UserError(f"scene.gaussians.init: {path} does not exist") from None
    except Exception as error:  # any way of being unreadable is a reason to refuse
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"scene.gaussians.init: {path} is not a PLY point cloud ({reason})") from None
    missing = [name for name in ("x", "y", "z") if name not in columns]
    if missing:
        raise UserError(f"scene.gaussians.init: {path} has no {', '.join(missing)}; a point cloud needs x, y and z")
    points = torch.stack(list(columns.values()), -1).float()
    if not len(points) or not points.isfinite().all():
        what = "a point that is not finite" if len(points) else "no points"
        raise UserError(f"scene.gaussians.init: {path} holds {what}")
    if len(colours) < 3:
        return points, torch.full_like(points, 0.5)
    largest = 255.0 if kinds[0] == "uint8" else 65535.0 if kinds[0] == "uint16" else 1.0
    return points, (torch.stack(colours, -1) / largest).clamp(0, 1).float()
