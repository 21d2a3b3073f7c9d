"""What torch.cuda says of the pretended device: events, streams, memory; and where the host would have waited for it."""

from __future__ import annotations

import contextlib
import os
import sys
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch

import carv3d

MEMORY = 16 << 30
PACKAGE = f"{Path(carv3d.__file__).parent}{os.sep}"


class Refused(RuntimeError):
    """What CUDA would not have done."""


class Waits:
    """Where the host waits for the device: how often each (kind, place) was met while ``on``."""

    def __init__(self) -> None:
        self.on, self.met = False, Counter()

    def note(self, kind: str) -> None:
        if self.on:
            self.met[kind, _place()] += 1

    @contextlib.contextmanager
    def counted(self) -> Iterator[Counter]:
        self.on, self.met = True, Counter()
        try:
            yield self.met
        finally:
            self.on = False

    @contextlib.contextmanager
    def none(self) -> Iterator[None]:
        """What stands in for a compiled function is not looked at."""
        before, self.on = self.on, False
        try:
            yield
        finally:
            self.on = before


waits = Waits()
late: list[tuple[torch.Tensor, torch.Tensor]] = []  # copies to the CPU that are under way: to where, and what


def _place() -> str:
    """The innermost line of the package itself."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):  # a checkout may bear the package's name, too
            return f"{frame.f_code.co_filename.removeprefix(PACKAGE)}:{frame.f_code.co_name}"
        frame = frame.f_back
    return "elsewhere"


def arrived() -> None:
    """The device has done all that it was given."""
    for target, source in late:
        target.copy_(source)
    late.clear()


class Event:
    """Recorded when made so; waiting for it lets what was queued before arrive."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False):
        self.timing, self.recorded = enable_timing, False

    def record(self, stream=None):
        self.recorded = True

    def synchronize(self):
        waits.note("event")
        arrived()

    def query(self):
        return not late

    def wait(self, stream=None):
        pass

    def elapsed_time(self, other):
        if not (self.timing and other.timing and self.recorded and other.recorded):
            raise Refused("Both events must be recorded, with timing, before calculating elapsed time")
        return 1.0


class Stream:
    def __init__(self, device=None, priority=0):
        self.device = torch.device("cuda", 0)

    def synchronize(self):
        _synchronize()

    def wait_stream(self, stream):
        pass

    def wait_event(self, event):
        pass

    def record_event(self, event=None):
        event = event or Event()
        event.record()
        return event


def _synchronize(device=None) -> None:
    waits.note("synchronize")
    arrived()


PROPERTIES = types.SimpleNamespace(name="Pretended", total_memory=MEMORY, major=8, minor=0, multi_processor_count=8,
                                   gcnArchName="")
TOLD = {
    "is_available": lambda: True, "is_initialized": lambda: True, "init": lambda: None, "_lazy_init": lambda: None,
    "device_count": lambda: 1, "current_device": lambda: 0, "set_device": lambda device: None,
    "get_device_name": lambda device=None: PROPERTIES.name, "get_device_properties": lambda device=None: PROPERTIES,
    "get_device_capability": lambda device=None: (8, 0), "synchronize": _synchronize, "Event": Event, "Stream": Stream,
    "current_stream": lambda device=None: Stream(), "stream": lambda stream: contextlib.nullcontext(),
    "device": lambda device: contextlib.nullcontext(), "mem_get_info": lambda device=None: (MEMORY // 2, MEMORY),
    "memory_allocated": lambda device=None: 1 << 20, "max_memory_allocated": lambda device=None: 2 << 20,
    "memory_reserved": lambda device=None: 4 << 20, "max_memory_reserved": lambda device=None: 4 << 20,
    "reset_peak_memory_stats": lambda device=None: None, "empty_cache": lambda: None,
    "is_bf16_supported": lambda including_emulation=True: True, "manual_seed": lambda seed: None,
    "manual_seed_all": lambda seed: None, "get_rng_state": lambda device="cuda": torch.get_rng_state(),
    "set_rng_state": lambda state, device="cuda": None, "get_rng_state_all": lambda: [torch.get_rng_state()],
    "set_rng_state_all": lambda states: None, "is_current_stream_capturing": lambda: False,
}
