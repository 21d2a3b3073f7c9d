"""Mistakes planted in the teachers of SANA, PixArt, Z-Image and DeepFloyd IF: the comparisons of ``test_families`` fail
for each."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import test_families
import tiny_dit
import tiny_families
import tiny_pipeline as tiny

from carv3d.diffusion.diffusers_teacher import DiffusersTeacher
from carv3d.diffusion.families import base, deepfloyd, pixart, sana, z_image
from carv3d.diffusion.families import text as family_text

own_cache, signals = tiny.own_cache, tiny.signals
ASKED, ANSWERS, LATENTS = test_families.asked_alike, test_families.answers_alike, test_families.latents_alike


def compared(name, root, monkeypatch, comparison):
    """One of the comparisons of ``test_families``, as its tests make it."""
    monkeypatch.setattr(family_text, "AT_ONCE", 1)
    case, folder = tiny_dit.CASES[name], tiny_families.built(name, root)
    teacher = test_families.teacher_of(folder, *case.overrides)
    comparison(case, folder, teacher, torch.randn(1, *teacher.latent_shape, generator=torch.Generator().manual_seed(1)))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.getbasetemp() / "families"


# ----------------------------------------------------------------------------------- mistakes, each a change of a class


def asking(change):
    """The network asked with other arguments: ``change`` of those that it is given by name."""
    def plant(cls, monkeypatch):
        own = cls.answer

        def answer(self, noisy, time, text):
            hook = self.denoiser.register_forward_pre_hook(
                lambda module, args, options: (args, change(dict(options))), with_kwargs=True, prepend=True)
            try:
                return own(self, noisy, time, text)
            finally:
                hook.remove()

        monkeypatch.setattr(cls, "answer", answer)

    return plant


def answering(change):
    """``answer`` given other latents, times or text, or its result changed: ``change`` of (own, self, ...)."""
    def plant(cls, monkeypatch):
        own = cls.answer
        monkeypatch.setattr(cls, "answer", lambda self, noisy, time, text: change(own, self, noisy, time, text))

    return plant


def encoding(change):
    """``latents`` changed."""
    def plant(cls, monkeypatch):
        own = cls.latents
        monkeypatch.setattr(cls, "latents", lambda self, image: change(own(self, image), self))

    return plant


def telling(**options):
    """Other options of the pipeline's encode_prompt than those of its call."""
    def plant(cls, monkeypatch):
        module = sys.modules[cls.__module__]
        own = base.call_defaults
        monkeypatch.setattr(module, "call_defaults", lambda pipeline, *names: {**own(pipeline, *names), **options})

    return plant


def without(name):
    return lambda options: {key: value for key, value in options.items() if key != name}


def everything_kept(own, self, noisy, time, text):
    return own(self, noisy, time, {**text, "mask": torch.ones_like(text["mask"])})


def last_kept(own, self, noisy, time, text):
    """The variance in place of the noise."""
    found = []
    hook = self.denoiser.register_forward_hook(lambda module, args, out: found.append(out[0]))
    own(self, noisy, time, text)
    hook.remove()
    return found[0][:, noisy.shape[1]:]


def other_sizes(name, change):
    def changed(options):
        sizes = options["added_cond_kwargs"]
        return {**options, "added_cond_kwargs": {**sizes, name: change(sizes[name])}}

    return asking(changed)


def negative_like_a_prompt(cls, monkeypatch):
    monkeypatch.setattr(cls, "NEGATIVE_APART", False)


def last_states(cls, monkeypatch):
    """The text encoder's last hidden states, which are normed."""
    def forward(self, *inputs, **options):
        found = self.load().to(self.device).eval()(*inputs, **options)
        found.hidden_states = (*found.hidden_states[:-2], found.last_hidden_state, found.last_hidden_state)
        return found

    monkeypatch.setattr(family_text.OneAtATime, "forward", torch.no_grad()(forward))


def scaled_otherwise(latents, self):
    return latents * 1.01


def zero_to_one(cls, monkeypatch):
    """Images in [0,1] to a network of images in [-1,1]."""
    own = DiffusersTeacher.encode
    monkeypatch.setattr(cls, "encode", lambda self, rgb: own(self, (rgb + 1) / 2))


def turned(own, self, noisy, time, text):
    return -own(self, noisy, time, text)


def later(own, self, noisy, time, text):
    return own(self, noisy, time + 1, text)


