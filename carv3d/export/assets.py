"""A scene as files that other programs open, and the manifest of what is known about each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from carv3d.config import registry
from carv3d.config.schema import Config, ExportConfig
from carv3d.export import axes, gltf
from carv3d.runs.particles import numbered
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import as_json, read_object, write_text
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.types import Record
from carv3d.scenes.base import Scene
from carv3d.scenes.splats import Splats
from carv3d.scenes.turns import FRONT

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
    """The files of one scene: {name: what is known about it}. All of them lie in one place, whichever are written."""
    from carv3d.export import mesh, volume

    own = config.export
    options = mesh.Options(own.mesh_resolution, own.smooth, own.faces, own.texture_size, own.normal_map, own.unwrap_s,
                           own.least_part)
    has_surface = "glb" in registry.scene(config).formats
    shape = None
    if {"glb", "obj"} & set(formats) or own.pivot != "origin" and has_surface:
        views = volume.cameras(*config.data.middle_camera, config.data.elevation_range)
        shape = mesh.find(scene, views, device, options, Progress)
    moved = axes.offset(own.pivot, *(shape.box if shape else _box(scene)))
    entries: dict[str, Record] = {}
    if "ply" in formats and (splats := scene.splats) is not None:
        place = axes.Placement("z" if own.up == "auto" else own.up, moved, own.scale)
        entries |= _splats(folder / f"splats{mark}.ply", splats, place, own)
    if shape and {"glb", "obj"} & set(formats):
        made = mesh.coloured(shape, scene, device, options, Progress, say)
        scores: Record = {"quality": judge(made.surface)} if judge else {}
        material = gltf.Material(own.metallic, own.roughness)
        for kind in [kind for kind in formats if kind != "ply"]:
            path = folder / f"mesh{mark}.{kind}"
            place = axes.Placement("y" if kind == "glb" or own.up == "auto" else own.up, moved, own.scale)
            (mesh.write_glb if kind == "glb" else mesh.write_obj)(path, made, place, material)
            beside = [each.name for each in mesh.beside_obj(path, made)] if kind == "obj" else []
            entries[path.name] = {"format": kind, **_placed(place, own), **made.facts,
                                  **material._asdict(), **scores, "beside": beside}
            say(f"{path} ({place.told}, {len(made.surface.faces):,} triangles)")
    return entries


def _splats(path: Path, splats: Splats, place: axes.Placement, own: ExportConfig) -> dict[str, Record]:
    """A splat file, and what is known about it."""
    from carv3d.export import splat

    degree = splat.MAX_DEGREE if own.pad_sh else splats.degree
    splat.write(path, splats, place=place, degree=degree)
    left_out = int(splat.any_of(splat.faults(splats)).sum())
    say(f"{path} ({place.told}, {len(splats) - left_out:,} Gaussians)")
    return {path.name: {"format": "ply", **_placed(place, own), "gaussians": len(splats) - left_out,
                        "sh_degree": degree, **({"left_out": left_out} if left_out else {})}}


def _placed(place: axes.Placement, own: ExportConfig) -> Record:
    return {"up": place.up, "front": FRONT[place.up], "pivot": own.pivot,
            "offset": [round(x, 6) for x in place.offset], "scale": own.scale}


def _box(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Of a scene without a surface: where the centres of its Gaussians lie."""
    from carv3d.export import splat

    assert scene.splats is not None  # a scene that can be exported has a surface or Gaussians
    means = scene.splats[~splat.any_of(splat.faults(scene.splats))].means.detach().cpu().double().numpy()
    return (means.min(0), means.max(0)) if len(means) else (np.zeros(3), np.zeros(3))


def _record(path: Path, entries: dict[str, Record]) -> None:
    """Add to the manifest, one entry per file."""
    write_text(path, as_json(read_object(path) | entries, 1) + "\n")
