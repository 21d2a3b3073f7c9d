"""The picture as a scene."""

from __future__ import annotations

import pytest
import torch

from carv3d.cameras import orbit
from carv3d.config.scenes import ImageConfig
from carv3d.scenes.image import Image


def test_every_camera_sees_the_picture():
    scene = Image(ImageConfig(size=8), generator=torch.Generator().manual_seed(0))
    out = scene.render(orbit([0.0, 90.0], 0.0, 2.0, 40.0, 8, 8), torch.zeros(2, 3))
    assert torch.equal(out.rgb[0], out.rgb[1]) and torch.equal(out.rgb[0].permute(2, 0, 1), scene.logits[0].sigmoid())
    assert out.opacity.eq(1).all() and out.depth.eq(0).all() and out.depth.shape == (2, 8, 8, 1)
    out.rgb.sum().backward()
    torch.testing.assert_close(scene.logits.grad, 2 * scene.logits.sigmoid() * (1 - scene.logits.sigmoid()))


def test_resizes_to_the_camera():
    scene = Image(ImageConfig(size=8), generator=torch.Generator().manual_seed(0))
    out = scene.render(orbit([0.0], 0.0, 2.0, 40.0, 4, 2), torch.zeros(1, 3))
    assert out.rgb.shape == (1, 2, 4, 3)
    assert out.rgb.mean().item() == pytest.approx(scene.logits.sigmoid().mean().item(), abs=1e-2)


def test_parameters_and_errors():
    scene = Image(ImageConfig(size=8), generator=torch.Generator().manual_seed(0))
    scene.update(0, torch.Generator())
    assert scene.parameter_groups({"image": 0.1}) == [{"name": "image", "params": [scene.logits], "lr": 0.1}]
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        Image(ImageConfig(size=0), generator=torch.Generator())
