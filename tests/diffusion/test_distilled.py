"""Models of few steps: what tells them, the one line that is said, and that they are not guided unless asked."""

import sys
from pathlib import Path

import pytest

from carv3d import teachers
from carv3d.diffusion import weights
from carv3d.diffusion.families import distilled

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

own_cache, pipelines, hub = tiny.own_cache, tiny.pipelines, tiny.hub
GUIDED = {"sd15": 100, "sdxl": 100, "sd3": 100, "flux-dev": 1, "flux2": 1, "flux2-klein": 50, "qwen-image": 50, "sana": 50,
          "pixart_alpha": 100, "pixart_sigma": 100, "z_image": 50, "deepfloyd": 20}


@pytest.fixture
def model(pipelines, tmp_path_factory):
    root = tmp_path_factory.getbasetemp() / "families"
    return lambda name: pipelines(name) if name in tiny.SHAPES else tiny_families.built(name, root)


def said(folder, given=""):
    lines = []
    assert weights.locate(given or str(folder), announce=lines.append)
    return lines


def guidance(folder):
    return tiny.make_config(folder, "teacher.type=diffusers", "data.views=1").objective.guidance_scale


@pytest.mark.parametrize("name", GUIDED)
def test_models_of_many_steps_have_their_familys_guidance_and_no_line(model, name):
    assert guidance(model(name)) == GUIDED[name] and said(model(name)) == []


@pytest.mark.parametrize("name,change,why", [
    ("sd15", lambda folder: tiny.edit(folder / "scheduler" / "scheduler_config.json", _class_name="LCMScheduler"), "LCMScheduler"),
    ("sdxl", lambda folder: tiny.edit(folder / "model_index.json", _name_or_path="stabilityai/sdxl-turbo"), "says turbo"),
    ("sdxl", lambda folder: folder.rename(folder.with_name("XL_Lightning_4step")), "says Lightning"),
    ("sd15", lambda folder: folder.rename(folder.with_name("dreamshaper-LCM")), "says LCM"),
    ("flux-schnell", lambda folder: folder.rename(folder.with_name("flux")), "no guidance_embeds"),
    ("flux2-klein-distilled", lambda folder: None, "is_distilled"),
    ("z_image", lambda folder: folder.rename(folder.with_name("Z-Image-Turbo")), "says Turbo"),
])
def test_models_of_few_steps_are_said_to_be(model, tmp_path, name, change, why):
    folder = tiny.copy(model(name), tmp_path / "copy")
    folder = change(folder) or folder
    (line,) = said(folder)
    assert why in line and "\n" not in line and "#365" in line and guidance(folder) == 1
    config = tiny.make_config(folder, "teacher.type=diffusers", "data.views=1", "objective.guidance_scale=7")
    assert config.objective.guidance_scale == 7


@pytest.mark.parametrize("name", ["calcmodel", "turbine", "lcmodel"])
def test_names_that_only_look_like_it(model, tmp_path, name):
    assert distilled.distilled(tiny.copy(model("sd15"), tmp_path / "lightning" / name), f"lightning/{name}") == ""


def test_the_name_of_a_model_on_the_hub_tells_it_too(model, hub):
    """Where the guidance is known only once it is there."""
    tiny.cached(hub, model("sd15"), "owner/sd-turbo")
    config = tiny.make_config("owner/sd-turbo", "teacher.type=diffusers", "data.views=1", "teacher.offline=true")
    assert config.objective.guidance_scale == "auto"
    teachers.settle(config)
    assert config.objective.guidance_scale == 1
