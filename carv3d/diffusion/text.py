"""Prompts -> embeddings, kept in the user's cache; the text encoder lives only while it is needed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from carv3d.diffusion.folder import token_length
from carv3d.diffusion.loading import _one_line, model, quiet
from carv3d.diffusion.weight_files import AGAIN, choose
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import cache_folder, make_folder, write_bytes

BATCH = 128  # prompts encoded at a time


def encode_prompts(folder: Path, prompts: Sequence[str], *, variant: str = "", device: torch.device | str = "cpu",
                   announce: Callable[[str], None] = lambda line: None) -> Tensor:
    """Last hidden states of the text encoder, [P,L,D] float32 on the CPU.

    Each prompt is kept in the user's cache under a hash of the encoder's and the tokenizer's content and the prompt; a
    damaged entry is made anew. The encoder is loaded only for prompts that the cache lacks, and released. Says so when
    a prompt is longer than the encoder reads.
    """
    digest = _content(folder, variant)
    folder_of_all = cache_folder("embeddings")
    paths = {text: folder_of_all / f"{hashlib.sha256(f'{digest}/{text}'.encode()).hexdigest()[:40]}.safetensors"
             for text in prompts}
    known = {text: _cached(path) for text, path in paths.items()}
    missing = [text for text, value in known.items() if value is None]
    if missing:
        made = _encode(folder, missing, variant, device)
        for text, value in zip(missing, made, strict=True):
            known[text] = value
            _keep(paths[text], value)
    states, counts = zip(*(known[text] for text in prompts), strict=True)
    longest, length = max(counts), len(states[0])
    if longest > length:
        announce(f"prompt: {longest} tokens, the teacher reads the first {length}; the end of it, view words included, "
                 "has no effect")
    return torch.stack(states)


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
def _encode(folder: Path, prompts: list[str], variant: str, device: torch.device | str) -> list[tuple[Tensor, int]]:
    """For each prompt its states [L,D], and how many tokens it has."""
    from transformers import CLIPTextModel, CLIPTokenizer

    with quiet():
        with _one_line(folder, "tokenizer"):
            tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        counts = [len(ids) for ids in tokenizer(prompts)["input_ids"]]
    encoder = model(folder, "text_encoder", variant, torch.float32, CLIPTextModel).to(device).eval()
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


def _content(folder: Path, variant: str) -> str:
    """A hash of every byte that decides what a prompt's embedding is."""
    weights = choose(folder, "text_encoder", variant)
    sources = [*weights.files, folder / "text_encoder" / "config.json"]
    sources += sorted(path for path in (folder / "tokenizer").iterdir() if path.is_file())
    total = hashlib.sha256()
    for path in sources:
        total.update(f"{path.name}:{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                total.update(block)
    return total.hexdigest()


def _cached(path: Path) -> tuple[Tensor, int] | None:
    """An entry of the cache; None where it is missing, damaged or not finite."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        entry = load_file(path)
        states, tokens = entry["states"], int(entry["tokens"])
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError):
        return None
    return (states, tokens) if states.ndim == 2 and states.is_floating_point() and states.isfinite().all() else None


def _keep(path: Path, value: tuple[Tensor, int]) -> None:
    from safetensors.torch import save

    with contextlib.suppress(UserError):  # without a cache the result is the same, only later
        make_folder(path.parent, "XDG_CACHE_HOME")
        write_bytes(path, save({"states": value[0].contiguous(), "tokens": torch.tensor(value[1])}))
