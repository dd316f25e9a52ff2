"""Derivatives and antiderivatives of splines as splines: exact matrices between their coefficients.

With b_{i,k} the B-spline of degree k and support [t_i, t_{i+k+1}] (de Boor 1978, A Practical Guide to
Splines, chapter X)

    (sum_i c_i b_{i,k})' = sum_i k (c_i - c_{i-1})/(t_{i+k} - t_i) b_{i,k-1},

so that derivatives are differences of coefficients, and antiderivatives cumulative sums. Every weight is
computed from the exact knots and rounded once.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import MAX_DEGREE, Array, Float64Array, affordable
from splinekan.splines._rationals import ratio
from splinekan.splines.knot_vector import KnotVector, knot_vector
from splinekan.splines.pp_form import taylor
from splinekan.splines.spacing import equally_spaced


def derivative_knots(knots: KnotVector | ArrayLike, degree: int | None = None) -> KnotVector:
    """The knots, of degree k - 1, of the derivatives of splines of degree k.

    They are the given knots without one copy of every knot of multiplicity k + 1, where a spline may jump.

    Raises
    ------
    TypeError, ValueError
        For bad knots, and for degree 0.
    """
    vector = _differentiable(knots, degree)
    t, k = vector.t, vector.degree
    if vector.periodic:
        points, counts = np.unique(vector.inner, return_counts=True)
        return KnotVector.extended(points, k - 1, np.minimum(counts, k)[1:-1], periodic=True)
    starts = _starts(vector)
    return KnotVector(np.concatenate([t[starts], t[vector.n_basis : -1]]), k - 1)


def derivative_matrix(knots: KnotVector | ArrayLike, degree: int | None = None) -> scipy.sparse.csr_array:
    """The matrix D with c' = D c: coefficients of the derivative on `derivative_knots`.

    Each row has two entries +-k/(t_{i+k} - t_i), in units of 1/x, each rounded once. At jumps the derivative
    is that of the pieces.

    Returns
    -------
    scipy.sparse.csr_array
        (n_basis of the derivative knots, n_basis).

    Raises
    ------
    TypeError, ValueError
        For bad knots, and for degree 0; for entries that leave the range of float64.

    Examples
    --------
    >>> derivative_matrix([0.0, 1.0, 2.0, 4.0], 1).toarray()
    array([[-1.,  1.]])
    """
    vector = _differentiable(knots, degree)
    k, (n, unit) = vector.degree, vector.exact
    starts = _starts(vector)
    slopes = ratio(np.full(len(starts), k * unit, dtype=object), n[starts + k] - n[starts])
    if not np.isfinite(slopes).all():
        raise ValueError(
            "the derivative scales as 1/spacing and leaves the range of float64: got knots from "
            f"{vector.t[0]} to {vector.t[-1]}; rescale them"
        )
    rows = np.tile(np.arange(len(starts)), 2)
    columns = np.concatenate([starts - 1, starts]) % vector.n_basis
    shape = (len(starts), vector.n_basis)
    # With a single periodic coefficient the two entries add up to 0.
    return scipy.sparse.csr_array((np.concatenate([-slopes, slopes]), (rows, columns)), shape=shape)


def antiderivative_knots(knots: KnotVector | ArrayLike, degree: int | None = None) -> KnotVector:
    """The knots, of degree k + 1, of the antiderivatives of splines of degree k.

    They have one more ghost knot at each end. Uniform knots stay uniform, clamped knots clamped.

    Raises
    ------
    TypeError, ValueError
        For bad knots, for degree 9, and for periodic knots: an antiderivative is periodic only if the mean
        is 0.
    """
    vector = knot_vector(knots, degree)
    t, k = vector.t, vector.degree
    if k == MAX_DEGREE:
        raise ValueError(
            f"the antiderivative of a spline of degree {k} has degree {k + 1}; degrees go up to {MAX_DEGREE}"
        )
    if vector.periodic:
        raise ValueError(
            "antiderivatives are periodic only if the mean is 0: prolongate to knots without a period first"
        )
    if vector.is_uniform:
        wider = equally_spaced(*vector.domain, vector.intervals, k + 1)
        if np.array_equal(wider[1:-1], t):
            return KnotVector(wider, k + 1)
    # The same step again, which is 0 at a clamped end.
    return KnotVector(np.concatenate([[2 * t[0] - t[1]], t, [2 * t[-1] - t[-2]]]), k + 1)


def antiderivative_matrix(knots: KnotVector | ArrayLike, degree: int | None = None) -> Float64Array:
    """The matrix S with C = S c: coefficients on `antiderivative_knots` of the integral from a.

    Column j holds minus the integral of b_j left of a, then (below the diagonal) that right of a; D S = I.
    Entries have the units of x and are rounded once.

    Returns
    -------
    ndarray
        (n_basis + 1, n_basis), dense. See `antiderivative` for its product with c in O(n_basis).

    Raises
    ------
    TypeError, ValueError
        As `antiderivative_knots`.
    """
    vector = knot_vector(knots, degree)
    antiderivative_knots(vector)
    m = vector.n_basis
    affordable(f"the antiderivative matrix of {m} functions", 8.0 * m * (m + 1))
    before, after = _integrals(vector)
    below = np.arange(m + 1)[:, None] > np.arange(m)
    return np.where(below, after, -before)


def antiderivative(knots: KnotVector, c: Array) -> Float64Array:
    """S c along the first axis, by cumulative sums from both sides of the diagonal."""
    before, after = (w.reshape((-1,) + (1,) * (c.ndim - 1)) * c for w in _integrals(knots))
    out = np.zeros((len(c) + 1, *c.shape[1:]))
    np.cumsum(after, axis=0, out=out[1:])
    out[:-1] -= np.cumsum(before[::-1], axis=0)[::-1]
    return out


def _integrals(knots: KnotVector) -> tuple[Float64Array, Float64Array]:
    """The integrals of every B-spline left of a, and right of a."""
    raised, k = antiderivative_knots(knots), knots.degree
    n, unit = knots.exact
    width = n[k + 1 :] - n[: -k - 1]
    # Left of a: the integral of b_j times the values at a of the B-splines of degree k + 1 after the j-th.
    values, below, _ = taylor(raised.exact[0], k + 1, np.array([k + 1]), 0)
    tail = np.cumsum(values[0, 0, :0:-1])[::-1]
    bottom = below[0] * (k + 1) * unit
    before, after = np.zeros(len(width)), ratio(width, np.full(len(width), (k + 1) * unit, dtype=object))
    before[: k + 1] = ratio(width[: k + 1] * tail, np.full(k + 1, bottom, dtype=object))
    rest = width[: k + 1] * (below[0] - tail)
    after[: k + 1] = ratio(rest, np.full(k + 1, bottom, dtype=object))
    return before, after


def _differentiable(knots: KnotVector | ArrayLike, degree: int | None) -> KnotVector:
    vector = knot_vector(knots, degree)
    if vector.degree == 0:
        raise ValueError(
            "degree must be at least 1, got 0: the derivative of a step function is not a spline"
        )
    return vector


def _starts(knots: KnotVector) -> NDArray[np.int64]:
    """Index in t of the first knot of every B-spline of degree k - 1 on the derivative knots."""
    k, n = knots.degree, knots.exact[0]
    if not knots.periodic:
        starts = np.arange(1, knots.n_basis)
        return starts[knots.t[starts + k] > knots.t[starts]]
    # The knots of one period that start a support, in the order of the B-splines: the first support starts
    # k - 1 knots before a.
    period = np.arange(k, k + knots.n_basis)
    period = period[np.array(n[period + k] > n[period], dtype=bool)]
    return np.asarray(period[(np.arange(len(period)) - (k - 1)) % len(period)])
