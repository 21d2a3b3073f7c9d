"""A folder of one of the families, checked before anything is loaded: its parts, their classes, all whole."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from carv3d.diffusion import folder as stable_diffusion
from carv3d.diffusion.families.distilled import warning
from carv3d.diffusion.families.table import FAMILIES, Family, made_by, of
from carv3d.diffusion.folder import as_object, tell, unet_name
from carv3d.diffusion.weight_files import AGAIN, Weights, choose, read_json, shapes
from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.types import Record

LIBRARIES = ("diffusers", "transformers")
VOCABULARIES = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("spiece.model",), ("tokenizer.model",))


def family_of(folder: Path) -> Family | None:
    """The family of a folder; None for Stable Diffusion 1 and 2, and for what is not known."""
    index = read_json(folder / "model_index.json", str(folder))
    return of(str(index.get("_class_name"))) if isinstance(index, dict) else None


def tells_guidance(folder: Path, family: Family) -> bool:
    """Whether the network has an embedding of guidance: of FLUX.1 dev has one and schnell none."""
    if not family.tells_guidance:
        return False
    config = as_object(folder / family.denoiser / "config.json", str(folder))
    return bool(config.get("guidance_embeds", True))


def parts(folder: Path, use_ema: bool) -> tuple[list[str], list[str]]:
    """The components of a folder that have weights, and those that are tokenizers, as its model_index.json alone has
    them; of one that is not understood those of Stable Diffusion, so that ``check`` can say what it is."""
    try:
        family = family_of(folder)
    except UserError:
        family = None
    if family is None:
        return [unet_name(use_ema), "vae", "text_encoder"], ["tokenizer"]
    index = as_object(folder / "model_index.json", str(folder))
    networks = [unet_name(use_ema) if part == "unet" else part for part in family.networks if made_by(index, part)]
    return networks, [part for part in family.tokenizers if made_by(index, part)]


def check(folder: Path, given: str, variant: str, use_ema: bool, announce: Callable[[str], None]) -> None:
    """UserError unless the folder is one that serves as a teacher. given: the folder as messages name it."""
    index = as_object(folder / "model_index.json", given, "it is no diffusers pipeline; a folder that save_pretrained "
                      "wrote holds this file")
    name = str(index.get("_class_name"))
    if family := of(name):
        _check_family(folder, given, family, index, variant, use_ema, announce)
    elif name.startswith("StableDiffusion") and not name.startswith(("StableDiffusionXL", "StableDiffusion3")):
        stable_diffusion.check(folder, given, variant, use_ema, announce)
    else:
        known = ", ".join(family.name for family in FAMILIES)
        held = f"holds a {name[:60]}" if index.get("_class_name") else "names no pipeline in its model_index.json"
        place = given if len(given) <= 100 else f"...{given[-97:]}"  # so that all families fit into the line
        raise UserError(f"teacher.path: {place} {held}; needed: Stable Diffusion 1, 2, {known}")
    if line := warning(folder, given):
        announce(line)


def _check_family(folder: Path, given: str, family: Family, index: Record, variant: str, use_ema: bool,
                  announce: Callable[[str], None]) -> None:
    denoiser = unet_name(use_ema) if family.denoiser == "unet" else family.denoiser
    if use_ema and not (folder / "unet_ema").is_dir():
        raise UserError(f"teacher.use_ema: true given, but {given} has no unet_ema; leave it false")
    for part, wanted in family.parts.items():
        _check_part(folder, given, family, part, denoiser if part == family.denoiser else part, wanted, index)
    there = [part for part in family.networks if made_by(index, part)]
    weights = {}
    for part in there:
        place = denoiser if part == family.denoiser else part
        as_object(folder / place / "config.json", given)
        weights[place] = choose(folder, place, variant, given)
        for path in weights[place].files:
            shapes(path, given, place)
    for part in family.tokenizers:
        if made_by(index, part):
            _check_tokenizer(folder / part, given)
    plan = as_object(folder / "scheduler" / "scheduler_config.json", given)
    flows = "shift" in plan or bool(plan.get("use_flow_sigmas"))
    if flows != family.flow:
        kinds = {True: "flow", False: "noise"}
        raise UserError(f"teacher.path: the scheduler of {given} is a {shown(plan.get('_class_name'))}, of "
                        f"{kinds[flows]} levels; {family.name} has {kinds[family.flow]} levels; {AGAIN}")
    tell(weights, given, variant, announce)


def _check_tokenizer(home: Path, given: str) -> None:
    there = next((names for names in VOCABULARIES if all((home / name).is_file() for name in names)), None)
    if there is None:
        raise UserError(f"teacher.path: the {home.name} of {given} has no vocabulary (tokenizer.json, vocab.json with "
                        f"merges.txt, or spiece.model); {AGAIN}")
    if there[0].endswith(".model") and find_spec("sentencepiece") is None:
        raise UserError(f"teacher.path: the {home.name} of {given} is a {there[0]}, which needs the package "
                        "sentencepiece; install it")


def _check_part(folder: Path, given: str, family: Family, part: str, place: str, wanted: str, index: Record) -> None:
    made = made_by(index, part)
    if not made and part in family.optional:
        return
    if not made or not (folder / place).is_dir():
        needed = ", ".join(name for name in family.parts if name not in family.optional)
        raise UserError(f"teacher.path: {given} lacks its {place}; copy the whole folder again, with {needed}")
    if not made.startswith(tuple(wanted.split("|"))):
        raise UserError(f"teacher.path: the {part} of {given} is a {made}; {wanted.replace('|', ' or ')} is needed")
    entry = index[part]
    if part != "scheduler" and isinstance(entry, list) and entry[0] not in LIBRARIES:
        raise UserError(f"teacher.path: the {part} of {given} comes from {shown(entry[0])}; allowed: "
                        f"{', '.join(LIBRARIES)}; code of a folder's own is not run")


def files(folder: Path, variant: str, use_ema: bool) -> list[tuple[str, Path]]:
    """Every file that decides what the teacher answers, each under a label that is the same wherever it lies."""
    if (family := family_of(folder)) is None:
        return stable_diffusion.files(folder, variant, use_ema)
    index = as_object(folder / "model_index.json", str(folder))
    found = [("index", folder / "model_index.json"), ("scheduler", folder / "scheduler" / "scheduler_config.json")]
    for part in family.networks:
        if made_by(index, part):
            place = unet_name(use_ema) if part == "unet" else part
            own: Weights = choose(folder, place, variant)
            found += [(place, folder / place / "config.json"), *((place, path) for path in own.files)]
    for part in family.tokenizers:
        if made_by(index, part):
            found += [(f"{part} {path.name}", path) for path in sorted((folder / part).iterdir()) if path.is_file()]
    return found
