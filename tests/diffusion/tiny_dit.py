"""Tiny random pipelines of SANA, PixArt, Z-Image and DeepFloyd IF."""

from __future__ import annotations

from typing import Any

from tiny_parts import WIDTH, Case, flow, kl, t5


def gemma() -> tuple[Any, Any]:
    """A Gemma-2 model and its tokenizer, one token a character."""
    from transformers import Gemma2Config, Gemma2Model, GemmaTokenizer

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    characters = ["\u2581", "\n", *map(chr, range(33, 127))]
    tokenizer = GemmaTokenizer(vocab={text: i for i, text in enumerate(special + characters)}, merges=[],
                               add_bos_token=True)
    return Gemma2Model(Gemma2Config(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=2, head_dim=8,
        num_attention_heads=2, num_key_value_heads=1, sliding_window=64, pad_token_id=0, eos_token_id=1,
        bos_token_id=2)), tokenizer


def qwen() -> tuple[Any, Any]:
    """A Qwen3 model of three layers and its tokenizer, one token a byte, with the template of its chats, of which "user"
    is one token."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3Model

    vocabulary = {text: i for i, text in enumerate([*sorted(ByteLevel.alphabet()), "us", "er", "user"])}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[("u", "s"), ("e", "r"), ("us", "er")])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n"
        "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}")
    return Qwen3Model(Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=3, head_dim=8,
        num_attention_heads=2, num_key_value_heads=1)), tokenizer


def sana(scheduler: Any) -> Any:
    import diffusers

    encoder, tokenizer = gemma()
    vae = diffusers.AutoencoderDC(
        latent_channels=8, attention_head_dim=4, scaling_factor=0.41407, upsample_block_type="interpolate",
        **{f"{side}_block_types": ("ResBlock",) * 4 + ("EfficientViTBlock",) * 2 for side in ("encoder", "decoder")},
        **{f"{side}_block_out_channels": (8,) * 6 for side in ("encoder", "decoder")},
        **{f"{side}_layers_per_block": (1,) * 6 for side in ("encoder", "decoder")},
        **{f"{side}_qkv_multiscales": ((),) * 4 + ((5,),) * 2 for side in ("encoder", "decoder")})
    transformer = diffusers.SanaTransformer2DModel(
        in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=8, num_layers=2,
        num_cross_attention_heads=2, cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=WIDTH,
        sample_size=4, timestep_scale=0.7)
    return diffusers.SanaPipeline(tokenizer, encoder, vae, transformer, scheduler)


def sana_flow() -> Any:
    return sana(flow(shift=3.0))


def sana_solver() -> Any:
    """With the scheduler of the published folders."""
    from diffusers import DPMSolverMultistepScheduler

    return sana(DPMSolverMultistepScheduler(beta_end=0.02, prediction_type="flow_prediction", use_flow_sigmas=True,
                                            flow_shift=3.0))


def pixart(pipeline: str, **config: Any) -> Any:
    import diffusers

    encoder, tokenizer = t5()
    transformer = diffusers.PixArtTransformer2DModel(
        num_attention_heads=2, attention_head_dim=12, num_layers=2, cross_attention_dim=24, caption_channels=WIDTH,
        **config)
    scheduler = diffusers.DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02, beta_schedule="linear")
    return getattr(diffusers, pipeline)(tokenizer, encoder, kl(scaling_factor=0.13025), transformer, scheduler)


def pixart_alpha() -> Any:
    """Of 1024 pixels, whose network is told of sizes."""
    return pixart("PixArtAlphaPipeline", sample_size=128)


def pixart_sigma() -> Any:
    return pixart("PixArtSigmaPipeline", sample_size=8, use_additional_conditions=False)


def z_image() -> Any:
    import diffusers

    encoder, tokenizer = qwen()
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=16, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=WIDTH,
        axes_dims=[4, 6, 6], axes_lens=[640, 32, 32])
    vae = kl(16, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False)
    return diffusers.ZImagePipeline(flow(shift=3.0), vae, encoder, tokenizer, transformer)


def deepfloyd() -> Any:
    import diffusers

    encoder, tokenizer = t5()
    unet = diffusers.UNet2DConditionModel(
        sample_size=16, in_channels=3, out_channels=6, block_out_channels=(8, 16), layers_per_block=1,
        norm_num_groups=4, cross_attention_dim=16, encoder_hid_dim=WIDTH, encoder_hid_dim_type="text_proj",
        addition_embed_type="text", addition_embed_type_num_heads=2, attention_head_dim=4, act_fn="gelu",
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"), resnet_time_scale_shift="scale_shift")
    scheduler = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2", variance_type="learned_range",
                                        thresholding=True, sample_max_value=1.5)
    return diffusers.IFPipeline(tokenizer, encoder, unet, scheduler, None, None, None, requires_safety_checker=False)


_UNBINNED = {"guidance_scale": 5.0, "use_resolution_binning": False}  # sizes are those asked for
CASES = {
    "sana": Case(sana_flow, {"sigmas": [0.63], **_UNBINNED}, factor=32),
    "sana_solver": Case(sana_solver, {"num_inference_steps": 1, **_UNBINNED}, factor=32),
    "pixart_alpha": Case(pixart_alpha, {"timesteps": [437], **_UNBINNED}, overrides=("teacher.size=64",)),
    "pixart_sigma": Case(pixart_sigma, {"timesteps": [437], **_UNBINNED}),
    "z_image": Case(z_image, {"sigmas": [0.63], "guidance_scale": 5.0}, order=(0, -1), unguided=0.0,
                    overrides=("teacher.size=64",)),
    "deepfloyd": Case(deepfloyd, {"timesteps": [437], "guidance_scale": 5.0}, factor=1),
}
