"""A folder in the Stable Diffusion format, checked before anything is loaded: its parts, and whether they fit together.

Reads the small JSON files and the headers of the weights. Nothing in the folder is taken for granted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

from carv3d.diffusion.weight_files import AGAIN, Weights, choose, read_json, shapes, variants
from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.types import Record, Value

COMPONENTS = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel",
              "tokenizer": "CLIPTokenizer", "scheduler": None}
"""What a teacher needs, and the only class of it that is understood (the scheduler gives its noise levels alone)."""

TOGETHER, MOST = "_views_per_item", 64
"""In model_index.json, which diffusers passes over: how many views of a scene a model looks at together."""

UNSET = 1e20  # transformers writes int(1e30), older versions int(1e20), for a length that nobody has set
_PLAIN = re.compile(r"StableDiffusion(?!XL|3)\w*Pipeline\w*")
_OTHER = {  # pipelines whose UNet reads more than latents and a prompt, by a part of their names
    "InpaintPipelineLegacy": "", "Inpaint": "an inpainting model reads a mask and a picture too",
    "Depth2Img": "its UNet reads a depth map too", "Upscale": "an upscaler reads a small picture too",
    "InstructPix2Pix": "its UNet reads a picture too", "ImageVariation": "it reads a picture in place of a prompt",
    "LDM3D": "its VAE makes depth too", "GLIGEN": "its UNet reads boxes too", "Onnx": "its weights are ONNX programs"}


def unet_name(use_ema: bool) -> str:
    """The subfolder of the UNet that is loaded: the trained one, or the moving average of its weights."""
    return "unet_ema" if use_ema else "unet"


def chosen(folder: Path, variant: str, use_ema: bool, given: str = "") -> dict[str, Weights]:
    """The weights of each network by its subfolder."""
    return {name: choose(folder, name, variant, given) for name in (unet_name(use_ema), "vae", "text_encoder")}


def views_in(index: Record) -> int:
    """How many views a folder's model looks at together, 1 for most. UserError for what is no number of views."""
    found = index.get(TOGETHER, 1)
    if not _is_whole(found, MOST):
        raise UserError(f"teacher.path: model_index.json has the {TOGETHER} {shown(found)}; allowed: whole numbers "
                        f"from 1 to {MOST}")
    return int(found)


def require_one(folder: Path, given: str, command: str) -> None:
    """UserError for a folder of several views together, which ``command`` cannot use. given: as the user named it."""
    if (views := views_in(as_object(folder / "model_index.json", given))) > 1:
        raise UserError(f"{given} holds a model that looks at {views} views together, which {command} cannot use; give "
                        "a model of one picture at a time")


def files(folder: Path, variant: str, use_ema: bool) -> list[tuple[str, Path]]:
    """Every file that decides what the teacher answers, each under a label that is the same wherever it lies."""
    found = [("scheduler", folder / "scheduler" / "scheduler_config.json")]
    if views_in(as_object(folder / "model_index.json", str(folder))) > 1:
        found.append(("index", folder / "model_index.json"))
    for name, weights in chosen(folder, variant, use_ema).items():
        found += [(name, folder / name / "config.json"), *((name, path) for path in weights.files)]
    tokenizer = sorted(path for path in (folder / "tokenizer").iterdir() if path.is_file())
    return found + [(f"tokenizer {path.name}", path) for path in tokenizer]


def token_length(folder: Path) -> int:
    """How many tokens the text encoder is given: what the tokenizer says, else what the encoder reads."""
    settings = as_object(folder / "tokenizer" / "tokenizer_config.json", str(folder))
    positions = as_object(folder / "text_encoder" / "config.json", str(folder)).get("max_position_embeddings", 77)
    length = settings.get("model_max_length", UNSET)
    return int(length) if length < UNSET else int(positions)


def check(folder: Path, given: str, variant: str, use_ema: bool, announce: Callable[[str], None]) -> None:
    """UserError unless the folder holds every component, of a class that is understood, whole and fitting together.

    Says which weights are loaded where they are not all those that were asked for.
    """
    _check_index(folder, given, use_ema)
    unet = unet_name(use_ema)
    config = {name: as_object(folder / name / "config.json", given) for name in (unet, "vae", "text_encoder")}
    weights = chosen(folder, variant, use_ema, given)
    tensors = {name: {key: shape for path in own.files for key, shape in shapes(path, given, name).items()}
               for name, own in weights.items()}
    _check_networks(config[unet], config["vae"], config["text_encoder"], given)
    _check_tokenizer(folder / "tokenizer", config["text_encoder"], tensors["text_encoder"], given)
    _check_scheduler(as_object(folder / "scheduler" / "scheduler_config.json", given), given)
    tell(weights, given, variant, announce)


