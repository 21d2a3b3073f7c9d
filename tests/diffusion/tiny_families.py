"""Folders of each family of teachers with tiny random networks, and how the family's own pipeline is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tiny_dit
import tiny_flux
import torch
from tiny_parts import WIDTH, Case, clip, drawn, flow, kl, t5
from tiny_pipeline import edit, make_tokenizer


def sdxl() -> Any:
    import diffusers

    unet = diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=2 * WIDTH,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2), projection_class_embeddings_input_dim=WIDTH + 6 * 8)
    return diffusers.StableDiffusionXLPipeline(
        kl(scaling_factor=0.13025), clip(), clip(projected=True), make_tokenizer(), make_tokenizer("!"), unet,
        diffusers.EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                                         timestep_spacing="leading", steps_offset=1), add_watermarker=False)


def sd3() -> Any:
    import diffusers

    encoder, tokenizer = t5(2 * WIDTH)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=16, out_channels=16, num_layers=2, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=2 * WIDTH, caption_projection_dim=16, pooled_projection_dim=2 * WIDTH,
        pos_embed_max_size=12, qk_norm="rms_norm", dual_attention_layers=(0,))
    return diffusers.StableDiffusion3Pipeline(
        transformer, flow(shift=3.0), kl(16, scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False,
                                         use_post_quant_conv=False),
        clip(projected=True), make_tokenizer(), clip(projected=True), make_tokenizer("!"), encoder, tokenizer)


CASES = {
    "sdxl": Case(sdxl, {"timesteps": [437], "guidance_scale": 5.0}),
    "sd3": Case(sd3, {"sigmas": [0.63], "guidance_scale": 5.0}),
    **tiny_flux.CASES,
    **tiny_dit.CASES,
}
ONE_EACH = [name for name in CASES if name not in ("flux-schnell", "flux2-klein-distilled", "sana_solver")]  # no variants


def built(name: str, root: Path) -> Path:
    """The folder ``root/name``, made at the first call; tests copy it before they change it."""
    folder = root / name
    if not folder.exists():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            drawn(CASES[name].make()).save_pretrained(folder)
            edit(folder / "model_index.json", **CASES[name].index)
    return folder
