"""Change of basis and prolongation where shapes or knots are out of the ordinary."""

import subprocess
import sys

import numpy as np
import pytest
from cases import DEGREES, knots

import splinekan as sk

EPS = np.finfo(float).eps


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
            assert (error <= 20 * EPS * (values @ np.abs(p)).max(axis=1)).all()
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
