"""Gaussians as a PLY file in the form that 3DGS (Kerbl et al., 2023) writes and viewers read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from carv3d.export import harmonics
from carv3d.export.axes import UP, turned
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import atomic
from carv3d.scenes.splats import MAX_DEGREE, Splats

FIXED = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1",
         "rot_2", "rot_3")
RESTS = {3 * ((degree + 1) ** 2 - 1): degree for degree in range(MAX_DEGREE + 1)}


def names(degree: int) -> list[str]:
    """The attributes of a file with spherical harmonics of ``degree``, in 3DGS's order."""
    rest = 3 * ((degree + 1) ** 2 - 1)
    return ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *(f"f_rest_{i}" for i in range(rest)),
            *FIXED[6:]]


def rotated(splats: Splats, rotation: np.ndarray) -> Splats:
    """The same Gaussians in a world turned by ``rotation`` [3,3]: centres, orientations and view-dependent colour."""
    turn = harmonics.quaternion(rotation)
    quaternions = harmonics.product(turn, splats.quaternions.detach().cpu().double().numpy()).astype(np.float32)
    sh = harmonics.rotated(splats.sh.detach().cpu().numpy(), rotation)
    means = turned(rotation, splats.means.detach().cpu().numpy())
    return Splats(torch.from_numpy(means), splats.log_scales, torch.from_numpy(quaternions), splats.opacity_logits,
                  torch.from_numpy(sh))


def write(path: Path, splats: Splats, *, up: str = "z", degree: int | None = None) -> Path:
    """Write a PLY (binary, little endian, float32), its up axis named in a comment.

    up: z, y or -y, see ``axes``. degree: of the harmonics in the file, padded with zeros beyond the Gaussians' own, for
    importers that know one degree only (Unity's wants 3); None: their own. UserError if there is nothing to write or a
    number is not finite.
    """
    from plyfile import PlyData, PlyElement

    degree = splats.degree if degree is None else degree
    if not splats.degree <= degree <= MAX_DEGREE:
        raise ValueError(f"degree must be {splats.degree} to {MAX_DEGREE}, got {degree}")
    if not len(splats):
        raise UserError(f"{path} was not written: the scene holds no Gaussians; train longer")
    for name, tensor in splats.tensors().items():
        if bad := int((~torch.isfinite(tensor)).sum()):
            raise UserError(f"{path} was not written: {bad} of the {name} are not finite; lower the learning rates")
    splats = rotated(splats, UP[up]) if up != "z" else splats
    arrays = {name: tensor.detach().cpu().float().numpy() for name, tensor in splats.tensors().items()}
    sh = np.zeros((len(splats), (degree + 1) ** 2, 3), dtype=np.float32)
    sh[:, :arrays["sh"].shape[1]] = arrays["sh"]
    columns = np.concatenate([
        arrays["means"], np.zeros_like(arrays["means"]), sh[:, 0],
        sh[:, 1:].transpose(0, 2, 1).reshape(len(splats), -1),  # all of red, then green, then blue
        arrays["opacity_logits"][:, None], arrays["log_scales"], arrays["quaternions"]], 1)
    vertex = np.ascontiguousarray(columns).view([(name, "<f4") for name in names(degree)])[:, 0]
    with atomic(path) as temporary:
        PlyData([PlyElement.describe(vertex, "vertex")], byte_order="<", comments=[f"carv3d up {up}"]).write(temporary)
    return path


def read(path: Path) -> Splats:
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
