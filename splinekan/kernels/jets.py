"""A spline layer on truncated Taylor series: value and derivatives on a range of samples.

An input is a bundle of curves x(s) through one point, one curve per direction d, kept by Taylor
coefficients: channel 0 is the point, shared by all, channels offsets[d] .. offsets[d] + orders[d] - 1 are
the coefficients of s, s^2, ... along direction d. Outputs are bundles of the same kind.

A layer is linear in its coefficients, y_q(s) = sum_p sum_i c[p, i, q] b_i(x_p(s)), so all that it needs are
the Taylor coefficients of b_i(x_p(s)) (Faa di Bruno, written out to order 4); and the derivative of output
channel m in input channel j is the coefficient m - j of the series of b_i'(x_p(s)).

Arrays: x (n, channels, n_in), coefficients (n_in, n_basis, n_out), outputs (n, channels, n_out). `pieces`
and `place` as for the kernels of a layer, the table with derivatives up to the largest order and one more;
`directions` is (orders, offsets, pulls): see `splinekan.network.layer.Directions`.

What is done at every point is written as a loop over a block of points: a function called for each of them
would spend longer on its arguments.
"""

import numpy as np
from numba import njit

from splinekan.kernels._active_before import POINTS, Pieces, active_functions, room
from splinekan.kernels._simd_before import LANES, add_combination, add_outer, contraction

