"""Spectra of the matrices of a basis: the change of basis, Gram matrices, generalised problems."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._blas import several
from splinekan._checks import Float64Array, affordable, boolean, integer, one_of, real_array
from splinekan.spectra.coordinates import BASES, basis_matrices, edge_coordinates
from splinekan.spectra.spectrum import Spectrum
from splinekan.spectra.two_sided import congruence_spectrum, factor_spectrum
from splinekan.splines.gram import gram_factor
from splinekan.splines.knot_vector import KnotVector, knot_vector

MATRICES = ("A", "A^T A", "(A A^T)^-1")


def change_of_basis_spectrum(
    knots: KnotVector | ArrayLike,
    degree: int | None = None,
    matrix: str = "A^T A",
    vectors: bool = False,
) -> Spectrum:
    """The spectrum of A^T A, (A A^T)^{-1} or A for the change of basis A, b = A psi.

    "A^T A" is the matrix of Lemma 4 of Southworth et al., arXiv:2603.04827: a difference stencil of order 2r,
    r = degree + 1, with a condition number that grows like intervals^(2r). Training in the ReLU basis is
    equivalent to preconditioning by "(A A^T)^-1" in spline coordinates. "A" gives singular values (and right
    singular vectors).

    Parameters
    ----------
    knots, degree
        As for `change_of_basis`; the knots must be strictly increasing.
    matrix
        "A^T A", "(A A^T)^-1" or "A".
    vectors
        Whether to compute eigenvectors.

    Returns
    -------
    Spectrum
        The n_basis eigenvalues or singular values, with errors.

    Raises
    ------
    TypeError, ValueError
        For invalid or clamped knots, an invalid degree or matrix, and for knots for which an eigenvalue
        leaves the range of float64.

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
    space = knot_vector(knots, degree)
    T, inverse = basis_matrices(space, None, "relu")  # A^T, A^{-T}
    if matrix == "(A A^T)^-1":
        T, inverse = T.T, inverse.T
    m, power = len(T), _binary_exponent(T)
    scaled = edge_coordinates(np.ldexp(T, -power), np.ldexp(inverse, power))
    reciprocal = factor_spectrum(np.eye(m), scaled, vectors)
    if matrix == "(A A^T)^-1":
        return _times(reciprocal, -2 * power, space)
    values, exponent = 1 / reciprocal.values[::-1], 2 * power
    error = reciprocal.error[::-1] * values**2
    columns = None if reciprocal.vectors is None else reciprocal.vectors[:, ::-1]
    if matrix == "A":
        values = np.sqrt(values)
        error = error / (2 * values)
        exponent = power
    return _times(Spectrum(values, error, reciprocal.method, 0, columns), exponent, space)


def gram_spectrum(
    knots: KnotVector | ArrayLike,
    degree: int | None = None,
    derivative: int = 0,
    basis: str = "spline",
    vectors: bool = False,
) -> Spectrum:
    """The spectrum of the Gram matrix M_ij = integral over [a, b] of phi_i^(d) phi_j^(d), d = `derivative`.

    It is computed from a factor of M (`splinekan.splines.gram.gram_factor`), which is never squared, and the
    change of coordinates.

    Parameters
    ----------
    knots, degree
        As for `gram_matrix`.
    derivative
        0 for the mass matrix, 1 for the stiffness matrix, which is singular on constants (nullity 1).
    basis
        The basis phi: "spline", "relu", "scaled-relu" or "mass" (`splinekan.spectra.coordinates`); "mass"
        gives the generalised problem with the mass matrix.
    vectors
        Whether to compute eigenvectors.

    Returns
    -------
    Spectrum
        The n_basis eigenvalues with errors.

    Raises
    ------
    TypeError, ValueError
        For invalid knots, degree, derivative or basis; for knots for which an eigenvalue leaves the range of
        float64.

    Examples
    --------
    Linear B-splines are uniformly stable, and linear ReLUs are not:

    >>> from splinekan import KnotVector
    >>> knots = KnotVector.uniform(0, 1, 32, 1)
    >>> [f"{gram_spectrum(knots, basis=basis).condition:.0e}" for basis in ("spline", "relu")]
    ['4e+00', '5e+06']
    """
    one_of("basis", basis, BASES)
    order = integer("derivative", derivative, low=0)
    boolean("vectors", vectors)
    vector = knot_vector(knots, degree)
    m = vector.n_basis
    affordable(f"the Gram matrix of {m} functions", 8.0 * m**2 * (vector.degree + 4))
    J: Float64Array = gram_factor(vector, None, order).toarray()
    power = _binary_exponent(J)
    J = np.ldexp(J, -power)
    if basis == "spline":
        return _times(factor_spectrum(J, None, vectors), 2 * power, vector)
    T, inverse = basis_matrices(vector, None, basis)
    other = _binary_exponent(T)
    scaled = edge_coordinates(np.ldexp(T, -other), np.ldexp(inverse, other))
    return _times(factor_spectrum(J, scaled, vectors), 2 * (power - other), vector)


