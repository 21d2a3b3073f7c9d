"""How good a scene is: against the toybox's ground truth, and by a CLIP model."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError

if TYPE_CHECKING:
    import torch

    from carv3d.quality.clip import ClipScore
    from carv3d.scenes.base import Scene

Scores: TypeAlias = dict[str, float | int | bool | str]  # name -> value
CLIP_VIEWS, CLIP_SIZE = 8, 224


def evaluate(config: Config, scene: Scene, device: torch.device) -> Scores:
    """For a teacher of the toybox: psnr, mask_iou, retrieval_top1, ... over the 16 fixed evaluation views on mid-grey.
    With quality.clip: clip_score, the mean over eight views around it on white, left out where that model cannot be
    loaded (``clip`` says why). Empty if nothing is known."""
    from carv3d.export.images import BACKGROUNDS, all_views

    scores: Scores = {}
    if registry.teacher(config).toybox:
        from carv3d.toybox import quality

        out = all_views(scene, quality.evaluation_cameras(), BACKGROUNDS["grey"], device)
        scores = quality.score(config.prompt, out.rgb, out.opacity[..., 0])
    if config.quality.clip and (model := _clip_or_none(config, device)):
        from carv3d.cameras import turntable

        cameras = turntable(CLIP_VIEWS, 15.0, *config.data.middle_camera, CLIP_SIZE)
        views = all_views(scene, cameras, BACKGROUNDS["white"], device).rgb
        scores["clip_score"] = model(config.prompt, views)
    return scores


def clip(config: Config, device: torch.device) -> ClipScore:
    """The model in quality.clip, kept between scores; UserError where it cannot be loaded."""
    return _clip(config.quality.clip, str(device))


def _clip_or_none(config: Config, device: torch.device) -> ClipScore | None:
    try:
        return clip(config, device)
    except UserError:
        return None


@lru_cache(maxsize=1)
def _clip(path: str, device: str) -> ClipScore:
    from carv3d.quality.clip import ClipScore

    return ClipScore(path, device)
