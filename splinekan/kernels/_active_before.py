"""Where points lie among the pieces of a spline, and the B-splines that are active there.

`locate` works on a whole block of points, so that its loops run over contiguous arrays; a function called for
every point would spend longer on its arguments than on the search.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from splinekan.kernels._active import Active as Flat
from splinekan.kernels._active import Pieces as Pieces
from splinekan.kernels._active import active_functions as evaluate
from splinekan.kernels._active import whole_vectors

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
    local
        (batch n_in,) every point.
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
        np.empty(batch * n_in, np.int32),
        np.empty(batch * n_in, table.dtype),
    )


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def active_functions(x, stride, first, stop, pieces, active):
    """Fill `active` for the samples first..stop-1: their spans, and all values by Horner's rule.

    Point p of sample i is x[i stride + p]. The number of derivatives wanted is the length of `active.values`.
    """
    n_in = active.spans.shape[1]
    for i in range(stop - first):
        for p in range(n_in):
            active.local[i * n_in + p] = x[(first + i) * stride + p]
    derivatives, pitch = active.values.shape[0], active.local.shape[0] * len(Pieces(*pieces).tag)
    flat = Flat(active.spans.ravel(), active.values.reshape((derivatives, pitch)), active.rows, active.local)
    evaluate(active.local, 1, 0, 0, (stop - first) * n_in, pieces, flat)