def _check_index(folder: Path, given: str, use_ema: bool) -> None:
    index = as_object(folder / "model_index.json", given, "it is no diffusers pipeline; a folder that save_pretrained "
                    "wrote holds this file")
    views_in(index)
    name = str(shown(index.get("_class_name"))).strip("'")
    if not _PLAIN.fullmatch(name):
        raise UserError(f"teacher.path: {given} holds a {name}; a StableDiffusionPipeline is needed")
    if why := next((why for part, why in _OTHER.items() if part in name), ""):
        raise UserError(f"teacher.path: {given} holds a {name}: {why}; a plain text-to-image model is needed, such as "
                        "a StableDiffusionPipeline")
    if not use_ema and not (folder / "unet").is_dir() and (folder / "unet_ema").is_dir():
        raise UserError(f"teacher.path: {given} has a unet_ema (a moving average of its weights) and no unet; "
                        "teacher.use_ema=true loads that")
    if use_ema and not (folder / "unet_ema").is_dir():
        raise UserError(f"teacher.use_ema: true given, but {given} has no unet_ema; leave it false")
    for component, wanted in COMPONENTS.items():
        entry = index.get(component)
        made = entry[1] if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str) else ""
        if not made or not (folder / (unet_name(use_ema) if component == "unet" else component)).is_dir():
            raise UserError(f"teacher.path: {given} lacks its {component}; copy the whole folder again, with "
                            f"{', '.join(COMPONENTS)}")
        if wanted and not made.startswith(wanted):  # CLIPTokenizerFast serves as well as CLIPTokenizer
            raise UserError(f"teacher.path: the {component} of {given} is a {made}; {wanted} is needed")


def _check_networks(unet: Record, vae: Record, text: Record, given: str) -> None:
    more = ("class_embed_type", "addition_embed_type", "num_class_embeds", "time_cond_proj_dim", "encoder_hid_dim")
    if asked := next((name for name in more if unet.get(name)), None):
        raise UserError(f"teacher.path: the unet of {given} wants more than a prompt ({asked}); give a plain "
                        "text-to-image model")
    takes, made = _whole(unet, "in_channels", 4, "unet", given), _whole(vae, "latent_channels", 4, "vae", given)
    if takes != made:
        raise UserError(f"teacher.path: the unet of {given} takes {takes} channels and its vae makes {made} (an "
                        "inpainting or depth model?); give a plain text-to-image model")
    width, wanted = (_whole(text, "hidden_size", 512, "text_encoder", given),
                     _whole(unet, "cross_attention_dim", 1280, "unet", given))
    if width != wanted:
        raise UserError(f"teacher.path: the text encoder of {given} makes {width} numbers a token, its unet wants "
                        f"{wanted}; its parts come from different models")
    size = unet.get("sample_size")
    sides = size if isinstance(size, list) else [size, size]
    if len(sides) != 2 or not all(_is_whole(side) for side in sides):
        raise UserError(f"teacher.path: the unet of {given} has the sample_size {shown(size)}; a number or two, of "
                        "latents a side, must stand in unet/config.json")
    levels = vae.get("block_out_channels", [64])
    if not isinstance(levels, list) or not levels or len(levels) > 16 or not all(map(_is_whole, levels)):
        raise UserError(f"teacher.path: vae/config.json of {given} has the block_out_channels {shown(levels)}; a list "
                        f"of whole numbers is needed; {AGAIN}")
    for name, default in (("scaling_factor", 0.18215), ("shift_factor", None)):
        value = vae.get(name, default)
        if not (_is_number(value) or value is None and default is None):
            raise UserError(f"teacher.path: vae/config.json of {given} has the {name} {shown(value)}; a number is "
                            f"needed; {AGAIN}")


def _check_tokenizer(folder: Path, text: Record, tensors: dict[str, tuple[int, ...]], given: str) -> None:
    settings = as_object(folder / "tokenizer_config.json", given)
    files = ["tokenizer.json"] if (folder / "tokenizer.json").exists() else ["vocab.json", "merges.txt"]
    if not all((folder / name).is_file() for name in files):
        raise UserError(f"teacher.path: the tokenizer of {given} has neither tokenizer.json nor vocab.json with "
                        f"merges.txt; {AGAIN}")
    positions = _whole(text, "max_position_embeddings", 77, "text_encoder", given)
    length = settings.get("model_max_length", UNSET)
    if not _is_number(length) or length < UNSET and not 2 < length <= positions:
        raise UserError(f"teacher.path: the tokenizer of {given} has the model_max_length {shown(length)}, its text "
                        f"encoder reads {positions} tokens; correct tokenizer/tokenizer_config.json")
    rows = _whole(text, "vocab_size", 49408, "text_encoder", given)
    table = next((shape for name, shape in tensors.items() if name.endswith("token_embedding.weight")), ())
    held = table[0] if table else rows
    if held != rows:
        raise UserError(f"teacher.path: the text_encoder of {given} cannot be loaded: its vocab_size is {rows}, its "
                        f"weights have {held} rows; its parts come from different models")
    if (count := _vocabulary(folder, files[0], settings, given)) > rows:
        raise UserError(f"teacher.path: the tokenizer of {given} knows {count} tokens, its text encoder {rows}; its "
                        "parts come from different models, or words were added to one of them alone")


