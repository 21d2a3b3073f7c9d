"""What the compiled layers are made of: flat float32, a team's shares, products of matrices."""

from __future__ import annotations

import numpy as np
from numba import njit

from carv3d.diffusion.engines.loops.vectors import (
    COLUMNS,
    arrive,
    arrived,
    four_rows,
    go_on,
    one_row,
    six_rows,
    two_rows,
    yield_processor,
)
from carv3d.runtime.exponential import exp
from carv3d.runtime.kernel_threads import CACHED, FAST

NONE = -1  # a place that an operation does without
GATE, TURN = 32, 16  # int64 of a gate; the place of its turn, in a cache line of its own
PATIENCE = 2000  # looks at it before others may run


@njit(nogil=True, cache=CACHED)
def copy(x, out):
    for k in range(len(x)):
        out[k] = x[k]


@njit(nogil=True, cache=CACHED)
def clear(out):
    for k in range(len(out)):
        out[k] = np.float32(0)


@njit(nogil=True, cache=CACHED)
def share(count, me, team):
    """Of ``count`` things this thread's: from the first to before the last."""
    return count * me // team, count * (me + 1) // team


@njit(nogil=True, cache=CACHED)
def meet(team, gate):
    """Go on when all have come here. gate: [GATE] int64, zero at first."""
    if team > 1:
        turn, waited = arrived(gate, TURN), 0
        if arrive(gate) == team - 1:
            gate[0] = 0
            go_on(gate, TURN, turn + 1)
        while arrived(gate, TURN) == turn:
            waited += 1
            if waited % PATIENCE == 0:
                yield_processor()


@njit(nogil=True, cache=CACHED)
def product(a, at, rows, lda, b, begin, count, columns, c, to, ldc):
    """c [rows,columns] = a [rows,count] b, b in panels of COLUMNS columns ([columns/16,count,16])."""
    for column in range(0, columns, COLUMNS):
        panel, first, row = begin + column * count, to + column, 0
        while row + 6 <= rows:
            six_rows(a, at + row * lda, lda, b, panel, count, c, first + row * ldc, ldc)
            row += 6
        if row + 4 <= rows:
            four_rows(a, at + row * lda, lda, b, panel, count, c, first + row * ldc, ldc)
            row += 4
        if row + 2 <= rows:
            two_rows(a, at + row * lda, lda, b, panel, count, c, first + row * ldc, ldc)
            row += 2
        if row < rows:
            one_row(a, at + row * lda, lda, b, panel, count, c, first + row * ldc, ldc)


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def silu_of(x, out):
    for k in range(len(x)):
        out[k] = x[k] / (np.float32(1) + exp(-x[k]))


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def scale_and_shift(x, places, channels, groups, weights, w, begin, end, scale, shift):
    """What GroupNorm multiplies channels begin to end of an image [places,channels] with, and adds to them: to those of
    every group that has one of them. w: gamma, beta, eps."""
    each = channels // groups
    first, last = begin // each * each, (end + each - 1) // each * each
    sums, squares = np.zeros(last - first, np.float32), np.zeros(last - first, np.float32)
    for p in range(places):
        seen = x[p * channels + first:p * channels + last]
        for c in range(last - first):
            sums[c] += seen[c]
            squares[c] += seen[c] * seen[c]
    for g in range((last - first) // each):
        total, square = 0.0, 0.0
        for c in range(g * each, (g + 1) * each):
            total += sums[c]
            square += squares[c]
        mean = total / (places * each)
        inverse = 1.0 / np.sqrt(max(square / (places * each) - mean * mean, 0.0) + weights[w + 2 * channels])
        for c in range(first + g * each, first + (g + 1) * each):
            scale[c] = weights[w + c] * inverse
            shift[c] = weights[w + channels + c] - mean * inverse * weights[w + c]


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def scaled(x, scale, shift, out):
    for c in range(len(x)):
        out[c] = x[c] * scale[c] + shift[c]


@njit(nogil=True, cache=CACHED)
def sum_of(x, more, out):
    for k in range(len(x)):
        out[k] = x[k] + more[k]
