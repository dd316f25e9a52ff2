"""Elementwise functions phi(x) and their derivatives, on values and on truncated Taylor series.

`kind` is one of the functions below. Of y = tanh and y = 1/(1 + exp(-x)) the derivatives are
phi^(d) = q_d(y) phi', the coefficients of q_d in row d of `factors`, highest power first with zeros before
it; of x/(1 + exp(-x)) they are x s^(d) + d s^(d-1), s the sigmoid; row d of a power max(0, x)^degree holds
degree!/(degree - d)! alone. For kind `GIVEN` the derivatives are in `given`, (derivatives, n width).

Arrays: x and values (n, channels, width), with the channels of `splinekan.kernels.jets`; `directions` is
(orders, offsets, pulls): see `splinekan.network.layer.Directions`.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

from splinekan.kernels._simd import NARROW, load, load_first, multiply_add, splat, store_first, times

GIVEN, TANH, SIGMOID, SILU, POWER = 0, 1, 2, 3, 4

BLOCK = 4096
"""Numbers of a block: its derivatives stay in the fastest caches."""

_INVERSE_LN2 = 1.4426950408889634
# ln 2 in two parts: n times the first part is exact for |n| < 2^20.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_DEGREE = 13
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
def _squash(points, scale, values, slopes):
    """values = s(points) and slopes = s'(points) of the sigmoid (scale 1) or of tanh (scale 2).

    With e = exp(-scale |x|) = 2^n exp(r), |r| <= ln(2)/2, the sigmoid of |x| is 1/(1 + e) with the slope
    e/(1 + e)^2, and tanh |x| is (1 - e)/(1 + e) with the slope 4 e/(1 + e)^2. Near 0, 1 - e keeps its digits
    as (1 - 2^n) - 2^n (exp(r) - 1). In float64, accurate to a few units in the last place. Written so that
    the loop becomes one over vectors: no calls, no branches, no check of the divisor.
    """
    for i in range(points.shape[0]):
        x = np.float64(points[i])
        size = scale * abs(x)
        size = _FAR if size > _FAR else size  # NaN stays
        n = np.rint(-size * _INVERSE_LN2)
        r = (-size - n * _LN2_HIGH) - n * _LN2_LOW
        p = _TAYLOR[_DEGREE]
        for power in range(_DEGREE - 1):
            p = p * r + _TAYLOR[_DEGREE - 1 - power]
        p = p * r  # exp(r) - 1
        half = np.int64(n) >> 1  # in two factors: the power itself may be below the normal numbers
        low, high = power_of_two(half), power_of_two(np.int64(n) - half)
        e = (1.0 + p) * low * high
        inverse = 1.0 / (1.0 + e)
        if scale == 1.0:
            values[i] = inverse if x >= 0 else e * inverse
            slopes[i] = e * inverse * inverse
        else:
            two = low * high
            y = ((1.0 - two) - two * p) * inverse
            values[i] = y if x >= 0 else -y
            slopes[i] = 4.0 * (e * inverse) * inverse


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _derive(points, kind, degree, factors, f):
    """f[d] = phi^(d)(points), as many derivatives as f has rows."""
    count, last = points.shape[0], f.shape[0] - 1
    if kind == POWER:
        for d in range(last + 1):
            row, factor = f[d], factors[d, 0]
            for i in range(count):  # NaN stays, where the derivative depends on x
                row[i] = factor if d < degree or points[i] >= 0 else 0
            for _ in range(degree - d):
                for i in range(count):
                    row[i] *= 0 if points[i] <= 0 else points[i]
        return
    y, slope = f[0], f[min(last, 1)]
    spare = np.empty(count if last == 0 else 0, f.dtype)
    _squash(points, 2.0 if kind == TANH else 1.0, y, slope if last > 0 else spare)
    for d in range(2, last + 1):
        row = f[d]
        for i in range(count):
            row[i] = 0
        for power in range(factors.shape[1]):
            factor = factors[d, power]
            for i in range(count):
                row[i] = row[i] * y[i] + factor
        for i in range(count):
            row[i] *= slope[i]
    if kind == SILU:
        for d in range(last, 0, -1):
            row, before = f[d], f[d - 1]
            for i in range(count):
                row[i] = points[i] * row[i] + d * before[i]
        for i in range(count):
            y[i] *= points[i]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _fill(x, given, kind, degree, factors, first, count, points, f, size):
    """The derivatives at the values of `count` samples from `first`, (derivatives, size) flat in f."""
    width = x.shape[2]
    for d in range(given.shape[0]):
        for j in range(count * width):
            f[d * size + j] = given[d, first * width + j]
    if kind != GIVEN:
        for i in range(count):
            for j in range(width):
                points[i * width + j] = x[first + i, 0, j]
        _derive(points[: count * width], kind, degree, factors, f.reshape(f.shape[0] // size, size))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _compose(lanes, f, size, width, x, begin, count, channels, directions, out, to):
    """out = the Taylor coefficients of u(x(s)), f = u, u', ...: see `splinekan.kernels.jets`."""
    orders, offsets, _ = directions
    half, sixth, last = (
        splat(lanes, x.dtype.type(1 / 2)),
        splat(lanes, x.dtype.type(1 / 6)),
        splat(lanes, x.dtype.type(1 / 24)),
    )
    for i in range(count):
        for j in range(0, width, len(lanes)):
            rest, u, shift = width - j, i * width + j, i * channels * width + j
            store_first(out, to + shift, load(lanes, f, u), rest)
            for d in range(orders.shape[0]):
                k = begin + shift + offsets[d] * width
                m = to + shift + offsets[d] * width
                u1, x1 = load(lanes, f, size + u), load_first(lanes, x, k, rest)
                store_first(out, m, times(u1, x1), rest)
                if orders[d] > 1:
                    u2, x2 = load(lanes, f, 2 * size + u), load_first(lanes, x, k + width, rest)
                    square = times(x1, times(x1, half))
                    store_first(out, m + width, multiply_add(u1, x2, times(u2, square)), rest)
                    if orders[d] > 2:
                        u3, x3 = load(lanes, f, 3 * size + u), load_first(lanes, x, k + 2 * width, rest)
                        cube = times(times(x1, x1), times(x1, sixth))
                        term = multiply_add(u1, x3, times(u2, times(x1, x2)))
                        store_first(out, m + 2 * width, multiply_add(u3, cube, term), rest)
                        if orders[d] > 3:
                            u4, x4 = load(lanes, f, 4 * size + u), load_first(lanes, x, k + 3 * width, rest)
                            fourth = times(times(times(x1, x1), times(x1, x1)), last)
                            term = multiply_add(x1, x3, times(x2, times(x2, half)))
                            term = multiply_add(u2, term, times(u1, x4))
                            term = multiply_add(u3, times(square, x2), multiply_add(u4, fourth, term))
                            store_first(out, m + 3 * width, term, rest)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull(lanes, slopes, width, g, begin, count, channels, pulls, gx):
    """gx[i, j] = the sum of g[i, m] slopes[i, d] over the rows (j, d, m) of `pulls`, sorted by j."""
    for i in range(count):
        for j in range(0, width, len(lanes)):
            rest, here, there = width - j, i * channels * width + j, begin + i * channels * width + j
            t = 0
            while t < pulls.shape[0]:
                target, sum_ = pulls[t, 0], splat(lanes, gx.dtype.type(0))
                while t < pulls.shape[0] and pulls[t, 0] == target:
                    slope = load_first(lanes, slopes, here + pulls[t, 1] * width, rest)
                    v = load_first(lanes, g, there + pulls[t, 2] * width, rest)
                    sum_ = multiply_add(slope, v, sum_)
                    t += 1
                store_first(gx, there + target * width, sum_, rest)


