"""Derivatives of splines with respect to their knots, as splines on doubled knots.

A B-spline is a divided difference of (. - x)_+^k over its knots, and the derivative of a divided difference
with respect to one of its points takes that point twice (Schumaker 1981, Spline Functions: Basic Theory,
theorems 2.55 and 4.27; de Boor 1978, A Practical Guide to Splines, chapter I). Let ~t be the knots t with t_j
inserted again, ~b_l the B-splines on ~t. Then

    d/dt_j sum_i c_i b_i = sum_{l=j-k}^{j} (c_{l-1} - c_l)/(t_{l+k} - t_l) ~b_l,

which is -1/k times the coefficients of the derivative, k (c_l - c_{l-1})/(t_{l+k} - t_l), on k + 1 B-splines
of degree k instead of k - 1 (compare Piegl & Tiller 1998, Computing the derivative of NURBS with respect to a
knot, CAGD 15). The sum over all knots is minus the derivative: moving all knots moves the spline.

The derivatives with respect to all inner breakpoints are splines on the same knots, with every inner
breakpoint inserted once more: `knot_derivative_matrix` gives their coefficients. As the ends a and b stay,
every continuation beyond [a, b] has the derivative that the same continuation gives.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import Array, Float64Array, affordable, one_of, real_array
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.knot_vector import KnotVector, knot_vector
from splinekan.splines.pp_form import EXTRAPOLATIONS

KEPT = 64
"""Knots whose matrices are kept."""


class KnotDerivatives(NamedTuple):
    """Doubled knots, and the coefficients on them of the derivatives with respect to the breakpoints.

    Attributes
    ----------
    doubled
        The knots with every inner breakpoint once more, without a period.
    n_free
        J, the number of inner breakpoints.
    matrix
        (doubled.n_basis J, n_basis), sparse: row i J + j of matrix @ c is the coefficient of the i-th
        B-spline in the derivative with respect to the j-th inner breakpoint, in units of c over those of x.
    """

    doubled: KnotVector
    n_free: int
    matrix: scipy.sparse.csr_array

    def coefficients(self, c: Array) -> Float64Array:
        """(doubled.n_basis, J, *columns) for c (n_basis, *columns)."""
        flat = self.matrix @ np.asarray(c, dtype=np.float64).reshape(len(c), -1)
        return np.asarray(flat).reshape(self.doubled.n_basis, self.n_free, *np.shape(c)[1:])


def knot_derivatives(
    knots: KnotVector | ArrayLike,
    c: ArrayLike,
    x: ArrayLike,
    degree: int | None = None,
    extrapolate: str = "linear",
) -> Float64Array:
    """Derivatives d/dtau_j sum_i c_i b_i(x) with respect to the inner breakpoints tau_j, for fixed c.

    a, b and the ghost knots stay. The copies of a repeated breakpoint move together; periodic ghost knots
    move with the breakpoints that they repeat. At a breakpoint of multiplicity k, where a derivative may
    jump, its limit from the right is taken.

    Parameters
    ----------
    knots
        A KnotVector, or an array of knots.
    c
        Coefficients, (n_basis,) or (n_basis, n_out).
    x
        Points, (n,), in the units of the knots.
    degree
        k, at least 1; omitted with a KnotVector.
    extrapolate
        The continuation beyond [a, b], see `BSplineBasis`.

    Returns
    -------
    ndarray
        (n, J) or (n, J, n_out) for J inner breakpoints, in units of c over those of x, float64.

    Raises
    ------
    TypeError, ValueError
        For bad knots, coefficients or points; for degree 0, knots without an inner breakpoint, and inner
        breakpoints of multiplicity k + 1, where the spline may jump.

    Examples
    --------
    The hat function on the knots 0, 1, 2 has slope 1/t left of its middle t, and its value falls as t grows:

    >>> knot_derivatives(KnotVector.clamped([0.0, 1.0, 2.0], 1), [0.0, 1.0, 0.0], [0.5, 1.5])
    array([[-0.5],
           [ 0.5]])
    """
    vector = knot_vector(knots, degree)
    mode = one_of("extrapolate", extrapolate, EXTRAPOLATIONS)
    points = real_array("x", x, ndim=1, finite=False).astype(np.float64, copy=False)
    columns = real_array("c", c)
    if columns.ndim not in (1, 2) or len(columns) != vector.n_basis:
        raise ValueError(
            f"c must have shape ({vector.n_basis},) or ({vector.n_basis}, any), got {columns.shape}"
        )
    known = knot_derivative_matrix(vector)
    affordable("the derivatives", 8.0 * len(points) * known.n_free * columns[:1].size)
    moved = known.coefficients(columns)
    values = derivative_basis(vector, mode).evaluate(moved.reshape(len(moved), -1), wrapped(vector, points))
    return np.asarray(values, dtype=np.float64).reshape(len(points), known.n_free, *columns.shape[1:])


@lru_cache(maxsize=KEPT)
def derivative_basis(knots: KnotVector, extrapolate: str) -> BSplineBasis:
    """The B-splines on the doubled knots, with the continuation of the splines on `knots`."""
    doubled = knot_derivative_matrix(knots).doubled
    return BSplineBasis(doubled, extrapolate="polynomial" if knots.periodic else extrapolate)


def wrapped(knots: KnotVector, x: Array) -> Array:
    """The points at which splines on the doubled knots are evaluated: in [a, b) if there is a period."""
    return knots.wrap(x) if knots.periodic else x


@lru_cache(maxsize=KEPT)
def knot_derivative_matrix(knots: KnotVector) -> KnotDerivatives:
    """The coefficients on doubled knots of the derivatives with respect to the inner breakpoints.

    Raises
    ------
    ValueError
        For degree 0, knots without an inner breakpoint, and inner breakpoints of multiplicity k + 1.
    """
    check_free(knots)
    t, k, count = knots.t, knots.degree, knots.intervals - 1
    doubled = (KnotVector(t, k) if knots.periodic else knots).insert(knots.breakpoints[1:-1])
    owner = _owners(knots)
    row = np.arange(doubled.n_basis)
    # t_j moves the spline on the interval [t_m, t_{m+1}) if m - k < j <= m + k.
    m = knots.first_active[doubled.middles] + k
    j = m[:, None] + np.arange(1 - k, k + 1)
    span = np.where(j > m[:, None], m[:, None], m[:, None] + 1)

    def tilde(index: NDArray[np.int64]) -> Float64Array:
        """~t of every row and every j: t_j twice."""
        return np.asarray(t[np.where(index <= j, index, index - 1)])

    # De Boor's recursion, every row and every j at once, gives the blossom at the doubled knots, as weights
    # of the k + 1 active coefficients.
    weights = np.zeros((*j.shape, k + 1, k + 1))
    weights[..., np.arange(k + 1), np.arange(k + 1)] = 1.0
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for level in range(1, k + 1):
            u = doubled.t[row + level][:, None]
            for place in range(k, level - 1, -1):
                left, right = tilde(span - k + place), tilde(span + place - level + 1)
                up = ((u - left) / (right - left))[..., None]
                weights[..., place, :] = (1 - up) * weights[..., place - 1, :] + up * weights[..., place, :]
    l = span[..., None] - k + np.arange(k + 1)
    moves = (owner[j] >= 0)[..., None] & (l >= j[..., None] - k) & (l <= j[..., None])
    i, o, p = np.nonzero(moves & (weights[..., k, :] != 0))
    of = l[i, o, p]
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        values = weights[i, o, k, p] / (t[of + k] - t[of])
    if not np.isfinite(values).all():
        raise ValueError(
            "derivatives with respect to knots scale as 1/spacing and leave the range of float64: got knots "
            f"from {t[0]} to {t[-1]}; rescale them"
        )
    rows = np.tile(i * count + owner[j[i, o]], 2)
    columns = knots.fold[np.concatenate([of - 1, of])]
    shape = (doubled.n_basis * count, knots.n_basis)
    entries = (np.concatenate([values, -values]), (rows, columns))
    return KnotDerivatives(doubled, count, scipy.sparse.csr_array(entries, shape=shape))


def check_free(knots: KnotVector) -> None:
    """Raise ValueError, with the reason, unless splines are differentiable in the inner breakpoints."""
    k = knots.degree
    if k == 0:
        raise ValueError(
            "degree must be at least 1, got 0: a step function jumps where its knots do, and has no "
            "derivative with respect to them"
        )
    if knots.intervals < 2:
        raise ValueError(f"knots must have an inner breakpoint, got {knots}: the ends a and b stay")
    many = np.flatnonzero(knots.multiplicities > k)
    if many.size:
        raise ValueError(
            f"inner breakpoints must occur at most degree = {k} times, got {knots.breakpoints[many[0] + 1]} "
            f"{knots.multiplicities[many[0]]} times: a spline may jump there"
        )


def _owners(knots: KnotVector) -> NDArray[np.int64]:
    """The inner breakpoint that moves each knot of t, -1 for knots that stay."""
    inner = np.searchsorted(knots.breakpoints, knots.inner) - 1
    inner[inner == knots.intervals - 1] = -1
    owner = np.full(len(knots.t), -1)
    k, spans = knots.degree, len(knots.inner) - 1
    if knots.periodic:
        owner[:] = inner[(np.arange(len(knots.t)) - k) % spans]
    else:
        owner[k : k + spans + 1] = inner
    return owner
