"""A network as a table of numbers, one line an operation of ``layers``, run in one compiled call.

All threads run the whole program. Those that have rows of their own wait for nobody; where rows and threads do not come
out even, several have the same rows, each does its share of every operation, and they wait for one another between two
of them: in machine code, since a call of Python for each would take longer than most of them do. A row's answer does
not depend on its neighbours, nor on how many threads there are.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple
from torch import Tensor

from carv3d.diffusion.engines.loops import convolutions, layers
from carv3d.diffusion.engines.loops.basics import GATE, copy, meet
from carv3d.diffusion.engines.loops.vectors import COLUMNS
from carv3d.runtime.kernel_cache import compile_once
from carv3d.runtime.kernel_threads import CACHED, spread

LOAD, STORE, LINEAR, CONVOLUTION, NORM, LAYER_NORM, SILU, ADD, JOIN, WINDOWS, GATED, ATTENTION = range(12)
FIELDS = 17  # of an operation, its code first

# By process, for a fork may come while it is held. Two calls at once could each hold threads of the one pool that all
# take theirs from, and wait for more for ever.
_alone: dict[int, threading.Lock] = {}


@njit(nogil=True, cache=CACHED)
def run(thread, _, team, gates, operations, weights, given, rooms, answers):
    """answers [rows,_] from what is given [rows,_], by teams of so many threads with as many rows each. gates, rooms:
    [teams,_]: each team's own."""
    own, me = thread // team, thread % team
    gate, room, n = gates[own], rooms[own], len(given) // len(gates)
    first = own * n
    for line in range(len(operations)):
        op = to_fixed_tuple(operations[line], FIELDS)  # type: ignore[call-arg, var-annotated]
        code = op[0]
        if code == LINEAR:
            layers.linear(n, op, weights, room, me, team)
        elif code == CONVOLUTION:
            convolutions.convolution(n, op, weights, room, me, team, gate)
        elif code == NORM:
            layers.norm(n, op, weights, room, me, team)
        elif code == LAYER_NORM:
            layers.layer_norm(n, op, weights, room, me, team)
        elif code == SILU:
            layers.silu(n, op, room, me, team)
        elif code == ADD:
            layers.add(n, op, room, me, team)
        elif code == JOIN:
            layers.join(n, op, room, me, team)
        elif code == WINDOWS:
            convolutions.windows(n, op, room, me, team)
        elif code == GATED:
            layers.gated(n, op, room, me, team)
        elif code == ATTENTION:
            layers.attention(n, op, room, me, team)
        elif me == 0:  # LOAD or STORE: place in the room, size, column
            at, size, column = op[1], op[2], op[3]
            for b in range(n):
                held = room[n * at + b * size:n * at + (b + 1) * size]
                if code == LOAD:
                    copy(given[first + b, column:column + size], held)
                else:
                    copy(held, answers[first + b, column:column + size])
        meet(team, gate)


def compile_kernels(announce: Callable[[str], None]) -> None:
    """Compile ``run``, announcing it in one line, unless the cache already holds it."""
    none, table = np.zeros((1, 1), np.float32), np.zeros((0, FIELDS), np.int64)
    gate = np.zeros((1, GATE), np.int64)
    compile_once("teacher", lambda: run(0, 1, 1, gate, table, none[0], none, none, none), announce)


@dataclass(eq=False)
class Held:
    """Numbers of one row, of which the program makes and forgets several; at: their place, once it is known."""

    size: int
    at: int = -1


Field = int | Held


