"""SANA and SANA 1.5 (arXiv 2410.10629, 2501.18427): a flow model of an autoencoder that takes 32 pixels a side
together, told the states of Gemma-2 with a mask."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import FamilyTeacher, call_defaults, encode_prompt
from carv3d.diffusion.loading import Network
from carv3d.runtime.types import Record


class SANA(FamilyTeacher):
    """Its pipeline puts an instruction to enhance the description before a prompt, and none before a negative one."""

    ENGINES = ("openvino", "onnxruntime")
    TEXT = ("states", "mask")
    WIDTH, LENGTH = "caption_channels", 300
    NEGATIVE_APART = True

    @classmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        return cls._told(pipeline, prompts, call_defaults(pipeline, "clean_caption", "complex_human_instruction"))

    @classmethod
    def told_negative(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        return cls._told(pipeline, prompts, call_defaults(pipeline, "clean_caption"))

    @classmethod
    def _told(cls, pipeline: Network, prompts: Sequence[str], options: Record) -> Text:
        states, mask, _, _ = encode_prompt(pipeline, prompts, do_classifier_free_guidance=False, **options)
        return {"states": states, "mask": mask}

    @classmethod
    def factor(cls, vae: Network) -> int:
        return int(2 ** (len(vae.encoder_block_out_channels) - 1))

    @classmethod
    def tokens(cls, latents: int) -> int:
        """A latent is a token."""
        return latents

    def latents(self, image: Tensor) -> Tensor:
        """Its autoencoder (arXiv 2410.10733) has no posterior."""
        found: Tensor = self.vae.encode(image.to(self.vae.dtype)).latent * self.vae.config.scaling_factor
        return found

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        out: Tensor = self.denoiser(noisy, encoder_hidden_states=text["states"], encoder_attention_mask=text["mask"],
                                    timestep=time * self.denoiser.config.timestep_scale, return_dict=False)[0]
        return out

    @property
    def time_embedding(self) -> nn.Module:
        found: nn.Module = self.denoiser.time_embed.emb
        return found
