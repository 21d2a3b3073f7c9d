"""carv3d eval: how close a scene is to the toybox's ground truth for its prompt, and how CLIP likes it."""

from __future__ import annotations

from argparse import Namespace
from functools import lru_cache
from typing import Any

from carv3d import build, checkpoint
from carv3d import config as configuration
from carv3d.errors import UserError
from carv3d.runs import Run
from carv3d.schema import Config

CLIP_VIEWS, CLIP_SIZE = 8, 224


def evaluate(config: Config, scene: Any, device: Any) -> dict[str, Any]:
    """For a teacher of the toybox: psnr, mask_iou, retrieval_top1, ... over the 16 fixed evaluation views on mid-grey.
    With quality.clip: clip_score, the mean over eight views around it on white. Empty if nothing is known."""
    from carv3d.export.pictures import BACKGROUNDS, all_views

    scores: dict[str, Any] = {}
    if config.teacher.toybox:
        from carv3d.toybox import quality

        out = all_views(scene, quality.evaluation_cameras(), BACKGROUNDS["grey"], device)
        scores = quality.score(config.prompt, out.rgb, out.opacity[..., 0])
    if config.quality.clip:
        from carv3d.scenes.cameras import turntable
        from carv3d.views import middle_camera

        cameras = turntable(CLIP_VIEWS, 15.0, *middle_camera(config), CLIP_SIZE)
        views = all_views(scene, cameras, BACKGROUNDS["white"], device).rgb
        scores["clip_score"] = _clip(config.quality.clip, str(device))(config.prompt, views)
    return scores


@lru_cache(maxsize=1)
def _clip(path: str, device: str) -> Any:
    from carv3d.diffusion.clip import ClipScore

    return ClipScore(path, device)


def main(args: Namespace) -> int:
    from carv3d.commands.train import numbered, of_particles

    run = Run.open(args.run)
    for key in (configuration.split(argument)[0] for argument in args.overrides):
        if not key.startswith("quality."):
            raise UserError(f"{key}: cannot change with carv3d eval; allowed: quality.clip")
    config = run.config(args.overrides)
    build.settle_quality(config)
    if not config.teacher.toybox and not config.quality.clip:
        raise UserError(f"{run.folder}: its teacher is {config.teacher.path}, so no ground truth is known; carv3d eval "
                        "scores runs of the teachers bundled and exact, and others with quality.clip=FOLDER")
    scenes, device, step = build.trained_scenes(config, checkpoint.newest(run.ckpts))
    scores = [evaluate(config, scene, device) for scene in scenes]
    for score, (_, mark) in zip(scores, numbered(scenes), strict=True):
        for name, value in score.items():
            print(f"{name}{mark}: {value:.4f}" if isinstance(value, float) else f"{name}{mark}: {value}")
    run.write_summary({**run.summary(), "step": step, **of_particles(scores)})
    print(run.folder / "summary.json")
    return 0
