"""SANA, PixArt, Z-Image and DeepFloyd IF beside what every family is tested for: prompts of different lengths, VSD's
layers and camera, folders that are refused, older folders."""

import sys
from pathlib import Path

import pytest
import torch

from carv3d import teachers
from carv3d.cameras import orbit
from carv3d.diffusion.additions import Additions
from carv3d.diffusion.families import base, check, table
from carv3d.diffusion.families import text as family_text
from carv3d.diffusion.lora import LoRAScore
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

import tiny_dit
import tiny_families
import tiny_pipeline as tiny

own_cache, signals = tiny.own_cache, tiny.signals
CAMERAS = orbit([0.0, 90.0, 200.0], [10.0, 30.0, 75.0], 2.6, 40.0, 8, 8)
NAMES = pytest.mark.parametrize("name", list(tiny_dit.CASES))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """built(name): the folder of a tiny pipeline, not to be changed."""
    return lambda name: tiny_families.built(name, tmp_path_factory.getbasetemp() / "families")


def made(folder, name, *overrides):
    return teachers.teacher(tiny.make_config(folder, "teacher.type=diffusers", *tiny_dit.CASES[name].overrides, *overrides))


def question(teacher):
    view = torch.arange(3).repeat(2)
    noisy = torch.randn(6, *teacher.latent_shape, generator=torch.Generator().manual_seed(1))
    return noisy, torch.tensor([120, 437, 880, 300, 600, 50]), teacher.condition(CAMERAS, torch.zeros(3, 3)), view


@NAMES
def test_prompts_encoded_together_are_prompts_encoded_alone(built, name, monkeypatch, tmp_path):
    """View words make prompts of different lengths; the negative one has another still."""
    found = []
    for count in (1, 32):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache {count}"))
        monkeypatch.setattr(family_text, "AT_ONCE", count)
        teacher = made(built(name), name, "data.views=4", "prompts.negative=a much longer one, blurry, grey and dull")
        with torch.no_grad():
            found.append(teacher.predict(*question(teacher), ("uncond", "cond")))
    for branch in ("uncond", "cond"):
        assert (found[0][branch] - found[1][branch]).abs().max() < 2e-5 * found[0][branch].abs().max()
    lengths = teacher.embeddings.get("mask", torch.zeros(5, 1)).sum(1)
    assert "mask" not in teacher.TEXT or len(set(lengths.tolist())) >= 4


def test_sana_is_told_its_instruction_before_a_prompt_and_none_before_a_negative_one(built):
    """The same words as a prompt and as the negative one are told otherwise, in the cache too."""
    for _ in range(2):  # made, then read
        teacher = made(built("sana"), "sana", "data.views=1", "prompts.negative=a corgi")
        states = teacher.embeddings["states"]
        assert states.shape[1] == 300 and (states[0] - states[1]).abs().max() > 0.1
    alone = made(built("pixart_sigma"), "pixart_sigma", "data.views=1", "prompts.negative=a corgi").embeddings["states"]
    assert alone.shape[1] == 300 and torch.equal(alone[0], alone[1])


@NAMES
def test_limits_are_what_the_pipeline_reads(built, name):
    """The last token that the table counts still has a say, and the next one none."""
    folder = built(name)
    family = table.of(type(tiny_dit.CASES[name].make()).__name__)
    limit = family.lengths["tokenizer"]
    cls = base.teacher_of(family)
    pipeline = family_text._pipeline(folder, family, base.as_object(folder / "model_index.json", ""),
                                     ["text_encoder", "tokenizer"], "", torch.device("cpu"), Additions())

    def told(text):
        assert len(pipeline.tokenizer(text)["input_ids"]) == len(text) + own
        return cls.told(pipeline, [text])["states"]

    own = len(pipeline.tokenizer("a")["input_ids"]) - 1  # a start, an end, a space
    full = "a" * (limit - own)
    last, beyond = full[:-1] + "b", full + "b"
    assert not torch.equal(told(full), told(last))
    assert torch.equal(told(beyond), told(full + "c"))


@NAMES
def test_vsd_adds_layers_and_a_camera(built, name):
    """Without effect before they are trained; then both have one, and the teacher itself stays as it was."""
    teacher = made(built(name), name, "data.views=4")
    asked = question(teacher)
    with torch.no_grad():
        before = teacher.predict(*asked, ("cond",))["cond"]
        score = LoRAScore(teacher, 2, 0)
        start = score(*asked, CAMERAS.c2w)
    assert (start - before).abs().max() < 2e-5 * before.abs().max()
    assert score.camera[2].out_features == teacher.time_width
    noise = torch.randn(6, *teacher.latent_shape, generator=torch.Generator().manual_seed(2))
    score.loss(noise[:3], noise, *asked[1:], CAMERAS.c2w).sum().backward()
    layers = {key: p.grad for key, p in score.named_parameters() if "lora_B" in key or key == "camera.2.weight"}
    assert len(layers) > 4 and all(grad.isfinite().all() for grad in layers.values())
    assert sum(float(grad.abs().max()) > 0 for grad in layers.values()) > len(layers) // 2
    with torch.no_grad():
        torch.nn.init.normal_(score.camera[2].weight, std=0.3)
        told = score(*asked, CAMERAS.c2w)
        other = score(*asked, CAMERAS.c2w.flip(0))
        after = teacher.predict(*asked, ("cond",))["cond"]
    assert (told - start).abs().max() > 1e-3 * start.abs().max() and (told - other).abs().max() > 1e-4
    assert (after - before).abs().max() < 2e-5 * before.abs().max()


