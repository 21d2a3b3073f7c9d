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

from carv3d.diffusion.engines.loops.vectors import (
    COLUMNS,
    LANES,
    POINTS,
    TILE,
    arrive,
    arrived,
    four_rows,
    go_on,
    one_row,
    six_rows,
    tile_in,
    tile_out,
    two_rows,
    yield_processor,
)
from carv3d.runtime.exponential import exp
from carv3d.runtime.kernel_threads import CACHED, FAST

TURN, PATIENCE = 16, 2000  # place of a gate's turn, in a cache line of its own; looks at it before others may run
NONE = -1  # a place that an operation does without
APART = 16  # numbers between a tile's points beyond what they need: all at one place of the cache, they would push each
# other out of it
PLAIN, SILU = -1, -2  # of a convolution's input, in place of a normalisation


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
    """Go on when all have come here. gate: [32] int64, zero at first."""
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


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _silu(x, out):
    for k in range(len(x)):
        out[k] = x[k] / (np.float32(1) + exp(-x[k]))


@njit(nogil=True, fastmath=FAST, error_model="numpy", cache=CACHED)
def _scale_and_shift(x, places, channels, groups, weights, w, begin, end, scale, shift):
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
def _scaled(x, scale, shift, out):
    for c in range(len(x)):
        out[c] = x[c] * scale[c] + shift[c]


