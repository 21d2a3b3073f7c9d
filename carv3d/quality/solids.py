"""A scene's surface, and everything that is scored by it: against the toybox's truth, or by itself."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from carv3d.cameras import Cameras, RenderOut
    from carv3d.export.surface import Surface
    from carv3d.quality.geometry import Truth
    from carv3d.scenes.base import Scene

Scores: TypeAlias = dict[str, float | int | bool | str]

RESOLUTION = 128  # grid points per axis of the surface that is scored: steps of 1.6 hundredths of a world unit
LEAST_PART = 0.001  # share of the largest part's volume below which one is dropped: floaters count, specks do not
SEED = 20250915  # of the points on surfaces: the same mesh always has the same scores
TOLERANCE = 0.01  # of the box's diagonal, within which depths agree


def has_field(scene: Scene) -> bool:
    """Whether a scene has a density, and so a surface; a flat picture has none."""
    from carv3d.scenes.base import Scene

    return type(scene).field is not Scene.field


def extract(config: Config, scene: Scene, device: torch.device) -> Surface | None:
    """The scene's surface as ``carv3d export`` finds it, from ``RESOLUTION`` grid points per axis, its faces not
    reduced; None where it has none. With the views that find the level it takes about 1.5 s for a default NeRF on two
    cores of an EPYC, as much as everything else that is scored by it."""
    from carv3d.export import surface, unseen, volume

    views = volume.cameras(*config.data.middle_camera, config.data.elevation_range)
    try:
        solid, level = unseen.solid(scene, views, RESOLUTION, device, lambda count: None)
        height, _, _ = surface.cleaned(solid.grid.numpy(), level.value, LEAST_PART)
        return surface.triangulate(height, scene.bound)
    except UserError:
        return None


def of_scene(config: Config, scene: Scene, device: torch.device, made: Surface | None, fixed: RenderOut | None
             ) -> Scores:
    """Every score of a scene's shape. made: its ``extract``. fixed: for a teacher of the toybox, its renders of the
    toybox's evaluation views on mid-grey.

    Against the truth: ``geometry.compare``, fog, and psnr and mask_iou of views at 60 and 80 degrees. Without one: fog,
    parts, normal_roughness (degrees) and depth_consistency. Fog is the share of all rendered opacity, over the views
    around and the high ones, in pixels that see nothing of the true object; without a truth, in pixels of an opacity
    below 0.5.
    """
    from carv3d.export.images import BACKGROUNDS, all_views
    from carv3d.quality import pixels

    scores = of_mesh(config, made)
    if fixed is not None:
        high = _high_cameras()
        out = all_views(scene, high, BACKGROUNDS["grey"], device)
        true_rgb, true_opacity = _true_views(config.prompt, config.light.colour == "albedo")
        return {**scores, "fog": pixels.fog(_opacities(fixed, out), pixels.beside(true_opacity)),
                **pixels.high_scores(out.rgb, out.opacity[..., 0], true_rgb[-len(high):], true_opacity[-len(high):])}
    ring = pixels.ring_cameras(*config.data.middle_camera)
    around, above = (all_views(scene, cameras, BACKGROUNDS["white"], device)
                     for cameras in (ring, pixels.high_cameras(*config.data.middle_camera)))
    seen = _opacities(around, above)
    agreed = pixels.depth_consistency(around, ring, TOLERANCE * 2 * scene.bound * 3**0.5)
    return {**scores, "fog": pixels.fog(seen, seen < 0.5), "depth_consistency": agreed}


def of_mesh(config: Config, made: Surface | None) -> Scores:
    """What the mesh alone can be scored by: ``geometry.compare`` where the prompt is one of the toybox, otherwise parts
    and normal_roughness. None, no surface: the worst there is."""
    from carv3d.quality import geometry

    vertices, faces = (made.vertices, made.faces) if made else (np.zeros((0, 3)), np.zeros((0, 3), int))
    if true := _truth_or_none(config):
        return {**geometry.compare(vertices, faces, true, np.random.default_rng(SEED))}
    return {"parts": geometry.parts(vertices, faces), "normal_roughness": geometry.roughness(vertices, faces)}


def _truth_or_none(config: Config) -> Truth | None:
    if not registry.teacher(config).toybox:
        return None
    from carv3d.toybox.grammar import parse

    try:
        spec = parse(config.prompt)
    except UserError:  # a teacher of a user's checks its prompts itself
        return None
    return _truth(spec.kind, spec.under.kind if spec.under else None)


@lru_cache(maxsize=8)
def _truth(kind: str, under: str | None) -> Truth:
    """Of any colours."""
    from carv3d.quality import geometry
    from carv3d.toybox import distance
    from carv3d.toybox.grammar import Spec

    spec = Spec(kind, "red", under=Spec(under, "red") if under else None)
    return geometry.truth(*distance.mesh(spec), np.random.default_rng(SEED),
                          lambda low, step, shape: distance.on_grid(spec, low, step, shape) < 0)


@lru_cache(maxsize=8)
def _true_views(prompt: str, unlit: bool) -> tuple[Tensor, Tensor]:
    """What the evaluation views and then the high ones show: rgb [32,64,64,3] on mid-grey, opacity [32,64,64]."""
    import torch

    from carv3d.toybox import quality

    seen = [quality.views(prompt, cameras, quality.BACKGROUND, unlit)
            for cameras in (quality.evaluation_cameras(), _high_cameras())]
    return torch.cat([out.rgb for out in seen]), torch.cat([out.opacity[..., 0] for out in seen])


def _high_cameras() -> Cameras:
    """At the distance and the field of view of the evaluation views."""
    from carv3d.quality.pixels import high_cameras
    from carv3d.toybox.quality import evaluation_cameras

    fixed = evaluation_cameras()
    return high_cameras(fixed.distance[0].item(), fixed.fovy_deg[0].item())


def _opacities(*outs: RenderOut) -> Tensor:
    """Of all their views, [B,H,W]."""
    import torch

    return torch.cat([out.opacity[..., 0] for out in outs])
