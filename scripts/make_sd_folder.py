"""A diffusers-format folder with a published architecture and random weights: for timing, memory and tests.

usage: python scripts/make_sd_folder.py sd15|sd21-base|sdxl|sd35-medium OUT [--dtype float16] [--divide 1]
           [--pictures 512]

Its pictures mean nothing, but it is loaded and run exactly as the original weights are. --divide makes every width of
the Stable Diffusion 1 and 2 models that many times smaller, --pictures says for how many pixels a side they are made.
Tokenizers spell words out letter by letter, since the published vocabularies are not part of carv3d. The text encoders
of sdxl and sd35-medium have the published widths and a single layer, for what they say means nothing and they run once.
Networks are made on the GPU where there is one.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))  # its neighbours, whoever loads it

from carv3d.runtime.progress import say

MODELS = {
    # SD 1.5: arXiv 2112.10752; text encoder CLIP ViT-L/14
    "sd15": {"text": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu",
                          projection_dim=768),
             "unet": dict(attention_head_dim=8, use_linear_projection=False)},
    # SD 2.1-base: text encoder OpenCLIP ViT-H/14 without its last layer, heads of 64, linear projections
    "sd21-base": {"text": dict(hidden_size=1024, num_hidden_layers=23, num_attention_heads=16, hidden_act="gelu",
                               projection_dim=512),
                  "unet": dict(attention_head_dim=[5, 10, 20, 20], use_linear_projection=True)},
}
CLIP_ENDS = dict(vocab_size=49408, bos_token_id=0, eos_token_id=1, pad_token_id=1)
LETTERS = [chr(code) for code in range(33, 127)]


def make(model: str, out: Path, dtype: torch.dtype = torch.float16, divide: int = 1, seed: int = 0,
         pictures: int = 512) -> Path:
    """Write the folder; returns it."""
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    torch.set_default_dtype(dtype)
    try:
        text, unet = dict(MODELS[model]["text"]), dict(MODELS[model]["unet"])
        text["hidden_size"] //= divide
        tokenizer = clip_tokenizer()
        encoder = CLIPTextModel(CLIPTextConfig(
            max_position_embeddings=77, intermediate_size=4 * text["hidden_size"], **CLIP_ENDS, **text))
        groups = 32 if divide == 1 else 32 // min(divide, 8)
        denoiser = UNet2DConditionModel(
            sample_size=pictures // 8, block_out_channels=[width // divide for width in (320, 640, 1280, 1280)],
            cross_attention_dim=text["hidden_size"], norm_num_groups=groups, **unet)
        vae = AutoencoderKL(
            sample_size=pictures, latent_channels=4, layers_per_block=2, scaling_factor=0.18215, norm_num_groups=groups,
            block_out_channels=[width // divide for width in (128, 256, 512, 512)],
            down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
    finally:
        torch.set_default_dtype(torch.float32)
    scheduler = PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
                              set_alpha_to_one=False, steps_offset=1)
    StableDiffusionPipeline(vae=vae, text_encoder=encoder, tokenizer=tokenizer, unet=denoiser, scheduler=scheduler,
                            safety_checker=None, feature_extractor=None, requires_safety_checker=False
                            ).save_pretrained(out, safe_serialization=True)
    count = sum(p.numel() for p in denoiser.parameters())
    say(f"{out}: {model}, UNet of {count / 1e6:.1f} M parameters in {str(dtype).removeprefix('torch.')}")
    return out


def clip_tokenizer():
    from transformers import CLIPTokenizer

    tokens = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{c}</w>" for c in LETTERS)]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77)


def t5_tokenizer():
    from transformers import T5TokenizerFast

    letters = [(letter, -2.0 - place / 100) for place, letter in enumerate(LETTERS)]
    ends = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -1.0)]
    return T5TokenizerFast(vocab=[*ends, *letters], extra_ids=0)


def make_family(model: str, out: Path, dtype: torch.dtype = torch.float16, seed: int = 0) -> Path:
    """As ``make``, for the models of count_teachers.py."""
    import diffusers
    import transformers
    from count_teachers import MODELS as FAMILIES

    name, _, pipeline, parts, scheduler = FAMILIES[model]
    torch.manual_seed(seed)
    made = {}
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        for part, (kind, config) in parts.items():
            say(f"{name}: {part}")
            torch.set_default_dtype(dtype)
            try:
                if part.startswith("text_encoder"):
                    layers = "num_layers" if kind.startswith("T5") else "num_hidden_layers"
                    own = {key: value for key, value in config.items() if key != "dtype"} | {layers: 1}
                    cls = getattr(transformers, kind)
                    made[part] = cls(cls.config_class(**own, **({} if kind.startswith("T5") else CLIP_ENDS)))
                else:
                    made[part] = getattr(diffusers, kind).from_config(config)
            finally:
                torch.set_default_dtype(torch.float32)
    for part in [part for part in made if part.startswith("text_encoder")]:
        t5 = type(made[part]).__name__.startswith("T5")
        made[part.replace("text_encoder", "tokenizer")] = t5_tokenizer() if t5 else clip_tokenizer()
    cls = getattr(diffusers, pipeline)
    made["scheduler"] = getattr(diffusers, scheduler["_class_name"]).from_config(scheduler)
    cls(**made).to(dtype=dtype).save_pretrained(out, safe_serialization=True)
    say(f"{out}: {model}, random weights in {str(dtype).removeprefix('torch.')}")
    return out


def main() -> int:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # diffusers would ask the hub for parts that are made here
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=[*MODELS, "sdxl", "sd35-medium"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", choices=("float16", "bfloat16", "float32"), default="float16")
    parser.add_argument("--pictures", type=int, choices=(64, 128, 256, 512, 768), default=512)
    parser.add_argument("--divide", type=int, choices=(1, 2, 4, 8), default=1)
    args = parser.parse_args()
    dtype = getattr(torch, args.dtype)
    if args.model in MODELS:
        make(args.model, args.out, dtype, args.divide, pictures=args.pictures)
    elif (args.divide, args.pictures) != (1, 512):
        parser.error(f"--divide or --pictures given with {args.model}; allowed with sd15 and sd21-base")
    else:
        make_family(args.model, args.out, dtype)
    return 0


if __name__ == "__main__":
    sys.exit(main())
