"""The small encoder that the bundled teacher has beside its VAE."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from carv3d import config as configuration
from carv3d import teachers
from carv3d.diffusion import small_encoder
from carv3d.diffusion.small_encoder import SmallEncoder
from carv3d.runtime.errors import UserError
from carv3d.toybox import sets

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import train_encoder


def teacher(*given: str):
    return teachers.teacher(configuration.load(None, ["prompt=a red cube", "teacher.dtype=float32", *given]))


@torch.no_grad()
def test_it_says_nearly_what_the_vae_says():
    """Of 64 pictures that nothing was fitted to; the control is the linear function, which says less."""
    small, vae = teacher(), teacher("teacher.encoder=vae")
    assert isinstance(small.vae, SmallEncoder) and not isinstance(vae.vae, SmallEncoder)
    images = (sets.unfinished_pictures(64, 64, 77).permute(0, 2, 3, 1) + 1) / 2
    wanted = vae.encode(images)
    variance, error = wanted.var(0).mean(), (small.encode(images) - wanted).square().mean((1, 2, 3))
    assert error.mean() < 1e-3 * variance and error.max() < 5e-3 * variance
    kernel = small.stand_in
    linear = torch.nn.functional.conv2d(2 * images.permute(0, 3, 1, 2) - 1, kernel.kernel, stride=kernel.factor,
                                        padding=kernel.padding)
    left = linear - wanted
    left -= left.mean((0, 2, 3), keepdim=True)
    assert left.square().mean() > 5e-3 * variance
    smaller = small.encode(images[:1, ::2, ::2])  # other sizes as with the VAE
    assert smaller.shape == wanted[:1].shape


def test_where_it_is_not():
    for given in ("teacher.checkpoint_encode=true", "teacher.vae=elsewhere"):
        if not given.startswith("teacher.vae"):  # auto: the VAE itself
            assert not isinstance(teacher(given).vae, SmallEncoder)
        with pytest.raises(UserError, match="given with teacher"):
            configuration.load(None, ["prompt=a red cube", "teacher.encoder=small", given])
    for kind in ("exact", "diffusers"):
        with pytest.raises(UserError, match="teacher.encoder: small given"):
            configuration.load(None, ["prompt=a red cube", "teacher.encoder=small", f"teacher.type={kind}"])
    assert configuration.parse("prompt: a red cube").teacher.encoder == "vae"  # of runs before there was one


def test_training_goes_on_to_the_bit_and_learns(tmp_path):
    settings = train_encoder.Settings(pictures=64, held=64, wide=8, deep=8)
    settings.train = train_encoder.Optimiser(60, 16, 1e-2, warmup=5, cooldown=20, checkpoint_every=30)
    whole = load_file(train_encoder.run(settings, Path(teachers.__file__).parent / "bundled", tmp_path / "a"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "pictures.pt").symlink_to(tmp_path / "a" / "pictures.pt")
    for stop in (40, None):
        again = train_encoder.run(settings, Path(teachers.__file__).parent / "bundled", tmp_path / "b", stop)
    assert whole.keys() == load_file(again).keys()
    assert all(torch.equal(value, whole[name]) for name, value in load_file(again).items())
    losses = [float(row.split(",")[1]) for row in (tmp_path / "a/encoder/loss.csv").read_text().splitlines()[1:]]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_a_file_that_does_not_fit_is_one_line(tmp_path, content):
    (tmp_path / "vae").mkdir()
    if content is not None:
        (tmp_path / small_encoder.FILE).write_bytes(content)
    with pytest.raises(UserError, match="cannot be loaded") as told:
        small_encoder.load(tmp_path, {})
    assert "\n" not in str(told.value)
