"""Location of points among the pieces of a spline, and the B-splines that are active there.

All knots are searched in the same way, eight points at a time and without branches. The domain is divided
into cells of equal width; arithmetic finds the cell of a point, a table the number of edges of pieces in the
cells before, and bisection the piece among those that begin in the cell. Uniform and dyadically refined knots
have at most one edge in a cell, so that a single comparison is left.

The search is exact. The arithmetic x -> (x - start) cells_per_unit, rounded, never decreases with x, and the
table was made with the same arithmetic: an edge in an earlier cell is less than x, in a later cell greater.
In the cell itself the edges are compared with x.

Kernels that use this file are compiled with it: Numba's cache does not detect changes of this file.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from splinekan.kernels._simd import (
    NARROW,
    at_least,
    both,
    broadcast,
    converted,
    every,
    gather,
    halved,
    load,
    minus,
    multiply_add,
    plus,
    polynomials,
    repeated,
    select,
    splat,
    store,
    tiled,
    times,
    truncated,
    widened,
)
from splinekan.kernels._tiles import aligned


class Pieces(NamedTuple):
    """B-splines as local polynomials, the fields of `splinekan.splines.pp_form.LocalPieces`.

    Kernels are handed the plain tuple and name its fields themselves: dispatching on a NamedTuple takes half
    a microsecond more.

    Attributes
    ----------
    edges, cells, start, cells_per_unit, steps
        Of the search: see `splinekan.splines.pp_form.Search`.
    origins, scales, table
        As for `LocalPieces`: (pieces,), (pieces,), (derivatives, rows, k+1, k+1).
    tag
        k+1 zeros. The length is part of the type of a tuple, so the compiler knows the degree and unrolls the
        loops over active functions: twice to three times faster than a degree known at run time only.
    """

    edges: Any
    cells: Any
    start: Any
    cells_per_unit: Any
    steps: Any
    origins: Any
    scales: Any
    table: Any
    tag: Any


class Active(NamedTuple):
    """The functions of one input that are active at a block of samples, and the memory for them.

    Attributes
    ----------
    spans
        (block,) index of the first active function.
    values
        (derivatives, block (k+1)) of the active functions, sample by sample.
    rows, local
        (block,) row of the table, and local coordinate, of every point, where pieces are not alike.

    A block is a whole number of vectors, the last of which may lie partly beyond the samples.
    """

    spans: Any
    values: Any
    rows: Any
    local: Any


@njit(inline="always")
def whole_vectors(n):
    """The length of n numbers in whole vectors."""
    return (n + len(NARROW) - 1) // len(NARROW) * len(NARROW)


@njit(inline="always")
def are_alike(pieces):
    """Whether all pieces inside the domain share the middle row of the table, as on uniform knots."""
    return Pieces(*pieces).table.shape[1] == 3


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
def _cell(x, pieces):
    """The cells of a vector of points, and the masks of those not left of a, and of those in [a, b]."""
    p = Pieces(*pieces)
    first, last = splat(NARROW, 0.0), splat(NARROW, np.float64(p.cells.shape[0] - 1))
    cell = times(minus(x, splat(NARROW, p.start)), splat(NARROW, p.cells_per_unit))
    cell = select(at_least(cell, first), cell, first)  # NaN too
    cell = select(at_least(last, cell), cell, last)
    not_left = at_least(x, broadcast(NARROW, p.edges, 0))
    not_right = at_least(broadcast(NARROW, p.edges, p.edges.shape[0] - 1), x)
    return truncated(cell), not_left, both(not_left, not_right)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
def located_alike(x, pieces):
    """Local coordinates and spans of a vector of points, and the mask of those inside; the others become 0.

    For pieces that are alike: edge i lies in cell i, and the pieces are as wide as the cells.
    """
    p = Pieces(*pieces)
    zero, last = splat(NARROW, np.int32(0)), splat(NARROW, np.int32(p.edges.shape[0] - 2))
    cell, _, inside = _cell(x, pieces)
    span = select(at_least(x, gather(p.edges, cell)), cell, plus(cell, splat(NARROW, np.int32(-1))))
    span = select(at_least(last, span), span, last)
    span = select(at_least(span, zero), span, zero)
    origin = gather(p.origins, plus(span, splat(NARROW, np.int32(1))))
    local = times(minus(x, origin), splat(NARROW, p.cells_per_unit))
    return select(inside, local, splat(NARROW, 0.0)), span, inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
def located(x, pieces):
    """Local coordinates, spans and rows of the table of a vector of points, and the mask of those inside.

    For all pieces and points; the same numbers as from `located_alike` where that applies. NaN stays NaN, in
    the first row.
    """
    p = Pieces(*pieces)
    zero, one = splat(NARROW, np.int32(0)), splat(NARROW, np.int32(1))
    last = splat(NARROW, np.int32(p.edges.shape[0] - 2))
    cell, not_left, inside = _cell(x, pieces)
    piece, step = gather(p.cells, cell), p.steps
    while step > 0:
        later = plus(piece, splat(NARROW, np.int32(step)))
        later = select(at_least(last, later), later, last)
        piece = select(at_least(x, gather(p.edges, later)), later, piece)
        step >>= 1
    alike = p.table.shape[1] == 3
    span = halved(piece, 1 - alike)
    row = both(piece, splat(NARROW, np.int32(alike - 1)))  # all bits, or none
    row = select(
        inside, plus(row, one), select(not_left, splat(NARROW, np.int32(p.table.shape[1] - 1)), zero)
    )
    outer = select(not_left, splat(NARROW, np.int32(p.origins.shape[0] - 1)), zero)
    piece = select(inside, plus(piece, one), outer)
    local = times(minus(x, gather(p.origins, piece)), gather(p.scales, piece))
    return local, span, row, inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)
def same_polynomials(flat, at, local, tag):
    """sum_p flat[at + (p, l)] local^p for eight samples, sample by sample: none of the lanes is empty."""
    width = len(tag)
    y = repeated(tag, local)
    value = tiled(NARROW, load(tag, flat, at + (width - 1) * width))
    for power in range(1, width):
        value = multiply_add(value, y, tiled(NARROW, load(tag, flat, at + (width - 1 - power) * width)))
    return value


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def room(block, derivatives, pieces):
    """Memory for the active functions of blocks of samples, in the type of the table."""
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    length = whole_vectors(block)
    return Active(
        np.empty(length, np.int64),
        aligned(derivatives * length * len(tag), table.dtype).reshape((derivatives, length * len(tag))),
        np.empty(length, np.int32),
        np.empty(length, table.dtype),
    )


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _fill_alike(local, pieces, spans, derivatives, pitch, values):
    """`active_functions` at the points `local` if all of them lie inside; returns whether they do.

    For pieces that are alike.
    """
    tag, flat = Pieces(*pieces).tag, Pieces(*pieces).table.ravel()
    square, all_inside = len(tag) * len(tag), True
    for i in range(0, local.shape[0], len(NARROW)):
        y, span, inside = located_alike(widened(load(NARROW, local, i)), pieces)
        y = converted(flat, y)
        store(spans, i, span)
        for d in range(derivatives):
            store(values, d * pitch + i * len(tag), same_polynomials(flat, (3 * d + 1) * square, y, tag))
        all_inside = all_inside and every(inside)
    return all_inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def locate(points, pieces, spans, rows):
    """The span and the row of the table of every point, in whole vectors; points become local coordinates.

    Returns whether all points lie inside the domain. Points are located in float64, whatever their type.
    """
    all_inside = True
    for i in range(0, points.shape[0], len(NARROW)):
        local, span, row, inside = located(widened(load(NARROW, points, i)), pieces)
        store(points, i, local)
        store(spans, i, span)
        store(rows, i, row)
        all_inside = all_inside and every(inside)
    return all_inside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def active_functions(x, stride, offset, first, stop, pieces, active):
    """Fill `active` for an input of the samples first..stop-1: spans, and all values by Horner's rule.

    The point of sample i is x[i stride + offset]. The number of derivatives wanted is the length of
    `active.values`. Returns whether a point lies outside the domain or is NaN.
    """
    tag, table = Pieces(*pieces).tag, Pieces(*pieces).table
    count, (derivatives, pitch) = stop - first, active.values.shape
    local, values = active.local[: whole_vectors(count)], active.values.ravel()
    for i in range(count):
        local[i] = x[(first + i) * stride + offset]
    for i in range(count, local.shape[0]):
        local[i] = local[0]
    if are_alike(pieces) and _fill_alike(local, pieces, active.spans, derivatives, pitch, values):
        return False
    inside = locate(local, pieces, active.spans, active.rows)
    flat = table.ravel()
    for d in range(derivatives):
        begin = d * table.shape[1] * len(tag) * len(tag)
        for i in range(0, local.shape[0], len(NARROW)):
            functions = polynomials(NARROW, tag, flat, begin, active.rows, local, i)
            store(values, d * pitch + i * len(tag), functions)
    return not inside
