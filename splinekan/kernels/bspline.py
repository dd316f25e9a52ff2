"""The active B-splines at points."""

import numpy as np
from numba import njit

from splinekan.kernels._active import Pieces, locate, whole_vectors

BATCH = 256
"""Points of a block: located first, then evaluated function by function."""


@njit(cache=True, nogil=True)
def tabulate(x, pieces, derivative, active, first, start, stop):
    """active (k+1, n) and the index of the first active function, for points start..stop-1.

    Returns whether a point lies outside the domain or is NaN (which gives NaN). `pieces` as for the kernels
    of a layer. Where all points of a block have the same polynomials (inside the domain on uniform knots),
    the loop over them runs in vector registers.
    """
    table, tag = Pieces(*pieces).table[derivative], Pieces(*pieces).tag
    top = len(tag) - 1
    block = np.empty(BATCH, table.dtype)
    rows, spans = np.empty(BATCH, np.int64), np.empty(BATCH, np.int64)
    outside = False
    for begin in range(start, stop, BATCH):
        count = min(BATCH, stop - begin)
        end = begin + count
        local = block[: whole_vectors(count)]
        for i in range(len(local)):
            local[i] = x[min(begin + i, end - 1)]
        outside = locate(local, pieces, spans, rows) or outside
        first[begin:end] = spans[:count]
        alike = True
        for i in range(count):
            alike = alike and rows[i] == rows[0]
        for l in range(len(tag)):
            out = active[l, begin:end]
            if alike:
                shape = table[rows[0], :, l]
                for i in range(count):
                    value = shape[top]
                    for p in range(len(tag) - 1):
                        value = value * local[i] + shape[top - 1 - p]
                    out[i] = value
            else:
                for i in range(count):
                    value = table[rows[i], top, l]
                    for p in range(len(tag) - 1):
                        value = value * local[i] + table[rows[i], top - 1 - p, l]
                    out[i] = value
    return outside
