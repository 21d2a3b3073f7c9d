"""What one step costs with published models, counted without their weights, and what asking K times a view is worth.

usage: python scripts/count_teachers.py [--sizes 0 512] [--models sdxl sd35-medium flux2-klein-4b sana-1600m] [--k 4]

The architectures are those of the models' published configuration files. Their networks are made on torch's meta device
and nothing is run. A draw is two rows of the denoiser, with and without the prompt; an encode is one image there and a
gradient's way back. Size 0 is the model's own.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import torch

from carv3d.carv.allocate import Cost, best_k, multiplier, work
from carv3d.diffusion.footprint import GIB, Footprint, of_folder
from carv3d.diffusion.settings import Settings
from carv3d.runtime.progress import result

RHOS, RENDER, MOST = (2.0, 5.0, 20.0), 0.25, 64  # W / S_B; a render, in draws; the largest K that is tried
KL = {"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "down_block_types": ["DownEncoderBlock2D"] * 4,
      "up_block_types": ["UpDecoderBlock2D"] * 4}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0}
CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
          "projection_dim": 768, "max_position_embeddings": 77, "dtype": "float16"}
CLIP_G = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
          "projection_dim": 1280, "max_position_embeddings": 77, "dtype": "float16"}
T5_XXL = {"d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "vocab_size": 32128,
          "feed_forward_proj": "gated-gelu", "dtype": "float16"}
QWEN3_4B = {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
            "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": True,
            "dtype": "bfloat16"}
GEMMA2_2B = {"hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26, "num_attention_heads": 8,
             "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 256000, "dtype": "bfloat16"}
TOKENS = {"tokenizer": {"model_max_length": 77}}
MODELS = {  # name, parameters as published (billions); components: class and configuration
    "sdxl": ("SDXL", 2.57, "StableDiffusionXLPipeline", {
        "unet": ("UNet2DConditionModel", {
            "sample_size": 128, "block_out_channels": [320, 640, 1280], "layers_per_block": 2,
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
            "transformer_layers_per_block": [1, 2, 10], "attention_head_dim": [5, 10, 20], "cross_attention_dim": 2048,
            "use_linear_projection": True, "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816}),
        "vae": ("AutoencoderKL", {**KL, "latent_channels": 4, "scaling_factor": 0.13025}),
        "text_encoder": ("CLIPTextModel", CLIP_L), "text_encoder_2": ("CLIPTextModelWithProjection", CLIP_G)},
        {"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012,
         "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}),
    "sd35-medium": ("SD 3.5 medium", 2.24, "StableDiffusion3Pipeline", {
        "transformer": ("SD3Transformer2DModel", {
            "sample_size": 128, "patch_size": 2, "in_channels": 16, "out_channels": 16, "num_layers": 24,
            "num_attention_heads": 24, "attention_head_dim": 64, "caption_projection_dim": 1536,
            "joint_attention_dim": 4096, "pooled_projection_dim": 2048, "pos_embed_max_size": 384,
            "qk_norm": "rms_norm", "dual_attention_layers": list(range(13))}),
        "vae": ("AutoencoderKL", {**KL, "latent_channels": 16, "scaling_factor": 1.5305, "shift_factor": 0.0609,
                                  "use_quant_conv": False, "use_post_quant_conv": False}),
        "text_encoder": ("CLIPTextModelWithProjection", CLIP_L),
        "text_encoder_2": ("CLIPTextModelWithProjection", CLIP_G), "text_encoder_3": ("T5EncoderModel", T5_XXL)}, FLOW),
    "flux2-klein-4b": ("FLUX.2 klein 4B", 3.9, "Flux2KleinPipeline", {
        "transformer": ("Flux2Transformer2DModel", {
            "in_channels": 128, "num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24,
            "attention_head_dim": 128, "joint_attention_dim": 7680, "mlp_ratio": 3.0,
            "axes_dims_rope": [32, 32, 32, 32], "guidance_embeds": False}),
        "vae": ("AutoencoderKLFlux2", {**KL, "latent_channels": 32}),
        "text_encoder": ("Qwen3ForCausalLM", QWEN3_4B)}, FLOW),
    "sana-1600m": ("SANA 1.6B", 1.6, "SanaPipeline", {
        "transformer": ("SanaTransformer2DModel", {
            "sample_size": 32, "in_channels": 32, "out_channels": 32, "num_layers": 20, "num_attention_heads": 70,
            "attention_head_dim": 32, "num_cross_attention_heads": 20, "cross_attention_head_dim": 112,
            "cross_attention_dim": 2240, "caption_channels": 2304, "mlp_ratio": 2.5}),
        "vae": ("AutoencoderDC", {
            "latent_channels": 32, "attention_head_dim": 32, "downsample_block_type": "conv",
            "upsample_block_type": "interpolate", "encoder_layers_per_block": [2, 2, 2, 3, 3, 3],
            "decoder_layers_per_block": [3] * 6, "scaling_factor": 0.41407,
            **{f"{side}_block_types": ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3 for side in ("encoder", "decoder")},
            **{f"{side}_block_out_channels": [128, 256, 512, 512, 1024, 1024] for side in ("encoder", "decoder")},
            **{f"{side}_qkv_multiscales": [[], [], [], [5], [5], [5]] for side in ("encoder", "decoder")}}),
        "text_encoder": ("Gemma2Model", GEMMA2_2B)}, FLOW),
}


def write(model: str, folder: Path) -> Path:
    """The JSON files of a model's folder."""
    _, _, pipeline, parts, scheduler = MODELS[model]
    index: dict[str, object] = {"_class_name": pipeline}
    for name, (made, config) in parts.items():
        index[name] = ["transformers" if name.startswith("text_encoder") else "diffusers", made]
        _json(folder / name / "config.json", {"_class_name": made, **config})
    _json(folder / "scheduler" / "scheduler_config.json", scheduler)
    _json(folder / "tokenizer" / "tokenizer_config.json", TOKENS["tokenizer"])
    _json(folder / "model_index.json", index)
    return folder


