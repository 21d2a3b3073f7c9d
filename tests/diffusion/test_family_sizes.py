"""What sizes of images each family takes, and where its prompts are encoded."""

import sys
from pathlib import Path

import pytest
import torch

from carv3d import teachers
from carv3d.cli import main
from carv3d.diffusion.additions import Additions
from carv3d.diffusion.families import base, check
from carv3d.diffusion.families import text as family_text
from carv3d.diffusion.folder import as_object
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

own_cache, pipelines = tiny.own_cache, tiny.pipelines
STEPS = {"sdxl": 8, "sana": 32, "sana_solver": 32, "deepfloyd": 2}  # pixels; of all others a patch of 2 x 2 latents has 16


@pytest.fixture(params=tiny_families.ONE_EACH)
def folder(request, tmp_path_factory):
    return tiny_families.built(request.param, tmp_path_factory.getbasetemp() / "families")


def config_of(folder, *overrides):
    return tiny.make_config(folder, "teacher.type=diffusers", "data.views=1", *overrides)


def works(teacher):
    """An image there and back, and an answer for its latents."""
    image = torch.rand(1, 20, 20, 3, requires_grad=True)
    latents = teacher.encode(image)
    latents.square().sum().backward()
    condition = teacher.condition(tiny.seen([0.0]), torch.zeros(1, 3))
    out = teacher.predict(latents.detach(), torch.tensor([500]), condition, torch.zeros(1).long(), ("cond",))["cond"]
    return out.shape == latents.shape and out.isfinite().all() and image.grad.abs().max() > 0


def test_sizes_are_whole_patches(folder):
    """An odd number of them serves; half of one more is one line, before anything is loaded and, of two, on loading."""
    step = STEPS.get(folder.name, 16)
    assert works(teachers.teacher(config_of(folder, f"teacher.size={3 * step}")))
    wrong = config_of(folder, f"teacher.size={3 * step + step // 2}")
    for call in (teachers.settle, *([teachers.teacher] if folder.name in ("sd3", "flux-dev") else [])):
        with pytest.raises(UserError, match=rf"^teacher.size: {3 * step + step // 2} given; .* multiple of {step}\b"):
            call(wrong)


def test_a_models_own_size_that_makes_no_whole_patches_asks_for_another(tmp_path, tmp_path_factory, capsys):
    copy = tiny.copy(tiny_families.built("sd3", tmp_path_factory.getbasetemp() / "families"), tmp_path / "sd3")
    tiny.edit(copy / "transformer" / "config.json", sample_size=9)
    with pytest.raises(UserError, match="^teacher.path: its transformer .* 72 pixels, .* multiple of 16, .* teacher.size$"):
        teachers.settle(config_of(copy))
    teachers.settle(config_of(copy, "teacher.size=64"))
    with pytest.raises(UserError, match="^teacher.size: 208 given; .* multiple of 16, at most 192$"):
        teachers.settle(config_of(copy, "teacher.size=208"))
    words = ["teacher.type=diffusers", "data.views=1", "teacher.size=72", f"exp_root_dir={tmp_path}/runs"]
    assert main(["train", "prompt=a corgi", f"teacher.path={copy}", "device=cpu", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "runs").exists()


def test_a_unet_takes_any_number_of_latents(pipelines, tmp_path):
    copy = tiny.copy(pipelines("sd15"), tmp_path / "sd15")
    tiny.edit(copy / "unet" / "config.json", sample_size=7)
    assert works(teachers.teacher(config_of(copy)))


def test_prompts_go_to_the_device_of_the_text_encoders(folder, monkeypatch):
    """On a device that computes nothing, as far as the pipeline gets there: what its encoders are given lies on it."""
    seen, away, forward = [], torch.device("meta"), family_text.OneAtATime.forward

    def recorded(self, *inputs, **options):
        seen.extend(value.device for value in (*inputs, *options.values()) if isinstance(value, torch.Tensor))
        return forward(self, *inputs, **options)

    monkeypatch.setattr(family_text.OneAtATime, "forward", recorded)
    family, index = check.family_of(folder), as_object(folder / "model_index.json", "")
    there = [name for name in (*family.encoders, *family.tokenizers) if (folder / name).is_dir()]
    pipeline = family_text._pipeline(folder, family, index, there, "", away, Additions())
    try:
        told = base.teacher_of(family).told(pipeline, ["a corgi"])
    except (NotImplementedError, RuntimeError):  # numbers are asked for, of which there are none
        told = {}
    assert seen and {*seen, *(value.device for value in told.values())} == {away}
