"""The functions of a base branch, s(x) = x and x/(1 + exp(-x)), with their slopes.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

NONE, IDENTITY, SILU = 0, 1, 2

_INVERSE_LN2 = 1.4426950408889634
# ln 2 in two parts: n times the first part is exact for |n| < 2^20.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_DEGREE = 13
"""Of the Taylor polynomial of exp: its remainder on |r| <= ln(2)/2 is less than 5e-18."""
_TAYLOR = tuple(1.0 / factorial(n) for n in range(_DEGREE + 1))
_FAR = 800.0
"""exp(-x) is 0 in float64 from here on."""


def _power_of_two(typing: Any, exponent: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        biased = builder.add(values[0], ir.Constant(ir.IntType(64), 1023))
        return builder.bitcast(builder.shl(biased, ir.Constant(ir.IntType(64), 52)), ir.DoubleType())

    return types.float64(types.int64), generate


if config.DISABLE_JIT:

    def power_of_two(exponent):
        """2^exponent, for normal numbers."""
        return 2.0 ** float(exponent)

else:
    power_of_two = intrinsic(_power_of_two)


@njit(
    cache=True,
    nogil=True,
    no_cpython_wrapper=True,
    no_cfunc_wrapper=True,
    fastmath={"contract"},
    error_model="numpy",
)
def base_functions(points, kind, values, slopes):
    """values = s(points), and slopes = s'(points) unless `slopes` is empty, in float64 arithmetic.

    exp(-|x|) = 2^n exp(r), |r| <= ln(2)/2, by its Taylor polynomial: a few units in the last place. Written
    so that the loop becomes one over vectors: no calls, no branches, no check of the divisor.
    """
    want = slopes.shape[0] > 0
    if kind == IDENTITY:
        for i in range(points.shape[0]):
            values[i] = points[i]
        for i in range(slopes.shape[0]):
            slopes[i] = 1
        return
    for i in range(points.shape[0]):
        x = np.float64(points[i])
        size = min(abs(x), _FAR)
        n = np.rint(-size * _INVERSE_LN2)
        r = (-size - n * _LN2_HIGH) - n * _LN2_LOW
        e = _TAYLOR[_DEGREE]
        for power in range(_DEGREE):
            e = e * r + _TAYLOR[_DEGREE - 1 - power]
        half = np.int64(n) >> 1  # in two factors: the power itself may be below the normal numbers
        e = e * power_of_two(half) * power_of_two(np.int64(n) - half)
        inverse = 1.0 / (1.0 + e)
        sigmoid = inverse if x >= 0 else e * inverse
        values[i] = x * sigmoid
        if want:
            rest = e * inverse if x >= 0 else inverse
            slopes[i] = sigmoid * (1.0 + x * rest)
