"""The layers of a network as compiled loops: every function is one operation of a ``program``.

n: rows (of a batch) that this call answers. op: the operation's code, then its numbers, in the order in which each
function names them. weights, room: flat float32. What lies in ``room`` is counted for one row there: n times as far on
lies what n rows have, one after the other, an image as [H,W,C]. Names of places in ``weights`` begin with w.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from carv3d.diffusion.engines.loops.vectors import (
    COLUMNS,
    LANES,
    POINTS,
    TILE,
    four_rows,
    one_row,
    six_rows,
    tile_in,
    tile_out,
    two_rows,
)
from carv3d.runtime.exponential import exp
from carv3d.runtime.kernel_threads import CACHED, FAST

NONE = -1  # a place that an operation does without
APART = 16  # numbers between a tile's points beyond what they need: all at one place of the cache, they would push each
# other out of it
PLAIN, SILU = -1, -2  # of a convolution's input, in place of a normalisation


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


@njit(nogil=True, cache=CACHED)
def linear(n, op, weights, room):
    """out [rows,outs] = a [rows,count] w + bias + more. lda: between rows of a; w_bias, more: or NONE."""
    a, rows, lda, count, w, outs, w_bias, more, out = op[1:10]
    rows, a, out = n * rows, n * a, n * out
    product(room, a, rows, lda, weights, w, count, outs, room, out, outs)
    for row in range(rows):
        shown = room[out + row * outs:out + (row + 1) * outs]
        if w_bias != NONE:
            bias = weights[w_bias:w_bias + outs]
            for k in range(outs):
                shown[k] += bias[k]
        if more != NONE:
            added = room[n * more + row * outs:n * more + (row + 1) * outs]
            for k in range(outs):
                shown[k] += added[k]


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _silu(x, out):
    for k in range(len(x)):
        out[k] = x[k] / (np.float32(1) + exp(-x[k]))


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _scale_and_shift(x, places, channels, groups, gamma, beta, eps, scale, shift):
    """What GroupNorm multiplies an image's channels [places,channels] with, and adds to them."""
    sums, squares = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    for p in range(places):
        seen = x[p * channels:(p + 1) * channels]
        for c in range(channels):
            sums[c] += seen[c]
            squares[c] += seen[c] * seen[c]
    each = channels // groups
    for g in range(groups):
        total, square = 0.0, 0.0
        for c in range(g * each, (g + 1) * each):
            total += sums[c]
            square += squares[c]
        mean = total / (places * each)
        inverse = 1.0 / np.sqrt(max(square / (places * each) - mean * mean, 0.0) + eps)
        for c in range(g * each, (g + 1) * each):
            scale[c] = gamma[c] * inverse
            shift[c] = beta[c] - mean * inverse * gamma[c]


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _scaled(x, scale, shift, out):
    for c in range(len(x)):
        out[c] = x[c] * scale[c] + shift[c]


@njit(nogil=True, cache=CACHED)
def norm(n, op, weights, room):
    """out = GroupNorm of x [places,channels]. w: gamma, beta, eps."""
    x, places, channels, groups, w, out = op[1:7]
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    gamma, beta = weights[w:w + channels], weights[w + channels:w + 2 * channels]
    for b in range(n):
        at, to = (n * x + b * places * channels), (n * out + b * places * channels)
        _scale_and_shift(room[at:at + places * channels], places, channels, groups, gamma, beta,
                         weights[w + 2 * channels], scale, shift)
        for p in range(places):
            _scaled(room[at + p * channels:at + (p + 1) * channels], scale, shift,
                    room[to + p * channels:to + (p + 1) * channels])


@njit(nogil=True, cache=CACHED)
def layer_norm(n, op, weights, room):
    """out = LayerNorm of x [rows,channels]. w: gamma, beta, eps."""
    x, rows, channels, w, out = op[1:6]
    gamma, beta, eps = weights[w:w + channels], weights[w + channels:w + 2 * channels], weights[w + 2 * channels]
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for row in range(n * rows):
        at, to = n * x + row * channels, n * out + row * channels
        _scale_and_shift(room[at:at + channels], 1, channels, 1, gamma, beta, eps, scale, shift)
        _scaled(room[at:at + channels], scale, shift, room[to:to + channels])


