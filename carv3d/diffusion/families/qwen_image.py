"""Qwen-Image (arXiv 2508.02324): a flow model told Qwen2.5-VL's states, over the latents of a VAE of videos."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import encode_prompt, encoded
from carv3d.diffusion.families.packing import Packed, packed, unpacked
from carv3d.diffusion.loading import Network

LENGTH = 512  # tokens of a prompt that its pipeline reads


class QwenImage(Packed):
    """Guidance is plain: its pipeline gives each token of the guided answer the length of the conditional one's, after
    the network, which no objective of ours does. mask: of prompts shorter than others, as integers.

    Its scheduler's shift_terminal, where a solver's last step lies, is no part of how its levels are spread.
    """

    TEXT = ("states", "mask")
    LENGTH, SHORTER = LENGTH, True

    def __init__(self, *parts: Network, **options: Network):
        super().__init__(*parts, **options)
        if self.vae is not None:
            self.vae.decoder = nn.Identity()  # whose layers it counts before it encodes

    @classmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        states, mask = encode_prompt(pipeline, prompts, max_sequence_length=LENGTH)
        return {"states": states, "mask": states.new_ones(states.shape[:2], dtype=torch.long) if mask is None else mask}

    @classmethod
    def factor(cls, vae: Network) -> int:
        return int(2 ** len(vae.temperal_downsample))

    def latents(self, image: Tensor) -> Tensor:
        """Of a video of one frame, each channel by its own mean and deviation."""
        config, found = self.vae.config, encoded(self.vae, image[:, :, None])[:, :, 0]
        mean, deviation = (torch.tensor(value, dtype=found.dtype, device=found.device).reshape(1, -1, 1, 1)
                           for value in (config.latents_mean, config.latents_std))
        return (found - mean) / deviation

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        """Told as many tokens as the longest of these prompts has; a mask only where another has fewer, as its pipeline
        does."""
        n, _, height, width = noisy.shape
        length = int(text["mask"].sum(1).max())
        mask = text["mask"][:, :length]
        out: Tensor = self.denoiser(
            hidden_states=packed(noisy), timestep=time.to(noisy.dtype) / 1000,
            encoder_hidden_states=text["states"][:, :length], encoder_hidden_states_mask=None if mask.all() else mask,
            img_shapes=[[(1, height // 2, width // 2)]] * n, return_dict=False)[0]
        return unpacked(out, height, width)

    @property
    def time_embedding(self) -> nn.Module:
        found: nn.Module = self.denoiser.time_text_embed
        return found
