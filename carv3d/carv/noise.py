"""Gaussian noise for the K draws of an item: independent, in antithetic pairs, or in sets that sum to zero.

Each draw by itself is standard normal in every mode, so each mode is unbiased; they differ in how the K draws vary
together. With f's Hermite expansion in the noise, a pair (e, -e) cancels its odd part and doubles its even part; a
zero-sum set cancels the linear part and changes the degree-n part by 1 + (-1)^n (K-1)^(1-n).
"""

from __future__ import annotations

import torch
from torch import Tensor

MODES = ("iid", "antithetic", "zero_sum")


def allows(mode: str, draws: int) -> bool:
    """Whether K draws can be made in this mode: antithetic needs an even K, zero_sum K >= 2."""
    return {"iid": True, "antithetic": draws % 2 == 0, "zero_sum": draws >= 2}[mode]


def check(mode: str, draws: int) -> None:
    """ValueError for an unknown mode or one that K forbids."""
    if mode not in MODES:
        raise ValueError(f"noise must be one of {', '.join(MODES)}, got {mode!r}")
    if not allows(mode, draws):
        raise ValueError(f"noise={mode} needs {'an even K' if mode == 'antithetic' else 'K >= 2'}, got K={draws}")


def sample(mode: str, stratum: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise [B,K,*shape] float32 on the generator's device.

    stratum: [B,K], a permutation of 0..K-1 in each row. Antithetic partners are the draws of strata 2j and 2j+1:
    neighbours in t, so that the pair's odd part nearly cancels while K timesteps stay distinct.
    """
    check(mode, stratum.shape[1])
    items, draws = stratum.shape
    if mode == "antithetic":
        base = torch.randn(items, draws // 2, *shape, generator=generator, device=generator.device)
        stratum = queued(stratum, base.device)
        rows = torch.arange(items, device=base.device)[:, None]
        sign = (1 - 2 * (stratum % 2)).reshape(items, draws, *[1] * len(shape))
        return base[rows, stratum // 2].mul_(sign)
    noise = torch.randn(items, draws, *shape, generator=generator, device=generator.device)
    if mode == "zero_sum":
        noise = (draws / (draws - 1)) ** 0.5 * (noise - noise.mean(1, keepdim=True))
    return noise


def queued(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; to CUDA through pinned memory, so that the copy is queued and not waited for."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=device.type == "cuda")


def noise_mode(name: str, k: int) -> str:
    """What ``estimator.noise`` means for K draws: iid of a mode that K forbids; of auto antithetic at even K, zero_sum
    at odd K from 3 on. At no guidance scale was another one measured to be better (docs/estimator.md)."""
    choices = (name, "iid") if name != "auto" else ("antithetic", "zero_sum", "iid")
    return next(mode for mode in choices if allows(mode, k))
