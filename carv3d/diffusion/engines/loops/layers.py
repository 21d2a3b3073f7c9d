"""The layers of a network as compiled loops: every function is one operation of a ``program``.

n: rows (of a batch) that are asked. op: the operation's code, then its numbers, in the order in which each function
names them. weights, room: flat float32. What lies in ``room`` is counted for one row there: n times as far on lies what
n rows have, one after the other, an image as [H,W,C]. Names of places in ``weights`` begin with w. All of a team's
threads call the same function, and ``me`` does its own share of it: of a product's columns where it can, so that
weights are read but once, else of what else there is. No number depends on who computes it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from carv3d.diffusion.engines.loops.basics import NONE, copy, product, scale_and_shift, scaled, share, silu_of, sum_of
from carv3d.diffusion.engines.loops.vectors import COLUMNS
from carv3d.runtime.exponential import exp
from carv3d.runtime.kernel_threads import CACHED, FAST


@njit(nogil=True, cache=CACHED)
def linear(n, op, weights, room, me, team):
    """out [rows,outs] = a [rows,count] w + bias + more. w_bias, more: or NONE."""
    a, rows, count, w, outs, w_bias, more, out = op[1:9]
    first, last = share(outs // COLUMNS, me, team)
    begin, end, top, rows = COLUMNS * first, COLUMNS * last, 0, n * rows
    if outs // COLUMNS < team:
        (top, rows), begin, end = share(rows, me, team), 0, outs
    product(room, n * a + top * count, rows - top, count, weights, w + begin * count, count, end - begin, room,
            n * out + top * outs + begin, outs)
    for row in range(top, rows):
        shown = room[n * out + row * outs + begin:n * out + row * outs + end]
        if w_bias != NONE:
            bias = weights[w_bias + begin:w_bias + end]
            for k in range(end - begin):
                shown[k] += bias[k]
        if more != NONE:
            added = room[n * more + row * outs + begin:n * more + row * outs + end]
            for k in range(end - begin):
                shown[k] += added[k]


@njit(nogil=True, cache=CACHED)
def norm(n, op, weights, room, me, team):
    """out = GroupNorm of x [places,channels]. w: gamma, beta, eps."""
    x, places, channels, groups, w, out = op[1:7]
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    begin, end = share(channels, me, team)
    for b in range(n):
        at, to = n * x + b * places * channels, n * out + b * places * channels
        scale_and_shift(room[at:at + places * channels], places, channels, groups, weights, w, begin, end, scale,
                        shift)
        for p in range(0, places * channels, channels):
            scaled(room[at + p + begin:at + p + end], scale[begin:end], shift[begin:end],
                    room[to + p + begin:to + p + end])


@njit(nogil=True, cache=CACHED)
def layer_norm(n, op, weights, room, me, team):
    """out = LayerNorm of x [rows,channels]. w: gamma, beta, eps."""
    x, rows, channels, w, out = op[1:6]
    first, last = share(n * rows, me, team)
    for row in range(first, last):
        _normed(room[n * x + row * channels:n * x + (row + 1) * channels], weights[w:w + channels],
                weights[w + channels:w + 2 * channels], weights[w + 2 * channels],
                room[n * out + row * channels:n * out + (row + 1) * channels])


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _normed(x, gamma, beta, eps, out):
    total, square = np.float32(0), np.float32(0)
    for c in range(len(x)):
        total += x[c]
    mean = total / np.float32(len(x))
    for c in range(len(x)):
        square += (x[c] - mean) * (x[c] - mean)
    inverse = np.float32(1) / np.sqrt(square / np.float32(len(x)) + eps)
    for c in range(len(x)):
        out[c] = (x[c] - mean) * inverse * gamma[c] + beta[c]


@njit(nogil=True, cache=CACHED)
def silu(n, op, room, me, team):
    """out = SiLU of x."""
    x, size, out = op[1:4]
    first, last = share(n * size, me, team)
    silu_of(room[n * x + first:n * x + last], room[n * out + first:n * out + last])


@njit(nogil=True, cache=CACHED)
def add(n, op, room, me, team):
    """out [H,W,C] = x plus more [H/times,W/times,C], each place of which counts ``times`` by ``times``."""
    x, more, height, width, channels, times, out = op[1:8]
    first, last = share(n * height, me, team)
    for line in range(first, last):
        for j in range(width):
            at = (line * width + j) * channels
            to = n * more + (line // times * (width // times) + j // times) * channels
            sum_of(room[n * x + at:n * x + at + channels], room[to:to + channels],
                   room[n * out + at:n * out + at + channels])


@njit(nogil=True, cache=CACHED)
def join(n, op, room, me, team):
    """out [places,a+b] = a's channels, then b's."""
    a, one, b, other, places, out = op[1:7]
    first, last = share(n * places, me, team)
    for p in range(first, last):
        to = n * out + p * (one + other)
        copy(room[n * a + p * one:n * a + (p + 1) * one], room[to:to + one])
        copy(room[n * b + p * other:n * b + (p + 1) * other], room[to + one:to + one + other])


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _gelu_times(value, gate, out):
    """value times GELU of gate, its erf by Abramowitz and Stegun's 7.1.26, off by 1.5e-7 at most."""
    for k in range(len(value)):
        x = gate[k] * np.float32(0.7071067811865476)
        z = x if x > np.float32(0) else -x
        t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * z)
        series = np.float32(1.061405429) * t + np.float32(-1.453152027)
        series = series * t + np.float32(1.421413741)
        series = series * t + np.float32(-0.284496736)
        tail = (series * t + np.float32(0.254829592)) * t * exp(-z * z)
        both = np.float32(2) - tail if x > np.float32(0) else tail
        out[k] = value[k] * gate[k] * np.float32(0.5) * both


