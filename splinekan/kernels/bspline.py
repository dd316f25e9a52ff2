"""The active B-splines at points, and sums of B-splines.

`pieces` as for the kernels of a layer, with a table of one derivative: the one that is wanted. A block of
points is located and evaluated in the fastest cache. Where all of it lies inside the domain and the pieces
are alike (uniform knots), eight points go through the registers at once, from x to the result. Both ways
take the same steps in the same order, so that a value does not depend on the points beside it.
"""

import numpy as np
from numba import njit

from splinekan.kernels._active import (
    Pieces,
    active_functions,
    are_alike,
    located_alike,
    room,
    same_polynomials,
    whole_vectors,
)
from splinekan.kernels._simd import (
    NARROW,
    at_least,
    broadcast,
    converted,
    every,
    gather,
    load,
    multiply_add,
    plus,
    repeated,
    splat,
    store,
    store_columns,
    tiled,
    times,
    widened,
)
from splinekan.kernels._tiles import aligned

BLOCK = 512
"""Points of a block."""
ALONE = (0,)
"""The vector of one lane."""


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
def _polynomial(flat, l, local, tag):
    """Function l where all pieces are alike, at a vector of local coordinates."""
    width = len(tag)
    at = width * width + l
    value = broadcast(NARROW, flat, at + (width - 1) * width)
    for power in range(1, width):
        value = multiply_add(value, local, broadcast(NARROW, flat, at + (width - 1 - power) * width))
    return value


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
def _eight(values, i, tag):
    """The functions of the samples i..i+7, sample by sample."""
    two = tag + tag
    return load(two + two + two + two, values, i * len(tag))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _tabulate_alike(x, pieces, out, first, begin, end):
    """`tabulate` on at least eight points if all of them lie inside; returns whether they do."""
    tag, flat, n = Pieces(*pieces).tag, Pieces(*pieces).table.ravel(), x.shape[0]
    all_inside = True
    for start in range(begin, end, len(NARROW)):
        i = min(start, end - len(NARROW))
        local, span, _, inside = located_alike(widened(load(NARROW, x, i)), pieces)
        narrow = converted(flat, local)
        store(first, i, span)
        for l in range(len(tag)):
            store(out, l * n + i, _polynomial(flat, l, narrow, tag))
        all_inside = all_inside and every(inside)
    return all_inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _save_rows(out, n, first, tag, active, begin, count):
    """The active functions of a block as columns begin.. of the rows `out`, n long."""
    values, spans = active.values[0], active.spans
    if count < len(NARROW):
        for i in range(count):
            first[begin + i] = spans[i]
            for l in range(len(tag)):
                out[l * n + begin + i] = values[i * len(tag) + l]
        return
    for start in range(0, count, len(NARROW)):
        i = min(start, count - len(NARROW))
        store(first, begin + i, load(NARROW, spans, i))
        store_columns(tag, out, begin + i, n, _eight(values, i, tag))


@njit(cache=True, nogil=True)
def tabulate(x, pieces, values, first, start, stop):
    """values (k+1, n) and the index of the first active function (n,), for points start..stop-1.

    Returns whether a point lies outside the domain or is NaN (which gives NaN).
    """
    tag, n = Pieces(*pieces).tag, x.shape[0]
    active = room(min(BLOCK, stop - start), np.int64(1), pieces)
    out = values.ravel()
    any_outside = False
    for begin in range(start, stop, BLOCK):
        end = min(stop, begin + BLOCK)
        count = end - begin
        inside = False
        if are_alike(pieces) and count >= len(NARROW):
            inside = _tabulate_alike(x, pieces, out, first, begin, end)
        if not inside:
            outside = active_functions(x, 1, 0, begin, end, pieces, active)
            any_outside = any_outside or outside
            _save_rows(out, n, first, tag, active, begin, count)
    return any_outside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine_alike(x, pieces, c, y, begin, end):
    """`combine` on at least eight points if all of them lie inside: whether they do, and sums are finite."""
    tag, flat = Pieces(*pieces).tag, Pieces(*pieces).table.ravel()
    zero = splat(NARROW, c.dtype.type(0))
    all_inside, check = True, zero
    for start in range(begin, end, len(NARROW)):
        i = min(start, end - len(NARROW))
        local, span, _, inside = located_alike(widened(load(NARROW, x, i)), pieces)
        narrow = converted(flat, local)
        combination = times(_polynomial(flat, 0, narrow, tag), gather(c, span))
        for l in range(1, len(tag)):
            coefficient = gather(c, plus(span, splat(NARROW, np.int32(l))))
            combination = multiply_add(_polynomial(flat, l, narrow, tag), coefficient, combination)
        store(y, i, combination)
        check = multiply_add(combination, zero, check)  # NaN from the first number that is not finite
        all_inside = all_inside and every(inside)
    return all_inside, every(at_least(check, zero))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine(c, tag, active, scratch, sums, length):
    """sums[i] = sum_l c[spans[i] + l] values[i, l]; returns whether they are finite."""
    zero = splat(NARROW, c.dtype.type(0))
    check = zero
    for i in range(0, length, len(NARROW)):
        store_columns(tag, scratch, 0, len(NARROW), _eight(active.values[0], i, tag))
        span = load(NARROW, active.spans, i)
        combination = times(load(NARROW, scratch, 0), gather(c, span))
        for l in range(1, len(tag)):
            coefficient = gather(c, plus(span, splat(NARROW, l)))
            combination = multiply_add(load(NARROW, scratch, l * len(NARROW)), coefficient, combination)
        store(sums, i, combination)
        check = multiply_add(combination, zero, check)
    return every(at_least(check, zero))


