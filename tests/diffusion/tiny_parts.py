"""What tiny random models of the families are made of, by the classes of diffusers and transformers themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tiny_pipeline import LENGTH, make_tokenizer
from torch import Tensor, nn

WIDTH = 16  # of text encoders, unless a family asks for more


@dataclass(frozen=True)
class Case:
    """A family. make: the pipeline, before its weights are drawn. call: options of the pipeline's call, at a time inside
    the path and with guidance. batched: whether it asks the denoiser about both branches at once, the unconditional one
    first, or else of the conditional one and then of the other. order: prompts by number as a batch of both branches has
    them. negative: how the call is told the other branch's prompt; None where it has no such branch. unguided: the scale
    at which it does not guide. given: latents [1,c,h,w] as the pipeline takes them. moved: as its scheduler moves them,
    by default the same. factor: pixels a side of a latent. solver: the number of steps at which it spreads its levels as
    the teacher's are. overrides: options of the teacher. index: what model_index.json says in place of what is saved.
    parts: what the pipeline is given in place of the folder's."""

    make: Callable[[], Any]
    call: dict[str, Any] = field(default_factory=dict)
    batched: bool = True
    negative: Callable[[Any, str], dict[str, Any]] | None = lambda pipeline, text: {"negative_prompt": text}
    unguided: float = 1.0
    given: Callable[[Any, Tensor], Tensor] = lambda pipeline, latents: latents
    order: tuple[int, ...] = (-1, 0)
    moved: Callable[[Any, Tensor], Tensor] | None = None
    factor: int = 8
    solver: int = 1000
    overrides: tuple[str, ...] = ()
    index: dict[str, Any] = field(default_factory=dict)
    parts: Callable[[Path], dict[str, Any]] = lambda folder: {}

    @property
    def calls(self) -> list[list[int]]:
        """The rows of each call of the denoiser: 0 the prompt, -1 the negative one."""
        return [[0]] if self.negative is None else [list(self.order)] if self.batched else [[0], [-1]]


def drawn(pipeline: Any) -> Any:
    """Every weight at random, those too that start as zeros, and small enough that nothing saturates."""
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            for p in part.parameters():
                p.data = torch.randn_like(p) / max(p[0].numel(), 1) ** 0.5 if p.ndim > 1 else 1 + 0.1 * torch.randn_like(p)
    return pipeline


def clip(projected: bool = False, width: int = WIDTH) -> Any:
    """A CLIP text encoder of three layers."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    tokenizer = make_tokenizer()
    made = CLIPTextModelWithProjection if projected else CLIPTextModel
    return made(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=2 * width, projection_dim=width,
        num_hidden_layers=3, num_attention_heads=2, hidden_act="gelu", max_position_embeddings=LENGTH,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id))


def t5(width: int = WIDTH) -> tuple[Any, Any]:
    """A T5 encoder and its tokenizer, one token a character."""
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -1.0),
                  *((chr(code), -2.0 - code / 100) for code in range(33, 127))]
    tokenizer = T5TokenizerFast(vocab=vocabulary, extra_ids=0)
    encoder = T5EncoderModel(T5Config(vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=32, num_layers=2, num_heads=2,
                                      feed_forward_proj="gated-gelu"))
    return encoder, tokenizer


def kl(channels: int = 4, **config: Any) -> Any:
    """An AutoencoderKL that makes a latent of eight pixels a side."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(latent_channels=channels, block_out_channels=(8,) * 4, layers_per_block=1, norm_num_groups=4,
                         down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, **config)


def flow(**config: Any) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**config)