def _json(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def counted(model: str, size: int, k: int) -> Footprint:
    """Of a step of one view and K draws with both branches, all at once; the denoiser in bfloat16, the encoder by
    autocast as on CUDA."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = write(model, Path(temporary))
        settings = Settings(dtype=torch.bfloat16, encode_dtype=torch.bfloat16, size=size)
        return of_folder(folder, settings, views=1, rows=2 * k, device=torch.device("cuda"))


def worth(r: float, rho: float, k: int) -> tuple[float, int, float]:
    """The effective compute multiplier of K draws over one at equal cost, (1+rho)(R+1) / ((1+rho/K)(R+K)): of this K,
    and the best K with its own."""
    cost = Cost(0.0, r, 1.0)
    one = work(1.0, rho, 1, 1, cost)
    best = best_k(1.0, {each: rho / each for each in range(1, MOST + 1)}, 1, cost)
    return (multiplier(one, work(1.0, rho / k, 1, k, cost)), best,
            multiplier(one, work(1.0, rho / best, 1, best, cost)))


def tables(models: list[str], sizes: list[int], k: int) -> list[str]:
    """Two tables in Markdown: what a step takes, and what K is worth."""
    takes = ["| model | pixels | parameters, B | draw, TFLOP | encode and back, TFLOP | R | weights, GiB | "
             f"{2 * k} rows, GiB | kept by the encoder, GiB | its peak, GiB | in all, GiB | text encoder, GiB |",
             "|" + "---|" * 12]
    said = [f"rho {rho:g}: K = {k}, best" for rho in RHOS]
    gains = [f"| model | pixels | R | {' | '.join(said)} | R with a render | {' | '.join(said)} |",
             "|" + "---|" * (4 + 2 * len(RHOS))]
    for model in models:
        for size in sizes:
            found = counted(model, size, k)
            name, pixels, draw = MODELS[model][0], found.image_size[0], 2 * found.row_flops
            r = found.encode_flops / draw
            memory = [found.denoiser_bytes + found.vae_bytes, found.ask_bytes, found.kept_bytes, found.images_bytes,
                      found.total_bytes, found.text_bytes]
            takes.append(f"| {name} | {pixels} | {found.parameters / 1e9:.2f} | {draw / 1e12:.2f} | "
                         f"{found.encode_flops / 1e12:.2f} | {r:.2f} | "
                         + " | ".join(f"{each / GIB:.2f}" for each in memory) + " |")
            with_render = r + RENDER
            gains.append(f"| {name} | {pixels} | {r:.2f} | {' | '.join(_gain(r, rho, k) for rho in RHOS)} | "
                         f"{with_render:.2f} | {' | '.join(_gain(with_render, rho, k) for rho in RHOS)} |")
    return [*takes, "", *gains]


def _gain(r: float, rho: float, k: int) -> str:
    own, best, most = worth(r, rho, k)
    return f"{own:.2f}, {most:.2f} at {best}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[0, 512], metavar="PIXELS")
    parser.add_argument("--k", type=int, default=4)
    given = parser.parse_args()
    result("\n".join(tables(given.models, given.sizes, given.k)))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
