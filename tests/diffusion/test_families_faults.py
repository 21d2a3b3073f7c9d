"""The comparisons of ``test_families`` see what they are for: one fault at a time, planted in a family's teacher."""

import sys
from pathlib import Path

import pytest
import torch

from carv3d.diffusion.families import flux, flux2, packing, qwen_image
from carv3d.diffusion.families import text as family_text

sys.path.insert(0, str(Path(__file__).parent))

import test_families as comparisons
import tiny_families
import tiny_pipeline as tiny

own_cache = tiny.own_cache
CHECKS = {"asked": comparisons.asked_alike, "answered": comparisons.answers_alike, "decoded": comparisons.latents_alike,
          "levels": comparisons.levels_alike, "alone": lambda case, folder, teacher, latents: comparisons.alone_alike(teacher)}


# A fault is a function of pytest's monkeypatch, called before the teacher is made; what it returns is called with it.


def patch(target, name, value):
    """Another function of ours."""
    return lambda monkeypatch: monkeypatch.setattr(target, name, value)


def ask(**changes):
    """The network is given something else by these names."""
    def changed(module, args, kwargs):
        return args, {**kwargs, **{name: change(kwargs[name]) for name, change in changes.items()}}

    return lambda monkeypatch: lambda teacher: teacher.denoiser.register_forward_pre_hook(changed, with_kwargs=True)


def told(cls, **options):
    """The pipeline's encode_prompt with another option."""
    def other(pipeline, prompts):
        states = pipeline.encode_prompt(list(prompts), device="cpu", **options)[0]
        return {"states": states, "mask": torch.ones(states.shape[:2], dtype=torch.long)}

    return patch(cls, "told", other)


def negated(cls):
    own = cls.answer
    return patch(cls, "answer", lambda *args: -own(*args))


def scaled(shift, scale):
    """A VAE's shift and scale by other powers."""
    return patch(flux, "scaled", lambda vae, z: (z - shift * vae.config.shift_factor) * vae.config.scaling_factor**scale)


