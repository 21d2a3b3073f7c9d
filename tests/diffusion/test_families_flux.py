"""What FLUX.1, FLUX.2 and Qwen-Image have of their own beside what ``test_families`` holds of all."""

import importlib
import importlib.machinery
import sys
import types
from pathlib import Path

import pytest
import torch

from carv3d import teachers
from carv3d.diffusion.families import check
from carv3d.diffusion.families import text as family_text
from carv3d.diffusion.families.flux import Flux
from carv3d.diffusion.families.flux2 import Flux2
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_flux
import tiny_pipeline as tiny

own_cache = tiny.own_cache
EACH = pytest.mark.parametrize("name", list(tiny_flux.CASES))


@pytest.fixture
def folder(tmp_path_factory):
    return lambda name: tiny_families.built(name, tmp_path_factory.getbasetemp() / "families")


def teacher_of(folder, *overrides):
    return teachers.teacher(tiny.make_config(folder, "teacher.type=diffusers", "data.views=1", *overrides))


@EACH
def test_an_image_has_a_gradient_through_the_encoder(folder, name):
    teacher = teacher_of(folder(name), *tiny_flux.SMALL)
    image = torch.rand(2, 48, 48, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    teacher.encode(image).square().sum().backward()
    assert image.grad.isfinite().all() and (image.grad.abs().amax((1, 2, 3)) > 0).all()


@EACH
def test_half_precision_is_the_same_prediction_to_its_rounding(folder, name):
    """Once float32 is told the time and the scale of guidance that bfloat16 makes of them, 3504 of 3500, in the pipeline
    as here: a random network is sensitive to both (measured: 3 % of the largest number; 33 % without)."""
    full, half = (teacher_of(folder(name), *tiny_flux.SMALL, f"teacher.dtype={dtype}") for dtype in ("float32", "bfloat16"))
    full.times = (full.times.bfloat16() / 1000 * 1000).float()
    full.told_guidance = 3.504
    noisy = torch.randn(2, *full.latent_shape, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([300, 700])
    want, got = (each.predict(noisy, t, each.condition(tiny.seen([0.0, 90.0]), torch.zeros(2, 3)), torch.tensor([0, 1]),
                              ("uncond", "cond")) for each in (full, half))
    for branch in want:
        assert got[branch].dtype == torch.float32
        assert (got[branch] - want[branch]).abs().max() < 0.05 * want[branch].abs().max()


@EACH
def test_prompts_encoded_together_are_those_encoded_alone(folder, name, tmp_path, monkeypatch):
    own, found = folder(name), []
    for count in (1, 32):
        monkeypatch.setattr(family_text, "AT_ONCE", count)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache of {count}"))
        prompts = ["a corgi", "a corgi that sleeps, front view", "two"]
        found.append(family_text.encode(own, check.family_of(own), prompts, "", device=torch.device("cpu")))
    alone, together = found
    assert alone.keys() == together.keys()
    for key, value in alone.items():
        assert value.shape == together[key].shape and len(value) == 4
        torch.testing.assert_close(together[key], value, rtol=1e-4, atol=1e-4)


def test_only_a_network_with_an_embedding_of_guidance_is_told_a_scale(folder):
    for name, told in (("flux-dev", True), ("flux-schnell", False), ("flux2", True), ("flux2-klein", False),
                       ("qwen-image", False)):
        own = folder(name)
        config = tiny.make_config(own, "teacher.type=diffusers", "teacher.told_guidance=2.5")
        assert check.tells_guidance(own, check.family_of(own)) == told
        if told:
            teachers.settle(config)
        else:
            with pytest.raises(UserError, match="teacher.told_guidance: 2.5 given, which has no effect"):
                teachers.settle(config)


@pytest.mark.parametrize("name", ["flux-dev", "qwen-image"])
def test_a_size_that_makes_no_whole_patches_is_refused(folder, name):
    with pytest.raises(UserError, match="teacher.size: 72 given; .* multiple of 16"):
        teacher_of(folder(name), "teacher.size=72")


def test_a_vae_that_cannot_recompute_says_so(folder):
    teacher_of(folder("flux-dev"), *tiny_flux.SMALL, "teacher.checkpoint_encode=true")
    with pytest.raises(UserError, match="teacher.checkpoint_encode: true given, which Qwen-Image cannot do"):
        teacher_of(folder("qwen-image"), *tiny_flux.SMALL, "teacher.checkpoint_encode=true")


def test_a_distilled_model_is_called_one(folder):
    for name, lines in (("flux2-klein", 0), ("flux2-klein-distilled", 1)):
        said = []
        check.check(folder(name), "given", "", False, said.append)
        assert len(said) == lines and all("distilled" in line for line in said)


def test_the_line_of_flux2_is_that_of_flux1():
    for tokens in (256, 1024, 4096, 9216):
        assert Flux2.exponent({"base_shift": 9.0}, tokens) == pytest.approx(Flux.exponent({}, tokens), abs=1e-3)


def test_the_plain_tokenizer_reads_as_the_processor_does(folder, monkeypatch):
    """FLUX.2's, on the pipeline's own conversation. Its images need torchvision; for text a name is enough."""
    from diffusers.pipelines.flux2.pipeline_flux2 import format_input

    if importlib.util.find_spec("torchvision") is None:
        for name in ("", ".transforms", ".transforms.v2", ".transforms.v2.functional"):
            stub = types.ModuleType(f"torchvision{name}")
            stub.__path__, stub.__spec__ = [], importlib.machinery.ModuleSpec(stub.__name__, None)
            monkeypatch.setitem(sys.modules, stub.__name__, stub)
        sys.modules["torchvision.transforms.v2"].functional = sys.modules["torchvision.transforms.v2.functional"]
    before = set(sys.modules)
    try:
        made = importlib.import_module("transformers.models.pixtral.processing_pixtral").PixtralProcessor
    finally:
        for name in set(sys.modules) - before:  # what was made over a stub
            del sys.modules[name]
    monkeypatch.setattr(made, "check_argument_for_proper_class", lambda *args: None)
    tokenizer = tiny_flux.plain_tokenizer(folder("flux2"))["tokenizer"]
    tokenizer.add_special_tokens({"additional_special_tokens": ["[IMG]", "[IMG_BREAK]", "[IMG_END]"]})
    processor = made(image_processor=None, tokenizer=tokenizer, chat_template=tokenizer.chat_template)
    options = {"add_generation_prompt": False, "tokenize": True, "return_dict": True, "return_tensors": "pt",
               "padding": "max_length", "truncation": True, "max_length": 512}
    for prompts in (["a corgi", "blurry, grey"], ["x" * 600], [""]):
        ours, theirs = (each.apply_chat_template(format_input(prompts), **options) for each in (tokenizer, processor))
        assert all(torch.equal(ours[name], theirs[name]) for name in ("input_ids", "attention_mask"))
        assert ours["input_ids"].shape == (len(prompts), 512)
