"""FLUX.1 (Black Forest Labs, 2024): a flow model told T5, CLIP's pooled state and, in dev, a scale of guidance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import encode_prompt, encoded, scaled
from carv3d.diffusion.families.packing import Packed, packed, places, unpacked
from carv3d.diffusion.loading import Network


class Flux(Packed):
    """dev was distilled from a model with guidance and is told its scale; schnell is told none."""

    TEXT = ("states", "pooled")
    LENGTH = 512

    @classmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        states, pooled, _ = encode_prompt(pipeline, prompts)
        return {"states": states, "pooled": pooled}

    def latents(self, image: Tensor) -> Tensor:
        return scaled(self.vae, encoded(self.vae, image))

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        n, _, height, width = noisy.shape
        ids = places(height // 2, width // 2, 3, noisy.device).to(noisy.dtype)
        guided = self.denoiser.config.guidance_embeds
        guidance = torch.full((n,), self.told_guidance, device=noisy.device) if guided else None
        out: Tensor = self.denoiser(
            hidden_states=packed(noisy), timestep=time.to(noisy.dtype) / 1000, guidance=guidance,
            pooled_projections=text["pooled"], encoder_hidden_states=text["states"],
            txt_ids=ids.new_zeros(text["states"].shape[1], 3), img_ids=ids, return_dict=False)[0]
        return unpacked(out, height, width)

    @property
    def time_embedding(self) -> nn.Module:
        found: nn.Module = self.denoiser.time_text_embed
        return found
