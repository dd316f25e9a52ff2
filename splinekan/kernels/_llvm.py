"""The code for LLVM of the operations on vectors of `splinekan.kernels._simd`.

A function here has the name of the operation; it is given the types of the arguments and returns the
signature and the generator of the code, as Numba's `intrinsic` requires. Vectors of any length are legal:
LLVM maps them to the registers of the processor.

Kernels that use this file are compiled with it: Numba's cache does not detect changes of this file.
"""

from __future__ import annotations

from math import factorial
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import register_model

_CONTRACT = ("contract",)  # multiply and add may become one instruction


class Vector(types.Type):  # type: ignore[misc]
    """The type of a vector."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"vector({dtype}, {lanes})")


@register_model(Vector)
class _VectorModel(PrimitiveModel):  # type: ignore[misc]
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


def _every_lane(builder: Any, lanes: int, number: Any) -> Any:
    empty = ir.Constant(ir.VectorType(number.type, lanes), ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    same = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, empty, same)


def _converted(context: Any, builder: Any, value: Any, vector: Any, other: Any) -> Any:
    """A vector in the type of another: floats as floats, or signed integers as signed integers."""
    have, want = vector.dtype.bitwidth, other.dtype.bitwidth
    if have == want:
        return value
    if isinstance(vector.dtype, types.Float):
        change = builder.fpext if have < want else builder.fptrunc
    else:
        change = builder.sext if have < want else builder.trunc
    return change(value, context.get_value_type(other))


def load(typing: Any, lanes: Any, array: Any, index: Any) -> Any:
    vector = Vector(array.dtype, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, alignment = _moved(context, builder, array, values[1], values[2], vector)
        loaded = builder.load(pointer)
        loaded.align = alignment
        return loaded

    return vector(lanes, array, types.intp), generate


def store(typing: Any, array: Any, index: Any, vector: Any) -> Any:
    kept = Vector(array.dtype, vector.lanes)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, alignment = _moved(context, builder, array, values[0], values[1], kept)
        numbers = _converted(context, builder, values[2], vector, kept)
        builder.store(numbers, pointer).align = alignment
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _some(context: Any, builder: Any, array: Any, value: Any, index: Any, count: Any, vector: Any) -> Any:
    """The address, the alignment and the mask of the first `count` lanes of a vector, or of all."""
    whole = ir.Constant(count.type, vector.lanes)
    count = builder.select(builder.icmp_signed("<", count, whole), count, whole)
    pointer = _address(context, builder, array, value, index, count)
    pointer = builder.bitcast(pointer, context.get_value_type(vector).as_pointer())
    numbers = ir.Constant(ir.VectorType(count.type, vector.lanes), list(range(vector.lanes)))
    mask = builder.icmp_signed("<", numbers, _every_lane(builder, vector.lanes, count))
    alignment = context.get_abi_sizeof(context.get_value_type(array.dtype))
    return pointer, ir.Constant(ir.IntType(32), alignment), mask


def load_first(typing: Any, lanes: Any, array: Any, index: Any, count: Any) -> Any:
    vector = Vector(array.dtype, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, alignment, mask = _some(context, builder, array, values[1], values[2], values[3], vector)
        whole = context.get_value_type(vector)
        kinds = [pointer.type, alignment.type, mask.type, whole]
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(whole, kinds), f"llvm.masked.load.{_mangled(whole)}.p0"
        )
        return builder.call(function, [pointer, alignment, mask, ir.Constant(whole, None)])

    return vector(lanes, array, types.intp, types.intp), generate


def store_first(typing: Any, array: Any, index: Any, vector: Any, count: Any) -> Any:
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


def broadcast(typing: Any, lanes: Any, array: Any, index: Any) -> Any:
    vector = Vector(array.dtype, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = builder.load(_address(context, builder, array, values[1], values[2], 1))
        return _every_lane(builder, vector.lanes, number)

    return vector(lanes, array, types.intp), generate


def fetch(typing: Any, lanes: Any, each: Any, array: Any, index: Any) -> Any:
    signature, generate = (load if each.count else broadcast)(typing, lanes, array, index)

    def forward(context: Any, builder: Any, _: Any, values: Any) -> Any:
        return generate(context, builder, signature, [values[0], *values[2:]])

    return signature.return_type(lanes, each, array, types.intp), forward


def splat(typing: Any, lanes: Any, number: Any) -> Any:
    vector = Vector(number, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _every_lane(builder, vector.lanes, values[1])

    return vector(lanes, number), generate


def times(typing: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fmul(*values, flags=_CONTRACT)

    return a(a, a), generate


def quotient(typing: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fdiv(*values)

    return a(a, a), generate


def plus(typing: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if isinstance(a.dtype, types.Integer):
            return builder.add(*values)
        return builder.fadd(*values, flags=_CONTRACT)

    return a(a, a), generate


def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        product = builder.fmul(values[0], values[1], flags=_CONTRACT)
        return builder.fadd(product, values[2], flags=_CONTRACT)

    return a(a, a, a), generate


def total(typing: Any, vector: Any) -> Any:
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


def folded(typing: Any, lanes: Any, vector: Any) -> Any:
    short = Vector(vector.dtype, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rest, length = values[1], vector.lanes
        while length > lanes.count:
            length //= 2
            halves = [
                _arranged(context, builder, rest, list(range(first, first + length))) for first in (0, length)
            ]
            rest = builder.fadd(*halves)
        return rest

    return short(lanes, vector), generate


def totals(typing: Any, square: Any) -> Any:
    vector = Vector(square.dtype, 8)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        # Vectors hold, one after the other, half as many partial sums of twice as many vectors each time.
        def pair(first: Any, second: Any, part: int) -> Any:
            low = [i + j for i in range(0, 16, 2 * part) for j in range(part)]
            ends = [ir.Constant(ir.VectorType(ir.IntType(32), 8), [i + at for i in low]) for at in (0, part)]
            return builder.fadd(*(builder.shuffle_vector(first, second, end) for end in ends))

        rest = []
        for i in (0, 4, 2, 6, 1, 5, 3, 7):  # which brings the sums into order
            index = ir.Constant(context.get_value_type(types.intp), 8 * i)
            pointer, alignment = _moved(context, builder, square, values[0], index, vector)
            rest.append(builder.load(pointer))
            rest[-1].align = alignment
        for part in (4, 2, 1):
            half = len(rest) // 2
            rest = [pair(rest[i], rest[i + half], part) for i in range(half)]
        return rest[0]

    return vector(square), generate


def minimum(typing: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *values), *values)

    return a(a, a), generate


_EXPONENTIAL = {
    32: (150.0, 7, 23, 127, "0x1.62e4p-1", "0x1.7f7d1cp-20"),
    64: (800.0, 13, 52, 1023, "0x1.62e42feep-1", "0x1.a39ef35793c76p-33"),
}
"""By bits of a number: an argument beyond 0 and infinity; the degree of a Taylor polynomial with a remainder
below rounding; bits of the fraction; the bias of exponents; ln 2 in two parts, the first so short that its
products with exponents are exact."""


def exponential(typing: Any, vector: Any) -> Any:
    far, degree, fraction, bias, high, low = _EXPONENTIAL[vector.dtype.bitwidth]

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        floats = context.get_value_type(vector)
        integer = ir.IntType(vector.dtype.bitwidth)
        integers = ir.VectorType(integer, vector.lanes)

        def number(value: float) -> Any:
            return ir.Constant(floats, [float(value)] * vector.lanes)

        def whole(value: int) -> Any:
            return ir.Constant(integers, [value] * vector.lanes)

        def add_product(a: Any, b: Any, c: Any) -> Any:
            return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), c, flags=_CONTRACT)

        (x,) = values
        for order, end in ((">", far), ("<", -far)):  # NaN stays
            x = builder.select(builder.fcmp_ordered(order, x, number(end)), number(end), x)
        # The nearest integer: no fraction fits beside 1.5 2^fraction.
        shift = number(1.5 * 2**fraction)
        n = builder.fsub(add_product(x, number(1.4426950408889634), shift), shift)
        r = add_product(n, number(-float.fromhex(high)), x)
        r = add_product(n, number(-float.fromhex(low)), r)
        e = number(1 / factorial(degree))
        for power in reversed(range(degree)):
            e = add_product(e, r, number(1 / factorial(power)))
        # 2^n in two factors, since it may leave the range where the exponential does not.
        power = builder.fptosi(builder.select(builder.fcmp_ordered("ord", n, n), n, number(0)), integers)
        half = builder.ashr(power, whole(1))
        for part in (half, builder.sub(power, half)):
            bits = builder.shl(builder.add(part, whole(bias)), whole(fraction))
            e = builder.fmul(e, builder.bitcast(bits, floats))
        return e

    return vector(vector), generate


def widened(typing: Any, vector: Any) -> Any:
    wide = Vector(types.float64, vector.lanes)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _converted(context, builder, values[0], vector, wide)

    return wide(vector), generate


def converted(typing: Any, array: Any, vector: Any) -> Any:
    other = Vector(array.dtype, vector.lanes)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _converted(context, builder, values[1], vector, other)

    return other(array, vector), generate


def minus(typing: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fsub(*values)

    return a(a, a), generate


def at_least(typing: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        compare = builder.icmp_signed if isinstance(a.dtype, types.Integer) else builder.fcmp_ordered
        return compare(">=", *values)

    return Vector(types.boolean, a.lanes)(a, a), generate


def both(typing: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.and_(*values)

    return a(a, a), generate


def every(typing: Any, mask: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = ir.IntType(mask.lanes)
        return builder.icmp_signed("==", builder.bitcast(values[0], bits), ir.Constant(bits, -1))

    return types.boolean(mask), generate


def select(typing: Any, mask: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(*values)

    return a(mask, a, a), generate


def truncated(typing: Any, vector: Any) -> Any:
    whole = Vector(types.int32, vector.lanes)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fptosi(values[0], context.get_value_type(whole))

    return whole(vector), generate


def halved(typing: Any, vector: Any, times: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        element = context.get_value_type(vector.dtype)
        return builder.ashr(values[0], _every_lane(builder, vector.lanes, builder.trunc(values[1], element)))

    return vector(vector, types.intp), generate


def _gathered(context: Any, builder: Any, array: Any, value: Any, indices: Any, lanes: int) -> Any:
    """The elements of an array at the lanes of `indices`."""
    found = context.make_array(array)(context, builder, value)
    bits, all_lanes = ir.IntType(lanes), ir.VectorType(ir.IntType(1), lanes)
    if config.BOUNDSCHECK:
        limit = _every_lane(builder, indices.type.count, builder.trunc(found.nitems, indices.type.element))
        outside = builder.bitcast(builder.icmp_unsigned(">=", indices, limit), bits)
        with builder.if_then(builder.icmp_signed("!=", outside, ir.Constant(bits, 0)), likely=False):
            context.call_conv.return_user_exc(builder, IndexError, ("an index leaves the array",))
    numbers = ir.VectorType(context.get_value_type(array.dtype), lanes)
    # llvmlite makes single addresses only: this instruction is given all of its indices afterwards.
    addresses = builder.gep(found.data, [ir.Constant(ir.IntType(32), 0)])
    addresses.indices, addresses.operands = [indices], [found.data, indices]
    addresses.type = ir.VectorType(found.data.type, lanes)
    kind = ("i" if isinstance(array.dtype, types.Integer) else "f") + str(array.dtype.bitwidth)
    function = builder.module.declare_intrinsic(
        f"llvm.masked.gather.v{lanes}{kind}.v{lanes}p0",
        fnty=ir.FunctionType(numbers, [addresses.type, ir.IntType(32), all_lanes, numbers]),
    )
    alignment = ir.Constant(ir.IntType(32), array.dtype.bitwidth // 8)
    every = ir.Constant(all_lanes, [1] * lanes)
    return builder.call(function, [addresses, alignment, every, ir.Constant(numbers, ir.Undefined)])


def gather(typing: Any, array: Any, indices: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _gathered(context, builder, array, values[0], values[1], indices.lanes)

    return Vector(array.dtype, indices.lanes)(array, indices), generate


def gathered_sum(typing: Any, tag: Any, weights: Any, array: Any, first: Any) -> Any:
    lanes, width = first.lanes, tag.count

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        total = None
        for l in range(width):
            index = ir.Constant(values[3].type, [l] * lanes)
            element = _gathered(context, builder, array, values[2], builder.add(values[3], index), lanes)
            weight = _arranged(context, builder, values[1], list(range(l, lanes * width, width)))
            product = builder.fmul(weight, element, flags=_CONTRACT)
            total = product if total is None else builder.fadd(product, total, flags=_CONTRACT)
        return total

    return Vector(array.dtype, lanes)(tag, weights, array, first), generate


def _arranged(context: Any, builder: Any, value: Any, lanes: list[int]) -> Any:
    """The vector of these lanes of another."""
    return builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes))


def repeated(typing: Any, tag: Any, vector: Any) -> Any:
    order = [lane for lane in range(vector.lanes) for _ in range(tag.count)]

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _arranged(context, builder, values[1], order)

    return Vector(vector.dtype, len(order))(tag, vector), generate


def tiled(typing: Any, lanes: Any, vector: Any) -> Any:
    order = list(range(vector.lanes)) * lanes.count

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _arranged(context, builder, values[1], order)

    return Vector(vector.dtype, len(order))(lanes, vector), generate


def polynomials(
    typing: Any, lanes: Any, tag: Any, flat: Any, begin: Any, rows: Any, points: Any, first: Any
) -> Any:
    width = tag.count
    result, functions = Vector(flat.dtype, lanes.count * width), Vector(flat.dtype, width)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        index = values[6].type

        def coefficients(at: Any, power: int) -> Any:
            here = builder.add(at, ir.Constant(index, power * width))
            pointer, alignment = _moved(context, builder, flat, values[2], here, functions)
            loaded = builder.load(pointer)
            loaded.align = alignment
            return loaded

        parts = []
        for lane in range(lanes.count):
            number = builder.add(values[6], ir.Constant(index, lane))
            row = builder.sext(builder.load(_address(context, builder, rows, values[4], number, 1)), index)
            at = builder.add(values[3], builder.mul(row, ir.Constant(index, width * width)))
            y = builder.load(_address(context, builder, points, values[5], number, 1))
            y = _every_lane(builder, functions.lanes, y)
            value = coefficients(at, width - 1)
            for power in reversed(range(width - 1)):
                product = builder.fmul(value, y, flags=_CONTRACT)
                value = builder.fadd(product, coefficients(at, power), flags=_CONTRACT)
            parts.append(value)
        while len(parts) > 1:  # 2^n lanes
            both = ir.VectorType(ir.IntType(32), 2 * parts[0].type.count)
            order = ir.Constant(both, list(range(both.count)))
            parts = [
                builder.shuffle_vector(a, b, order) for a, b in zip(parts[::2], parts[1::2], strict=True)
            ]
        return parts[0]

    return result(lanes, tag, flat, types.intp, rows, points, types.intp), generate


def store_columns(typing: Any, tag: Any, array: Any, index: Any, pitch: Any, vector: Any) -> Any:
    rows, width = vector.lanes // tag.count, tag.count
    column = Vector(vector.dtype, rows)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        for l in range(width):
            at = builder.add(values[2], builder.mul(values[3], ir.Constant(values[3].type, l)))
            pointer, alignment = _moved(context, builder, array, values[1], at, column)
            numbers = _arranged(context, builder, values[4], list(range(l, vector.lanes, width)))
            builder.store(numbers, pointer).align = alignment
        return context.get_dummy_value()

    return types.void(tag, array, types.intp, types.intp, vector), generate
