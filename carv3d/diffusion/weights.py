"""Where a teacher's weights lie: a Stable-Diffusion-format folder, from disk or from the hub, checked before loading.

This is the one place that may touch the network, and with ``offline`` it does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from carv3d.diffusion.families.check import check, parts
from carv3d.diffusion.weight_files import shapes, stem_of, variants
from carv3d.runtime.errors import UserError

CONVERT = "StableDiffusionPipeline.from_single_file(FILE).save_pretrained(FOLDER)"
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")

VIEW = "view/model.safetensors"  # an embedding of views (``view_vector``), where a folder has one


def bundled() -> Path:
    """The folder of the teacher that ships with carv3d."""
    return Path(str(files("carv3d"))) / "bundled"


def locate(path: str, *, revision: str = "", variant: str = "", offline: bool = False, use_ema: bool = False,
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
        raise UserError(_file(folder, path))
    if not exists:
        if not _HUB_ID.fullmatch(path):
            raise UserError(f"teacher.path: there is no folder {path}; give a folder that holds model_index.json, or a "
                            "hub id, owner/name")
        folder = _from_hub(path, revision, variant, offline, use_ema, announce)
    try:
        _folder(folder, path)
        check(folder, path, variant, use_ema, announce)
    except OSError as error:
        raise UserError(f"teacher.path: {path} cannot be read ({_first_line(error)}); make it readable, or give "
                        "another folder") from None
    return folder


def _file(path: Path, given: str) -> str:
    """What is wrong with a file as teacher.path."""
    if _is_lora(path):
        return _lora(given)
    return (f"teacher.path: {given} is a file; a folder is needed: convert it once with diffusers, "
            f"{CONVERT}")


def _folder(folder: Path, given: str) -> None:
    """UserError for a folder that holds something else than a pipeline, and is known by it."""
    if (folder / "model_index.json").exists():
        return
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    weights = [name for name in names if name.endswith((".safetensors", ".ckpt"))]
    if "adapter_config.json" in names or any(_is_lora(folder / name) for name in weights):
        raise UserError(_lora(given))
    if weights and "config.json" not in names:
        raise UserError(f"teacher.path: {given} has no model_index.json, but {weights[0]}, a model in one file; "
                        f"convert it once with diffusers, {CONVERT}")


def _lora(given: str) -> str:
    return (f"teacher.path: {given} is a LoRA, changes to a model and no model; put it into its model once with "
            "diffusers (load_lora_weights, fuse_lora, save_pretrained) and give the folder that this writes")


def _is_lora(path: Path) -> bool:
    """By the names of the tensors, as diffusers, peft and kohya's scripts give them, or by the usual file's name."""
    if path.name.startswith("pytorch_lora_weights."):
        return True
    if path.suffix != ".safetensors":
        return False
    try:
        names = shapes(path, str(path), "file")
    except UserError:
        return False
    return any(re.search(r"(^|[._])lora([._]|$)|[._]lora_\w+", name) for name in names)


def _from_hub(name: str, revision: str, variant: str, offline: bool, use_ema: bool,
              announce: Callable[[str], None]) -> Path:
    """A snapshot with one set of weights: of a component without the variant the plain ones, or, where none is asked
    for, those in half precision."""
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if not offline:
        announce(f"teacher: {name} from the hub (once; kept in the hub's cache)")
    at = f" at revision {revision}" if revision else ""
    try:
        networks, tokenizers = parts(_snapshot(name, revision, offline, ["model_index.json"]), use_ema)
        wanted = ["model_index.json", "scheduler/*", *(f"{component}/*" for component in tokenizers),
                  *(f"{component}/config.json" for component in networks)]
        folder = _snapshot(name, revision, offline, [*wanted, VIEW, *_patterns(networks, variant)])
        if lacking := [component for component in networks if not variants(folder, component)]:
            folder = _snapshot(name, revision, offline, _patterns(lacking, "" if variant else "fp16"))
        return folder
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


def _snapshot(name: str, revision: str, offline: bool, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, revision=revision or None, allow_patterns=patterns, local_files_only=offline))


def _patterns(components: list[str], variant: str) -> list[str]:
    """Of the names of these components' weights, in one piece and in shards, as the hub's client matches them."""
    middle = f".{variant}" if variant else ""
    return [f"{component}/{stem_of(component)}{end}" for component in components for end in (
        f"{middle}.safetensors", f"{middle}-?????-of-?????.safetensors", f"-?????-of-?????{middle}.safetensors",
        f".safetensors.index{middle}.json", f".safetensors{middle}.index.json")]


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    text = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {text[0][:120]}" if text else type(cause).__name__