@njit(nogil=True, cache=CACHED)
def norm(n, op, weights, room, me, team):
    """out = GroupNorm of x [places,channels]. w: gamma, beta, eps."""
    x, places, channels, groups, w, out = op[1:7]
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    begin, end = share(channels, me, team)
    for b in range(n):
        at, to = n * x + b * places * channels, n * out + b * places * channels
        _scale_and_shift(room[at:at + places * channels], places, channels, groups, weights, w, begin, end, scale, shift)
        for p in range(0, places * channels, channels):
            _scaled(room[at + p + begin:at + p + end], scale[begin:end], shift[begin:end],
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
def _bordered(x, height, width, channels, times, how, scale, shift, begin, end, padded):
    """Channels begin to end of padded [H+2,W+2,C] = zeros around an image whose every place counts ``times`` by
    ``times``, after SiLU of scale x + shift, of x alone, or as it is."""
    hidden = np.empty(end - begin, np.float32)
    for i in range(height + 2):
        for j in range(width + 2):
            to = (i * (width + 2) + j) * channels
            out = padded[to + begin:to + end]
            if i == 0 or j == 0 or i > height or j > width:
                clear(out)
                continue
            at = ((i - 1) // times * (width // times) + (j - 1) // times) * channels
            seen = x[at + begin:at + end]
            if how == PLAIN:
                copy(seen, out)
            elif how == SILU:
                _silu(seen, out)
            else:
                _scaled(seen, scale[begin:end], shift[begin:end], hidden)
                _silu(hidden, out)


@njit(nogil=True, cache=CACHED)
def convolution(n, op, weights, room, me, team, gate):
    """out [H,W,outs] = 3x3 of stride 1 of what ``_bordered`` makes of x [H/times,W/times,channels], plus bias, plus
    more: F(4x4, 3x3) of Lavin and Gray (arXiv 1509.09308), with a quarter of the multiplications. Each 6x6 places of
    the input are carried to 36 products a channel, V = B^T d B, the channels mixed by 36 matrices (w), and 4x4 places
    of the output are A^T M A.

    how: the place of a GroupNorm's gamma, beta and eps, PLAIN or SILU. w_bias: one for all rows, or NONE where
    ``bias`` has each row's own. more: or NONE. padded [H+2,W+2,channels], v, m [36,tiles,channels or outs]: room."""
    x, height, width, channels, times, how, groups, w, outs, w_bias, bias, more, padded, v, m, out = op[1:17]
    tiles = height * width // TILE ** 2
    into, back = n * (tiles * channels + APART), n * (tiles * outs + APART)  # from a point to the next
    _tiles_in(n, room, x, height, width, channels, times, how, groups, weights, padded, v, into, me, team)
    meet(team, gate)
    first, last = share(POINTS, me, team)
    for point in range(first, last):
        product(room, n * v + point * into, n * tiles, channels, weights, w + point * channels * outs, channels, outs,
                room, n * m + point * back, outs)
    meet(team, gate)
    first, last = share(outs // LANES, me, team)
    if w_bias == NONE:
        _tiles_out(n, room, m, back, room, n * bias, outs, outs, height, width, LANES * first, LANES * last, more, out)
    else:
        _tiles_out(n, room, m, back, weights, w_bias, 0, outs, height, width, LANES * first, LANES * last, more, out)


@njit(nogil=True, cache=CACHED)
def _tiles_in(n, room, x, height, width, channels, times, how, groups, weights, padded, v, apart, me, team):
    first, last = share(channels // LANES, me, team)
    begin, end, across, tiles = LANES * first, LANES * last, width // TILE, height * width // TILE ** 2
    line, bordered, given = (width + 2) * channels, (height + 2) * (width + 2) * channels, height * width * channels
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for b in range(n):
        seen = room[n * x + b * (given // times ** 2):n * x + (b + 1) * (given // times ** 2)]
        if how >= 0:
            _scale_and_shift(seen, len(seen) // channels, channels, groups, weights, how, begin, end, scale, shift)
        at = n * padded + b * bordered
        _bordered(seen, height, width, channels, times, how, scale, shift, begin, end, room[at:at + bordered])
        for tile in range(tiles):
            corner = at + tile // across * TILE * line + tile % across * TILE * channels
            to = n * v + (b * tiles + tile) * channels
            for c in range(begin, end, LANES):
                tile_in(room, corner + c, line, channels, room, to + c, apart)


@njit(nogil=True, cache=CACHED)
def _tiles_out(n, room, m, apart, biases, bias, each, outs, height, width, begin, end, more, out):
    """Channels begin to end. biases: where a bias lies from ``bias`` on, ``each`` numbers further for every row."""
    across, tiles, image = width // TILE, height * width // TILE ** 2, height * width * outs
    for b in range(n):
        for tile in range(tiles):
            at = n * m + (b * tiles + tile) * outs
            to = n * out + b * image + (tile // across * TILE * width + tile % across * TILE) * outs
            for k in range(begin, end, LANES):
                tile_out(room, at + k, apart, biases, bias + b * each + k, room, to + k, width * outs, outs)
    if more != NONE:
        for place in range(0, n * image, outs):
            shown, added = n * out + place, n * more + place
            _add(room[shown + begin:shown + end], room[added + begin:added + end], room[shown + begin:shown + end])


@njit(nogil=True, cache=CACHED)
def _add(x, more, out):
    for k in range(len(x)):
        out[k] = x[k] + more[k]


@njit(nogil=True, cache=CACHED)
def silu(n, op, room, me, team):
    """out = SiLU of x."""
    x, size, out = op[1:4]
    first, last = share(n * size, me, team)
    _silu(room[n * x + first:n * x + last], room[n * out + first:n * out + last])


@njit(nogil=True, cache=CACHED)
def add(n, op, room, me, team):
    """out [H,W,C] = x plus more [H/times,W/times,C], each place of which counts ``times`` by ``times``."""
    x, more, height, width, channels, times, out = op[1:8]
    first, last = share(n * height, me, team)
    for line in range(first, last):
        for j in range(width):
            at = (line * width + j) * channels
            to = n * more + (line // times * (width // times) + j // times) * channels
            _add(room[n * x + at:n * x + at + channels], room[to:to + channels], room[n * out + at:n * out + at + channels])


@njit(nogil=True, cache=CACHED)
def join(n, op, room, me, team):
    """out [places,a+b] = a's channels, then b's."""
    a, one, b, other, places, out = op[1:7]
    first, last = share(n * places, me, team)
    for p in range(first, last):
        to = n * out + p * (one + other)
        copy(room[n * a + p * one:n * a + (p + 1) * one], room[to:to + one])
        copy(room[n * b + p * other:n * b + (p + 1) * other], room[to + one:to + one + other])


@njit(nogil=True, cache=CACHED)
def windows(n, op, room, me, team):
    """out [H',W',side,side,C] = the side x side places of x [H,W,C] that a convolution of such a stride and padding,
    with zeros beyond the image, sees."""
    x, height, width, channels, side, stride, padding, down, across, out = op[1:11]
    line = side * channels
    begin, end = share(n * down * across, me, team)
    for place in range(begin, end):
        to, b = n * out + place * side * line, place // (down * across)
        top = place // across % down * stride - padding
        left = place % across * stride - padding
        first, last = max(left, 0), min(left + side, width)
        for i in range(top, top + side):
            seen, skipped = room[to:to + line], (first - left) * channels
            if 0 <= i < height:
                at = n * x + ((b * height + i) * width + first) * channels
                size = (last - first) * channels
                clear(seen[:skipped])
                copy(room[at:at + size], seen[skipped:skipped + size])
                clear(seen[skipped + size:])
            else:
                clear(seen)
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
def gate(n, op, room, me, team):
    """out [rows,inner] = x's first half times GELU of its second, x [rows,2 inner]."""
    x, rows, inner, out = op[1:5]
    first, last = share(n * rows, me, team)
    for row in range(first, last):
        at, to = n * x + 2 * row * inner, n * out + row * inner
        _gated(room[at:at + inner], room[at + inner:at + 2 * inner], room[to:to + inner])


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
        product(room, score, rows, filled, room, panels, seen, wide, room, n * out + b * rows * heads * wide + head * wide,
                heads * wide)
