"""carv3d eval: how close a scene is to the toybox's ground truth for its prompt."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from carv3d import build, checkpoint
from carv3d.errors import UserError
from carv3d.runs import Run


def evaluate(prompt: str, scene: Any, device: Any) -> dict[str, Any]:
    """psnr, mask_iou, retrieval_top1, ... over the 16 fixed evaluation views on mid-grey."""
    from carv3d.export.pictures import BACKGROUNDS, all_views
    from carv3d.toybox import quality

    out = all_views(scene, quality.evaluation_cameras(), BACKGROUNDS["grey"], device)
    return quality.score(prompt, out.rgb, out.opacity[..., 0])


def main(args: Namespace) -> int:
    from carv3d.commands.train import numbered, of_particles

    run = Run.open(args.run)
    config = run.config()
    if not config.teacher.toybox:
        raise UserError(f"{run.folder}: its teacher is {config.teacher.path}, so no ground truth is known; carv3d eval "
                        "scores runs of the teachers bundled and exact")
    scenes, device, step = build.trained_scenes(config, checkpoint.newest(run.ckpts))
    scores = [evaluate(config.prompt, scene, device) for scene in scenes]
    for score, (_, mark) in zip(scores, numbered(scenes), strict=True):
        for name, value in score.items():
            print(f"{name}{mark}: {value:.4f}" if isinstance(value, float) else f"{name}{mark}: {value}")
    run.write_summary({**run.summary(), "step": step, **of_particles(scores)})
    print(run.folder / "summary.json")
    return 0
