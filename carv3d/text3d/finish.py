"""What comes after training: images, video, quality, warnings, the summary, exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carv3d.config.schema import Config
from carv3d.export.assets import write
from carv3d.runs import budget
from carv3d.runs.clock import Clock
from carv3d.runs.environment import peak_memory_mib
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say

if TYPE_CHECKING:
    pass
from carv3d.runs.particles import numbered, of_particles


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


def sheet(scene: Any, config: Config, device: Any, **kwargs: Any) -> Any:
    from carv3d.config.schema import middle_camera
    from carv3d.export.pictures import contact_sheet

    return contact_sheet(scene, *middle_camera(config), device, **kwargs)


def finish(run: Run, config: Config, scenes: list[Any], device: Any, clock: Clock, ledger: dict[str, int], step: int,
           stopped: bool) -> None:
    """Pictures, video, quality, warnings and the summary."""
    from carv3d.cameras import turntable
    from carv3d.config.schema import middle_camera
    from carv3d.export.pictures import BACKGROUNDS, all_views, write_png
    from carv3d.export.video import render_turntable
    from carv3d.quality import faults as health
    from carv3d.quality.scores import evaluate
    from carv3d.text3d.finish import at_the_end
    from carv3d.toybox import quality

    artefacts = {"checkpoint": "ckpts/last.ckpt"}
    for scene, mark in numbered(scenes):
        preview = run.save / f"preview{mark}.png"
        write_png(preview, sheet(scene, config, device))
        artefacts[f"preview{mark}"] = str(preview.relative_to(run.folder))
        if config.export.video:
            video = config.export
            path = render_turntable(run.save / f"turntable{mark}.mp4", scene, config, device, views=video.video_frames,
                                    size=video.video_size, elevation_deg=video.video_elevation, background="white")
            artefacts[f"video{mark}"] = str(path.relative_to(run.folder))
    clock.lap("video")
    distance, fovy = middle_camera(config)
    cameras = turntable(health.VIEWS, 15.0, distance, fovy, 64)
    scores, truth = [], None
    if config.teacher.toybox or config.quality.clip:
        scores = [evaluate(config, scene, device) for scene in scenes]
    if config.teacher.toybox:
        truth = quality.views(config.prompt, cameras, BACKGROUNDS["white"])
    faults = [(f"particle {mark[1:]}: " if mark else "") + fault for scene, mark in numbered(scenes)
              for fault in health.warnings(all_views(scene, cameras, BACKGROUNDS["white"], device),
                                           ledger["nonfinite_steps"], truth)]
    clock.lap("evaluation")
    seconds = clock.seconds.get("train", 0.0)

    def summarise() -> None:
        run.write_summary({
            "status": "interrupted" if stopped else "finished", "prompt": config.prompt, "step": step,
            "stopped_by": None if stopped else budget.stopped_by(config, step, budget.spent(ledger, seconds)),
            "ledger": ledger, "seconds": {k: round(v, 3) for k, v in clock.seconds.items()},
            "peak_mem_mib": round(peak_memory_mib(), 1), **of_particles(scores), "artefacts": artefacts,
            "warnings": faults,
        })

    summarise()  # before the export: whatever becomes of that, the run is finished
    if config.export.formats:
        at_the_end(run, config, scenes, device, step, artefacts, faults)
        clock.lap("export")
        summarise()
    for fault in faults:
        say(f"warning: {fault}")
    for score, (_, mark) in zip(scores, numbered(scenes)):
        shown = ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in score.items())
        say(f"quality{mark}: {shown}")
    say("seconds: " + ", ".join(f"{k} {v:.1f}" for k, v in clock.seconds.items())
        + f"; peak memory {peak_memory_mib():.0f} MiB")
