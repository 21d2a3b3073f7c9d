"""What the class of a family says beside ``DiffusersTeacher``, and how a teacher is made of a folder."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import math
from abc import abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import torch
from torch import Tensor

from carv3d.diffusion import loading, small_encoder, view_vector
from carv3d.diffusion.adapters import add
from carv3d.diffusion.diffusers_teacher import Angles, DiffusersTeacher, Levels, Text
from carv3d.diffusion.families.table import Family
from carv3d.diffusion.folder import as_object, unet_name
from carv3d.diffusion.loading import Network
from carv3d.diffusion.quantize import quantize
from carv3d.diffusion.schedule import NoiseSchedule, shifted, straight_path
from carv3d.diffusion.settings import Settings
from carv3d.diffusion.view_vector import GROUPS
from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record


class FamilyTeacher(DiffusersTeacher):
    """A teacher of one of the families of ``table``. TEXT: the names of what its network is told of a prompt. WIDTH:
    what the network's configuration calls the width of the states. LENGTH: tokens that it is told of a prompt; the most
    of them where SHORTER prompts are told by fewer. NEGATIVE_APART: whether a negative prompt is encoded otherwise
    (``told_negative``). INDEX: keys of model_index.json that have a say in what it is told. index: that file."""

    TEXT: ClassVar[tuple[str, ...]] = ("states",)
    WIDTH: ClassVar[str] = "joint_attention_dim"
    LENGTH: ClassVar[int]
    SHORTER: ClassVar[bool] = False
    NEGATIVE_APART: ClassVar[bool] = False
    INDEX: ClassVar[tuple[str, ...]] = ()

    def __init__(self, denoiser: Network, vae: Network | None, levels: Levels, embeddings: Text, *, index: Record,
                 size: int = 0, told_guidance: float = 3.5, **common: Network):
        super().__init__(denoiser, vae, levels, embeddings, **common)
        self.index, self.told_guidance = index, told_guidance
        described = vae.config if vae is not None else None
        self.image_size = (size, size) if size else self.sides(denoiser.config, described, index)
        factor = self.factor(described)
        height, width = (side // factor for side in self.image_size)
        self.latent_shape = (self.channels(denoiser.config), height, width)

    # --- what a family says ---

    @classmethod
    @abstractmethod
    def told(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        """What the network is told of prompts, by the family's pipeline over its text encoders alone."""

    @classmethod
    def told_negative(cls, pipeline: Network, prompts: Sequence[str]) -> Text:
        """The same of negative prompts."""
        return cls.told(pipeline, prompts)

    @classmethod
    def unconditional(cls, text: Text, negative: str, index: Record) -> Text:
        """The same with the last row, the negative prompt's, as the unconditional branch is told it."""
        return text

    @classmethod
    def length(cls, folder: Path, index: Record) -> int:
        """Tokens that the network is told of a prompt, the most of them."""
        return cls.LENGTH

    @classmethod
    def pooled(cls, config: Network) -> int:
        """Width of the pooled state."""
        return int(config.pooled_projection_dim)

    @classmethod
    def shapes(cls, config: Network, tokens: int) -> dict[str, tuple[int, ...]]:
        """What the network is told of a prompt of so many tokens has these shapes."""
        found = {"states": (tokens, getattr(config, cls.WIDTH)), "mask": (tokens,)}
        return {name: (cls.pooled(config),) if name == "pooled" else found[name] for name in cls.TEXT}

    @classmethod
    def factor(cls, vae: Network) -> int:
        """Pixels a side for each latent."""
        return int(2 ** (len(vae.block_out_channels) - 1))

    @classmethod
    def step(cls, config: Network, vae: Network) -> int:
        """Pixels of which the sides of an image are multiples: those of a latent, or of a patch of latents."""
        return cls.factor(vae) * int(getattr(config, "patch_size", 1))

    @classmethod
    def largest(cls, config: Network, vae: Network) -> int:
        """Pixels of the longest side that the network takes; 0 where it takes any."""
        return 0

    @classmethod
    def channels(cls, config: Network) -> int:
        """Of the latents that noise is added to."""
        return int(config.in_channels)

    @classmethod
    def sides(cls, config: Network, vae: Network, index: Record) -> tuple[int, int]:
        """Height and width in pixels of the images that the network was trained on."""
        size = config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return cls.factor(vae) * height, cls.factor(vae) * width

    @classmethod
    def tokens(cls, latents: int) -> int:
        """Of the transformer, for so many latents of an image."""
        return latents // 4

    @classmethod
    def exponent(cls, scheduler: Record, tokens: int) -> float:
        """mu of a shift that depends on the resolution (SD 3, arXiv 2403.03206; FLUX)."""
        low, high = _number(scheduler, "base_image_seq_len", 256), _number(scheduler, "max_image_seq_len", 4096)
        least, most = _number(scheduler, "base_shift", 0.5), _number(scheduler, "max_shift", 1.15)
        return least + (most - least) * (tokens - low) / (high - low)


