"""3x3 convolutions of stride 1 with a quarter of the multiplications: F(4x4, 3x3) of Lavin and Gray (Fast Algorithms
for Convolutional Neural Networks, arXiv 1509.09308), as compiled loops around a batched matrix product.

An output tile of 4x4 places comes from 6x6 of the input: both are carried to 36 products a channel, V = B^T d B and
Y = A^T M A, between which the channels are mixed by 36 matrices, M = V U with U = G g G^T. Images lie as [n,H,W,C], so
that a register holds neighbouring channels; Numba does not vectorise such code by itself, hence the instructions are
spelt out, eight channels at a time. No fastmath: ``_Code.exp`` rounds by adding and taking away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor

from carv3d.runtime.kernel_threads import CACHED

LANES = 8  # channels in a register; all numbers of channels are multiples of it
TILE, SEEN, POINTS = 4, 6, 36  # places along an output tile and its input; products
G = ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6),
     (1 / 24, -1 / 12, 1 / 6), (0, 0, 1))

_WIDE, _INT = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)
_FREE = ("contract", "reassoc", "nsz", "arcp", "afn")
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)


def matrices(weight: Tensor) -> Tensor:
    """U of a convolution's weight [K,C,3,3]: [36,C,K] float32."""
    g = torch.tensor(G, dtype=torch.float64)
    return torch.einsum("ia,kcab,jb->ijck", g, weight.double(), g).flatten(0, 1).float().contiguous()


class _Code:
    """Writes instructions on registers."""

    def __init__(self, context, builder, arguments, signature):
        self.context, self.builder = context, builder
        self.types = dict(zip(map(id, arguments), signature.args))

    def pointer(self, array, offset):
        data = self.context.make_array(self.types[id(array)])(self.context, self.builder, array).data
        return self.builder.bitcast(self.builder.gep(data, [offset]), _WIDE.as_pointer())

    def load(self, array, offset):
        value = self.builder.load(self.pointer(array, offset))
        value.align = 4
        return value

    def store(self, value, array, offset):
        self.builder.store(value, self.pointer(array, offset)).align = 4

    def at(self, offset, *steps):
        """offset plus step times count, for pairs of them."""
        for step, count in steps:
            offset = self.builder.add(offset, self.builder.mul(step, ir.Constant(step.type, count)))
        return offset

    def add(self, first, *others):
        for other in others:
            first = self.builder.fadd(first, other, flags=_FREE)
        return first

    def sub(self, first, second):
        return self.builder.fsub(first, second, flags=_FREE)

    def mul(self, value, number):
        return self.builder.fmul(value, _of(number), flags=_FREE)

    def inwards(self, d: Sequence):
        """B^T d: six to six."""
        a, b = self.sub(d[4], self.mul(d[2], 4)), self.sub(d[3], self.mul(d[1], 4))
        c, e = self.sub(d[4], d[2]), self.mul(self.sub(d[3], d[1]), 2)
        return [self.add(self.sub(self.mul(d[0], 4), self.mul(d[2], 5)), d[4]), self.add(a, b), self.sub(a, b),
                self.add(c, e), self.sub(c, e), self.add(self.sub(self.mul(d[1], 4), self.mul(d[3], 5)), d[5])]

    def outwards(self, m: Sequence):
        """A^T m: six to four."""
        s, d, t, e = self.add(m[1], m[2]), self.sub(m[1], m[2]), self.add(m[3], m[4]), self.sub(m[3], m[4])
        return [self.add(m[0], s, t), self.add(d, self.mul(e, 2)), self.add(s, self.mul(t, 4)),
                self.add(d, self.mul(e, 8), m[5])]

    def exp(self, x):
        """e^x to 3e-7 of it, x cut at -87 and 87: 2^n times Cephes' polynomial of what is left."""
        b = self.builder
        for sign, most in (("<", -87.0), (">", 87.0)):
            x = b.select(b.fcmp_ordered(sign, x, _of(most)), _of(most), x)
        rounded = b.fadd(b.fmul(x, _of(1.4426950408889634)), _of(12582912.0))  # 1.5 2^23: no bits behind the point
        whole = b.fsub(rounded, _of(12582912.0))
        left = b.fsub(b.fsub(x, b.fmul(whole, _of(0.693359375))), b.fmul(whole, _of(-2.12194440e-4)))
        value = _of(_EXP[0])
        for factor in _EXP[1:]:
            value = b.fadd(b.fmul(value, left, flags=("contract",)), _of(factor), flags=("contract",))
        value = b.fadd(b.fadd(b.fmul(value, b.fmul(left, left)), left), _of(1.0))
        power = b.shl(b.bitcast(rounded, _INT), ir.Constant(_INT, [23] * LANES))
        return b.bitcast(b.add(b.bitcast(value, _INT), power), _WIDE)


