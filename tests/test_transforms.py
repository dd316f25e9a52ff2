"""Change of basis and prolongation against exact arithmetic."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import DEGREES, EPS, KINDS, knots, points

import splinekan as sk
from splinekan.splines.knots import breakpoints, is_uniform


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


def test_solves_accept_no_right_hand_side():
    # In a process of its own: an out-of-bounds write would end it, perhaps only at a later allocation.
    code = """
import numpy as np, splinekan as sk
t = sk.uniform_knots(0, 1, 4, 3)
a = sk.change_of_basis(t, 3)
for _ in range(300):
    assert a.solve(np.ones((7, 0))).shape == (7, 0)
    assert a.solve_transpose(np.ones((7, 2, 0))).shape == (7, 2, 0)
    assert sk.spline_from_relu(np.ones((0, 7)), t, 3, axis=1).shape == (0, 7)
    kept = [np.ones(n) for n in range(1, 40)]
assert sk.PowerReLUBasis(t, 3).evaluate(np.ones((7, 0)), [0.1]).shape == (1, 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("degree", DEGREES)
def test_one_interval(degree):
    t = knots("random", degree, intervals=1)
    a = sk.change_of_basis(t, degree)
    v = np.random.default_rng(7).normal(size=(degree + 1, 2))
    np.testing.assert_allclose(
        a.solve(v), np.linalg.inv(a.toarray()) @ v, rtol=10 * EPS * a.condition_number()
    )
    identity = sk.prolongation(t, t, degree).toarray()
    np.testing.assert_allclose(identity, np.eye(degree + 1), atol=50 * EPS)


def with_own_ghosts(points, degree, rng):
    """Extended knots with ghost intervals unrelated to those inside."""
    left, right = (np.cumsum(rng.uniform(0.1, 1, degree)) for _ in range(2))
    return np.concatenate([points[0] - left[::-1], points, points[-1] + right])


@pytest.mark.parametrize("degree", DEGREES)
def test_ghost_knots_of_the_levels_need_not_be_related(degree):
    rng = np.random.default_rng([8, degree])
    coarse_points = np.cumsum(rng.uniform(0.3, 1, 6))
    a, b = coarse_points[[0, -1]]
    fine_points = np.sort(np.concatenate([coarse_points, rng.uniform(a, b, 5)]))
    coarse = [sk.clamped_knots(coarse_points, degree), with_own_ghosts(coarse_points, degree, rng)]
    fine = [sk.clamped_knots(fine_points, degree), with_own_ghosts(fine_points, degree, rng)]
    x = np.linspace(a, b, 200)
    for t in coarse:
        for s in fine:
            p = sk.prolongation(t, s, degree).toarray()
            values = sk.BSplineBasis(s, degree).tabulate(x)
            error = np.abs(values @ p - sk.BSplineBasis(t, degree).tabulate(x)).max(axis=1)
            assert (error <= 5 * (degree + 4) * EPS * (values @ np.abs(p)).max(axis=1)).all()
    q = sk.prolongation(coarse[1], fine[1], degree, basis="relu").toarray()
    powers = sk.PowerReLUBasis(fine[1], degree).tabulate(x)
    error = np.abs(powers @ q - sk.PowerReLUBasis(coarse[1], degree).tabulate(x))
    assert (error <= 20 * EPS * (powers @ np.abs(q))).all()


@pytest.mark.parametrize("mode", ["linear", "polynomial", "clamp", "zero"])
@pytest.mark.parametrize("kind", ["uniform", "random", "clamped"])
def test_every_continuation_is_nested(kind, mode):
    for degree in DEGREES:
        t = knots(kind, degree, intervals=5)
        fine = sk.refine_knots(t, degree)
        p = sk.prolongation(t, fine, degree)
        c = np.random.default_rng(9).normal(size=p.shape[1])
        a, b = t[degree], t[-degree - 1]
        x = np.linspace(a - (b - a) / 2, b + (b - a) / 2, 301)
        finer = sk.BSplineBasis(fine, degree, mode)
        # Outside, the terms of a continued polynomial grow and cancel; rounding scales with their sum.
        terms = np.abs(finer.tabulate(x)) @ np.abs(p @ c)
        error = np.abs(finer.evaluate(p @ c, x) - sk.BSplineBasis(t, degree, mode).evaluate(c, x))
        assert (error <= 200 * EPS * terms).all()


def test_bad_input():
    with pytest.raises(ValueError, match="not nested"):
        sk.prolongation(sk.uniform_knots(0, 1, 4, 3), sk.uniform_knots(0, 1, 6, 3), 3)
    with pytest.raises(ValueError, match="domains differ"):
        sk.prolongation(sk.uniform_knots(0, 1, 2, 3), sk.uniform_knots(0, 2, 4, 3), 3)


@pytest.mark.parametrize("degree", DEGREES)
def test_change_of_basis_belongs_to_the_stored_knots_far_from_zero(degree):
    # Uniform knots are stored rounded, here to 1e-13 of a spacing: A must be exact for what is stored.
    t = sk.uniform_knots(1000, 1001, 6, degree)
    exact = np.array([[float(v) for v in row] for row in oracles.change_of_basis(t, degree)])
    np.testing.assert_allclose(sk.change_of_basis(t, degree).toarray(), exact, rtol=20 * EPS, atol=0)


def test_change_of_basis_outside_the_range_of_float64_is_refused():
    for width in (1e-60, 1e60):
        with pytest.raises(ValueError, match="leaves the range of float64"):
            sk.change_of_basis(sk.uniform_knots(0, width, 4, 7), 7)
    with pytest.raises(ValueError, match="strictly increasing"):
        sk.change_of_basis(sk.clamped_knots([0, 1, 2], 2), 2)
    with pytest.raises(ValueError, match="entries along axis 0"):
        sk.change_of_basis(sk.uniform_knots(0, 1, 4, 3), 3).apply(np.ones(3))


@pytest.mark.parametrize("shape", [(7,), (7, 2), (3, 7), (2, 7, 3)])
def test_coefficients_change_basis_along_any_axis(shape):
    t = knots("random", 3, intervals=4)
    axis = shape.index(7)
    u = np.random.default_rng(0).normal(size=shape)
    want = np.moveaxis(np.tensordot(sk.change_of_basis(t, 3).toarray().T, u, (1, axis)), 0, axis)
    w = sk.relu_from_spline(u, t, 3, axis)
    np.testing.assert_allclose(w, want, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(sk.spline_from_relu(w, t, 3, axis), u, atol=1e-9)
    with pytest.raises(ValueError, match="u does not fit the knots along axis"):
        sk.relu_from_spline(np.ones(6), t, 3)
    with pytest.raises(ValueError, match="w must have at least one axis"):
        sk.spline_from_relu(1.0, t, 3)
