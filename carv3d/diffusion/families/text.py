"""Prompts as a family's own pipeline of diffusers encodes them, with text encoders that live only while they are asked.

The pipeline is made of tokenizers and of stand-ins for everything else, so that templates, lengths, masks and layers
are the library's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from carv3d.diffusion import inversion
from carv3d.diffusion.adapters import add
from carv3d.diffusion.additions import Additions
from carv3d.diffusion.diffusers_teacher import Text
from carv3d.diffusion.families.base import teacher_of
from carv3d.diffusion.families.table import Family, made_by
from carv3d.diffusion.folder import as_object
from carv3d.diffusion.loading import Network, model, named, one_line, pipeline_class, quiet
from carv3d.diffusion.text import Entry, content, kept, too_long
from carv3d.diffusion.weight_files import AGAIN, choose
from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record

AT_ONCE = 32  # prompts encoded together
LARGE = 1 << 31  # bytes of an encoder's files from which it is read in bfloat16


class Described:
    """Stands for a network of which a pipeline reads nothing but its configuration."""

    def __init__(self, config: Record):
        self.config, self.dtype = SimpleNamespace(**config), torch.float32


class OneAtATime(nn.Module):
    """A text encoder that is loaded when it is called, and released after it."""

    def __init__(self, load: Callable[[], Network], config: SimpleNamespace, dtype: torch.dtype, device: torch.device):
        super().__init__()
        self.load, self.config, self.dtype, self.device = load, config, dtype, device

    @torch.no_grad()
    def forward(self, *inputs: Network, **options: Network) -> Network:
        return self.load().to(self.device).eval()(*inputs, **options)


def encode(folder: Path, family: Family, prompts: Sequence[str], negative: str, *, variant: str = "",
           device: torch.device, additions: Additions = Additions(),
           announce: Callable[[str], None] = lambda line: None) -> Text:
    """What a network of this family is told of each of ``prompts``, and last of the negative one. Kept in the user's
    cache by the content of everything that has a say, and made only where the cache lacks it."""
    teacher, index = teacher_of(family), as_object(folder / "model_index.json", str(folder))
    there = [name for name in (*family.encoders, *family.tokenizers) if made_by(index, name)]
    sources = [path for name in there for path in _sources(folder, name, variant)]
    said = {key: index[key] for key in teacher.INDEX if key in index}
    digest = f"{family.name} {teacher.TEXT} {content([*sources, *additions.files])}{additions}{said or ''}"

    def make(told_of: Callable[[Network, Sequence[str]], Text], missing: list[str]) -> list[Entry]:
        pipeline = _pipeline(folder, family, index, there, variant, device, additions)
        with quiet(), one_line(folder, "text_encoder"):
            counts = [max(_longer(pipeline, family, text).items(), default=(0, 0)) for text in missing]
            found = []
            for start in range(0, len(missing), AT_ONCE):
                told = told_of(pipeline, missing[start:start + AT_ONCE])
                found += [{key: value[i].detach().cpu() for key, value in told.items()}
                          for i in range(len(missing[start:start + AT_ONCE]))]
        for entry, (limit, tokens) in zip(found, counts, strict=True):
            if bad := next((key for key, value in entry.items() if not value.isfinite().all()), None):
                raise UserError(f"teacher.path: the text encoders of {folder} give numbers that are not finite "
                                f"({bad}); {AGAIN}")
            entry["limit"], entry["tokens"] = torch.tensor(limit), torch.tensor(tokens)
        return found

    def good(entry: Entry) -> bool:
        return entry.keys() == {*teacher.TEXT, "limit", "tokens"} and entry["states"].ndim == 2

    groups = [(digest, [*prompts, negative], teacher.told)]
    if teacher.NEGATIVE_APART:
        groups = [(digest, [*prompts], teacher.told), (f"{digest} negative", [negative], teacher.told_negative)]
    entries = [entry for name, texts, told_of in groups for entry in kept(name, texts, partial(make, told_of), good)]
    if longest := max((int(entry["tokens"]), int(entry["limit"])) for entry in entries)[0]:
        announce(too_long(longest, next(int(each["limit"]) for each in entries if int(each["tokens"]) == longest)))
    text = {key: _stacked([entry[key] for entry in entries]) for key in teacher.TEXT}
    return teacher.unconditional(text, negative, index)


def _longer(pipeline: Network, family: Family, text: str) -> dict[int, int]:
    """The longest limit that a prompt exceeds -> its tokens; nothing where one tokenizer reads all of it."""
    over = {}
    for name, limit in family.lengths.items():
        if (tokenizer := getattr(pipeline, name, None)) is not None:
            count = len(tokenizer(text)["input_ids"])
            if count <= limit:
                return {}
            over[limit] = count
    return over


def _pipeline(folder: Path, family: Family, index: Record, there: Sequence[str], variant: str, device: torch.device,
              additions: Additions) -> Network:
    """The family's pipeline over lazy text encoders, with nothing of the denoiser and the VAE but a configuration."""
    pipeline = pipeline_class(str(index["_class_name"]), family.since)
    parts: dict[str, Network] = {family.denoiser: Described(_config(folder, family.denoiser))}
    with quiet():
        for name in (each for each in there if each in family.tokenizers):
            with one_line(folder, name):
                parts[name] = _tokenizer(index[name]).from_pretrained(folder / name, local_files_only=True)
            inversion.teach(parts[name], additions.inversions)
        for name in (each for each in there if each in family.encoders):
            size = sum(path.stat().st_size for path in choose(folder, name, variant).files)
            dtype = torch.bfloat16 if size > LARGE else torch.float32

            def load(name: str = name, dtype: torch.dtype = dtype) -> Network:
                made = model(folder, name, variant, dtype, named(index[name]))
                inversion.embed(made, name, parts.get(name.replace("text_encoder", "tokenizer")), additions.inversions)
                add(made, name, additions, pipeline, parts[family.denoiser].config, family.denoiser)
                return made

            parts[name] = OneAtATime(load, SimpleNamespace(**_config(folder, name)), dtype, device)
        wanted = [name for name in inspect.signature(pipeline.__init__).parameters if name != "self"]
        options = {name: index[name] for name in wanted if name in index and not isinstance(index[name], list)}
        made = pipeline(**{name: parts.get(name, options.get(name)) for name in wanted})
    made.index = index
    return made


def _tokenizer(entry: Sequence[str]) -> Network:
    """The class of a tokenizer; of a processor, which reads images too, the tokenizer alone."""
    return named(("transformers", "AutoTokenizer") if entry[1].endswith("Processor") else entry)


def _config(folder: Path, name: str) -> Record:
    return as_object(folder / name / "config.json", str(folder))


def _sources(folder: Path, name: str, variant: str) -> list[Path]:
    """Every file of a component that decides what a prompt becomes."""
    if name.startswith("text_encoder"):
        return [*choose(folder, name, variant).files, folder / name / "config.json"]
    return sorted(path for path in (folder / name).iterdir() if path.is_file())


def _stacked(values: Sequence[Tensor]) -> Tensor:
    """One row a prompt; prompts of fewer tokens than others are filled up with zeros."""
    longest = max(value.shape[0] for value in values) if values[0].ndim else 0
    return torch.stack([value if not value.ndim or len(value) == longest else
                        torch.cat([value, value.new_zeros(longest - len(value), *value.shape[1:])])
                        for value in values])
