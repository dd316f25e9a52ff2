"""Sign changes of eigenvectors: exact counts, or bounds where entries are smaller than their error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import Float64Array, instance, real_array
from splinekan.spectra.spectrum import Spectrum


def sign_changes(vectors: ArrayLike) -> NDArray[np.int64]:
    """The number of sign changes in every column, without its zeros.

    Parameters
    ----------
    vectors
        (n, any), or a single vector (n,).

    Returns
    -------
    array of int
        The number of sign changes of every column.

    Raises
    ------
    TypeError, ValueError
        Unless `vectors` holds finite real numbers and has 1 or 2 axes.

    Examples
    --------
    >>> sign_changes([[1, 1], [0, -2], [-1, 3]])
    array([1, 2])
    """
    array = real_array("vectors", vectors, empty=False).astype(np.float64, copy=False)
    if array.ndim not in (1, 2):
        raise ValueError(f"vectors must have shape (n,) or (n, any), got {array.shape}")
    return np.array([_bounds(v, 0.0)[0] for v in array.reshape(len(array), -1).T], np.int64)


def sign_change_bounds(spectrum: Spectrum) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lower and upper bounds of the number of sign changes of every eigenvector.

    The error of an eigenvector is estimated by the error of its eigenvalue over the distance to the nearest
    other eigenvalue, plus n eps; entries of at most this size may have either sign. If the two bounds agree,
    the count is exact. For A^T A the counts are 0, 1, ... from the smallest eigenvalue on, for every
    degree: (A^T A)^{-1} is oscillatory, because A^{-1} is a product of nonnegative bidiagonal matrices
    (Gantmacher & Krein 1960; Southworth et al., arXiv:2603.04827, Lemma 4).

    Parameters
    ----------
    spectrum
        A spectrum with vectors.

    Raises
    ------
    TypeError, ValueError
        Unless `spectrum` is a `Spectrum` with vectors.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> from splinekan.spectra import change_of_basis_spectrum
    >>> spectrum = change_of_basis_spectrum(uniform_knots(0, 1, 5, 3), 3, "A^T A", vectors=True)
    >>> sign_change_bounds(spectrum)[0]
    array([7, 6, 5, 4, 3, 2, 1, 0])
    """
    instance("spectrum", spectrum, Spectrum)
    if spectrum.vectors is None:
        raise ValueError("the spectrum has no vectors: compute it with vectors=True")
    rounding = len(spectrum.vectors) * np.finfo(np.float64).eps
    error = spectrum.error / _distances(spectrum.values) + rounding
    bounds = [_bounds(v, e) for v, e in zip(spectrum.vectors.T, error, strict=True)]
    least, most = np.array(bounds, np.int64).T
    return least, most


def _bounds(v: Float64Array, error: float) -> tuple[int, int]:
    """Least and largest number of sign changes if entries of modulus up to `error` may have either sign.

    Between two entries of known sign that are d rows apart there are at most d sign changes, an even number
    if the signs agree and an odd number if they differ. Before the first and after the last of these entries
    every row may add a change.
    """
    known = np.flatnonzero(np.abs(v) > error)
    if not len(known):
        return 0, len(v) - 1
    changes = np.diff(np.sign(v[known])) != 0
    distances = np.diff(known)
    most = distances - (distances % 2 != changes)
    return int(changes.sum()), int(most.sum() + known[0] + len(v) - 1 - known[-1])


def _distances(values: Float64Array) -> Float64Array:
    """The distance from every value to its nearest neighbour; infinite for a single value."""
    steps = np.concatenate([[np.inf], np.abs(np.diff(values)), [np.inf]])
    nearest = np.minimum(steps[:-1], steps[1:])
    return np.asarray(np.maximum(nearest, np.finfo(np.float64).tiny))
