"""Live B-spline values at points."""

import numpy as np
from numba import njit

BATCH = 256
"""Points of a block: found first, then evaluated function by function."""


@njit(cache=True, nogil=True)
def tabulate(x, breakpoints, inverse_spacing, origins, scales, table, tag, active, first, start, stop):
    """active (k+1, n) and the index of the first active function, for points start..stop-1.

    Returns whether a point lies outside the domain or is NaN (which gives NaN). `table` (rows, powers,
    functions) is one derivative of the pieces, `tag` a tuple of k+1 zeros. Where all points of a block have
    the same polynomials (inside the domain on uniform knots), the loop over them runs in vector registers.
    """
    intervals = breakpoints.shape[0] - 1
    a, b = breakpoints[0], breakpoints[intervals]
    last = table.shape[0] - 1
    halved = origins.shape[0] > intervals + 2
    top = len(tag) - 1
    kind = table.dtype.type
    local = np.empty(BATCH, table.dtype)
    rows = np.empty(BATCH, np.int64)
    outside = False
    for begin in range(start, stop, BATCH):
        end = min(begin + BATCH, stop)
        alike = True
        for i in range(begin, end):
            point = np.float64(x[i])
            if not point >= a:
                piece, row, span = 0, 0, 0
            elif point > b:
                piece, row, span = origins.shape[0] - 1, last, intervals - 1
            else:
                if inverse_spacing > 0.0:
                    span = min(int((point - a) * inverse_spacing), intervals - 1)
                    # It may be one interval off, by rounding or uneven knots: the knots themselves decide.
                    if point < breakpoints[span]:
                        span -= 1
                    elif span < intervals - 1 and point >= breakpoints[span + 1]:
                        span += 1
                else:
                    span, left = 0, intervals  # bisection without a branch to mispredict
                    while left > 1:
                        half = left // 2
                        span += half * (point >= breakpoints[span + half])
                        left -= half
                if halved:
                    piece = 1 + 2 * span + (point - breakpoints[span] > breakpoints[span + 1] - point)
                    row = piece
                else:
                    piece, row = span + 1, 1
            first[i] = span
            rows[i - begin] = row
            local[i - begin] = kind((point - origins[piece]) * scales[piece])
            alike = alike and row == rows[0]
            outside = outside or row == 0 or row == last
        for l in range(len(tag)):
            out = active[l, begin:end]
            if alike:
                shape = table[rows[0], :, l]
                for i in range(out.shape[0]):
                    value = shape[top]
                    for p in range(len(tag) - 1):
                        value = value * local[i] + shape[top - 1 - p]
                    out[i] = value
            else:
                for i in range(out.shape[0]):
                    value = table[rows[i], top, l]
                    for p in range(len(tag) - 1):
                        value = value * local[i] + table[rows[i], top - 1 - p, l]
                    out[i] = value
    return outside
