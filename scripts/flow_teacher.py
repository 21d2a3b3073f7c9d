"""A flow model of the toybox in the format of Stable Diffusion 3: its network, what it learns, and its folder.

The autoencoder, the tokenizer and the text encoder are those of another teacher (``base``) and stay as they are: its
CLIP stands in the places of both CLIPs of the format, with its last state as the pooled one, and T5 is left out, with
the tokens of zeros that the pipeline would put in its place (``_max_sequence_length`` in model_index.json says so).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from teacher_data import Data, picked
from teacher_loop import Optimiser, forget_paths, optimise
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from carv3d.diffusion import linear_encoder, small_encoder
from carv3d.diffusion.families import sd3
from carv3d.diffusion.loading import quiet
from carv3d.diffusion.view_vector import WIDTH, ViewEmbedding
from carv3d.runtime import rng
from carv3d.runtime.files import write_text
from carv3d.runtime.progress import say


@dataclass
class Flow:
    width: int = 192
    layers: int = 4
    heads: int = 6
    patch: int = 2  # latents a side that are one token
    spread: float = 1.0  # standard deviation of logit s, of which training draws the noise level s
    compile: bool = False  # by torch.compile
    train: Optimiser = field(default_factory=lambda: Optimiser(4000, 128, warmup=200, cooldown=1500))


class FlowModel(torch.nn.Module):
    """The transformer, with the embedding of views added to what tells it the time."""

    def __init__(self, own: Flow, channels: int, size: int, text_width: int):
        super().__init__()
        from diffusers import SD3Transformer2DModel

        self.transformer = SD3Transformer2DModel(
            sample_size=size, patch_size=own.patch, in_channels=channels, out_channels=channels, num_layers=own.layers,
            attention_head_dim=own.width // own.heads, num_attention_heads=own.heads,
            joint_attention_dim=2 * text_width, caption_projection_dim=own.width, pooled_projection_dim=2 * text_width,
            pos_embed_max_size=size // own.patch, qk_norm="rms_norm")
        self.view = ViewEmbedding(own.width)
        self._shift = torch.zeros(())
        self.transformer.time_text_embed.register_forward_hook(lambda module, args, out: out + self._shift)

    def forward(self, noisy: Tensor, level: Tensor, states: Tensor, pooled: Tensor, vector: Tensor) -> Tensor:
        """noisy [n,c,h,w] at levels s [n] -> noise - image."""
        self._shift = self.view.whole(vector)
        out: Tensor = self.transformer(noisy, states, pooled, 1000.0 * level, return_dict=False)[0]
        return out


def text_of(base: Path, device: torch.device) -> tuple[Any, Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """CLIP with a projection that changes nothing, from a teacher's own; and token ids [n,L] -> the states [n,L,2D] and
    the pooled state [n,2D] that the pipeline tells of them."""
    from transformers import CLIPTextModelWithProjection

    with quiet():  # it has no projection, as the library would say at length
        made = CLIPTextModelWithProjection.from_pretrained(base / "text_encoder", dtype=torch.float32)
    with torch.no_grad():
        made.text_projection.weight.copy_(torch.eye(made.config.hidden_size))
    made = made.to(device).eval().requires_grad_(False)

    @torch.no_grad()
    def told(ids: Tensor) -> tuple[Tensor, Tensor]:
        found = made(input_ids=ids, output_hidden_states=True)
        return torch.cat(2 * [found.hidden_states[-2]], -1), torch.cat(2 * [found.text_embeds], -1)

    return made, told


def train(own: Flow, data_settings: Data, seed: int, folder: Path, base: Path, data: dict[str, Tensor],
          device: torch.device, stop: int | None = None) -> FlowModel:
    """Rectified flow: noise - image along the straight path from image to noise, at levels s whose logit is normal."""
    torch.manual_seed(seed)
    text, told = text_of(base, device)
    channels, size = data["latents"].shape[1:3]
    model = FlowModel(own, channels, size, text.config.hidden_size).to(device)
    data = {key: value.to(device) for key, value in data.items()}
    n, forward = own.train.batch, torch.compile(model) if own.compile else model
    # On a CPU the fused attention's way back takes several times the plain one's.
    attention = partial(sdpa_kernel, SDPBackend.MATH) if device.type == "cpu" else nullcontext

    def loss_of(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = rng.generator(seed, "denoiser", step, device)
        rand = partial(torch.rand, generator=generator, device=device)
        x, ids, vector = picked(data_settings, data, n, generator)
        u = (torch.randperm(n, generator=generator, device=device) + rand(n)) / n
        level = torch.sigmoid(own.spread * torch.special.ndtri(u.clamp(1e-6, 1 - 1e-6)))
        noise = torch.randn(n, *data["latents"].shape[1:], generator=generator, device=device)
        s = level.view(-1, 1, 1, 1)
        with attention():
            out = forward((1 - s) * x + s * noise, level, *told(ids), vector).float()
        return (out - (noise - x)).square().mean(), {}

    average = optimise("denoiser", folder, own.train, model, device, loss_of, stop)
    model.load_state_dict(average)
    return model


def export(out: Path, base: Path, model: FlowModel, device: torch.device) -> None:
    """The folder, fp16 safetensors. What zeros add to the time becomes part of the transformer, as in
    ``view_vector.taken_out``."""
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, StableDiffusion3Pipeline
    from transformers import CLIPTokenizer

    text, _ = text_of(base, device)
    with torch.no_grad():
        zeros = torch.zeros(1, WIDTH, device=model.view.linear_1.weight.device)
        model.transformer.time_text_embed.timestep_embedder.linear_2.bias += model.view.whole(zeros)[0]
    tokenizer = CLIPTokenizer.from_pretrained(base / "tokenizer")
    vae = AutoencoderKL.from_pretrained(base / "vae", torch_dtype=torch.float32)
    vae.register_to_config(shift_factor=vae.config.shift_factor or 0.0)  # which the pipeline adds
    pipeline = StableDiffusion3Pipeline(
        transformer=model.transformer, scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae, text_encoder=text, tokenizer=tokenizer, text_encoder_2=text, tokenizer_2=tokenizer,
        text_encoder_3=None, tokenizer_3=None)
    pipeline.to(torch.float16).save_pretrained(out, safe_serialization=True)
    forget_paths(out)
    model.view.save(out)
    index = json.loads((out / "model_index.json").read_text(encoding="utf-8"))
    write_text(out / "model_index.json", json.dumps({**index, sd3.LENGTH: 0}, indent=2) + "\n")
    for name in (small_encoder.FILE, linear_encoder.FILE):  # of the same autoencoder
        shutil.copyfile(base / name, out / name)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    say(f"saved {out}: {size / 1e6:.1f} MB")
