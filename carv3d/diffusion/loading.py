"""Components of a diffusers folder: loaded one by one, with one-line errors."""

from __future__ import annotations

import contextlib
import importlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch

from carv3d.diffusion.folder import COMPONENTS, as_object
from carv3d.diffusion.weight_files import AGAIN, Weights, choose
from carv3d.runtime.errors import UserError, of_the_machine

Network: TypeAlias = Any  # an object or a class of diffusers or transformers, which have no types of their own
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def has_bfloat16(device: torch.device) -> bool:
    """Whether it is a CUDA device that multiplies bfloat16 itself; older ones (a T4) only emulate it, slowly."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def fastest_dtype(device: torch.device, half: str = "float16") -> torch.dtype:
    """``half`` on CUDA (float16 in place of a bfloat16 that the device has not); bfloat16 on a CPU that multiplies
    bfloat16 tiles in hardware (AMX); float32 on any other."""
    if device.type == "cuda":
        return DTYPES[half] if half == "float16" or has_bfloat16(device) else torch.float16
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32


def encoder_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 on CUDA devices that have it, float32 elsewhere: on a CPU the encoder's small images gain little."""
    return torch.bfloat16 if has_bfloat16(device) else torch.float32


def prefer_trained_attention(unet: Network) -> None:
    """On a CPU the fused attention's backward pass takes several times the plain one's. Transformers have none but
    their own."""
    if unet.device.type == "cpu" and type(unet).__name__ == "UNet2DConditionModel":
        plain_attention(unet)


def plain_attention(unet: Network) -> None:
    """Attention that is not fused, which ``torch.func`` can differentiate and map over samples anywhere."""
    from diffusers.models.attention_processor import AttnAddedKVProcessor, AttnProcessor

    added = any("AddedKV" in type(each).__name__ for each in unet.attn_processors.values())  # DeepFloyd IF
    unet.set_attn_processor(AttnAddedKVProcessor() if added else AttnProcessor())


def scheduler(folder: Path) -> Network:
    """The noise levels and the prediction type of the folder's scheduler, whatever sampler it was saved for."""
    from diffusers import DDPMScheduler

    with quiet(), one_line(folder, "scheduler"):
        made = DDPMScheduler.from_pretrained(folder, subfolder="scheduler", local_files_only=True)
        levels = made.alphas_cumprod
        if levels.ndim != 1 or len(levels) < 2 or not ((levels >= 0) & (levels <= 1)).all():  # NaN is neither
            raise ValueError("its noise levels are no list within 0 and 1")
    return made


def model(folder: Path, component: str, variant: str, dtype: torch.dtype, cls: Network = None) -> Network:
    """A network of the folder, whole and finite; UserError where its files do not give one.

    component: its subfolder. cls: its class, by default the one of diffusers.
    """
    if cls is None:
        cls = class_of(component.removesuffix("_ema"))
    weights = choose(folder, component, variant)
    with quiet(), one_line(folder, component), _readable(folder / component, weights) as (place, name):
        made, info = cls.from_pretrained(place, variant=name or None, torch_dtype=dtype, use_safetensors=True,
                                         local_files_only=True, output_loading_info=True)
        if info["missing_keys"]:  # the libraries would leave these at random values
            raise ValueError(f"its file lacks {sorted(info['missing_keys'])[0]}")
    check_finite(made, folder, component, dtype)
    return made


def empty(folder: Path, component: str, cls: Network, dtype: torch.dtype = torch.float32) -> Network:
    """A network as its configuration says, on torch's meta device: every shape and no content."""
    with quiet(), one_line(folder, component), torch.device("meta"):
        config = as_object(folder / component / "config.json", str(folder))
        own = getattr(cls, "config_class", None)  # of transformers' classes
        made = cls(own.from_dict(config)) if own else cls.from_config(config)
        return made.to(dtype).eval().requires_grad_(False)


