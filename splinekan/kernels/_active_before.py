"""Where points lie among the pieces of a spline, and the B-splines that are active there.

`locate` works on a whole block of points, so that its loops run over contiguous arrays; a function called for
every point would spend longer on its arguments than on the search.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from splinekan.kernels._simd_before import horner

POINTS = 1024
"""Points of a block, samples times inputs: enough that a call for a block costs nothing, few enough that the
active functions stay in the fastest caches."""


class Pieces(NamedTuple):
    """B-splines as local polynomials, the fields of `splinekan.splines.pp_form.LocalPieces`.

    Kernels are handed the plain tuple and name its fields themselves: dispatching on a NamedTuple takes half
    a microsecond more.

    Attributes
    ----------
    breakpoints, inverse_spacing, origins, scales, table
        As for `LocalPieces`: (G+1,), a number, (pieces,), (pieces,), (derivatives, rows, k+1, k+1).
    tag
        k+1 zeros. The length is part of the type of a tuple, so the compiler knows the degree and unrolls the
        loops over active functions: twice to three times faster than a degree known at run time only.
    """

    breakpoints: Any
    inverse_spacing: Any
    origins: Any
    scales: Any
    table: Any
    tag: Any


class Active(NamedTuple):
    """The active functions at a block of samples, and the memory in which they are computed.

    Attributes
    ----------
    spans
        (batch, n_in) index of the first active function.
    values
        (derivatives, batch, n_in, k+1) of the active functions.
    rows, local
        (batch n_in,) row of the table, and local coordinate, of every point.
    """

    spans: Any
    values: Any
    rows: Any
    local: Any


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def locate(points, pieces, spans, rows):
    """The span and the row of the table of every point (n,); points become local coordinates, in place.

    Returns whether a point lies outside the domain or is NaN, which stays NaN. Points are located in float64,
    whatever their type.
    """
    breakpoints, inverse_spacing, origins, scales, table, _ = pieces
    intervals = breakpoints.shape[0] - 1
    last, end, top = table.shape[1] - 1, origins.shape[0] - 1, intervals - 1
    a, b = breakpoints[0], breakpoints[intervals]
    n = points.shape[0]
    outside = False
    if end == intervals + 1:  # uniform knots: all inner pieces are alike
        for i in range(n):
            point = np.float64(points[i])
            if point >= a and point <= b:
                span = min(int((point - a) * inverse_spacing), top)
                # It may be one interval off, by rounding: the knots themselves decide.
                if point < breakpoints[span]:
                    span -= 1
                elif span < top and point >= breakpoints[span + 1]:
                    span += 1
                piece, row = span + 1, 1
            else:
                outside = True
                if point > b:
                    piece, row, span = end, last, top
                else:  # NaN lands here
                    piece, row, span = 0, 0, 0
            spans[i] = span
            rows[i] = row
            points[i] = (point - origins[piece]) * scales[piece]
        return outside
    if inverse_spacing > 0.0:
        for i in range(n):
            point = np.float64(points[i])
            span = 0
            if point >= a:
                span = min(int((min(point, b) - a) * inverse_spacing), top)
                if point < breakpoints[span]:
                    span -= 1
                elif span < top and point >= breakpoints[span + 1]:
                    span += 1
            spans[i] = span
    else:  # bisection, level by level: the steps of different points do not wait for each other
        for i in range(n):
            spans[i] = 0
        left = intervals
        while left > 1:
            half = left // 2
            for i in range(n):
                spans[i] += half * (np.float64(points[i]) >= breakpoints[spans[i] + half])
            left -= half
    for i in range(n):
        point = np.float64(points[i])
        span = spans[i]
        piece = 1 + 2 * span + (point - breakpoints[span] > breakpoints[span + 1] - point)
        if not (point >= a and point <= b):
            outside = True
            piece = end if point > b else 0
        rows[i] = piece
        points[i] = (point - origins[piece]) * scales[piece]
    return outside


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def room(n_in, samples, derivatives, pieces):
    """Memory for the active functions of blocks of at most that many samples, in the type of the table."""
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    batch = min(max(POINTS // n_in, 8), max(samples, 1))
    return Active(
        np.empty((batch, n_in), np.int64),
        np.empty((derivatives, batch, n_in, len(tag)), table.dtype),
        np.empty(batch * n_in, np.int64),
        np.empty(batch * n_in, table.dtype),
    )


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def active_functions(x, stride, first, stop, pieces, active):
    """Fill `active` for the samples first..stop-1: their spans, and all values by Horner's rule.

    Point p of sample i is x[i stride + p]. The number of derivatives wanted is the length of `active.values`.
    """
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    n_in, width = active.spans.shape[1], len(tag)
    count = (stop - first) * n_in
    local, rows = active.local[:count], active.rows[:count]
    for i in range(stop - first):
        for p in range(n_in):
            local[i * n_in + p] = x[(first + i) * stride + p]
    locate(local, pieces, active.spans.ravel()[:count], rows)
    values, flat_table = active.values.ravel(), table.ravel()
    for d in range(active.values.shape[0]):
        here = d * active.local.shape[0] * width
        begin = d * table.shape[1] * width * width
        for i in range(count):
            horner(values, here + i * width, tag, flat_table, begin + rows[i] * width * width, local[i])
