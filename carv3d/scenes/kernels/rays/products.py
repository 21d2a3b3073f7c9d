"""Small matrix products over LANES samples, in registers that are spelt out: a loop that LLVM turns into vectors itself
keeps its sums in memory, and takes three times as long."""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from carv3d.runtime.kernel_threads import CACHED, FAST

LANES = 64
OUTPUTS, WIDE = 4, 16  # of a block of ``matmul``: eight registers of AVX2, four of AVX-512
ROWS, COLUMNS, NARROW = 2, 4, 8  # of a block of ``outer``: eight registers of AVX2, and what they add
_INT, _INDEX = ir.IntType(32), ir.IntType(64)


def _at(context, builder, array_type, array, row, column):
    """Where array[row, column] of a C-contiguous array lies."""
    made = context.make_array(array_type)(context, builder, array)
    return builder.gep(made.data, [builder.add(builder.mul(row, cgutils.unpack_tuple(builder, made.shape)[1]), column)])


def _vector(builder, pointer, lanes):
    """The vector of float32 at a pointer, to be read or written there."""
    return builder.bitcast(pointer, ir.VectorType(ir.FloatType(), lanes).as_pointer())


def _load(builder, pointer, lanes):
    value = builder.load(_vector(builder, pointer, lanes))
    value.align = 4
    return value


def _store(builder, value, pointer, lanes):
    builder.store(value, _vector(builder, pointer, lanes)).align = 4


def _chosen(builder, first, second, places):
    """A vector of the entries of two, by their places in the one followed by the other."""
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(_INT, len(places)), list(places)))


def _sums(builder, rows, columns, lanes):
    """rows x columns sums of vectors, zero, in registers: LLVM keeps what is alloca'd here in no memory."""
    zero = ir.Constant(ir.VectorType(ir.FloatType(), lanes), [0.0] * lanes)
    sums = [[cgutils.alloca_once(builder, zero.type) for _ in range(columns)] for _ in range(rows)]
    for row in sums:
        for each in row:
            builder.store(zero, each)
    return sums


def _add_product(builder, into, a, b):
    product = builder.fmul(a, b, flags=("contract",))
    builder.store(builder.fadd(builder.load(into), product, flags=("contract",)), into)


@intrinsic
def _block(typing_context, weight, x, y, j, lane, least):
    """y[j + o, lane:lane + WIDE] = max(sum_i weight[j + o, i] x[i, lane:lane + WIDE], least) for o < OUTPUTS."""

    def generate(context, builder, signature, arguments):
        weight, x, y, j, lane, least = arguments
        weights, xs, ys = signature.args[:3]
        one = ir.VectorType(ir.FloatType(), WIDE)

        def splat(value):
            single = builder.insert_element(ir.Constant(one, ir.Undefined), value, ir.Constant(_INT, 0))
            return _chosen(builder, single, single, [0] * WIDE)

        rows = [builder.add(j, ir.Constant(_INDEX, o)) for o in range(OUTPUTS)]
        sums = _sums(builder, OUTPUTS, 1, WIDE)
        columns = cgutils.unpack_tuple(builder, context.make_array(weights)(context, builder, weight).shape)[1]
        with cgutils.for_range(builder, columns) as loop:
            given = _load(builder, _at(context, builder, xs, x, loop.index, lane), WIDE)
            for row, (into,) in zip(rows, sums, strict=True):
                factor = builder.load(_at(context, builder, weights, weight, row, loop.index))
                _add_product(builder, into, splat(factor), given)
        floor = splat(least)
        for row, (into,) in zip(rows, sums, strict=True):
            value = builder.load(into)
            value = builder.select(builder.fcmp_ordered("<", value, floor), floor, value)  # what is NaN stays NaN
            _store(builder, value, _at(context, builder, ys, y, row, lane), WIDE)
        return context.get_dummy_value()

    return types.void(weight, x, y, types.int64, types.int64, types.float32), generate


@intrinsic
def _outer_block(typing_context, grad, x, total, j, i):
    """total[j + r, i + c] += sum_lane grad[j + r, lane] x[i + c, lane] for r < ROWS, c < COLUMNS."""

    def generate(context, builder, signature, arguments):
        grad, x, total, j, i = arguments
        grads, xs, totals = signature.args[:3]
        rows = [builder.add(j, ir.Constant(_INDEX, r)) for r in range(ROWS)]
        columns = [builder.add(i, ir.Constant(_INDEX, c)) for c in range(COLUMNS)]
        sums = _sums(builder, ROWS, COLUMNS, NARROW)
        with cgutils.for_range(builder, ir.Constant(_INDEX, LANES // NARROW)) as loop:
            lane = builder.mul(loop.index, ir.Constant(_INDEX, NARROW))
            given = [_load(builder, _at(context, builder, xs, x, column, lane), NARROW) for column in columns]
            for row, into in zip(rows, sums, strict=True):
                factor = _load(builder, _at(context, builder, grads, grad, row, lane), NARROW)
                for each, value in zip(into, given, strict=True):
                    _add_product(builder, each, factor, value)
        for row, into in zip(rows, sums, strict=True):
            pointer = _at(context, builder, totals, total, row, i)
            whole = _added(builder, [builder.load(each) for each in into])
            _store(builder, builder.fadd(_load(builder, pointer, COLUMNS), whole), pointer, COLUMNS)
        return context.get_dummy_value()

    return types.void(grad, x, total, types.int64, types.int64), generate


def _added(builder, vectors):
    """A vector of the sums of four vectors of eight."""
    fours = [builder.fadd(_chosen(builder, v, v, range(4)), _chosen(builder, v, v, range(4, 8))) for v in vectors]
    twos = [builder.fadd(_chosen(builder, a, b, (0, 4, 2, 6)), _chosen(builder, a, b, (1, 5, 3, 7)))
            for a, b in (fours[:2], fours[2:])]
    return builder.fadd(_chosen(builder, *twos, (0, 1, 4, 5)), _chosen(builder, *twos, (2, 3, 6, 7)))


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def matmul(weight, x, y, least):
    """y[j, lane] = max(sum_i weight[j, i] x[i, lane], least) for all LANES. weight: [a multiple of 4, any], contiguous
    as x and y are; least: float32."""
    for lane in range(0, LANES, WIDE):
        for j in range(0, weight.shape[0], OUTPUTS):
            _block(weight, x, y, j, lane, least)


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def outer(grad, x, rows, columns, total):
    """total[j, i] += sum_lane grad[j, lane] x[i, lane] for j < rows, even, and i < columns, a multiple of 4."""
    for j in range(0, rows, ROWS):
        for i in range(0, columns, COLUMNS):
            _outer_block(grad, x, total, j, i)