def _binary_exponent(matrix: Float64Array) -> int:
    """The power p such that matrix/2^p has entries up to 1; 0 for a zero matrix."""
    return int(np.frexp(np.abs(matrix).max(initial=0.0))[1])


def _times(found: Spectrum, power: int, knots: KnotVector) -> Spectrum:
    """The spectrum times 2^power.

    Raises
    ------
    ValueError
        If a value leaves the range of float64, or underflows to a subnormal number.
    """
    with np.errstate(over="ignore", under="ignore"):
        values, error = np.ldexp(found.values, power), np.ldexp(found.error, power)
    normal = (values >= np.finfo(np.float64).tiny) & (values < np.inf)
    if not (normal | (found.values == 0)).all():
        steps = np.diff(knots.breakpoints)
        raise ValueError(
            "knots must have spacings for which the eigenvalues are within the range of float64, got "
            f"spacings from {steps.min():g} to {steps.max():g}: rescale them"
        )
    return replace(found, values=values, error=error)


def symmetric_spectrum(H: Float64Array, noise: float = 0.0, vectors: bool = False) -> Spectrum:
    """The eigenvalues of a symmetric matrix; those below n eps |H| + |H - H^T| + `noise` are set to 0.

    Raises
    ------
    TypeError, ValueError
        If H is not a finite square matrix.

    Examples
    --------
    >>> s = symmetric_spectrum(np.diag([1.0, -2.0, 1e-20]))
    >>> s.values.round(12).tolist(), s.nullity, s.negative
    ([1.0, 0.0, -2.0], 1, 1)
    """
    return congruence_spectrum(H, None, noise, vectors)


def generalised_spectrum(H: Float64Array, M: Float64Array, vectors: bool = False) -> Spectrum:
    """The eigenvalues of H v = lambda M v for symmetric H and positive definite M, such as a mass matrix.

    With M = L L^T, this is the spectrum of L^{-1} H L^{-T}, whose eigenvectors are L^T v. The errors assume H
    known to rounding and M exact.

    Raises
    ------
    TypeError, ValueError
        For matrices of different shapes, and for M not symmetric or not positive definite.
    """
    H = real_array("H", H, ndim=2, empty=False).astype(np.float64, copy=False)
    M = real_array("M", M, shape=H.shape).astype(np.float64, copy=False)
    n = len(M)
    if M.shape != (n, n) or np.abs(M - M.T).max() > n * np.finfo(float).eps * np.abs(M).max():
        raise ValueError(f"M must be symmetric, got shape {M.shape}")
    try:
        with several(n**3 / 3):
            lower = np.linalg.cholesky(M)
    except np.linalg.LinAlgError:
        raise ValueError("M must be positive definite to rounding") from None
    with several(1.0 * n**3):
        inverse = scipy.linalg.solve_triangular(lower, np.eye(n), lower=True)
    T = edge_coordinates(np.ascontiguousarray(lower.T), np.ascontiguousarray(inverse.T))
    return congruence_spectrum(H, T, 0.0, vectors)
