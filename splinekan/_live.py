"""The live B-splines at a block of samples: where every kernel of a spline layer begins.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

from numba import njit

from splinekan._simd import horner

BLOCK = 64
"""Samples of a block: its live functions stay in the fastest cache for layers of some twenty inputs."""


@njit(cache=True, nogil=True)
def live_functions(x, first, stop, breakpoints, inverse_spacing, origins, scales, table, tag, spans, live):
    """Per sample first..stop-1 and input: the first live function, and all of them by Horner's rule.

    `live` (derivatives, BLOCK, n_in, k+1) says by its length how many derivatives are wanted. Piece 0
    lies left of the domain, 1..G inside, G+1 right of it. The table's rows are left, inside, right for
    uniform knots, whose inner pieces are alike, or else one per piece.
    """
    intervals = breakpoints.shape[0] - 1
    a, b = breakpoints[0], breakpoints[intervals]
    last = table.shape[1] - 1
    width = len(tag)
    flat_live, flat_table = live.ravel(), table.ravel()
    for i in range(stop - first):
        for p in range(x.shape[1]):
            point = x[first + i, p]
            if not point >= a:  # NaN lands here, and its value stays NaN
                piece, row, span = 0, 0, 0
            elif point > b:
                piece, row, span = intervals + 1, last, intervals - 1
            else:
                if inverse_spacing > 0.0:
                    span = min(int((point - a) * inverse_spacing), intervals - 1)
                    # The product may round across a knot: the knots themselves decide.
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
                piece = span + 1
                row = min(piece, last - 1)
            spans[i, p] = span
            y = (point - origins[piece]) * scales[piece]
            for d in range(live.shape[0]):
                here = ((d * BLOCK + i) * x.shape[1] + p) * width
                horner(flat_live, here, tag, flat_table, (d * table.shape[1] + row) * width * width, y)
