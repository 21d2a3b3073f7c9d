"""DeepFloyd IF, its first stage: a UNet over pixels that predicts noise and its variance, told the states of T5."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import FamilyTeacher, call_defaults, encode_prompt
from carv3d.diffusion.loading import Network


class IF(FamilyTeacher):
    WIDTH, LENGTH = "encoder_hid_dim", 77

    @classmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        states, _ = encode_prompt(pipeline, prompts, do_classifier_free_guidance=False,
                                  **call_defaults(pipeline, "clean_caption"))
        return {"states": states}

    @classmethod
    def factor(cls, vae: Network) -> int:
        """There is no VAE."""
        return 1

    @classmethod
    def step(cls, config: Network, vae: Network) -> int:
        """Its upsampling doubles sizes and knows no others."""
        return int(2 ** (len(config.block_out_channels) - 1))

    def latents(self, image: Tensor) -> Tensor:
        return image

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        """Of six channels the first three are noise."""
        out: Tensor = self.denoiser(noisy, time, encoder_hidden_states=text["states"], return_dict=False)[0]
        return out[:, :noisy.shape[1]]
