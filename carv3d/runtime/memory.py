"""How many draws go through a network at once: as many as fit, and fewer when they turn out not to."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import torch

from carv3d.runtime.errors import UserError, out_of_memory
from carv3d.runtime.progress import say
from carv3d.runtime.threads import device_slots

T = TypeVar("T")
SHARE = 0.8  # of the free memory that a chunk may take


def capacity(device: torch.device) -> int:
    """Bytes that a device can still give to this process: on CUDA those that are free, of a device that is shared this
    process's part less what it holds already; on a CPU all of the machine's."""
    if device.type != "cuda":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free, total = torch.cuda.mem_get_info(device)
    return max(min(int(free), int(total) // device_slots() - torch.cuda.memory_reserved(device)), 0)


def whole(device: torch.device) -> int:
    """Bytes that this process may hold in all."""
    held = torch.cuda.memory_reserved(device) if device.type == "cuda" else 0
    return capacity(device) + held


def release(device: torch.device) -> None:
    """Give back what is held for reuse."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def in_words(count: float) -> str:
    """Bytes, for people."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


class Chunks:
    """The size of a chunk, in draws per view, for one kind of call.

    given: that many; "auto": all at once on a CPU, where what a call takes cannot be measured; on CUDA what fits the
    free memory, from the peak of the first call, which goes draw by draw. Either is halved when memory runs out.
    size: 0 means all K; None that it is still to be measured. A run keeps it in its checkpoints, since the rounding of
    a network's answer can depend on the batch.
    """

    def __init__(self, name: str, given: int | str, device: torch.device):
        self.name, self.device = name, device
        unknown = None if device.type == "cuda" else 0
        self.size: int | None = unknown if given == "auto" else int(given)

    def run(self, call: Callable[[int], T], k: int) -> T:
        """``call(chunk)``, again with half the chunk as long as memory runs out; ``call`` must bear being repeated.

        UserError when a single draw does not fit.
        """
        while True:
            try:
                return self._measured(call) if self.size is None else call(self.size)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
            now = min(self.size or k, k)  # None: it went draw by draw
            if self.size is None or now == 1:
                raise UserError(f"out of memory in {self.name} with one draw per view at a time; lower data.batch_size "
                                "or the teacher's size, or set teacher.dtype to a half precision")
            self.size = now // 2
            release(self.device)
            say(f"{self.name}: out of memory with {now} draws per view at once; going on with {self.size}")

    def _measured(self, call: Callable[[int], T]) -> T:
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        out = call(1)
        taken = torch.cuda.max_memory_allocated(self.device) - before
        unused = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        free = capacity(self.device) + unused
        self.size = max(1, int(SHARE * free / max(taken, 1)))
        return out
