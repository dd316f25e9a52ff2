"""A spline layer y_q = sum_p (sum_i c[p, i, q] b_i(x_p) + V[p, q] s(x_p)): value and derivatives on samples.

Only the k+1 active functions of each input are touched, so little depends on the number of intervals: a short
bisection in a cell of uneven knots, and the copy of the coefficients, once a block. Every kernel takes a
block of samples and goes through the inputs one at a time: it locates the points of the input, evaluates the
active functions there, copies the coefficients of the input into a tile (see `splinekan.kernels._tiles`), and
contracts tile and functions in vectors of outputs. Tile, outputs and gradients of a block stay in the
second-level cache.

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
    folded,
    load,
    multiply_add,
    plus,
    splat,
    store,
    store_first,
    times,
    totals,
)
from splinekan.kernels._tiles import (
    add_rows,
    add_tile,
    aligned,
    arrange,
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
    vector_room,
)

ROW_POINTS = 2048
"""Points of a block of Jacobian rows: their active functions stay in the second-level cache."""


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _combine(lanes, q, sizes, tag, values, at, tile, branch, y):
    """y[i, q..] += sum_l values[begin + i, l] tile[at[begin + i] + l, q..] + s[i] v[p, q..]."""
    pitch, count, begin = sizes
    flag, s, v, p = branch
    for i in range(count):
        row, here = at[begin + i] * pitch + q, (begin + i) * len(tag)
        combination = load(lanes, y, i * pitch + q)
        for _ in range(len(flag)):
            combination = multiply_add(broadcast(lanes, s, i), load(lanes, v, p * pitch + q), combination)
        for l in range(len(tag)):
            weight = broadcast(lanes, values, here + l)
            combination = multiply_add(weight, load(lanes, tile, row + l * pitch), combination)
        store(y, i * pitch + q, combination)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _push(lanes, q, sizes, tag, values, at, g, gradient, branch):
    """gradient[at[begin + i] + l, q..] += values[begin + i, l] g[i, q..], v[p, q..] += s[i] g[i, q..]."""
    pitch, count, begin = sizes
    flag, s, v, p = branch
    total_v = splat(lanes, values.dtype.type(0))
    for i in range(count):
        row, here = at[begin + i] * pitch + q, (begin + i) * len(tag)
        cotangent = load(lanes, g, i * pitch + q)
        for _ in range(len(flag)):
            total_v = multiply_add(broadcast(lanes, s, i), cotangent, total_v)
        for l in range(len(tag)):
            weight = broadcast(lanes, values, here + l)
            product = multiply_add(weight, cotangent, load(lanes, gradient, row + l * pitch))
            store(gradient, row + l * pitch, product)
    for _ in range(len(flag)):
        store(v, p * pitch + q, plus(total_v, load(lanes, v, p * pitch + q)))


@njit(inline="always")
def _slope(lanes, q, i, sizes, tag, slopes, at, tile, g, branch):
    """(sum_l slopes[begin + i, l] tile[at[begin + i] + l, q..] + s[i] v[p, q..]) g[i, q..], folded."""
    pitch, _, begin = sizes
    flag, s, v, p = branch
    row, here = at[begin + i] * pitch + q, (begin + i) * len(tag)
    slope = times(broadcast(lanes, slopes, here), load(lanes, tile, row))
    for l in range(1, len(tag)):
        slope = multiply_add(broadcast(lanes, slopes, here + l), load(lanes, tile, row + l * pitch), slope)
    for _ in range(len(flag)):
        slope = multiply_add(broadcast(lanes, s, i), load(lanes, v, p * pitch + q), slope)
    return folded(NARROW, times(slope, load(lanes, g, i * pitch + q)))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull(lanes, q, sizes, tag, slopes, at, tile, g, branch, square, gx, to):
    """gx[to + i] += the sum of the lanes of `_slope`.

    Eight samples at a time, in `square`: their sums are a vector.
    """
    for first in range(0, sizes[1], len(NARROW)):
        some = min(len(NARROW), sizes[1] - first)
        for j in range(some):
            products = _slope(lanes, q, first + j, sizes, tag, slopes, at, tile, g, branch)
            store(square, j * len(NARROW), products)
        store_first(gx, to + first, plus(load(NARROW, gx, to + first), totals(square)), some)


@njit(inline="always")
def _combine_all(sizes, tag, values, at, tile, branch, y):
    """`_combine` for all outputs."""
    pitch = sizes[0]
    wide = pitch // len(WIDE) * len(WIDE)
    for q in range(0, wide, len(WIDE)):
        _combine(WIDE, q, sizes, tag, values, at, tile, branch, y)
    for q in range(wide, pitch, len(NARROW)):
        _combine(NARROW, q, sizes, tag, values, at, tile, branch, y)


@njit(inline="always")
def _push_all(sizes, tag, values, at, g, gradient, branch):
    """`_push` for all outputs."""
    pitch = sizes[0]
    wide = pitch // len(WIDE) * len(WIDE)
    for q in range(0, wide, len(WIDE)):
        _push(WIDE, q, sizes, tag, values, at, g, gradient, branch)
    for q in range(wide, pitch, len(NARROW)):
        _push(NARROW, q, sizes, tag, values, at, g, gradient, branch)


@njit(inline="always")
def _pull_all(sizes, tag, slopes, at, tile, g, branch, square, gx, to):
    """`_pull` for all outputs."""
    pitch = sizes[0]
    wide = pitch // len(WIDE) * len(WIDE)
    for q in range(0, wide, len(WIDE)):
        _pull(WIDE, q, sizes, tag, slopes, at, tile, g, branch, square, gx, to)
    for q in range(wide, pitch, len(NARROW)):
        _pull(NARROW, q, sizes, tag, slopes, at, tile, g, branch, square, gx, to)


@njit(cache=True, nogil=True)
def evaluate(x, c, pieces, v, kind, branch, out, start, stop):
    """out = y."""
    n_in, n_basis, n_out = c.shape
    tag, pitch = Pieces(*pieces).tag, pitch_of(n_out)
    zero, one = np.int64(0), np.int64(1)
    block = block_size(stop - start)
    group, together = inputs_at_once(n_in, block)
    active = room(group * block, np.int64(1), pieces)
    spans, values = active.spans, active.values[0]
    flat_x, flat_c, flat_out = x.ravel(), c.ravel(), out.ravel()
    tile = aligned(tile_rows(n_basis, block, len(tag)) * pitch, x.dtype)
    y, kept = aligned(block * pitch, x.dtype), np.empty(block, np.int64)
    base = base_tile(len(branch) * n_in, n_out, pitch, v)
    points, s = vector_room(together * block, x.dtype), vector_room(len(branch) * block, x.dtype)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        y[: count * pitch] = 0
        for p in range(n_in):
            here, begin = p % together * count, p % group * count
            if here == 0:
                load_columns(flat_x, n_in, p, together, first, count, points)
            if begin == 0:
                some = min(group, n_in - p) * count
                active_functions(points, one, here, zero, some, pieces, active)
            used = arrange(spans, begin, count, len(tag), n_basis, kept)
            fill_tile(flat_c, p * n_basis, n_basis, n_out, pitch, used, kept, len(tag), tile)
            for _ in range(len(branch)):
                base_functions(points, here, count, kind, s, s[:0])
            sizes = pitch, count, begin
            _combine_all(sizes, tag, values, spans, tile, (branch, s, base, p), y)
        save_rows(y, count, n_out, pitch, flat_out, first)


@njit(cache=True, nogil=True)
def vjp(x, c, gy, pieces, v, kind, branch, gx, gc, gv, want_x, start, stop):
    """gc += (dy/dc)^T gy, gv += (dy/dV)^T gy and, if wanted, gx = (dy/dx)^T gy."""
    n_in, n_basis, n_out = c.shape
    tag, pitch = Pieces(*pieces).tag, pitch_of(n_out)
    zero, one = np.int64(0), np.int64(1)
    square = aligned(len(NARROW) * len(NARROW), x.dtype)
    block = block_size(stop - start)
    group, together = inputs_at_once(n_in, block)
    active = room(group * block, 2 if want_x else 1, pieces)
    spans, values, slopes = active.spans, active.values[0], active.values[active.values.shape[0] - 1]
    flat_x, flat_c, flat_gy, flat_gc, flat_gx = x.ravel(), c.ravel(), gy.ravel(), gc.ravel(), gx.ravel()
    rows = tile_rows(n_basis, block, len(tag))
    tile, gradient = aligned(rows * pitch, x.dtype), aligned(rows * pitch, x.dtype)
    g, kept = aligned(block * pitch, x.dtype), np.empty(block, np.int64)
    base = base_tile(len(branch) * n_in, n_out, pitch, v)
    gradient_v = aligned(len(branch) * n_in * pitch, x.dtype)
    points, pulled = vector_room(together * block, x.dtype), vector_room(together * block, x.dtype)
    s, s_slopes = vector_room(len(branch) * block, x.dtype), vector_room(len(branch) * block, x.dtype)
    for first in range(start, stop, block):
        count = min(block, stop - first)
        load_rows(flat_gy, first, count, n_out, pitch, g, zero)
        for p in range(n_in):
            here, begin = p % together * count, p % group * count
            if here == 0:
                load_columns(flat_x, n_in, p, together, first, count, points)
                pulled[: together * count] = 0
            if begin == 0:
                some = min(group, n_in - p) * count
                active_functions(points, one, here, zero, some, pieces, active)
            used = arrange(spans, begin, count, len(tag), n_basis, kept)
            fill_tile(flat_c, p * n_basis, n_basis, n_out, pitch, used, kept, len(tag), tile)
            for _ in range(len(branch)):
                base_functions(points, here, count, kind, s, s_slopes if want_x else s[:0])
            gradient[: used * pitch] = 0
            sizes = pitch, count, begin
            _push_all(sizes, tag, values, spans, g, gradient, (branch, s, gradient_v, p))
            if want_x:
                mine = branch, s_slopes, base, p
                _pull_all(sizes, tag, slopes, spans, tile, g, mine, square, pulled, here)
            add_tile(gradient, n_basis, n_out, pitch, used, kept, len(tag), flat_gc, p * n_basis)
            if want_x and (p == n_in - 1 or p % together == together - 1):
                save_columns(pulled, count, flat_gx, n_in, p - p % together, together, first)
    add_rows(gradient_v, zero, len(branch) * n_in, n_out, pitch, gv, zero)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pull_tangent(q, sizes, tag, slopes, bends, at, tile, dtile, g, dg, squares, gx, dgx, to):
    """gx[to + i] += u . g[i], dgx[to + i] += u . dg[i] + w . g[i], from q, where

    u = sum_l slopes[begin + i, l] tile[at[begin + i] + l] and
    w = sum_l (bends[begin + i, l] tile[at[begin + i] + l] + slopes[begin + i, l] dtile[at[begin + i] + l]).
    """
    pitch, count, begin = sizes
    pulled, changed = squares
    for first in range(0, count, len(NARROW)):
        some = min(len(NARROW), count - first)
        for j in range(some):
            i = first + j
            row, here = at[begin + i] * pitch + q, (begin + i) * len(tag)
            u, w = splat(NARROW, slopes.dtype.type(0)), splat(NARROW, slopes.dtype.type(0))
            for l in range(len(tag)):
                c, slope = load(NARROW, tile, row + l * pitch), broadcast(NARROW, slopes, here + l)
                u = multiply_add(slope, c, u)
                w = multiply_add(broadcast(NARROW, bends, here + l), c, w)
                w = multiply_add(slope, load(NARROW, dtile, row + l * pitch), w)
            cotangent = load(NARROW, g, i * pitch + q)
            change = multiply_add(u, load(NARROW, dg, i * pitch + q), times(w, cotangent))
            store(pulled, j * len(NARROW), times(u, cotangent))
            store(changed, j * len(NARROW), change)
        for square, out in ((pulled, gx), (changed, dgx)):
            sums = plus(load(NARROW, out, to + first), totals(square))
            store_first(out, to + first, sums, some)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _scaled(values, begin, count, tag, points, here, out):
    """out[begin + i, l] = values[begin + i, l] points[here + i]."""
    for i in range(count):
        scale = broadcast(tag, points, here + i)
        store(out, (begin + i) * len(tag), times(scale, load(tag, values, (begin + i) * len(tag))))


@njit(cache=True, nogil=True)
def jvp(x, c, dx, dc, pieces, dy, start, stop):
    """dy = (dy/dc) dc + (dy/dx) dx, without a base branch."""
    n_in, n_basis, n_out = c.shape
    tag, pitch = Pieces(*pieces).tag, pitch_of(n_out)
    zero, one = np.int64(0), np.int64(1)
    block = block_size(stop - start)
    group, together = inputs_at_once(n_in, block)
    active = room(group * block, np.int64(2), pieces)
    spans, values, slopes = active.spans, active.values[0], active.values[1]
    flat_x, flat_dx, flat_c, flat_dc, flat_dy = x.ravel(), dx.ravel(), c.ravel(), dc.ravel(), dy.ravel()
    tile = aligned(tile_rows(n_basis, block, len(tag)) * pitch, x.dtype)
    y, kept, none = aligned(block * pitch, x.dtype), np.empty(block, np.int64), aligned(0, x.dtype)
    points, moves = vector_room(together * block, x.dtype), vector_room(together * block, x.dtype)
    scaled = np.empty(group * block * len(tag), x.dtype)
    bare = (), none, none, zero
    for first in range(start, stop, block):
        count = min(block, stop - first)
        y[: count * pitch] = 0
        for p in range(n_in):
            here, begin, row = p % together * count, p % group * count, p * n_basis
            if here == 0:
                load_columns(flat_x, n_in, p, together, first, count, points)
                load_columns(flat_dx, n_in, p, together, first, count, moves)
            if begin == 0:
                some = min(group, n_in - p) * count
                active_functions(points, one, here, zero, some, pieces, active)
            sizes = pitch, count, begin
            used = arrange(spans, begin, count, len(tag), n_basis, kept)
            fill_tile(flat_dc, row, n_basis, n_out, pitch, used, kept, len(tag), tile)
            _combine_all(sizes, tag, values, spans, tile, bare, y)
            _scaled(slopes, begin, count, tag, moves, here, scaled)
            fill_tile(flat_c, row, n_basis, n_out, pitch, used, kept, len(tag), tile)
            _combine_all(sizes, tag, scaled, spans, tile, bare, y)
        save_rows(y, count, n_out, pitch, flat_dy, first)


@njit(cache=True, nogil=True)
def vjp_tangent(x, c, gy, dx, dc, dgy, pieces, dgx, dgc, gx, want_x, start, stop):
    """Derivative of `vjp` along (dx, dc, dgy): dgc is added to; dgx, and gx of `vjp`, are set if wanted.

    Without a base branch.
    """
    n_in, n_basis, n_out = c.shape
    tag, pitch = Pieces(*pieces).tag, pitch_of(n_out)
    zero, one = np.int64(0), np.int64(1)
    square = len(NARROW) * len(NARROW)
    squares = aligned(square, x.dtype), aligned(square, x.dtype)
    block = block_size(stop - start)
    group, together = inputs_at_once(n_in, block)
    active = room(group * block, 3 if want_x else 2, pieces)
    spans, values, slopes = active.spans, active.values[0], active.values[1]
    bends = active.values[active.values.shape[0] - 1]
    flat_x, flat_dx, flat_c, flat_dc, flat_dgc = x.ravel(), dx.ravel(), c.ravel(), dc.ravel(), dgc.ravel()
    flat_gy, flat_dgy, flat_gx, flat_dgx = gy.ravel(), dgy.ravel(), gx.ravel(), dgx.ravel()
    rows = tile_rows(n_basis, block, len(tag)) * pitch
    tile, dtile, gradient = aligned(rows, x.dtype), aligned(rows, x.dtype), aligned(rows, x.dtype)
    none = aligned(0, x.dtype)
    g, dg, kept = aligned(block * pitch, x.dtype), aligned(block * pitch, x.dtype), np.empty(block, np.int64)
    points, moves = vector_room(together * block, x.dtype), vector_room(together * block, x.dtype)
    pulled, changes = vector_room(together * block, x.dtype), vector_room(together * block, x.dtype)
    scaled = np.empty(group * block * len(tag), x.dtype)
    bare = (), none, none, zero
    for first in range(start, stop, block):
        count = min(block, stop - first)
        load_rows(flat_gy, first, count, n_out, pitch, g, zero)
        load_rows(flat_dgy, first, count, n_out, pitch, dg, zero)
        for p in range(n_in):
            here, begin, row = p % together * count, p % group * count, p * n_basis
            if here == 0:
                load_columns(flat_x, n_in, p, together, first, count, points)
                load_columns(flat_dx, n_in, p, together, first, count, moves)
                pulled[: together * count] = 0
                changes[: together * count] = 0
            if begin == 0:
                some = min(group, n_in - p) * count
                active_functions(points, one, here, zero, some, pieces, active)
            sizes = pitch, count, begin
            used = arrange(spans, begin, count, len(tag), n_basis, kept)
            fill_tile(flat_c, row, n_basis, n_out, pitch, used, kept, len(tag), tile)
            gradient[: used * pitch] = 0
            _push_all(sizes, tag, values, spans, dg, gradient, bare)
            _scaled(slopes, begin, count, tag, moves, here, scaled)
            _push_all(sizes, tag, scaled, spans, g, gradient, bare)
            add_tile(gradient, n_basis, n_out, pitch, used, kept, len(tag), flat_dgc, row)
            if not want_x:
                continue
            _scaled(bends, begin, count, tag, moves, here, scaled)
            fill_tile(flat_dc, row, n_basis, n_out, pitch, used, kept, len(tag), dtile)
            for q in range(0, pitch, len(NARROW)):
                _pull_tangent(
                    q, sizes, tag, slopes, scaled, spans, tile, dtile, g, dg, squares, pulled, changes, here
                )
            if p == n_in - 1 or p % together == together - 1:
                save_columns(pulled, count, flat_gx, n_in, p - p % together, together, first)
                save_columns(changes, count, flat_dgx, n_in, p - p % together, together, first)


@njit(cache=True, nogil=True)
def jacobian_rows(x, c, v, pieces, place, gx, want_x, start, stop):
    """Jacobian rows of v . y: n_in segments of (k+1) n_out values, where each begins, and gx as in `vjp`.

    Sample i is row `i stride + shift` of `values` and `starts`; the layer's segments begin at `position` in
    `values` and at `segment` in `starts`, and its first column is `column`. Rows are written from end to end.
    Without a base branch.
    """
    stored, starts, position, segment, column, stride, shift = place
    n_in, n_basis, n_out = c.shape
    tag, pitch = Pieces(*pieces).tag, pitch_of(n_out)
    zero, one = np.int64(0), np.int64(1)
    square = aligned(len(NARROW) * len(NARROW), x.dtype)
    block, whole = max(1, min(stop - start, max(8, ROW_POINTS // n_in))), n_out // len(NARROW) * len(NARROW)
    active = room(n_in * block, 2 if want_x else 1, pieces)
    spans, values, slopes = active.spans, active.values[0], active.values[active.values.shape[0] - 1]
    flat_x, flat_c, flat_v, flat_gx, flat_stored = x.ravel(), c.ravel(), v.ravel(), gx.ravel(), stored.ravel()
    g, kept, none = aligned(block * pitch, x.dtype), np.empty(block, np.int64), aligned(0, x.dtype)
    tile = aligned(tile_rows(n_basis, block, len(tag)) * pitch, x.dtype)
    points, pulled = vector_room(n_in * block, x.dtype), vector_room(n_in * block, x.dtype)
    bare = (), none, none, zero
    for first in range(start, stop, block):
        count = min(block, stop - first)
        load_columns(flat_x, n_in, zero, n_in, first, count, points)
        load_rows(flat_v, first, count, n_out, pitch, g, zero)
        active_functions(points, one, zero, zero, n_in * count, pieces, active)
        for i in range(count):
            target = (first + i) * stride + shift
            to = target * stored.shape[1] + position
            for p in range(n_in):
                here = p * count + i
                starts[target, segment + p] = column + (p * n_basis + spans[here]) * n_out
                if n_out == 1:
                    row = times(broadcast(tag, g, i * pitch), load(tag, values, here * len(tag)))
                    store(flat_stored, to, row)
                    to += len(tag)
                    continue
                for l in range(len(tag)):
                    weight = broadcast(NARROW, values, here * len(tag) + l)
                    for q in range(0, whole, len(NARROW)):
                        store(flat_stored, to + q, times(weight, load(NARROW, g, i * pitch + q)))
                    if whole < n_out:
                        row = times(weight, load(NARROW, g, i * pitch + whole))
                        store_first(flat_stored, to + whole, row, n_out - whole)
                    to += n_out
        if want_x:
            pulled[: n_in * count] = 0
            for p in range(n_in):
                begin, row = p * count, p * n_basis
                sizes = pitch, count, begin
                used = arrange(spans, begin, count, len(tag), n_basis, kept)
                fill_tile(flat_c, row, n_basis, n_out, pitch, used, kept, len(tag), tile)
                _pull_all(sizes, tag, slopes, spans, tile, g, bare, square, pulled, begin)
            save_columns(pulled, count, flat_gx, n_in, zero, n_in, first)