@njit(cache=True, nogil=True)
def combine(x, pieces, c, y, start, stop):
    """y = sum_i c_i b_i(x) for points start..stop-1.

    Returns whether a point lies outside the domain or is NaN, and whether all sums are finite.
    """
    tag, length = Pieces(*pieces).tag, whole_vectors(min(BLOCK, stop - start))
    active = room(length, np.int64(1), pieces)
    scratch, sums = aligned(len(NARROW) * len(tag), x.dtype), np.empty(length, x.dtype)
    any_outside, all_finite = False, True
    for begin in range(start, stop, BLOCK):
        end = min(stop, begin + BLOCK)
        count = end - begin
        inside, finite = False, True
        if are_alike(pieces) and count >= len(NARROW):
            inside, finite = _combine_alike(x, pieces, c, y, begin, end)
        if not inside:
            outside = active_functions(x, 1, 0, begin, end, pieces, active)
            any_outside = any_outside or outside
            finite = _combine(c, tag, active, scratch, sums, whole_vectors(count))
            for i in range(count):
                y[begin + i] = sums[i]
        all_finite = all_finite and finite
    return any_outside, all_finite


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine_columns(lanes, q, stop, n_out, c, tag, active, count, y, begin):
    """The columns q..stop-1 of `combine_columns`, whole vectors of lanes; returns whether they are finite."""
    values, spans = active.values[0], active.spans
    zero = splat(lanes, c.dtype.type(0))
    check = zero
    for i in range(count):
        for column in range(q, stop, len(lanes)):
            at = spans[i] * n_out + column
            combination = times(broadcast(lanes, values, i * len(tag)), load(lanes, c, at))
            for l in range(1, len(tag)):
                value = broadcast(lanes, values, i * len(tag) + l)
                combination = multiply_add(value, load(lanes, c, at + l * n_out), combination)
            store(y, (begin + i) * n_out + column, combination)
            check = multiply_add(combination, zero, check)
    return every(at_least(check, zero))


@njit(cache=True, nogil=True)
def combine_columns(x, pieces, c, y, start, stop):
    """The same for c (n_basis, n_out) and y (n, n_out)."""
    tag, n_out = Pieces(*pieces).tag, c.shape[1]
    wide = n_out // len(NARROW) * len(NARROW)
    active = room(min(BLOCK, stop - start), np.int64(1), pieces)
    flat_c, flat_y = c.ravel(), y.ravel()
    any_outside, all_finite = False, True
    for begin in range(start, stop, BLOCK):
        count = min(stop, begin + BLOCK) - begin
        outside = active_functions(x, 1, 0, begin, begin + count, pieces, active)
        finite = _combine_columns(NARROW, 0, wide, n_out, flat_c, tag, active, count, flat_y, begin)
        rest = _combine_columns(ALONE, wide, n_out, n_out, flat_c, tag, active, count, flat_y, begin)
        any_outside, all_finite = any_outside or outside, all_finite and finite and rest
    return any_outside, all_finite


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
def _store_spans(columns, at, span, functions, tag):
    """The indices of the functions that are active in a vector of spans, sample by sample."""
    first = repeated(tag, converted(functions, span))
    store(columns, at, plus(first, tiled(NARROW, load(tag, functions, 0))))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _design_alike(x, pieces, data, columns, functions, begin, end):
    """`design` on at least eight points if all of them lie inside; returns whether they do."""
    tag, flat = Pieces(*pieces).tag, Pieces(*pieces).table.ravel()
    all_inside = True
    for start in range(begin, end, len(NARROW)):
        i = min(start, end - len(NARROW))
        local, span, _, inside = located_alike(widened(load(NARROW, x, i)), pieces)
        at = len(tag) * len(tag)
        store(data, i * len(tag), same_polynomials(flat, at, converted(flat, local), tag))
        _store_spans(columns, i * len(tag), span, functions, tag)
        all_inside = all_inside and every(inside)
    return all_inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _save_design(data, columns, functions, tag, active, begin, count):
    """The active functions of a block as rows begin.. of the design matrix."""
    width, values, spans = len(tag), active.values[0], active.spans
    if count < len(NARROW):
        for i in range(count):
            for l in range(width):
                data[(begin + i) * width + l] = values[i * width + l]
                columns[(begin + i) * width + l] = spans[i] + l
        return
    for start in range(0, count, len(NARROW)):
        i = min(start, count - len(NARROW))
        store(data, (begin + i) * width, _eight(values, i, tag))
        _store_spans(columns, (begin + i) * width, load(NARROW, spans, i), functions, tag)


@njit(cache=True, nogil=True)
def design(x, pieces, data, columns, pointers, start, stop):
    """Rows start..stop-1 of the design matrix in the compressed format: k+1 numbers and columns a row.

    pointers[i + 1] is where row i ends. Returns whether a point lies outside the domain or is NaN.
    """
    tag = Pieces(*pieces).tag
    width = len(tag)
    functions = np.arange(width).astype(np.int32)
    active = room(min(BLOCK, stop - start), np.int64(1), pieces)
    any_outside = False
    for begin in range(start, stop, BLOCK):
        end = min(stop, begin + BLOCK)
        inside = False
        if are_alike(pieces) and end - begin >= len(NARROW):
            inside = _design_alike(x, pieces, data, columns, functions, begin, end)
        if not inside:
            outside = active_functions(x, 1, 0, begin, end, pieces, active)
            any_outside = any_outside or outside
            _save_design(data, columns, functions, tag, active, begin, end - begin)
        for i in range(begin, end):
            pointers[i + 1] = (i + 1) * width
    return any_outside
