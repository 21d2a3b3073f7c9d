"""Compositing projected Gaussians tile by tile, and its way back, compiled.

``order_views`` sorts the Gaussians of a view by depth; ``span_tiles`` and ``list_tiles`` list, for every tile, those
whose ellipse of ALPHA_LEAST touches one of its pixel centres. ``blend`` walks a tile's list front to back,
``blend_back`` back to front; both run over the pixels of the rows that the Gaussian's box crosses in one loop without
branches, so that it becomes SIMD code. A tile writes only its own pixels and its own list's sums, and ``gather`` adds
these up in a fixed order: the result depends neither on threads nor on chance.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from carv3d.scenes.kernels.splats.harmonics import COMPILED, INLINED
from carv3d.scenes.kernels.splats.project import (
    BLUE,
    DEPTH,
    GREEN,
    HALF_Y,
    LEAST,
    LOG,
    LOG_LEAST,
    ONE,
    RED,
    SUMS,
    XX,
    XY,
    YY,
    ZERO,
    X,
    Y,
)
from carv3d.scenes.kernels.splats.rules import ALPHA_MOST, THROUGH_LEAST

WIDE, HIGH = 16, 16  # pixels of a tile
PIXELS = WIDE * HIGH
CHECK = 8  # Gaussians between looks at whether every pixel of the tile has ended
MOST, STOP = np.float32(ALPHA_MOST), np.float32(THROUGH_LEAST)
_MARGIN = np.float32(1e-2)  # pixels: rounding must not cull what the pixel loop would draw
_LOWEST = np.float32(-126)  # exponent of the smallest normal float32
_DIGIT = 11  # bits per pass of the radix sort; three passes cover a float32
# Planes of a tile's scratch, PIXELS each, at constant distances in one array: so the compiler sees that they are apart.
_PX, _PY, _T, _LIVE, _LAST, _R, _G, _B, _O, _D, _BEHIND = range(0, 11 * PIXELS, PIXELS)
_PLANES = 11


@intrinsic
def _multiply_add(typing_context, a, b, c):
    """a b + c, fused where the machine does that: the same rounding wherever it is inlined."""
    def generate(context, builder, signature, arguments):
        single = ir.FloatType()
        function = builder.module.declare_intrinsic("llvm.fmuladd", [single], ir.FunctionType(single, [single] * 3))
        return builder.call(function, arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


@intrinsic
def _bits_as_float(typing_context, bits):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def _floor(typing_context, x):
    def generate(context, builder, signature, arguments):
        function = builder.module.declare_intrinsic("llvm.floor", [ir.FloatType()])
        return builder.call(function, arguments)

    return types.float32(types.float32), generate


_HALF = np.float32(0.5)
_P0, _P1, _P2, _P3, _P4, _P5 = (np.float32(value) for value in (
    1.0000001192092896, 0.6931469440460205, 0.24022120237350464, 0.05550713464617729, 0.009675540961325169,
    0.00132764654699713,
))


# No fastmath, and said so, or it takes the caller's: the way back has to keep the very pixels that the way forward did.
@njit(**{**COMPILED, "fastmath": False})
def power(dx, dy, xx, xy, yy, log):
    """u, v = L d and alpha before clamping, 2^(log - u^2 - v^2), to a relative 2e-7 (minimax polynomial, degree 5)."""
    u = _multiply_add(xx, dx, xy * dy)
    v = yy * dy
    t = max(log - _multiply_add(u, u, v * v), _LOWEST)
    whole = _floor(t + _HALF)
    f = t - whole
    p = _multiply_add(_multiply_add(_P5, f, _P4), f, _P3)
    p = _multiply_add(_multiply_add(_multiply_add(p, f, _P2), f, _P1), f, _P0)
    return u, v, p * _bits_as_float(np.int32(np.int32(whole) + np.int32(127)) << np.int32(23))


# --- sorting and listing ---------------------------------------------------------------------------------------------

@njit(**COMPILED)
def _sort(keys, ids):
    """Sort int32 ``keys`` of non-negative floats with ``ids`` along, stably, by radix; returns the sorted ids."""
    size = 1 << _DIGIT
    other_keys, other_ids = np.empty_like(keys), np.empty_like(ids)
    for shift in range(0, 32, _DIGIT):
        count = np.zeros(size, np.int64)
        for i in range(keys.shape[0]):
            count[(keys[i] >> shift) & (size - 1)] += 1
        total = 0
        for d in range(size):
            total, count[d] = total + count[d], total
        for i in range(keys.shape[0]):
            d = (keys[i] >> shift) & (size - 1)
            other_keys[count[d]], other_ids[count[d]] = keys[i], ids[i]
            count[d] += 1
        keys, other_keys, ids, other_ids = other_keys, keys, other_ids, ids
    return ids


@njit(**INLINED)
def _span(row, ty, tiles_x):
    """Tiles [low, high) of a row of tiles in which the ellipse |L d|^2 <= LOG - LOG_LEAST has pixel centres; it may
    name one too many. Over the slab of the row's centres, x is extreme where it is on the whole ellipse, if that lies
    in the slab, else at the slab's edge."""
    most = max(row[LOG] - LOG_LEAST, ZERO)
    deepest = np.sqrt(most) / row[YY]
    top = np.float32(ty * HIGH) + _HALF - row[Y]
    bottom = min(top + np.float32(HIGH - 1) + _MARGIN, deepest)
    top = max(top - _MARGIN, -deepest)
    tilt = row[XY] / row[YY]
    extreme = deepest * tilt / np.sqrt(ONE + tilt * tilt)
    left, right = min(max(extreme, top), bottom), min(max(-extreme, top), bottom)
    low = -(np.sqrt(max(most - (row[YY] * left) ** 2, ZERO)) + row[XY] * left) / row[XX]
    high = (np.sqrt(max(most - (row[YY] * right) ** 2, ZERO)) - row[XY] * right) / row[XX]
    first = max((row[X] + low - _MARGIN - _HALF) / np.float32(WIDE), ZERO)
    last = min((row[X] + high + _MARGIN - _HALF) / np.float32(WIDE), np.float32(tiles_x - 1))
    if top > bottom or last < ZERO or first > last + ONE:
        return 0, 0
    return np.int64(first), np.int64(last) + 1


