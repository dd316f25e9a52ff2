"""Named problems: samples are seeded, and asked for in sizes that exist."""

import numpy as np
import pytest

from splinekan.problems.regression import REGRESSION, RegressionProblem, regression


@pytest.mark.parametrize("name", REGRESSION)
def test_samples_lie_in_the_box_and_are_seeded(name):
    problem = regression(name)
    x, y = problem.sample(50, 3)
    assert x.shape == (50, problem.n_in)
    assert problem.bounds[0] <= x.min() <= x.max() <= problem.bounds[1]
    np.testing.assert_array_equal(y, problem.function(x))
    again = problem.sample(np.int8(50), np.random.default_rng(3))
    np.testing.assert_array_equal(again[0], x)
    assert np.isfinite(y).all()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: regression("pique"), ValueError, "name must be one of 'rotated-waves'"),
        (lambda: regression(None), ValueError, "name must be one of"),
        (lambda: regression("peak").sample(0, 0), ValueError, "n must be at least 1"),
        (lambda: regression("peak").sample(2.0, 0), TypeError, "n must be an integer"),
        (lambda: regression("peak").sample(2**50, 0), MemoryError, "samples"),
        (lambda: regression("peak").sample(5, None), TypeError, "rng must be an integer or"),
        (lambda: RegressionProblem("a", "b", "f", 2), TypeError, "function must be callable"),
        (lambda: RegressionProblem("a", "b", np.sum, 0), ValueError, "n_in must be at least 1"),
        (lambda: RegressionProblem("a", "b", np.sum, 2, (1, 0)), ValueError, "bounds must be increasing"),
    ],
)
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
