"""Gaussians and point clouds in files, read: PLY as 3DGS and others write it, PlayCanvas' compressed PLY, .splat.

Whatever is wrong with a file is a UserError. Rows that cannot be used are dropped; this, and what else was done to a
file's content, is announced in one line each.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from carv3d.runtime import ply_header
from carv3d.runtime.errors import UserError, one_line
from carv3d.runtime.progress import say
from carv3d.scenes import colours, packed, ply_rows
from carv3d.scenes.ply_rows import Rows
from carv3d.scenes.sound import any_of, faults, moved, placed, strays, told
from carv3d.scenes.splats import RESTS, SH_C0, Splats
from carv3d.scenes.turns import TOLD, UP, comment, rotated

Announce = Callable[[str], None]
QUIET = np.errstate(all="ignore")  # numbers that are none are looked for, and counted, when all are there
FIXED = ("x", "y", "z", *colours.DC, "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")


def read_splats(path: Path, announce: Announce = say, bound: float | None = None) -> Splats:
    """The Gaussians of a file, attributes found by name, in the file's own axes; a file of carv3d's own is turned back
    to the world's, as its comment says.

    bound: half the side of a box, into which they are moved and scaled if they do not lie there, see ``sound.placed``;
    None leaves them where they are.
    """
    raw = _splats(path, announce)
    splats = raw[_kept(path, "Gaussians", faults(raw), announce)]
    if place := _place(path, splats.means, bound, announce):
        splats = moved(splats, *place)
        splats = splats[_kept(path, "Gaussians", faults(splats), announce)]
    if not (splats.opacity_logits.sigmoid() >= 1 / 255).any():
        announce(one_line(f"notice: {path.name}: none of its Gaussians is opaque enough to be seen"))
    return Splats(**{name: tensor.float() for name, tensor in splats.tensors().items()})


@QUIET
def read_points(path: Path, announce: Announce = say, bound: float | None = None) -> tuple[Tensor, Tensor]:
    """Points [N,3] of a PLY and their colours [N,3] in [0,1], grey where it has none. bound: as of ``read_splats``."""
    vertex = _rows(path, ply_header.read(path))["vertex"]
    points, found = _columns(vertex, "x", "y", "z", dtype=np.float64), colours.read(path, vertex, announce)
    rgb = torch.full_like(points, 0.5) if found is None else torch.from_numpy(found)
    bad = {"position": ~torch.isfinite(points.float()).all(1), "colour": ~torch.isfinite(rgb).all(1)}
    if (good := ~any_of(bad)).any():
        bad["position"] |= strays(points, good, bound or 0.0)
    kept = _kept(path, "points", bad, announce)
    points, rgb = points[kept], rgb[kept].clamp(0, 1).float()
    if place := _place(path, points, bound, announce):
        points = (points - place[0]) * place[1]
    return points.float(), rgb


def _kept(path: Path, what: str, bad: dict[str, Tensor], announce: Announce) -> Tensor:
    """The rows [N] that can be used; the others are announced, UserError if that is all of them."""
    good = ~any_of(bad)
    if not good.any():
        raise UserError(f"{path}: nothing in it can be used: {told(bad, what)}; write the file again")
    if not good.all():
        announce(one_line(f"notice: {path.name}: {told(bad, what)}"))
    return good


def _place(path: Path, points: Tensor, bound: float | None, announce: Announce) -> tuple[Tensor, float] | None:
    place = placed(points, bound) if bound else None
    if bound and place:
        shift = ", ".join(f"{0 - x:.6g}" for x in place[0].tolist())
        announce(one_line(f"notice: {path.name} does not lie in the scene's box, -{bound:g} to {bound:g}: moved by "
                          f"({shift}), then scaled by {place[1]:.6g}"))
    return place


def _rows(path: Path, header: ply_header.Header) -> dict[str, Rows]:
    """The rows of its elements; UserError, before any is read, where a vertex has no position."""
    if missing := [name for name in "xyz" if name not in header.vertex and header.kind != "packed"]:
        raise UserError(f"{path} has no {', '.join(missing)}; a point cloud needs x, y and z")
    return ply_rows.read(path, header)


def _columns(rows: Rows, *names: str, dtype: type = np.float32) -> Tensor:
    """Some properties [N,C]; what is too large becomes infinite."""
    return torch.from_numpy(np.stack([rows[name].astype(dtype) for name in names], -1))


@QUIET
def _splats(path: Path, announce: Announce) -> Splats:
    """All Gaussians of a file, bad ones too; means in float64, since far from the origin float32 is coarse."""
    if path.suffix.lower() == ".splat" and not ply_header.is_ply(path):
        return packed.splat_file(path)
    header = ply_header.read(path)
    elements = _rows(path, header)
    packs = header.kind == "packed"
    splats = packed.compressed(path, elements) if packs else _plain(path, elements["vertex"], announce)
    up = next((up for up in UP if comment(up) in header.comments), "world")
    if up == "world":
        return splats
    announce(one_line(f"notice: {path.name}: {TOLD[up]}, by its comment: turned back to {TOLD['world']}"))
    return rotated(splats, UP[up].T)


def _plain(path: Path, vertex: Rows, announce: Announce) -> Splats:
    """Gaussians in the form of 3DGS; colours by other names serve where there are no harmonics."""
    rgb = None if set(colours.DC) <= set(vertex) else colours.read(path, vertex, announce)
    if missing := [name for name in FIXED if name not in vertex and not (name in colours.DC and rgb is not None)]:
        raise UserError(f"{path}: no Gaussians in it: {', '.join(missing)} missing; give a PLY as 3DGS writes it")
    count = sum(name.startswith("f_rest_") for name in vertex)
    rest = [f"f_rest_{i}" for i in range(count)]
    if count not in RESTS or not set(rest) <= set(vertex):
        raise UserError(f"{path}: {count} attributes f_rest_* given; allowed: {', '.join(map(str, RESTS))}, numbered "
                        "from 0 (spherical harmonics of degree 0 to 3)")
    constant = _columns(vertex, *colours.DC) if rgb is None else torch.from_numpy((rgb - 0.5) / SH_C0).float()
    means = _columns(vertex, "x", "y", "z", dtype=np.float64)
    higher = _columns(vertex, *rest).view(len(means), 3, -1).transpose(1, 2) if rest else torch.zeros(len(means), 0, 3)
    return Splats(means, _columns(vertex, "scale_0", "scale_1", "scale_2"),
                  _columns(vertex, "rot_0", "rot_1", "rot_2", "rot_3"), _columns(vertex, "opacity")[:, 0],
                  torch.cat([constant[:, None], higher], 1).contiguous())
