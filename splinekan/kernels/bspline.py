"""Live B-spline values at points."""

from numba import njit


@njit(cache=True, nogil=True)
def tabulate(x, breakpoints, inverse_spacing, origins, scales, table, live, first, start, stop):
    """live (k+1, n) and the index of the first live function, for points start..stop-1.

    `table` (rows, powers, functions) is one derivative of the pieces; NaN points give NaN.
    """
    intervals = breakpoints.shape[0] - 1
    last = table.shape[0] - 1
    top = table.shape[1] - 1
    for i in range(start, stop):
        if not x[i] >= breakpoints[0]:
            piece, row, span = 0, 0, 0
        elif x[i] > breakpoints[intervals]:
            piece, row, span = intervals + 1, last, intervals - 1
        else:
            if inverse_spacing > 0.0:
                span = min(int((x[i] - breakpoints[0]) * inverse_spacing), intervals - 1)
                # The product may round across a knot: the knots themselves decide.
                if x[i] < breakpoints[span]:
                    span -= 1
                elif span < intervals - 1 and x[i] >= breakpoints[span + 1]:
                    span += 1
            else:
                span, high = 0, intervals
                while high - span > 1:
                    middle = (span + high) // 2
                    if x[i] >= breakpoints[middle]:
                        span = middle
                    else:
                        high = middle
            piece = span + 1
            row = min(piece, last - 1)
        y = (x[i] - origins[piece]) * scales[piece]
        first[i] = span
        for l in range(live.shape[0]):
            value = table[row, top, l]
            for p in range(top - 1, -1, -1):
                value = value * y + table[row, p, l]
            live[l, i] = value
