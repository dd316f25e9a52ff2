"""Gram matrices."""

import numpy as np
import pytest
from cases import DEGREES, EPS, knots

import splinekan as sk
from splinekan.knots import breakpoints


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
