"""Z-Image (arXiv 2511.22699): a flow model that counts its time from noise to image, told the states of Qwen3."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import FamilyTeacher, encode_prompt, encoded, scaled
from carv3d.diffusion.loading import Network
from carv3d.runtime.types import Record


class ZImage(FamilyTeacher):
    """Its own pipeline guides with cond + s (cond - uncond); here guidance is what it is for every teacher,
    uncond + s (cond - uncond), so that the pipeline's scale 0 is 1 here, and its 4 is 5."""

    TEXT = ("states", "mask")
    WIDTH, LENGTH, SHORTER = "cap_feat_dim", 512, True

    @classmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        """As many states as a prompt has tokens, filled up with zeros."""
        states, _ = encode_prompt(pipeline, prompts, do_classifier_free_guidance=False)
        mask = [each.new_ones(len(each), dtype=torch.bool) for each in states]
        return {"states": pad_sequence(states, batch_first=True), "mask": pad_sequence(mask, batch_first=True)}

    @classmethod
    def step(cls, config: Network, vae: Network) -> int:
        return cls.factor(vae) * int(config.all_patch_size[0])

    @classmethod
    def sides(cls, config: Network, vae: Network, index: Record) -> tuple[int, int]:
        """Its configuration has no size; its pipeline's own is this one."""
        return 1024, 1024

    def latents(self, image: Tensor) -> Tensor:
        return scaled(self.vae, encoded(self.vae, image))

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        """Images of one frame and prompts come as lists; the answer is image - noise, at 1 - s."""
        words = [row[:count] for row, count in zip(text["states"], text["mask"].sum(1).tolist(), strict=True)]
        found = self.denoiser(list(noisy[:, :, None]), (1000 - time) / 1000, words, return_dict=False)[0]
        return -torch.stack(list(found))[:, :, 0]

    @property
    def time_embedding(self) -> nn.Module:
        found: nn.Module = self.denoiser.t_embedder
        return found