@njit(nogil=True, cache=CACHED)
def gated(n, op, room, me, team):
    """out [rows,inner] = x's first half times GELU of its second, x [rows,2 inner]."""
    x, rows, inner, out = op[1:5]
    first, last = share(n * rows, me, team)
    for row in range(first, last):
        at, to = n * x + 2 * row * inner, n * out + row * inner
        _gelu_times(room[at:at + inner], room[at + inner:at + 2 * inner], room[to:to + inner])


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _softmax(x, seen, scale, largest):
    """Of ``seen`` entries times scale, x with room for what fills whole registers. largest: [COLUMNS] of room."""
    for k in range(COLUMNS):
        largest[k] = x[0]
    for j in range(0, seen - COLUMNS + 1, COLUMNS):
        part = x[j:j + COLUMNS]
        for k in range(COLUMNS):
            largest[k] = part[k] if part[k] > largest[k] else largest[k]
    most = x[0]
    for k in range(COLUMNS):
        most = largest[k] if largest[k] > most else most
    for j in range(seen // COLUMNS * COLUMNS, seen):
        most = x[j] if x[j] > most else most
    total = np.float32(0)
    for j in range(seen):
        x[j] = exp((x[j] - most) * scale)
        total += x[j]
    for j in range(seen):
        x[j] /= total


@njit(nogil=True, cache=CACHED)
def attention(n, op, room, me, team):
    """out [rows,heads wide] = softmax(q k^T / sqrt(wide)) v, head by head: q of rows of ldq numbers, k and v at such
    places of what is told, seen times ldk numbers. packed, scores: room for each head's k or v in panels, and for
    its [rows,seen]."""
    q, ldq, told, k, v, ldk, rows, seen, heads, wide, packed, scores, out = op[1:14]
    filled, scale = (seen + COLUMNS - 1) // COLUMNS * COLUMNS, np.float32(1 / np.sqrt(wide))
    largest = np.empty(COLUMNS, np.float32)
    first, last = share(n * heads, me, team)
    for unit in range(first, last):
        b, head = unit // heads, unit % heads
        panels, score = n * packed + unit * filled * wide, n * scores + unit * rows * filled
        own = n * told + b * seen * ldk + head * wide
        for j in range(filled):
            to = panels + j // COLUMNS * COLUMNS * wide + j % COLUMNS
            for c in range(wide):
                room[to + c * COLUMNS] = room[own + k + j * ldk + c] if j < seen else np.float32(0)
        product(room, n * q + b * rows * ldq + head * wide, rows, ldq, room, panels, wide, filled, room, score, filled)
        for row in range(rows):
            _softmax(room[score + row * filled:score + (row + 1) * filled], seen, scale, largest)
        for c in range(0, wide, COLUMNS):
            for j in range(seen):
                to, at = panels + c * seen + j * COLUMNS, own + v + j * ldk + c
                copy(room[at:at + COLUMNS], room[to:to + COLUMNS])
        product(room, score, rows, filled, room, panels, seen, wide, room,
                n * out + b * rows * heads * wide + head * wide, heads * wide)