@njit(**COMPILED)
def order_views(begin, end, rows, radii, ids, nearest, visible):
    """For views [begin, end): visible [B], how many Gaussians are seen; ids int32 [B,N], which, by depth; nearest
    [B,N,FIELDS], their rows in that order."""
    for b in range(begin, end):
        count = 0
        for n in range(radii.shape[1]):
            count += radii[b, n] > 0
        keys, own = np.empty(count, np.float32), np.empty(count, np.int32)
        i = 0
        for n in range(radii.shape[1]):
            if radii[b, n] > 0:
                keys[i], own[i] = rows[b, n, DEPTH], n
                i += 1
        own = _sort(keys.view(np.int32), own)
        for i in range(count):
            ids[b, i] = own[i]
            nearest[b, i] = rows[b, own[i]]
        visible[b] = count


@njit(**COMPILED)
def span_tiles(begin, end, nearest, visible, tiles_x, tiles_y, spans, used, first):
    """For rows of tiles [begin, end) of B * tiles_y: spans int32 [B*tiles_y,N,3], the rank (place in order of depth)
    of each Gaussian that touches the row, with its first tile and one past its last; used [B*tiles_y], how many; and
    first[i+1], how many touch tile i."""
    count = np.empty(tiles_x, np.int64)
    for unit in range(begin, end):
        b, ty = unit // tiles_y, unit % tiles_y
        count[:] = 0
        filled = 0
        top, bottom = np.float32(ty * HIGH), np.float32((ty + 1) * HIGH)
        for rank in range(visible[b]):
            y, half = nearest[b, rank, Y], nearest[b, rank, HALF_Y]
            if y + half > top and y - half < bottom:
                left, right = _span(nearest[b, rank], ty, tiles_x)
                if left < right:
                    spans[unit, filled, 0], spans[unit, filled, 1], spans[unit, filled, 2] = rank, left, right
                    filled += 1
                for tx in range(left, right):
                    count[tx] += 1
        used[unit] = filled
        for tx in range(tiles_x):
            first[unit * tiles_x + tx + 1] = count[tx]


@njit(**COMPILED)
def list_tiles(begin, end, spans, used, tiles_x, first, ranks):
    """For rows of tiles [begin, end): the ranks of what touches tile i, in order, from ranks[first[i]] on."""
    slot = np.empty(tiles_x, np.int64)
    for unit in range(begin, end):
        slot[:] = first[unit * tiles_x:(unit + 1) * tiles_x]
        for i in range(used[unit]):
            for tx in range(spans[unit, i, 1], spans[unit, i, 2]):
                ranks[slot[tx]] = spans[unit, i, 0]
                slot[tx] += 1


# --- compositing -----------------------------------------------------------------------------------------------------

