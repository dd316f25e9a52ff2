"""Types and shapes of the answers of both bases."""

import numpy as np
import pytest

import splinekan as sk

BASES = (sk.BSplineBasis, sk.PowerReLUBasis)


@pytest.mark.parametrize("kind", BASES)
def test_float32_only_if_points_and_coefficients_are(kind):
    basis = kind(sk.uniform_knots(0, 1, 4, 3), 3)
    c = np.random.default_rng(0).normal(size=basis.n_basis)
    x = np.linspace(0, 1, 50, dtype=np.float32)
    exact = basis.evaluate(c, x.astype(float))
    np.testing.assert_array_equal(basis.evaluate(c, x), exact)
    narrow = c.astype(np.float32)
    assert basis.evaluate(narrow, x).dtype == np.float32
    assert basis.evaluate(narrow, x.astype(float)).dtype == np.float64
    u = basis.change_of_basis.solve_transpose(c) if kind is sk.PowerReLUBasis else c
    scale = np.abs(u).max()
    if kind is sk.PowerReLUBasis:
        scale *= basis.change_of_basis.condition_number()
    assert np.abs(basis.evaluate(narrow, x) - exact).max() <= 10 * np.finfo(np.float32).eps * scale


@pytest.mark.parametrize("kind", BASES)
def test_no_points_and_no_outputs(kind):
    basis = kind(sk.uniform_knots(0, 1, 4, 3), 3)
    assert basis.tabulate([]).shape == (0, 7)
    assert basis.design_matrix([]).shape == (0, 7)
    assert basis.evaluate(np.ones((7, 2)), []).shape == (0, 2)
    with pytest.raises(ValueError, match="1 axes"):
        basis.tabulate(0.5)
    with pytest.raises(ValueError, match="derivative"):
        basis.tabulate([0.5], -1)