def _vocabulary(folder: Path, name: str, settings: Record, given: str) -> int:
    """One more than the largest number that the tokenizer gives a token."""
    content = as_object(folder / name, given)
    model = content.get("model")
    table = content if name == "vocab.json" else model.get("vocab") if isinstance(model, dict) else None
    added = content.get("added_tokens") or [] if name == "tokenizer.json" else []
    decoder = settings.get("added_tokens_decoder") or {}
    if (not isinstance(table, (dict, list)) or not isinstance(added, list) or not isinstance(decoder, dict)
            or not all(isinstance(each, dict) for each in added)):
        raise UserError(f"teacher.path: the tokenizer of {given} cannot be loaded ({name} holds no vocabulary); "
                        f"{AGAIN}")
    ids = list(table.values()) if isinstance(table, dict) else [len(table) - 1]
    ids += [each.get("id") for each in added] + [int(key) for key in decoder if key.isascii() and key.isdigit()][:10**6]
    if name == "vocab.json" and (folder / "added_tokens.json").exists():
        ids += as_object(folder / "added_tokens.json", given).values()
    if not ids or not all(_is_whole(each + 1 if type(each) is int else each, 1 << 40) for each in ids):
        raise UserError(f"teacher.path: the tokenizer of {given} cannot be loaded (a token of {name} has no number); "
                        f"{AGAIN}")
    return 1 + max(ids)


def _check_scheduler(scheduler: Record, given: str) -> None:
    name = shown(scheduler.get("_class_name", "scheduler")).strip("'")
    if "beta_start" not in scheduler and not scheduler.get("trained_betas"):
        raise UserError(f"teacher.path: the {name} of {given} has no betas (a flow-matching model?); a DDPM-type noise "
                        "schedule is needed")
    _whole(scheduler, "num_train_timesteps", 1000, "scheduler", given)
    if (predicts := scheduler.get("prediction_type", "epsilon")) not in ("epsilon", "v_prediction", "sample"):
        raise UserError(f"teacher.path: {given} predicts {shown(predicts)}; allowed: epsilon, v_prediction, sample")


def tell(weights: dict[str, Weights], given: str, variant: str, announce: Callable[[str], None]) -> None:
    """UserError where nothing has the variant that was asked for; a line where some parts have another one."""
    if variant and all(own.variant != variant for own in weights.values()):
        raise UserError(f"teacher.variant: {variant} given; the {', '.join(weights)} of {given} come in these "
                        f"variants: {', '.join(_all_variants(Path(given), weights))}")
    if others := [name for name, own in weights.items() if own.variant != variant]:
        kinds = sorted({weights[name].variant for name in others})
        announce(f"teacher: {', '.join(others)} without variant {variant}: the plain weights are loaded" if variant else
                 f"teacher: {', '.join(others)} only as {' and '.join(kinds)}: that is loaded")


def _all_variants(folder: Path, weights: dict[str, Weights]) -> list[str]:
    names = {each for component in weights for each in variants(folder, component)}
    return [name or "none (empty)" for name in sorted(names)]


def as_object(path: Path, given: str, advice: str = AGAIN) -> Record:
    """A JSON file that holds an object."""
    content = read_json(path, given, advice)
    if not isinstance(content, dict):
        raise UserError(f"teacher.path: {path.name} of {given} is not a JSON object; {AGAIN}")
    return content


def _whole(config: Record, name: str, default: int, component: str, given: str) -> int:
    value = config.get(name, default)
    if not _is_whole(value):
        raise UserError(f"teacher.path: the config of the {component} of {given} has the {name} {shown(value)}; a "
                        f"whole number is needed; {AGAIN}")
    return int(value)


def _is_whole(value: Value, most: int = 1 << 20) -> bool:
    return type(value) is int and 0 < value <= most


def _is_number(value: Value) -> bool:
    return type(value) is int or type(value) is float and math.isfinite(value)
