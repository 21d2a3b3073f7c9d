"""PixArt-alpha and PixArt-Sigma (arXiv 2310.00426, 2403.04692): a transformer that predicts noise and its variance,
told the states of T5 with a mask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import FamilyTeacher, call_defaults, encode_prompt, encoded, scaled
from carv3d.diffusion.loading import Network
from carv3d.runtime.types import Record


class PixArt(FamilyTeacher):
    TEXT = ("states", "mask")
    WIDTH = "caption_channels"

    @classmethod
    def length(cls, folder: Path, index: Record) -> int:
        """Of Sigma, and of alpha."""
        return 300 if index["_class_name"] == "PixArtSigmaPipeline" else 120

    @classmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        states, mask, _, _ = encode_prompt(pipeline, prompts, do_classifier_free_guidance=False,
                                           **call_defaults(pipeline, "clean_caption", "max_sequence_length"))
        return {"states": states, "mask": mask}

    def latents(self, image: Tensor) -> Tensor:
        return scaled(self.vae, encoded(self.vae, image))

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        """Of twice the latents' channels the first half are noise."""
        out: Tensor = self.denoiser(noisy, encoder_hidden_states=text["states"], encoder_attention_mask=text["mask"],
                                    timestep=time, added_cond_kwargs=self._sizes(len(noisy), text["states"].dtype),
                                    return_dict=False)[0]
        return out[:, :noisy.shape[1]]

    def _sizes(self, count: int, dtype: torch.dtype) -> dict[str, Tensor | None]:
        """What PixArt-alpha of 1024 pixels was told of its images; the others were told nothing."""
        if self.index["_class_name"] != "PixArtAlphaPipeline" or self.denoiser.config.sample_size != 128:
            return {"resolution": None, "aspect_ratio": None}
        height, width = self.image_size
        return {"resolution": torch.tensor([[height, width]], dtype=dtype, device=self.device).expand(count, -1),
                "aspect_ratio": torch.tensor([[height / width]], dtype=dtype, device=self.device).expand(count, -1)}

    @property
    def time_embedding(self) -> nn.Module:
        """Of the time alone: what is told of sizes is added after it."""
        found: nn.Module = self.denoiser.adaln_single.emb.timestep_embedder
        return found
