"""Where points lie among the pieces of a spline, and the B-splines that are active there.

`locate` works on a whole block of points, so that its loops run over contiguous arrays; a function called for
every point would spend longer on its arguments than on the search.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from splinekan.kernels._active import Pieces as Pieces
from splinekan.kernels._active import locate, whole_vectors
from splinekan.kernels._simd_before import horner

POINTS = 1024
"""Points of a block, samples times inputs: enough that a call for a block costs nothing, few enough that the
active functions stay in the fastest caches."""


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
def room(n_in, samples, derivatives, pieces):
    """Memory for the active functions of blocks of at most that many samples, in the type of the table."""
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    batch = whole_vectors(min(max(POINTS // n_in, 8), max(samples, 1)))
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
    length = whole_vectors(count)
    local, rows = active.local[:length], active.rows[:length]
    for i in range(stop - first):
        for p in range(n_in):
            local[i * n_in + p] = x[(first + i) * stride + p]
    for i in range(count, length):
        local[i] = local[0]
    locate(local, pieces, active.spans.ravel()[:length], rows)
    values, flat_table = active.values.ravel(), table.ravel()
    for d in range(active.values.shape[0]):
        here = d * active.local.shape[0] * width
        begin = d * table.shape[1] * width * width
        for i in range(count):
            horner(values, here + i * width, tag, flat_table, begin + rows[i] * width * width, local[i])
