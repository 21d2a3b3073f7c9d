"""A folder of pictures with their captions, as the field's training scripts read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.files import expanded, read_text, reason

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
CAPTIONS = ("text", "caption", "prompt")  # columns of metadata.jsonl, the first that a line has


@dataclass(frozen=True)
class Item:
    """A picture and its caption. load: (height, width) -> the picture, [height,width,3] in [0,1]."""

    name: str
    caption: str
    load: Callable[[tuple[int, int]], Tensor]


def folder(given: str, option: str, caption: str) -> list[Item]:
    """The pictures of a folder and those below it, in the order of their names; or a single picture.

    Captions: metadata.jsonl's (file_name beside text, caption or prompt), which then also says which pictures count, as
    ``datasets``' imagefolder and diffusers' scripts read it; else NAME.txt beside NAME.png; else ``caption``. UserError
    where there are no pictures, or a caption's file cannot be read.
    """
    place = expanded(given, option)
    if place.is_file():
        return [Item(place.name, _beside(place) or caption, _reader(place))]
    if not place.is_dir():
        raise UserError(f"{option}: {given} is not there; give a folder of pictures, or one picture")
    if (place / "metadata.jsonl").is_file():
        return [Item(name, told or caption, _reader(place / name)) for name, told in _metadata(place, option)]
    paths = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise UserError(f"{option}: {given} holds no pictures; allowed: {', '.join(SUFFIXES)}")
    return [Item(path.relative_to(place).as_posix(), _beside(path) or caption, _reader(path)) for path in paths]


def _beside(path: Path) -> str:
    """The caption in a text file beside a picture; empty without one."""
    said = path.with_suffix(".txt")
    return read_text(said, "caption", "remove it, or make it readable").strip() if said.is_file() else ""


def _metadata(place: Path, option: str) -> Iterator[tuple[str, str]]:
    """Names and captions of metadata.jsonl's lines; UserError for a line that names no picture of this folder."""
    path = place / "metadata.jsonl"
    known: set[str] = set()
    for number, line in enumerate(read_text(path, option, "make it readable").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name = row["file_name"]
            told = next((row[column] for column in CAPTIONS if column in row), "")
            if not isinstance(name, str) or not isinstance(told, str):
                raise TypeError
        except (ValueError, LookupError, TypeError, RecursionError):
            raise UserError(f"{option}: {path}, line {number}: allowed: {{\"file_name\": \"a.png\", \"text\": "
                            "\"its caption\"}}") from None
        inside = (place / name).resolve().is_relative_to(place.resolve())
        if not inside or not (place / name).is_file():
            raise UserError(f"{option}: {path}, line {number}: {shown(name)} is no picture of that folder")
        if name in known:
            raise UserError(f"{option}: {path}, line {number}: {shown(name)} is named twice")
        known.add(name)
        yield name, told.strip()
    if not known:
        raise UserError(f"{option}: {path} is empty; give a line for each picture, or remove it")


def _reader(path: Path) -> Callable[[tuple[int, int]], Tensor]:
    """Turned upright, transparency over white, the shorter side resized, the middle cut out."""
    def load(size: tuple[int, int]) -> Tensor:
        from PIL import Image, ImageOps

        try:
            with Image.open(path) as file:
                upright = ImageOps.exif_transpose(file)
                whole = upright.convert("RGBA")
            flat = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
            fitted = ImageOps.fit(flat, (size[1], size[0]), Image.Resampling.LANCZOS)
        except Exception as error:  # a damaged file can raise anything in the decoders
            raise UserError(f"{path}: cannot be read as a picture ({reason(error)[:100]}); replace or remove it"
                            ) from None
        return torch.from_numpy(np.array(fitted, dtype=np.float32) / 255)

    return load


def shown_as(name: str, caption: str, rgb: Tensor) -> Item:
    """A picture that is there already, [H,W,3] in [0,1]."""
    def load(size: tuple[int, int]) -> Tensor:
        if rgb.shape[:2] == size:
            return rgb
        image = torch.nn.functional.interpolate(rgb.permute(2, 0, 1)[None], size, mode="bilinear", antialias=True,
                                                align_corners=False)
        return image[0].permute(1, 2, 0).clamp(0, 1)

    return Item(name, caption, load)