def tile(vae: Network, image_size: tuple[int, int]) -> None:
    """Images are encoded in tiles of half their longer side, which overlap by a quarter and are blended. UserError
    where the VAE cannot, or tiles would be no whole latents."""
    if not hasattr(vae, "tile_sample_min_size"):
        made = "this model has no VAE" if vae is None else f"a {type(vae).__name__} cannot be told how large a tile is"
        raise UserError(f"teacher.tile_encode: true given, but {made}; leave it false")
    side, factor = max(image_size), 2 ** (len(vae.config.block_out_channels) - 1)
    if side % (8 * factor):
        raise UserError(f"teacher.tile_encode: true given with images of {image_size[0]}x{image_size[1]}, which tiles "
                        f"do not fill; a longer side that is a multiple of {8 * factor} is needed, or leave it false")
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size, vae.tile_overlap_factor = side // 2, side // 2 // factor, 0.25


def vae_of(folder: Path, other: Path | None, variant: str, cls: Network = None) -> Network:
    """The VAE of a folder in float32, or that of ``other``, a folder of its own or one with a vae in it; UserError
    where that makes other latents."""
    made = model(folder, "vae", variant, torch.float32, cls)
    if other is None:
        return made
    home = other if (other / "vae").is_dir() else other.parent
    found = model(home, "vae" if (other / "vae").is_dir() else other.name, "", torch.float32, type(made))
    if found.config.latent_channels != made.config.latent_channels:
        raise UserError(f"teacher.vae: that of {other} makes latents of {found.config.latent_channels} channels, the "
                        f"model takes {made.config.latent_channels}; give a VAE that was made for this model")
    return found


def pipeline_class(name: str, needs: str) -> Network:
    """A pipeline of diffusers. needs: the version that has it first."""
    import diffusers

    if not hasattr(diffusers, name):
        raise UserError(f"teacher.path: a {name} needs diffusers {needs} or later, {diffusers.__version__} is "
                        "installed; pip install -U diffusers")
    return getattr(diffusers, name)


def named(entry: Sequence[str]) -> Network:
    """The class that an entry of model_index.json names: of diffusers or transformers, checked before (``check``)."""
    library = importlib.import_module(entry[0])
    if not hasattr(library, entry[1]):
        raise UserError(f"teacher.path: its model_index.json names {entry[1]}, which the installed {entry[0]} "
                        f"{library.__version__} has not; install a later one")
    return getattr(library, entry[1])


def class_of(component: str) -> Network:
    """The class of a component of Stable Diffusion 1 and 2."""
    library = "transformers" if component.startswith("text_encoder") else "diffusers"
    return named((library, COMPONENTS[component] or ""))


def check_finite(made: Network, folder: Path, component: str, dtype: torch.dtype) -> None:
    """UserError for a network with a weight that is not finite in ``dtype``."""
    for name, tensor in made.named_parameters():
        if not torch.isfinite(tensor.sum(dtype=torch.float32)):
            advice = AGAIN if dtype == torch.float32 else f"give teacher.dtype=float32, or {AGAIN}"
            raise UserError(f"teacher.path: the {component} of {folder} holds numbers that are not finite ({name}, in "
                            f"{str(dtype).removeprefix('torch.')}); {advice}")


@contextlib.contextmanager
def _readable(home: Path, weights: Weights) -> Iterator[tuple[Path, str]]:
    """Where the libraries find the weights, and as what variant: at home; or, where the index of the shards has a name
    that they do not look for, in a folder of links with today's."""
    if weights.index is None or not weights.old_index:
        yield home, weights.variant
        return
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for path in (home / "config.json", *weights.files):
            (place / path.name).symlink_to(path.absolute())
        stem = weights.index.name.partition(".safetensors")[0]
        (place / f"{stem}.safetensors.index.json").symlink_to(weights.index.absolute())
        yield place, ""


@contextlib.contextmanager
def one_line(folder: Path, component: str) -> Iterator[None]:
    """Whatever the libraries raise for files that do not fit, a dozen types in all, as one line."""
    try:
        yield
    except Exception as error:
        if of_the_machine(error) or isinstance(error, UserError):  # no fault of the files', or said already
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise UserError(f"teacher.path: the {component} of {folder} cannot be loaded ({reason}); copy the whole folder "
                        "again") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The libraries' own warnings and bars say nothing that a user of carv3d can act on; their errors still rise."""
    import diffusers.utils.logging as diffusers_logging
    import transformers.utils.logging as transformers_logging

    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    levels = [logger.level for logger in loggers]
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