@njit(nogil=True, cache=CACHED)
def _bordered(x, height, width, channels, times, how, scale, shift, padded):
    """padded [H+2,W+2,C] = zeros around an image whose every place counts ``times`` by ``times``, after SiLU of
    scale x + shift, of x alone, or as it is."""
    line = (width + 2) * channels
    padded[:line] = padded[(height + 1) * line:(height + 2) * line] = 0
    hidden = np.empty(channels, np.float32)
    for i in range(height):
        row = padded[(i + 1) * line:(i + 2) * line]
        row[:channels] = row[(width + 1) * channels:] = 0
        for j in range(width):
            at = (i // times * (width // times) + j // times) * channels
            seen, out = x[at:at + channels], row[(j + 1) * channels:(j + 2) * channels]
            if how == PLAIN:
                out[:] = seen
            elif how == SILU:
                _silu(seen, out)
            else:
                _scaled(seen, scale, shift, hidden)
                _silu(hidden, out)


@njit(nogil=True, cache=CACHED)
def convolution(n, op, weights, room):
    """out [H,W,outs] = 3x3 of stride 1 of what ``_bordered`` makes of x [H/times,W/times,channels], plus bias, plus
    more: F(4x4, 3x3) of Lavin and Gray (arXiv 1509.09308), with a quarter of the multiplications. Each 6x6 places of
    the input are carried to 36 products a channel, V = B^T d B, the channels mixed by 36 matrices (w), and 4x4 places
    of the output are A^T M A.

    how: the place of a GroupNorm's gamma, beta and eps, PLAIN or SILU. w_bias: one for all rows, or NONE where
    ``bias`` has each row's own. more: or NONE. padded [H+2,W+2,channels], v, m [36,tiles,channels or outs]: room."""
    x, height, width, channels, times, how, groups, w, outs, w_bias, bias, more, padded, v, m, out = op[1:17]
    tiles, line, image = height * width // TILE ** 2, (width + 2) * channels, height * width * outs
    across, given, bordered = width // TILE, height * width * channels // times ** 2, (height + 2) * line
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for b in range(n):
        seen = room[n * x + b * given:n * x + (b + 1) * given]
        if how >= 0:
            _scale_and_shift(seen, given // channels, channels, groups, weights[how:how + channels],
                             weights[how + channels:how + 2 * channels], weights[how + 2 * channels], scale, shift)
        at = n * padded + b * bordered
        _bordered(seen, height, width, channels, times, how, scale, shift, room[at:at + bordered])
        for tile in range(tiles):
            first = at + tile // across * TILE * line + tile % across * TILE * channels
            to = n * v + (b * tiles + tile) * channels
            for c in range(0, channels, LANES):
                tile_in(room, first + c, line, channels, room, to + c, n * (tiles * channels + APART))
    for point in range(POINTS):
        product(room, n * (v + point * (tiles * channels + APART)), n * tiles, channels, weights,
                w + point * channels * outs, channels, outs, room, n * (m + point * (tiles * outs + APART)), outs)
    for b in range(n):
        for tile in range(tiles):
            at = n * m + (b * tiles + tile) * outs
            to = n * out + b * image + (tile // across * TILE * width + tile % across * TILE) * outs
            for k in range(0, outs, LANES):
                if w_bias == NONE:
                    tile_out(room, at + k, n * (tiles * outs + APART), room, n * bias + b * outs + k, room, to + k,
                             width * outs, outs)
                else:
                    tile_out(room, at + k, n * (tiles * outs + APART), weights, w_bias + k, room, to + k,
                             width * outs, outs)
    if more != NONE:
        _add(room[n * out:n * (out + image)], room[n * more:n * (more + image)])


@njit(nogil=True, cache=CACHED)
def _add(x, more):
    for k in range(len(x)):
        x[k] += more[k]


@njit(nogil=True, cache=CACHED)
def silu(n, op, room):
    """out = SiLU of x."""
    x, size, out = op[1:4]
    _silu(room[n * x:n * (x + size)], room[n * out:n * (out + size)])


@njit(nogil=True, cache=CACHED)
def add(n, op, room):
    """out [H,W,C] = x plus more [H/times,W/times,C], each place of which counts ``times`` by ``times``."""
    x, more, height, width, channels, times, out = op[1:8]
    for line in range(n * height):
        for j in range(width):
            at = (line * width + j) * channels
            to = (line // times * (width // times) + j // times) * channels
            seen, added = room[n * x + at:n * x + at + channels], room[n * more + to:n * more + to + channels]
            shown = room[n * out + at:n * out + at + channels]
            for c in range(channels):
                shown[c] = seen[c] + added[c]


@njit(nogil=True, cache=CACHED)
def join(n, op, room):
    """out [places,a+b] = a's channels, then b's."""
    a, first, b, second, places, out = op[1:7]
    for p in range(n * places):
        to = n * out + p * (first + second)
        room[to:to + first] = room[n * a + p * first:n * a + (p + 1) * first]
        room[to + first:to + first + second] = room[n * b + p * second:n * b + (p + 1) * second]


@njit(nogil=True, cache=CACHED)
def windows(n, op, room):
    """out [H',W',side,side,C] = the side x side places of x [H,W,C] that a convolution of such a stride and padding,
    with zeros beyond the image, sees."""
    x, height, width, channels, side, stride, padding, down, across, out = op[1:11]
    line = side * channels
    for b in range(n):
        for place in range(down * across):
            to = n * out + (b * down * across + place) * side * line
            top, left = place // across * stride - padding, place % across * stride - padding
            first, last = max(left, 0), min(left + side, width)
            for i in range(top, top + side):
                seen, skipped = room[to:to + line], (first - left) * channels
                if 0 <= i < height:
                    at = n * x + ((b * height + i) * width + first) * channels
                    size = (last - first) * channels
                    seen[:skipped] = seen[skipped + size:] = 0
                    seen[skipped:skipped + size] = room[at:at + size]
                else:
                    seen[:] = 0
                to += line


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _gated(value, gate, out):
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
def gate(n, op, room):
    """out [rows,inner] = x's first half times GELU of its second, x [rows,2 inner]."""
    x, rows, inner, out = op[1:5]
    for row in range(n * rows):
        at, to = n * x + 2 * row * inner, n * out + row * inner
        _gated(room[at:at + inner], room[at + inner:at + 2 * inner], room[to:to + inner])


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _softmax(x, seen, scale, largest):
    """Of ``seen`` entries times scale, x with room for what fills whole registers. largest: [COLUMNS] of room."""
    largest[:] = x[0]
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
def attention(n, op, room):
    """out [rows,heads wide] = softmax(q k^T / sqrt(wide)) v, head by head: q of rows of ldq numbers, k and v
    at such places of what is told, seen times ldk numbers. packed, scores: room for a head's k or v in panels, and for [rows,seen]."""
    q, ldq, told, k, v, ldk, rows, seen, heads, wide, packed, scores, out = op[1:14]
    filled, scale = (seen + COLUMNS - 1) // COLUMNS * COLUMNS, np.float32(1 / np.sqrt(wide))
    panels, score, largest = n * packed, n * scores, np.empty(COLUMNS, np.float32)
    for b in range(n):
        for head in range(heads):
            own = n * told + b * seen * ldk + head * wide
            keys, values = own + k, own + v
            for j in range(filled):
                to = panels + j // COLUMNS * COLUMNS * wide + j % COLUMNS
                for c in range(wide):
                    room[to + c * COLUMNS] = room[keys + j * ldk + c] if j < seen else np.float32(0)
            product(room, n * q + b * rows * ldq + head * wide, rows, ldq, room, panels, wide, filled, room, score,
                    filled)
            for row in range(rows):
                _softmax(room[score + row * filled:score + (row + 1) * filled], seen, scale, largest)
            for c in range(0, wide, COLUMNS):
                for j in range(seen):
                    to, at = panels + c * seen + j * COLUMNS, values + j * ldk + c
                    room[to:to + COLUMNS] = room[at:at + COLUMNS]
            product(room, score, rows, filled, room, panels, seen, wide, room,
                    n * out + b * rows * heads * wide + head * wide, heads * wide)
