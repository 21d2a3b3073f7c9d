"""Milliseconds per station of the training step."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch

from carv3d.carv.allocate import Cost

Moment: TypeAlias = Any  # seconds on a CPU; an event of the device on CUDA
UPSTREAM, DRAWING = ("render", "encode", "backward"), ("draws", "estimate")


@dataclass
class StationTimer:
    """Milliseconds per station of the step, as moving averages; called as ``mark`` of train_step.

    On CUDA it records events and reads them when asked, so that it makes no step wait for the device.
    """

    device: torch.device
    ms: dict[str, float] = field(default_factory=dict)
    _last: Moment = 0.0
    _events: list[tuple[str, Moment, Moment]] = field(default_factory=list)

    def start(self) -> None:
        self._last = self._now()

    def __call__(self, station: str) -> None:
        now = self._now()
        if self.device.type == "cuda":
            self._events.append((station, self._last, now))
        else:
            self._add(station, 1e3 * (now - self._last))
        self._last = now

    def _now(self) -> Moment:
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            return event
        return time.perf_counter()

    def _add(self, station: str, ms: float) -> None:
        self.ms[station] = ms if station not in self.ms else 0.95 * self.ms[station] + 0.05 * ms

    def drain(self) -> None:
        """Enter what was recorded and not yet read; waits for the device on CUDA."""
        if self._events:
            torch.cuda.synchronize(self.device)
            for station, first, last in self._events:
                self._add(station, first.elapsed_time(last))
            self._events.clear()

    def reset(self, ms: dict[str, float]) -> None:
        """Go on from these averages; what was recorded and not yet read is forgotten."""
        self._events.clear()
        self.ms = dict(ms)

    def cost(self, items: int, draws: int) -> Cost:
        """The step's cost model from the averages so far; waits for the device on CUDA."""
        self.drain()
        upstream = sum(self.ms.get(s, 0.0) for s in UPSTREAM)
        drawing = sum(self.ms.get(s, 0.0) for s in DRAWING)
        return Cost(max(sum(self.ms.values()) - upstream - drawing, 0.0), upstream / items,
                    max(drawing / (items * draws), 1e-9))
