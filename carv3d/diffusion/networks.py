"""The UNet and the VAE's encoder of Stable Diffusion 1 (arXiv 2112.10752) in plain torch, for the teacher that ships
with carv3d: loading diffusers takes longer than all else before the first step.

Modules bear diffusers' names, operations stand in its order: the same files give the same numbers, to the bit. What has
to be more than asked (LoRA layers, checkpointed or tiled encoding, other files) is diffusers' own class, from
``loading``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.diffusion.folder import as_object
from carv3d.diffusion.loading import Network, check_finite, one_line
from carv3d.diffusion.weight_files import choose
from carv3d.runtime.types import Record


class Resnet(nn.Module):
    """time: width of the time's embedding; 0: it is not told the time."""

    def __init__(self, inputs: int, outputs: int, groups: int, eps: float, time: int = 0):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(time, outputs) if time else None
        self.norm2 = nn.GroupNorm(groups, outputs, eps)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x)))
        if self.time_emb_proj is not None and time is not None:
            hidden = hidden + self.time_emb_proj(F.silu(time))[:, :, None, None]
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        return (x if self.conv_shortcut is None else self.conv_shortcut(x)) + hidden


class Attention(nn.Module):
    """Of tokens [n,L,width] to ``text`` [n,M,told], or to themselves."""

    def __init__(self, width: int, heads: int, told: int | None = None, bias: bool = False):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=bias)
        self.to_k, self.to_v = (nn.Linear(told or width, width, bias=bias) for _ in range(2))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, text: Tensor | None = None) -> Tensor:
        text = x if text is None else text
        parts = (made.view(made.shape[0], -1, self.heads, made.shape[-1] // self.heads).transpose(1, 2)
                 for made in (self.to_q(x), self.to_k(text), self.to_v(text)))
        out = F.scaled_dot_product_attention(*parts)
        shown: Tensor = self.to_out[0](out.transpose(1, 2).reshape(x.shape[0], -1, x.shape[-1]))
        return shown


class ImageAttention(Attention):
    """Of an image's positions among themselves, added to it."""

    def __init__(self, width: int, groups: int):
        super().__init__(width, 1, bias=True)
        self.group_norm = nn.GroupNorm(groups, width, 1e-6)

    def forward(self, x: Tensor, text: Tensor | None = None) -> Tensor:
        tokens = x.view(*x.shape[:2], -1).transpose(1, 2)
        tokens = self.group_norm(tokens.transpose(1, 2)).transpose(1, 2)
        return super().forward(tokens).transpose(-1, -2).reshape(x.shape) + x


class Gated(nn.Module):
    """GEGLU (arXiv 2002.05202)."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.net = nn.ModuleList([Gated(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        shown: Tensor = self.net[2](self.net[0](x))
        return shown


class TransformerBlock(nn.Module):
    def __init__(self, width: int, heads: int, told: int):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width, 1e-5) for _ in range(3))
        self.attn1, self.attn2 = Attention(width, heads), Attention(width, heads, told)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        x = self.attn1(self.norm1(x)) + x
        x = self.attn2(self.norm2(x), text) + x
        return self.ff(self.norm3(x)) + x


class Transformer(nn.Module):
    def __init__(self, width: int, heads: int, told: int, groups: int):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, 1e-6)
        self.proj_in, self.proj_out = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, heads, told)])

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        rows, width, height, across = x.shape
        tokens = self.proj_in(self.norm(x)).permute(0, 2, 3, 1).reshape(rows, height * across, width)
        for block in self.transformer_blocks:
            tokens = block(tokens, text)
        back = tokens.reshape(rows, height, across, width).permute(0, 3, 1, 2).contiguous()
        return self.proj_out(back) + x


class Down(nn.Module):
    """padding 0: as the encoder's, which pads on the right and below alone."""

    def __init__(self, width: int, padding: int):
        super().__init__()
        self.padding, self.conv = padding, nn.Conv2d(width, width, 3, 2, padding)

    def forward(self, x: Tensor) -> Tensor:
        shown: Tensor = self.conv(x if self.padding else F.pad(x, (0, 1, 0, 1)))
        return shown


class Up(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        shown: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return shown


class Block(nn.Module):
    """Resnets, after each a transformer where the block has them, and what halves or doubles the size."""

    resnets: Network
    attentions: Network
    downsamplers: Network
    upsamplers: Network

    def __init__(self, resnets: list[Resnet], transformers: list[Transformer], down: Down | None = None,
                 up: Up | None = None):
        super().__init__()
        self.resnets = nn.ModuleList(resnets)
        self.attentions = nn.ModuleList(transformers) if transformers else None
        self.downsamplers = nn.ModuleList([down]) if down else None
        self.upsamplers = nn.ModuleList([up]) if up else None

    def stage(self, index: int, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        shown: Tensor = self.resnets[index](x, time)
        return self.attentions[index](shown, text) if self.attentions else shown


class UNet(nn.Module):
    """What stands for diffusers' UNet2DConditionModel. config: what unet/config.json says. KeyError, TypeError or
    ValueError where that is another network."""

    down_blocks: Network  # lists of ``Block``, which torch's own types do not tell
    up_blocks: Network

    def __init__(self, config: Record):
        super().__init__()
        _require(config, UNET)
        self.config = SimpleNamespace(**config)
        widths, groups, eps = config["block_out_channels"], config["norm_num_groups"], config["norm_eps"]
        told, depth, heads = config["cross_attention_dim"], config["layers_per_block"], config["attention_head_dim"]
        first, time = widths[0], 4 * widths[0]

        def transformers(kind: str, width: int, count: int) -> list[Transformer]:
            return [Transformer(width, heads, told, groups) for _ in range(count)] if kind.startswith("Cross") else []

        self.conv_in = nn.Conv2d(config["in_channels"], first, 3, padding=1)
        self.time_embedding = TimeEmbedding(first, time)
        self.down_blocks, kept, width = nn.ModuleList(), [first], first
        for kind, out in zip(config["down_block_types"], widths, strict=True):
            last = len(self.down_blocks) == len(widths) - 1
            resnets = [Resnet(out if index else width, out, groups, eps, time) for index in range(depth)]
            self.down_blocks.append(Block(resnets, transformers(kind, out, depth), None if last else Down(out, 1)))
            kept, width = [*kept, *[out] * (depth + (not last))], out
        self.mid_block = Block([Resnet(width, width, groups, eps, time) for _ in range(2)],
                               transformers("Cross", width, 1))
        self.up_blocks = nn.ModuleList()
        for kind, out in zip(config["up_block_types"], reversed(widths), strict=True):
            resnets = []
            for _ in range(depth + 1):
                resnets.append(Resnet(width + kept.pop(), out, groups, eps, time))
                width = out
            self.up_blocks.append(Block(resnets, transformers(kind, out, depth + 1), up=Up(out) if kept else None))
        self.conv_norm_out = nn.GroupNorm(groups, first, eps)
        self.conv_out = nn.Conv2d(first, config["out_channels"], 3, padding=1)

    @property
    def dtype(self) -> torch.dtype:
        return self.conv_in.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.conv_in.weight.device

    def forward(self, sample: Tensor, timestep: Tensor, text: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        """sample: [n,c,h,w], h and w multiples of 2 to the number of halvings. timestep: [n]. text: [n,L,D]."""
        time = self.time_embedding(self.time_embedding.waves(timestep).to(sample.dtype))
        x = self.conv_in(sample)
        kept = [x]
        for block in self.down_blocks:
            for index in range(len(block.resnets)):
                x = block.stage(index, x, time, text)
                kept.append(x)
            if block.downsamplers:
                x = block.downsamplers[0](x)
                kept.append(x)
        x = self.mid_block.stage(0, x, time, text)
        x = self.mid_block.resnets[1](x, time)
        for block in self.up_blocks:
            for index in range(len(block.resnets)):
                x = block.stage(index, torch.cat([x, kept.pop()], 1), time, text)
            if block.upsamplers:
                x = block.upsamplers[0](x)
        return (self.conv_out(F.silu(self.conv_norm_out(x))),)


class TimeEmbedding(nn.Module):
    def __init__(self, width: int, out: int):
        super().__init__()
        self.width = width
        self.linear_1, self.linear_2 = nn.Linear(width, out), nn.Linear(out, out)

    def waves(self, timestep: Tensor) -> Tensor:
        """[n] -> cosines, then sines, [n,width] float32."""
        half = self.width // 2
        exponent = -math.log(10000) * torch.arange(half, dtype=torch.float32, device=timestep.device)
        angle = timestep[:, None].float() * torch.exp(exponent / half)[None, :]
        return torch.cat([torch.cos(angle), torch.sin(angle)], -1)

    def forward(self, waves: Tensor) -> Tensor:
        shown: Tensor = self.linear_2(F.silu(self.linear_1(waves)))
        return shown


class Posterior(NamedTuple):
    mean: Tensor

    def mode(self) -> Tensor:
        """Of a Gaussian its mean, as diffusers' class has it too."""
        return self.mean


class Encoded(NamedTuple):
    latent_dist: Posterior


class Encoder(nn.Module):
    down_blocks: Network
    mid_block: Network

    def __init__(self, config: Record):
        super().__init__()
        widths, groups, depth = config["block_out_channels"], config["norm_num_groups"], config["layers_per_block"]
        width = widths[0]
        self.conv_in = nn.Conv2d(config["in_channels"], width, 3, padding=1)
        self.down_blocks = nn.ModuleList()
        for out in widths:
            last = len(self.down_blocks) == len(widths) - 1
            resnets = [Resnet(out if index else width, out, groups, 1e-6) for index in range(depth)]
            self.down_blocks.append(Block(resnets, [], None if last else Down(out, 0)))
            width = out
        self.mid_block = nn.Module()
        self.mid_block.resnets = nn.ModuleList(Resnet(width, width, groups, 1e-6) for _ in range(2))
        self.mid_block.attentions = nn.ModuleList([ImageAttention(width, groups)])
        self.conv_norm_out = nn.GroupNorm(groups, width, 1e-6)
        self.conv_out = nn.Conv2d(width, 2 * config["latent_channels"], 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for block in self.down_blocks:
            for resnet in block.resnets:
                x = resnet(x)
            for down in block.downsamplers or ():
                x = down(x)
        first, last = self.mid_block.resnets
        x = last(self.mid_block.attentions[0](first(x)))
        shown: Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return shown


class Vae(nn.Module):
    """The encoding half of diffusers' AutoencoderKL. config: what vae/config.json says; errors as ``UNet``'s."""

    def __init__(self, config: Record):
        super().__init__()
        _require(config, VAE)
        self.config = SimpleNamespace(**config)
        self.encoder = Encoder(config)
        self.quant_conv = nn.Conv2d(2 * config["latent_channels"], 2 * config["latent_channels"], 1)

    @property
    def dtype(self) -> torch.dtype:
        return self.quant_conv.weight.dtype

    def encode(self, image: Tensor) -> Encoded:
        """image: [n,3,H,W] in [-1,1]. Of the posterior the mean alone is known."""
        return Encoded(Posterior(self.quant_conv(self.encoder(image)).chunk(2, 1)[0]))


class Levels(NamedTuple):
    """alphas_cumprod: [T] float32. config: has prediction_type."""

    alphas_cumprod: Tensor
    config: SimpleNamespace


# What a configuration must say, where it says something, for these classes to be what it means.
UNET: Record = {
    "act_fn": "silu", "addition_embed_type": None, "attention_type": "default", "center_input_sample": False,
    "class_embed_type": None, "conv_in_kernel": 3, "conv_out_kernel": 3, "cross_attention_norm": None,
    "downsample_padding": 1, "dropout": 0.0, "dual_cross_attention": False, "encoder_hid_dim": None,
    "flip_sin_to_cos": True, "freq_shift": 0, "mid_block_only_cross_attention": None, "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock2DCrossAttn", "num_attention_heads": None, "num_class_embeds": None,
    "only_cross_attention": False, "resnet_out_scale_factor": 1.0, "resnet_skip_time_act": False,
    "resnet_time_scale_shift": "default", "time_cond_proj_dim": None, "time_embedding_act_fn": None,
    "time_embedding_dim": None, "time_embedding_type": "positional", "timestep_post_act": None,
    "transformer_layers_per_block": 1, "upcast_attention": False, "use_linear_projection": False}
VAE: Record = {"act_fn": "silu", "latents_mean": None, "latents_std": None, "mid_block_add_attention": True,
               "use_quant_conv": True}
SCHEDULER: Record = {"beta_schedule": "scaled_linear", "rescale_betas_zero_snr": False, "trained_betas": None}


def _require(config: Record, wanted: Mapping[str, object]) -> None:
    """ValueError for a configuration that says something else."""
    for name, value in wanted.items():
        if config.get(name, value) != value:
            raise ValueError(f"{name} is {config[name]}")


def load(folder: Path, dtype: torch.dtype) -> tuple[Network, Network, Levels]:
    """The networks of the bundled folder and its noise levels. dtype: of the UNet; the VAE's is float32. UserError
    where the files do not fit."""
    return (_network(folder, "unet", UNet, dtype), _network(folder, "vae", Vae, torch.float32), _levels(folder))


def _network(folder: Path, component: str, cls: type[UNet | Vae], dtype: torch.dtype) -> Network:
    from safetensors.torch import load_file

    with one_line(folder, component):
        with torch.device("meta"):
            made = cls(as_object(folder / component / "config.json", str(folder)))
        held = load_file(choose(folder, component, "").files[0])  # mapped, not read: what is not taken costs nothing
        own = {name: held[name].to(dtype) for name in made.state_dict() if name in held}
        made.load_state_dict(own, assign=True)
    check_finite(made, folder, component, dtype)
    return made.eval().requires_grad_(False)


def _levels(folder: Path) -> Levels:
    """As diffusers' DDPMScheduler reads the same file."""
    config = as_object(folder / "scheduler" / "scheduler_config.json", str(folder))
    with one_line(folder, "scheduler"):
        _require(config, SCHEDULER)
        beta = torch.linspace(config["beta_start"] ** 0.5, config["beta_end"] ** 0.5, config["num_train_timesteps"],
                              dtype=torch.float32) ** 2
        return Levels(torch.cumprod(1.0 - beta, 0), SimpleNamespace(prediction_type=config["prediction_type"]))
