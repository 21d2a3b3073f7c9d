"""Devices: which one a name means, and copies to it that the host need not wait for. Imports torch only when called."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

from carv3d.runtime.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def device(name: str) -> torch.device:
    """The device of the option ``device``: auto, cpu or cuda. UserError for a CUDA that PyTorch does not see."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda given, but this PyTorch sees no CUDA device; allowed here: auto, cpu")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    """The tensor on a device; to CUDA through pinned memory, so that the copy is queued and not waited for."""
    kind = device.partition(":")[0] if isinstance(device, str) else device.type
    if kind == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@functools.cache
def constant(values: tuple[float, ...] | tuple[tuple[float, ...], ...], device: torch.device) -> Tensor:
    """The numbers as a float32 tensor on a device, made once: bringing them there anew would wait for it. Not to be
    written to."""
    import torch

    return torch.tensor(values, dtype=torch.float32, device=device)


def now_ms(device: torch.device) -> float:
    """Milliseconds on a clock, once the device has done what it was given."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
    return 1e3 * time.perf_counter()
