"""Stable Diffusion XL (arXiv 2307.01952): a UNet that is told two text encoders' states, a pooled one and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import FamilyTeacher, encode_prompt, encoded, scaled
from carv3d.diffusion.folder import token_length
from carv3d.diffusion.loading import Network
from carv3d.runtime.devices import moved
from carv3d.runtime.types import Record


class SDXL(FamilyTeacher):
    ENGINES = ("openvino", "onnxruntime")
    TEXT = ("states", "pooled")
    WIDTH = "cross_attention_dim"

    @classmethod
    def length(cls, folder: Path, index: Record) -> int:
        return token_length(folder)

    @classmethod
    def pooled(cls, config: Network) -> int:
        """Beside the embeddings of six sizes."""
        return int(config.projection_class_embeddings_input_dim) - 6 * int(config.addition_time_embed_dim)

    @classmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        states, _, pooled, _ = encode_prompt(pipeline, prompts, do_classifier_free_guidance=False)
        return {"states": states, "pooled": pooled}

    @classmethod
    def unconditional(cls, text: Text, negative: str, index: Record) -> Text:
        """Of no prompt at all the model was told zeros."""
        if negative or not index.get("force_zeros_for_empty_prompt", True):
            return text
        return {name: torch.cat([value[:-1], torch.zeros_like(value[-1:])]) for name, value in text.items()}

    def latents(self, image: Tensor) -> Tensor:
        return scaled(self.vae, encoded(self.vae, image))

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        """Sizes: that the image had, where it was cut, that it is to have; of a render all is seen."""
        told = {"text_embeds": text["pooled"], "time_ids": self._sizes.expand(noisy.shape[0], -1).to(noisy.dtype)}
        out: Tensor = self.denoiser(noisy, time, encoder_hidden_states=text["states"], added_cond_kwargs=told,
                                    return_dict=False)[0]
        return out

    @property
    def _sizes(self) -> Tensor:
        return moved(torch.tensor([[*self.image_size, 0, 0, *self.image_size]]), self.device)
