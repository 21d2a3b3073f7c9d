"""Where a teacher's weights lie: a Stable-Diffusion-format folder, from disk or from the hub, checked before loading.

This is the one place that may touch the network, and with ``offline`` it does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record

COMPONENTS = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel",
              "tokenizer": "CLIPTokenizer", "scheduler": None}
"""What a teacher needs, and the only class of it that is understood (the scheduler gives its noise levels alone)."""

WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


def bundled() -> Path:
    """The folder of the teacher that ships with carv3d."""
    return Path(str(files("carv3d"))) / "bundled"


def locate(path: str, *, revision: str = "", variant: str = "", offline: bool = False,
           announce: Callable[[str], None] = lambda line: None) -> Path:
    """The local folder of ``teacher.path``, a folder or a hub id (downloaded into the hub's own cache).

    Raises UserError, in one line, for anything that is not a complete Stable-Diffusion-format pipeline.
    """
    if not path.strip():
        raise UserError("teacher.path: none given; give a folder in the Stable Diffusion format of diffusers, or a "
                        "hub id such as stable-diffusion-v1-5/stable-diffusion-v1-5 (teacher.type=bundled needs none)")
    try:
        folder = Path(path).expanduser()
        is_file, exists = folder.is_file(), folder.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"teacher.path: there is no folder {path[:80]} ({_first_line(error)}); give a folder that "
                        "holds model_index.json, or a hub id, owner/name") from None
    if is_file:
        raise UserError(f"teacher.path: {path} is a file; a folder is needed: convert it once with diffusers, "
                        "StableDiffusionPipeline.from_single_file(FILE).save_pretrained(FOLDER)")
    if not exists:
        if not _HUB_ID.fullmatch(path):
            raise UserError(f"teacher.path: there is no folder {path}; give a folder that holds model_index.json, or a "
                            "hub id, owner/name")
        folder = _from_hub(path, revision, variant, offline, announce)
    _check(folder, path, variant)
    return folder


def weight_files(folder: Path, component: str, variant: str = "") -> list[Path]:
    """The safetensors files of a component (several when sharded)."""
    middle = f".{variant}" if variant else ""
    stem = WEIGHTS[component]
    single = folder / component / f"{stem}{middle}.safetensors"
    return [single] if single.exists() else sorted((folder / component).glob(f"{stem}{middle}-*-of-*.safetensors"))


def _check(folder: Path, given: str, variant: str) -> None:
    """UserError unless the folder holds every component, of a class that is understood, whole and fitting together.

    Reads the small JSON files and the weights' headers, no weights.
    """
    index = _json(folder / "model_index.json", given, "it is no diffusers pipeline; a folder that save_pretrained "
                  "wrote holds this file")
    name = str(index.get("_class_name"))
    if "XL" in name:
        raise UserError(f"teacher.path: {given} holds a {name}; SDXL (two text encoders, size conditioning) is not "
                        "supported; give a StableDiffusionPipeline folder, such as SD 1.5 or SD 2.1-base")
    if name != "StableDiffusionPipeline":
        raise UserError(f"teacher.path: {given} holds a {name}; a StableDiffusionPipeline is needed")
    for component, wanted in COMPONENTS.items():
        entry = index.get(component)
        made = str(entry[1]) if isinstance(entry, list) and len(entry) == 2 and entry[1] else None
        if made is None or not (folder / component).is_dir():
            raise UserError(f"teacher.path: {given} lacks its {component}; copy the whole folder again, with "
                            f"{', '.join(COMPONENTS)}")
        if wanted and not made.startswith(wanted):  # CLIPTokenizerFast serves as well as CLIPTokenizer
            raise UserError(f"teacher.path: the {component} of {given} is a {made}; {wanted} is needed")
    again = "copy the whole folder again"
    config = {component: _json(folder / component / "config.json", given, again) for component in WEIGHTS}
    for component in WEIGHTS:
        _check_weights(folder, given, component, variant)
    _check_networks(config, given)
    _check_tokenizer(folder / "tokenizer", config["text_encoder"], given)
    scheduler = _json(folder / "scheduler" / "scheduler_config.json", given, again)
    if "beta_start" not in scheduler and not scheduler.get("trained_betas"):
        raise UserError(f"teacher.path: the {scheduler.get('_class_name', 'scheduler')} of {given} has no betas (a "
                        "flow-matching model?); a DDPM-type noise schedule is needed")
    if scheduler.get("prediction_type", "epsilon") not in ("epsilon", "v_prediction", "sample"):
        raise UserError(f"teacher.path: {given} predicts {scheduler['prediction_type']!r}; allowed: epsilon, "
                        "v_prediction, sample")


def _check_weights(folder: Path, given: str, component: str, variant: str) -> None:
    from safetensors import SafetensorError, safe_open

    paths = weight_files(folder, component, variant)
    if not paths:
        raise UserError(_no_weights(folder, given, component, variant))
    for path in paths:
        try:
            with safe_open(path, "np"):  # the header alone, checked against the file's length
                pass
        except (SafetensorError, OSError) as error:
            raise UserError(f"teacher.path: the {component} of {given} cannot be loaded ({path.name}: "
                            f"{_first_line(error)}); copy the whole folder again") from None


def _check_networks(config: dict[str, Record], given: str) -> None:
    unet, vae, text = (config[name] for name in ("unet", "vae", "text_encoder"))
    more = ("class_embed_type", "addition_embed_type", "num_class_embeds", "time_cond_proj_dim", "encoder_hid_dim")
    if asked := next((name for name in more if unet.get(name)), None):
        raise UserError(f"teacher.path: the unet of {given} wants more than a prompt ({asked}); give a plain "
                        "text-to-image model")
    if unet.get("in_channels", 4) != vae.get("latent_channels", 4):
        raise UserError(f"teacher.path: the unet of {given} takes {unet.get('in_channels')} channels and its vae makes "
                        f"{vae.get('latent_channels')} (an inpainting or depth model?); give a plain text-to-image "
                        "model")
    width, wanted = text.get("hidden_size", 512), unet.get("cross_attention_dim", 1280)
    if width != wanted:
        raise UserError(f"teacher.path: the text encoder of {given} makes {width} numbers a token, its unet wants "
                        f"{wanted}; its parts come from different models")
    size = unet.get("sample_size")
    sides = size if isinstance(size, list) else [size, size]
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UserError(f"teacher.path: the unet of {given} has the sample_size {size}; a number or two, of latents a "
                        "side, must stand in unet/config.json")


def _check_tokenizer(folder: Path, text: Record, given: str) -> None:
    settings = _json(folder / "tokenizer_config.json", given, "copy the whole folder again")
    if not (folder / "tokenizer.json").exists() and not all((folder / name).exists()
                                                            for name in ("vocab.json", "merges.txt")):
        raise UserError(f"teacher.path: the tokenizer of {given} has neither tokenizer.json nor vocab.json with "
                        "merges.txt; copy the whole folder again")
    length, positions = settings.get("model_max_length"), text.get("max_position_embeddings", 77)
    if not isinstance(length, int) or length > positions:
        raise UserError(f"teacher.path: the tokenizer of {given} has the model_max_length {length}, its text encoder "
                        f"reads {positions} tokens; correct tokenizer/tokenizer_config.json")


def _no_weights(folder: Path, given: str, component: str, variant: str) -> str:
    stem = WEIGHTS[component]
    found = sorted(path.name for path in (folder / component).iterdir() if path.name.startswith(stem))
    variants = {match.group(1) or "" for name in found
                if (match := re.fullmatch(rf"{stem}(?:\.(\w+))?(?:-\d+-of-\d+)?\.safetensors", name))}
    if variants:
        allowed = ", ".join(name or "none (empty)" for name in sorted(variants))
        return (f"teacher.variant: {variant or 'none'} given; the {component} of {given} comes in these variants: "
                f"{allowed}")
    if found:
        return (f"teacher.path: the {component} of {given} has no safetensors weights ({found[0]}); load it once with "
                "diffusers and save_pretrained it, which writes them")
    return f"teacher.path: the {component} of {given} has no weights; copy the whole folder again"


def _json(path: Path, given: str, advice: str) -> Record:
    relative = path.relative_to(path.parents[1]) if path.parent.name in COMPONENTS else path.name
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"teacher.path: {given} has no {relative}; {advice}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"teacher.path: {relative} of {given} cannot be read ({type(error).__name__}); copy the whole "
                        "folder again") from None
    if not isinstance(content, dict):
        raise UserError(f"teacher.path: {relative} of {given} is not a JSON object; copy the whole folder again")
    return content


def _from_hub(name: str, revision: str, variant: str, offline: bool, announce: Callable[[str], None]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    middle = f".{variant}" if variant else ""
    wanted = ["model_index.json", "scheduler/*", "tokenizer/*", *(f"{c}/config.json" for c in WEIGHTS)]
    for component, stem in WEIGHTS.items():
        wanted += [f"{component}/{stem}{middle}.safetensors", f"{component}/{stem}{middle}-*-of-*.safetensors",
                   f"{component}/{stem}.safetensors.index{middle}.json"]
    if not offline:
        announce(f"teacher: {name} from the hub (once; kept in the hub's cache)")
    at = f" at revision {revision}" if revision else ""
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=wanted,
                                      local_files_only=offline))
    except GatedRepoError:
        raise UserError(f"teacher.path: {name} is gated; accept its terms on the hub and log in with "
                        "`hf auth login`, or give a local folder") from None
    except RevisionNotFoundError:
        raise UserError(f"teacher.revision: {name} has no revision {revision!r}; give a branch, tag or commit of it, "
                        "or leave it empty") from None
    except RepositoryNotFoundError:
        raise UserError(f"teacher.path: there is no folder {name} here and no such model on the hub (renamed, private "
                        "or withdrawn?); configs/dreamfusion-sd.yaml names mirrors") from None
    except LocalEntryNotFoundError as error:
        if offline:
            raise UserError(f"teacher.offline: {name}{at} is not in the hub's cache on this machine; run once with "
                            "teacher.offline=false, or give a local folder as teacher.path") from None
        raise UserError(f"teacher.path: there is no folder {name} here, and the hub cannot be reached "
                        f"({_first_line(error)}); give a local folder, or connect and try again") from None
    except Exception as error:  # the hub's client has its own errors, other ones with each major version
        raise UserError(f"teacher.path: {name}{at} could not be had from the hub ({_first_line(error)}); give a local "
                        "folder, or try again later") from None


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    text = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {text[0][:120]}" if text else type(cause).__name__
