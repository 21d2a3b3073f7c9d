"""The bundled teacher's networks in plain torch: diffusers' own to the bit, and taken only where they are all of it."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from carv3d import config as configuration
from carv3d import teachers
from carv3d.diffusion import loading, networks, weights
from carv3d.diffusion.settings import Settings
from carv3d.runtime.errors import UserError

FOLDER = weights.bundled()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_unet_is_diffusers(dtype):
    own, theirs = networks.load(FOLDER, dtype)[0], loading.model(FOLDER, "unet", "", dtype).eval()
    held = theirs.state_dict()
    assert held.keys() == own.state_dict().keys()
    assert all(torch.equal(value, held[name]) for name, value in own.state_dict().items())
    draws = torch.Generator().manual_seed(0)
    for rows in (1, 5, 64):
        noisy, text = torch.randn(rows, 4, 16, 16, generator=draws), torch.randn(rows, 24, 128, generator=draws)
        given = noisy.to(dtype), torch.randint(0, 1000, (rows,), generator=draws), text.to(dtype)
        with torch.no_grad():
            assert torch.equal(own(*given)[0], theirs(*given, return_dict=False)[0])


def test_the_encoder_and_its_gradient_are_diffusers():
    own, theirs = networks.load(FOLDER, torch.float32)[1], loading.model(FOLDER, "vae", "", torch.float32).eval()
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    means = [vae.encode(image).latent_dist.mean for vae in (own, theirs.requires_grad_(False))]
    assert torch.equal(*means)
    assert torch.equal(*(torch.autograd.grad(mean.square().sum(), image)[0] for mean in means))


def test_the_noise_levels_are_diffusers():
    own, theirs = networks.load(FOLDER, torch.float32)[2], loading.scheduler(FOLDER)
    assert torch.equal(own.alphas_cumprod, theirs.alphas_cumprod)
    assert own.config.prediction_type == theirs.config.prediction_type


@pytest.mark.parametrize("overrides,own", [
    ((), True), (("teacher.dtype=bfloat16",), True), (("objective.type=vsd",), False),
    (("teacher.checkpoint_encode=true",), False), (("teacher.offload=model",), False)])
def test_they_are_taken_where_nothing_more_is_asked(overrides, own):
    made = teachers.teacher(configuration.load(
        None, ["prompt=a green mug", "device=cpu", "teacher.encoder=vae", *overrides]))
    assert isinstance(made.denoiser, networks.UNet) == isinstance(made.vae, networks.Vae) == own
    assert Settings(quantize="int8").plain is False and Settings().plain


@pytest.mark.parametrize("component,name,value", [
    ("unet", "use_linear_projection", True), ("unet", "layers_per_block", 2), ("vae", "mid_block_add_attention", False),
    ("vae", "layers_per_block", 2)])
def test_another_network_is_refused_in_one_line(tmp_path, component, name, value):
    folder = tmp_path / "bundled"
    shutil.copytree(FOLDER, folder)
    path = folder / component / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(UserError, match=f"^teacher.path: the {component} of .* cannot be loaded") as told:
        networks.load(folder, torch.float32)
    assert "\n" not in str(told.value)
