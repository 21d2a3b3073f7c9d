"""Folders in the Stable Diffusion format with tiny random networks, and the plain way to read them.

``sd15`` and ``sd21`` have the parts of their namesakes at reduced width; ``odd`` has what those two do not: it predicts
the clean latents, its pictures are not square, its VAE shifts and its scheduler has other noise levels.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

LENGTH = 32  # tokens; the tokenizer knows single characters only
START, END = "<|startoftext|>", "<|endoftext|>"


@dataclass(frozen=True)
class Shape:
    """Everything in which the pipelines differ. factor: pixels per latent, a power of two."""

    scheduler: str
    noise: dict
    sample_size: int | tuple[int, int] = 8
    factor: int = 8
    latent_channels: int = 4
    text_width: int = 16
    activation: str = "quick_gelu"
    heads: int | tuple[int, ...] = 2
    linear_projection: bool = False
    pad: str = END
    vae: dict | None = None


SCALED = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
SHAPES = {
    "sd15": Shape("PNDMScheduler", {**SCALED, "skip_prk_steps": True}),
    "sd21": Shape("DDIMScheduler", {**SCALED, "prediction_type": "v_prediction", "clip_sample": False}, sample_size=12,
                  text_width=24, activation="gelu", heads=(1, 2, 2), linear_projection=True, pad="!"),
    "odd": Shape("DDPMScheduler", {"beta_start": 0.0002, "beta_end": 0.03, "beta_schedule": "linear", "steps_offset": 1,
                                   "num_train_timesteps": 500, "prediction_type": "sample", "clip_sample": False},
                 sample_size=(4, 6), factor=2, latent_channels=5, vae={"scaling_factor": 0.36, "shift_factor": 0.7}),
}


def built(name: str, root: Path) -> Path:
    """The folder ``root/name``, made at the first call; tests copy it before they change it."""
    folder = root / name
    if not folder.exists():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            make(SHAPES[name]).save_pretrained(folder)
    return folder


def make(shape: Shape):
    """A StableDiffusionPipeline of random weights."""
    import diffusers
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = make_tokenizer(shape.pad)
    text_encoder = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=shape.text_width, intermediate_size=2 * shape.text_width,
        projection_dim=shape.text_width, num_hidden_layers=2, num_attention_heads=2, hidden_act=shape.activation,
        max_position_embeddings=LENGTH, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id))
    unet = diffusers.UNet2DConditionModel(
        sample_size=shape.sample_size, in_channels=shape.latent_channels, out_channels=shape.latent_channels,
        block_out_channels=(8, 16, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=shape.text_width,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=shape.heads,
        use_linear_projection=shape.linear_projection)
    levels = shape.factor.bit_length()
    vae = diffusers.AutoencoderKL(
        latent_channels=shape.latent_channels, block_out_channels=(8,) * levels, layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
        **(shape.vae or {}))
    return diffusers.StableDiffusionPipeline(
        vae, text_encoder, tokenizer, unet, getattr(diffusers, shape.scheduler)(**shape.noise), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False)


def make_tokenizer(pad: str = END):
    """A CLIPTokenizer without merges, one token a character."""
    from transformers import CLIPTokenizer

    with tempfile.TemporaryDirectory() as folder:
        write_old_tokenizer(Path(folder), pad)
        return CLIPTokenizer.from_pretrained(folder)


def write_old_tokenizer(folder: Path, pad: str = END) -> None:
    """The files of a tokenizer as the published Stable Diffusion folders hold them (today's libraries write one)."""
    characters = [chr(code) for code in range(33, 127)]
    words = [*characters, *(f"{character}</w>" for character in characters), START, END]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": pad}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {**special, "model_max_length": LENGTH, "tokenizer_class": "CLIPTokenizer"}))


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def edit(path: Path, **changes) -> None:
    """Change entries of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(path: Path, change) -> None:
    """Rewrite a safetensors file with ``change`` of its tensors by name."""
    from safetensors.torch import load_file, save_file

    save_file({name: tensor.contiguous() for name, tensor in change(load_file(path)).items()}, path, {"format": "pt"})


def parts(folder: Path) -> SimpleNamespace:
    """Every component as the libraries load it, without carv3d; the scheduler is of the class that was saved."""
    import diffusers
    from transformers import CLIPTextModel, CLIPTokenizer

    kind = json.loads((folder / "model_index.json").read_text())["scheduler"][1]
    return SimpleNamespace(
        unet=diffusers.UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval(),
        vae=diffusers.AutoencoderKL.from_pretrained(folder, subfolder="vae").eval(),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder").eval(),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        scheduler=getattr(diffusers, kind).from_pretrained(folder, subfolder="scheduler"))


@torch.no_grad()
def embed(own: SimpleNamespace, text: str) -> Tensor:
    """[L,D]: one prompt through tokenizer and text encoder, token by token as the format says: start, text cut to what
    fits, end, padding."""
    ids = own.tokenizer(text, truncation=True, max_length=LENGTH)["input_ids"]
    ids = ids + [own.tokenizer.pad_token_id] * (LENGTH - len(ids))
    return own.text_encoder(torch.tensor([ids]))[0][0]
