"""Sign changes of eigenvectors: exact counts, or bounds where an entry is smaller than the vector's error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import Float64Array, instance, real_array
from splinekan.spectra.spectrum import Spectrum


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

    Raises
    ------
    TypeError, ValueError
        For anything but finite real numbers, with one or two axes.

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
    """The least and the largest number of sign changes of every eigenvector, its error considered.

    An eigenvalue's error over the distance to its nearest neighbour, and n eps, are taken as the vector's
    error; entries up to that size may have either sign. Where the two numbers agree the count is exact. For
    A^T A they are 0, 1, ... from the smallest eigenvalue on, whatever the degree: (A^T A)^{-1} is
    oscillatory, because A^{-1} is a product of bidiagonal matrices without negative entries (Gantmacher &
    Krein 1960; Southworth et al., arXiv:2603.04827, Lemma 4).

    Parameters
    ----------
    spectrum
        With vectors.

    Raises
    ------
    TypeError, ValueError
        For anything but a spectrum, or if it has no vectors.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> from splinekan.spectra import change_of_basis_spectrum
    >>> found = change_of_basis_spectrum(uniform_knots(0, 1, 5, 3), 3, "A^T A", vectors=True)
    >>> sign_change_bounds(found)[0]
    array([7, 6, 5, 4, 3, 2, 1, 0])
    """
    instance("spectrum", spectrum, Spectrum)
    if spectrum.vectors is None:
        raise ValueError("the spectrum has no vectors: ask for them with vectors=True")
    rounding = len(spectrum.vectors) * np.finfo(np.float64).eps
    error = spectrum.error / _distances(spectrum.values) + rounding
    bounds = [_bounds(v, e) for v, e in zip(spectrum.vectors.T, error, strict=True)]
    least, most = np.array(bounds, np.int64).T
    return least, most


def _bounds(v: Float64Array, error: float) -> tuple[int, int]:
    """Least and largest number of sign changes if entries of modulus up to `error` are free.

    Between two sure entries d places apart a vector changes its sign at most d times, an even number of times
    if their signs agree and an odd one else; beyond the outermost sure entries at every place.
    """
    sure = np.flatnonzero(np.abs(v) > error)
    if not len(sure):
        return 0, len(v) - 1
    changes = np.diff(np.sign(v[sure])) != 0
    distances = np.diff(sure)
    most = distances - (distances % 2 != changes)
    return int(changes.sum()), int(most.sum() + sure[0] + len(v) - 1 - sure[-1])


def _distances(values: Float64Array) -> Float64Array:
    """From every value to the nearest other one; infinite if there is none."""
    steps = np.concatenate([[np.inf], np.abs(np.diff(values)), [np.inf]])
    nearest = np.minimum(steps[:-1], steps[1:])
    return np.asarray(np.maximum(nearest, np.finfo(np.float64).tiny))