@njit(**INLINED)
def _pixels(row, ty):
    """Pixels [low, high) of a tile's scratch: the rows that the Gaussian's box crosses, whole."""
    top = row[Y] - row[HALF_Y] - np.float32(ty * HIGH) - _MARGIN  # row r has its centre at r + 0.5
    bottom = row[Y] + row[HALF_Y] - np.float32(ty * HIGH) + _MARGIN
    low = np.int64(min(max(top + _HALF, ZERO), np.float32(HIGH)))
    high = np.int64(min(max(bottom + _HALF, ZERO), np.float32(HIGH)))
    return low * WIDE, high * WIDE


@njit(**COMPILED)
def _add(s, low, count, row, place):
    """Blend one Gaussian, number ``place`` of the tile's list, into ``count`` pixels from ``low`` on."""
    x, y, xx, xy, yy, log = row[X], row[Y], row[XX], row[XY], row[YY], row[LOG]
    red, green, blue, depth = row[RED], row[GREEN], row[BLUE], row[DEPTH]
    s = s[low:]
    for p in range(count):
        _, _, alpha = power(s[p + _PX] - x, s[p + _PY] - y, xx, xy, yy, log)
        through = s[p + _T]
        live = s[p + _LIVE]
        drawn = min(alpha, MOST) if alpha >= LEAST else ZERO
        left = through - through * drawn
        live = live if left > STOP else ZERO
        weight = through * drawn if live > ZERO else ZERO
        s[p + _LIVE] = live
        s[p + _T] = left if live > ZERO else through
        s[p + _LAST] = place if weight > ZERO else s[p + _LAST]
        s[p + _R] += weight * red
        s[p + _G] += weight * green
        s[p + _B] += weight * blue
        s[p + _O] += weight
        s[p + _D] += weight * depth


@njit(**COMPILED)
def _alive(s):
    total = ZERO
    for p in range(PIXELS):
        total += s[p + _LIVE]
    return total > ZERO


