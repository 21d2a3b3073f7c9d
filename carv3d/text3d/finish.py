"""What comes after training: images, video, quality, warnings, the summary, exports."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from carv3d.cameras import turntable
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.export import assets
from carv3d.export.images import BACKGROUNDS, all_views, contact_sheet, write_png
from carv3d.export.video import render_turntable
from carv3d.quality import faults as health
from carv3d.quality.scores import Scores, evaluate
from carv3d.runs import budget
from carv3d.runs.clock import Clock
from carv3d.runs.environment import peak_memory_mib
from carv3d.runs.folder import Run
from carv3d.runs.particles import numbered, of_particles
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say
from carv3d.scenes.base import Scene


def sheet(scene: Scene, config: Config, device: torch.device, count: int = 8, size: int = 128) -> torch.Tensor:
    """Views around the scene, side by side."""
    return contact_sheet(scene, *config.data.middle_camera, device, count=count, size=size)


def finish(run: Run, config: Config, scenes: Sequence[Scene], device: torch.device, clock: Clock,
           ledger: dict[str, int], step: int, stopped: bool, notes: Sequence[str] = ()) -> None:
    """Images, video, quality, warnings, the summary, exports. notes: warnings from before the end."""
    artefacts = _images(run, config, scenes, device)
    clock.lap("video")
    scores, faults = _judge(config, scenes, device, ledger["nonfinite_steps"])
    faults = [*notes, *faults]
    clock.lap("evaluation")

    def summarise() -> None:
        seconds = clock.seconds.get("train", 0.0)
        run.write_summary({
            "status": "interrupted" if stopped else "finished", "prompt": config.prompt, "step": step,
            "stopped_by": None if stopped else budget.stopped_by(config, step, budget.spent(ledger, seconds)),
            "ledger": ledger, "seconds": {k: round(v, 3) for k, v in clock.seconds.items()},
            "peak_mem_mib": round(peak_memory_mib(), 1), **of_particles(scores), "artefacts": artefacts,
            "warnings": faults,
        })

    summarise()  # before the export: whatever becomes of that, the run is finished
    if config.export.formats:
        _export(run, config, scenes, device, step, artefacts, faults)
        clock.lap("export")
        summarise()
    _tell(clock, scores, faults)


def _images(run: Run, config: Config, scenes: Sequence[Scene], device: torch.device) -> dict[str, str]:
    """preview.png and turntable.mp4 of each particle: artefact -> path within the run."""
    artefacts, own = {"checkpoint": "ckpts/last.ckpt"}, config.export
    for scene, mark in numbered(scenes):
        preview = run.save / f"preview{mark}.png"
        write_png(preview, sheet(scene, config, device))
        artefacts[f"preview{mark}"] = str(preview.relative_to(run.folder))
        if own.video:
            path = render_turntable(run.save / f"turntable{mark}.mp4", scene, config, device, views=own.video_frames,
                                    size=own.video_size, elevation_deg=own.video_elevation, background="white")
            artefacts[f"video{mark}"] = str(path.relative_to(run.folder))
    return artefacts


def _judge(config: Config, scenes: Sequence[Scene], device: torch.device, nonfinite: int
           ) -> tuple[list[Scores], list[str]]:
    """Scores of each particle, if any are known, and what is wrong with each."""
    toybox = registry.teacher(config).toybox
    cameras, white = turntable(health.VIEWS, 15.0, *config.data.middle_camera, 64), BACKGROUNDS["white"]
    scores = [evaluate(config, scene, device) for scene in scenes] if toybox or config.quality.clip else []
    truth = None
    if toybox:
        from carv3d.toybox import quality

        truth = quality.views(config.prompt, cameras, white)
    faults = [(f"particle {mark[1:]}: " if mark else "") + fault for scene, mark in numbered(scenes)
              for fault in health.warnings(all_views(scene, cameras, white, device), nonfinite, truth)]
    return scores, faults


def _export(run: Run, config: Config, scenes: Sequence[Scene], device: torch.device, step: int,
            artefacts: dict[str, str], faults: list[str]) -> None:
    """``export.formats`` once training is over: files are added to ``artefacts``; whatever fails becomes one of
    ``faults``, for the run is finished and carv3d export can be given again."""
    try:
        for path in assets.write(run.save, scenes, device, config, config.export.formats, step):
            artefacts[path.name] = str(path.relative_to(run.folder))
    except UserError as error:
        faults.append(f"export: {error}")
    except KeyboardInterrupt:
        faults.append(f"export: stopped; carv3d export {run.folder} does it again")
    except Exception as error:  # any fault of a library's
        faults.append(f"export: {type(error).__name__}: {error}; carv3d export {run.folder} tries again")


def _tell(clock: Clock, scores: list[Scores], faults: list[str]) -> None:
    for fault in faults:
        say(f"warning: {fault}")
    for score, (_, mark) in zip(scores, numbered(scores)):
        shown = ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in score.items())
        say(f"quality{mark}: {shown}")
    say("seconds: " + ", ".join(f"{k} {v:.1f}" for k, v in clock.seconds.items())
        + f"; peak memory {peak_memory_mib():.0f} MiB")
