"""Stable Diffusion 3 and 3.5 (arXiv 2403.03206): a flow model told two CLIPs and T5, which may be left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import FamilyTeacher, encode_prompt, encoded, scaled
from carv3d.diffusion.families.table import made_by
from carv3d.diffusion.folder import token_length
from carv3d.diffusion.loading import Network
from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.types import Record

LENGTH = "_max_sequence_length"


class SD3(FamilyTeacher):
    ENGINES = ("openvino", "onnxruntime")
    TEXT = ("states", "pooled")
    INDEX = (LENGTH,)

    @classmethod
    def length(cls, folder: Path, index: Record) -> int:
        """The CLIPs', and T5's, which is told as zeros where it is left out."""
        return token_length(folder) + t5_tokens(index)

    @classmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        states, _, pooled, _ = encode_prompt(pipeline, prompts, prompt_2=None, prompt_3=None,
                                             do_classifier_free_guidance=False,
                                             max_sequence_length=t5_tokens(pipeline.index))
        return {"states": states, "pooled": pooled}

    @classmethod
    def largest(cls, config: Network, vae: Network) -> int:
        """It has learned no more places."""
        return int(config.pos_embed_max_size) * cls.step(config, vae)

    def latents(self, image: Tensor) -> Tensor:
        return scaled(self.vae, encoded(self.vae, image))

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        out: Tensor = self.denoiser(hidden_states=noisy, timestep=time, encoder_hidden_states=text["states"],
                                    pooled_projections=text["pooled"], return_dict=False)[0]
        return out

    @property
    def time_embedding(self) -> nn.Module:
        found: nn.Module = self.denoiser.time_text_embed
        return found


def t5_tokens(index: Record) -> int:
    """Tokens of T5: the pipeline's 256, unless model_index.json has ``_max_sequence_length``, which diffusers passes
    over. UserError for one that the pipeline does not take."""
    given, least = index.get(LENGTH, 256), 1 if made_by(index, "text_encoder_3") else 0
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= 512:
        raise UserError(f"teacher.path: model_index.json has the {LENGTH} {shown(given)}; allowed: whole numbers from "
                        f"{least} to 512")
    return given
