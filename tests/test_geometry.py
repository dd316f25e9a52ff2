"""Knots, bases, change of basis, prolongation and Gram matrices against exact arithmetic."""

from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import DEGREES, MODES, knots
from scipy.interpolate import BSpline

import splinekan as sk
from splinekan.knots import breakpoints, is_uniform, validate_knots

KINDS = ("uniform", "random", "clamped")
EPS = np.finfo(float).eps


def points(t, degree, n=40, margin=0.0, seed=1):
    a, b = t[degree], t[-degree - 1]
    rng = np.random.default_rng(seed)
    spread = margin * (b - a)
    return np.concatenate([rng.uniform(a - spread, b + spread, n), breakpoints(t, degree)])


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_exact(kind, degree):
    t = knots(kind, degree, intervals=4)
    x = points(t, degree, n=12)
    values = sk.BSplineBasis(t, degree).tabulate(x)
    # At a breakpoint of uniform knots the float t_i is not a + i h: values move by slope times rounding.
    assert np.abs(values - oracles.tabulate(t, degree, x)).max() < 50 * EPS
    assert np.abs(values.sum(axis=1) - 1).max() < 20 * EPS


@pytest.mark.parametrize("degree", DEGREES)
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
@pytest.mark.parametrize("degree", DEGREES)
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


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("kind", ["uniform", "random"])
def test_change_of_basis_is_exact(kind, degree):
    t = knots(kind, degree)
    a = sk.change_of_basis(t, degree)
    exact = np.array([[float(v) for v in row] for row in oracles.change_of_basis(t, degree)])
    # uniform_knots rounds every knot; a divided difference feels it degree times
    np.testing.assert_allclose(a.toarray(), exact, rtol=1e-13, atol=0)
    v = np.random.default_rng(4).normal(size=(a.shape[0], 2, 3))
    dense = a.toarray()
    np.testing.assert_allclose(a.apply(v), np.tensordot(dense, v, 1), atol=1e-13 * np.abs(dense).max())
    np.testing.assert_allclose(
        a.apply_transpose(v), np.tensordot(dense.T, v, 1), atol=1e-13 * np.abs(dense).max()
    )
    tolerance = 10 * EPS * a.condition_number()
    np.testing.assert_allclose(a.solve(a.apply(v)), v, atol=tolerance)
    np.testing.assert_allclose(a.solve_transpose(a.apply_transpose(v)), v, atol=tolerance)
    back = sk.spline_from_relu(sk.relu_from_spline(v, t, degree), t, degree)
    np.testing.assert_allclose(back, v, atol=tolerance)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("kind", KINDS)
def test_refinement_keeps_the_function(kind, degree):
    t = knots(kind, degree)
    fine = sk.refine_knots(t, degree)
    assert len(breakpoints(fine, degree)) == 2 * len(breakpoints(t, degree)) - 1
    p = sk.prolongation(t, fine, degree)
    c = np.random.default_rng(5).normal(size=p.shape[1])
    for mode in ("linear", "polynomial", "clamp"):
        x = points(t, degree, margin=0.0 if mode == "polynomial" else 0.5)
        coarse = sk.BSplineBasis(t, degree, mode).evaluate(c, x)
        finer = sk.BSplineBasis(fine, degree, mode).evaluate(p @ c, x)
        assert np.abs(finer - coarse).max() <= 1e-13 * np.abs(coarse).max()
    if kind == "uniform":
        assert is_uniform(fine, degree)


@pytest.mark.parametrize("degree", range(1, 8))
def test_prolongation_is_knot_insertion(degree):
    t = knots("clamped", degree, intervals=5)
    rng = np.random.default_rng(6)
    new = rng.uniform(t[0], t[-1], 4)
    p = sk.prolongation(t, sk.insert_knots(t, new, degree), degree)
    c = [Fraction(int(v)) for v in rng.integers(-9, 9, p.shape[1])]
    exact, u = c, t
    for x in new:
        u, exact = oracles.insert_knot(u, degree, exact, x)
    got = p @ np.array([float(v) for v in c])
    np.testing.assert_allclose(got, [float(v) for v in exact], rtol=0, atol=9 * 1e-13)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("kind", ["uniform", "random"])
def test_prolongation_in_both_bases_is_the_same_map(kind, degree):
    t = knots(kind, degree)
    fine = sk.refine_knots(t, degree)
    p = sk.prolongation(t, fine, degree).toarray()
    q = sk.prolongation(t, fine, degree, basis="relu").toarray()
    coarse, finer = sk.change_of_basis(t, degree).toarray(), sk.change_of_basis(fine, degree).toarray()
    bound = np.abs(q) @ np.abs(coarse).T + np.abs(finer).T @ np.abs(p)
    assert (np.abs(q @ coarse.T - finer.T @ p) <= 100 * EPS * (bound + bound.max() * EPS)).all()


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


@pytest.mark.parametrize("degree", range(1, 8))
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
    with pytest.raises(ValueError, match="between 0 and 7"):
        sk.uniform_knots(0, 1, 4, 8)
    with pytest.raises(TypeError, match="integer"):
        sk.uniform_knots(0, 1, 4.0, 3)
    with pytest.raises(ValueError, match="at least 8 knots"):
        validate_knots([0, 1, 2], 3)
    with pytest.raises(ValueError, match=r"knots\[1\]"):
        validate_knots([0, 1, 1, 2, 3], 1)
    with pytest.raises(ValueError, match="finite"):
        validate_knots([0, 1, np.nan, 2, 3], 1)
    with pytest.raises(ValueError, match="not nested"):
        sk.prolongation(sk.uniform_knots(0, 1, 4, 3), sk.uniform_knots(0, 1, 6, 3), 3)
    with pytest.raises(ValueError, match="domains differ"):
        sk.prolongation(sk.uniform_knots(0, 1, 2, 3), sk.uniform_knots(0, 2, 4, 3), 3)
    with pytest.raises(ValueError, match="must differ"):
        sk.insert_knots(t, [0.25], 3)
    with pytest.raises(ValueError, match="strictly inside"):
        sk.insert_knots(t, [1.5], 3)
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
