"""The functions of a base branch, s(x) = x and x/(1 + exp(-x)), with their slopes.

Kernels that use this file are compiled with it: Numba's cache does not detect changes of this file.
"""

import numpy as np
from numba import njit

from splinekan.kernels._simd import (
    NARROW,
    exponential,
    load,
    minimum,
    multiply_add,
    plus,
    quotient,
    splat,
    store,
    times,
)

IDENTITY, SILU = 0, 1


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def base_functions(points, begin, count, kind, values, slopes):
    """values = s and, unless `slopes` is empty, slopes = s' at points[begin], ..., `count` of them.

    All arrays hold whole vectors. With sigma = 1/(1 + exp(-x)), s = x sigma and s' = sigma (1 + x (1 -
    sigma)); 1 - sigma = exp(-x) sigma keeps its digits where sigma is nearly 1.
    """
    one, minus = splat(NARROW, points.dtype.type(1)), splat(NARROW, points.dtype.type(-1))
    largest = splat(NARROW, np.finfo(points.dtype).max)  # infinity times 0 would be NaN
    for i in range(0, count, len(NARROW)):
        x = load(NARROW, points, begin + i)
        if kind == IDENTITY:
            store(values, i, x)
            if slopes.shape[0] > 0:
                store(slopes, i, one)
            continue
        e = exponential(times(minus, x))
        sigma = quotient(one, plus(one, e))
        store(values, i, times(x, sigma))
        if slopes.shape[0] > 0:
            rest = times(minimum(e, largest), sigma)
            store(slopes, i, times(sigma, multiply_add(x, rest, one)))
