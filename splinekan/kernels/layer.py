"""A spline layer y_q = sum_p sum_i c[p, i, q] b_i(x_p): value and derivatives on a range of samples.

Only the k+1 active functions of each input are touched, so no cost depends on the number of intervals
(but for the bisection on non-uniform knots). Every kernel works on batches of samples: `active_functions`
finds the span of every input and the active functions there, then short loops contract them with the
coefficients.

Arrays: x (n, n_in), coefficients (n_in, n_basis, n_out), outputs and their gradients (n, n_out). `pieces` is
the plain tuple of the fields of `Pieces`, `place` that of the fields of `splinekan.network.layer.Slot`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from splinekan.kernels._active import Pieces, active_functions, room
from splinekan.kernels._simd import LANES, add_combination, add_outer, contraction


@njit(cache=True, nogil=True)
def evaluate(x, c, pieces, out, start, stop):
    """out = y."""
    n_in, n_basis, n_out = c.shape
    tag = Pieces(*pieces).tag
    whole = n_out // LANES * LANES
    active = room(n_in, stop - start, np.int64(1), pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    flat_out, flat_values, flat_c = out.ravel(), values.ravel(), c.ravel()
    for first in range(start, stop, batch):
        end = min(first + batch, stop)
        active_functions(flat_x, n_in, first, end, pieces, active)
        for i in range(end - first):
            for q in range(n_out):
                out[first + i, q] = 0.0
            at = (first + i) * n_out
            for p in range(n_in):
                row = (p * n_basis + spans[i, p]) * n_out
                here = (i * n_in + p) * len(tag)
                for q in range(0, whole, LANES):
                    add_combination(flat_out, at + q, flat_values, here, tag, flat_c, row + q, n_out)
                for q in range(whole, n_out):
                    total = flat_out[at + q]
                    for l in range(len(tag)):
                        total += values[0, i, p, l] * flat_c[row + l * n_out + q]
                    flat_out[at + q] = total


@njit(cache=True, nogil=True)
def vjp(x, c, gy, pieces, gx, gc, want_x, start, stop):
    """gc += (dy/dc)^T gy and, if wanted, gx = (dy/dx)^T gy."""
    n_in, n_basis, n_out = c.shape
    tag = Pieces(*pieces).tag
    whole = n_out // LANES * LANES
    active = room(n_in, stop - start, 2 if want_x else 1, pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    flat_gy, flat_gc, flat_values, flat_c = gy.ravel(), gc.ravel(), values.ravel(), c.ravel()
    for first in range(start, stop, batch):
        end = min(first + batch, stop)
        active_functions(flat_x, n_in, first, end, pieces, active)
        for i in range(end - first):
            at = (first + i) * n_out
            for p in range(n_in):
                row = (p * n_basis + spans[i, p]) * n_out
                here = (i * n_in + p) * len(tag)
                for q in range(0, whole, LANES):
                    add_outer(flat_gc, row + q, n_out, flat_values, here, tag, flat_gy, at + q)
                for q in range(whole, n_out):
                    g = flat_gy[at + q]
                    for l in range(len(tag)):
                        flat_gc[row + l * n_out + q] += values[0, i, p, l] * g
                if want_x:
                    total = x.dtype.type(0)
                    slopes = here + batch * n_in * len(tag)
                    for q in range(0, whole, LANES):
                        total += contraction(
                            flat_values, slopes, tag, flat_c, row + q, n_out, flat_gy, at + q
                        )
                    for q in range(whole, n_out):
                        slope = x.dtype.type(0)
                        for l in range(len(tag)):
                            slope += values[1, i, p, l] * flat_c[row + l * n_out + q]
                        total += slope * flat_gy[at + q]
                    gx[first + i, p] = total


@njit(cache=True, nogil=True)
def jvp(x, c, dx, dc, pieces, dy, start, stop):
    """dy = (dy/dc) dc + (dy/dx) dx."""
    n_in, n_out = x.shape[1], dy.shape[1]
    tag = Pieces(*pieces).tag
    active = room(n_in, stop - start, np.int64(2), pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    for first in range(start, stop, batch):
        end = min(first + batch, stop)
        active_functions(flat_x, n_in, first, end, pieces, active)
        for i in range(end - first):
            for q in range(n_out):
                dy[first + i, q] = 0.0
            for p in range(n_in):
                span = spans[i, p]
                moved = dx[first + i, p]
                for q in range(n_out):
                    total = dy[first + i, q]
                    for l in range(len(tag)):
                        total += values[0, i, p, l] * dc[p, span + l, q]
                        total += values[1, i, p, l] * moved * c[p, span + l, q]
                    dy[first + i, q] = total


@njit(cache=True, nogil=True)
def vjp_tangent(x, c, gy, dx, dc, dgy, pieces, dgx, dgc, gx, want_x, start, stop):
    """Derivative of `vjp` along (dx, dc, dgy): dgc is added to; dgx, and gx of `vjp`, are set if wanted."""
    n_in, n_out = x.shape[1], gy.shape[1]
    tag = Pieces(*pieces).tag
    active = room(n_in, stop - start, 3 if want_x else 2, pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    for first in range(start, stop, batch):
        end = min(first + batch, stop)
        active_functions(flat_x, n_in, first, end, pieces, active)
        for i in range(end - first):
            for p in range(n_in):
                span = spans[i, p]
                moved = dx[first + i, p]
                pulled = x.dtype.type(0)
                change = x.dtype.type(0)
                for l in range(len(tag)):
                    b = values[0, i, p, l]
                    slope = values[1, i, p, l]
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
                        change += slope * along + values[2, i, p, l] * moved * across
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
    tag = Pieces(*pieces).tag
    active = room(n_in, stop - start, 2 if want_x else 1, pieces)
    spans, values = active.spans, active.values
    batch, flat_x = spans.shape[0], x.ravel()
    for first in range(start, stop, batch):
        end = min(first + batch, stop)
        active_functions(flat_x, n_in, first, end, pieces, active)
        for i in range(end - first):
            at = position
            target = (first + i) * stride + shift
            for p in range(n_in):
                span = spans[i, p]
                starts[target, segment + p] = column + (p * n_basis + span) * n_out
                for l in range(len(tag)):
                    b = values[0, i, p, l]
                    for q in range(n_out):
                        stored[target, at] = b * v[first + i, q]
                        at += 1
                if want_x:
                    total = x.dtype.type(0)
                    for q in range(n_out):
                        slope = x.dtype.type(0)
                        for l in range(len(tag)):
                            slope += values[1, i, p, l] * c[p, span + l, q]
                        total += slope * v[first + i, q]
                    gx[first + i, p] = total
