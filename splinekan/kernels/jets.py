"""A spline layer on truncated Taylor series: value and derivatives on a range of samples.

An input is a bundle of curves x(s) through one point, one curve per direction d, kept by Taylor
coefficients: channel 0 is the point, shared by all, channels offsets[d] .. offsets[d] + orders[d] - 1 are
the coefficients of s, s^2, ... along direction d. Outputs are bundles of the same kind.

A layer is linear in its coefficients, y_q(s) = sum_p sum_i c[p, i, q] b_i(x_p(s)), so all that it needs are
the Taylor coefficients of b_i(x_p(s)) (Faa di Bruno, written out to order 4); and the derivative of output
channel m in input channel j is the coefficient m - j of the series of b_i'(x_p(s)).

Arrays: x (n, channels, n_in), coefficients (n_in, n_basis, n_out), outputs (n, channels, n_out). `pieces`
and `place` as for the kernels of a layer, the table with derivatives up to the largest order and one more;
`directions` is (orders, offsets).
"""

import numpy as np
from numba import njit

from splinekan.kernels._active import Pieces, active_functions, room
from splinekan.kernels._simd import LANES, add_combination, add_outer, contraction

MAX_ORDER = 4


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _compose(values, shift, i, p, x, orders, offsets, out):
    """out[channel, l] = the Taylor coefficients of b_l^(shift)(x(s)), x = one input's channels."""
    for l in range(out.shape[1]):
        out[0, l] = values[shift, i, p, l]
    for d in range(orders.shape[0]):
        at = offsets[d]
        x1 = x[at, p]
        for l in range(out.shape[1]):
            out[at, l] = values[shift + 1, i, p, l] * x1
        if orders[d] > 1:
            x2 = x[at + 1, p]
            for l in range(out.shape[1]):
                out[at + 1, l] = values[shift + 1, i, p, l] * x2 + values[shift + 2, i, p, l] * (x1 * x1 / 2)
        if orders[d] > 2:
            x3 = x[at + 2, p]
            for l in range(out.shape[1]):
                out[at + 2, l] = (
                    values[shift + 1, i, p, l] * x3
                    + values[shift + 2, i, p, l] * (x1 * x2)
                    + values[shift + 3, i, p, l] * (x1 * x1 * x1 / 6)
                )
        if orders[d] > 3:
            x4 = x[at + 3, p]
            for l in range(out.shape[1]):
                out[at + 3, l] = (
                    values[shift + 1, i, p, l] * x4
                    + values[shift + 2, i, p, l] * (x1 * x3 + x2 * x2 / 2)
                    + values[shift + 3, i, p, l] * (x1 * x1 * x2 / 2)
                    + values[shift + 4, i, p, l] * (x1 * x1 * x1 * x1 / 24)
                )