def _of(number: float) -> ir.Constant:
    return ir.Constant(_WIDE, [float(number)] * LANES)


@intrinsic
def _tile_in(typing_context, image, at, row, column, v, to, point):
    """v[to + p point] = (B^T d B)_p, d the 6x6 places of image from at on, rows and columns so far apart."""
    offset = types.intp
    signature = types.void(image, offset, offset, offset, v, offset, offset)

    def generate(context, builder, signature, arguments):
        image, at, row, column, v, to, point = arguments
        code = _Code(context, builder, arguments, signature)
        half = [code.inwards([code.load(image, code.at(at, (row, i), (column, j))) for i in range(SEEN)])
                for j in range(SEEN)]
        for i in range(SEEN):
            for j, value in enumerate(code.inwards([each[i] for each in half])):
                code.store(value, v, code.at(to, (point, SEEN * i + j)))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _tile_out(typing_context, m, at, point, bias, channel, more, out, to, row, column):
    """The 4x4 places of out from to on = A^T m A + bias[channel] + more there."""
    offset = types.intp
    signature = types.void(m, offset, offset, bias, offset, more, out, offset, offset, offset)

    def generate(context, builder, signature, arguments):
        m, at, point, bias, channel, more, out, to, row, column = arguments
        code = _Code(context, builder, arguments, signature)
        half = [code.outwards([code.load(m, code.at(at, (point, SEEN * i + j))) for i in range(SEEN)])
                for j in range(SEEN)]
        same = code.load(bias, channel)
        for i in range(TILE):
            for j, value in enumerate(code.outwards([each[i] for each in half])):
                place = code.at(to, (row, i), (column, j))
                if isinstance(signature.args[5], types.Array):
                    value = code.add(value, code.load(more, place))
                code.store(code.add(value, same), out, place)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _scaled(typing_context, x, at, scale, shift, channel, silu, out, to):
    """out[to] = f(x[at] scale[channel] + shift[channel]), f SiLU or nothing."""
    offset = types.intp
    signature = types.void(x, offset, scale, shift, offset, types.boolean, out, offset)

    def generate(context, builder, signature, arguments):
        x, at, scale, shift, channel, silu, out, to = arguments
        code = _Code(context, builder, arguments, signature)
        value = builder.fmul(code.load(x, at), code.load(scale, channel), flags=_FREE)
        value = code.add(value, code.load(shift, channel))
        with builder.if_else(silu) as (yes, no):
            with yes:
                below = code.add(code.exp(builder.fsub(_of(0.0), value)), _of(1.0))
                code.store(builder.fdiv(value, below, flags=_FREE), out, to)
            with no:
                code.store(value, out, to)
        return context.get_dummy_value()

    return signature, generate


