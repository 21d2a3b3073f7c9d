"""Tiny random models of FLUX.1, FLUX.2 and Qwen-Image, and how their own pipelines are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tiny_parts import WIDTH, Case, clip, flow, kl, t5
from tiny_pipeline import make_tokenizer
from torch import Tensor

CHAT = ("{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n"
        "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}")
INSTRUCTION = ("{{ bos_token }}{% for message in messages %}[{{ message.role }}]"
               "{% for part in message.content %}{{ part.text }}{% endfor %}[/{{ message.role }}]{% endfor %}")
DYNAMIC = {"shift": 3.0, "use_dynamic_shifting": True}


def letters(chat_template: str, **special: str) -> Any:
    """A Qwen2Tokenizer without merges, one token a byte."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    names = sorted(ByteLevel.alphabet()) + ["<|endoftext|>", *special.values()]
    made = Qwen2Tokenizer({name: i for i, name in enumerate(names)}, [], **special)
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<think>", "</think>"]})
    made.chat_template = chat_template
    return made


def sizes(tokenizer: Any, layers: int) -> dict[str, int]:
    """Of a language model."""
    return {"vocab_size": len(tokenizer), "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "head_dim": 8,
            "num_hidden_layers": layers, "num_attention_heads": 2, "num_key_value_heads": 1}


def pack(pipeline: Any, latents: Tensor) -> Tensor:
    """As FLUX.1's and Qwen-Image's pipelines take latents."""
    return pipeline._pack_latents(latents, *latents.shape)


def moved(pipeline: Any, latents: Tensor) -> Tensor:
    """As FLUX.2's schedulers move them."""
    return pipeline._pack_latents(latents)


def flux(guidance: bool) -> Any:
    import diffusers

    encoder, tokenizer = t5(2 * WIDTH)
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=64, num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=2 * WIDTH, pooled_projection_dim=WIDTH, guidance_embeds=guidance, axes_dims_rope=(4, 6, 6))
    return diffusers.FluxPipeline(
        flow(**DYNAMIC) if guidance else flow(shift=1.0),
        kl(16, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False),
        clip(), make_tokenizer(), encoder, tokenizer, transformer)


def flux2_parts(guidance: bool) -> dict[str, Any]:
    """The denoiser and the VAE, whose batch norm has seen something."""
    import diffusers

    vae = diffusers.AutoencoderKLFlux2(
        block_out_channels=(8,) * 4, layers_per_block=1, norm_num_groups=4, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4)
    vae.bn.running_mean, vae.bn.running_var = torch.randn(128), torch.rand(128) + 0.1
    transformer = diffusers.Flux2Transformer2DModel(
        num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=3 * WIDTH,
        axes_dims_rope=(4, 4, 4, 4), guidance_embeds=guidance)
    return {"vae": vae, "transformer": transformer, "scheduler": flow(**DYNAMIC)}


def klein(distilled: bool) -> Any:
    import diffusers
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = letters(CHAT)
    encoder = Qwen3ForCausalLM(Qwen3Config(**sizes(tokenizer, 28), tie_word_embeddings=True))
    return diffusers.Flux2KleinPipeline(**flux2_parts(False), text_encoder=encoder, tokenizer=tokenizer,
                                        is_distilled=distilled)


def flux2() -> Any:
    import diffusers
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration, MistralConfig, PixtralVisionConfig

    tokenizer = letters(INSTRUCTION, bos_token="<s>")
    seen = PixtralVisionConfig(hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=1, num_attention_heads=2,
                               head_dim=8, image_size=16, patch_size=8)
    encoder = Mistral3ForConditionalGeneration(Mistral3Config(
        text_config=MistralConfig(**sizes(tokenizer, 31)), vision_config=seen, image_token_index=5))
    return diffusers.Flux2Pipeline(**flux2_parts(True), text_encoder=encoder, tokenizer=tokenizer)


def plain_tokenizer(folder: Path) -> dict[str, Any]:
    """FLUX.2's processor without its images, which it could not read without torchvision."""
    from transformers import AutoTokenizer

    return {"tokenizer": AutoTokenizer.from_pretrained(folder / "tokenizer")}


def qwen_image() -> Any:
    import diffusers
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = letters(CHAT)
    text = sizes(tokenizer, 2)
    del text["head_dim"]
    encoder = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(
        text_config={**text, "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}},
        vision_config={"depth": 1, "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_heads": 2, "patch_size": 8,
                       "out_hidden_size": WIDTH}))
    transformer = diffusers.QwenImageTransformer2DModel(
        num_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=WIDTH, axes_dims_rope=(4, 6, 6))
    return diffusers.QwenImagePipeline(flow(**DYNAMIC, base_shift=0.5, max_shift=0.9, max_image_seq_len=8192),
                                       diffusers.AutoencoderKLQwenImage(base_dim=4, num_res_blocks=1), encoder, tokenizer,
                                       transformer)


def its_negative(pipeline: Any, text: str) -> dict[str, Any]:
    """klein's pipeline takes the empty prompt, or states."""
    return {"negative_prompt_embeds": pipeline.encode_prompt(text)[0]}


SMALL = ("teacher.size=64",)
TOLD = (*SMALL, "teacher.told_guidance=2.5")
FLUX = {"batched": False, "given": pack}
FLUX2 = {"batched": False, "moved": moved, "factor": 16, "solver": 200}
CASES = {
    "flux-dev": Case(lambda: flux(True), {"sigmas": [0.63], "true_cfg_scale": 4.0, "guidance_scale": 2.5}, overrides=TOLD,
                     **FLUX),
    "flux-schnell": Case(lambda: flux(False), {"sigmas": [0.63], "true_cfg_scale": 4.0}, overrides=SMALL, **FLUX),
    "flux2": Case(flux2, {"sigmas": [0.63], "guidance_scale": 2.5}, negative=None, overrides=TOLD, parts=plain_tokenizer,
                  index={"tokenizer": ["transformers", "PixtralProcessor"]}, **FLUX2),
    "flux2-klein": Case(lambda: klein(False), {"sigmas": [0.63], "guidance_scale": 4.0}, negative=its_negative,
                        overrides=SMALL, **FLUX2),
    "flux2-klein-distilled": Case(lambda: klein(True), {"sigmas": [0.63], "guidance_scale": 4.0}, negative=None,
                                  overrides=SMALL, **FLUX2),
    "qwen-image": Case(qwen_image, {"sigmas": [0.63], "true_cfg_scale": 4.0}, overrides=SMALL, **FLUX),
}
