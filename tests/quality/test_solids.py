"""Scores of scenes: of a scene that is the truth, of a blank one, in fog, and of one of which nothing is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from carv3d import config as configuration
from carv3d.cameras import RenderOut, orbit
from carv3d.config.schema import Config
from carv3d.quality import pixels, scores, solids
from carv3d.scenes.base import Scene
from carv3d.toybox import distance, quality
from carv3d.toybox.grammar import parse

PROMPT, CPU = "a green mug", torch.device("cpu")


class Known(Scene):
    """The truth of a prompt as a scene: dense inside the object, and its traced images; ``seen`` changes them."""

    def __init__(self, seen: Callable[[RenderOut], RenderOut] = lambda out: out, density: float = 400.0):
        super().__init__()
        self.none, self.seen, self.most = nn.Parameter(torch.zeros(1)), seen, density

    def render(self, cameras, background, generator=None, part=slice(None)):
        return self.seen(quality.views(PROMPT, cameras[part], float(background[0, 0]), unlit=True))

    def field(self, points: Tensor) -> tuple[Tensor, Tensor]:
        apart = torch.from_numpy(distance.signed_distance(parse(PROMPT), points.numpy())).float()
        return self.most * torch.sigmoid(-apart / 0.004), torch.full((len(points), 3), 0.5)


def shown(out: RenderOut, **changed: Tensor) -> RenderOut:
    return dataclasses.replace(out, **changed)


def config(*overrides: str) -> Config:
    return configuration.load(None, [f"prompt={PROMPT}", *overrides])


def unknown() -> Config:
    return configuration.load(None, ["prompt=a corgi", "teacher.type=stable-diffusion", "teacher.path=nowhere"])


def test_the_truth_as_a_scene_scores_nearly_perfectly():
    found = scores.evaluate(config(), Known(), CPU)
    assert found["psnr"] == found["psnr_60"] == found["psnr_80"] == 100 and found["mask_iou_60"] == 1
    assert found["mask_iou_80"] == 1 and found["fog"] == 0 and found["parts_right"] and found["euler_right"]
    assert found["fscore_1"] > 0.99 and found["normal_consistency"] > 0.95 and found["volume_iou"] > 0.9, found
    assert all(math.isfinite(value) for value in found.values() if not isinstance(value, str))


def test_along_the_run_only_pixels_are_scored():
    found = scores.evaluate(config(), Known(), CPU, geometry=False)
    assert found.keys() == {"psnr", "mask_iou", "retrieval_top1", "retrieval_rank", "nearest_prompt"}
    assert scores.evaluate(unknown(), Known(), CPU, geometry=False) == {}


@pytest.mark.parametrize("blank", [
    Known(lambda out: shown(out, rgb=torch.full_like(out.rgb, 0.5), opacity=0 * out.opacity), 0.0),
    Known(lambda out: shown(out, opacity=out.opacity * math.nan, rgb=out.rgb * math.nan), math.nan)])
def test_a_scene_without_a_surface_gets_the_worst_values(blank, monkeypatch):
    monkeypatch.setattr(solids, "RESOLUTION", 32)
    found = scores.evaluate(config(), blank, CPU)
    assert found["fscore_1"] == found["fscore_2"] == found["volume_iou"] == found["parts"] == 0
    assert found["chamfer"] == 1 and found["normal_consistency"] == -1 and found["fog"] == 1
    assert not found["parts_right"] and not found["euler_right"] and found["mask_iou_60"] == 0
    assert all(math.isfinite(found[name]) for name in found.keys() - {"nearest_prompt", "psnr"})
    alone = scores.evaluate(unknown(), blank, CPU)
    assert alone == {"parts": 0, "normal_roughness": 180.0, "fog": 1.0, "depth_consistency": 0.0}


def test_without_a_truth_the_shape_is_still_scored(monkeypatch):
    """The control for depths: every view at a depth of its own."""
    monkeypatch.setattr(solids, "RESOLUTION", 80)
    found = scores.evaluate(unknown(), Known(), CPU)
    assert found.keys() == {"parts", "normal_roughness", "fog", "depth_consistency"}
    assert found["parts"] == 1 and found["normal_roughness"] < 8 and found["fog"] < 0.03
    assert found["depth_consistency"] > 0.95, found
    turns = 0.1 * torch.tensor([1.0, -1.0] * (pixels.RING_VIEWS // 2))[:, None, None, None]
    apart = Known(lambda out: shown(out, depth=out.depth + turns[:len(out.depth)]))
    assert scores.evaluate(unknown(), apart, CPU, surface=lambda: None)["depth_consistency"] < 0.3


def test_fog_by_hand():
    opacity, empty = torch.zeros(2, 8, 8), torch.ones(2, 8, 8, dtype=torch.bool)
    opacity[:, 2:4, 2:4], empty[:, 2:4, 2:4] = 1.0, False
    assert pixels.fog(opacity, empty) == 0
    opacity[0, 7, 7] = 0.5
    assert pixels.fog(opacity, empty) == pytest.approx(0.5 / 8.5) and pixels.fog(opacity * 0, empty) == 1
    assert pixels.beside(opacity).sum() == 2 * (64 - 16) - 4
    foggy = Known(lambda out: shown(out, opacity=out.opacity.clamp(min=0.1)))
    assert scores.evaluate(config(), foggy, CPU, surface=lambda: None)["fog"] > 0.1


def test_high_views_look_down_from_where_the_others_stand():
    cameras, fixed = solids._high_cameras(), quality.evaluation_cameras()
    assert cameras.elevation_deg.tolist() == [60] * 8 + [80] * 8 and (cameras.width, cameras.height) == (64, 64)
    assert set(cameras.distance.tolist()) == set(fixed.distance.tolist())
    assert set(cameras.fovy_deg.tolist()) == set(fixed.fovy_deg.tolist())


def test_a_flat_ring_of_cameras_agrees_on_a_ball():
    """A ball's depths in closed form; half as far, and nothing agrees."""
    cameras = orbit(torch.arange(16) * 22.5, 15.0, 2.65, 40.0, 64, 64)
    origins, directions = cameras.rays()
    along = -(origins * directions).sum(-1)
    square = 0.36 - (origins.square().sum(-1) - along**2)
    opacity = (square > 0).float()[..., None]
    out = RenderOut(opacity.expand(-1, -1, -1, 3), opacity, (along - square.clamp(min=0).sqrt())[..., None] * opacity)
    assert pixels.depth_consistency(out, cameras, 0.03) > 0.98
    assert pixels.depth_consistency(dataclasses.replace(out, depth=out.depth * 0.5), cameras, 0.03) < 0.1


def test_a_prompt_that_the_toybox_does_not_know_does_not_stop_an_export(monkeypatch):
    """A teacher of one's own checks its prompts itself."""
    made = config()
    made.prompt = "a red dinosaur"
    assert solids.of_mesh(made, None).keys() == {"parts", "normal_roughness"}
