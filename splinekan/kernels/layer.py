"""A spline layer y_q = sum_p (sum_i c[p, i, q] b_i(x_p) + V[p, q] s(x_p)): value and derivatives on samples.

Only the k+1 active functions of each input are touched, so no cost depends on the number of intervals
(but for the bisection on non-uniform knots). Every kernel takes a block of samples and goes through the
inputs one at a time: it locates the points of the input, evaluates the active functions there, copies the
coefficients of the input into a tile (see `splinekan.kernels._tiles`), and contracts tile and functions in
vectors of outputs. Tile, outputs and gradients of a block stay in the second-level cache.

Arrays: x (n, n_in), coefficients c (n_in, n_basis, n_out), V (n_in n_out,) or empty, outputs and their
gradients (n, n_out). `branch` is (), or (0,) if there is a base branch, so that the compiler
knows the length of the loop over its terms; `kind` is the function s (see `splinekan.kernels._base`).
`pieces` is the plain tuple of the fields of `Pieces`, `place` that of the fields of
`splinekan.network.layer.Slot`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from splinekan.kernels._active import Pieces, active_functions, room
from splinekan.kernels._base import base_functions
from splinekan.kernels._simd import (
    NARROW,
    WIDE,
    broadcast,
    load,
    multiply_add,
    plus,
    splat,
    store,
    times,
    total,
)
from splinekan.kernels._tiles import (
    add_rows,
    add_tile,
    aligned,
    base_tile,
    block_size,
    fill_tile,
    inputs_at_once,
    load_columns,
    load_rows,
    pitch_of,
    save_columns,
    save_rows,
    tile_rows,
)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine(lanes, branch, q, pitch, count, tag, values, begin, at, tile, s, v, row_v, y):
    """y[i, q..] += sum_l values[begin + i, l] tile[at[i] + l, q..] + s[i] v[row_v, q..]."""
    for i in range(count):
        row, here = at[i] * pitch + q, (begin + i) * len(tag)
        combination = load(lanes, y, i * pitch + q)
        for _ in range(len(branch)):
            combination = multiply_add(broadcast(lanes, s, i), load(lanes, v, row_v * pitch + q), combination)
        for l in range(len(tag)):
            weight = broadcast(lanes, values, here + l)
            combination = multiply_add(weight, load(lanes, tile, row + l * pitch), combination)
        store(y, i * pitch + q, combination)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _push(lanes, branch, q, pitch, count, tag, values, begin, at, s, g, gradient, gradient_v, row_v):
    """gradient[at[i] + l] += values[begin + i, l] g[i], gradient_v[row_v] += s[i] g[i], from q."""
    total_v = splat(lanes, values.dtype.type(0))
    for i in range(count):
        row, here = at[i] * pitch + q, (begin + i) * len(tag)
        cotangent = load(lanes, g, i * pitch + q)
        for _ in range(len(branch)):
            total_v = multiply_add(broadcast(lanes, s, i), cotangent, total_v)
        for l in range(len(tag)):
            weight = broadcast(lanes, values, here + l)
            product = multiply_add(weight, cotangent, load(lanes, gradient, row + l * pitch))
            store(gradient, row + l * pitch, product)
    for _ in range(len(branch)):
        here = row_v * pitch + q
        store(gradient_v, here, plus(total_v, load(lanes, gradient_v, here)))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull(lanes, branch, q, pitch, count, tag, slopes, begin, at, tile, s_slopes, v, row_v, g, gx, to):
    """gx[to + i] += (sum_l slopes[begin + i, l] tile[at[i] + l] + s_slopes[i] v[row_v]) . g[i], from q."""
    for i in range(count):
        row, here = at[i] * pitch + q, (begin + i) * len(tag)
        slope = times(broadcast(lanes, slopes, here), load(lanes, tile, row))
        for l in range(1, len(tag)):
            weight = broadcast(lanes, slopes, here + l)
            slope = multiply_add(weight, load(lanes, tile, row + l * pitch), slope)
        for _ in range(len(branch)):
            slope = multiply_add(broadcast(lanes, s_slopes, i), load(lanes, v, row_v * pitch + q), slope)
        gx[to + i] += total(times(slope, load(lanes, g, i * pitch + q)))


@njit(cache=True, nogil=True)
def evaluate(x, c, pieces, v, kind, branch, out, start, stop):
    """out = y."""
    n_in, n_basis, n_out = c.shape
    tag, pitch = Pieces(*pieces).tag, pitch_of(n_out)
    wide = pitch // len(WIDE) * len(WIDE)
    block = block_size(n_basis, stop - start)
    group, together = inputs_at_once(n_in, block)
    active = room(group * block, np.int64(1), pieces)
    spans, values = active.spans, active.values[0]
    flat_x, flat_c, flat_out = x.ravel(), c.ravel(), out.ravel()
    tile = aligned(tile_rows(n_basis, block, len(tag)) * pitch, x.dtype)
    y, at = aligned(block * pitch, x.dtype), np.empty(block, np.int64)
    base = base_tile(len(branch) * n_in, n_out, pitch, v)
    points, s = aligned(together * block, x.dtype), aligned(len(branch) * block, x.dtype)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        y[: count * pitch] = 0
        for p in range(n_in):
            here, begin = p % together * count, p % group * count
            if here == 0:
                load_columns(flat_x, n_in, p, together, first, count, points)
            if begin == 0:
                some = min(group, n_in - p) * count
                active_functions(points, 1, here, 0, some, pieces, active)
            fill_tile(flat_c, p * n_basis, n_basis, n_out, pitch, spans, begin, count, len(tag), tile, at)
            for _ in range(len(branch)):
                base_functions(points, here, count, kind, s, s[:0])
            for q in range(0, wide, len(WIDE)):
                _combine(WIDE, branch, q, pitch, count, tag, values, begin, at, tile, s, base, p, y)
            for q in range(wide, pitch, len(NARROW)):
                _combine(NARROW, branch, q, pitch, count, tag, values, begin, at, tile, s, base, p, y)
        save_rows(y, count, n_out, pitch, flat_out, first)


@njit(cache=True, nogil=True)
def vjp(x, c, gy, pieces, v, kind, branch, gx, gc, gv, want_x, start, stop):
    """gc += (dy/dc)^T gy, gv += (dy/dV)^T gy and, if wanted, gx = (dy/dx)^T gy."""
    n_in, n_basis, n_out = c.shape
    tag, pitch = Pieces(*pieces).tag, pitch_of(n_out)
    wide = pitch // len(WIDE) * len(WIDE)
    block = block_size(n_basis, stop - start)
    group, together = inputs_at_once(n_in, block)
    active = room(group * block, 2 if want_x else 1, pieces)
    spans, values, slopes = active.spans, active.values[0], active.values[active.values.shape[0] - 1]
    flat_x, flat_c, flat_gy, flat_gc, flat_gx = x.ravel(), c.ravel(), gy.ravel(), gc.ravel(), gx.ravel()
    rows = tile_rows(n_basis, block, len(tag))
    tile, gradient = aligned(rows * pitch, x.dtype), aligned(rows * pitch, x.dtype)
    g, at = aligned(block * pitch, x.dtype), np.empty(block, np.int64)
    base = base_tile(len(branch) * n_in, n_out, pitch, v)
    gradient_v = aligned(len(branch) * n_in * pitch, x.dtype)
    points, pulled = aligned(together * block, x.dtype), aligned(together * block, x.dtype)
    s, s_slopes = aligned(len(branch) * block, x.dtype), aligned(len(branch) * block, x.dtype)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        load_rows(flat_gy, first, count, n_out, pitch, g, 0)
        for p in range(n_in):
            here, begin = p % together * count, p % group * count
            if here == 0:
                load_columns(flat_x, n_in, p, together, first, count, points)
                pulled[: together * count] = 0
            if begin == 0:
                some = min(group, n_in - p) * count
                active_functions(points, 1, here, 0, some, pieces, active)
            used = fill_tile(
                flat_c, p * n_basis, n_basis, n_out, pitch, spans, begin, count, len(tag), tile, at
            )
            for _ in range(len(branch)):
                base_functions(points, here, count, kind, s, s_slopes if want_x else s[:0])
            gradient[: used * pitch] = 0
            for q in range(0, wide, len(WIDE)):
                _push(WIDE, branch, q, pitch, count, tag, values, begin, at, s, g, gradient, gradient_v, p)
                if want_x:
                    _pull(
                        WIDE, branch, q, pitch, count, tag, slopes, begin, at, tile,
                        s_slopes, base, p, g, pulled, here,
                    )  # fmt: skip
            for q in range(wide, pitch, len(NARROW)):
                _push(NARROW, branch, q, pitch, count, tag, values, begin, at, s, g, gradient, gradient_v, p)
                if want_x:
                    _pull(
                        NARROW, branch, q, pitch, count, tag, slopes, begin, at, tile,
                        s_slopes, base, p, g, pulled, here,
                    )  # fmt: skip
            add_tile(gradient, n_basis, n_out, pitch, spans, begin, count, len(tag), flat_gc, p * n_basis)
            if want_x and (p == n_in - 1 or p % together == together - 1):
                save_columns(pulled, count, flat_gx, n_in, p - p % together, together, first)
    add_rows(gradient_v, 0, len(branch) * n_in, n_out, pitch, gv, 0)


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
