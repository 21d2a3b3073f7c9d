"""A run's save/view.html, and the picture of it that stands for the run elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from carv3d.config.schema import Config
from carv3d.export import page
from carv3d.export.images import write_png
from carv3d.export.surface import Surface
from carv3d.quality.solids import RESOLUTION, extract, has_field
from carv3d.runs.folder import Run
from carv3d.runs.particles import numbered
from carv3d.runs.shown import PAGE, POSTER, told
from carv3d.runtime.files import make_folder, read_bytes
from carv3d.runtime.types import Record
from carv3d.scenes.base import Scene


def write(run: Run, config: Config, scenes: Sequence[Scene], surfaces: Sequence[Surface | None], device: torch.device,
          step: int, summary: Record) -> tuple[Path, Path]:
    """The page and the picture. surfaces: each scene's ``solids.extract``. summary: the run's, of that step.

    Runs of a sweep share the page's program, which then lies in the sweep's folder.
    """
    make_folder(run.save, "RUN", within=True)
    image = write_png(run.save / POSTER, page.poster(scenes[0], config, device))
    packed = page.pack(scenes, surfaces, 2 / (RESOLUTION - 1), config, device)
    sweep = run.folder.parent
    shared = f"../../{page.share(sweep)}" if (sweep / "ledger.sqlite").is_file() else ""
    videos = [f"turntable{mark}.mp4" for _, mark in numbered(scenes)]
    return page.write(run.save / PAGE, packed, read_bytes(image), config, step,
                      _facts(config, scenes, step, summary),
                      [name for name in videos if (run.save / name).is_file()], shared), image


def of_scenes(run: Run, config: Config, scenes: Sequence[Scene], device: torch.device, step: int) -> Path:
    """The page of a run's scenes at ``step``, their surfaces found for it."""
    surfaces = [extract(config, scene, device) if has_field(scene) else None for scene in scenes]
    summary = run.summary()
    return write(run, config, scenes, surfaces, device, step, summary if summary.get("step") == step else {})[0]


def _facts(config: Config, scenes: Sequence[Scene], step: int, summary: Record) -> list[str]:
    """What the page says below its title: kind, step, counts, scores."""
    facts = [config.scene.type, f"step {step:,}"]
    if (splats := scenes[0].splats) is not None:
        facts.append(f"{len(splats):,} Gaussians")
    return facts + told(summary.get("quality"))
