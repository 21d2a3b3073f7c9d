"""The weights of one component of a folder: which files they are, of which variant, in one piece or in shards.

The names are those that diffusers and transformers write, those of earlier versions included.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.files import reason
from carv3d.runtime.types import Value

PARTS = ("unet", "unet_ema", "transformer", "vae", "scheduler", *(  # subfolders
    f"{name}{number}" for name in ("text_encoder", "tokenizer") for number in ("", "_2", "_3")))
AGAIN = "copy the whole folder again"
LARGEST_JSON, DEPTH = 1 << 26, 40  # bytes and levels; a tokenizer's file, the largest one, has 4 MB


@dataclass(frozen=True)
class Weights:
    """The files of a component. variant: "" for the plain ones. index: of shards. old_index: whether that file's name
    is one that today's libraries do not all find."""

    variant: str
    files: tuple[Path, ...]
    index: Path | None = None
    old_index: bool = False


def stem_of(component: str) -> str:
    """The first part of the names of a component's weights: transformers' for text encoders, else diffusers'."""
    return "model" if component.startswith("text_encoder") else "diffusion_pytorch_model"


def variants(folder: Path, component: str) -> dict[str, tuple[Path, bool]]:
    """What variants a component comes in: name -> its file, or the index of its shards; and whether an old one.

    An index comes before a single file for diffusers, the other way round for transformers.
    """
    stem = re.escape(stem_of(component))
    ways = [(rf"{stem}(?:\.(?!.*-of-)([\w-]+))?\.safetensors", False),
            (rf"{stem}\.safetensors\.([\w-]+)\.index\.json", True),
            (rf"{stem}\.safetensors\.index(?:\.([\w-]+))?\.json", False)]
    if component.startswith("text_encoder"):
        ways = [*ways[1:], ways[0]]
    try:
        names = sorted(path.name for path in (folder / component).iterdir() if path.is_file())
    except OSError:
        names = []
    return {match[1] or "": (folder / component / match[0], old) for way, old in ways for name in names
            if (match := re.fullmatch(way, name))}


def choose(folder: Path, component: str, variant: str, given: str = "") -> Weights:
    """The files to load where ``variant`` is asked for: that one, else the plain ones, as diffusers does; where none is
    asked for, the plain ones, else the only variant there is.

    given: the folder as messages name it. UserError where nothing can be chosen, or shards are not whole.
    """
    given = given or str(folder)
    there = variants(folder, component)
    others = [name for name in there if name]
    name = variant if variant in there else "" if "" in there else others[0] if others and not variant else None
    if name is None or not variant and name and len(others) > 1:
        raise UserError(_none(folder, given, component, variant, there))
    path, old = there[name]
    if path.suffix == ".safetensors":
        return Weights(name, (path,))
    return Weights(name, _shards(path, given, component), path, old)


def shapes(path: Path, given: str, component: str) -> dict[str, tuple[int, ...]]:
    """The tensors of a safetensors file by name, from its header, which is checked against the file's length."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"teacher.path: the {component} of {given} cannot be loaded ({path.name}: "
                        f"{type(error).__name__}: {reason(error)[:120]}); {AGAIN}") from None


def read_json(path: Path, given: str, advice: str = AGAIN) -> Value:
    """A JSON file of the folder, UTF-8 whatever the locale; UserError for one that is missing or damaged."""
    name = f"{path.parent.name}/{path.name}" if path.parent.name in PARTS else path.name
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError("too large")
        content = json.loads(path.read_text(encoding="utf-8"))
        if _deeper(content, DEPTH):
            raise ValueError("nested too deep")
        return content
    except FileNotFoundError:
        raise UserError(f"teacher.path: {given} has no {name}; {advice}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"teacher.path: {name} of {given} cannot be read ({type(error).__name__}); {AGAIN}") from None


def _deeper(content: Value, levels: int) -> bool:
    """Whether lists and objects nest deeper than so many levels."""
    nodes = [content]
    for _ in range(levels):
        nodes = [child for node in nodes if isinstance(node, (dict, list))
                 for child in (node.values() if isinstance(node, dict) else node)]
    return bool(nodes)


def _shards(index: Path, given: str, component: str) -> tuple[Path, ...]:
    """The shards that an index names: all there, within the folder, with the tensors that it says."""
    wrong = f"teacher.path: {component}/{index.name} of {given}"
    content = read_json(index, given)
    table = content.get("weight_map") if isinstance(content, dict) and isinstance(content.get("metadata"), dict) else {}
    if not isinstance(table, dict) or not table or not all(isinstance(name, str) for name in table.values()):
        raise UserError(f"{wrong} is no index of shards (metadata and weight_map are needed); {AGAIN}")
    listed = sorted(set(table.values()))
    for name in listed:
        if "/" in name or "\\" in name or not re.fullmatch(r"[\w.-]+\.safetensors", name):
            raise UserError(f"{wrong} names {shown(name)}; allowed: safetensors files in {component} itself; {AGAIN}")
        if not (index.parent / name).is_file():
            raise UserError(f"teacher.path: {given} lacks {component}/{name}, which {index.name} lists; {AGAIN}")
    for name in listed:
        held = shapes(index.parent / name, given, component)
        if lost := next((tensor for tensor, home in table.items() if home == name and tensor not in held), None):
            raise UserError(f"teacher.path: {component}/{name} of {given} lacks {shown(lost)}, which {index.name} "
                            f"lists; {AGAIN}")
    if stray := _unlisted(index.parent, listed):
        raise UserError(f"{wrong} does not list {stray}, which belongs to the same shards; {AGAIN}")
    return tuple(index.parent / name for name in listed)


def _unlisted(folder: Path, listed: list[str]) -> str | None:
    """A shard of the same series as the listed ones that the index leaves out."""
    series = {re.sub(r"-\d+-of-", "-*-of-", name) for name in listed if "-of-" in name}
    return next((name for name in sorted(path.name for path in folder.iterdir())
                 if name not in listed and re.sub(r"-\d+-of-", "-*-of-", name) in series), None)


def _none(folder: Path, given: str, component: str, variant: str, there: dict[str, tuple[Path, bool]]) -> str:
    """Why no weights can be chosen."""
    if there:
        allowed = ", ".join(name or "none (empty)" for name in sorted(there))
        return (f"teacher.variant: {variant or 'none'} given; the {component} of {given} comes in these variants: "
                f"{allowed}")
    found = sorted(path.name for path in (folder / component).iterdir() if path.name.startswith(stem_of(component)))
    if any(name.endswith(".safetensors") for name in found):
        return (f"teacher.path: the {component} of {given} is in shards ({found[0]}) without their index, "
                f"{stem_of(component)}.safetensors.index.json; {AGAIN}")
    if found:
        return (f"teacher.path: the {component} of {given} has no safetensors weights ({found[0]}); load it once with "
                "diffusers and save_pretrained it, which writes them")
    return f"teacher.path: the {component} of {given} has no weights; {AGAIN}"
