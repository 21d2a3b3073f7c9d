"""A scene as files that other programs open, and the manifest of what is known about each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from carv3d.config.schema import Config
from carv3d.runs.particles import numbered
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import as_json, read_object, write_text
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.types import Record
from carv3d.scenes.base import Scene

if TYPE_CHECKING:
    from carv3d.export.surface import Surface

Judge = Callable[["Surface"], Record]  # the scores of a mesh, for the manifest
MANIFEST = "export.json"


def write(folder: Path, scenes: Sequence[Scene], device: torch.device, config: Config, formats: list[str],
          step: int, judge: Judge | None = None) -> list[Path]:
    """One file per scene and format in ``folder``, and what is known about each in its export.json. judge: says how
    good a mesh is, the one that is written."""
    made: list[Path] = []
    for scene, mark in numbered(scenes):
        try:
            entries = _write_one(folder, mark, scene, device, config, formats, judge)
        except UserError as error:
            raise UserError(f"particle {mark[1:]}: {error}" if mark else str(error)) from error
        _record(folder / MANIFEST, {name: {**entry, "checkpoint_step": step} for name, entry in entries.items()})
        made += [folder / name for name in entries]
    return made


def _write_one(folder: Path, mark: str, scene: Scene, device: torch.device, config: Config, formats: list[str],
               judge: Judge | None) -> dict[str, Record]:
    """The files of one scene: {name: what is known about it}."""
    own = config.export
    up = {"glb": "y", "obj": "y" if own.up == "auto" else own.up, "ply": "z" if own.up == "auto" else own.up}
    entries: dict[str, Record] = {}
    if "ply" in formats and (splats := scene.splats) is not None:
        from carv3d.export import splat

        degree = splat.MAX_DEGREE if own.pad_sh else splats.degree
        path = splat.write(folder / f"splats{mark}.ply", splats, up=up["ply"], degree=degree)
        left_out = int(splat.any_of(splat.faults(splats)).sum())
        entries[path.name] = {"format": "ply", "up": up["ply"], "gaussians": len(splats) - left_out,
                              "sh_degree": degree, **({"left_out": left_out} if left_out else {})}
    if {"glb", "obj"} & set(formats):
        from carv3d.export import mesh, volume

        options = mesh.Options(own.mesh_resolution, own.faces, own.texture_size, own.unwrap_s, own.least_part)
        views = volume.cameras(*config.data.middle_camera, config.data.elevation_range)
        made = mesh.extract(scene, views, device, options, Progress, say)
        scores: Record = {"quality": judge(made.surface)} if judge else {}
        for kind in [kind for kind in formats if kind != "ply"]:
            path = folder / f"mesh{mark}.{kind}"
            mesh.write_glb(path, made) if kind == "glb" else mesh.write_obj(path, made, up=up[kind])
            beside = [path.with_suffix(end).name for end in (".mtl", ".png")] if kind == "obj" and made.atlas else []
            entries[path.name] = {"format": kind, "up": up[kind], **made.facts, **scores, "beside": beside}
    return entries


def _record(path: Path, entries: dict[str, Record]) -> None:
    """Add to the manifest, one entry per file."""
    write_text(path, as_json(read_object(path) | entries, 1) + "\n")
