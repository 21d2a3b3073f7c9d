"""Compiled loops spread over torch's number of threads.

The kernels are plain ``nogil`` functions ``kernel(begin, end, *args)`` rather than numba parallel loops: they compile
several times faster, need no threading layer, survive a fork, and their result cannot depend on the schedule because
every index writes only what it owns.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from carv3d.runtime.kernel_cache import use_cache

CACHED = use_cache() is not None  # before numba is imported, by whoever compiles loops for these threads

# The liberties that kernels take with float32: all of fastmath except assuming NaN and infinity away, which must show.
FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}

_pools: dict[int, ThreadPoolExecutor] = {}
os.register_at_fork(after_in_child=_pools.clear)


def spread(kernel: Callable[..., None], count: int, grain: int, *args: object) -> None:
    """Run ``kernel(begin, end, *args)`` over [0, count) in pieces of ``grain`` indices, on torch.get_num_threads().

    Which thread takes a piece is left to chance; the pieces themselves depend only on count and grain.
    """
    pieces = iter(range(0, count, grain))  # next() on it is atomic, so the threads can share it

    def work() -> None:
        for begin in pieces:
            kernel(begin, min(begin + grain, count), *args)

    helpers = min(torch.get_num_threads(), -(-count // grain)) - 1
    if helpers <= 0:
        return work()
    if helpers not in _pools:
        _pools[helpers] = ThreadPoolExecutor(helpers, thread_name_prefix="carv3d-kernel")
    futures = [_pools[helpers].submit(work) for _ in range(helpers)]
    work()
    for future in futures:
        future.result()
