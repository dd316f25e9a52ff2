"""Vectors of numbers in registers: what the inner loops of the kernels are written with.

LLVM does not vectorise short loops on its own, and numba cannot promise it that arrays do not overlap. Here a
vector is a value like any other: it is loaded from neighbouring elements of an array, takes part in
multiply-adds, lives in a variable across loops, and is stored. `lanes` is a tuple whose length is the number
of lanes, known to the compiler; LLVM maps long vectors to several registers of the processor, and short ones
to parts of a register, so that nothing depends on the machine but the speed.

Arrays are one-dimensional and contiguous. Indices are not bounds-checked unless NUMBA_BOUNDSCHECK is set;
without compilation (NUMBA_DISABLE_JIT) a vector is a NumPy array.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model

NARROW = (0,) * 8
"""The vector of a few outputs: a register of doubles where these are longest."""
WIDE = (0,) * 32
"""The vector of many outputs: enough multiply-adds for every number that all lanes share."""
EACH, SAME = (0,), ()
"""A number for each lane, the same number in all lanes: see `fetch`."""

_CONTRACT = ("contract",)  # multiply and add may become one instruction


class Vector(types.Type):
    """The type of a vector."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"vector({dtype}, {lanes})")


@register_model(Vector)
class _VectorModel(PrimitiveModel):
    def __init__(self, models: Any, vector: Any) -> None:
        element = models.lookup(vector.dtype).get_value_type()
        super().__init__(models, vector, ir.VectorType(element, vector.lanes))


def _address(context: Any, builder: Any, array: Any, value: Any, index: Any, count: Any) -> Any:
    """The address of element `index`, the first of `count` that are read or written."""
    found = context.make_array(array)(context, builder, value)
    if config.BOUNDSCHECK:
        last = builder.add(index, ir.Constant(index.type, count) if isinstance(count, int) else count)
        low = builder.icmp_signed("<", index, ir.Constant(index.type, 0))
        with builder.if_then(builder.or_(low, builder.icmp_signed(">", last, found.nitems)), likely=False):
            context.call_conv.return_user_exc(builder, IndexError, ("elements leave the array",))
    return builder.gep(found.data, [index])


def _moved(context: Any, builder: Any, array: Any, value: Any, index: Any, vector: Any) -> tuple[Any, int]:
    """The address of a vector in an array, and its alignment: that of an element."""
    pointer = _address(context, builder, array, value, index, vector.lanes)
    alignment = context.get_abi_sizeof(context.get_value_type(array.dtype))
    return builder.bitcast(pointer, context.get_value_type(vector).as_pointer()), alignment


def _every_lane(context: Any, builder: Any, vector: Any, number: Any) -> Any:
    return _every(builder, vector.lanes, number)


def _every(builder: Any, lanes: int, number: Any) -> Any:
    """The vector of LLVM with a number in every lane."""
    empty = ir.Constant(ir.VectorType(number.type, lanes), ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    same = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, empty, same)


def _load(typing: Any, lanes: Any, array: Any, index: Any) -> Any:
    vector = Vector(array.dtype, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, alignment = _moved(context, builder, array, values[1], values[2], vector)
        loaded = builder.load(pointer)
        loaded.align = alignment
        return loaded

    return vector(lanes, array, types.intp), generate


def _store(typing: Any, array: Any, index: Any, vector: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, alignment = _moved(context, builder, array, values[0], values[1], vector)
        builder.store(values[2], pointer).align = alignment
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _some(context: Any, builder: Any, array: Any, value: Any, index: Any, count: Any, vector: Any) -> Any:
    """The address, the alignment and the mask of the first `count` lanes of a vector, or of all."""
    whole = ir.Constant(count.type, vector.lanes)
    count = builder.select(builder.icmp_signed("<", count, whole), count, whole)
    pointer = _address(context, builder, array, value, index, count)
    pointer = builder.bitcast(pointer, context.get_value_type(vector).as_pointer())
    numbers = ir.Constant(ir.VectorType(count.type, vector.lanes), list(range(vector.lanes)))
    mask = builder.icmp_signed("<", numbers, _every(builder, vector.lanes, count))
    alignment = context.get_abi_sizeof(context.get_value_type(array.dtype))
    return pointer, ir.Constant(ir.IntType(32), alignment), mask


def _load_some(typing: Any, lanes: Any, array: Any, index: Any, count: Any) -> Any:
    vector = Vector(array.dtype, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, alignment, mask = _some(context, builder, array, *values[1:], vector)
        whole = context.get_value_type(vector)
        kinds = [pointer.type, alignment.type, mask.type, whole]
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(whole, kinds), f"llvm.masked.load.{_mangled(whole)}.p0"
        )
        return builder.call(function, [pointer, alignment, mask, ir.Constant(whole, None)])

    return vector(lanes, array, types.intp, types.intp), generate


def _store_some(typing: Any, array: Any, index: Any, vector: Any, count: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, alignment, mask = _some(context, builder, array, values[0], values[1], values[3], vector)
        whole = context.get_value_type(vector)
        kinds = [whole, pointer.type, alignment.type, mask.type]
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), kinds), f"llvm.masked.store.{_mangled(whole)}.p0"
        )
        builder.call(function, [values[2], pointer, alignment, mask])
        return context.get_dummy_value()

    return types.void(array, types.intp, vector, types.intp), generate