class Program:
    """Written operation by operation, then asked for rows. Not written any more once it was asked."""

    def __init__(self) -> None:
        self._operations: list[list[Field]] = []
        self._weights: list[Tensor] = []
        self._filled = self._given = self._answered = self._row = 0
        self._table = np.empty((0, FIELDS), np.int64)
        self._packed = self._memory = np.empty(0, np.float32)

    def do(self, code: int, *fields: Field) -> None:
        """The next operation, its fields as ``layers`` names them; room is told by ``Held``."""
        self._operations.append([code, *fields])

    def load(self, size: int) -> Held:
        """The next ``size`` numbers of what is given."""
        held = Held(size)
        self.do(LOAD, held, size, self._given)
        self._given += size
        return held

    def store(self, held: Held) -> None:
        """The next numbers of the answer."""
        self.do(STORE, held, held.size, self._answered)
        self._answered += held.size

    def weights(self, *values: Tensor) -> int:
        """Where they lie, one after the other."""
        at, whole = self._filled, torch.cat([value.detach().float().flatten() for value in values])
        self._weights.append(F.pad(whole, (0, -len(whole) % COLUMNS)))  # the next from the beginning of a cache line on
        self._filled += len(self._weights[-1])
        return at

    def finish(self) -> None:
        """Places for everything held: what no later operation names makes room for what comes."""
        last = {field: line for line, fields in enumerate(self._operations) for field in fields
                if isinstance(field, Held)}
        room = _Room()
        for line, fields in enumerate(self._operations):
            held = [field for field in fields if isinstance(field, Held)]
            for field in held:
                if field.at < 0:
                    field.at = room.take(field.size)
            for field in {field for field in held if last[field] == line}:
                room.give(field.at, field.size)
        table = [[field.at if isinstance(field, Held) else field for field in fields] for fields in self._operations]
        self._table = np.array([[*fields, *[0] * (FIELDS - len(fields))] for fields in table], np.int64)
        self._packed, self._row = aligned(self._filled), room.most
        torch.cat([torch.empty(0), *self._weights], out=torch.from_numpy(self._packed))
        self._weights = []

    def __call__(self, given: Sequence[Tensor], threads: int = 0) -> Tensor:
        """given: what it loads, in that order, each [rows,...] float32. threads: torch's number by default.
        -> [rows,what it stores]."""
        rows = len(given[0])
        told = torch.cat([each.reshape(rows, -1) for each in given], 1).numpy()
        answers = torch.empty(rows, self._answered)
        threads = threads or torch.get_num_threads()
        teams = math.gcd(rows, threads)  # who has rows of his own waits for nobody
        with _alone.setdefault(os.getpid(), threading.Lock()):
            if len(self._memory) < rows * self._row:
                self._memory = aligned(rows * self._row)
            spread(run, threads, 1, threads // teams, np.zeros((teams, GATE), np.int64), self._table, self._packed,
                   told, self._memory[:rows * self._row].reshape(teams, -1), answers.numpy())
        return answers


class _Room:
    """Which numbers of a row's memory are free: pairs of begin and end, in order, the last one without an end."""

    def __init__(self) -> None:
        self.most = 0
        self._free: list[tuple[int, int]] = [(0, 1 << 62)]

    def take(self, size: int) -> int:
        size += -size % COLUMNS
        index, (begin, end) = next((index, each) for index, each in enumerate(self._free) if each[1] - each[0] >= size)
        self._free[index:index + 1] = [(begin + size, end)] if begin + size < end else []
        self.most = max(self.most, begin + size)
        return begin

    def give(self, at: int, size: int) -> None:
        self._free = _joined(sorted([*self._free, (at, at + size + -size % COLUMNS)]))


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found = spans[:1]
    for begin, end in spans[1:]:
        if begin == found[-1][1]:
            found[-1] = found[-1][0], end
        else:
            found.append((begin, end))
    return found


def panels(weight: Tensor) -> Tensor:
    """A matrix [...,count,columns] as ``layers.product`` reads it: [...,columns/16,count,16]."""
    return weight.unflatten(-1, (-1, COLUMNS)).transpose(-3, -2).contiguous()


def aligned(size: int) -> np.ndarray:
    """So many float32 from the beginning of a cache line on."""
    room = np.empty(size + COLUMNS, np.float32)
    first = -room.ctypes.data // room.itemsize % COLUMNS
    return room[first:first + size]