@njit(cache=True, nogil=True)
def derivatives(points, kind, degree, factors, out, start, stop):
    """out[d] = phi^(d)(points), (n,), as many derivatives as `out` has rows."""
    f = np.empty((out.shape[0], min(stop - start, BLOCK)), out.dtype)
    for first in range(start, stop, BLOCK):
        count = min(BLOCK, stop - first)
        _derive(points[first : first + count], kind, degree, factors, f)
        for d in range(out.shape[0]):
            for i in range(count):
                out[d, first + i] = f[d, i]


@njit(cache=True, nogil=True)
def evaluate(x, given, kind, degree, factors, directions, order, out, start, stop):
    """out = the Taylor coefficients of phi(x(s)), order the largest of `directions`."""
    channels, width = x.shape[1], x.shape[2]
    block = max(1, min(stop - start, BLOCK // width))
    size = block * width + len(NARROW)
    f, points = np.empty((order + 1) * size, x.dtype), np.empty(block * width, x.dtype)
    flat_x, flat_out = x.ravel(), out.ravel()
    for first in range(start, stop, block):
        count = min(block, stop - first)
        _fill(x, given, kind, degree, factors, first, count, points, f, size)
        at = first * channels * width
        _compose(NARROW, f, size, width, flat_x, at, count, channels, directions, flat_out, at)


@njit(cache=True, nogil=True)
def pull(x, gy, given, kind, degree, factors, directions, order, gx, start, stop):
    """gx = (dphi(x(s))/dx)^T gy, channel by channel."""
    channels, width = x.shape[1], x.shape[2]
    block = max(1, min(stop - start, BLOCK // width // channels))
    size = block * width + len(NARROW)
    f, points = np.empty((order + 2) * size, x.dtype), np.empty(block * width, x.dtype)
    slopes = np.empty(block * channels * width, x.dtype)
    flat_x, flat_gy, flat_gx, pulls = x.ravel(), gy.ravel(), gx.ravel(), directions[2]
    for first in range(start, stop, block):
        count = min(block, stop - first)
        _fill(x, given, kind, degree, factors, first, count, points, f, size)
        at = first * channels * width
        _compose(NARROW, f[size:], size, width, flat_x, at, count, channels, directions, slopes, 0)
        _pull(NARROW, slopes, width, flat_gy, at, count, channels, pulls, flat_gx)
