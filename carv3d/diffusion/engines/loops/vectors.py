"""Code on registers that are spelt out, for what LLVM does not turn into vectors itself or keeps in memory: blocks of
matrix products, and the tiles of Winograd's convolutions. Arrays are flat, places in them are counted in numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

COLUMNS = 16  # of a block of a product: two registers of AVX2, one of AVX-512
NEAR = 2  # cache that the next panel is brought to, of 3 (the nearest) to 1
LANES = 8  # channels of a tile that are carried at a time
TILE, SEEN, POINTS = 4, 6, 36  # places along an output tile and its input; products

_FREE = ("contract", "reassoc", "nsz", "arcp", "afn")
_PLACE = types.int64


def written(generate: Callable[..., object]) -> Callable[..., int]:
    """What compiled code calls, from a function that writes its instructions."""
    made: Callable[..., int] = intrinsic(generate)
    return made


class _Code:
    """Writes instructions. arguments: an intrinsic's, whose types are its signature's."""

    def __init__(self, context, builder, signature, arguments, lanes: int):
        self.context, self.builder, self.lanes = context, builder, lanes
        self.types = dict(zip(map(id, arguments), signature.args))
        self.vector = ir.VectorType(ir.FloatType(), lanes)

    def pointer(self, array, place):
        data = self.context.make_array(self.types[id(array)])(self.context, self.builder, array).data
        return self.builder.gep(data, [place])

    def further(self, pointer, *steps):
        """A pointer, step times count numbers on, for pairs of them."""
        for step, count in steps:
            count = count if isinstance(count, ir.Value) else ir.Constant(step.type, count)
            pointer = self.builder.gep(pointer, [self.builder.mul(step, count)])
        return pointer

    def load(self, pointer):
        value = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        value.align = 4
        return value

    def store(self, value, pointer):
        self.builder.store(value, self.builder.bitcast(pointer, self.vector.as_pointer())).align = 4

    def fetch(self, pointer):
        """Have what lies there brought near: the next panel, while this one is worked on."""
        number = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), number, number, number]),
            "llvm.prefetch.p0i8")
        self.builder.call(function, [self.builder.bitcast(pointer, ir.IntType(8).as_pointer()),
                                     *(ir.Constant(number, each) for each in (0, NEAR, 1))])

    def splat(self, pointer):
        single = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), self.builder.load(pointer),
                                             ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(single, single,
                                           ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes))

    def add(self, first, *others):
        for other in others:
            first = self.builder.fadd(first, other, flags=_FREE)
        return first

    def sub(self, first, second):
        return self.builder.fsub(first, second, flags=_FREE)

    def mul(self, value, number: float):
        return self.builder.fmul(value, ir.Constant(self.vector, [float(number)] * self.lanes), flags=_FREE)

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


def _block(rows: int) -> Callable[..., int]:
    """c[to + r ldc + j] = sum_i a[at + r lda + i] b[from + 16 i + j] for r < rows, j < COLUMNS, i < count."""

    @written
    def block(typing_context, a, at, lda, b, begin, count, c, to, ldc):
        def generate(context, builder, signature, arguments):
            a, at, lda, b, begin, count, c, to, ldc = arguments
            code = _Code(context, builder, signature, arguments, COLUMNS)
            sums = [cgutils.alloca_once_value(builder, ir.Constant(code.vector, [0.0] * COLUMNS)) for _ in range(rows)]
            for total in sums:  # in a loop of the caller's too
                builder.store(ir.Constant(code.vector, [0.0] * COLUMNS), total)
            firsts = [code.further(code.pointer(a, at), (lda, row)) for row in range(rows)]
            panel = code.pointer(b, begin)
            beyond = code.further(panel, (count, COLUMNS))
            with cgutils.for_range(builder, count) as loop:
                factor = code.load(code.further(panel, (loop.index, COLUMNS)))
                code.fetch(code.further(beyond, (loop.index, COLUMNS)))
                for first, total in zip(firsts, sums, strict=True):
                    product = builder.fmul(code.splat(builder.gep(first, [loop.index])), factor, flags=("contract",))
                    builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
            for row, total in enumerate(sums):
                code.store(builder.load(total), code.further(code.pointer(c, to), (ldc, row)))
            return context.get_dummy_value()

        return types.void(a, _PLACE, _PLACE, b, _PLACE, _PLACE, c, _PLACE, _PLACE), generate

    return block


six_rows, four_rows, two_rows, one_row = (_block(rows) for rows in (6, 4, 2, 1))  # registers: 12 of AVX2's 16 at most


@written
def tile_in(typing_context, image, at, row, column, v, to, point):
    """v[to + p point] = (B^T d B)_p for LANES channels, d the 6x6 places of image from at on, rows and columns so far
    apart."""

    def generate(context, builder, signature, arguments):
        image, at, row, column, v, to, point = arguments
        code = _Code(context, builder, signature, arguments, LANES)
        first, out = code.pointer(image, at), code.pointer(v, to)
        half = [code.inwards([code.load(code.further(first, (row, i), (column, j))) for i in range(SEEN)])
                for j in range(SEEN)]
        for i in range(SEEN):
            for j, value in enumerate(code.inwards([each[i] for each in half])):
                code.store(value, code.further(out, (point, SEEN * i + j)))
        return context.get_dummy_value()

    return types.void(image, _PLACE, _PLACE, _PLACE, v, _PLACE, _PLACE), generate


@written
def tile_out(typing_context, m, at, point, bias, channel, out, to, row, column):
    """The 4x4 places of out from to on = A^T m A + bias[channel], for LANES channels."""

    def generate(context, builder, signature, arguments):
        m, at, point, bias, channel, out, to, row, column = arguments
        code = _Code(context, builder, signature, arguments, LANES)
        first, place = code.pointer(m, at), code.pointer(out, to)
        half = [code.outwards([code.load(code.further(first, (point, SEEN * i + j))) for i in range(SEEN)])
                for j in range(SEEN)]
        same = code.load(code.pointer(bias, channel))
        for i in range(TILE):
            for j, value in enumerate(code.outwards([each[i] for each in half])):
                code.store(code.add(value, same), code.further(place, (row, i), (column, j)))
        return context.get_dummy_value()

    return types.void(m, _PLACE, _PLACE, bias, _PLACE, out, _PLACE, _PLACE, _PLACE), generate


@written
def arrive(typing_context, gate):
    """gate[0], which then counts one more, whatever other threads do to it."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", data, ir.Constant(ir.IntType(64), 1), "acq_rel")

    return _PLACE(gate), generate


@written
def arrived(typing_context, gate, place):
    """gate[place]; what its writer wrote before can be read afterwards."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(builder.gep(data, [arguments[1]]), "acquire", 8)

    return _PLACE(gate, _PLACE), generate


@written
def go_on(typing_context, gate, place, value):
    """gate[place] = value, for ``arrived`` of other threads."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        builder.store_atomic(arguments[2], builder.gep(data, [arguments[1]]), "release", 8)
        return context.get_dummy_value()

    return types.void(gate, _PLACE, _PLACE), generate


@written
def yield_processor(typing_context):
    """Another thread may run where this one does."""

    def generate(context, builder, signature, arguments):
        if sys.platform != "win32":
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate
