"""Gram matrices: mass, stiffness and higher derivatives."""

from __future__ import annotations

from math import comb, factorial

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, affordable, integer, one_of, spline_degree
from splinekan.splines.basis import PowerReLUBasis, power_derivative
from splinekan.splines.knot_vector import KnotVector, knot_vector
from splinekan.splines.pp_form import local_pieces


def gram_matrix(
    knots: KnotVector | ArrayLike, degree: int | None = None, derivative: int = 0, basis: str = "spline"
) -> scipy.sparse.csr_array | Float64Array:
    """The Gram matrix M_ij = integral over [a, b] of phi_i^(d) phi_j^(d), d = `derivative`.

    0 gives the mass matrix, 1 the stiffness matrix. Gauss quadrature with degree + 1 points in every
    interval is exact. M scales as length^(1 - 2d) for B-splines.

    Parameters
    ----------
    knots
        A KnotVector, or an array of knots.
    degree
        k, 0 to 9; omitted with a KnotVector.
    derivative
        d, at least 0; above the degree M is 0.
    basis
        "spline" for phi = b, the B-splines; "relu" for phi = psi, the power ReLUs.

    Returns
    -------
    scipy.sparse.csr_array or ndarray
        (n_basis, n_basis): sparse, 2 degree + 1 diagonals, for "spline"; dense for "relu".

    Raises
    ------
    TypeError, ValueError
        For bad knots or degree, a negative derivative or an unknown basis; for entries that leave the range
        of float64.

    Examples
    --------
    >>> gram_matrix([0, 0, 1, 2, 2], 1, derivative=1).toarray()
    array([[ 1., -1.,  0.],
           [-1.,  2., -1.],
           [ 0., -1.,  1.]])
    """
    one_of("basis", basis, ("spline", "relu"))
    vector = knot_vector(knots, degree)
    if basis == "spline":
        factor = gram_factor(vector, None, derivative)
        with np.errstate(over="ignore", under="ignore"):
            sparse = scipy.sparse.csr_array(factor.T @ factor)
        _check_range(sparse.data, vector)
        return sparse
    root = _relu_factor(vector, derivative)
    with np.errstate(over="ignore", under="ignore"):
        dense: Float64Array = root.T @ root
    _check_range(dense, vector)
    return dense


def gram_factor(
    knots: KnotVector | ArrayLike, degree: int | None = None, derivative: int = 0
) -> scipy.sparse.csr_array:
    """F with M = F^T F for B-splines: sqrt(weight) b_i^(d) at the Gauss points of all pieces.

    Every entry is accurate to a few eps times the largest in its row, for any knots.

    Raises
    ------
    TypeError, ValueError
        For bad knots or degree, a negative derivative, or one that leaves the range of float64.
    """
    vector, order = knot_vector(knots, degree), integer("derivative", derivative, low=0)
    k = vector.degree
    # A single function is constant. On periodic knots it is a sum, whose derivative rounding keeps from 0.
    if order > k or (order > 0 and vector.n_basis == 1):
        return scipy.sparse.csr_array((1, vector.n_basis))
    found = local_pieces(vector).samples(k + 1, order)
    values = np.sqrt(found.weights)[:, :, None] * found.values
    n, m, active = values.shape
    columns = np.broadcast_to(vector.fold[found.spans[:, None] + np.arange(active)][:, None], values.shape)
    pointers = np.arange(n * m + 1) * active
    factor = scipy.sparse.csr_array(
        (values.ravel(), columns.ravel(), pointers), shape=(n * m, vector.n_basis)
    )
    if vector.periodic:  # columns are out of order, and may coincide
        factor.sum_duplicates()
    return factor


def _relu_factor(knots: KnotVector, derivative: int) -> Float64Array:
    basis, order = PowerReLUBasis(knots), integer("derivative", derivative, low=0)
    t, k = knots.t, knots.degree
    found = local_pieces(knots).samples(k + 1, min(order, k))
    n, m = found.weights.shape
    affordable("the dense Gram matrix of these knots", 16.0 * n * m * basis.n_basis)
    # x - t_j as a sum of nonnegative terms: the left end of the interval less t_j, and the offset.
    steps = np.maximum(t[found.spans + k][:, None] - t[: basis.n_basis], 0.0)
    active = found.spans[:, None] + k >= np.arange(basis.n_basis)
    powers = power_derivative(steps[:, None] + found.offsets[:, :, None], k, order) * active[:, None]
    return (np.sqrt(found.weights)[:, :, None] * powers).reshape(n * m, -1)


def _check_range(entries: Float64Array, knots: KnotVector) -> None:
    size = np.abs(entries).max(initial=0.0)
    if not np.isfinite(size) or 0 < size < np.finfo(np.float64).tiny:
        raise ValueError(
            f"the Gram matrix leaves the range of float64: got knots from {knots.t[0]} to {knots.t[-1]}"
        )


def gram_stencil(degree: int, derivative: int = 0) -> Float64Array:
    """The integrals int N^(d)(y) N^(d)(y - j) dy, j = -k..k, on knots of spacing 1: (2 k + 1,).

    With N_n the B-spline of order n on 0, 1, ..., n, and r = k + 1, they are differences of N_{2r-2d} at the
    integers, (-1)^d sum_s (-1)^s C(2d, s) N_{2r-2d}(r + j - s), since N' = N_{r-1} - N_{r-1}(. - 1). Each is
    exact but for one rounding.

    Raises
    ------
    TypeError, ValueError
        For a degree outside 0 to 9, or a derivative that is neither below the degree nor equal to it.

    Examples
    --------
    >>> gram_stencil(1) * 6
    array([1., 4., 1.])
    >>> gram_stencil(1, derivative=1)
    array([-1.,  2., -1.])
    """
    k = spline_degree(degree)
    d = integer("derivative", derivative, low=0, high=k)
    n = 2 * (k + 1 - d)

    def scaled(x: int) -> int:
        """(n - 1)! N_n(x)."""
        return sum((-1) ** s * comb(n, s) * max(x - s, 0) ** (n - 1) for s in range(n + 1)) if x > 0 else 0

    values = [
        (-1) ** d * sum((-1) ** s * comb(2 * d, s) * scaled(k + 1 + j - s) for s in range(2 * d + 1))
        for j in range(-k, k + 1)
    ]
    return np.array([value / factorial(n - 1) for value in values])
