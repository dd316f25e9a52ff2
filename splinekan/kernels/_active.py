"""The active B-splines at a block of samples: where every kernel of a spline layer begins.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

import numpy as np
from numba import njit

from splinekan.kernels._simd import horner

BATCH = 64
"""Samples of a block: its active functions stay in the fastest cache for layers of some twenty inputs."""


@njit(cache=True, nogil=True)
def active_functions(
    x, first, stop, breakpoints, inverse_spacing, origins, scales, table, tag, spans, active
):
    """Per sample first..stop-1 and input: the first active function, and all of them by Horner's rule.

    The length of `active` (derivatives, BATCH, n_in, k+1) is the number of derivatives wanted. Pieces are
    those of `splinekan.splines.pp_form.LocalPieces`: the table has three rows for uniform knots, whose inner
    pieces are alike, or else one per piece, two to an interval. Points are located in float64, whatever
    the type of x and of the table.
    """
    intervals = breakpoints.shape[0] - 1
    a, b = breakpoints[0], breakpoints[intervals]
    last = table.shape[1] - 1
    halved = origins.shape[0] > intervals + 2
    width = len(tag)
    kind = table.dtype.type
    flat_active, flat_table = active.ravel(), table.ravel()
    for i in range(stop - first):
        for p in range(x.shape[1]):
            point = np.float64(x[first + i, p])
            if not point >= a:  # NaN lands here, and its value stays NaN
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
            spans[i, p] = span
            y = kind((point - origins[piece]) * scales[piece])
            for d in range(active.shape[0]):
                here = ((d * BATCH + i) * x.shape[1] + p) * width
                horner(flat_active, here, tag, flat_table, (d * table.shape[1] + row) * width * width, y)
