"""A spline layer y_q = sum_p sum_i c[p, i, q] b_i(x_p): value and derivatives on a range of samples.

Only the k+1 active functions of each input are touched, so no cost depends on the number of intervals
(but for the bisection on non-uniform knots). Every kernel works on batches of samples: `active_functions`
finds the span of every input and the active functions there, then short loops contract them with the
coefficients. The basis is read as piecewise polynomials in the centred local coordinate
y = (x - origin) scale; `table[d]` holds their d-th derivatives in x, d = 0, 1, 2.

`tag` is a tuple of k+1 zeros. Its length is part of its type, so that the compiler knows the degree and
unrolls the loops over active functions: twice to three times faster than a degree known at run time only.

Arrays: x (n, n_in), coefficients (n_in, n_basis, n_out), outputs and their gradients (n, n_out).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from splinekan.kernels._active import BATCH, active_functions
from splinekan.kernels._simd import LANES, add_combination, add_outer, contraction


@njit(cache=True, nogil=True)
def evaluate(x, c, breakpoints, inverse_spacing, origins, scales, table, tag, out, start, stop):
    """out = y."""
    n_in, n_basis, n_out = c.shape
    whole = n_out // LANES * LANES
    spans = np.empty((BATCH, n_in), np.int64)
    active = np.empty((1, BATCH, n_in, len(tag)), x.dtype)
    flat_out, flat_active, flat_c = out.ravel(), active.ravel(), c.ravel()
    for first in range(start, stop, BATCH):
        end = min(first + BATCH, stop)
        active_functions(
            x, first, end, breakpoints, inverse_spacing, origins, scales, table, tag, spans, active
        )
        for i in range(end - first):
            for q in range(n_out):
                out[first + i, q] = 0.0
            at = (first + i) * n_out
            for p in range(n_in):
                row = (p * n_basis + spans[i, p]) * n_out
                here = (i * n_in + p) * len(tag)
                for q in range(0, whole, LANES):
                    add_combination(flat_out, at + q, flat_active, here, tag, flat_c, row + q, n_out)
                for q in range(whole, n_out):
                    total = flat_out[at + q]
                    for l in range(len(tag)):
                        total += active[0, i, p, l] * flat_c[row + l * n_out + q]
                    flat_out[at + q] = total


@njit(cache=True, nogil=True)
def vjp(x, c, gy, breakpoints, inverse_spacing, origins, scales, table, tag, gx, gc, want_x, start, stop):
    """gc += (dy/dc)^T gy and, if wanted, gx = (dy/dx)^T gy."""
    n_in, n_basis, n_out = c.shape
    whole = n_out // LANES * LANES
    spans = np.empty((BATCH, n_in), np.int64)
    active = np.empty((2 if want_x else 1, BATCH, n_in, len(tag)), x.dtype)
    flat_gy, flat_gc, flat_active, flat_c = gy.ravel(), gc.ravel(), active.ravel(), c.ravel()
    for first in range(start, stop, BATCH):
        end = min(first + BATCH, stop)
        active_functions(
            x, first, end, breakpoints, inverse_spacing, origins, scales, table, tag, spans, active
        )
        for i in range(end - first):
            at = (first + i) * n_out
            for p in range(n_in):
                row = (p * n_basis + spans[i, p]) * n_out
                here = (i * n_in + p) * len(tag)
                for q in range(0, whole, LANES):
                    add_outer(flat_gc, row + q, n_out, flat_active, here, tag, flat_gy, at + q)
                for q in range(whole, n_out):
                    g = flat_gy[at + q]
                    for l in range(len(tag)):
                        flat_gc[row + l * n_out + q] += active[0, i, p, l] * g
                if want_x:
                    total = x.dtype.type(0)
                    slopes = here + BATCH * n_in * len(tag)
                    for q in range(0, whole, LANES):
                        total += contraction(
                            flat_active, slopes, tag, flat_c, row + q, n_out, flat_gy, at + q
                        )
                    for q in range(whole, n_out):
                        slope = x.dtype.type(0)
                        for l in range(len(tag)):
                            slope += active[1, i, p, l] * flat_c[row + l * n_out + q]
                        total += slope * flat_gy[at + q]
                    gx[first + i, p] = total


@njit(cache=True, nogil=True)
def jvp(x, c, dx, dc, breakpoints, inverse_spacing, origins, scales, table, tag, dy, start, stop):
    """dy = (dy/dc) dc + (dy/dx) dx."""
    n_in, n_out = x.shape[1], dy.shape[1]
    spans = np.empty((BATCH, n_in), np.int64)
    active = np.empty((2, BATCH, n_in, len(tag)), x.dtype)
    for first in range(start, stop, BATCH):
        end = min(first + BATCH, stop)
        active_functions(
            x, first, end, breakpoints, inverse_spacing, origins, scales, table, tag, spans, active
        )
        for i in range(end - first):
            for q in range(n_out):
                dy[first + i, q] = 0.0
            for p in range(n_in):
                span = spans[i, p]
                moved = dx[first + i, p]
                for q in range(n_out):
                    total = dy[first + i, q]
                    for l in range(len(tag)):
                        total += active[0, i, p, l] * dc[p, span + l, q]
                        total += active[1, i, p, l] * moved * c[p, span + l, q]
                    dy[first + i, q] = total


@njit(cache=True, nogil=True)
def vjp_tangent(
    x,
    c,
    gy,
    dx,
    dc,
    dgy,
    breakpoints,
    inverse_spacing,
    origins,
    scales,
    table,
    tag,
    dgx,
    dgc,
    start,
    stop,
):
    """Directional derivative of `vjp` along (dx, dc, dgy): dgc is added to, dgx is set."""
    n_in, n_out = x.shape[1], gy.shape[1]
    spans = np.empty((BATCH, n_in), np.int64)
    active = np.empty((3, BATCH, n_in, len(tag)), x.dtype)
    for first in range(start, stop, BATCH):
        end = min(first + BATCH, stop)
        active_functions(
            x, first, end, breakpoints, inverse_spacing, origins, scales, table, tag, spans, active
        )
        for i in range(end - first):
            for p in range(n_in):
                span = spans[i, p]
                moved = dx[first + i, p]
                total = x.dtype.type(0)
                for l in range(len(tag)):
                    b = active[0, i, p, l]
                    change = active[1, i, p, l] * moved
                    along = x.dtype.type(0)
                    across = x.dtype.type(0)
                    for q in range(n_out):
                        coefficient = c[p, span + l, q]
                        along += dgy[first + i, q] * coefficient + gy[first + i, q] * dc[p, span + l, q]
                        across += gy[first + i, q] * coefficient
                        dgc[p, span + l, q] += b * dgy[first + i, q] + change * gy[first + i, q]
                    total += active[1, i, p, l] * along + active[2, i, p, l] * moved * across
                dgx[first + i, p] = total


@njit(cache=True, nogil=True)
def rows(
    x,
    c,
    v,
    breakpoints,
    inverse_spacing,
    origins,
    scales,
    table,
    tag,
    values,
    starts,
    position,
    run,
    column,
    stride,
    shift,
    gx,
    want_x,
    start,
    stop,
):
    """Jacobian rows of v . y: n_in runs of (k+1) n_out values, where each begins, and gx as in `vjp`.

    Sample i is row `i stride + shift` of `values` and `starts`; the layer's runs begin at `position`
    in `values` and at `run` in `starts`, and its first column is `column`.
    """
    n_in, n_basis, n_out = c.shape
    spans = np.empty((BATCH, n_in), np.int64)
    active = np.empty((2 if want_x else 1, BATCH, n_in, len(tag)), x.dtype)
    for first in range(start, stop, BATCH):
        end = min(first + BATCH, stop)
        active_functions(
            x, first, end, breakpoints, inverse_spacing, origins, scales, table, tag, spans, active
        )
        for i in range(end - first):
            at = position
            target = (first + i) * stride + shift
            for p in range(n_in):
                span = spans[i, p]
                starts[target, run + p] = column + (p * n_basis + span) * n_out
                for l in range(len(tag)):
                    b = active[0, i, p, l]
                    for q in range(n_out):
                        values[target, at] = b * v[first + i, q]
                        at += 1
                if want_x:
                    total = x.dtype.type(0)
                    for q in range(n_out):
                        slope = x.dtype.type(0)
                        for l in range(len(tag)):
                            slope += active[1, i, p, l] * c[p, span + l, q]
                        total += slope * v[first + i, q]
                    gx[first + i, p] = total
