"""A table row of four float32 features as one SIMD register, for use inside numba kernels.

Numba leaves LLVM's straight-line vectoriser off, so loops over four features compile to scalar code; spelling the
vector instructions out halves the time of the hash grid, forward and backward.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

FEATURES = 4  # per row
_FLOAT4 = ir.VectorType(ir.FloatType(), FEATURES)
_INT = ir.IntType(32)
_EMPTY = ir.Constant(_FLOAT4, ir.Undefined)


def _pointer(context, builder, table_type, table, row):
    data = context.make_array(table_type)(context, builder, table).data
    first = builder.gep(data, [builder.mul(row, ir.Constant(row.type, FEATURES))])
    return builder.bitcast(first, _FLOAT4.as_pointer())


def _load(builder, pointer):
    row = builder.load(pointer)
    row.align = 4
    return row


def _splat(builder, value):
    single = builder.insert_element(_EMPTY, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(single, _EMPTY, ir.Constant(ir.VectorType(_INT, FEATURES), [0] * FEATURES))


@intrinsic
def blend(typing_context, table, rows, weights):
    """sum_k weights[k] * table[rows[k]] as a 4-tuple. table: C-contiguous float32 [rows,4]; rows, weights: 8-tuples."""
    signature = types.UniTuple(types.float32, FEATURES)(table, rows, weights)

    def generate(context, builder, signature, arguments):
        table, rows, weights = arguments
        total = None
        for k in range(signature.args[1].count):
            pointer = _pointer(context, builder, signature.args[0], table, builder.extract_value(rows, k))
            weight = _splat(builder, builder.extract_value(weights, k))
            term = builder.fmul(_load(builder, pointer), weight, flags=("contract", "reassoc"))
            total = term if total is None else builder.fadd(total, term, flags=("contract", "reassoc"))
        values = [builder.extract_element(total, ir.Constant(_INT, f)) for f in range(FEATURES)]
        return context.make_tuple(builder, signature.return_type, values)

    return signature, generate


@intrinsic
def scatter(typing_context, table, rows, weights, values):
    """table[rows[k]] += weights[k] * values, in order of k. Shapes as in blend; values: a 4-tuple."""
    signature = types.void(table, rows, weights, values)

    def generate(context, builder, signature, arguments):
        table, rows, weights, values = arguments
        given = _EMPTY
        for f in range(FEATURES):
            given = builder.insert_element(given, builder.extract_value(values, f), ir.Constant(_INT, f))
        for k in range(signature.args[1].count):
            pointer = _pointer(context, builder, signature.args[0], table, builder.extract_value(rows, k))
            weight = _splat(builder, builder.extract_value(weights, k))
            term = builder.fmul(given, weight, flags=("contract", "reassoc"))
            builder.store(builder.fadd(_load(builder, pointer), term, flags=("contract", "reassoc")), pointer).align = 4
        return context.get_dummy_value()

    return signature, generate
