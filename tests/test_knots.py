"""Knot vectors: what is accepted, refinement, insertion, Greville points."""

import numpy as np
import pytest
from cases import DEGREES, KINDS, knots, points

import splinekan as sk
from splinekan.splines.knots import breakpoints, is_uniform, validate_knots


@pytest.mark.parametrize("degree", range(1, 10))
def test_greville_points_reproduce_x(degree):
    for kind in KINDS:
        t = knots(kind, degree)
        x = points(t, degree)
        got = sk.BSplineBasis(t, degree).evaluate(sk.greville_points(t, degree), x)
        np.testing.assert_allclose(got, x, rtol=1e-13, atol=1e-13)


def test_bad_input():
    t = sk.uniform_knots(0, 1, 4, 3)
    with pytest.raises(ValueError, match="less than b"):
        sk.uniform_knots(1, 0, 4, 3)
    with pytest.raises(ValueError, match="between 0 and 9"):
        sk.uniform_knots(0, 1, 4, 10)
    with pytest.raises(TypeError, match="integer"):
        sk.uniform_knots(0, 1, 4.0, 3)
    with pytest.raises(ValueError, match="at least 8 knots"):
        validate_knots([0, 1, 2], 3)
    with pytest.raises(ValueError, match=r"knots\[1\]"):
        validate_knots([0, 1, 1, 2, 3], 1)
    with pytest.raises(ValueError, match="finite"):
        validate_knots([0, 1, np.nan, 2, 3], 1)
    with pytest.raises(ValueError, match=r"at most degree \+ 1 = 4 times, new and old knots together"):
        sk.insert_knots(t, [0.25] * 4, 3)
    with pytest.raises(ValueError, match="strictly inside"):
        sk.insert_knots(t, [1.5], 3)


def test_knots_that_rounding_makes_equal_are_refused():
    with pytest.raises(ValueError, match="cannot be told apart"):
        sk.uniform_knots(1, np.nextafter(1, 2), 5, 3)
    with pytest.raises(ValueError, match="cannot be told apart"):
        sk.uniform_knots(-1.7e308, 1.7e308, 2, 3)
    with pytest.raises(ValueError, match=r"breakpoints must be at most 1e\+300"):
        sk.extended_knots([0.0, 1.0, 1.7e308], 3)


@pytest.mark.parametrize("degree", DEGREES)
def test_refined_uniform_knots_stay_uniform_and_ends_stay(degree):
    t = sk.uniform_knots(0.1, 0.7, 3, degree)
    for _ in range(4):
        t = sk.refine_knots(t, degree)
        assert is_uniform(t, degree)
        assert tuple(breakpoints(t, degree)[[0, -1]]) == (0.1, 0.7)
    assert len(breakpoints(t, degree)) == 3 * 16 + 1
