"""A spline layer y_q = sum_p sum_i c[p, i, q] b_i(x_p): value and derivatives on a range of samples.

Only the k+1 live functions of each input are touched, so no cost depends on the number of intervals
(but for the bisection on non-uniform knots). Every kernel reads the basis as piecewise polynomials in
the centred local coordinate y = (x - origin) scale;
`table[d]` holds their d-th derivatives in x, d = 0, 1, 2.

Arrays: x (n, n_in), coefficients (n_in, n_basis, n_out), outputs and their gradients (n, n_out).
"""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def _locate(x, breakpoints, inverse_spacing, last):
    """Piece (0 left of the domain, 1..G inside, G+1 right of it), table row, first live function.

    `last` is the table's last row: 2 for uniform knots, whose inner pieces share one row, or G+1.
    """
    intervals = breakpoints.shape[0] - 1
    if not x >= breakpoints[0]:  # NaN lands here, and its value stays NaN
        return 0, 0, 0
    if x > breakpoints[intervals]:
        return intervals + 1, last, intervals - 1
    if inverse_spacing > 0.0:
        span = min(int((x - breakpoints[0]) * inverse_spacing), intervals - 1)
        # The product may round across a knot: the knots themselves decide.
        if x < breakpoints[span]:
            span -= 1
        elif span < intervals - 1 and x >= breakpoints[span + 1]:
            span += 1
        return span + 1, min(span + 1, last - 1), span
    low, high = 0, intervals
    while high - low > 1:
        middle = (low + high) // 2
        if x >= breakpoints[middle]:
            low = middle
        else:
            high = middle
    return low + 1, min(low + 1, last - 1), low


@njit(cache=True, nogil=True)
def _polynomial(table, derivative, row, l, y):
    """Function l of a table row, by Horner's rule.

    One scalar at a time: with a buffer for all of them every short loop is guarded against aliasing.
    """
    value = table[derivative, row, table.shape[2] - 1, l]
    for p in range(table.shape[2] - 2, -1, -1):
        value = value * y + table[derivative, row, p, l]
    return value


@njit(cache=True, nogil=True)
def evaluate(x, c, breakpoints, inverse_spacing, origins, scales, table, out, start, stop):
    """out = y."""
    last = table.shape[1] - 1
    for i in range(start, stop):
        for q in range(out.shape[1]):
            out[i, q] = 0.0
        for p in range(x.shape[1]):
            piece, row, span = _locate(x[i, p], breakpoints, inverse_spacing, last)
            y = (x[i, p] - origins[piece]) * scales[piece]
            for l in range(table.shape[3]):
                b = _polynomial(table, 0, row, l, y)
                for q in range(out.shape[1]):
                    out[i, q] += b * c[p, span + l, q]


@njit(cache=True, nogil=True)
def vjp(x, c, gy, breakpoints, inverse_spacing, origins, scales, table, gx, gc, want_x, start, stop):
    """gc += (dy/dc)^T gy and, if wanted, gx = (dy/dx)^T gy."""
    last = table.shape[1] - 1
    for i in range(start, stop):
        for p in range(x.shape[1]):
            piece, row, span = _locate(x[i, p], breakpoints, inverse_spacing, last)
            y = (x[i, p] - origins[piece]) * scales[piece]
            for l in range(table.shape[3]):
                b = _polynomial(table, 0, row, l, y)
                for q in range(gy.shape[1]):
                    gc[p, span + l, q] += b * gy[i, q]
            if want_x:
                total = x.dtype.type(0)
                for l in range(table.shape[3]):
                    product = x.dtype.type(0)
                    for q in range(gy.shape[1]):
                        product += gy[i, q] * c[p, span + l, q]
                    total += _polynomial(table, 1, row, l, y) * product
                gx[i, p] = total


@njit(cache=True, nogil=True)
def jvp(x, c, dx, dc, breakpoints, inverse_spacing, origins, scales, table, dy, start, stop):
    """dy = (dy/dc) dc + (dy/dx) dx."""
    last = table.shape[1] - 1
    for i in range(start, stop):
        for q in range(dy.shape[1]):
            dy[i, q] = 0.0
        for p in range(x.shape[1]):
            piece, row, span = _locate(x[i, p], breakpoints, inverse_spacing, last)
            y = (x[i, p] - origins[piece]) * scales[piece]
            for l in range(table.shape[3]):
                b = _polynomial(table, 0, row, l, y)
                change = _polynomial(table, 1, row, l, y) * dx[i, p]
                for q in range(dy.shape[1]):
                    dy[i, q] += b * dc[p, span + l, q] + change * c[p, span + l, q]


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
    dgx,
    dgc,
    start,
    stop,
):
    """Directional derivative of `vjp` along (dx, dc, dgy): dgc is added to, dgx is set."""
    last = table.shape[1] - 1
    for i in range(start, stop):
        for p in range(x.shape[1]):
            piece, row, span = _locate(x[i, p], breakpoints, inverse_spacing, last)
            y = (x[i, p] - origins[piece]) * scales[piece]
            total = x.dtype.type(0)
            for l in range(table.shape[3]):
                b = _polynomial(table, 0, row, l, y)
                slope = _polynomial(table, 1, row, l, y)
                bend = _polynomial(table, 2, row, l, y)
                moved = slope * dx[i, p]
                along = x.dtype.type(0)
                across = x.dtype.type(0)
                for q in range(gy.shape[1]):
                    coefficient = c[p, span + l, q]
                    along += dgy[i, q] * coefficient + gy[i, q] * dc[p, span + l, q]
                    across += gy[i, q] * coefficient
                    dgc[p, span + l, q] += b * dgy[i, q] + moved * gy[i, q]
                total += slope * along + bend * dx[i, p] * across
            dgx[i, p] = total


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
    last = table.shape[1] - 1
    n_out = v.shape[1]
    n_basis = c.shape[1]
    for i in range(start, stop):
        at = position
        target = i * stride + shift
        for p in range(x.shape[1]):
            piece, row, span = _locate(x[i, p], breakpoints, inverse_spacing, last)
            y = (x[i, p] - origins[piece]) * scales[piece]
            starts[target, run + p] = column + (p * n_basis + span) * n_out
            for l in range(table.shape[3]):
                b = _polynomial(table, 0, row, l, y)
                for q in range(n_out):
                    values[target, at] = b * v[i, q]
                    at += 1
            if want_x:
                total = x.dtype.type(0)
                for l in range(table.shape[3]):
                    product = x.dtype.type(0)
                    for q in range(n_out):
                        product += v[i, q] * c[p, span + l, q]
                    total += _polynomial(table, 1, row, l, y) * product
                gx[i, p] = total