def _mangled(vector: Any) -> str:
    """The name of the type of a vector as part of the name of a function of LLVM."""
    return f"v{vector.count}{'f64' if isinstance(vector.element, ir.DoubleType) else 'f32'}"


def _broadcast(typing: Any, lanes: Any, array: Any, index: Any) -> Any:
    vector = Vector(array.dtype, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = builder.load(_address(context, builder, array, values[1], values[2], 1))
        return _every_lane(context, builder, vector, number)

    return vector(lanes, array, types.intp), generate


def _fetch(typing: Any, lanes: Any, each: Any, array: Any, index: Any) -> Any:
    signature, generate = (_load if each.count else _broadcast)(typing, lanes, array, index)

    def forward(context: Any, builder: Any, _: Any, values: Any) -> Any:
        return generate(context, builder, signature, [values[0], *values[2:]])

    return signature.return_type(lanes, each, array, types.intp), forward


def _splat(typing: Any, lanes: Any, number: Any) -> Any:
    vector = Vector(number, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _every_lane(context, builder, vector, values[1])

    return vector(lanes, number), generate


def _times(typing: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fmul(*values, flags=_CONTRACT)

    return a(a, a), generate


def _plus(typing: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values, flags=_CONTRACT)

    return a(a, a), generate


def _multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        product = builder.fmul(values[0], values[1], flags=_CONTRACT)
        return builder.fadd(product, values[2], flags=_CONTRACT)

    return a(a, a, a), generate


def _total(typing: Any, vector: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (rest,), lanes = values, vector.lanes
        zero = ir.Constant(context.get_value_type(vector), None)
        while lanes > 1:
            half = (lanes + 1) // 2
            parts = [
                builder.shuffle_vector(
                    rest, zero, ir.Constant(ir.VectorType(ir.IntType(32), half), list(part))
                )
                # What is missing in the second half is 0, the first lane of the second vector.
                for part in (range(half), [*range(half, lanes), *[lanes] * (2 * half - lanes)])
            ]
            rest, zero, lanes = builder.fadd(*parts), ir.Constant(parts[0].type, None), half
        return builder.extract_element(rest, ir.Constant(ir.IntType(32), 0))

    return vector.dtype(vector), generate


def _widened(typing: Any, vector: Any) -> Any:
    wide = Vector(types.float64, vector.lanes)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return (
            values[0]
            if vector.dtype == wide.dtype
            else builder.fpext(values[0], context.get_value_type(wide))
        )

    return wide(vector), generate


if config.DISABLE_JIT:

    def load(lanes, array, index):
        """The vector array[index], array[index + 1], ..."""
        assert 0 <= index <= len(array) - len(lanes)
        return array[index : index + len(lanes)].copy()

    def store(array, index, vector):
        """array[index], array[index + 1], ... = vector."""
        assert 0 <= index <= len(array) - len(vector)
        array[index : index + len(vector)] = vector

    def load_some(lanes, array, index, count):
        """The vector array[index], ..., array[index + count - 1], 0, ... of at most all lanes."""
        count = min(count, len(lanes))
        assert 0 <= index <= len(array) - count
        vector = np.zeros(len(lanes), array.dtype)
        vector[:count] = array[index : index + count]
        return vector

    def store_some(array, index, vector, count):
        """array[index], ..., array[index + count - 1] = the first lanes of the vector, or all."""
        count = min(count, len(vector))
        assert 0 <= index <= len(array) - count
        array[index : index + count] = vector[:count]

    def broadcast(lanes, array, index):
        """The vector with array[index] in every lane."""
        assert index >= 0
        return np.full(len(lanes), array[index])

    def fetch(lanes, each, array, index):
        """`load` with `each` = EACH, `broadcast` with SAME."""
        return load(lanes, array, index) if each else broadcast(lanes, array, index)

    def splat(lanes, number):
        """The vector with a number in every lane."""
        return np.full(len(lanes), number)

    def times(a, b):
        """a b, lane by lane."""
        return a * b

    def plus(a, b):
        """a + b, lane by lane."""
        return a + b

    def multiply_add(a, b, c):
        """a b + c, lane by lane."""
        return a * b + c

    def total(vector):
        """The sum of all lanes, halves added to halves."""
        while len(vector) > 1:
            half = (len(vector) + 1) // 2
            low, high = vector[:half].copy(), vector[half:]
            low[: len(high)] += high
            vector = low
        return vector[0]

    def widened(vector):
        """The vector in float64."""
        return vector.astype(np.float64)

else:
    load = intrinsic(_load)
    store = intrinsic(_store)
    load_some = intrinsic(_load_some)
    store_some = intrinsic(_store_some)
    broadcast = intrinsic(_broadcast)
    fetch = intrinsic(_fetch)
    splat = intrinsic(_splat)
    times = intrinsic(_times)
    plus = intrinsic(_plus)
    multiply_add = intrinsic(_multiply_add)
    total = intrinsic(_total)
    widened = intrinsic(_widened)
