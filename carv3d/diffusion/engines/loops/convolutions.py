"""3x3 convolutions with a quarter of the multiplications, and what other convolutions see; see ``layers``."""

from __future__ import annotations

import numpy as np
from numba import njit

from carv3d.diffusion.engines.loops.basics import (
    NONE,
    clear,
    copy,
    meet,
    product,
    scale_and_shift,
    scaled,
    share,
    silu_of,
    sum_of,
)
from carv3d.diffusion.engines.loops.vectors import LANES, POINTS, TILE, tile_in, tile_out
from carv3d.runtime.kernel_threads import CACHED

APART = 16  # numbers between a tile's points beyond what they need: all at one place of the cache, they would push each
# other out of it
PLAIN, SILU = -1, -2  # of a convolution's input, in place of a normalisation


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
                silu_of(seen, out)
            else:
                scaled(seen, scale[begin:end], shift[begin:end], hidden)
                silu_of(hidden, out)


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
            scale_and_shift(seen, len(seen) // channels, channels, groups, weights, how, begin, end, scale, shift)
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
            sum_of(room[shown + begin:shown + end], room[added + begin:added + end], room[shown + begin:shown + end])


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
