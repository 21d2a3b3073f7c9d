"""How good a scene is: against the toybox's ground truth, and by a CLIP model."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from carv3d.config import registry
from carv3d.config.schema import Config

if TYPE_CHECKING:
    import torch

    from carv3d.quality.clip import ClipScore
    from carv3d.scenes.base import Scene

Scores: TypeAlias = dict[str, float | int | bool | str]  # name -> value
CLIP_VIEWS, CLIP_SIZE = 8, 224


def evaluate(config: Config, scene: Scene, device: torch.device) -> Scores:
    """For a teacher of the toybox: psnr, mask_iou, retrieval_top1, ... over the 16 fixed evaluation views on mid-grey.
    With quality.clip: clip_score, the mean over eight views around it on white. Empty if nothing is known."""
    from carv3d.export.images import BACKGROUNDS, all_views

    scores: Scores = {}
    if registry.teacher(config).toybox:
        from carv3d.toybox import quality

        out = all_views(scene, quality.evaluation_cameras(), BACKGROUNDS["grey"], device)
        scores = quality.score(config.prompt, out.rgb, out.opacity[..., 0])
    if config.quality.clip:
        from carv3d.cameras import turntable

        cameras = turntable(CLIP_VIEWS, 15.0, *config.data.middle_camera, CLIP_SIZE)
        views = all_views(scene, cameras, BACKGROUNDS["white"], device).rgb
        scores["clip_score"] = _clip(config.quality.clip, str(device))(config.prompt, views)
    return scores


@lru_cache(maxsize=1)
def _clip(path: str, device: str) -> ClipScore:
    from carv3d.quality.clip import ClipScore

    return ClipScore(path, device)
