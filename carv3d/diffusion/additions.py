"""What a user adds to a model: LoRA layers and textual inversion; as given on the command line, without torch."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from carv3d.diffusion.weight_files import read_json, shapes
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded

LAYERS = "pytorch_lora_weights.safetensors"  # as diffusers' scripts call a file of LoRA layers
PEFT, PEFT_CONFIG = "adapter_model.safetensors", "adapter_config.json"
OTHER = {"dora_scale": "DoRA", "lora_magnitude": "DoRA", "hada_w1": "LoHa", "lokr_w1": "LoKr", "oft_": "OFT"}
EMBEDDINGS = (".safetensors", ".pt", ".bin")


@dataclass(frozen=True)
class Lora:
    """A file of LoRA layers (arXiv 2106.09685) and by how much they count."""

    path: Path
    scale: float = 1.0

    @property
    def peft(self) -> bool:
        """Whether peft's own save_pretrained wrote it."""
        return self.path.name == PEFT and (self.path.parent / PEFT_CONFIG).is_file()

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path, self.path.parent / PEFT_CONFIG) if self.peft else (self.path,)


@dataclass(frozen=True)
class Inversion:
    """Embeddings of a word (textual inversion, arXiv 2208.01618). token: how prompts call it; empty: as the file
    says."""

    path: Path
    token: str = ""


@dataclass(frozen=True)
class Additions:
    """fused: whether LoRA layers are added to the weights, after which they cost nothing."""

    loras: tuple[Lora, ...] = ()
    inversions: tuple[Inversion, ...] = ()
    fused: bool = True

    @property
    def files(self) -> list[Path]:
        return [path for lora in self.loras for path in lora.files] + [each.path for each in self.inversions]

    def __str__(self) -> str:
        """All but the files' content, for a hash."""
        return f"{[lora.scale for lora in self.loras]} {[each.token for each in self.inversions]}" if self.files else ""


def given(loras: Sequence[str], inversions: Sequence[str], fused: bool) -> Additions:
    """From the options teacher.lora and teacher.textual_inversion; UserError for files that are not there or are of
    another kind."""
    return Additions(tuple(_lora(each) for each in loras), tuple(_inversion(each) for each in inversions), fused)


def absolute(entry: str, option: str) -> str:
    """The same entry with its path made absolute."""
    path, _, rest = _parted(entry, option)
    return f"{path.absolute()}{rest}"


def _parted(entry: str, option: str) -> tuple[Path, str, str]:
    """Path, what follows its last colon where there is no such path, and that with its colon."""
    whole = expanded(entry, option)
    if whole.exists() or ":" not in entry:
        return whole, "", ""
    path, _, rest = entry.rpartition(":")
    return expanded(path, option), rest, f":{rest}"


def located(entry: str, option: str) -> Path:
    """The file of LoRA layers that was given, or the usual one in the folder given; UserError where there is none, or
    where it holds no such layers."""
    path = expanded(entry, option)
    if path.is_dir():
        path = next((path / name for name in (LAYERS, PEFT) if (path / name).is_file()), path / LAYERS)
    if not path.is_file():
        raise UserError(f"{option}: {entry} is not there; give a file of LoRA layers, or a folder with {LAYERS} or "
                        f"{PEFT}")
    if path.suffix != ".safetensors":
        raise UserError(f"{option}: {entry} is no safetensors file; load it once with diffusers (load_lora_weights) "
                        "and write it anew (save_lora_weights)")
    try:
        names = shapes(path, entry, "LoRA")
    except UserError as error:
        raise UserError(f"{option}: {entry} cannot be read as safetensors; copy it again") from error
    for part, kind in OTHER.items():
        if any(part in name for name in names):
            raise UserError(f"{option}: {entry} holds {kind} layers, which are not LoRA and not supported; merge them "
                            "into the model with the tool that made them")
    return path


def _lora(entry: str) -> Lora:
    path, rest, _ = _parted(entry, "teacher.lora")
    scale = 1.0
    if rest:
        with contextlib.suppress(ValueError):
            scale, rest = float(rest), ""
    if rest or not -100 <= scale <= 100:
        raise UserError(f"teacher.lora: {entry} given; allowed: FILE_OR_FOLDER or FILE_OR_FOLDER:SCALE, a scale within "
                        "-100 and 100")
    lora = Lora(located(str(path), "teacher.lora"), scale)
    if lora.peft:
        config = read_json(lora.path.parent / PEFT_CONFIG, str(lora.path.parent))
        kind = config.get("peft_type") if isinstance(config, dict) else None
        if kind != "LORA":
            raise UserError(f"teacher.lora: {PEFT_CONFIG} of {lora.path.parent} has the peft_type {kind!r}; LORA is "
                            "needed")
    return lora


def _inversion(entry: str) -> Inversion:
    path, token, _ = _parted(entry, "teacher.textual_inversion")
    if not path.is_file() or path.suffix not in EMBEDDINGS:
        raise UserError(f"teacher.textual_inversion: {entry} given; allowed: FILE or FILE:WORD, a file that ends in "
                        f"{', '.join(EMBEDDINGS)}")
    return Inversion(path, token)
