"""Modes of A^T A: eigenvalues and eigenvectors of the change of basis, none of them rounding noise.

A^T A scales like a difference of order 2r, r = degree + 1; its eigenvalues spread over intervals^(2r), beyond the
16 digits of float64. They are found as squared singular values, the large ones of A, the small ones of A^{-1},
so that no eigenvalue is further than the square root of that spread from the largest one of its matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import Float64Array, real_array
from splinekan.knots import is_clamped, validate_knots
from splinekan.transforms import change_of_basis

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Modes:
    """Eigenpairs of A^T A, A^T A v_j = values[j] v_j.

    Attributes
    ----------
    values
        (n_basis,), increasing, all positive; they carry the units of x^(-2 degree).
    vectors
        (n_basis, n_basis): column j is v_j, of length 1, its entry of largest modulus positive.
    value_errors, vector_errors
        (n_basis,): estimates of the relative error of a value, and of the error of a vector in the 2-norm.
    """

    values: Float64Array
    vectors: Float64Array
    value_errors: Float64Array
    vector_errors: Float64Array

    @property
    def ratio(self) -> float:
        """The largest value over the smallest, the square of the condition number of A; dimensionless."""
        return float(self.values[-1] / self.values[0])

    @property
    def resolved(self) -> NDArray[np.bool_]:
        """(n_basis,): whether the vector's number of sign changes is sure, whatever its error does.

        It is if no choice of signs for the entries that are not larger than the error changes the number.
        """
        bounds = [_bounds(v, error) for v, error in zip(self.vectors.T, self.vector_errors, strict=True)]
        return np.array([least == most for least, most in bounds])


def inverse_change_of_basis(knots: ArrayLike, degree: int) -> Float64Array:
    """A^{-1}, dense, with psi = A^{-1} b; every entry accurate to a few units in its last place.

    (A^{-1})_ji = prod_{l=1..k} (t_{i+l} - t_j) for i >= j, else 0: the truncated form of Marsden's identity
    (de Boor, A Practical Guide to Splines, chapter IX). No entry is negative, and no digit is cancelled.

    Parameters
    ----------
    knots, degree
        As for `change_of_basis`.

    Returns
    -------
    array
        (n_basis, n_basis), upper triangular, in the units of x^degree.

    Raises
    ------
    TypeError, ValueError
        For knots that are no extended knot vector, clamped ones included.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> inverse_change_of_basis(uniform_knots(0, 2, 2, 1), 1)
    array([[1., 2., 3.],
           [0., 1., 2.],
           [0., 0., 1.]])
    """
    t = validate_knots(knots, degree)
    if is_clamped(t, degree):
        raise ValueError("A^{-1} needs strictly increasing knots, got clamped ones")
    m = len(t) - degree - 1
    windows = np.lib.stride_tricks.sliding_window_view(t[1:-1], degree) if degree else np.empty((m, 0))
    return np.triu(np.prod(windows[None, :, :] - t[:m, None, None], axis=2))


def modes(knots: ArrayLike, degree: int) -> Modes:
    """Eigenvalues and eigenvectors of A^T A, the smallest first.

    (A^T A)^{-1} is oscillatory in the sense of Gantmacher and Krein, because A^{-1} is a product of bidiagonal
    matrices without negative entries; so the values are distinct and v_j changes its sign j times exactly
    (Southworth et al., arXiv:2603.04827, Lemma 4).

    Parameters
    ----------
    knots, degree
        As for `change_of_basis`.

    Raises
    ------
    TypeError, ValueError
        As `change_of_basis`.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> sign_changes(modes(uniform_knots(0, 1, 5, 3), 3).vectors)
    array([0, 1, 2, 3, 4, 5, 6, 7])
    """
    forward = change_of_basis(knots, degree).toarray()
    backward = inverse_change_of_basis(knots, degree)
    _, large, right = np.linalg.svd(forward)
    left, small, _ = np.linalg.svd(backward)
    # Increasing in A, whichever matrix they come from: singular vectors of A^{-1} swap sides.
    from_a, from_inverse = large[::-1], 1 / small
    error_a, error_inverse = _EPS * large[0] / from_a, _EPS * small[0] * from_inverse
    better = error_a < error_inverse
    sigma = np.where(better, from_a, from_inverse)
    vectors = np.where(better, right[::-1].T, left)
    errors = np.minimum(error_a, error_inverse)
    peaks = vectors[np.abs(vectors).argmax(axis=0), np.arange(len(sigma))]
    return Modes(sigma**2, vectors * np.sign(peaks), 2 * errors, errors / _relative_gaps(sigma))


def sign_changes(vectors: ArrayLike) -> NDArray[np.int64]:
    """How often each column changes its sign; entries that are 0 do not count.

    Parameters
    ----------
    vectors
        (n, any), or one vector (n,).

    Returns
    -------
    array of int
        One number per column.

    Examples
    --------
    >>> sign_changes([[1, 1], [0, -2], [-1, 3]])
    array([1, 2])
    """
    array = real_array("vectors", vectors, empty=False)
    return np.array([_bounds(v, 0.0)[0] for v in array.reshape(len(array), -1).T], np.int64)


def _bounds(v: Float64Array, error: float) -> tuple[int, int]:
    """The least and the largest number of sign changes if entries of modulus up to `error` are free.

    Between two sure entries d places apart a vector changes its sign at most d times, an even number of
    times if their signs agree and an odd one else; beyond the outermost sure entries at every place.
    """
    sure = np.flatnonzero(np.abs(v) > error)
    if not len(sure):
        return 0, len(v) - 1
    changes = np.diff(np.sign(v[sure])) != 0
    distances = np.diff(sure)
    most = distances - (distances % 2 != changes)
    return int(changes.sum()), int(most.sum() + sure[0] + len(v) - 1 - sure[-1])


def _relative_gaps(sigma: Float64Array) -> Float64Array:
    """Distance of every value to the nearest other one, relative to the value; 1 for a single one."""
    if len(sigma) == 1:
        return np.ones(1)
    steps = np.diff(sigma)
    nearest = np.minimum(np.append(steps, np.inf), np.insert(steps, 0, np.inf))
    return np.asarray(nearest / sigma)
