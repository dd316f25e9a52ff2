"""Exact prolongation P: the same spline on finer knots."""

from __future__ import annotations

from functools import reduce
from math import comb
from operator import mul

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import one_of
from splinekan.splines._rationals import ratio
from splinekan.splines.knot_vector import KnotVector, knot_vector


def prolongation(
    coarse_knots: KnotVector | ArrayLike,
    fine_knots: KnotVector | ArrayLike,
    degree: int | None = None,
    basis: str = "spline",
) -> scipy.sparse.csr_array:
    """The prolongation P with c_fine = P c_coarse: the same function on [a, b], exactly.

    The breakpoints must be nested, to rounding relative to the intervals beside them, and occur among the
    fine knots as often; the ghost knots of the two levels need not be related. Coarse knots may be periodic
    and fine knots not. In the spline basis row i holds the blossom of a coarse piece at (t'_{i+1}, ...,
    t'_{i+k}) (knot insertion); on uniform knots with every interval halved it is the two-scale relation b_i
    = sum_s 2^{-k} C(k+1, s) b'_{2i+s} (Southworth et al., arXiv:2603.04827, Eq. 25, whose printed factor
    2^{-r} halves the function). In the ReLU basis inner knots are injected, and each coarse ghost power, a
    polynomial on [a, b], is re-expanded in the fine ones: (x - s)^k = sum_j l_j(s) (x - t'_j)^k with l_j the
    Lagrange basis on t'_{-k}, ..., t'_0, exact because both sides are polynomials of degree k in s.

    Parameters
    ----------
    coarse_knots, fine_knots
        KnotVectors, or arrays of knots.
    degree
        k, 0 to 9; omitted with KnotVectors.
    basis
        "spline" for coefficients of B-splines, "relu" for those of power ReLUs.

    Returns
    -------
    scipy.sparse.csr_array
        (n_basis of the fine knots, n_basis of the coarse knots), dimensionless. In the spline basis every
        entry is exact for the stored knots but for one rounding (uniform and halved knots count as exactly
        so); in the ReLU basis every entry is accurate to 4 (k + 1) eps.

    Raises
    ------
    TypeError, ValueError
        For bad knots, degree or basis. If a coarse breakpoint is not a fine breakpoint, or has a lower
        multiplicity there; if domains or degrees differ; if only the fine knots are periodic; for repeated
        or periodic knots in the ReLU basis.

    Examples
    --------
    >>> from splinekan import KnotVector
    >>> coarse = KnotVector.clamped([0, 1, 2], 1)
    >>> prolongation(coarse, coarse.refine()).toarray()
    array([[1. , 0. , 0. ],
           [0.5, 0.5, 0. ],
           [0. , 1. , 0. ],
           [0. , 0.5, 0.5],
           [0. , 0. , 1. ]])
    """
    one_of("basis", basis, ("spline", "relu"))
    coarse, fine = knot_vector(coarse_knots, degree), knot_vector(fine_knots, degree)
    where = fine.locate(coarse)
    if basis == "relu":
        return _relu_prolongation(coarse, fine, where)
    if fine.intervals == 2 * coarse.intervals and coarse.is_uniform and fine.is_uniform:
        return _two_scale(coarse, fine)
    return _blossoms(coarse, fine, where)


def _two_scale(coarse: KnotVector, fine: KnotVector) -> scipy.sparse.csr_array:
    k, shape = coarse.degree, (fine.n_basis, coarse.n_basis)
    index = np.arange(len(coarse.fold))
    rows = np.concatenate([2 * index - k + s for s in range(k + 2)])
    values = np.repeat([comb(k + 1, s) / 2.0**k for s in range(k + 2)], len(index))
    columns = np.tile(coarse.fold, k + 2)
    keep = (rows >= 0) & (rows < shape[0])
    # Entries that coincide because of the period are added: exactly, they are small multiples of 2^-k.
    return scipy.sparse.csr_array((values[keep], (rows[keep], columns[keep])), shape=shape)


def _blossoms(coarse: KnotVector, fine: KnotVector, where: NDArray[np.int64]) -> scipy.sparse.csr_array:
    k, n_fine = coarse.degree, fine.n_basis
    index = np.arange(n_fine)
    span = coarse.first_active[np.searchsorted(where, fine.middles, side="right") - 1]
    (c, unit), (f, fine_unit) = coarse.exact, fine.exact
    common = max(unit, fine_unit)  # both are powers of 2
    c, f = c * (common // unit), f * (common // fine_unit)
    points = np.zeros((n_fine, k + 1, k + 1), dtype=object)
    points[:, np.arange(k + 1), np.arange(k + 1)] = 1
    denominator = np.ones(n_fine, dtype=object)
    # De Boor's recursion in integers; its divisors are collected in one denominator per row.
    for level in range(1, k + 1):
        u = f[index + level]
        ends = {j: (c[span + j], c[span + j + k - level + 1]) for j in range(level, k + 1)}
        product = reduce(mul, (right - left for left, right in ends.values()))
        for j, (left, right) in reversed(ends.items()):
            share = product // (right - left)
            down, up = ((right - u) * share)[:, None], ((u - left) * share)[:, None]
            points[:, j] = down * points[:, j - 1] + up * points[:, j]
        denominator = denominator * product
    columns = coarse.fold[span[:, None] + np.arange(k + 1)]
    if coarse.n_basis <= k:  # some columns coincide because of the period: added before rounding
        totals = np.zeros((n_fine, coarse.n_basis), dtype=object)
        np.add.at(totals, (index[:, None], columns), points[:, k])
        return scipy.sparse.csr_array(ratio(totals, denominator[:, None]))
    values = ratio(points[:, k], denominator[:, None])
    rows = np.repeat(index, k + 1)
    shape = (n_fine, coarse.n_basis)
    result = scipy.sparse.csr_array((values.ravel(), (rows, columns.ravel())), shape=shape)
    result.eliminate_zeros()
    return result


def _relu_prolongation(
    coarse: KnotVector, fine: KnotVector, where: NDArray[np.int64]
) -> scipy.sparse.csr_array:
    for name, knots in (("coarse_knots", coarse), ("fine_knots", fine)):
        knots.check_relu_basis(f"the ReLU basis of {name}")
    k, n_fine, n_coarse = coarse.degree, fine.n_basis, coarse.n_basis
    old, ghosts = coarse.t[: k + 1], fine.t[: k + 1]
    lagrange = np.ones((k + 1, k + 1))
    for j in range(k + 1):
        for l in range(k + 1):
            if l != j:
                with np.errstate(over="ignore", under="ignore"):
                    lagrange[j] *= (old - ghosts[l]) / (ghosts[j] - ghosts[l])
    if not np.isfinite(lagrange).all():
        raise ValueError("the ghost knots of coarse_knots and fine_knots are too far apart to be re-expanded")
    inner = where[1:-1] + k
    rows = np.concatenate([np.repeat(np.arange(k + 1), k + 1), inner])
    columns = np.concatenate([np.tile(np.arange(k + 1), k + 1), np.arange(k + 1, n_coarse)])
    values = np.concatenate([lagrange.ravel(), np.ones(len(inner))])
    result = scipy.sparse.csr_array((values, (rows, columns)), shape=(n_fine, n_coarse))
    result.eliminate_zeros()
    return result
