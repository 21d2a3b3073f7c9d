"""Tiny folders written as one file, in the layout of the original code of Stable Diffusion (LDM, SGM): the inverse of what
diffusers does when it reads one. As people hold them, with what no folder has beside the networks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

UNET = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
        "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
          "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPENCLIP = {"self_attn.out_proj": "attn.out_proj", "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc",
            "mlp.fc2": "mlp.c_proj"}


def single(folder: Path, to: Path, kind: str, layers: int = 1, half: tuple[str, ...] = (), **metadata: str) -> Path:
    """The checkpoint of a folder. kind: 1, 2 or xl. layers: of a block of the UNet. half: networks that it holds in
    float16."""
    held: dict[str, Tensor] = {"alphas_cumprod": torch.ones(5), "model_ema.decay": torch.tensor(0.9)}
    for name, prefix, ldm in (("unet", "model.diffusion_model.", unet), ("vae", "first_stage_model.", vae)):
        held |= parts(folder, name, half, lambda old, ldm=ldm, prefix=prefix: {
            prefix + ldm(key, layers, old): _shaped(key, value, name) for key, value in old.items()})
    for name, prefix, ldm in ENCODERS[kind]:
        held |= parts(folder, name, half, lambda old, ldm=ldm, prefix=prefix: {
            prefix + key: value for key, value in ldm(old).items()})
    save_file({key: value.contiguous() for key, value in held.items()}, to, {"format": "pt", **metadata})
    return to


def parts(folder: Path, name: str, half: tuple[str, ...], change: Callable) -> dict[str, Tensor]:
    (file,) = (folder / name).glob("*.safetensors")
    return {key: value.half() if name in half and value.is_floating_point() else value
            for key, value in change(load_file(file)).items()}


def unet(key: str, layers: int, held: dict[str, Tensor]) -> str:
    name, end = key.rpartition(".")[::2]
    if name in UNET:
        return f"{UNET[name]}.{end}"
    if match := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", key):
        kind, number, rest = match.groups()
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(number)}.{_resnet(kind, rest)}"
    side, block, kind, number, rest = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", key).groups()
    place = int(block) * (layers + 1) + (int(number) if kind in ("resnets", "attentions") else layers)
    if kind == "downsamplers":
        return f"input_blocks.{1 + place}.0.op.{end}"
    if kind == "upsamplers":
        after = 2 if any(f"up_blocks.{block}.attentions" in other for other in held) else 1
        return f"output_blocks.{place}.{after}.conv.{end}"
    home = f"input_blocks.{1 + place}" if side == "down" else f"output_blocks.{place}"
    return f"{home}.{1 if kind == 'attentions' else 0}.{_resnet(kind, rest)}"


def _resnet(kind: str, rest: str) -> str:
    name, _, end = rest.rpartition(".")
    return f"{RESNET[name]}.{end}" if kind == "resnets" else rest


def vae(key: str, layers: int, held: dict[str, Tensor]) -> str:
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda match: f"mid.block_{int(match[1]) + 1}", key)
    if "mid_block.attentions.0." in key:
        before, _, after = key.partition("mid_block.attentions.0.")
        name, _, end = after.rpartition(".")
        return f"{before}mid.attn_1.{ATTENTION[name]}.{end}"
    top = 1 + max(int(match[1]) for other in held if (match := re.match(r"decoder\.up_blocks\.(\d)", other)))
    key = re.sub(r"up_blocks\.(\d)", lambda match: f"up.{top - 1 - int(match[1])}", key)
    key = re.sub(r"down_blocks\.(\d)", r"down.\1", key)
    return key.replace(".resnets.", ".block.").replace("samplers.0.", "sample.")


def _shaped(key: str, value: Tensor, part: str) -> Tensor:
    """What are linear layers in diffusers' VAE are convolutions in the original's."""
    convolution = part == "vae" and "attentions" in key and value.ndim == 2
    return value[:, :, None, None] if convolution else value


def clip(held: dict[str, Tensor]) -> dict[str, Tensor]:
    """transformers' own names, and a buffer of earlier versions."""
    named = {key if key.startswith("text_model.") else f"text_model.{key}": value for key, value in held.items()}
    return {**named, "text_model.embeddings.position_ids": torch.arange(32)[None]}


def open_clip(held: dict[str, Tensor]) -> dict[str, Tensor]:
    """OpenCLIP's names: projections in one tensor, of all layers but the last of Stable Diffusion 2's."""
    held = {key.removeprefix("text_model."): value for key, value in held.items()}
    out = {"positional_embedding": held.pop("embeddings.position_embedding.weight"),
           "token_embedding.weight": held.pop("embeddings.token_embedding.weight"),
           "ln_final.weight": held.pop("final_layer_norm.weight"), "ln_final.bias": held.pop("final_layer_norm.bias"),
           "logit_scale": torch.tensor(4.6)}
    if "text_projection.weight" in held:
        out["text_projection"] = held.pop("text_projection.weight").T
    for key in [key for key in held if key.endswith(("q_proj.weight", "q_proj.bias"))]:
        layer, end = re.fullmatch(r"encoder\.layers\.(\d+)\.self_attn\.q_proj\.(\w+)", key).groups()
        own = [held.pop(f"encoder.layers.{layer}.self_attn.{name}_proj.{end}") for name in "qkv"]
        out[f"transformer.resblocks.{layer}.attn.in_proj_{end}"] = torch.cat(own)
    for key, value in held.items():
        layer, name, end = re.fullmatch(r"encoder\.layers\.(\d+)\.(.*)\.(\w+)", key).groups()
        out[f"transformer.resblocks.{layer}.{OPENCLIP[name]}.{end}"] = value
    return out


ENCODERS = {"1": (("text_encoder", "cond_stage_model.transformer.", clip),),
            "2": (("text_encoder", "cond_stage_model.model.", open_clip),),
            "xl": (("text_encoder", "conditioner.embedders.0.transformer.", clip),
                   ("text_encoder_2", "conditioner.embedders.1.model.", open_clip))}
