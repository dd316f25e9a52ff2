"""Values and derivatives of both bases against exact arithmetic and SciPy; types and shapes."""

import numpy as np
import oracles
import pytest
from cases import COMPILED, DEGREES, EPS, KINDS, MODES, knots, points
from scipy.interpolate import BSpline

import splinekan as sk
from splinekan.splines.knots import breakpoints

BASES = (sk.BSplineBasis, sk.PowerReLUBasis)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_exact(kind, degree):
    t = knots(kind, degree, intervals=4)
    x = points(t, degree, n=12)
    values = sk.BSplineBasis(t, degree).tabulate(x)
    # At a breakpoint of uniform knots the float t_i is not a + i h: values move by slope times rounding.
    assert np.abs(values - oracles.tabulate(t, degree, x)).max() < 50 * EPS
    assert np.abs(values.sum(axis=1) - 1).max() < 20 * EPS


@pytest.mark.parametrize("degree", COMPILED)
@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_match_scipy(kind, degree):
    t = knots(kind, degree)
    basis = sk.BSplineBasis(t, degree)
    x = points(t, degree)
    c = np.random.default_rng(2).normal(size=basis.n_basis)
    for order in range(1, degree + 1):
        want = BSpline(t, c, degree).derivative(order)(x[:-1])
        got = basis.evaluate(c, x, order)[:-1]
        assert np.abs(got - want).max() < 1e3 * EPS * np.abs(want).max()
    assert not basis.tabulate(x, degree + 1).any()


def test_knots_take_the_right_limit_and_the_last_the_left():
    t = sk.uniform_knots(0, 1, 10, 2)
    basis = sk.BSplineBasis(t, 2)
    ends = breakpoints(t, 2)
    right = basis.tabulate(np.nextafter(ends[:-1], 2), 2)
    np.testing.assert_allclose(basis.tabulate(ends[:-1], 2), right, rtol=1e-12)
    left = basis.tabulate(np.nextafter(ends[-1:], 0), 2)
    np.testing.assert_allclose(basis.tabulate(ends[-1:], 2), left, rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("degree", COMPILED)
def test_both_bases_agree_everywhere(mode, degree):
    t = knots("random", degree, intervals=5)
    x = points(t, degree, margin=0.5)
    a = sk.change_of_basis(t, degree)
    b, psi = sk.BSplineBasis(t, degree, mode), sk.PowerReLUBasis(t, degree, mode)
    for order in range(degree + 2):
        powers = psi.tabulate(x, order)
        bound = np.abs(powers) @ np.abs(a.toarray()).T  # what cancels in the sum
        error = np.abs(b.tabulate(x, order) - powers @ a.toarray().T)
        scale = np.abs(b.tabulate(x, order)).max()
        assert (error <= 50 * EPS * (bound + scale)).all()
    w = np.random.default_rng(3).normal(size=psi.n_basis)
    np.testing.assert_allclose(
        psi.evaluate(w, x), psi.tabulate(x) @ w, rtol=0, atol=1e-14 * a.condition_number() * 100
    )


def test_clamped_relu_form_keeps_its_digits_in_float32():
    t = sk.uniform_knots(0, 1, 200, 3)
    x = np.linspace(0, 1, 1001, dtype=np.float32)
    basis = sk.BSplineBasis(t, 3)
    exact = basis.tabulate(x.astype(float))
    clamped = basis.tabulate_relu_form(x)
    assert clamped.dtype == np.float32
    assert np.abs(clamped - exact).max() < 64 * np.finfo(np.float32).eps
    a = sk.change_of_basis(t, 3).toarray().astype(np.float32)
    unclamped = sk.PowerReLUBasis(t, 3).tabulate(x) @ a.T
    assert np.abs(unclamped - exact).max() > 0.1


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
    with pytest.raises(ValueError, match="1 axis"):
        basis.tabulate(0.5)
    with pytest.raises(ValueError, match="derivative"):
        basis.tabulate([0.5], -1)


def test_bad_input():
    t = sk.uniform_knots(0, 1, 4, 3)
    with pytest.raises(ValueError, match="extrapolate"):
        sk.BSplineBasis(t, 3, "periodic")
    with pytest.raises(ValueError, match="lies outside"):
        sk.BSplineBasis(t, 3, "error").tabulate([0.5, 1.5])
    with pytest.raises(TypeError, match="dtype object"):
        sk.BSplineBasis(t, 3).tabulate(np.array([0.1, None]))
    with pytest.raises(ValueError, match="strictly increasing"):
        sk.PowerReLUBasis(sk.clamped_knots([0, 1, 2], 3), 3)
    with pytest.raises(ValueError, match="shape"):
        sk.BSplineBasis(t, 3).evaluate(np.ones(3), [0.5])


@pytest.mark.parametrize("degree", [0, 3, 7])
def test_live_functions_are_the_nonzero_ones(degree):
    basis = sk.BSplineBasis(sk.uniform_knots(0, 1, 9, degree), degree)
    x = np.random.default_rng(0).uniform(-0.1, 1.1, 10_000)
    active, first = basis.active(x)
    dense = basis.tabulate(x)
    rows = np.arange(len(x))
    for l in range(degree + 1):
        np.testing.assert_array_equal(dense[rows, first + l], active[l])
    assert np.count_nonzero(dense) == np.count_nonzero(active)


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("inside", [0, 1, 300])
def test_a_bad_point_among_good_ones_is_refused(kind, inside):
    t = sk.uniform_knots(0, 1, 4, 3)
    good = np.full(inside, 0.5)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match=rf"x must be finite, got .* at index \({inside},\)"):
            kind(t, 3).tabulate(np.concatenate([good, [bad], good]))
    for bad in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"x = {bad} lies outside"):
            kind(t, 3, "error").tabulate(np.concatenate([good, [bad], good]))


@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("degree", COMPILED)
def test_the_sparse_table_is_the_dense_one(kind, degree):
    t = knots("random", degree)
    x = points(t, degree)
    for derivative in range(degree + 2):
        sparse = kind(t, degree).design_matrix(x, derivative)
        sparse.check_format()
        np.testing.assert_array_equal(sparse.toarray(), kind(t, degree).tabulate(x, derivative))
