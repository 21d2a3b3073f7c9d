"""Prompts -> embeddings, kept in the user's cache; the text encoder lives only while it is needed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from carv3d.diffusion import inversion
from carv3d.diffusion.additions import Additions
from carv3d.diffusion.folder import token_length
from carv3d.diffusion.loading import model, one_line, quiet
from carv3d.diffusion.weight_files import AGAIN, choose
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import cache_folder, make_folder, write_bytes

BATCH = 128  # prompts encoded at a time
Entry: TypeAlias = dict[str, Tensor]  # what is kept of a prompt


def encode_prompts(folder: Path, prompts: Sequence[str], *, variant: str = "", device: torch.device | str = "cpu",
                   additions: Additions = Additions(), announce: Callable[[str], None] = lambda line: None) -> Tensor:
    """Last hidden states of the text encoder, [P,L,D] float32 on the CPU.

    Each prompt is kept in the user's cache under a hash of the encoder's and the tokenizer's content and the prompt; a
    damaged entry is made anew. The encoder is loaded only for prompts that the cache lacks, and released. Says so when
    a prompt is longer than the encoder reads.
    """
    def make(missing: list[str]) -> list[Entry]:
        return [{"states": value, "tokens": torch.tensor(count)}
                for value, count in _encode(folder, missing, variant, device, additions)]

    found = kept(_content(folder, variant, additions), prompts, make, lambda entry: "tokens" in entry
                 and entry["states"].ndim == 2 and entry["states"].is_floating_point())
    states = [entry["states"] for entry in found]
    longest, length = max(int(entry["tokens"]) for entry in found), len(states[0])
    if longest > length:
        announce(too_long(longest, length))
    return torch.stack(states)


def too_long(longest: int, length: int) -> str:
    """What is said of a prompt that has more tokens than are read."""
    return (f"prompt: {longest} tokens, the teacher reads the first {length}; the end of it, view words included, has "
            "no effect")


def kept(digest: str, prompts: Sequence[str], make: Callable[[list[str]], list[Entry]],
         good: Callable[[Entry], bool]) -> list[Entry]:
    """What ``make`` gives of each prompt, or gave before: kept in the user's cache under a hash of ``digest`` and the
    prompt. An entry that is damaged, not finite or not ``good`` is made anew."""
    folder = cache_folder("embeddings")
    paths = {text: folder / f"{hashlib.sha256(f'{digest}/{text}'.encode()).hexdigest()[:40]}.safetensors"
             for text in prompts}
    known = {text: _cached(path, good) for text, path in paths.items()}
    missing = [text for text, value in known.items() if value is None]
    for text, value in zip(missing, make(missing) if missing else [], strict=True):
        known[text] = value
        _keep(paths[text], value)
    return [entry for entry in (known[text] for text in prompts) if entry is not None]


def states(folder: Path, prompts: Sequence[str], *, variant: str = "", device: torch.device | str = "cpu",
           announce: Callable[[str], None] = lambda line: None) -> Tensor:
    """The same for many prompts that will not be asked for again: nothing is kept on disk."""
    found, counts = zip(*_encode(folder, list(prompts), variant, device), strict=True)
    length = len(found[0])
    if long := sum(count > length for count in counts):
        announce(f"{long} of {len(found)} prompts have more than the {length} tokens that the teacher reads; what is "
                 "beyond has no effect")
    return torch.stack(found)


@torch.no_grad()
def _encode(folder: Path, prompts: list[str], variant: str, device: torch.device | str,
            additions: Additions = Additions()) -> list[tuple[Tensor, int]]:
    """For each prompt its states [L,D], and how many tokens it has."""
    from transformers import CLIPTextModel, CLIPTokenizer

    from carv3d.diffusion.adapters import add_to_stable_diffusion

    with quiet():
        with one_line(folder, "tokenizer"):
            tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        inversion.teach(tokenizer, additions.inversions)
        prompts = [inversion.spelt(text, additions.inversions) for text in prompts]
        counts = [len(ids) for ids in tokenizer(prompts)["input_ids"]]
    encoder = model(folder, "text_encoder", variant, torch.float32, CLIPTextModel)
    inversion.embed(encoder, "text_encoder", tokenizer, additions.inversions)
    add_to_stable_diffusion(encoder, "text_encoder", folder, additions)
    encoder = encoder.to(device).eval()
    rows = []
    for start in range(0, len(prompts), BATCH):
        tokens = tokenizer(prompts[start:start + BATCH], padding="max_length", max_length=token_length(folder),
                           truncation=True, return_tensors="pt")
        if (largest := int(tokens["input_ids"].max())) >= (known := encoder.get_input_embeddings().num_embeddings):
            raise UserError(f"teacher.path: the tokenizer of {folder} gives token {largest}, its text encoder knows "
                            f"{known}; its parts come from different models")
        mask = tokens["attention_mask"].to(device) if getattr(encoder.config, "use_attention_mask", False) else None
        rows.append(encoder(tokens["input_ids"].to(device), attention_mask=mask)[0].float().cpu())
    found = torch.cat(rows)
    if not torch.isfinite(found).all():
        raise UserError(f"teacher.path: the text_encoder of {folder} gives numbers that are not finite; {AGAIN}")
    return list(zip(found, counts, strict=True))


def _content(folder: Path, variant: str, additions: Additions) -> str:
    """A hash of every byte that decides what a prompt's embedding is."""
    weights = choose(folder, "text_encoder", variant)
    sources = [*weights.files, folder / "text_encoder" / "config.json"]
    sources += sorted(path for path in (folder / "tokenizer").iterdir() if path.is_file())
    return content([*sources, *additions.files]) + str(additions)


def content(files: Sequence[Path]) -> str:
    """A hash of the bytes of files and of their own names."""
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.name}:{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                total.update(block)
    return total.hexdigest()


def _cached(path: Path, good: Callable[[Entry], bool]) -> Entry | None:
    """An entry of the cache; None where it is missing, damaged, not finite or not good."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        entry: Entry = load_file(path)
        return entry if good(entry) and all(value.isfinite().all() for value in entry.values()) else None
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError):
        return None


def _keep(path: Path, value: Entry) -> None:
    from safetensors.torch import save

    with contextlib.suppress(UserError):  # without a cache the result is the same, only later
        make_folder(path.parent, "XDG_CACHE_HOME")
        write_bytes(path, save({name: tensor.contiguous() for name, tensor in value.items()}))
