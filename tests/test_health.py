"""Each fault is named where it is, and nowhere else."""

import pytest
import torch

from carv3d.cameras import RenderOut
from carv3d.quality.faults import VIEWS, warnings


def scene(kind: str) -> RenderOut:
    """Eight 32x32 views of a disc whose right half differs by view, unless the kind says otherwise."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    mask = ((x * x + y * y) < 0.5).float()[None, :, :, None].expand(VIEWS, -1, -1, -1)
    shade = torch.linspace(0.2, 0.8, VIEWS)[:, None, None, None].expand(-1, 32, 32, 3).clone()
    if kind == "janus":
        shade[VIEWS // 2] = shade[0]
    if kind == "mirrored":
        shade = shade * (0.5 + 0.3 * x)[None, :, :, None]
        shade[VIEWS // 2] = shade[0].flip(1)
    if kind == "empty":
        mask = mask * 0.005
    if kind == "full":
        mask = torch.ones_like(mask)
    if kind == "burnt":
        shade = torch.where(x > 0, 1.0, 0.0)[None, :, :, None].expand(VIEWS, -1, -1, 3) * torch.ones(VIEWS, 1, 1, 1)
        shade[VIEWS // 2] = 1 - shade[0]
    if kind == "nan":
        shade[3, 3, 3] = torch.nan
    return RenderOut(shade * mask + 1 - mask, mask, torch.zeros_like(mask))


@pytest.mark.parametrize("kind,word", [("janus", "back equals front"), ("mirrored", "back equals front"),
                                       ("empty", "empty"), ("full", "saturated"), ("burnt", "extreme colour"),
                                       ("nan", "non-finite")])
def test_faults_are_named(kind, word):
    found = warnings(scene(kind), 0, scene("good"))
    assert len([line for line in found if word in line]) == 1 and all("\n" not in line for line in found)


def test_a_good_scene_has_no_warning():
    assert warnings(scene("good"), 0, scene("good")) == []


def test_a_flat_picture_fills_every_view_and_is_not_at_fault():
    assert warnings(scene("full"), 0, scene("good"), fills=True) == []


def test_a_symmetric_object_may_look_alike_from_behind():
    assert warnings(scene("janus"), 0, scene("janus")) == []
    assert "no fault" in warnings(scene("janus"), 0, None)[0]


def test_skipped_steps_are_named():
    assert "3 steps" in warnings(scene("good"), 3, None)[0]
