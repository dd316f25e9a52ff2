"""Gram matrices: mass, stiffness and higher derivatives."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, one_of
from splinekan.basis import BSplineBasis, PowerReLUBasis
from splinekan.knots import breakpoints
from splinekan.quadrature import gauss_points


def gram_matrix(
    knots: ArrayLike, degree: int, derivative: int = 0, basis: str = "spline"
) -> scipy.sparse.csr_array | Float64Array:
    """M_ij = integral over [a, b] of phi_i^(d) phi_j^(d), d = `derivative`.

    0 gives the mass matrix, 1 the stiffness matrix. Gauss quadrature with degree + 1 points in every
    interval is exact. M scales as length^(1 - 2d) for B-splines.

    Returns
    -------
    scipy.sparse.csr_array or ndarray
        (n_basis, n_basis): sparse, 2 degree + 1 diagonals, for "spline"; dense for "relu".

    Raises
    ------
    TypeError, ValueError
        For bad knots or degree, a negative derivative or an unknown basis.
    """
    one_of("basis", basis, ("spline", "relu"))
    x, weights = gauss_points(breakpoints(knots, degree), degree + 1)
    if basis == "spline":
        b = BSplineBasis(np.asarray(knots), degree).design_matrix(x, derivative)
        return scipy.sparse.csr_array(b.T @ scipy.sparse.diags_array(weights) @ b)
    psi = PowerReLUBasis(np.asarray(knots), degree).tabulate(x, derivative).astype(np.float64)
    result: Float64Array = psi.T @ (weights[:, None] * psi)
    return result
