"""carv3d export: a run as a mesh or as Gaussians, in files that other programs open, without a teacher."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from carv3d import build, checkpoint
from carv3d.config import check_formats
from carv3d.errors import UserError
from carv3d.files import write_text
from carv3d.progress import Progress, say
from carv3d.runs import Run
from carv3d.schema import Config

MANIFEST = "export.json"


def main(args: Namespace) -> int:
    run = Run.open(args.run)
    config = _configured(run, args)
    formats = config.export.formats
    given = Path(args.run)
    scenes, device, step = build.trained_scenes(
        config, given if given.suffix == ".ckpt" else checkpoint.newest(run.ckpts))
    build.set_up_kernels(config, say)
    folder = Path(args.out).expanduser() if args.out else run.save
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: cannot be made ({error.strerror}); choose a folder you may write to"
                        ) from None
    for path in write(folder, scenes, device, config, formats, step):
        print(path)
    return 0


def _configured(run: Run, args: Namespace) -> Config:
    """The run's configuration with what the command line says; UserError before anything is loaded."""
    given = {"mesh_resolution": args.resolution, "faces": args.faces, "texture_size": args.texture_size, "up": args.up}
    config = run.config([f"export.{key}={value}" for key, value in given.items() if value is not None])
    formats = list(dict.fromkeys(args.format or config.export.formats or ["glb"]))
    for kind in formats:
        if kind not in ("glb", "obj", "ply"):
            raise UserError(f"--format {kind}: not known; allowed: glb, obj, ply")
    check_formats(formats, config.scene.type, "--format")
    if formats == ["glb"] and args.up not in (None, "y"):
        raise UserError(f"--up {args.up}: glb is y up by its specification; leave it out, or use --format obj")
    config.export.formats, config.export.pad_sh = formats, config.export.pad_sh or args.pad_sh
    return config


def write(folder: Path, scenes: list[Any], device: Any, config: Config, formats: list[str], step: int) -> list[Path]:
    """One file per scene and format in ``folder``, and what is known about each in its export.json."""
    from carv3d.commands.train import numbered

    made: list[Path] = []
    for scene, mark in numbered(scenes):
        try:
            entries = _write_one(folder, mark, scene, device, config, formats)
        except UserError as error:
            raise UserError(f"particle {mark[1:]}: {error}" if mark else str(error)) from error
        _record(folder / MANIFEST, {name: {**entry, "checkpoint_step": step} for name, entry in entries.items()})
        made += [folder / name for name in entries]
    return made


def _write_one(folder: Path, mark: str, scene: Any, device: Any, config: Config, formats: list[str]
               ) -> dict[str, dict[str, Any]]:
    """The files of one scene: {name: what is known about it}."""
    own = config.export
    up = {"glb": "y", "obj": "y" if own.up == "auto" else own.up, "ply": "z" if own.up == "auto" else own.up}
    entries: dict[str, dict[str, Any]] = {}
    if "ply" in formats:
        from carv3d.export import splat

        degree = splat.MAX_DEGREE if own.pad_sh else scene.splats.degree
        path = splat.write(folder / f"splats{mark}.ply", scene.splats, up=up["ply"], degree=degree)
        entries[path.name] = {"format": "ply", "up": up["ply"], "gaussians": len(scene.splats), "sh_degree": degree}
    if {"glb", "obj"} & set(formats):
        from carv3d.export import mesh, volume
        from carv3d.views import middle_camera

        options = mesh.Options(own.mesh_resolution, own.faces, own.texture_size, own.unwrap_s, own.least_part)
        views = volume.cameras(*middle_camera(config), config.data.elevation_range)
        made = mesh.extract(scene, views, device, options, Progress, say)
        for kind in [kind for kind in formats if kind != "ply"]:
            path = folder / f"mesh{mark}.{kind}"
            mesh.write_glb(path, made) if kind == "glb" else mesh.write_obj(path, made, up=up[kind])
            beside = [path.with_suffix(end).name for end in (".mtl", ".png")] if kind == "obj" and made.atlas else []
            entries[path.name] = {"format": kind, "up": up[kind], **made.facts, "beside": beside}
    return entries


def _record(path: Path, entries: dict[str, dict[str, Any]]) -> None:
    """Add to the manifest, one entry per file."""
    try:
        known = json.loads(path.read_text()) if path.exists() else {}
    except json.JSONDecodeError:
        known = {}
    write_text(path, json.dumps(known | entries, indent=1) + "\n")


def at_the_end(run: Run, config: Config, scenes: list[Any], device: Any, step: int, artefacts: dict[str, str],
               faults: list[str]) -> None:
    """``export.formats`` once training is over: files are added to ``artefacts``; whatever fails becomes one of
    ``faults``, for the run is finished and carv3d export can be given again."""
    try:
        for path in write(run.save, scenes, device, config, config.export.formats, step):
            artefacts[path.name] = str(path.relative_to(run.folder))
    except UserError as error:
        faults.append(f"export: {error}")
    except KeyboardInterrupt:
        faults.append(f"export: stopped; carv3d export {run.folder} does it again")
    except Exception as error:  # any fault of a library's
        faults.append(f"export: {type(error).__name__}: {error}; carv3d export {run.folder} tries again")
