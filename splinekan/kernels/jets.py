"""A spline layer on truncated Taylor series: value and derivatives on a range of samples.

An input is a bundle of curves x(s) through one point, one curve per direction d, kept by Taylor
coefficients: channel 0 is the point, shared by all, channels offsets[d] .. offsets[d] + orders[d] - 1 are
the coefficients x_1, x_2, ... of s, s^2, ... along direction d. Outputs are bundles of the same kind.

With u = sum_i c_i b_i of an input, an output is the sum of u(x(s)) over the inputs, and by Faa di Bruno

    u(x(s)) = u + u' x_1 s + (u' x_2 + u'' x_1^2 / 2) s^2
                + (u' x_3 + u'' x_1 x_2 + u''' x_1^3 / 6) s^3
                + (u' x_4 + u'' (x_1 x_3 + x_2^2 / 2) + u''' x_1^2 x_2 / 2 + u'''' x_1^4 / 24) s^4 + ...

The derivative of output channel m in input channel j is the coefficient m - j of the series of u'(x(s)).
Cotangents v_m of the output channels therefore reach the active coefficients and the point through the same
combinations w_d = sum_m v_m (the factor of the derivative d in channel m): sum_d b_i^(d) w_d for coefficient
i, and sum_d u^(d+1) w_d for the point.

Every kernel goes through the inputs one at a time, as those of `splinekan.kernels.layer` do, and so are the
arrays: x (n, channels, n_in), coefficients (n_in, n_basis, n_out), outputs (n, channels, n_out). `pieces` and
`place` as there, the table with derivatives up to the largest order and one more; `directions` is
(orders, offsets): see `splinekan.network.layer.Directions`.
"""

import numpy as np
from numba import njit

from splinekan.kernels._active import Pieces, active_functions, room
from splinekan.kernels._simd import (
    EACH,
    NARROW,
    SAME,
    broadcast,
    fetch,
    load,
    multiply_add,
    plus,
    splat,
    store,
    store_first,
    times,
    total,
)
from splinekan.kernels._tiles import (
    BLOCK,
    add_tile,
    aligned,
    arrange,
    fill_tile,
    load_rows,
    pitch_of,
    save_rows,
    tile_rows,
)