@pytest.mark.parametrize("name,pipeline", [
    ("sana", "SanaSprintPipeline"), ("sana", "SanaControlNetPipeline"), ("deepfloyd", "IFSuperResolutionPipeline"),
    ("deepfloyd", "IFImg2ImgPipeline"), ("z_image", "ZImageOmniPipeline"), ("pixart_alpha", "PixArtPipeline")])
def test_other_pipelines_are_refused_in_one_line(built, name, pipeline, tmp_path):
    folder = tiny.copy(built(name), tmp_path / "folder")
    tiny.edit(folder / "model_index.json", _class_name=pipeline)
    with pytest.raises(UserError, match=f"^teacher.path: .* holds a {pipeline}; needed: .*DeepFloyd IF[^\n]*$"):
        made(folder, name, "data.views=1")


@pytest.mark.parametrize("name,changes,told", [
    ("sana", {"scheduler": ["diffusers", "DPMSolverMultistepScheduler"]}, ""),
    ("sana", {"vae": ["diffusers", "AutoencoderKL"]}, "is a AutoencoderKL; AutoencoderDC is needed"),
    ("sana", {"text_encoder": ["transformers", "Gemma2ForCausalLM"]}, "is a Gemma2ForCausalLM; Gemma2Model is needed"),
    ("z_image", {"text_encoder": ["transformers", "Qwen2Model"]}, "is a Qwen2Model; Qwen3Model or Qwen3ForCausalLM is needed"),
    ("deepfloyd", {"safety_checker": ["deepfloyd_if", "IFSafetyChecker"], "feature_extractor":
                   ["transformers", "CLIPImageProcessor"], "watermarker": ["deepfloyd_if", "IFWatermarker"]}, ""),
    ("pixart_alpha", {"transformer": ["diffusers", "Transformer2DModel"]}, ""),
])
def test_components_of_other_classes(built, name, changes, told, tmp_path):
    """Refused where they would not do; accepted where published folders name them so, and parts that teach nothing are
    left alone."""
    folder = tiny.copy(built(name), tmp_path / "folder")
    tiny.edit(folder / "model_index.json", **changes)
    if told:
        with pytest.raises(UserError, match=told):
            made(folder, name, "data.views=1")
        return
    plain, other = made(built(name), name, "data.views=1"), made(folder, name, "data.views=1")
    assert type(other.denoiser) is type(plain.denoiser)
    with torch.no_grad():
        a, b = (each.predict(*question(each), ("cond",))["cond"] for each in (plain, other))
    assert torch.equal(a, b)


def test_a_scheduler_that_could_be_of_flow_and_is_not(built, tmp_path):
    """Saved by today's diffusers, a solver of noise levels has a flow_shift that it does not use."""
    folder = tiny.copy(built("pixart_sigma"), tmp_path / "noise")
    tiny.edit(folder / "scheduler" / "scheduler_config.json", flow_shift=1.0, use_flow_sigmas=False)
    assert made(folder, "pixart_sigma", "data.views=1").prediction_type == "epsilon"
    folder = tiny.copy(built("pixart_sigma"), tmp_path / "flow")
    tiny.edit(folder / "scheduler" / "scheduler_config.json", flow_shift=3.0, use_flow_sigmas=True)
    with pytest.raises(UserError, match="of flow levels; PixArt-Sigma has noise levels"):
        made(folder, "pixart_sigma", "data.views=1")


@pytest.mark.parametrize("there", [True, False])
def test_a_vocabulary_of_sentencepiece_needs_its_package(built, there, tmp_path, monkeypatch):
    """Published folders of PixArt and IF have no other; the package may be missing here, and is stood in for."""
    folder = tiny.copy(built("pixart_alpha"), tmp_path / "folder")
    (folder / "tokenizer" / "tokenizer.json").rename(folder / "tokenizer" / "spiece.model")
    monkeypatch.setattr(check, "find_spec", lambda name: "there" if there else None)
    told = "cannot be loaded" if there else "is a spiece.model, which needs the package sentencepiece; install it$"
    with pytest.raises(UserError, match=f"^teacher.path: the tokenizer of .* {told}"):
        made(folder, "pixart_alpha", "data.views=1")


@pytest.mark.parametrize("name", ["sana", "deepfloyd"])
def test_what_cannot_be_recomputed_is_refused(built, name):
    with pytest.raises(UserError, match="^teacher.checkpoint_encode: true given, which .* cannot do; leave it false$"):
        made(built(name), name, "data.views=1", "teacher.checkpoint_encode=true")


@NAMES
def test_gradients_reach_the_image(built, name):
    teacher = made(built(name), name, "data.views=1")
    image = torch.rand(1, 24, 24, 3, requires_grad=True)
    teacher.encode(image).square().sum().backward()
    assert image.grad.isfinite().all() and image.grad.abs().max() > 0
