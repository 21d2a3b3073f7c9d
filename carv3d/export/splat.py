"""Gaussians as a PLY file in the form that 3DGS (Kerbl et al., 2023) writes and viewers read."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from carv3d.export.axes import Placement
from carv3d.runtime.errors import UserError, one_line
from carv3d.runtime.files import write_bytes
from carv3d.runtime.progress import say
from carv3d.scenes.ply import FIXED
from carv3d.scenes.sound import any_of, faults, told
from carv3d.scenes.splats import MAX_DEGREE, Splats
from carv3d.scenes.turns import comment, rotated

WORLD = Placement("world")


def names(degree: int) -> list[str]:
    """The attributes of a file with spherical harmonics of ``degree``, in 3DGS's order."""
    rest = 3 * ((degree + 1) ** 2 - 1)
    return ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *(f"f_rest_{i}" for i in range(rest)),
            *FIXED[6:]]


def placed(splats: Splats, place: Placement) -> Splats:
    """The same Gaussians as they lie in a file: centres moved, all scaled, then turned."""
    means = (splats.means.detach().cpu().numpy() + np.array(place.offset)) * place.scale
    moved = Splats(torch.from_numpy(means), splats.log_scales + math.log(place.scale), splats.quaternions,
                   splats.opacity_logits, splats.sh)
    return rotated(moved, place.rotation)


def write(path: Path, splats: Splats, *, place: Placement = WORLD, degree: int | None = None,
          announce: Callable[[str], None] = say) -> Path:
    """Write a PLY (binary, little endian, float32), its axes named in a comment.

    place: see ``axes``; carv3d's own axes by default. degree: of the harmonics in the file, padded with zeros beyond
    the Gaussians' own, for importers that know one degree only (Unity's wants 3); None: their own. Gaussians that
    cannot be drawn (see ``sound.faults``) are left out, which is announced. UserError if there is nothing to write.
    """
    from plyfile import PlyData, PlyElement

    degree = splats.degree if degree is None else degree
    if not splats.degree <= degree <= MAX_DEGREE:
        raise ValueError(f"degree must be {splats.degree} to {MAX_DEGREE}, got {degree}")
    if not len(splats):
        raise UserError(f"{path} was not written: the scene holds no Gaussians; train longer")
    bad = faults(splats)
    good = ~any_of(bad)
    if not good.any():
        raise UserError(f"{path} was not written: {told(bad, 'Gaussians')}; lower the learning rates")
    if not good.all():
        announce(one_line(f"notice: {path.name}: {told(bad, 'Gaussians')}"))
        splats = splats[good]
    splats = placed(splats, place) if place != WORLD else splats
    arrays = {name: tensor.detach().cpu().float().numpy() for name, tensor in splats.tensors().items()}
    sh = np.zeros((len(splats), (degree + 1) ** 2, 3), dtype=np.float32)
    sh[:, :arrays["sh"].shape[1]] = arrays["sh"]
    columns = np.concatenate([
        arrays["means"], np.zeros_like(arrays["means"]), sh[:, 0],
        sh[:, 1:].transpose(0, 2, 1).reshape(len(splats), -1),  # all of red, then green, then blue
        arrays["opacity_logits"][:, None], arrays["log_scales"], arrays["quaternions"]], 1)
    vertex = np.ascontiguousarray(columns).view([(name, "<f4") for name in names(degree)])[:, 0]
    content = io.BytesIO()
    PlyData([PlyElement.describe(vertex, "vertex")], byte_order="<", comments=[comment(place.up)]).write(content)
    write_bytes(path, content.getbuffer())
    return path
