"""The active B-splines at points, and sums of B-splines.

`pieces` as for the kernels of a layer, with a table of one derivative: the one that is wanted. Eight points
go through the registers at once, from x to the result. The steps and their order do not depend on the other
points, nor does the result.
"""

import numpy as np
from numba import njit

from splinekan.kernels._active import (
    Pieces,
    active_functions,
    are_alike,
    locate,
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
    gathered_sum,
    load,
    multiply_add,
    plus,
    polynomials,
    repeated,
    splat,
    store,
    store_columns,
    tiled,
    times,
    widened,
)

BLOCK = 1024
"""Points of a block. On uniform knots all of them are taken to lie inside the domain; if one does not, the
block is evaluated again."""
ALONE = (0,)
"""The vector of one lane."""


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
def _polynomial(flat, l, y, tag):
    """Function l at a vector of local coordinates, where the pieces are alike."""
    width = len(tag)
    at = width * width + l
    value = broadcast(NARROW, flat, at + (width - 1) * width)
    for power in range(1, width):
        value = multiply_add(value, y, broadcast(NARROW, flat, at + (width - 1 - power) * width))
    return value


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _locate(x, pieces, start, stop, active):
    """The spans, rows and local coordinates of a block; returns whether all points lie inside."""
    count = stop - start
    local = active.local[: whole_vectors(count)]
    for i in range(count):
        local[i] = x[start + i]
    for i in range(count, len(local)):
        local[i] = x[start]
    return locate(local, pieces, active.spans, active.rows)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _tabulate_alike(x, pieces, out, first, start, stop):
    """`_tabulate` for pieces that are alike: right only if all points lie inside; returns whether they do."""
    tag, flat, n = Pieces(*pieces).tag, Pieces(*pieces).table.ravel(), x.shape[0]
    all_inside = True
    for begin in range(start, stop, len(NARROW)):
        i = min(begin, stop - len(NARROW))
        local, span, inside = located_alike(widened(load(NARROW, x, i)), pieces)
        y = converted(flat, local)
        store(first, i, span)
        for l in range(len(tag)):
            store(out, l * n + i, _polynomial(flat, l, y, tag))
        all_inside = all_inside and every(inside)
    return all_inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _tabulate(x, pieces, out, first, start, stop, active):
    """`tabulate` on a block of at least eight points, `out` flat; returns whether all of them lie inside.

    The last vector overlaps with the one before it.
    """
    tag, flat, n = Pieces(*pieces).tag, Pieces(*pieces).table.ravel(), x.shape[0]
    inside = _locate(x, pieces, start, stop, active)
    for begin in range(0, stop - start, len(NARROW)):
        i = min(begin, stop - start - len(NARROW))
        store(first, start + i, load(NARROW, active.spans, i))
        functions = polynomials(NARROW, tag, flat, 0, active.rows, active.local, i)
        store_columns(tag, out, start + i, n, functions)
    return inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _tabulate_chunks(x, pieces, out, first, start, stop):
    """The same, and whether a point lies outside the domain or is NaN."""
    active, outside = room(min(BLOCK, stop - start), np.int64(1), pieces), False
    for begin in range(start, stop, BLOCK):
        begin, end = max(start, min(begin, stop - len(NARROW))), min(stop, begin + BLOCK)
        if not (are_alike(pieces) and _tabulate_alike(x, pieces, out, first, begin, end)):
            inside = _tabulate(x, pieces, out, first, begin, end, active)
            outside = outside or not inside
    return outside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _padded(x, start, stop):
    """Less than eight points, the first of them repeated."""
    points = np.empty(len(NARROW), x.dtype)
    for i in range(len(NARROW) if start < stop else 0):
        points[i] = x[start + i] if start + i < stop else x[start]
    return points


@njit(cache=True, nogil=True)
def tabulate(x, pieces, values, first, start, stop):
    """values (k+1, n) and the index of the first active function (n,), for points start..stop-1.

    Returns whether a point lies outside the domain or is NaN (which gives NaN).
    """
    count, width = stop - start, len(Pieces(*pieces).tag)
    points, out, spans, begin, end = x, values.ravel(), first, start, stop
    if count < len(NARROW):
        points, begin, end = _padded(x, start, stop), 0, min(count, 1) * len(NARROW)
        out, spans = np.empty(width * len(NARROW), values.dtype), np.empty(len(NARROW), first.dtype)
    outside = _tabulate_chunks(points, pieces, out, spans, begin, end)
    if count < len(NARROW):
        for i in range(count):
            first[start + i] = spans[i]
            for l in range(width):
                values[l, start + i] = out[l * len(NARROW) + i]
    return outside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine_alike(x, pieces, c, y, start, stop):
    """`_combine` for pieces that are alike: right only if all points lie inside."""
    tag, flat = Pieces(*pieces).tag, Pieces(*pieces).table.ravel()
    zero = splat(NARROW, c.dtype.type(0))
    all_inside, check = True, zero
    for begin in range(start, stop, len(NARROW)):
        i = min(begin, stop - len(NARROW))
        local, span, inside = located_alike(widened(load(NARROW, x, i)), pieces)
        local = converted(flat, local)
        combination = times(_polynomial(flat, 0, local, tag), gather(c, span))
        for l in range(1, len(tag)):
            coefficient = gather(c, plus(span, splat(NARROW, np.int32(l))))
            combination = multiply_add(_polynomial(flat, l, local, tag), coefficient, combination)
        store(y, i, combination)
        check = multiply_add(combination, zero, check)
        all_inside = all_inside and every(inside)
    return all_inside, every(at_least(check, zero))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine(x, pieces, c, y, start, stop, active):
    """`combine` on a block of at least eight points: whether all of them lie inside, and sums are finite."""
    tag, flat = Pieces(*pieces).tag, Pieces(*pieces).table.ravel()
    zero = splat(NARROW, c.dtype.type(0))
    check = zero
    inside = _locate(x, pieces, start, stop, active)
    for begin in range(0, stop - start, len(NARROW)):
        i = min(begin, stop - start - len(NARROW))
        functions = polynomials(NARROW, tag, flat, 0, active.rows, active.local, i)
        combination = gathered_sum(tag, functions, c, load(NARROW, active.spans, i))
        store(y, start + i, combination)
        check = multiply_add(combination, zero, check)  # NaN from the first number that is not finite
    return inside, every(at_least(check, zero))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine_chunks(x, pieces, c, y, start, stop):
    """The same, and whether a point lies outside the domain or is NaN, and all sums are finite."""
    active, outside, all_finite = room(min(BLOCK, stop - start), np.int64(1), pieces), False, True
    for begin in range(start, stop, BLOCK):
        begin, end = max(start, min(begin, stop - len(NARROW))), min(stop, begin + BLOCK)
        inside, finite = False, True
        if are_alike(pieces):
            inside, finite = _combine_alike(x, pieces, c, y, begin, end)
        if not inside:
            inside, finite = _combine(x, pieces, c, y, begin, end, active)
            outside = outside or not inside
        all_finite = all_finite and finite
    return outside, all_finite


