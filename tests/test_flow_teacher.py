"""Training a flow teacher: exact resume, and a folder in Stable Diffusion 3's format that plain diffusers and carv3d
load, whose network is told views."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from carv3d import lights
from carv3d.cameras import orbit
from carv3d.diffusion import weights
from carv3d.diffusion.families import base, text
from carv3d.diffusion.families.check import family_of
from carv3d.diffusion.prompts import view_weights
from carv3d.diffusion.settings import Settings
from carv3d.diffusion.view_vector import GROUPS
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

from scripted import ROOT, resumes, script

PROMPT = "a red mug, front view"
training = script("train_teacher")
flow = training.flow_teacher
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def settings():
    return training.load_settings(ROOT / "configs/teacher/flow.yaml", [
        "data.pictures=24", "flow.width=32", "flow.layers=2", "flow.heads=2", "flow.train.steps=6",
        "flow.train.batch=4", "flow.train.checkpoint_every=3", "flow.train.ema=0.5", "flow.compile=false", "device=cpu"])


@pytest.fixture(scope="module")
def trained(settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("flow teacher")
    training.run(settings, out)
    return out


def test_a_resumed_training_equals_an_uninterrupted_one(settings, trained, tmp_path):
    """Bit for bit, at a checkpoint (3) and between two (5); a control with another seed differs."""
    data = torch.load(trained / "latents.pt", weights_only=True)
    train = partial(flow.train, settings.flow, settings.data, base=weights.bundled(), data=data, device=CPU)
    resumes(train, trained / "denoiser", tmp_path)


def test_latents_are_those_of_the_autoencoder_that_it_takes(trained):
    """Of unit size, by the small encoder, as the teacher that it belongs to sees pictures."""
    saved = torch.load(trained / "latents.pt", weights_only=True)
    config = json.loads((weights.bundled() / "vae" / "config.json").read_text())
    assert float(saved["scale"]) == pytest.approx(config["scaling_factor"])
    assert 0.5 < saved["latents"].float().std() < 2.0


def loaded(folder: Path, **options):
    family = family_of(folder)
    told = text.encode(folder, family, [PROMPT], "", device=CPU)
    return base.load(folder, family, told, Settings(), weights_of=partial(view_weights, views=1), device=CPU, **options)


def test_the_folder_is_one_of_stable_diffusion_3(trained, monkeypatch, tmp_path):
    """Plain diffusers makes a picture; what the network is told of a prompt is what that pipeline tells it: no token of
    T5. Control: without the line in model_index.json there are 256."""
    from diffusers import StableDiffusion3Pipeline

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = trained / "teacher"
    assert not [path for path in folder.rglob("*.json") if str(ROOT) in path.read_text()]  # of this machine nothing
    weights.locate(str(folder))
    pipeline = StableDiffusion3Pipeline.from_pretrained(folder, torch_dtype=torch.float32, text_encoder_3=None,
                                                        tokenizer_3=None)
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline(PROMPT, num_inference_steps=2, max_sequence_length=0, output_type="np").images[0]
    assert image.shape == (64, 64, 3)
    want, empty, pooled, none = pipeline.encode_prompt(PROMPT, None, None, negative_prompt="", max_sequence_length=0)
    teacher = loaded(folder)
    assert teacher.latent_shape == (4, 16, 16) and teacher.image_size == (64, 64)
    assert torch.equal(teacher.embeddings["states"], torch.cat([want, empty]))
    assert torch.equal(teacher.embeddings["pooled"], torch.cat([pooled, none]))
    index = json.loads((folder / "model_index.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    for part in folder.iterdir():
        (other / part.name).symlink_to(part)
    (other / "model_index.json").unlink()
    (other / "model_index.json").write_text(json.dumps({key: index[key] for key in index if "_max" not in key}))
    assert loaded(other).embeddings["states"].shape[1] == want.shape[1] + 256
    for given, said in ((-1, "-1"), (True, "True"), (513, "513"), ("none", "'none'")):
        (other / "model_index.json").write_text(json.dumps({**index, "_max_sequence_length": given}))
        with pytest.raises(UserError, match=f"_max_sequence_length {said}; allowed: whole numbers from 0 to 512"):
            loaded(other)


def test_a_teacher_answers_as_the_network_that_was_trained(settings, trained, monkeypatch, tmp_path):
    """Told the same of a view, before and after the export, within its half precision; told another, otherwise."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = torch.load(trained / "latents.pt", weights_only=True)
    model = flow.train(settings.flow, settings.data, 0, trained / "denoiser", weights.bundled(), data, CPU)
    teacher = loaded(trained / "teacher")
    cameras, grey, light = orbit([10.0, 200.0], [5.0, 40.0], [2.6, 2.7], 40.0, 32, 32), torch.full((2, 3), 0.5), \
        lights.fixed(2)
    noisy, t = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([200, 700])
    condition = teacher.condition(cameras, grey, light)
    with torch.no_grad():
        got = teacher.ask(noisy, t, {key: value[:1].expand(2, *value.shape[1:])
                                     for key, value in teacher.embeddings.items()}, condition.shift)
        seen, time = teacher._seen(noisy, t)
        vector = training.view_vector(cameras, grey, light)
        told = {key: value[:1].expand(2, *value.shape[1:]) for key, value in teacher.embeddings.items()}
        want = model(seen, time / 1000.0, told["states"], told["pooled"], vector)
        assert (got - want).norm() < 0.01 * want.norm()
        other = model(seen, time / 1000.0, told["states"], told["pooled"], vector.flip(0))
        assert (other - want).norm() > 0.02 * want.norm()


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_told_can_be_chosen(trained, monkeypatch, tmp_path, group):
    """Of the groups of what is known of a view, one changes the answer if it is told, and not otherwise."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cameras, grey = orbit([10.0], [5.0], [2.6], 40.0, 32, 32), torch.full((1, 3), 0.5)
    asked = {"camera": (orbit([100.0], [5.0], [2.6], 40.0, 32, 32), grey, None), "background": (cameras, grey / 2, None),
             "light": (cameras, grey, lights.fixed(1))}[group]
    for told, differs in (((group,), True), (tuple(set(GROUPS) - {group}), False)):
        teacher = loaded(trained / "teacher", told=told)
        one, two = teacher.condition(cameras, grey, None).shift, teacher.condition(*asked).shift
        assert torch.equal(one, two) != differs


def test_another_network_is_one_line():
    with pytest.raises(UserError) as caught:
        training.load_settings(ROOT / "configs/teacher/flow.yaml", ["network=flux"])
    assert "'flux' given; allowed: unet, sd3" in str(caught.value)