MAX_ORDER = 4


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _block(samples, channels):
    """Samples of a block: their channels take the memory of the samples of a block without channels."""
    return max(1, min(samples, BLOCK // channels))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combined(lanes, tag, values, begin, tile, row, pitch):
    """sum_l values[begin + l] tile[row + l pitch..]."""
    u = times(broadcast(lanes, values, begin), load(lanes, tile, row))
    for l in range(1, len(tag)):
        u = multiply_add(broadcast(lanes, values, begin + l), load(lanes, tile, row + l * pitch), u)
    return u


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _add(y, at, vector, lanes):
    store(y, at, plus(load(lanes, y, at), vector))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine(lanes, q, pitch, count, functions, at, tile, curves, y):
    """y[i, m, q..] += the coefficient m of u(x(s)), of every sample."""
    tag, order, values, size = functions
    x, begin, (x_step, n_in), (orders, offsets) = curves
    channels = x_step // n_in
    half, sixth, last = (
        splat(lanes, y.dtype.type(1 / 2)),
        splat(lanes, y.dtype.type(1 / 6)),
        splat(lanes, y.dtype.type(1 / 24)),
    )
    for i in range(count):
        row, b, here, point = (
            at[i] * pitch + q,
            i * len(tag),
            i * channels * pitch + q,
            begin + i * channels * n_in,
        )
        u = _combined(lanes, tag, values, b, tile, row, pitch)
        _add(y, here, u, lanes)
        u1 = u2 = u3 = u4 = u
        if order > 0:
            u1 = _combined(lanes, tag, values, size + b, tile, row, pitch)
        if order > 1:
            u2 = _combined(lanes, tag, values, 2 * size + b, tile, row, pitch)
        if order > 2:
            u3 = _combined(lanes, tag, values, 3 * size + b, tile, row, pitch)
        if order > 3:
            u4 = _combined(lanes, tag, values, 4 * size + b, tile, row, pitch)
        for d in range(orders.shape[0]):
            m, k = here + offsets[d] * pitch, point + offsets[d] * n_in
            x1 = broadcast(lanes, x, k)
            _add(y, m, times(u1, x1), lanes)
            if orders[d] > 1:
                x2, square = broadcast(lanes, x, k + n_in), times(x1, times(x1, half))
                _add(y, m + pitch, multiply_add(u1, x2, times(u2, square)), lanes)
                if orders[d] > 2:
                    x3, cube = broadcast(lanes, x, k + 2 * n_in), times(times(x1, x1), times(x1, sixth))
                    term = multiply_add(u1, x3, times(u2, times(x1, x2)))
                    _add(y, m + 2 * pitch, multiply_add(u3, cube, term), lanes)
                    if orders[d] > 3:
                        x4 = broadcast(lanes, x, k + 3 * n_in)
                        fourth = times(times(times(x1, x1), times(x1, x1)), last)
                        term = multiply_add(
                            u2, multiply_add(x1, x3, times(x2, times(x2, half))), times(u1, x4)
                        )
                        term = multiply_add(u3, times(square, x2), multiply_add(u4, fourth, term))
                        _add(y, m + 3 * pitch, term, lanes)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _weigh(lanes, count, order, of_x, curves, of_g, cotangents, w, place):
    """w[at + d stage + i step..] = w_d of every sample i, from its cotangents and its input.

    The lanes are outputs, with the same x and each its g, or inputs, with each its x and the same g.
    """
    x, point, (x_step, wide), (orders, offsets) = curves
    g, here, (g_step, high) = cotangents
    at, stage, step = place
    half, sixth = splat(lanes, g.dtype.type(1 / 2)), splat(lanes, g.dtype.type(1 / 6))
    last = splat(lanes, g.dtype.type(1 / 24))
    for i in range(count):
        to, m0, k0 = at + i * step, here + i * g_step, point + i * x_step
        store(w, to, fetch(lanes, of_g, g, m0))
        w1 = w2 = w3 = w4 = splat(lanes, g.dtype.type(0))
        for d in range(orders.shape[0]):
            m, k = m0 + offsets[d] * high, k0 + offsets[d] * wide
            x1, v1 = fetch(lanes, of_x, x, k), fetch(lanes, of_g, g, m)
            w1 = multiply_add(x1, v1, w1)
            if orders[d] > 1:
                x2, v2 = fetch(lanes, of_x, x, k + wide), fetch(lanes, of_g, g, m + high)
                square = times(x1, times(x1, half))
                w1 = multiply_add(x2, v2, w1)
                w2 = multiply_add(square, v2, w2)
                if orders[d] > 2:
                    x3, v3 = fetch(lanes, of_x, x, k + 2 * wide), fetch(lanes, of_g, g, m + 2 * high)
                    cube = times(times(x1, x1), times(x1, sixth))
                    w1 = multiply_add(x3, v3, w1)
                    w2 = multiply_add(times(x1, x2), v3, w2)
                    w3 = multiply_add(cube, v3, w3)
                    if orders[d] > 3:
                        x4, v4 = fetch(lanes, of_x, x, k + 3 * wide), fetch(lanes, of_g, g, m + 3 * high)
                        fourth = times(times(times(x1, x1), times(x1, x1)), last)
                        w1 = multiply_add(x4, v4, w1)
                        w2 = multiply_add(multiply_add(x1, x3, times(x2, times(x2, half))), v4, w2)
                        w3 = multiply_add(times(square, x2), v4, w3)
                        w4 = multiply_add(fourth, v4, w4)
        if order > 0:
            store(w, stage + to, w1)
        if order > 1:
            store(w, 2 * stage + to, w2)
        if order > 2:
            store(w, 3 * stage + to, w3)
        if order > 3:
            store(w, 4 * stage + to, w4)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _push(lanes, q, pitch, count, functions, at, w, stage, gradient):
    """gradient[at[i] + l, q..] += sum_d b_l^(d) w_d, of every sample."""
    tag, order, values, size = functions
    for i in range(count):
        row, b, here = at[i] * pitch + q, i * len(tag), i * len(lanes)
        w0 = w1 = w2 = load(lanes, w, here)
        if order > 0:
            w1 = load(lanes, w, stage + here)
        if order > 1:
            w2 = load(lanes, w, 2 * stage + here)
        for l in range(len(tag)):
            term = multiply_add(broadcast(lanes, values, b + l), w0, load(lanes, gradient, row + l * pitch))
            if order > 0:
                term = multiply_add(broadcast(lanes, values, size + b + l), w1, term)
            if order > 1:
                term = multiply_add(broadcast(lanes, values, 2 * size + b + l), w2, term)
            for d in range(3, order + 1):
                term = multiply_add(
                    broadcast(lanes, values, d * size + b + l), load(lanes, w, d * stage + here), term
                )
            store(gradient, row + l * pitch, term)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _write(lanes, q, count, functions, w, stage, n_out, stored, to, step):
    """stored[to + i step + l n_out + q..] = sum_d b_l^(d) w_d, of every sample."""
    tag, order, values, size = functions
    for i in range(count):
        b, here, begin = i * len(tag), i * len(lanes), to + i * step + q
        w0 = w1 = w2 = load(lanes, w, here)
        if order > 0:
            w1 = load(lanes, w, stage + here)
        if order > 1:
            w2 = load(lanes, w, 2 * stage + here)
        for l in range(len(tag)):
            term = times(broadcast(lanes, values, b + l), w0)
            if order > 0:
                term = multiply_add(broadcast(lanes, values, size + b + l), w1, term)
            if order > 1:
                term = multiply_add(broadcast(lanes, values, 2 * size + b + l), w2, term)
            for d in range(3, order + 1):
                term = multiply_add(
                    broadcast(lanes, values, d * size + b + l), load(lanes, w, d * stage + here), term
                )
            store_first(stored, begin + l * n_out, term, n_out - q)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull(lanes, q, pitch, count, functions, at, tile, curves, g, w, stage, gx):
    """gx[i, j] += sum_m v_m[q..] . (the coefficient m - j of u'(x(s))), of every sample."""
    tag, order, values, size = functions
    x, begin, (x_step, n_in), (orders, offsets) = curves
    channels = x_step // n_in
    half, sixth = splat(lanes, g.dtype.type(1 / 2)), splat(lanes, g.dtype.type(1 / 6))
    for i in range(count):
        row, b, here, point = (
            at[i] * pitch + q,
            i * len(tag),
            i * channels * pitch + q,
            begin + i * channels * n_in,
        )
        u1 = _combined(lanes, tag, values, size + b, tile, row, pitch)
        whole = times(u1, load(lanes, w, i * len(lanes)))
        u2 = u3 = u4 = u1
        if order > 0:
            u2 = _combined(lanes, tag, values, 2 * size + b, tile, row, pitch)
            whole = multiply_add(u2, load(lanes, w, stage + i * len(lanes)), whole)
        if order > 1:
            u3 = _combined(lanes, tag, values, 3 * size + b, tile, row, pitch)
            whole = multiply_add(u3, load(lanes, w, 2 * stage + i * len(lanes)), whole)
        if order > 2:
            u4 = _combined(lanes, tag, values, 4 * size + b, tile, row, pitch)
            whole = multiply_add(u4, load(lanes, w, 3 * stage + i * len(lanes)), whole)
        if order > 3:
            u5 = _combined(lanes, tag, values, 5 * size + b, tile, row, pitch)
            whole = multiply_add(u5, load(lanes, w, 4 * stage + i * len(lanes)), whole)
        gx[i * channels] += total(whole)
        for d in range(orders.shape[0]):
            m, k, j = here + offsets[d] * pitch, point + offsets[d] * n_in, i * channels + offsets[d]
            g1 = times(u1, load(lanes, g, m))
            if orders[d] > 1:
                x1, v2 = broadcast(lanes, x, k), load(lanes, g, m + pitch)
                s1 = times(u2, x1)
                g1, g2 = multiply_add(s1, v2, g1), times(u1, v2)
                if orders[d] > 2:
                    x2, v3 = broadcast(lanes, x, k + n_in), load(lanes, g, m + 2 * pitch)
                    s2 = multiply_add(u2, x2, times(u3, times(x1, times(x1, half))))
                    g1, g2, g3 = multiply_add(s2, v3, g1), multiply_add(s1, v3, g2), times(u1, v3)
                    if orders[d] > 3:
                        x3, v4 = broadcast(lanes, x, k + 2 * n_in), load(lanes, g, m + 3 * pitch)
                        cube = times(times(x1, x1), times(x1, sixth))
                        s3 = multiply_add(u4, cube, multiply_add(u2, x3, times(u3, times(x1, x2))))
                        g1, g2, g3 = (
                            multiply_add(s3, v4, g1),
                            multiply_add(s2, v4, g2),
                            multiply_add(s1, v4, g3),
                        )
                        gx[j + 3] += total(times(u1, v4))
                    gx[j + 2] += total(g3)
                gx[j + 1] += total(g2)
            gx[j] += total(g1)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _push_single(count, functions, w, p, stage, pitch, anew, out, at):
    """out[at[i]..] += (or = if `anew`) sum_d b^(d) w_d, of every sample: the lanes are active functions."""
    tag, order, values, size = functions
    for i in range(count):
        b, here = i * len(tag), i * pitch + p
        term = times(load(tag, values, b), broadcast(tag, w, here))
        for d in range(1, order + 1):
            term = multiply_add(load(tag, values, d * size + b), broadcast(tag, w, d * stage + here), term)
        if not anew:
            term = plus(term, load(tag, out, at[i]))
        store(out, at[i], term)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _slopes_single(count, functions, spans, c, begin, u, p, stage, pitch):
    """u[d stage + i pitch + p] = u^(d+1) of input p of every sample."""
    tag, order, values, size = functions
    for i in range(count):
        coefficients = load(tag, c, begin + spans[i])
        for d in range(order + 1):
            u[d * stage + i * pitch + p] = total(
                times(load(tag, values, (d + 1) * size + i * len(tag)), coefficients)
            )


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull_single(lanes, count, order, curves, g, here, u, w, place, gx, to, n_in, rest):
    """gx[to + (i channels + j) n_in..] = sum_m v_m (the coefficient m - j of u'(x(s))), lane by lane.

    The lanes are inputs; u and w as `_slopes_single` and `_weigh` leave them.
    """
    x, point, (x_step, wide), (orders, offsets) = curves
    at, stage, _ = place
    channels = x_step // wide
    half, sixth = splat(lanes, x.dtype.type(1 / 2)), splat(lanes, x.dtype.type(1 / 6))
    for i in range(count):
        k0, b = point + i * x_step, at + i * wide
        u1 = load(lanes, u, b)
        whole = times(u1, load(lanes, w, b))
        for d in range(1, order + 1):
            whole = multiply_add(load(lanes, u, d * stage + b), load(lanes, w, d * stage + b), whole)
        store_first(gx, to + i * channels * n_in, whole, rest)
        for d in range(orders.shape[0]):
            m, k = here + i * channels + offsets[d], k0 + offsets[d] * wide
            j = to + (i * channels + offsets[d]) * n_in
            g1 = times(u1, broadcast(lanes, g, m))
            if orders[d] > 1:
                u2, x1, v2 = load(lanes, u, stage + b), load(lanes, x, k), broadcast(lanes, g, m + 1)
                s1 = times(u2, x1)
                g1, g2 = multiply_add(s1, v2, g1), times(u1, v2)
                if orders[d] > 2:
                    u3, x2 = load(lanes, u, 2 * stage + b), load(lanes, x, k + wide)
                    v3 = broadcast(lanes, g, m + 2)
                    s2 = multiply_add(u2, x2, times(u3, times(x1, times(x1, half))))
                    g1, g2, g3 = multiply_add(s2, v3, g1), multiply_add(s1, v3, g2), times(u1, v3)
                    if orders[d] > 3:
                        u4, x3 = load(lanes, u, 3 * stage + b), load(lanes, x, k + 2 * wide)
                        v4, cube = broadcast(lanes, g, m + 3), times(times(x1, x1), times(x1, sixth))
                        s3 = multiply_add(u4, cube, multiply_add(u2, x3, times(u3, times(x1, x2))))
                        g1, g2 = multiply_add(s3, v4, g1), multiply_add(s2, v4, g2)
                        g3 = multiply_add(s1, v4, g3)
                        store_first(gx, j + 3 * n_in, times(u1, v4), rest)
                    store_first(gx, j + 2 * n_in, g3, rest)
                store_first(gx, j + n_in, g2, rest)
            store_first(gx, j, g1, rest)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _single(x, c, g, pieces, directions, out, starts, place, gx, want_x, start, stop):
    """`vjp` and, if there are `starts`, `jacobian_rows` for a single output, g and `out` flat.

    A single output would leave most lanes empty: vectors hold inputs instead, or the active functions of a
    sample. `place` is (begin, step, segment, column, stride, shift), and row i begins at out[begin + i step].
    """
    begin, step, segment, column, stride, shift = place
    n_in, n_basis = c.shape[0], c.shape[1]
    channels, rows = x.shape[1], starts.shape[0] > 0
    tag, order, pitch = Pieces(*pieces).tag, Pieces(*pieces).table.shape[0] - 2, pitch_of(n_in)
    block = _block(stop - start, channels)
    active = room(block, order + 2 if want_x else order + 1, pieces)
    spans, stage, values = active.spans, block * pitch, active.values.ravel()
    functions = tag, order, values, active.values.shape[1]
    flat_x, flat_c, flat_gx = x.ravel(), c.ravel(), gx.ravel()
    tile, at = aligned(channels * stage, x.dtype), np.empty(block, np.int64)
    w, u = aligned((order + 1) * stage, x.dtype), aligned((order + 1) * stage if want_x else 0, x.dtype)
    for first in range(start, stop, block):
        count, here = min(block, stop - first), first * channels
        load_rows(flat_x, here, count * channels, n_in, pitch, tile, np.int64(0))
        cotangents = g, here, (channels, 1)
        for q in range(0, pitch, len(NARROW)):
            curves = tile, q, (channels * pitch, pitch), directions
            _weigh(NARROW, count, order, EACH, curves, SAME, cotangents, w, (q, stage, pitch))
        for p in range(n_in):
            active_functions(flat_x, channels * n_in, p, first, first + count, pieces, active)
            if rows:
                for i in range(count):
                    starts[(first + i) * stride + shift, segment + p] = column + p * n_basis + spans[i]
                    at[i] = begin + (first + i) * step + p * len(tag)
            else:
                for i in range(count):
                    at[i] = p * n_basis + spans[i]
            _push_single(count, functions, w, p, stage, pitch, rows, out, at)
            if want_x:
                _slopes_single(count, functions, spans, flat_c, p * n_basis, u, p, stage, pitch)
        if want_x:
            for q in range(0, n_in, len(NARROW)):
                curves, to = (tile, q, (channels * pitch, pitch), directions), here * n_in + q
                _pull_single(
                    NARROW, count, order, curves, g, here, u, w, (q, stage, 0), flat_gx, to, n_in, n_in - q
                )


@njit(cache=True, nogil=True)
def evaluate(x, c, pieces, directions, out, start, stop):
    """out = y."""
    n_in, n_basis, n_out = c.shape
    channels, pitch = x.shape[1], pitch_of(n_out)
    tag, order = Pieces(*pieces).tag, Pieces(*pieces).table.shape[0] - 2
    block = _block(stop - start, channels)
    active = room(block, order + 1, pieces)
    spans, functions = active.spans, (tag, order, active.values.ravel(), active.values.shape[1])
    flat_x, flat_c, flat_out, kept = x.ravel(), c.ravel(), out.ravel(), np.empty(block, np.int64)
    tile = aligned(tile_rows(n_basis, block, len(tag)) * pitch, x.dtype)
    y = aligned(block * channels * pitch, x.dtype)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        y[: count * channels * pitch] = 0
        for p in range(n_in):
            active_functions(flat_x, channels * n_in, p, first, first + count, pieces, active)
            used = arrange(spans, 0, count, len(tag), n_basis, kept)
            fill_tile(flat_c, p * n_basis, n_basis, n_out, pitch, used, kept, len(tag), tile)
            curves = flat_x, first * channels * n_in + p, (channels * n_in, n_in), directions
            for q in range(0, pitch, len(NARROW)):
                _combine(NARROW, q, pitch, count, functions, spans, tile, curves, y)
        save_rows(y, count * channels, n_out, pitch, flat_out, first * channels)


@njit(cache=True, nogil=True)
def vjp(x, c, gy, pieces, directions, gx, gc, want_x, start, stop):
    """gc += (dy/dc)^T gy and, if wanted, gx = (dy/dx)^T gy, channel by channel."""
    n_in, n_basis, n_out = c.shape
    flat_gy, flat_gc = gy.ravel(), gc.ravel()
    if n_out == 1:
        none = np.empty((0, 0), np.int64), (0, 0, 0, 0, 1, 0)
        _single(x, c, flat_gy, pieces, directions, flat_gc, none[0], none[1], gx, want_x, start, stop)
        return
    channels, pitch = x.shape[1], pitch_of(n_out)
    tag, order = Pieces(*pieces).tag, Pieces(*pieces).table.shape[0] - 2
    block = _block(stop - start, channels)
    active = room(block, order + 2 if want_x else order + 1, pieces)
    spans, functions = active.spans, (tag, order, active.values.ravel(), active.values.shape[1])
    flat_x, flat_c, kept = x.ravel(), c.ravel(), np.empty(block, np.int64)
    rows, stage = tile_rows(n_basis, block, len(tag)), block * len(NARROW)
    tile, gradient = aligned(rows * pitch, x.dtype), aligned(rows * pitch, x.dtype)
    g, w = aligned(block * channels * pitch, x.dtype), aligned((order + 1) * stage, x.dtype)
    pulled, place = np.empty(block * channels, x.dtype), (0, stage, len(NARROW))
    for first in range(start, stop, block):
        count = min(block, stop - first)
        load_rows(flat_gy, first * channels, count * channels, n_out, pitch, g, np.int64(0))
        for p in range(n_in):
            active_functions(flat_x, channels * n_in, p, first, first + count, pieces, active)
            used = arrange(spans, 0, count, len(tag), n_basis, kept)
            fill_tile(flat_c, p * n_basis, n_basis, n_out, pitch, used, kept, len(tag), tile)
            gradient[: used * pitch] = 0
            pulled[: count * channels] = 0
            curves = flat_x, first * channels * n_in + p, (channels * n_in, n_in), directions
            for q in range(0, pitch, len(NARROW)):
                cotangents = g, q, (channels * pitch, pitch)
                _weigh(NARROW, count, order, SAME, curves, EACH, cotangents, w, place)
                _push(NARROW, q, pitch, count, functions, spans, w, stage, gradient)
                if want_x:
                    _pull(NARROW, q, pitch, count, functions, spans, tile, curves, g, w, stage, pulled)
            add_tile(gradient, n_basis, n_out, pitch, used, kept, len(tag), flat_gc, p * n_basis)
            if want_x:
                for i in range(count):
                    for m in range(channels):
                        gx[first + i, m, p] = pulled[i * channels + m]


@njit(cache=True, nogil=True)
def jacobian_rows(x, c, v, pieces, directions, place, gx, want_x, start, stop):
    """Jacobian rows of sum_m v_m . y_m, laid out as in the kernel of the same name of a layer."""
    stored, starts, position, segment, column, stride, shift = place
    n_in, n_basis, n_out = c.shape
    step, begin = stride * stored.shape[1], shift * stored.shape[1] + position
    flat_v, flat_stored = v.ravel(), stored.ravel()
    if n_out == 1:
        where = begin, step, segment, column, stride, shift
        _single(x, c, flat_v, pieces, directions, flat_stored, starts, where, gx, want_x, start, stop)
        return
    channels, pitch = x.shape[1], pitch_of(n_out)
    tag, order = Pieces(*pieces).tag, Pieces(*pieces).table.shape[0] - 2
    block = _block(stop - start, channels)
    active = room(block, order + 2 if want_x else order + 1, pieces)
    spans, functions = active.spans, (tag, order, active.values.ravel(), active.values.shape[1])
    flat_x, flat_c, kept = x.ravel(), c.ravel(), np.empty(block, np.int64)
    tile, stage = aligned(tile_rows(n_basis, block, len(tag)) * pitch, x.dtype), block * len(NARROW)
    g, w = aligned(block * channels * pitch, x.dtype), aligned((order + 1) * stage, x.dtype)
    pulled = np.empty(block * channels, x.dtype)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        load_rows(flat_v, first * channels, count * channels, n_out, pitch, g, np.int64(0))
        for p in range(n_in):
            active_functions(flat_x, channels * n_in, p, first, first + count, pieces, active)
            for i in range(count):
                begins = column + (p * n_basis + spans[i]) * n_out
                starts[(first + i) * stride + shift, segment + p] = begins
            if want_x:
                used = arrange(spans, 0, count, len(tag), n_basis, kept)
                fill_tile(flat_c, p * n_basis, n_basis, n_out, pitch, used, kept, len(tag), tile)
                pulled[: count * channels] = 0
            curves = flat_x, first * channels * n_in + p, (channels * n_in, n_in), directions
            to = begin + first * step + p * len(tag) * n_out
            for q in range(0, pitch, len(NARROW)):
                cotangents = g, q, (channels * pitch, pitch)
                _weigh(NARROW, count, order, SAME, curves, EACH, cotangents, w, (0, stage, len(NARROW)))
                _write(NARROW, q, count, functions, w, stage, n_out, flat_stored, to, step)
                if want_x:
                    _pull(NARROW, q, pitch, count, functions, spans, tile, curves, g, w, stage, pulled)
            if want_x:
                for i in range(count):
                    for m in range(channels):
                        gx[first + i, m, p] = pulled[i * channels + m]
