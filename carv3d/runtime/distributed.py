"""One run over several processes, as torchrun starts them; the only module that knows torch.distributed.

Every rank draws what one process would draw, all of it, and keeps its share of the views. So the union over ranks of
cameras, backgrounds, ray offsets, timesteps, strata and noise is the one-process draw, whatever the number of ranks.
What is found on the shares is summed or gathered, and every rank then takes the same decisions and the same optimiser
step. The first rank alone writes and speaks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from carv3d.runtime import progress
from carv3d.runtime.errors import UserError

T = TypeVar("T")
GRACE_S = 30.0  # that a later rank gives the first to meet the same mistake and to say it


class World:
    """One process alone: its share is the whole. rank: which process this is, of ``size``.

    All ranks must call the methods in the same order; each from ``sum`` on waits for the others.
    """

    rank, size = 0, 1

    def connect(self, device: torch.device, sizes: Sequence[int]) -> None:
        """Meet the other ranks. UserError if they can share B views evenly for no B of ``sizes``."""

    def share(self, items: int) -> slice:
        """Which of B items, a multiple of ``size``, are this rank's."""
        each = items // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Add up over ranks, in place; float32 tensors of one device, of the same shapes on all ranks."""

    def gather(self, rows: Tensor) -> Tensor:
        """The rows [B / size, ...] of all ranks in order, [B, ...]."""
        return rows

    def any(self, flag: bool) -> bool:
        """Whether it is so on any rank."""
        return flag

    def first(self, value: T) -> T:
        """The first rank's value."""
        return value

    def mean(self, numbers: dict[str, float]) -> dict[str, float]:
        """Each number's mean over ranks."""
        return numbers

    def require_same(self, tensors: Sequence[Tensor]) -> None:
        """RuntimeError unless all ranks hold the same tensors."""

    @contextlib.contextmanager
    def first_before_others(self) -> Iterator[None]:
        """What fills a cache: once by the first rank, then by the others, who find it."""
        yield

    def leave(self) -> None:
        """Nothing will be shared any more; may be called again."""


class Ranks(World):
    """One of several processes. Numbers on the host go by gloo, so that agreeing on them never waits for a GPU.

    All goes by a group of their own. Some modules of torch.distributed name the default group as a default argument:
    imported after it was made, as diffusers does, they keep it, and its threads, until the process ends.
    """

    group: dist.ProcessGroup | None = None
    waits_to_leave = False  # for what the other ranks have yet to do, as NCCL may

    def __init__(self, rank: int, size: int, local_rank: int):
        self.rank, self.size, self.local_rank = rank, size, local_rank

    def connect(self, device: torch.device, sizes: Sequence[int]) -> None:
        if all(size % self.size for size in sizes):
            given = " or ".join(map(str, sizes))
            raise UserError(f"data.batch_size: {given} given with {self.size} ranks, which share the views of a step "
                            f"evenly; allowed: multiples of {self.size}")
        if device.type == "cuda":
            here = int(os.environ.get("LOCAL_WORLD_SIZE", self.local_rank + 1))
            if here > torch.cuda.device_count():
                raise UserError(f"--nproc-per-node: {here} given, but this PyTorch sees {torch.cuda.device_count()} "
                                "CUDA devices; give one process for each, or device=cpu")
            torch.cuda.set_device(self.local_rank)  # what "cuda" means from here on
            self.waits_to_leave = True
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        self.group = dist.new_group()

    def sum(self, tensors: Sequence[Tensor]) -> None:
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat, group=self.group)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def gather(self, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(self.size)]
        dist.all_gather(parts, rows.contiguous(), group=self.group)
        return torch.cat(parts)

    def any(self, flag: bool) -> bool:
        asked = torch.tensor(int(flag))
        dist.all_reduce(asked, dist.ReduceOp.MAX, group=self.group)
        return bool(asked)

    def first(self, value: T) -> T:
        box = [value]
        dist.broadcast_object_list(box, group=self.group, device=torch.device("cpu"))
        return box[0]

    def mean(self, numbers: dict[str, float]) -> dict[str, float]:
        values = torch.tensor(list(numbers.values()), dtype=torch.float64)
        dist.all_reduce(values, group=self.group)
        return dict(zip(numbers, (values / self.size).tolist(), strict=True))

    def require_same(self, tensors: Sequence[Tensor]) -> None:
        sums = torch.stack([tensor.detach().float().view(torch.int32).sum() for tensor in tensors])[None].cpu()
        if (self.gather(sums) != sums).any():
            raise RuntimeError("the ranks hold different parameters; they must run the same code on the same hardware")

    @contextlib.contextmanager
    def first_before_others(self) -> Iterator[None]:
        if self.rank:
            self.any(False)
        yield
        if not self.rank:
            self.any(False)

    def leave(self) -> None:
        """End the threads that shared, and wait for them: gloo's let go of a tensor only after its sum is there, need
        the interpreter's lock for that, and abort the process, "terminate called", if it is ending by then."""
        if self.group is not None:
            dist.destroy_process_group()
            self.group = None  # the last reference; its end joins the threads


@contextlib.contextmanager
def world() -> Iterator[World]:
    """This process's place among those that torchrun started; alone without it. Later ranks are hushed.

    An error that all ranks meet, or that follows from the first one's, is said once: a later rank waits until torchrun,
    which sees the first one fail, ends it. One that is a later rank's own comes out after all.
    """
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1 or "RANK" not in os.environ:
        yield World()
        return
    ranks = Ranks(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", 0)))
    if ranks.rank:
        progress.hush()
    try:
        yield ranks
    except Exception as error:
        if ranks.rank:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(GRACE_S)
        if ranks.rank and isinstance(error, UserError):
            raise UserError(f"rank {ranks.rank}: {error}") from error
        raise
    finally:
        if not ranks.waits_to_leave:  # else a rank that failed might not end, and torchrun not hear of it
            ranks.leave()