@njit(cache=True, nogil=True)
def evaluate(x, c, pieces, directions, out, start, stop):
    """out = y."""
    orders, offsets = directions
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    n_in, n_basis, n_out = c.shape
    channels = x.shape[1]
    whole = n_out // LANES * LANES
    active = room(n_in, stop - start, table.shape[0] - 1, pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    series = np.empty((channels, len(tag)), x.dtype)
    flat_out, flat_series, flat_c = out.ravel(), series.ravel(), c.ravel()
    for first in range(start, stop, batch):
        end = min(first + batch, stop)
        active_functions(flat_x, channels * n_in, first, end, pieces, active)
        for i in range(end - first):
            out[first + i] = 0.0
            for p in range(n_in):
                _compose(values, 0, i, p, x[first + i], orders, offsets, series)
                row = (p * n_basis + spans[i, p]) * n_out
                for m in range(channels):
                    at = ((first + i) * channels + m) * n_out
                    here = m * len(tag)
                    for q in range(0, whole, LANES):
                        add_combination(flat_out, at + q, flat_series, here, tag, flat_c, row + q, n_out)
                    for q in range(whole, n_out):
                        total = flat_out[at + q]
                        for l in range(len(tag)):
                            total += series[m, l] * flat_c[row + l * n_out + q]
                        flat_out[at + q] = total


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _push(out, at, series, channels, tag, g, i, n_out):
    """out[at + l n_out + q] += sum_m series[m, l] g[i + m n_out + q]; all arrays are flat."""
    whole = n_out // LANES * LANES
    for m in range(channels):
        here, begin = i + m * n_out, m * len(tag)
        for q in range(0, whole, LANES):
            add_outer(out, at + q, n_out, series, begin, tag, g, here + q)
        for q in range(whole, n_out):
            for l in range(len(tag)):
                out[at + l * n_out + q] += series[begin + l] * g[here + q]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _product(slopes, m, tag, c, row, g, i, n_out):
    """sum_q g[i + q] sum_l slopes[m, l] c[row + l n_out + q]; all arrays are flat."""
    whole = n_out // LANES * LANES
    total = c.dtype.type(0)
    for q in range(0, whole, LANES):
        total += contraction(slopes, m * len(tag), tag, c, row + q, n_out, g, i + q)
    for q in range(whole, n_out):
        slope = c.dtype.type(0)
        for l in range(len(tag)):
            slope += slopes[m * len(tag) + l] * c[row + l * n_out + q]
        total += slope * g[i + q]
    return total


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull(c, row, i, g, orders, offsets, slopes, tag, n_out, p, gx):
    """gx[i, :, p] from the cotangents g of sample i, with the series of the slopes; c, g, slopes are flat."""
    channels = gx.shape[1]
    first = i * channels * n_out
    total = c.dtype.type(0)
    for m in range(channels):
        total += _product(slopes, m, tag, c, row, g, first + m * n_out, n_out)
    gx[i, 0, p] = total
    for d in range(orders.shape[0]):
        at = offsets[d]
        for j in range(orders[d]):
            total = _product(slopes, 0, tag, c, row, g, first + (at + j) * n_out, n_out)
            for m in range(j + 1, orders[d]):
                here = first + (at + m) * n_out
                total += _product(slopes, at + m - j - 1, tag, c, row, g, here, n_out)
            gx[i, at + j, p] = total


@njit(cache=True, nogil=True)
def vjp(x, c, gy, pieces, directions, gx, gc, want_x, start, stop):
    """gc += (dy/dc)^T gy and, if wanted, gx = (dy/dx)^T gy, channel by channel."""
    orders, offsets = directions
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    n_in, n_basis, n_out = c.shape
    channels = x.shape[1]
    active = room(n_in, stop - start, table.shape[0], pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    series = np.empty((channels, len(tag)), x.dtype)
    slopes = np.empty_like(series)
    flat_c, flat_gy, flat_gc = c.ravel(), gy.ravel(), gc.ravel()
    flat_series, flat_slopes = series.ravel(), slopes.ravel()
    for first in range(start, stop, batch):
        end = min(first + batch, stop)
        active_functions(flat_x, channels * n_in, first, end, pieces, active)
        for i in range(end - first):
            for p in range(n_in):
                _compose(values, 0, i, p, x[first + i], orders, offsets, series)
                row = (p * n_basis + spans[i, p]) * n_out
                _push(
                    flat_gc, row, flat_series, channels, tag, flat_gy, (first + i) * channels * n_out, n_out
                )
                if want_x:
                    _compose(values, 1, i, p, x[first + i], orders, offsets, slopes)
                    _pull(flat_c, row, first + i, flat_gy, orders, offsets, flat_slopes, tag, n_out, p, gx)


@njit(cache=True, nogil=True)
def jacobian_rows(x, c, v, pieces, directions, place, gx, want_x, start, stop):
    """Jacobian rows of sum_m v_m . y_m, laid out as in the kernel of the same name of a layer."""
    orders, offsets = directions
    stored, starts, position, segment, column, stride, shift = place
    table, tag = Pieces(*pieces).table, Pieces(*pieces).tag
    n_in, n_basis, n_out = c.shape
    channels = x.shape[1]
    active = room(n_in, stop - start, table.shape[0], pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    series = np.empty((channels, len(tag)), x.dtype)
    slopes = np.empty_like(series)
    length = len(tag) * n_out
    flat_c, flat_v, flat_stored = c.ravel(), v.ravel(), stored.ravel()
    flat_series, flat_slopes = series.ravel(), slopes.ravel()
    for first in range(start, stop, batch):
        end = min(first + batch, stop)
        active_functions(flat_x, channels * n_in, first, end, pieces, active)
        for i in range(end - first):
            target = (first + i) * stride + shift
            at = target * stored.shape[1] + position
            for p in range(n_in):
                _compose(values, 0, i, p, x[first + i], orders, offsets, series)
                starts[target, segment + p] = column + (p * n_basis + spans[i, p]) * n_out
                flat_stored[at : at + length] = 0.0
                _push(
                    flat_stored, at, flat_series, channels, tag, flat_v, (first + i) * channels * n_out, n_out
                )
                at += length
                if want_x:
                    row = (p * n_basis + spans[i, p]) * n_out
                    _compose(values, 1, i, p, x[first + i], orders, offsets, slopes)
                    _pull(flat_c, row, first + i, flat_v, orders, offsets, flat_slopes, tag, n_out, p, gx)