MAX_ORDER = 4


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _block(channels, n_in, samples):
    """Samples of a block whose Taylor coefficients stay in the fastest caches."""
    return min(samples, max(POINTS // (n_in * channels), 8))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _compose(values, shift, tag, x, first, count, directions, out):
    """out[i, p, channel, l] = the Taylor coefficients of b_l^(shift)(x_p(s)), of `count` samples."""
    orders, offsets, _ = directions
    for i in range(count):
        for p in range(x.shape[2]):
            for l in range(len(tag)):
                out[i, p, 0, l] = values[shift, i, p, l]
            for d in range(orders.shape[0]):
                at = offsets[d]
                x1 = x[first + i, at, p]
                for l in range(len(tag)):
                    out[i, p, at, l] = values[shift + 1, i, p, l] * x1
                if orders[d] > 1:
                    x2 = x[first + i, at + 1, p]
                    for l in range(len(tag)):
                        out[i, p, at + 1, l] = values[shift + 1, i, p, l] * x2 + values[
                            shift + 2, i, p, l
                        ] * (x1 * x1 / 2)
                if orders[d] > 2:
                    x3 = x[first + i, at + 2, p]
                    for l in range(len(tag)):
                        out[i, p, at + 2, l] = (
                            values[shift + 1, i, p, l] * x3
                            + values[shift + 2, i, p, l] * (x1 * x2)
                            + values[shift + 3, i, p, l] * (x1 * x1 * x1 / 6)
                        )
                if orders[d] > 3:
                    x4 = x[first + i, at + 3, p]
                    for l in range(len(tag)):
                        out[i, p, at + 3, l] = (
                            values[shift + 1, i, p, l] * x4
                            + values[shift + 2, i, p, l] * (x1 * x3 + x2 * x2 / 2)
                            + values[shift + 3, i, p, l] * (x1 * x1 * x2 / 2)
                            + values[shift + 4, i, p, l] * (x1 * x1 * x1 * x1 / 24)
                        )


@njit(cache=True, nogil=True)
def evaluate(x, c, pieces, directions, out, start, stop):
    """out = y."""
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    n_in, n_basis, n_out = c.shape
    channels, width = x.shape[1], len(tag)
    whole = n_out // LANES * LANES
    active = room(n_in, _block(channels, n_in, stop - start), table.shape[0] - 1, pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    series = np.empty((batch, n_in, channels, width), x.dtype)
    flat_out, flat_series, flat_c = out.ravel(), series.ravel(), c.ravel()
    for first in range(start, stop, batch):
        end = min(first + batch, stop)
        active_functions(flat_x, channels * n_in, first, end, pieces, active)
        _compose(values, 0, tag, x, first, end - first, directions, series)
        for i in range(end - first):
            at = (first + i) * channels * n_out
            for o in range(at, at + channels * n_out):
                flat_out[o] = 0.0
            for p in range(n_in):
                row = (p * n_basis + spans[i, p]) * n_out
                for m in range(channels):
                    to, here = at + m * n_out, ((i * n_in + p) * channels + m) * width
                    for q in range(0, whole, LANES):
                        add_combination(flat_out, to + q, flat_series, here, tag, flat_c, row + q, n_out)
                    for q in range(whole, n_out):
                        total = flat_out[to + q]
                        for l in range(len(tag)):
                            total += flat_series[here + l] * flat_c[row + l * n_out + q]
                        flat_out[to + q] = total


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _push(out, places, series, channels, tag, g, first, count, n_in, n_out, anew):
    """out[place + l n_out + q] += sum_m series[m, l] g[m, q] at every point; all arrays are flat.

    `anew`: `out` is 0 before.
    """
    width = len(tag)
    whole = n_out // LANES * LANES
    for i in range(count):
        for p in range(n_in):
            at = places[i * n_in + p]
            if anew:
                for o in range(at, at + width * n_out):
                    out[o] = 0.0
            for m in range(channels):
                here, begin = ((first + i) * channels + m) * n_out, ((i * n_in + p) * channels + m) * width
                for q in range(0, whole, LANES):
                    add_outer(out, at + q, n_out, series, begin, tag, g, here + q)
                for q in range(whole, n_out):
                    for l in range(len(tag)):
                        out[at + l * n_out + q] += series[begin + l] * g[here + q]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull(c, spans, n_basis, g, first, count, directions, slopes, tag, n_out, gx):
    """gx of `count` samples from `first`, from the cotangents g and the series of the slopes.

    c, g and slopes are flat. Each row (target, slope, cotangent) of pulls adds
    sum_q g[cotangent, q] sum_l slopes[slope, l] c[l, q] to gx[target].
    """
    pulls = directions[2]
    channels, n_in = gx.shape[1], gx.shape[2]
    width = len(tag)
    whole = n_out // LANES * LANES
    for i in range(count):
        for m in range(channels):
            for p in range(n_in):
                gx[first + i, m, p] = 0.0
        for p in range(n_in):
            row = (p * n_basis + spans[i, p]) * n_out
            for t in range(pulls.shape[0]):
                slope = ((i * n_in + p) * channels + pulls[t, 1]) * width
                here = ((first + i) * channels + pulls[t, 2]) * n_out
                total = c.dtype.type(0)
                for q in range(0, whole, LANES):
                    total += contraction(slopes, slope, tag, c, row + q, n_out, g, here + q)
                for q in range(whole, n_out):
                    value = c.dtype.type(0)
                    for l in range(len(tag)):
                        value += slopes[slope + l] * c[row + l * n_out + q]
                    total += value * g[here + q]
                gx[first + i, pulls[t, 0], p] += total


@njit(cache=True, nogil=True)
def vjp(x, c, gy, pieces, directions, gx, gc, want_x, start, stop):
    """gc += (dy/dc)^T gy and, if wanted, gx = (dy/dx)^T gy, channel by channel."""
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    n_in, n_basis, n_out = c.shape
    channels = x.shape[1]
    active = room(n_in, _block(channels, n_in, stop - start), table.shape[0], pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    series = np.empty((batch, n_in, channels, len(tag)), x.dtype)
    places = np.empty(batch * n_in, np.int64)
    flat_c, flat_gy, flat_gc, flat_series = c.ravel(), gy.ravel(), gc.ravel(), series.ravel()
    for first in range(start, stop, batch):
        count = min(batch, stop - first)
        active_functions(flat_x, channels * n_in, first, first + count, pieces, active)
        for i in range(count):
            for p in range(n_in):
                places[i * n_in + p] = (p * n_basis + spans[i, p]) * n_out
        _compose(values, 0, tag, x, first, count, directions, series)
        _push(flat_gc, places, flat_series, channels, tag, flat_gy, first, count, n_in, n_out, False)
        if want_x:
            _compose(values, 1, tag, x, first, count, directions, series)
            _pull(flat_c, spans, n_basis, flat_gy, first, count, directions, flat_series, tag, n_out, gx)


@njit(cache=True, nogil=True)
def jacobian_rows(x, c, v, pieces, directions, place, gx, want_x, start, stop):
    """Jacobian rows of sum_m v_m . y_m, laid out as in the kernel of the same name of a layer."""
    stored, starts, position, segment, column, stride, shift = place
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    n_in, n_basis, n_out = c.shape
    channels = x.shape[1]
    active = room(n_in, _block(channels, n_in, stop - start), table.shape[0], pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    series = np.empty((batch, n_in, channels, len(tag)), x.dtype)
    places = np.empty(batch * n_in, np.int64)
    length = len(tag) * n_out
    flat_c, flat_v, flat_stored, flat_series = c.ravel(), v.ravel(), stored.ravel(), series.ravel()
    for first in range(start, stop, batch):
        count = min(batch, stop - first)
        active_functions(flat_x, channels * n_in, first, first + count, pieces, active)
        for i in range(count):
            target = (first + i) * stride + shift
            at = target * stored.shape[1] + position
            for p in range(n_in):
                starts[target, segment + p] = column + (p * n_basis + spans[i, p]) * n_out
                places[i * n_in + p] = at + p * length
        _compose(values, 0, tag, x, first, count, directions, series)
        _push(flat_stored, places, flat_series, channels, tag, flat_v, first, count, n_in, n_out, True)
        if want_x:
            _compose(values, 1, tag, x, first, count, directions, series)
            _pull(flat_c, spans, n_basis, flat_v, first, count, directions, flat_series, tag, n_out, gx)
