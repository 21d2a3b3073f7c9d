"""Milliseconds on the device's own clock, without making the host wait for it."""

from __future__ import annotations

import time
from typing import Any, TypeAlias

import torch

Moment: TypeAlias = Any  # seconds on a CPU; an event of the device on CUDA


def moment(device: torch.device) -> Moment:
    """Now, in the order of what the device was given."""
    if device.type == "cuda":
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
    return time.perf_counter()


def between(first: Moment, last: Moment) -> float:
    """Milliseconds from one moment to a later one; waits for that on CUDA."""
    if isinstance(first, float):
        return 1e3 * (float(last) - first)
    last.synchronize()
    return float(first.elapsed_time(last))