def teacher_of(family: Family) -> type[FamilyTeacher]:
    """The class of a family's teachers."""
    module, _, name = family.teacher.partition(":")
    found: type[FamilyTeacher] = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    return found


def check_size(folder: Path, family: Family, size: int) -> None:
    """UserError for an image size that the model of a folder does not take, given or its own (size 0); by its
    configuration alone."""
    index = as_object(folder / "model_index.json", str(folder))
    parts = {name: SimpleNamespace(**as_object(folder / name / "config.json", str(folder)))
             for name in (family.denoiser, "vae") if name in family.parts}
    with contextlib.suppress(AttributeError):  # what an older folder leaves to defaults is looked at on loading
        _check_size(family, parts[family.denoiser], parts.get("vae"), index, size)


def _check_size(family: Family, config: Network, vae: Network, index: Record, size: int) -> None:
    cls = teacher_of(family)
    step, most = cls.step(config, vae), cls.largest(config, vae)
    for side in (size,) if size else cls.sides(config, vae, index):
        if not side % step and (side <= most or not most):
            continue
        allowed = f"a multiple of {step}" + (f", at most {most}" if most else "")
        raise UserError(f"teacher.size: {size} given; {family.name} needs {allowed}" if size else
                        f"teacher.path: its {family.denoiser} is configured for images of {side} pixels, but "
                        f"{family.name} needs {allowed}; give teacher.size")


def load(folder: Path, family: Family, text: Text, settings: Settings, *, weights_of: Angles,
         negatives_of: Angles | None = None, told: Collection[str] = tuple(GROUPS), device: torch.device
         ) -> FamilyTeacher:
    """A teacher from a folder that ``check`` accepted, told ``text`` (``text.encode``) and, where the folder has an
    embedding of views, the groups ``told`` of ``view_vector``."""
    index = as_object(folder / "model_index.json", str(folder))
    name = unet_name(settings.use_ema) if family.denoiser == "unet" else family.denoiser
    denoiser = loading.model(folder, name, settings.variant, settings.dtype, loading.named(index[family.denoiser]))
    if settings.additions.loras:
        pipeline = loading.named(("diffusers", str(index["_class_name"])))
        add(denoiser, family.denoiser, settings.additions, pipeline, denoiser.config, family.denoiser)
    vae = None
    if "vae" in family.parts:
        vae = loading.vae_of(folder, settings.vae, settings.variant, loading.named(index["vae"]))
        vae = small_encoder.load(folder, vae.config) if settings.small else vae
    if device.type == "cuda" and family.denoiser == "unet":  # on a CPU it gains nothing
        denoiser, vae = (part and part.to(memory_format=torch.channels_last) for part in (denoiser, vae))
    if settings.compiled:
        denoiser.compile()
    made = assembled(folder, family, denoiser, vae, text, settings, weights_of=weights_of, negatives_of=negatives_of,
                     device=device)
    made.embed_views(view_vector.load(folder, made.time_width), told)
    return made


