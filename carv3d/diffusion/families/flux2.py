"""FLUX.2 (Black Forest Labs, 2025): flow models told layers of a language model; dev and klein."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import FamilyTeacher, encode_prompt, encoded
from carv3d.diffusion.families.packing import SIDE, patched, places
from carv3d.diffusion.loading import Network
from carv3d.runtime.types import Record


class Flux2(FamilyTeacher):
    """dev, told Mistral's states and a scale of guidance. Noise is added to patches of its VAE's latents, each of their
    channels normalised by the statistics of a batch norm."""

    LENGTH = 512

    @classmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        states, _ = encode_prompt(pipeline, prompts)
        return {"states": states}

    @classmethod
    def factor(cls, vae: Network) -> int:
        return 2 * super().factor(vae)

    @classmethod
    def step(cls, config: Network, vae: Network) -> int:
        """A latent is a patch already."""
        return cls.factor(vae)

    @classmethod
    def sides(cls, config: Network, vae: Network, index: Record) -> tuple[int, int]:
        return SIDE, SIDE

    @classmethod
    def tokens(cls, latents: int) -> int:
        return latents

    @classmethod
    def exponent(cls, scheduler: Record, tokens: int) -> float:
        """mu of the pipeline's own line for 200 steps, whatever the scheduler says: FLUX.1's, 0.5 at 256 tokens and
        1.15 at 4096.

        The pipeline raises it for fewer steps, up to 4300 tokens, since a coarse solver needs more of its steps at high
        noise. Distillation solves nothing and has no number of steps, so the line of the finest solver is taken, which
        is the only one above 4300 tokens. ``teacher.shift`` gives another.
        """
        return 0.00016927 * tokens + 0.45666666

    def latents(self, image: Tensor) -> Tensor:
        norm = self.vae.bn
        mean, variance = (value.reshape(1, -1, 1, 1) for value in (norm.running_mean, norm.running_var))
        return (patched(encoded(self.vae, image)) - mean) / (variance + self.vae.config.batch_norm_eps).sqrt()

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        n, _, height, width = noisy.shape
        length = text["states"].shape[1]
        words = torch.zeros(length, 4, dtype=torch.long, device=noisy.device)
        words[:, 3] = torch.arange(length, device=noisy.device)
        out: Tensor = self.denoiser(
            hidden_states=noisy.flatten(2).transpose(1, 2), timestep=time.to(noisy.dtype) / 1000,
            guidance=self._guidance(noisy), encoder_hidden_states=text["states"], txt_ids=words.expand(n, -1, -1),
            img_ids=places(height, width, 4, noisy.device).expand(n, -1, -1), return_dict=False)[0]
        return out.transpose(1, 2).reshape(noisy.shape)

    def _guidance(self, noisy: Tensor) -> Tensor | None:
        return torch.full((len(noisy),), self.told_guidance, device=noisy.device)

    @property
    def time_embedding(self) -> nn.Module:
        found: nn.Module = self.denoiser.time_guidance_embed
        return found


class Flux2Klein(Flux2):
    """klein, told Qwen3's states and no scale: its base is guided by a second answer. Its pipeline takes the empty
    prompt for that one."""

    def _guidance(self, noisy: Tensor) -> Tensor | None:
        return None
