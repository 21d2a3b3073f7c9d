"""teacher.tile_encode: images encoded in tiles, with the gradient's way back."""

import sys
from pathlib import Path

import pytest
import torch

from carv3d import config as configuration
from carv3d import teachers
from carv3d.diffusion import footprint
from carv3d.diffusion.settings import Settings
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

own_cache = tiny.own_cache
AGAIN = "teacher.checkpoint_encode=true"
RUN = ["prompt=a corgi", "teacher.type=diffusers", "device=cpu", "data.views=1", AGAIN]


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    return lambda name: tiny_families.built(name, tmp_path_factory.getbasetemp() / "families")


def encoded(folder, *words):
    """Latents of an image and its gradient of a fixed functional of them."""
    made = teachers.teacher(tiny.make_config(folder, *RUN, "teacher.size=128", *words))
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, *made.image_size, 3, generator=generator, requires_grad=True)
    latents = made.encode(image)
    latents.backward(torch.randn(latents.shape, generator=generator))
    return latents.detach(), image.grad


@pytest.mark.parametrize("name", ["sdxl", "flux2-klein"])
def test_a_gradient_passes_and_not_all_changes(families, name):
    """Everywhere in the image; other numbers, since each tile has norms and borders of its own."""
    whole, tiled = encoded(families(name)), encoded(families(name), "teacher.tile_encode=true")
    for want, got in zip(whole, tiled, strict=True):
        assert want.shape == got.shape and got.isfinite().all()
        assert 0 < (got - want).norm() / want.norm() < 0.6
    assert (tiled[1].abs().sum(-1) > 0).all()


def test_its_gradient_is_that_of_what_it_computes(families):
    """Against a difference quotient, in the direction of the gradient."""
    made = teachers.teacher(tiny.make_config(families("sdxl"), *RUN, "teacher.size=128", "teacher.tile_encode=true"))
    made.vae.double()
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, *made.image_size, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    latents = made.encode(image)
    cotangent = torch.randn(latents.shape, generator=generator, dtype=torch.float64)
    (slope,) = torch.autograd.grad((latents * cotangent).sum(), image)
    way, step = slope / slope.norm(), 1e-4
    with torch.no_grad():
        ends = [(made.encode(image + sign * step * way) * cotangent).sum() for sign in (1, -1)]
    assert ((ends[0] - ends[1]) / (2 * step)).item() == pytest.approx(slope.norm().item(), rel=1e-4)


def test_it_holds_less(families):
    folder = families("sdxl")
    plain, whole, tiled = (footprint.of_folder(folder, Settings(size=128, checkpoint_encode=again, tile_encode=tiles), rows=1)
                           for again, tiles in ((False, True), (True, False), (True, True)))
    assert tiled.images_bytes < 0.7 * whole.images_bytes and tiled.encode_flops > whole.encode_flops
    assert plain.images_bytes > whole.images_bytes  # why it needs the other


def test_where_it_cannot_be_had_is_one_line(families):
    with pytest.raises(UserError, match="checkpoint_encode false, where every tile's") as told:
        configuration.load(None, [*RUN[:-1], "teacher.path=x", "teacher.tile_encode=true"])
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="images of 200x200, which tiles do not fill; .* multiple of 64"):
        encoded(families("sdxl"), "teacher.tile_encode=true", "teacher.size=200")
    for name in ("sana", "deepfloyd", "qwen-image"):
        with pytest.raises(UserError, match="^teacher.(checkpoint|tile)_encode: true given"):
            encoded(families(name), "teacher.tile_encode=true")
    with pytest.raises(UserError, match="no network"):
        configuration.load(None, ["prompt=a red mug", "teacher.type=exact", "teacher.tile_encode=true"])