def channels_last(latents):
    """Packed with the channels of a patch's first latent before those of its second."""
    n, c, h, w = latents.shape
    return latents.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(n, h * w // 4, 4 * c)


def apart(tokens, height, width):
    """The inverse of ``channels_last``."""
    n, _, c = tokens.shape
    return tokens.reshape(n, height // 2, width // 2, 2, 2, c // 4).permute(0, 5, 1, 3, 2, 4).reshape(n, -1, height, width)


def turned(height, width, columns, device):
    return packing.places(height, width, columns, device)[:, [0, 2, 1, *range(3, columns)]]


def unnormalised(self, image):
    return packing.patched(flux2.encoded(self.vae, image))


def without_epsilon(monkeypatch):
    return lambda teacher: teacher.vae.register_to_config(batch_norm_eps=0.0)


def sampled(vae, image):
    return vae.encode(image).latent_dist.sample()


def set_on_teacher(name, value):
    return lambda monkeypatch: lambda teacher: setattr(teacher, name, value)


def zeroed(name):
    return lambda monkeypatch: lambda teacher: teacher.embeddings.update({name: torch.zeros_like(teacher.embeddings[name])})


def rescaled(**changes):
    """Of Qwen-Image's VAE."""
    def plant(teacher):
        teacher.vae.register_to_config(**{name: change(getattr(teacher.vae.config, name)) for name, change in changes.items()})

    return lambda monkeypatch: plant


def template_kept(monkeypatch):
    own = qwen_image.QwenImage.told.__func__

    def other(cls, pipeline, prompts):
        pipeline.prompt_template_encode_start_idx = 0
        return own(cls, pipeline, prompts)

    monkeypatch.setattr(qwen_image.QwenImage, "told", classmethod(other))


def padding_kept(monkeypatch):
    return lambda teacher: teacher.embeddings["mask"].fill_(1)


def thousandfold(time):
    return time * 1000


FAULTS = {
    "flux-dev": {
        "VAE's shift left out": ("decoded", scaled(0, 1)), "VAE's scale inverted": ("decoded", scaled(1, -1)),
        "a sample in place of the mean": ("decoded", patch(flux, "encoded", sampled)),
        "sign of the answer": ("answered", negated(flux.Flux)), "time not divided": ("asked", ask(timestep=thousandfold)),
        "ids transposed": ("asked", patch(flux, "places", turned)), "packing": ("asked", patch(flux, "packed", channels_last)),
        "unpacking": ("answered", patch(flux, "unpacked", apart)), "pooled state zero": ("asked", zeroed("pooled")),
        "states zero": ("asked", zeroed("states")), "guidance": ("asked", set_on_teacher("told_guidance", 3.5)),
        "shift of the levels": ("levels", patch(flux.Flux, "exponent", lambda scheduler, tokens: 0.5))},
    "flux-schnell": {
        "sign of the answer": ("answered", negated(flux.Flux)), "packing": ("asked", patch(flux, "packed", channels_last))},
    "flux2": {
        "guidance": ("asked", set_on_teacher("told_guidance", 3.5)), "guidance not told": ("asked", ask(guidance=lambda value: None)),
        "layers of the text encoder": ("asked", told(flux2.Flux2, text_encoder_out_layers=(9, 19, 29))),
        "batch norm left out": ("decoded", patch(flux2.Flux2, "latents", unnormalised)),
        "sign of the answer": ("answered", negated(flux2.Flux2))},
    "flux2-klein": {
        "guidance told": ("asked", ask(guidance=lambda value: torch.full((1,), 3.5))),
        "batch norm left out": ("decoded", patch(flux2.Flux2, "latents", unnormalised)),
        "batch norm's epsilon left out": ("decoded", without_epsilon),
        "a sample in place of the mean": ("decoded", patch(flux2, "encoded", sampled)),
        "order of a patch": ("decoded", patch(flux2, "patched", lambda z: channels_last(z).transpose(1, 2).unflatten(2, (4, 4)))),
        "sign of the answer": ("answered", negated(flux2.Flux2)), "time not divided": ("asked", ask(timestep=thousandfold)),
        "ids transposed": ("asked", patch(flux2, "places", turned)),
        "order of the tokens": ("asked", ask(hidden_states=lambda value: value.unflatten(1, (4, 4)).transpose(1, 2).flatten(1, 2))),
        "ids of the text left out": ("asked", ask(txt_ids=torch.zeros_like)),
        "layers of the text encoder": ("asked", told(flux2.Flux2, text_encoder_out_layers=(8, 17, 26))),
        "levels of 50 steps": ("levels", patch(flux2.Flux2, "exponent", lambda scheduler, tokens: 1.59))},
    "qwen-image": {
        "VAE's means left out": ("decoded", rescaled(latents_mean=lambda value: [0.0] * len(value))),
        "VAE's deviations inverted": ("decoded", rescaled(latents_std=lambda value: [1 / each for each in value])),
        "sign of the answer": ("answered", negated(qwen_image.QwenImage)), "time not divided": ("asked", ask(timestep=thousandfold)),
        "packing": ("asked", patch(qwen_image, "packed", channels_last)), "unpacking": ("answered", patch(qwen_image, "unpacked", apart)),
        "shape of the image": ("asked", ask(img_shapes=lambda value: [[(1, 8, 2)]])),
        "template kept": ("asked", template_kept), "padding kept": ("asked", padding_kept),
        "mask dropped": ("alone", ask(encoder_hidden_states_mask=lambda value: None)),
        "shift of the levels": ("levels", patch(qwen_image.QwenImage, "exponent", lambda scheduler, tokens: 0.5))},
}


@pytest.mark.parametrize("name,fault", [(name, fault) for name, faults in FAULTS.items() for fault in faults])
def test_a_planted_fault_is_seen(name, fault, tmp_path_factory, monkeypatch):
    check, plant = FAULTS[name][fault]
    monkeypatch.setattr(family_text, "AT_ONCE", 1)
    case, folder = tiny_families.CASES[name], tiny_families.built(name, tmp_path_factory.getbasetemp() / "families")
    after = plant(monkeypatch)
    teacher = comparisons.teacher_of(folder, *case.overrides)
    if after is not None:
        after(teacher)
    with pytest.raises(AssertionError):
        CHECKS[check](case, folder, teacher, torch.randn(1, *teacher.latent_shape, generator=torch.Generator().manual_seed(1)))
