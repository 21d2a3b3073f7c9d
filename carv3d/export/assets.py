"""A scene as files that other programs open, and the manifest of what is known about each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from carv3d.config import registry
from carv3d.config.export import ALL, FORMATS, MESHES, NEEDS_USD, SPLATS, ExportConfig, has_usd
from carv3d.config.schema import Config
from carv3d.export import axes, gltf
from carv3d.runs.particles import numbered
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import as_json, read_object, write_text
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.types import Record
from carv3d.scenes.base import Scene
from carv3d.scenes.turns import FRONT

if TYPE_CHECKING:
    from carv3d.export import mesh
    from carv3d.export.surface import Surface

Judge = Callable[["Surface"], Record]  # the scores of a mesh, for the manifest
MANIFEST = "export.json"


def write(folder: Path, scenes: Sequence[Scene], device: torch.device, config: Config, formats: list[str],
          step: int, judge: Judge | None = None) -> list[Path]:
    """One file per scene and format in ``folder``, and what is known about each in its export.json. formats: names of
    ``config.export.FORMATS``, or all. judge: says how good a mesh is, the one that is written."""
    made: list[Path] = []
    chosen = _chosen(formats, config)
    for scene, mark in numbered(scenes):
        entries: dict[str, Record] = {}
        try:
            _write_one(folder, mark, scene, device, config, chosen, judge, entries)
        except UserError as error:
            raise UserError(f"particle {mark[1:]}: {error}" if mark else str(error)) from error
        finally:  # what was written before another format was refused is known, too
            if entries:
                _record(folder / MANIFEST, {name: {**each, "checkpoint_step": step} for name, each in entries.items()})
        made += [folder / name for name in entries]
    return made


def _chosen(formats: list[str], config: Config) -> list[str]:
    """Each format once; all stands for those of the scene that can be written here."""
    of_scene = [kind for kind in FORMATS if kind in registry.scene(config).formats]
    lacks_usd = ALL in formats and "usdz" in of_scene and "usdz" not in formats and not has_usd()
    if lacks_usd:
        say(f"notice: all but usdz: {NEEDS_USD}")
    every = [kind for kind in of_scene if not (lacks_usd and kind == "usdz")]
    return list(dict.fromkeys(each for kind in formats for each in (every if kind == ALL else [kind])))


def _write_one(folder: Path, mark: str, scene: Scene, device: torch.device, config: Config, formats: list[str],
               judge: Judge | None, entries: dict[str, Record]) -> None:
    """The files of one scene, and into ``entries`` {name: what is known about it} as each is there. All of them lie in
    one place, whichever are written."""
    from carv3d.export import mesh, volume

    own = config.export
    options = mesh.Options(own.mesh_resolution, own.smooth, own.faces, own.texture_size, own.normal_map, own.unwrap_s,
                           own.least_part)
    has_surface = bool(set(MESHES) & set(registry.scene(config).formats))
    meshes, shape = [kind for kind in formats if kind in MESHES], None
    if meshes or own.pivot != "origin" and has_surface:
        views = volume.cameras(*config.data.middle_camera, config.data.elevation_range)
        shape = mesh.find(scene, views, device, options, Progress)
    moved = axes.offset(own.pivot, *(shape.box if shape else _box(scene)))
    files = {kind: (folder / f"{FORMATS[kind].stem}{mark}.{FORMATS[kind].ending}", _place(kind, moved, own))
             for kind in formats}
    for kind in formats:
        if kind in SPLATS and scene.splats is not None:
            entries.update(_splats(kind, *files[kind], scene, own))
    if shape and meshes:
        scores: Record = {"quality": judge(shape.reduced)} if judge else {}
        plain = meshes == ["stl"]  # which has no colours
        made = None if plain else mesh.coloured(shape, scene, device, options, Progress, say)
        for kind in meshes:
            entries.update(_mesh(kind, *files[kind], shape, made, own, scores))


def _place(kind: str, moved: tuple[float, float, float], own: ExportConfig) -> axes.Placement:
    """How a scene lies in a file of that format."""
    said = FORMATS[kind]
    return axes.Placement(said.up if said.fixed or own.up == "auto" else own.up, moved, own.scale)


def _mesh(kind: str, path: Path, place: axes.Placement, shape: mesh.Shape, made: mesh.Mesh | None, own: ExportConfig,
          scores: Record) -> dict[str, Record]:
    """A file of a mesh, and what is known about it."""
    from carv3d.export import mesh, stl

    material = gltf.Material(own.metallic, own.roughness, own.unlit and kind == "glb")
    facts: Record = {**shape.facts, **scores, "beside": []}
    if kind == "stl" or made is None:
        stl.write(path, shape.reduced, place)
    else:
        facts = {**made.facts, **material._asdict(), **scores, "beside": []}
        if kind == "usdz":
            from carv3d.export import usd

            usd.write(path, made, place, material)
        elif kind == "obj":
            mesh.write_obj(path, made, place, material)
            facts["beside"] = [each.name for each in mesh.beside_obj(path, made)]
        else:
            mesh.write_glb(path, made, place, material)
    say(f"{path} ({place.told}, {len(shape.reduced.faces):,} triangles)")
    return {path.name: {"format": kind, **_placed(place, own), **facts}}


def _splats(kind: str, path: Path, place: axes.Placement, scene: Scene, own: ExportConfig) -> dict[str, Record]:
    """A splat file, and what is known about it."""
    from carv3d.export import splat

    splats = scene.splats
    assert splats is not None
    padded = splat.MAX_DEGREE if own.pad_sh and kind == "ply" else splats.degree
    degree = 0 if kind in ("splat", "points.ply") else padded
    splat.write(path, splats, kind=kind, place=place, degree=padded,
                antialiased=bool(getattr(scene, "antialias", False)))  # which scenes of Gaussians have
    left_out = int(splat.any_of(splat.faults(splats)).sum())
    say(f"{path} ({place.told}, {len(splats) - left_out:,} Gaussians)")
    return {path.name: {"format": kind, **_placed(place, own), "gaussians": len(splats) - left_out,
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
