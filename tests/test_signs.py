"""Sign changes of eigenvectors: counts, bounds, and the theorem that says what they are."""

from itertools import product

import mpmath
import numpy as np
import pytest

from splinekan import extended_knots, uniform_knots
from splinekan.spectra import Spectrum, change_of_basis_spectrum
from splinekan.spectra.signs import _bounds, sign_change_bounds, sign_changes


def test_zeros_do_not_count():
    assert sign_changes([1, 0, 0, -1, 0]).tolist() == [1]
    assert sign_changes([[1, 0], [1, 0], [-1, 0]]).tolist() == [1, 0]


@pytest.mark.parametrize("seed", range(20))
def test_bounds_are_those_of_all_choices_of_the_unsure_signs(seed):
    rng = np.random.default_rng(seed)
    v = np.where(rng.uniform(size=7) < 0.5, 1e-9, 1.0) * rng.choice([-1.0, 1.0], 7)
    unsure = np.flatnonzero(np.abs(v) <= 1e-6)
    counts = []
    for signs in product([-1.0, 0.0, 1.0], repeat=len(unsure)):
        signed = v.copy()
        signed[unsure] = signs
        counts.append(int(sign_changes(signed)[0]))
    assert _bounds(v, 1e-6) == (min(counts), max(counts))


@pytest.mark.parametrize("degree", range(6))
@pytest.mark.parametrize("intervals", [1, 2, 7, 50, 100])
def test_eigenvector_j_changes_its_sign_j_times(degree, intervals):
    spectrum = change_of_basis_spectrum(uniform_knots(0, 1, intervals, degree), degree, vectors=True)
    least, most = sign_change_bounds(spectrum)
    np.testing.assert_array_equal(least, np.arange(len(spectrum))[::-1])
    np.testing.assert_array_equal(least, most)


def test_on_other_knots_too():
    points = np.cumsum([0.0, *np.random.default_rng(3).uniform(0.2, 1.0, 30)])
    spectrum = change_of_basis_spectrum(extended_knots(points, 2), 2, vectors=True)
    least, most = sign_change_bounds(spectrum)
    theorem = np.arange(32)[::-1]
    assert ((least <= theorem) & (theorem <= most)).all()
    # The largest eigenvector sits where knots are close, and vanishes elsewhere: its signs there are lost.
    np.testing.assert_array_equal(least[1:], most[1:])
    assert least[0] < most[0]


def test_against_sixty_digits():
    degree, intervals = 3, 24
    spectrum = change_of_basis_spectrum(uniform_knots(0, 1, intervals, degree), degree, vectors=True)
    with mpmath.workdps(60):
        m, r = intervals + degree, degree + 1
        A = mpmath.matrix(m, m)
        for i in range(m):
            for d in range(min(r, m - 1 - i) + 1):
                scale = mpmath.mpf(intervals) ** degree / mpmath.factorial(degree)
                A[i, i + d] = (-1) ** d * mpmath.binomial(r, d) * scale
        values, vectors = mpmath.eigsy(A.T * A)
        exact = np.array([float(value) for value in values])[::-1]
        columns = np.array([[float(vectors[i, j]) for i in range(m)] for j in range(m)]).T[:, ::-1]
        counts = [
            sum(mpmath.sign(vectors[i, j]) * mpmath.sign(vectors[i + 1, j]) < 0 for i in range(m - 1))
            for j in range(m)
        ]
    assert counts == list(range(m))
    np.testing.assert_array_equal(np.abs(spectrum.values - exact) <= spectrum.error, True)
    # The bound on a vector that the counts rest on.
    steps = np.concatenate([[np.inf], -np.diff(spectrum.values), [np.inf]])
    bound = spectrum.error / np.minimum(steps[:-1], steps[1:]) + m * np.finfo(float).eps
    signs = np.sign((spectrum.vectors * columns).sum(axis=0))
    np.testing.assert_array_less(np.abs(spectrum.vectors - signs * columns).max(axis=0), bound)


def test_unsure_counts_are_not_hidden():
    vectors = np.array([[0.7, 0.7], [1e-9, 1e-9], [0.7, -0.7]])
    spectrum = Spectrum(np.array([2.0, 1.0]), np.array([1e-6, 1e-6]), "made up", vectors=vectors)
    least, most = sign_change_bounds(spectrum)
    assert (least.tolist(), most.tolist()) == ([0, 1], [2, 1])


def test_bad_input():
    with pytest.raises(ValueError, match="no vectors"):
        sign_change_bounds(Spectrum(np.ones(1), np.ones(1), "made up"))
    with pytest.raises(ValueError, match="must not be empty"):
        sign_changes([])
    with pytest.raises(TypeError, match="real numbers"):
        sign_changes(["a"])
    with pytest.raises(TypeError, match="spectrum must be of type Spectrum"):
        sign_change_bounds(None)
    with pytest.raises(ValueError, match="vectors must have shape"):
        sign_changes(np.ones((2, 2, 2)))
