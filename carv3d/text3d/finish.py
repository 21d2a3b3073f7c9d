"""What comes after training: images, video, quality, warnings, the summary, the page to turn it in, exports."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import cache, partial

import torch

from carv3d.cameras import turntable
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.export import assets
from carv3d.export.images import BACKGROUNDS, all_views, contact_sheet, mesh_views, sheet_cameras, write_png
from carv3d.export.surface import Surface
from carv3d.export.video import render_turntable
from carv3d.quality import faults as health
from carv3d.quality.scores import clip, evaluate, known
from carv3d.quality.solids import extract, has_field, of_mesh
from carv3d.runs import budget, checkpoint
from carv3d.runs.clock import Clock
from carv3d.runs.environment import peak_memory_mib
from carv3d.runs.folder import Run
from carv3d.runs.particles import numbered, of_particles
from carv3d.runs.shown import in_words
from carv3d.runtime.errors import UserError, of_the_machine, one_line
from carv3d.runtime.progress import duration, say
from carv3d.runtime.types import Record
from carv3d.scenes.base import Scene

# Of each particle, made when first asked for; None: it has no field.
Surfaces = Sequence[Callable[[], Surface | None] | None]


def sheet(scene: Scene, config: Config, device: torch.device, count: int = 8, size: int = 128,
          surface: Callable[[], Surface | None] | None = None) -> torch.Tensor:
    """Views around the scene, side by side; with a surface, a row of what it looks like as a mesh."""
    cameras = sheet_cameras(*config.data.middle_camera, count=count, size=size)
    return contact_sheet(scene, cameras, device, mesh_views(scene, surface(), cameras, device) if surface else None)


def finish(run: Run, config: Config, scenes: Sequence[Scene], device: torch.device, clock: Clock,
           ledger: dict[str, int], step: int, stopped: bool, notes: Sequence[str] = ()) -> None:
    """Images, video, quality, warnings, exports, one after another. notes: warnings from before the end.

    The summary says that training is over before any of them is tried; each may fail, is then named there as missing
    and in a warning, and is made again by --resume.
    """
    seconds = clock.seconds.get("train", 0.0)
    summary: Record = {
        "status": "interrupted" if stopped else "finished", "prompt": config.prompt, "step": step,
        "stopped_by": None if stopped else budget.stopped_by(config, step, budget.spent(ledger, seconds)),
        "ledger": ledger, "quality": None, "artefacts": {"checkpoint": _latest(run)}, "warnings": list(notes)}
    surfaces = [cache(partial(extract, config, scene, device)) if config.quality.shape and has_field(scene) else None
                for scene in scenes]
    parts: dict[str, tuple[str, Callable[[], None]]] = {
        "preview": ("video", lambda: _previews(run, config, scenes, surfaces, device, summary)),
        "video": ("video", lambda: _videos(run, config, scenes, device, summary)),
        "quality": ("evaluation", lambda: _quality(config, scenes, surfaces, device, summary)),
        "faults": ("evaluation", lambda: _faults(config, scenes, device, summary)),
        "view": ("view", lambda: _view(run, config, scenes, surfaces, device, step, summary)),
        "export": ("export", lambda: _exports(run, config, scenes, device, step, summary))}
    wanted = {"video": config.export.video, "view": config.export.view and config.quality.shape,
              "export": bool(config.export.formats)}
    summary["missing"] = [name for name in parts if wanted.get(name, True)]

    def write() -> None:
        run.write_summary(summary | {"seconds": {k: round(v, 3) for k, v in clock.seconds.items()},
                                     "peak_mem_mib": round(peak_memory_mib(), 1)})

    write()
    for name in list(summary["missing"]):
        station, make = parts[name]
        try:
            make()
            summary["missing"].remove(name)
        except KeyboardInterrupt:
            summary["warnings"].append(f"{name}: stopped; carv3d train --resume {run.folder} makes it again")
            break
        except Exception as error:  # a full disk, a video stack or any library's fault: training's result stands
            summary["warnings"].append(f"{name}: {_why(error)}; carv3d train --resume {run.folder} makes it again")
        finally:
            clock.lap(station)
            write()
    _tell(run, clock, summary)


def _latest(run: Run) -> str:
    """The link to the newest checkpoint; itself where the file system has no links."""
    link = run.ckpts / "last.ckpt"
    return str((link if link.exists() else checkpoint.newest(run.ckpts)).relative_to(run.folder))


def _why(error: Exception) -> str:
    known = error if isinstance(error, UserError) else of_the_machine(error)
    return str(known or one_line(f"{type(error).__name__}: {error}"))


def _previews(run: Run, config: Config, scenes: Sequence[Scene], surfaces: Surfaces, device: torch.device,
              summary: Record) -> None:
    for (scene, mark), surface in zip(numbered(scenes), surfaces, strict=True):
        path = run.save / f"preview{mark}.png"
        write_png(path, sheet(scene, config, device, surface=surface))
        summary["artefacts"][f"preview{mark}"] = str(path.relative_to(run.folder))


def _videos(run: Run, config: Config, scenes: Sequence[Scene], device: torch.device, summary: Record) -> None:
    own = config.export
    for scene, mark in numbered(scenes):
        path = render_turntable(run.save / f"turntable{mark}.mp4", scene, config, device, views=own.video_frames,
                                size=own.video_size, elevation_deg=own.video_elevation, background="white")
        summary["artefacts"][f"video{mark}"] = str(path.relative_to(run.folder))


def _quality(config: Config, scenes: Sequence[Scene], surfaces: Surfaces, device: torch.device, summary: Record
             ) -> None:
    """Every score that can be had, into the summary; then UserError for a CLIP model that is gone."""
    scores = [evaluate(config, scene, device, config.quality.shape, surface) if known(config, scene) else {}
              for scene, surface in zip(scenes, surfaces, strict=True)]
    summary.update(of_particles([score for score in scores if score]))
    if config.quality.clip:
        clip(config, device)


def _faults(config: Config, scenes: Sequence[Scene], device: torch.device, summary: Record) -> None:
    """What is wrong with each particle, into the warnings."""
    cameras, white = turntable(health.VIEWS, 15.0, *config.data.middle_camera, 64), BACKGROUNDS["white"]
    truth = None
    if registry.teacher(config).toybox:
        from carv3d.toybox import quality

        truth = quality.views(config.prompt, cameras, white, unlit=config.light.colour == "albedo")
    for scene, mark in numbered(scenes):
        found = health.warnings(all_views(scene, cameras, white, device), summary["ledger"]["nonfinite_steps"], truth,
                                registry.scene(config).flat)
        summary["warnings"] += [f"particle {mark[1:]}: {fault}" if mark else fault for fault in found]


def _view(run: Run, config: Config, scenes: Sequence[Scene], surfaces: Surfaces, device: torch.device, step: int,
          summary: Record) -> None:
    from carv3d.text3d import viewing

    found = [surface() if surface else None for surface in surfaces]
    for name, path in zip(("view", "poster"), viewing.write(run, config, scenes, found, device, step, summary),
                          strict=True):
        summary["artefacts"][name] = str(path.relative_to(run.folder))


def _exports(run: Run, config: Config, scenes: Sequence[Scene], device: torch.device, step: int, summary: Record
             ) -> None:
    for path in assets.write(run.save, scenes, device, config, config.export.formats, step, partial(of_mesh, config)):
        summary["artefacts"][path.name] = str(path.relative_to(run.folder))


def _tell(run: Run, clock: Clock, summary: Record) -> None:
    """What a person wants to know at the end; summary.json has all of it."""
    for fault in summary["warnings"]:
        say(f"warning: {fault}")
    scores = summary.get("particles") or ([summary["quality"]] if summary["quality"] else [])
    for score, (_, mark) in zip(scores, numbered(scores)):
        say(f"quality{mark}: {in_words(score, summary['prompt'])} (all scores: {run.folder / 'summary.json'})")
    for name, path in summary["artefacts"].items():
        if name != "checkpoint":
            say(f"{name}: {run.folder / path}")
    say(f"time: {duration(sum(clock.seconds.values()))} in all, in seconds: "
        + ", ".join(f"{k} {v:.1f}" for k, v in clock.seconds.items()) + f"; peak memory {peak_memory_mib():,.0f} MiB")
    folder = shlex.quote(str(run.folder))
    if summary["status"] == "finished":
        say(f"next: carv3d view {folder}, carv3d export {folder}, or with more steps carv3d train --resume {folder} "
            f"steps={2 * summary['step']}")
