"""The families of models that serve as teachers, by the pipeline of diffusers that a folder's model_index.json names.

What a family is made of is said here, without torch; how its network is told a prompt, shown an image and asked stands
in a file of its own beside this one.

Default scales of guidance, and where they are from. 100: SDXL and Stable Diffusion 3, as in the recipes of threestudio
(dreamfusion-sdxl) and of RFDS (arXiv 2406.03293, rfds_sd3 and rfds-rev_sd3), which are after DreamFusion; PixArt, which
predicts noise as Stable Diffusion does, and of which no recipe is known to us. 20: DeepFloyd IF, as in threestudio's
dreamfusion-if. 1, which is one branch: FLUX.1 and FLUX.2 dev, whose networks have guidance distilled into them; dev is
told its scale. 50: other flow models, for which we know no recipe: our choice, not measured. Models of few steps: 1
(``distilled``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from carv3d.runtime.types import Record

CLIP, CLIP_TOKENS = "CLIPTextModel", "CLIPTokenizer"


@dataclass(frozen=True)
class Family:
    """name: for people. pipelines: class names. teacher: module:Class below this package. parts: each component, and
    what the name of its class begins with ("" for any). optional: those that a folder may leave out. lengths: tokens
    that each tokenizer's encoder reads. flow: whether it predicts noise - image along a straight path. guidance: what
    objective.guidance_scale=auto means for sds. tells_guidance: whether its network has an embedding of guidance.
    words: whether words can be added (textual inversion). half: precision on CUDA. since: the version of diffusers
    that has it.
    """

    name: str
    pipelines: tuple[str, ...]
    teacher: str
    parts: dict[str, str]
    optional: tuple[str, ...] = ()
    lengths: dict[str, int] = field(default_factory=dict)
    flow: bool = False
    guidance: float = 50.0
    tells_guidance: bool = False
    words: bool = False
    half: str = "float16"
    since: str = "0.30"

    @property
    def denoiser(self) -> str:
        """The component that predicts."""
        return next(name for name in ("transformer", "unet") if name in self.parts)

    @property
    def encoders(self) -> tuple[str, ...]:
        """The components that read text."""
        return tuple(name for name in self.parts if name.startswith("text_encoder"))

    @property
    def networks(self) -> tuple[str, ...]:
        """The components that have weights, the denoiser first."""
        return (self.denoiser, *(["vae"] if "vae" in self.parts else []), *self.encoders)

    @property
    def tokenizers(self) -> tuple[str, ...]:
        return tuple(name for name in self.parts if name.startswith("tokenizer"))


_FLOW = "FlowMatch"
_PIXART = {"transformer": "PixArtTransformer2DModel|Transformer2DModel", "vae": "AutoencoderKL",  # older folders' name
           "text_encoder": "T5EncoderModel", "tokenizer": "T5Tokenizer", "scheduler": ""}
FAMILIES = (
    Family("SDXL", ("StableDiffusionXLPipeline",), "sdxl:SDXL",
           {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": CLIP, "tokenizer": CLIP_TOKENS,
            "text_encoder_2": "CLIPTextModelWithProjection", "tokenizer_2": CLIP_TOKENS, "scheduler": ""},
           guidance=100.0, lengths={"tokenizer": 77, "tokenizer_2": 77}, words=True),
    Family("Stable Diffusion 3", ("StableDiffusion3Pipeline",), "sd3:SD3",
           {"transformer": "SD3Transformer2DModel", "vae": "AutoencoderKL",
            "text_encoder": "CLIPTextModelWithProjection", "tokenizer": CLIP_TOKENS,
            "text_encoder_2": "CLIPTextModelWithProjection", "tokenizer_2": CLIP_TOKENS,
            "text_encoder_3": "T5EncoderModel", "tokenizer_3": "T5Tokenizer", "scheduler": _FLOW},
           optional=("text_encoder_3", "tokenizer_3"),
           guidance=100.0, lengths={"tokenizer": 77, "tokenizer_2": 77, "tokenizer_3": 256}, flow=True),
    Family("FLUX.1", ("FluxPipeline",), "flux:Flux",
           {"transformer": "FluxTransformer2DModel", "vae": "AutoencoderKL", "text_encoder": CLIP,
            "tokenizer": CLIP_TOKENS, "text_encoder_2": "T5EncoderModel", "tokenizer_2": "T5Tokenizer",
            "scheduler": _FLOW},
           guidance=1.0, lengths={"tokenizer": 77, "tokenizer_2": 512}, flow=True, tells_guidance=True,
           half="bfloat16"),
    Family("FLUX.2", ("Flux2Pipeline",), "flux2:Flux2",
           {"transformer": "Flux2Transformer2DModel", "vae": "AutoencoderKLFlux2",
            "text_encoder": "Mistral3ForConditionalGeneration", "tokenizer": "PixtralProcessor", "scheduler": _FLOW},
           guidance=1.0, lengths={"tokenizer": 475}, flow=True, tells_guidance=True, half="bfloat16", since="0.36"),
    Family("FLUX.2 klein", ("Flux2KleinPipeline",), "flux2:Flux2Klein",
           {"transformer": "Flux2Transformer2DModel", "vae": "AutoencoderKLFlux2", "text_encoder": "Qwen3ForCausalLM",
            "tokenizer": "Qwen2Tokenizer", "scheduler": _FLOW},
           lengths={"tokenizer": 509}, flow=True, half="bfloat16", since="0.37"),
    Family("Qwen-Image", ("QwenImagePipeline",), "qwen_image:QwenImage",
           {"transformer": "QwenImageTransformer2DModel", "vae": "AutoencoderKLQwenImage",
            "text_encoder": "Qwen2_5_VLForConditionalGeneration", "tokenizer": "Qwen2Tokenizer", "scheduler": _FLOW},
           lengths={"tokenizer": 512}, flow=True, half="bfloat16", since="0.35"),
    Family("SANA", ("SanaPipeline",), "sana:SANA",  # 300 tokens, of which the last of its instruction is one
           {"transformer": "SanaTransformer2DModel", "vae": "AutoencoderDC", "text_encoder": "Gemma2Model",
            "tokenizer": "Gemma", "scheduler": ""},
           lengths={"tokenizer": 299}, flow=True, half="bfloat16", since="0.33"),
    Family("PixArt-alpha", ("PixArtAlphaPipeline",), "pixart:PixArt", _PIXART, guidance=100.0,
           lengths={"tokenizer": 120}),
    Family("PixArt-Sigma", ("PixArtSigmaPipeline",), "pixart:PixArt", _PIXART, guidance=100.0,
           lengths={"tokenizer": 300}),
    Family("Z-Image", ("ZImagePipeline",), "z_image:ZImage",  # 512 tokens, three of its template first
           {"transformer": "ZImageTransformer2DModel", "vae": "AutoencoderKL",
            "text_encoder": "Qwen3Model|Qwen3ForCausalLM", "tokenizer": "Qwen2Tokenizer", "scheduler": _FLOW},
           lengths={"tokenizer": 509}, flow=True, half="bfloat16", since="0.36"),
    Family("DeepFloyd IF", ("IFPipeline",), "deepfloyd:IF",
           {"unet": "UNet2DConditionModel", "text_encoder": "T5EncoderModel", "tokenizer": "T5Tokenizer",
            "scheduler": ""},
           guidance=20.0, lengths={"tokenizer": 77}),
)


def of(pipeline: str) -> Family | None:
    """The family of a pipeline's class, other than Stable Diffusion 1 and 2, whose folders ``folder.check`` reads."""
    return next((family for family in FAMILIES if pipeline in family.pipelines), None)


def made_by(index: Record, part: str) -> str:
    """The class that the index names for a component; empty for none."""
    entry = index.get(part)
    return entry[1] if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str) else ""
