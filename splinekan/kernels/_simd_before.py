"""Four outputs at a time: the inner loops of the kernels in vector registers.

LLVM does not vectorise such loops on its own: they are short, and numba cannot promise that the arrays do not
overlap. Here they are written as vectors. All arrays are one-dimensional views of contiguous ones, indices
are not bounds-checked, and `tag` is a tuple whose length is the number of weights. Without compilation, and
when indices are to be checked (NUMBA_DISABLE_JIT, NUMBA_BOUNDSCHECK), plain loops take their place.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

LANES = 4

_CONTRACT = ("contract",)  # multiply and add may become one instruction


def _vector(context: Any, array: Any, lanes: int = LANES) -> Any:
    return ir.VectorType(context.get_value_type(array.dtype), lanes)


def _address(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    return builder.gep(context.make_array(array)(context, builder, value).data, [index])


def _aligned(context: Any, array: Any, instruction: Any) -> Any:
    instruction.align = context.get_abi_sizeof(context.get_value_type(array.dtype))
    return instruction


def _load(context: Any, builder: Any, array: Any, value: Any, index: Any, like: Any = None) -> Any:
    """Four neighbours, widened to the elements of the array type `like`."""
    pointer = _address(context, builder, array, value, index)
    pointer = builder.bitcast(pointer, _vector(context, array).as_pointer())
    found = _aligned(context, array, builder.load(pointer))
    if like is not None and like.dtype != array.dtype:
        found = builder.fpext(found, _vector(context, like))
    return found


def _store(context: Any, builder: Any, array: Any, value: Any, index: Any, vector: Any) -> None:
    pointer = _address(context, builder, array, value, index)
    pointer = builder.bitcast(pointer, _vector(context, array).as_pointer())
    _aligned(context, array, builder.store(vector, pointer))


def _broadcast(context: Any, builder: Any, array: Any, value: Any, index: Any, like: Any) -> Any:
    """One element in every lane."""
    scalar = builder.load(_address(context, builder, array, value, index))
    scalar = context.cast(builder, scalar, array.dtype, like.dtype)
    whole = _vector(context, like)
    empty = ir.Constant(whole, ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, empty, lanes)


def _one_more(builder: Any, index: Any, step: int) -> Any:
    return builder.add(index, ir.Constant(index.type, step))


def _add_product(builder: Any, total: Any, left: Any, right: Any) -> Any:
    return builder.fadd(total, builder.fmul(left, right, flags=_CONTRACT), flags=_CONTRACT)


def _add_combination(
    typing: Any, out: Any, i: Any, w: Any, a: Any, tag: Any, x: Any, j: Any, step: Any
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        o, i, w, a, _, x, j, step = values
        total = _load(context, builder, signature.args[0], o, i)
        for _ in range(signature.args[4].count):
            weight = _broadcast(context, builder, signature.args[2], w, a, signature.args[0])
            row = _load(context, builder, signature.args[5], x, j, signature.args[0])
            total = _add_product(builder, total, weight, row)
            a, j = _one_more(builder, a, 1), builder.add(j, step)
        _store(context, builder, signature.args[0], o, i, total)
        return context.get_dummy_value()

    return types.void(out, types.intp, w, types.intp, tag, x, types.intp, types.intp), generate


def _add_outer(typing: Any, out: Any, j: Any, step: Any, w: Any, a: Any, tag: Any, x: Any, i: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        o, j, step, w, a, _, x, i = values
        row = _load(context, builder, signature.args[6], x, i, signature.args[0])
        for _ in range(signature.args[5].count):
            weight = _broadcast(context, builder, signature.args[3], w, a, signature.args[0])
            total = _load(context, builder, signature.args[0], o, j)
            _store(context, builder, signature.args[0], o, j, _add_product(builder, total, weight, row))
            a, j = _one_more(builder, a, 1), builder.add(j, step)
        return context.get_dummy_value()

    return types.void(out, types.intp, types.intp, w, types.intp, tag, x, types.intp), generate


def _contraction(typing: Any, w: Any, a: Any, tag: Any, x: Any, j: Any, step: Any, g: Any, i: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        w, a, _, x, j, step, g, i = values
        total = ir.Constant(_vector(context, signature.args[3]), None)
        for _ in range(signature.args[2].count):
            weight = _broadcast(context, builder, signature.args[0], w, a, signature.args[3])
            total = _add_product(builder, total, weight, _load(context, builder, signature.args[3], x, j))
            a, j = _one_more(builder, a, 1), builder.add(j, step)
        total = builder.fmul(total, _load(context, builder, signature.args[6], g, i))
        lanes = [builder.extract_element(total, ir.Constant(ir.IntType(32), l)) for l in range(LANES)]
        return builder.fadd(builder.fadd(lanes[0], lanes[1]), builder.fadd(lanes[2], lanes[3]))

    return x.dtype(w, types.intp, tag, x, types.intp, types.intp, g, types.intp), generate


def _horner(typing: Any, out: Any, i: Any, tag: Any, table: Any, j: Any, y: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        o, i, _, t, j, y = values
        out, tag, table = signature.args[0], signature.args[2], signature.args[3]
        lanes = tag.count
        whole = _vector(context, table, lanes)
        empty = ir.Constant(whole, ir.Undefined)
        first = builder.insert_element(empty, y, ir.Constant(ir.IntType(32), 0))
        same = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        point = builder.shuffle_vector(first, empty, same)

        def row(power: int) -> Any:
            at = _one_more(builder, j, power * lanes)
            pointer = builder.bitcast(_address(context, builder, table, t, at), whole.as_pointer())
            return _aligned(context, table, builder.load(pointer))

        total = row(lanes - 1)
        for power in range(lanes - 2, -1, -1):
            total = _add_product(builder, row(power), total, point)
        pointer = builder.bitcast(_address(context, builder, out, o, i), whole.as_pointer())
        _aligned(context, out, builder.store(total, pointer))
        return context.get_dummy_value()

    return types.void(out, types.intp, tag, table, types.intp, table.dtype), generate


if config.DISABLE_JIT or config.BOUNDSCHECK:

    @njit
    def add_combination(out, i, w, a, tag, x, j, step):
        """out[i + q] += sum_l w[a + l] x[j + l step + q], q = 0..3."""
        for q in range(LANES):
            for l in range(len(tag)):
                out[i + q] += w[a + l] * x[j + l * step + q]

    @njit
    def add_outer(out, j, step, w, a, tag, x, i):
        """out[j + l step + q] += w[a + l] x[i + q], q = 0..3."""
        for q in range(LANES):
            for l in range(len(tag)):
                out[j + l * step + q] += w[a + l] * x[i + q]

    @njit
    def contraction(w, a, tag, x, j, step, g, i):
        """sum_q sum_l w[a + l] x[j + l step + q] g[i + q], q = 0..3."""
        total = x.dtype.type(0)
        for q in range(LANES):
            for l in range(len(tag)):
                total += w[a + l] * x[j + l * step + q] * g[i + q]
        return total

    @njit
    def horner(out, i, tag, table, j, y):
        """out[i + l] = sum_r table[j + r k + l] y^r, k = len(tag), l and r = 0..k - 1."""
        k = len(tag)
        for l in range(k):
            value = table[j + (k - 1) * k + l]
            for power in range(k - 2, -1, -1):
                value = value * y + table[j + power * k + l]
            out[i + l] = value

else:
    horner = intrinsic(_horner)
    add_combination = intrinsic(_add_combination)
    add_outer = intrinsic(_add_outer)
    contraction = intrinsic(_contraction)
