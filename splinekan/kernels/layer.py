"""A spline layer y_q = sum_p (sum_i c[p, i, q] b_i(x_p) + V[p, q] s(x_p)): value and derivatives on samples.

Only the k+1 active functions of each input are touched, so no cost depends on the number of intervals
(but for the bisection on non-uniform knots). Every kernel takes a block of samples and goes through the
inputs one at a time: it locates the points of the input, evaluates the active functions there, copies the
coefficients of the input into a tile (see `splinekan.kernels._tiles`), and contracts tile and functions in
vectors of outputs. Tile, outputs and gradients of a block stay in the second-level cache.

Arrays: x (n, n_in), coefficients (n_in, n_basis, n_out), V (n_in, n_out), outputs and their gradients
(n, n_out). `kind` is one of the functions s of `splinekan.kernels._base`, or `NONE`. `pieces` is the plain
tuple of the fields of `Pieces`, `place` that of the fields of `splinekan.network.layer.Slot`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from splinekan.kernels._active import Pieces, active_functions, room
from splinekan.kernels._base import NONE, base_functions
from splinekan.kernels._simd import (
    NARROW,
    WIDE,
    broadcast,
    load,
    multiply_add,
    store,
    times,
    total,
)
from splinekan.kernels._tiles import (
    add_tile,
    aligned,
    block_size,
    fill_tile,
    load_rows,
    pitch_of,
    save_rows,
    tile_rows,
)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine(lanes, q, pitch, count, tag, values, at, tile, y):
    """y[i, q..] += sum_l values[i, l] tile[at[i] + l, q..]."""
    for i in range(count):
        row, combination = at[i] * pitch + q, load(lanes, y, i * pitch + q)
        for l in range(len(tag)):
            weight = broadcast(lanes, values, i * len(tag) + l)
            combination = multiply_add(weight, load(lanes, tile, row + l * pitch), combination)
        store(y, i * pitch + q, combination)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine_base(lanes, q, pitch, count, tag, values, at, tile, base, p, s, y):
    """The same and s[i] base[p, q..]."""
    v = load(lanes, base, p * pitch + q)
    for i in range(count):
        row, combination = at[i] * pitch + q, load(lanes, y, i * pitch + q)
        combination = multiply_add(broadcast(lanes, s, i), v, combination)
        for l in range(len(tag)):
            weight = broadcast(lanes, values, i * len(tag) + l)
            combination = multiply_add(weight, load(lanes, tile, row + l * pitch), combination)
        store(y, i * pitch + q, combination)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _push(lanes, q, pitch, count, tag, values, at, g, gradient):
    """gradient[at[i] + l, q..] += values[i, l] g[i, q..]."""
    for i in range(count):
        row, cotangent = at[i] * pitch + q, load(lanes, g, i * pitch + q)
        for l in range(len(tag)):
            weight = broadcast(lanes, values, i * len(tag) + l)
            sum_ = multiply_add(weight, cotangent, load(lanes, gradient, row + l * pitch))
            store(gradient, row + l * pitch, sum_)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _push_base(lanes, q, pitch, count, s, g, gradient, p):
    """gradient[p, q..] += sum_i s[i] g[i, q..]."""
    sum_ = load(lanes, gradient, p * pitch + q)
    for i in range(count):
        sum_ = multiply_add(broadcast(lanes, s, i), load(lanes, g, i * pitch + q), sum_)
    store(gradient, p * pitch + q, sum_)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull(lanes, q, pitch, count, tag, slopes, at, tile, g, gx):
    """gx[i] += sum_l slopes[i, l] tile[at[i] + l, q..] . g[i, q..]."""
    for i in range(count):
        row = at[i] * pitch + q
        slope = times(broadcast(lanes, slopes, i * len(tag)), load(lanes, tile, row))
        for l in range(1, len(tag)):
            weight = broadcast(lanes, slopes, i * len(tag) + l)
            slope = multiply_add(weight, load(lanes, tile, row + l * pitch), slope)
        gx[i] += total(times(slope, load(lanes, g, i * pitch + q)))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull_base(lanes, q, pitch, count, base, p, s_slopes, g, gx):
    """gx[i] += s_slopes[i] base[p, q..] . g[i, q..]."""
    v = load(lanes, base, p * pitch + q)
    for i in range(count):
        gx[i] += s_slopes[i] * total(times(v, load(lanes, g, i * pitch + q)))


@njit(cache=True, nogil=True)
def evaluate(x, c, pieces, base, kind, out, start, stop):
    """out = y."""
    n_in, n_basis, n_out = c.shape
    tag, pitch = Pieces(*pieces).tag, pitch_of(n_out)
    wide = pitch // len(WIDE) * len(WIDE)
    block = block_size(n_basis, stop - start)
    active = room(block, np.int64(1), pieces)
    values, flat_x, flat_c, flat_out = active.values[0], x.ravel(), c.ravel(), out.ravel()
    tile = aligned(tile_rows(n_basis, block, len(tag)) * pitch, x.dtype)
    y, at = aligned(block * pitch, x.dtype), np.empty(block, np.int64)
    with_base = kind != NONE
    v = aligned(n_in * pitch if with_base else 0, x.dtype)
    points, s = np.empty(block if with_base else 0, x.dtype), np.empty(block if with_base else 0, x.dtype)
    if with_base:
        load_rows(base.ravel(), 0, n_in, n_out, pitch, v)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        y[: count * pitch] = 0
        for p in range(n_in):
            active_functions(flat_x, n_in, p, first, first + count, pieces, active)
            fill_tile(flat_c, p * n_basis, n_basis, n_out, pitch, active.spans, count, len(tag), tile, at)
            if with_base:
                for i in range(count):
                    points[i] = flat_x[(first + i) * n_in + p]
                base_functions(points[:count], kind, s, s[:0])
                for q in range(0, wide, len(WIDE)):
                    _combine_base(WIDE, q, pitch, count, tag, values, at, tile, v, p, s, y)
                for q in range(wide, pitch, len(NARROW)):
                    _combine_base(NARROW, q, pitch, count, tag, values, at, tile, v, p, s, y)
            else:
                for q in range(0, wide, len(WIDE)):
                    _combine(WIDE, q, pitch, count, tag, values, at, tile, y)
                for q in range(wide, pitch, len(NARROW)):
                    _combine(NARROW, q, pitch, count, tag, values, at, tile, y)
        save_rows(y, count, n_out, pitch, flat_out, first)


@njit(cache=True, nogil=True)
def vjp(x, c, gy, pieces, base, kind, gx, gc, gv, want_x, start, stop):
    """gc += (dy/dc)^T gy, gv += (dy/dV)^T gy and, if wanted, gx = (dy/dx)^T gy."""
    n_in, n_basis, n_out = c.shape
    tag, pitch = Pieces(*pieces).tag, pitch_of(n_out)
    wide = pitch // len(WIDE) * len(WIDE)
    block = block_size(n_basis, stop - start)
    active = room(block, 2 if want_x else 1, pieces)
    values, slopes = active.values[0], active.values[active.values.shape[0] - 1]
    flat_x, flat_c, flat_gy, flat_gc = x.ravel(), c.ravel(), gy.ravel(), gc.ravel()
    rows = tile_rows(n_basis, block, len(tag))
    tile, gradient = aligned(rows * pitch, x.dtype), aligned(rows * pitch, x.dtype)
    g, at = aligned(block * pitch, x.dtype), np.empty(block, np.int64)
    pulled = np.empty(block, x.dtype)
    with_base = kind != NONE
    n_base = n_in if with_base else 0
    v, gradient_v = aligned(n_base * pitch, x.dtype), aligned(n_base * pitch, x.dtype)
    points, s = np.empty(block if with_base else 0, x.dtype), np.empty(block if with_base else 0, x.dtype)
    s_slopes = np.empty(block if with_base and want_x else 0, x.dtype)
    if with_base:
        load_rows(base.ravel(), 0, n_in, n_out, pitch, v)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        load_rows(flat_gy, first, count, n_out, pitch, g)
        for p in range(n_in):
            active_functions(flat_x, n_in, p, first, first + count, pieces, active)
            used = fill_tile(
                flat_c, p * n_basis, n_basis, n_out, pitch, active.spans, count, len(tag), tile, at
            )
            gradient[: used * pitch] = 0
            pulled[:count] = 0
            for q in range(0, wide, len(WIDE)):
                _push(WIDE, q, pitch, count, tag, values, at, g, gradient)
                if want_x:
                    _pull(WIDE, q, pitch, count, tag, slopes, at, tile, g, pulled)
            for q in range(wide, pitch, len(NARROW)):
                _push(NARROW, q, pitch, count, tag, values, at, g, gradient)
                if want_x:
                    _pull(NARROW, q, pitch, count, tag, slopes, at, tile, g, pulled)
            add_tile(gradient, n_basis, n_out, pitch, active.spans, count, len(tag), flat_gc, p * n_basis)
            if with_base:
                for i in range(count):
                    points[i] = flat_x[(first + i) * n_in + p]
                base_functions(points[:count], kind, s, s_slopes)
                for q in range(0, pitch, len(NARROW)):
                    _push_base(NARROW, q, pitch, count, s, g, gradient_v, p)
                    if want_x:
                        _pull_base(NARROW, q, pitch, count, v, p, s_slopes, g, pulled)
            if want_x:
                for i in range(count):
                    gx[first + i, p] = pulled[i]
    for p in range(n_base):
        for q in range(n_out):
            gv[p, q] += gradient_v[p * pitch + q]


@njit(cache=True, nogil=True)
def jvp(x, c, dx, dc, pieces, dy, start, stop):
    """dy = (dy/dc) dc + (dy/dx) dx."""
    n_in, n_out = x.shape[1], dy.shape[1]
    width = len(Pieces(*pieces).tag)
    block = block_size(0, stop - start)
    active = room(block, np.int64(2), pieces)
    spans, values, flat_x = active.spans, active.values, x.ravel()
    dy[start:stop] = 0
    for first in range(start, stop, block):
        count = min(block, stop - first)
        for p in range(n_in):
            active_functions(flat_x, n_in, p, first, first + count, pieces, active)
            for i in range(count):
                span, moved = spans[i], dx[first + i, p]
                for q in range(n_out):
                    change = dy[first + i, q]
                    for l in range(width):
                        change += values[0, i * width + l] * dc[p, span + l, q]
                        change += values[1, i * width + l] * moved * c[p, span + l, q]
                    dy[first + i, q] = change


@njit(cache=True, nogil=True)
def vjp_tangent(x, c, gy, dx, dc, dgy, pieces, dgx, dgc, gx, want_x, start, stop):
    """Derivative of `vjp` along (dx, dc, dgy): dgc is added to; dgx, and gx of `vjp`, are set if wanted."""
    n_in, n_out = x.shape[1], gy.shape[1]
    width = len(Pieces(*pieces).tag)
    block = block_size(0, stop - start)
    active = room(block, 3 if want_x else 2, pieces)
    spans, values, flat_x = active.spans, active.values, x.ravel()
    for first in range(start, stop, block):
        count = min(block, stop - first)
        for p in range(n_in):
            active_functions(flat_x, n_in, p, first, first + count, pieces, active)
            for i in range(count):
                span, moved = spans[i], dx[first + i, p]
                pulled = x.dtype.type(0)
                change = x.dtype.type(0)
                for l in range(width):
                    b, slope = values[0, i * width + l], values[1, i * width + l]
                    along = x.dtype.type(0)
                    across = x.dtype.type(0)
                    for q in range(n_out):
                        g = gy[first + i, q]
                        dgc[p, span + l, q] += b * dgy[first + i, q] + slope * moved * g
                        if want_x:
                            coefficient = c[p, span + l, q]
                            along += dgy[first + i, q] * coefficient + g * dc[p, span + l, q]
                            across += g * coefficient
                    if want_x:
                        pulled += slope * across
                        change += slope * along + values[2, i * width + l] * moved * across
                if want_x:
                    gx[first + i, p] = pulled
                    dgx[first + i, p] = change


@njit(cache=True, nogil=True)
def jacobian_rows(x, c, v, pieces, place, gx, want_x, start, stop):
    """Jacobian rows of v . y: n_in segments of (k+1) n_out values, where each begins, and gx as in `vjp`.

    Sample i is row `i stride + shift` of `values` and `starts`; the layer's segments begin at `position` in
    `values` and at `segment` in `starts`, and its first column is `column`.
    """
    stored, starts, position, segment, column, stride, shift = place
    n_in, n_basis, n_out = c.shape
    width = len(Pieces(*pieces).tag)
    block = block_size(0, stop - start)
    active = room(block, 2 if want_x else 1, pieces)
    spans, values, flat_x = active.spans, active.values, x.ravel()
    for first in range(start, stop, block):
        count = min(block, stop - first)
        for p in range(n_in):
            active_functions(flat_x, n_in, p, first, first + count, pieces, active)
            for i in range(count):
                at = position + p * width * n_out
                target = (first + i) * stride + shift
                span = spans[i]
                starts[target, segment + p] = column + (p * n_basis + span) * n_out
                for l in range(width):
                    b = values[0, i * width + l]
                    for q in range(n_out):
                        stored[target, at] = b * v[first + i, q]
                        at += 1
                if want_x:
                    pulled = x.dtype.type(0)
                    for q in range(n_out):
                        slope = x.dtype.type(0)
                        for l in range(width):
                            slope += values[1, i * width + l] * c[p, span + l, q]
                        pulled += slope * v[first + i, q]
                    gx[first + i, p] = pulled
