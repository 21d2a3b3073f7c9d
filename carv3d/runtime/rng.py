"""One generator per purpose, derived from (seed, purpose, step), so that a resumed run draws what a whole one would."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, purpose: str, step: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh ``torch.Generator`` on ``device``; equal arguments give equal streams, others independent ones."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{step}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "little", signed=True))


def stream(seed: int, step: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """``generator`` with its arguments in the order in which a step knows them."""
    return generator(seed, purpose, step, device)
