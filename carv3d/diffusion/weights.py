"""Where a teacher's weights lie: a folder in the format of diffusers, from disk or from the hub, or made of a model in
one file; checked before loading.

This is the one place that may touch the network, and with ``offline`` it does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from carv3d.diffusion import single_file
from carv3d.diffusion.convert import NEEDED, converted, usual_base
from carv3d.diffusion.families.check import check, parts
from carv3d.diffusion.weight_files import shapes, stem_of, variants
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")

VIEW = "view/model.safetensors"  # an embedding of views (``view_vector``), where a folder has one
POSE = "pose/model.safetensors"  # what finds out which way an object faces (``pose``), likewise


def bundled(name: str = "bundled") -> Path:
    """The folder of a teacher that ships with carv3d: the default one, or ``toybox/flow``."""
    return Path(str(files("carv3d"))) / name


def locate(path: str, *, base: str = "", revision: str = "", variant: str = "", offline: bool = False,
           use_ema: bool = False, announce: Callable[[str], None] = lambda line: None) -> Path:
    """The local folder of ``teacher.path``: a folder, a file (converted into the user's cache with the configuration of
    ``base``) or a hub id (downloaded into the hub's own cache).

    Raises UserError, in one line, for anything that is not a complete pipeline.
    """
    if not path.strip():
        raise UserError("teacher.path: none given; give a folder in the format of diffusers, a .safetensors file, or a "
                        "hub id such as stable-diffusion-v1-5/stable-diffusion-v1-5 (teacher.type=bundled needs none)")
    try:
        folder = Path(path).expanduser()
        is_file, exists = folder.is_file(), folder.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"teacher.path: there is no folder {path[:80]} ({_first_line(error)}); give a folder that "
                        "holds model_index.json, or a hub id, owner/name") from None
    if not exists and path.endswith(single_file.WEIGHTS):
        raise UserError(f"teacher.path: there is no file {path}; give a .safetensors file, a folder that holds "
                        "model_index.json, or a hub id, owner/name")
    if is_file:
        folder = _converted(folder, path, base, {"revision": revision, "variant": variant, "use_ema": use_ema}, offline,
                            announce)
    elif base:
        raise UserError(f"teacher.base: {base} given, but teacher.path {path} is no model in one file, which alone has "
                        "use for it; leave it empty")
    elif not exists:
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


def _converted(path: Path, given: str, base: str, options: dict[str, str | bool], offline: bool,
               announce: Callable[[str], None]) -> Path:
    """The folder of a model in one file."""
    single = single_file.read(path, given)
    for name, value in options.items():
        if value:
            raise UserError(f"teacher.{name}: {'true' if value is True else value} given, which has no effect on "
                            f"{given}, a model in one file; leave it {'false' if value is True else 'empty'}")
    if base:
        home = expanded(base, "teacher.base")
        if not home.is_dir():
            raise UserError(f"teacher.base: {base} is no folder; give one in the format of diffusers of "
                            f"{single.kind.name}, with {NEEDED}")
        return converted(single, given, home, base, announce)
    return converted(single, given, *_base_from_hub(single, given, offline, announce), announce)


def _base_from_hub(single: single_file.Single, given: str, offline: bool,
                   announce: Callable[[str], None]) -> tuple[Path, str]:
    """The folder on the hub whose configuration diffusers takes for a file, without weights; and its name."""
    name = usual_base(single)
    if not offline:
        announce(f"teacher: configuration and tokenizer of {name} from the hub (once; kept in the hub's cache)")
    try:
        patterns = ["model_index.json", "*/*.json", "tokenizer*/*.txt"]
        return _snapshot(name, "", offline, patterns), name
    except Exception as error:  # the hub's client has its own errors, other ones with each major version
        why = "is not in the hub's cache" if offline else f"cannot be had from the hub ({_first_line(error)[:40]})"
        option = "offline" if offline else "path"
        raise UserError(f"teacher.{option}: {Path(given).name[-40:]} needs the configuration of {name}, which {why}; "
                        f"give as teacher.base a diffusers folder with {NEEDED}") from None


def _folder(folder: Path, given: str) -> None:
    """UserError for a folder that holds something else than a pipeline, and is known by it."""
    if (folder / "model_index.json").exists():
        return
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    weights = [name for name in names if name.endswith((".safetensors", ".ckpt"))]
    if "adapter_config.json" in names or any(_is_lora(folder / name) for name in weights):
        raise UserError(single_file.lora(given))
    if weights and "config.json" not in names:
        file = next((name for name in weights if name.endswith(".safetensors")), "")
        raise UserError(f"teacher.path: {given} has no model_index.json, but {file or weights[0]}, a model in one "
                        "file; " + ("give that file itself as teacher.path" if file else "it is a pickle, and reading "
                                    "one can run what is in it: give a .safetensors file"))


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
    return single_file.looks_like_lora(names)


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
        folder = _snapshot(name, revision, offline, [*wanted, VIEW, POSE, *_patterns(networks, variant)])
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
