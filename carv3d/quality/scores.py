"""How good a scene is: against the toybox's ground truth, by its shape alone, and by a CLIP model."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.quality.solids import Scores, extract, has_field, of_scene
from carv3d.runtime.errors import UserError

if TYPE_CHECKING:
    import torch

    from carv3d.export.surface import Surface
    from carv3d.quality.clip import ClipScore
    from carv3d.scenes.base import Scene

CLIP_VIEWS, CLIP_SIZE = 8, 224


def known(config: Config, scene: Scene) -> bool:
    """Whether anything is known of the scene's quality: a flat picture without a truth and without a CLIP model has no
    score."""
    return bool(registry.teacher(config).toybox or config.quality.clip or has_field(scene))


def evaluate(config: Config, scene: Scene, device: torch.device, geometry: bool = True,
             surface: Callable[[], Surface | None] | None = None) -> Scores:
    """For a teacher of the toybox: psnr, mask_iou, retrieval_top1, ... over the 16 fixed evaluation views on mid-grey,
    unlit where the scene's colour is albedo.
    With quality.clip: clip_score, the mean over eight views around it on white, left out where that model cannot be
    loaded (``clip`` says why). With geometry, of a scene that has a density: ``solids.of_scene``, which for a default
    NeRF takes some seconds where the rest takes tenths of one. Empty if nothing is known.

    surface: gives ``solids.extract`` of the scene, where somebody else needs it too."""
    from carv3d.export.images import BACKGROUNDS, all_views

    scores: Scores = {}
    out = None
    if registry.teacher(config).toybox:
        from carv3d.toybox import quality

        out = all_views(scene, quality.evaluation_cameras(), BACKGROUNDS["grey"], device)
        scores = quality.score(config.prompt, out.rgb, out.opacity[..., 0], unlit=config.light.colour == "albedo")
    if geometry and has_field(scene):
        made = surface() if surface else extract(config, scene, device)
        scores |= of_scene(config, scene, device, made, out)
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
