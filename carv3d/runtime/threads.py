"""Two thread pools share the cores: OpenMP's, which torch uses, and that of the compiled kernels; and several trainers
may share a CUDA device. Imports nothing heavy."""

from __future__ import annotations

import os

SLOTS = "CARV3D_DEVICE_SLOTS"  # environment: how many trainers a sweep has put on this process's CUDA device


def device_slots() -> int:
    """How many processes share this one's CUDA device."""
    given = os.environ.get(SLOTS, "")
    return max(int(given), 1) if given.isdigit() else 1


def share_cores() -> None:
    """Make idle OpenMP workers spin for some microseconds, then sleep; call it before torch is imported.

    Both extremes cost: a worker that spins on takes the core that a kernel thread needs, one that sleeps at once must
    be woken for each of a small UNet's thousand loops. Median step with the bundled teacher on two cores: 171 ms
    spinning on, 192 ms sleeping at once, 140 ms so. A user's own OMP_WAIT_POLICY and GOMP_SPINCOUNT win.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")