@njit(nogil=True, cache=CACHED)
def _group_norm(x, gamma, beta, groups, eps, scale, shift, sums):
    """What GroupNorm multiplies an image's [P,C] channels with and adds to them. sums: [2,C] of room."""
    places, channels = x.shape
    for c in range(channels):
        sums[0, c] = sums[1, c] = np.float32(0)
    for p in range(places):
        for c in range(channels):
            sums[0, c] += x[p, c]
        for c in range(channels):
            sums[1, c] += x[p, c] * x[p, c]
    each = channels // groups
    for g in range(groups):
        total, square = 0.0, 0.0
        for c in range(g * each, (g + 1) * each):
            total += sums[0, c]
            square += sums[1, c]
        mean = total / (places * each)
        inverse = 1.0 / np.sqrt(max(square / (places * each) - mean * mean, 0.0) + eps)
        for c in range(g * each, (g + 1) * each):
            scale[c] = gamma[c] * inverse
            shift[c] = beta[c] - mean * inverse * gamma[c]


@njit(nogil=True, cache=CACHED)
def normed(begin, end, x, gamma, beta, groups, eps, silu, border, out):
    """out [n,H+2b,W+2b,C] = SiLU or nothing of GroupNorm of images x [n,H,W,C]; what lies in its border stays."""
    _, height, width, channels = x.shape
    scale, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    sums = np.empty((2, channels), np.float32)
    for b in range(begin, end):
        _group_norm(x[b].reshape(height * width, channels), gamma, beta, groups, eps, scale, shift, sums)
        for i in range(height):
            for j in range(width):
                at = ((b * height + i) * width + j) * channels
                to = ((b * out.shape[1] + i + border) * out.shape[2] + j + border) * channels
                for c in range(0, channels, LANES):
                    _scaled(x, at + c, scale, shift, c, silu, out, to + c)  # type: ignore[call-arg]


@njit(nogil=True, cache=CACHED)
def _tiles(begin, end, padded, v):
    """Images padded [n,H+2,W+2,C], H and W multiples of 4 -> v [36,n tiles,C]."""
    n, height, width, channels = padded.shape
    down, across = (height - 2) // TILE, (width - 2) // TILE
    for b in range(begin, end):
        for tile in range(down * across):
            at = ((b * height + tile // across * TILE) * width + tile % across * TILE) * channels
            to = (b * down * across + tile) * channels
            for c in range(0, channels, LANES):
                _tile_in(  # type: ignore[call-arg]
                    padded, at + c, width * channels, channels, v, to + c, n * down * across * channels)


@njit(nogil=True, cache=CACHED)
def normed_in(begin, end, x, gamma, beta, groups, eps, padded, v):
    """v of SiLU of GroupNorm of images x [n,H,W,C]. padded: [n,H+2,W+2,C], whose border is zero."""
    normed(begin, end, x, gamma, beta, groups, eps, True, 1, padded)
    _tiles(begin, end, padded, v)


@njit(nogil=True, cache=CACHED)
def plain_in(begin, end, x, times, padded, v):
    """v of images x [n,H,W,C], each pixel of which counts ``times`` by ``times``."""
    for b in range(begin, end):
        for i in range(padded.shape[1] - 2):
            for j in range(padded.shape[2] - 2):
                for c in range(x.shape[3]):
                    padded[b, i + 1, j + 1, c] = x[b, i // times, j // times, c]
    _tiles(begin, end, padded, v)


@njit(nogil=True, cache=CACHED)
def back_out(begin, end, m, bias, more, out):
    """out [n,H,W,K] from m [36,n tiles,K], plus bias [n or 1,K], plus more [n,H,W,K] if it is not None."""
    n, height, width, channels = out.shape
    down, across = height // TILE, width // TILE
    for b in range(begin, end):
        for tile in range(down * across):
            at = (b * down * across + tile) * channels
            to = ((b * height + tile // across * TILE) * width + tile % across * TILE) * channels
            for c in range(0, channels, LANES):
                own = b % len(bias) * channels + c
                _tile_out(  # type: ignore[call-arg]
                    m, at + c, n * down * across * channels, bias, own, more, out, to + c, width * channels, channels)


@njit(nogil=True, cache=CACHED)
def back_in(begin, end, m, bias, out, gamma, beta, groups, eps, padded, v):
    """``back_out``, and of what it gives ``normed_in``: from one convolution to the next."""
    back_out(begin, end, m, bias, None, out)
    normed_in(begin, end, out, gamma, beta, groups, eps, padded, v)
