"""Gram matrices."""

import numpy as np
import pytest
from cases import DEGREES, EPS, knots

import splinekan as sk
from splinekan.splines.knots import breakpoints
from splinekan.splines.quadrature import gauss_points


@pytest.mark.parametrize("degree", DEGREES)
def test_gram_matrices(degree):
    t = knots("random", degree, intervals=4)
    a = sk.change_of_basis(t, degree).toarray()
    mass = sk.gram_matrix(t, degree).toarray()
    ends = breakpoints(t, degree)
    assert mass.sum() == pytest.approx(ends[-1] - ends[0], rel=1e-13)  # partition of unity
    relu = sk.gram_matrix(t, degree, basis="relu")
    bound = np.abs(a) @ np.abs(relu) @ np.abs(a).T
    assert (np.abs(a @ relu @ a.T - mass) <= 100 * EPS * bound).all()
    if degree > 0:
        stiffness = sk.gram_matrix(t, degree, derivative=1)
        assert np.abs(stiffness @ np.ones(len(mass))).max() < 1e-12
        x = sk.greville_points(t, degree)
        assert x @ stiffness @ x == pytest.approx(ends[-1] - ends[0], rel=1e-12)


@pytest.mark.parametrize("points", [1, 2, 5])
def test_gauss_rules_are_exact_for_their_degree(points):
    ends = np.array([-1.0, 0.5, 0.75, 3.0])
    x, weights = gauss_points(ends, points)
    assert len(x) == 3 * points
    assert (np.diff(x) > 0).all()
    for power in range(2 * points):
        exact = (ends[-1] ** (power + 1) - ends[0] ** (power + 1)) / (power + 1)
        assert weights @ x**power == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize(
    ("points", "message"), [(0, "between 1 and 100"), (10**6, "between 1 and 100"), (10**30, "between")]
)
def test_rules_of_too_many_points_are_refused(points, message):
    with pytest.raises(ValueError, match=f"points must be {message}"):
        gauss_points([0.0, 1.0], points)


def test_power_relu_gram_matrices_keep_their_digits_far_from_zero():
    near = sk.uniform_knots(0, 1, 8, 2)
    for derivative in range(4):
        want = sk.gram_matrix(near, 2, derivative, "relu")
        far = sk.gram_matrix(near + 2.0**20, 2, derivative, "relu")
        np.testing.assert_allclose(far, want, rtol=1e-13)
    tiny = sk.gram_matrix(1e-40 * near, 2, 0, "relu")
    np.testing.assert_allclose(tiny * 1e200, sk.gram_matrix(near, 2, 0, "relu"), rtol=1e-12)
    with pytest.raises(ValueError, match="leaves the range of float64"):
        sk.gram_matrix(1e80 * near, 2, 0, "relu")
