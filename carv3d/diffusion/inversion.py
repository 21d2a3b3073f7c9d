"""Textual inversion (arXiv 2208.01618): words whose embeddings come from a file."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from carv3d.diffusion.additions import Inversion
from carv3d.diffusion.loading import Network
from carv3d.runtime.errors import UserError

OF_ENCODERS = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}  # in files for two encoders


def vectors(inversion: Inversion) -> tuple[str, dict[str, Tensor]]:
    """The word, and its vectors [n,D] by the text encoder that they are of ("" for the only one). The files that
    diffusers, A1111's interface and SDXL's trainers write; pickles are read as data alone."""
    path = inversion.path
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            held: dict[str, Network] = dict(load_file(path))
        else:
            held = torch.load(path, map_location="cpu", weights_only=True)
        token = inversion.token
        if "string_to_param" in held:
            token, found = token or str(held.get("name") or ""), {"": held["string_to_param"]["*"]}
        elif set(held) & set(OF_ENCODERS):
            found = {OF_ENCODERS[name]: held[name] for name in OF_ENCODERS if name in held}
        elif "emb_params" in held:
            found = {"": held["emb_params"]}
        elif len(held) == 1:
            name, value = next(iter(held.items()))
            token, found = token or name, {"": value}
        else:
            raise ValueError(f"{len(held)} entries, none of a name that is known")
        found = {name: value.detach().float().reshape(-1, value.shape[-1]) for name, value in found.items()}
        if not all(value.isfinite().all() for value in found.values()):
            raise ValueError("numbers that are not finite")
    except Exception as error:  # a dozen types for files that are something else
        raise UserError(f"teacher.textual_inversion: {path} holds no embeddings of a word ({type(error).__name__}: "
                        f"{str(error).splitlines()[0][:80] if str(error) else ''}); allowed: what diffusers, A1111 or "
                        "SDXL's trainers write") from None
    return token or path.stem, found


def words_of(token: str, count: int) -> list[str]:
    """What a word of several vectors is in the tokenizer, as diffusers calls it."""
    return [token, *(f"{token}_{i}" for i in range(1, count))]


def teach(tokenizer: Network, inversions: Sequence[Inversion]) -> None:
    """The words added to a tokenizer; UserError for one that it knows."""
    for inversion in inversions:
        token, found = vectors(inversion)
        if token in tokenizer.get_vocab():
            raise UserError(f"teacher.textual_inversion: the tokenizer knows {token} already; give another word, "
                            f"{inversion.path}:WORD")
        tokenizer.add_tokens(words_of(token, len(next(iter(found.values())))))


def spelt(text: str, inversions: Sequence[Inversion]) -> str:
    """A prompt in which a word of several vectors stands for all of them."""
    for inversion in inversions:
        token, found = vectors(inversion)
        text = text.replace(token, " ".join(words_of(token, len(next(iter(found.values()))))))
    return text


@torch.no_grad()
def embed(encoder: Network, name: str, tokenizer: Network, inversions: Sequence[Inversion]) -> None:
    """The words' vectors put into the text encoder ``name``, whose tokenizer was taught them."""
    if not inversions:
        return
    table = encoder.get_input_embeddings()
    if len(tokenizer) > table.num_embeddings:
        encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        table = encoder.get_input_embeddings()
    for inversion in inversions:
        token, found = vectors(inversion)
        value = found.get(name, found.get(""))
        if value is None:
            raise UserError(f"teacher.textual_inversion: {inversion.path} has no embeddings for the {name}")
        if value.shape[1] != table.embedding_dim:
            raise UserError(f"teacher.textual_inversion: {inversion.path} has vectors of {value.shape[1]} numbers, the "
                            f"{name} of this model {table.embedding_dim}; it was made for another model")
        for word, row in zip(words_of(token, len(value)), value, strict=True):
            table.weight[tokenizer.convert_tokens_to_ids(word)] = row.to(table.weight)
