"""Spectra of the matrices of a basis: A and its products, Gram matrices, generalised problems."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, affordable, boolean, integer, one_of, real_array, spline_degree
from splinekan.spectra.coordinates import BASES, basis_matrices, edge_coordinates
from splinekan.spectra.spectrum import Spectrum
from splinekan.spectra.two_sided import congruence_spectrum, factor_spectrum
from splinekan.splines.gram import gram_factor
from splinekan.splines.knots import validate_knots

MATRICES = ("A", "A^T A", "(A A^T)^-1")


def change_of_basis_spectrum(
    knots: ArrayLike, degree: int, matrix: str = "A^T A", vectors: bool = False
) -> Spectrum:
    """The spectrum of a product of the change of basis A, b = A psi, on strictly increasing knots.

    "A^T A" is what Lemma 4 of Southworth et al., arXiv:2603.04827, speaks of: a difference stencil of order
    2r, r = degree + 1, whose eigenvalues spread like intervals^(2r). "(A A^T)^-1" is the preconditioner of
    training in the ReLU basis seen from the splines. "A" gives singular values (and right singular vectors).

    Parameters
    ----------
    knots, degree
        As for `change_of_basis`.
    matrix
        One of `MATRICES`.
    vectors
        Also eigenvectors.

    Raises
    ------
    TypeError, ValueError
        For bad or clamped knots, degree or matrix.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> s = change_of_basis_spectrum(uniform_knots(0, 1, 4, 0), 0)
    >>> exact = 4 * np.sin((2 * np.arange(1, 5) - 1) * np.pi / 18) ** 2
    >>> bool(np.allclose(s.values, exact[::-1]))
    True
    """
    one_of("matrix", matrix, MATRICES)
    boolean("vectors", vectors)
    T, inverse = basis_matrices(knots, degree, "relu")  # A^T, A^{-T}
    if matrix == "(A A^T)^-1":
        T, inverse = T.T, inverse.T
    m = len(T)
    found = factor_spectrum(np.eye(m), edge_coordinates(T, inverse), vectors)
    if matrix == "(A A^T)^-1":
        return found
    values = 1 / found.values[::-1]
    error = found.error[::-1] * values**2
    turned = None if found.vectors is None else found.vectors[:, ::-1]
    if matrix == "A":
        values = np.sqrt(values)
        error = error / (2 * values)
    return Spectrum(values, error, found.method, 0, turned)


def gram_spectrum(
    knots: ArrayLike, degree: int, derivative: int = 0, basis: str = "spline", vectors: bool = False
) -> Spectrum:
    """The spectrum of M_ij = integral over [a, b] of phi_i^(d) phi_j^(d), d = `derivative`.

    From a factor of M (`splinekan.splines.gram.gram_factor`), which is not squared, and the change of
    coordinates.

    Parameters
    ----------
    knots, degree
        As for `gram_matrix`.
    derivative
        0 for the mass matrix, 1 for the stiffness matrix. Constants make the latter singular: nullity 1.
    basis
        One of `BASES`; "mass" for the generalised problem against the mass matrix.
    vectors
        Also eigenvectors.

    Raises
    ------
    TypeError, ValueError
        For bad knots, degree, derivative or basis.
    """
    one_of("basis", basis, BASES)
    order = integer("derivative", derivative, low=0)
    boolean("vectors", vectors)
    degree = spline_degree(degree)
    t = validate_knots(knots, degree)
    m = len(t) - degree - 1
    affordable(f"the Gram matrix of {m} functions", 8.0 * m**2 * (degree + 4))
    J: Float64Array = gram_factor(t, degree, order).toarray()
    if basis == "spline":
        return factor_spectrum(J, None, vectors)
    return factor_spectrum(J, edge_coordinates(*basis_matrices(t, degree, basis)), vectors)


def symmetric_spectrum(H: Float64Array, noise: float = 0.0, vectors: bool = False) -> Spectrum:
    """The eigenvalues of a symmetric matrix, those below n eps |H| + |H - H^T| + `noise` given as 0.

    Raises
    ------
    TypeError, ValueError
        For H no finite square matrix.

    Examples
    --------
    >>> s = symmetric_spectrum(np.diag([1.0, -2.0, 1e-20]))
    >>> s.values.round(12).tolist(), s.nullity, s.negative
    ([1.0, 0.0, -2.0], 1, 1)
    """
    return congruence_spectrum(H, None, noise, vectors)


def generalised_spectrum(H: Float64Array, M: Float64Array, vectors: bool = False) -> Spectrum:
    """The eigenvalues of H v = lambda M v for symmetric H and positive definite M, such as a mass matrix.

    M = L L^T, and the spectrum is that of L^{-1} H L^{-T}. Eigenvectors are those of the latter, L^T v.
    Errors count H as known to rounding and M as exact.

    Raises
    ------
    TypeError, ValueError
        For matrices that do not fit, or M not symmetric or not positive definite.
    """
    H = real_array("H", H, ndim=2, empty=False).astype(np.float64, copy=False)
    M = real_array("M", M, shape=H.shape).astype(np.float64, copy=False)
    n = len(M)
    if M.shape != (n, n) or np.abs(M - M.T).max() > n * np.finfo(float).eps * np.abs(M).max():
        raise ValueError(f"M must be symmetric, got shape {M.shape}")
    try:
        lower = np.linalg.cholesky(M)
    except np.linalg.LinAlgError:
        raise ValueError("M must be positive definite to rounding") from None
    inverse = scipy.linalg.solve_triangular(lower, np.eye(n), lower=True)
    T = edge_coordinates(np.ascontiguousarray(lower.T), np.ascontiguousarray(inverse.T))
    return congruence_spectrum(H, T, 0.0, vectors)
