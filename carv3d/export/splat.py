"""Gaussians as files that viewers read: those that can be drawn, placed, in one of the formats of ``packing``."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from carv3d.export import gltf, packing
from carv3d.export.axes import Placement
from carv3d.export.packing import Columns
from carv3d.export.texture import to_linear
from carv3d.runtime.errors import UserError, one_line
from carv3d.runtime.files import write_bytes
from carv3d.runtime.progress import say
from carv3d.scenes.sound import any_of, faults, told
from carv3d.scenes.splats import MAX_DEGREE, Splats
from carv3d.scenes.turns import comment, rotated

WORLD = Placement("world")


def placed(splats: Splats, place: Placement) -> Splats:
    """The same Gaussians as they lie in a file: centres moved, all scaled, then turned."""
    means = (splats.means.detach().cpu().numpy() + np.array(place.offset)) * place.scale
    moved = Splats(torch.from_numpy(means), splats.log_scales + math.log(place.scale), splats.quaternions,
                   splats.opacity_logits, splats.sh)
    return rotated(moved, place.rotation)


def write(path: Path, splats: Splats, *, kind: str = "ply", place: Placement = WORLD, degree: int | None = None,
          antialiased: bool = False, announce: Callable[[str], None] = say) -> Path:
    """Write Gaussians in a format of ``config.export.SPLATS``.

    place: see ``axes``; carv3d's own axes by default, which every PLY names in a comment. degree: of the harmonics of
    3DGS's PLY, padded with zeros beyond the Gaussians' own, for importers that know one degree only (Unity's wants 3);
    None: their own. antialiased: what SPZ says of them. Gaussians that cannot be drawn (see ``sound.faults``) are left
    out, which is announced. UserError if there is nothing to write, or if the format cannot hold it.
    """
    degree = splats.degree if degree is None else degree
    if not splats.degree <= degree <= MAX_DEGREE:
        raise ValueError(f"degree must be {splats.degree} to {MAX_DEGREE}, got {degree}")
    given = _columns(path, splats, place, announce)
    try:
        content = _content(kind, given, comment(place.up), degree, antialiased)
    except UserError as error:
        raise UserError(f"{path.name} was not written: {error}") from None
    write_bytes(path, content)
    return path


def _columns(path: Path, splats: Splats, place: Placement, announce: Callable[[str], None]) -> Columns:
    """The Gaussians that can be drawn, as they lie in the file."""
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
    return Columns(*(tensor.detach().cpu().float().numpy() for tensor in splats.tensors().values()))


def _content(kind: str, given: Columns, said: str, degree: int, antialiased: bool) -> bytes:
    """The bytes of a file. said: which axis is up, for formats that can tell."""
    match kind:
        case "ply":
            return packing.ply(given, said, degree)
        case "points.ply":
            return packing.points(given, said)
        case "splat":
            return packing.dot_splat(given)
        case "spz":
            return packing.spz(given, antialiased)
        case "compressed.ply":
            return packing.compressed_ply(given, said)
        case "splat.glb":
            points = np.concatenate([to_linear(given.colour.clip(0, 1)), given.opacity[:, None]], 1)
            return gltf.gaussians(given.means, np.exp(given.log_scales), given.turns.astype(np.float32), given.opacity,
                                  given.sh, packing.as_bytes(points))
    raise ValueError(f"kind must be one of config.export.SPLATS, got {kind!r}")