@njit(cache=True, nogil=True)
def combine(x, pieces, c, y, start, stop):
    """y = sum_i c_i b_i(x) for points start..stop-1.

    Returns whether a point lies outside the domain or is NaN, and whether all sums are finite.
    """
    count = stop - start
    points, sums, begin, end = x, y, start, stop
    if count < len(NARROW):
        points, begin, end = _padded(x, start, stop), 0, min(count, 1) * len(NARROW)
        sums = np.empty(len(NARROW), y.dtype)
    outside, finite = _combine_chunks(points, pieces, c, sums, begin, end)
    if count < len(NARROW):
        for i in range(count):
            y[start + i] = sums[i]
    return outside, finite


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


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _design_alike(x, pieces, data, columns, start, stop):
    """`_design` for pieces that are alike: right only if all points lie inside."""
    tag, flat = Pieces(*pieces).tag, Pieces(*pieces).table.ravel()
    width, numbers = len(tag), np.arange(len(tag)).astype(np.int32)
    all_inside = True
    for begin in range(start, stop, len(NARROW)):
        i = min(begin, stop - len(NARROW))
        local, span, inside = located_alike(widened(load(NARROW, x, i)), pieces)
        store(data, i * width, same_polynomials(flat, width * width, converted(flat, local), tag))
        store(columns, i * width, plus(repeated(tag, span), tiled(NARROW, load(tag, numbers, 0))))
        all_inside = all_inside and every(inside)
    return all_inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _design(x, pieces, data, columns, start, stop, active):
    """`design` on a block of at least eight points; returns whether all of them lie inside."""
    tag, flat = Pieces(*pieces).tag, Pieces(*pieces).table.ravel()
    width, numbers = len(tag), np.arange(len(tag)).astype(np.int64)
    inside = _locate(x, pieces, start, stop, active)
    for begin in range(0, stop - start, len(NARROW)):
        i = min(begin, stop - start - len(NARROW))
        store(data, (start + i) * width, polynomials(NARROW, tag, flat, 0, active.rows, active.local, i))
        span = repeated(tag, load(NARROW, active.spans, i))
        store(columns, (start + i) * width, plus(span, tiled(NARROW, load(tag, numbers, 0))))
    return inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _design_chunks(x, pieces, data, columns, start, stop):
    """The same, and whether a point lies outside the domain or is NaN."""
    active, outside = room(min(BLOCK, stop - start), np.int64(1), pieces), False
    for begin in range(start, stop, BLOCK):
        begin, end = max(start, min(begin, stop - len(NARROW))), min(stop, begin + BLOCK)
        if not (are_alike(pieces) and _design_alike(x, pieces, data, columns, begin, end)):
            inside = _design(x, pieces, data, columns, begin, end, active)
            outside = outside or not inside
    return outside


@njit(cache=True, nogil=True)
def design(x, pieces, data, columns, pointers, start, stop):
    """Rows start..stop-1 of the design matrix in the compressed format: k+1 numbers and columns a row.

    pointers[i + 1] is where row i ends. Returns whether a point lies outside the domain or is NaN.
    """
    count, width = stop - start, len(Pieces(*pieces).tag)
    for i in range(start, stop):
        pointers[i + 1] = (i + 1) * width
    points, numbers, indices, begin, end = x, data, columns, start, stop
    if count < len(NARROW):
        points, begin, end = _padded(x, start, stop), 0, min(count, 1) * len(NARROW)
        numbers = np.empty(width * len(NARROW), data.dtype)
        indices = np.empty(width * len(NARROW), columns.dtype)
    outside = _design_chunks(points, pieces, numbers, indices, begin, end)
    if count < len(NARROW):
        for i in range(count * width):
            data[start * width + i] = numbers[i]
            columns[start * width + i] = indices[i]
    return outside