@njit(**COMPILED)
def _centres(s, tx, ty):
    for p in range(PIXELS):
        s[p + _PX] = np.float32(tx * WIDE + p % WIDE) + _HALF
        s[p + _PY] = np.float32(ty * HIGH + p // WIDE) + _HALF


@njit(**INLINED)
def _ray_length(px, py, width, height, focal):
    dx, dy = (px - _HALF * np.float32(width)) / focal, (py - _HALF * np.float32(height)) / focal
    return np.sqrt(ONE + dx * dx + dy * dy)


@njit(**COMPILED)
def blend(
    begin, end, order, nearest, first, ranks, camera, tiles_x, tiles_y, rgb, opacity, depth, through, last
):
    """Tiles order[begin:end]. rgb, opacity, depth: [B,H,W,*]. through: [B,H,W], the transmittance left; last: [B,H,W],
    the place in the tile's list of the last Gaussian drawn, -1 if there is none."""
    s = np.empty(_PLANES * PIXELS, np.float32)
    height, width = through.shape[1], through.shape[2]
    for slot in range(begin, end):
        tile = order[slot]
        b, ty, tx = tile // (tiles_x * tiles_y), tile // tiles_x % tiles_y, tile % tiles_x
        _centres(s, tx, ty)
        for p in range(PIXELS):
            s[p + _T], s[p + _LAST] = ONE, -ONE
            s[p + _R] = s[p + _G] = s[p + _B] = s[p + _O] = s[p + _D] = ZERO
            s[p + _LIVE] = ONE if s[p + _PX] < np.float32(width) and s[p + _PY] < np.float32(height) else ZERO
        for i in range(first[tile], first[tile + 1]):
            place = i - first[tile]
            row = nearest[b, ranks[i]]
            low, high = _pixels(row, ty)
            if high > low:
                _add(s, low, high - low, row, np.float32(place))
            if place % CHECK == CHECK - 1 and not _alive(s):
                break
        for r in range(min(HIGH, height - ty * HIGH)):
            for c in range(min(WIDE, width - tx * WIDE)):
                p, h, w = r * WIDE + c, ty * HIGH + r, tx * WIDE + c
                rgb[b, h, w, 0], rgb[b, h, w, 1], rgb[b, h, w, 2] = s[p + _R], s[p + _G], s[p + _B]
                opacity[b, h, w, 0], through[b, h, w], last[b, h, w] = s[p + _O], s[p + _T], s[p + _LAST]
                length = _ray_length(s[p + _PX], s[p + _PY], width, height, camera[b, 12])
                depth[b, h, w, 0] = s[p + _D] * length


@njit(**COMPILED)
def _add_back(s, low, count, row, place, sums):
    """Undo ``_add``: transmittance and what lies behind step back by one Gaussian; its SUMS go to ``sums``.

    With f the gradient of a pixel's weight, T the transmittance before it and behind the sum of weight times f of all
    behind it, d/d alpha = T f - behind / (1 - alpha), and G = alpha d/d alpha belongs to log alpha.
    """
    x, y, xx, xy, yy, log = row[X], row[Y], row[XX], row[XY], row[YY], row[LOG]
    red, green, blue, depth = row[RED], row[GREEN], row[BLUE], row[DEPTH]
    g0 = gu = gv = guu = guv = gvv = ZERO
    sr = sg = sb = sd = ZERO
    s = s[low:]
    for p in range(count):
        u, v, alpha = power(s[p + _PX] - x, s[p + _PY] - y, xx, xy, yy, log)
        last, before, behind = s[p + _LAST], s[p + _T], s[p + _BEHIND]
        r, g, b, o, d = s[p + _R], s[p + _G], s[p + _B], s[p + _O], s[p + _D]
        drawn = min(alpha, MOST) if (alpha >= LEAST) & (place <= last) else ZERO
        more = ONE / (ONE - drawn)
        through = before * more
        weight = through * drawn
        f = r * red + g * green + b * blue + o + d * depth
        pull = drawn * (through * f - behind * more) if alpha <= MOST else ZERO
        s[p + _T] = through
        s[p + _BEHIND] = behind + weight * f
        sr += weight * r
        sg += weight * g
        sb += weight * b
        sd += weight * d
        g0 += pull
        gu += pull * u
        gv += pull * v
        guu += pull * u * u
        guv += pull * u * v
        gvv += pull * v * v
    sums[0], sums[1], sums[2], sums[3], sums[4], sums[5] = g0, gu, gv, guu, guv, gvv
    sums[6], sums[7], sums[8], sums[9] = sr, sg, sb, sd


@njit(**COMPILED)
def blend_back(
    begin, end, order, nearest, first, ranks, camera, tiles_x, tiles_y, rgb, opacity, depth, through, last, sums
):
    """Tiles order[begin:end]. rgb, opacity, depth: the gradients of the images. sums: [entries,SUMS], one row for
    each entry of the tiles' lists."""
    s = np.empty(_PLANES * PIXELS, np.float32)
    height, width = through.shape[1], through.shape[2]
    for slot in range(begin, end):
        tile = order[slot]
        b, ty, tx = tile // (tiles_x * tiles_y), tile // tiles_x % tiles_y, tile % tiles_x
        _centres(s, tx, ty)
        for p in range(PIXELS):
            s[p + _T], s[p + _LAST], s[p + _BEHIND] = ONE, -ONE, ZERO
            s[p + _R] = s[p + _G] = s[p + _B] = s[p + _O] = s[p + _D] = ZERO
        furthest = -ONE
        for r in range(min(HIGH, height - ty * HIGH)):
            for c in range(min(WIDE, width - tx * WIDE)):
                p, h, w = r * WIDE + c, ty * HIGH + r, tx * WIDE + c
                s[p + _R], s[p + _G], s[p + _B] = rgb[b, h, w, 0], rgb[b, h, w, 1], rgb[b, h, w, 2]
                s[p + _O], s[p + _T], s[p + _LAST] = opacity[b, h, w, 0], through[b, h, w], last[b, h, w]
                length = _ray_length(s[p + _PX], s[p + _PY], width, height, camera[b, 12])
                s[p + _D] = depth[b, h, w, 0] * length
                furthest = max(furthest, last[b, h, w])
        stop = first[tile] + np.int64(furthest) + 1
        for i in range(stop, first[tile + 1]):
            sums[i] = ZERO
        for i in range(stop - 1, first[tile] - 1, -1):
            row = nearest[b, ranks[i]]
            low, high = _pixels(row, ty)
            _add_back(s, low, high - low, row, np.float32(i - first[tile]), sums[i])


@njit(**COMPILED)
def gather(begin, end, ids, first, ranks, tiles, sums, out):
    """Views [begin, end): add the sums of the lists' entries to their Gaussians, out [B,N,SUMS], list after list."""
    for b in range(begin, end):
        for i in range(first[b * tiles], first[(b + 1) * tiles]):
            n = ids[b, ranks[i]]
            for k in range(SUMS):
                out[b, n, k] += sums[i, k]