FAULTS = {
    "sana: the scale of its latents": ("sana", sana.SANA, encoding(scaled_otherwise), LATENTS),
    "sana: latents not scaled": ("sana", sana.SANA, encoding(lambda z, self: z / self.vae.config.scaling_factor), LATENTS),
    "sana: its sign": ("sana", sana.SANA, answering(turned), ANSWERS),
    "sana: time not scaled": (
        "sana", sana.SANA, answering(lambda own, self, noisy, time, text: own(
            self, noisy, time / self.denoiser.config.timestep_scale, text)), ASKED),
    "sana: time from 0 to 1": ("sana_solver", sana.SANA, answering(
        lambda own, self, noisy, time, text: own(self, noisy, time / 1000, text)), ASKED),
    "sana: another time": ("sana_solver", sana.SANA, answering(later), ASKED),
    "sana: no mask": ("sana", sana.SANA, asking(without("encoder_attention_mask")), ASKED),
    "sana: a mask of everything": ("sana", sana.SANA, answering(everything_kept), ASKED),
    "sana: no instruction": ("sana", sana.SANA, telling(complex_human_instruction=None), ASKED),
    "sana: an instruction before the negative prompt": ("sana", sana.SANA, negative_like_a_prompt, ASKED),
    "alpha: the scale of its latents": ("pixart_alpha", pixart.PixArt, encoding(scaled_otherwise), LATENTS),
    "alpha: its sign": ("pixart_alpha", pixart.PixArt, answering(turned), ANSWERS),
    "alpha: the variance kept": ("pixart_alpha", pixart.PixArt, answering(last_kept), ANSWERS),
    "alpha: another time": ("pixart_alpha", pixart.PixArt, answering(later), ASKED),
    "alpha: no resolution": ("pixart_alpha", pixart.PixArt, other_sizes("resolution", torch.zeros_like), ASKED),
    "alpha: the resolution of its training": (
        "pixart_alpha", pixart.PixArt, other_sizes("resolution", lambda size: torch.full_like(size, 1024)), ASKED),
    "alpha: the aspect's inverse": (
        "pixart_alpha", pixart.PixArt, other_sizes("aspect_ratio", lambda ratio: ratio * 1.5), ASKED),
    "alpha: no mask": ("pixart_alpha", pixart.PixArt, asking(without("encoder_attention_mask")), ASKED),
    "alpha: sigma's length": ("pixart_alpha", pixart.PixArt, telling(max_sequence_length=300), ASKED),
    "sigma: alpha's length": ("pixart_sigma", pixart.PixArt, telling(max_sequence_length=120), ASKED),
    "sigma: the variance kept": ("pixart_sigma", pixart.PixArt, answering(last_kept), ANSWERS),
    "sigma: a mask of everything": ("pixart_sigma", pixart.PixArt, answering(everything_kept), ASKED),
    "z-image: the scale of its latents": ("z_image", z_image.ZImage, encoding(scaled_otherwise), LATENTS),
    "z-image: latents not shifted": ("z_image", z_image.ZImage, encoding(
        lambda z, self: z + self.vae.config.shift_factor * self.vae.config.scaling_factor), LATENTS),
    "z-image: its sign": ("z_image", z_image.ZImage, answering(turned), ANSWERS),
    "z-image: s and not 1 - s": ("z_image", z_image.ZImage, answering(
        lambda own, self, noisy, time, text: own(self, noisy, 1000 - time, text)), ASKED),
    "z-image: time not divided": ("z_image", z_image.ZImage, answering(
        lambda own, self, noisy, time, text: own(self, noisy, 1000 - 1000 * (1000 - time), text)), ASKED),
    "z-image: prompts padded": ("z_image", z_image.ZImage, answering(everything_kept), ASKED),
    "z-image: last states": ("z_image", z_image.ZImage, last_states, ASKED),
    "if: its sign": ("deepfloyd", deepfloyd.IF, answering(turned), ANSWERS),
    "if: the variance kept": ("deepfloyd", deepfloyd.IF, answering(last_kept), ANSWERS),
    "if: all channels": ("deepfloyd", deepfloyd.IF, answering(lambda own, self, noisy, time, text: torch.cat(
        [own(self, noisy, time, text)] * 2, 1)), ANSWERS),
    "if: another time": ("deepfloyd", deepfloyd.IF, answering(later), ASKED),
    "if: images in [0,1]": ("deepfloyd", deepfloyd.IF, zero_to_one, LATENTS),
    "if: captions as they are written": ("deepfloyd", deepfloyd.IF, telling(clean_caption=False), ASKED),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_planted_mistake_fails_the_comparison(fault, root, monkeypatch):
    name, cls, plant, comparison = FAULTS[fault]
    if fault.startswith("if: captions"):  # a stand-in for cleaning, which needs libraries that need not be here
        from diffusers import IFPipeline

        own = IFPipeline._text_preprocessing
        monkeypatch.setattr(IFPipeline, "_text_preprocessing", lambda self, text, clean_caption=False: own(
            self, [f"{each} clean" if clean_caption else each for each in ([text] if isinstance(text, str) else text)]))
    monkeypatch.setattr(family_text, "kept", lambda digest, prompts, make, names: [make([text])[0] for text in prompts])
    compared(name, root, monkeypatch, comparison)  # without it, and without a cache
    plant(cls, monkeypatch)
    with pytest.raises(AssertionError):
        compared(name, root, monkeypatch, comparison)