def assembled(folder: Path, family: Family, denoiser: Network, vae: Network | None, text: Text, settings: Settings, *,
              weights_of: Angles, negatives_of: Angles | None = None, device: torch.device) -> FamilyTeacher:
    """A teacher of the networks of a folder, which may be on torch's meta device (``footprint``)."""
    index = as_object(folder / "model_index.json", str(folder))
    if settings.checkpoint_encode:
        if vae is None or not vae._supports_gradient_checkpointing:
            raise UserError(f"teacher.checkpoint_encode: true given, which {family.name} cannot do; leave it false")
        vae.enable_gradient_checkpointing()
    if settings.offload == "model" and vae is None:
        raise UserError(f"teacher.offload: model given, but {family.name} has no VAE to take turns with; allowed: "
                        "none, layers")
    cls = teacher_of(family)
    own = vae.config if vae is not None else None
    _check_size(family, denoiser.config, own, index, settings.size)
    size = settings.size or max(cls.sides(denoiser.config, own, index))
    count = (size // cls.factor(own)) ** 2
    levels = noise_levels(folder, family, cls.tokens(count), settings.shift)
    said = settings.of(denoiser)
    if settings.quantize != "none" and device.type != "meta":
        quantize(denoiser, settings.quantize, device)
    made = cls(denoiser, vae, levels, text, index=index, size=settings.size, told_guidance=settings.told_guidance,
               weights_of=weights_of, negatives_of=negatives_of, encode_dtype=settings.encode_dtype, device=device,
               offload="none" if device.type == "meta" else settings.offload,
               description=f"{family.name}, {said}, {folder}")
    if settings.tile_encode:
        loading.tile(vae, made.image_size)
    return made


def noise_levels(folder: Path, family: Family, tokens: int, shift: float = 0.0) -> Levels:
    """The noise levels of a folder: betas, or the shifted path of a flow model, whose shift decides how often a level
    is drawn and has no other effect. shift: another than its own, or 0."""
    if not family.flow:
        if shift:
            raise UserError(f"teacher.shift: {shift:g} given, which {family.name} has no use for: it is no flow model; "
                            "leave it 0")
        own = loading.scheduler(folder)
        schedule = NoiseSchedule(own.alphas_cumprod.double())
        return Levels(schedule, own.config.prediction_type, torch.arange(schedule.timesteps))
    plan = as_object(folder / "scheduler" / "scheduler_config.json", str(folder))
    count = int(_number(plan, "num_train_timesteps", 1000))
    share = torch.arange(1, count + 1, dtype=torch.float64) / count
    if shift:
        share = shifted(share, shift)
    elif plan.get("use_dynamic_shifting"):
        mu = teacher_of(family).exponent(plan, tokens)
        share = shifted(share, mu if plan.get("time_shift_type") == "linear" else math.exp(mu))
    else:
        share = shifted(share, _number(plan, "flow_shift" if plan.get("use_flow_sigmas") else "shift", 1.0))
    return Levels(straight_path(share), "flow", (count * share).float())


def encode_prompt(pipeline: Network, prompts: Sequence[str], **options: Network) -> Sequence[Network]:
    """What a pipeline's own function makes of prompts, on the device where its text encoders are."""
    found: Sequence[Network] = pipeline.encode_prompt(list(prompts), device=pipeline.text_encoder.device, **options)
    return found


def call_defaults(pipeline: Network, *names: str) -> Record:
    """What a pipeline's call takes for these options where nothing is given."""
    options = inspect.signature(pipeline.__call__).parameters
    return {name: options[name].default for name in names}


def encoded(vae: Network, image: Tensor) -> Tensor:
    """The mean of the posterior of images [B,3,H,W] in [-1,1]."""
    found: Tensor = vae.encode(image.to(vae.dtype)).latent_dist.mode()
    return found


def scaled(vae: Network, latents: Tensor) -> Tensor:
    """Shifted and scaled as most networks expect them."""
    return (latents - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor


def _number(plan: Record, name: str, default: float) -> float:
    value = plan.get(name, default)
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise UserError(f"teacher.path: scheduler/scheduler_config.json has the {name} {value!r}; a number above 0 is "
                        "needed; copy the whole folder again")
    return float(value)
