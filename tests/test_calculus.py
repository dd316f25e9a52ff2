"""Derivative and antiderivative matrices against exact rationals."""

from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import ALL, EPS, hostile, periodic_knots
from oracles import line

import splinekan as sk
from splinekan.splines.calculus import (
    antiderivative,
    antiderivative_knots,
    antiderivative_matrix,
    derivative_knots,
    derivative_matrix,
)

DEGREES = (1, 2, 3, 6, 7)


def differentiated(knots):
    """Rows of D by definition: differences of neighbouring B-splines of one degree less, exactly."""
    t, k = (line(knots) if knots.periodic else oracles.rational(knots.t)), knots.degree
    count = len(knots.inner) - 1 + k
    rows = []
    for i in range(count - 1):
        row = [Fraction(0)] * knots.n_basis
        width = t[i + 1 + k] - t[i + 1]
        if width:
            row[knots.fold[i + 1]] += k / width
            row[knots.fold[i]] -= k / width
        rows.append((row, width))
    return rows


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("name", ALL)
def test_derivative_matrices_are_correctly_rounded(name, degree):
    knots = sk.KnotVector(hostile(name, degree), degree)
    slopes = derivative_knots(knots)
    got = derivative_matrix(knots)
    assert got.shape == (slopes.n_basis, knots.n_basis)
    want = [row for row, width in differentiated(knots) if width]
    np.testing.assert_array_equal(got.toarray(), np.array(want).astype(float))
    assert slopes.breakpoints.tolist() == knots.breakpoints.tolist()
    np.testing.assert_array_equal(slopes.multiplicities, np.minimum(knots.multiplicities, degree))
    assert slopes.is_uniform == knots.is_uniform or name.startswith("offset")


@pytest.mark.parametrize("degree", DEGREES)
def test_derivative_matrices_of_periodic_knots(degree):
    for knots in periodic_knots(degree):
        slopes = derivative_knots(knots)
        assert slopes.periodic
        np.testing.assert_array_equal(slopes.multiplicities, np.minimum(knots.multiplicities, degree))
        rows = differentiated(knots)[: knots.n_basis]
        want = np.array([row for row, width in rows if width]).astype(float)
        got = derivative_matrix(knots).toarray()
        assert got.shape == (slopes.n_basis, knots.n_basis)
        # The B-spline with index 0 differs where a knot is left out.
        assert {tuple(row) for row in got.tolist()} == {tuple(row) for row in want.tolist()}
        a, b = knots.domain
        x = np.concatenate([np.random.default_rng(0).uniform(a, b, 40), knots.breakpoints])
        error = np.abs(sk.BSplineBasis(slopes).tabulate(x) @ got - sk.BSplineBasis(knots).tabulate(x, 1))
        steepest = degree / float(min(width for _, width in rows if width))
        assert (error <= 200 * EPS * steepest).all()


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("name", ALL)
def test_derivatives_are_those_of_the_b_splines(name, degree):
    knots = sk.KnotVector(hostile(name, degree), degree)
    a, b = knots.domain
    x = np.clip(np.concatenate([np.random.default_rng(0).uniform(a, b, 40), knots.breakpoints]), a, b)
    table, D = sk.BSplineBasis(derivative_knots(knots)).tabulate(x), derivative_matrix(knots).toarray()
    error = np.abs(table @ D - sk.BSplineBasis(knots).tabulate(x, 1))
    bound = 100 * (degree + 2) * EPS * (np.abs(table) @ np.abs(D)).max(axis=1, keepdims=True)
    if knots.is_uniform:
        bound = bound * 2.0**12  # knots that count as uniform are so to 2^-42
    assert (error <= bound).all()


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 6])
@pytest.mark.parametrize("name", ALL)
def test_antiderivative_matrices_are_correctly_rounded(name, degree):
    knots = sk.KnotVector(hostile(name, degree), degree)
    raised = antiderivative_knots(knots)
    assert raised.is_clamped == (knots.is_clamped and degree > 0)
    np.testing.assert_array_equal(raised.t[1:-1], knots.t)
    t = oracles.rational(knots.t)
    # With more ghost knots the intervals between ghost knots are intervals of a domain.
    wide = (*(t[0] - i for i in range(degree, 0, -1)), *t, *(t[-1] + i for i in range(1, degree + 1)))
    before = [Fraction(0)] * (len(wide) - degree - 1)
    for s in range(degree):
        width = t[s + 1] - t[s]
        if width:
            for l, c in enumerate(oracles.local_polynomials(wide, degree, s, t[s])):
                before[s + l] += sum(v * width ** (p + 1) / (p + 1) for p, v in enumerate(c))
    got = antiderivative_matrix(knots)
    assert got.shape == (knots.n_basis + 1, knots.n_basis)
    for j in range(knots.n_basis):
        whole = (t[j + degree + 1] - t[j]) / (degree + 1)
        assert (got[: j + 1, j] == -float(before[j + degree])).all()
        assert (got[j + 1 :, j] == float(whole - before[j + degree])).all()
    D = derivative_matrix(raised).toarray()
    scale = np.abs(D) @ np.abs(got)
    assert (np.abs(D @ got - np.eye(knots.n_basis)) <= 4 * EPS * scale).all()
    c = np.random.default_rng(0).normal(size=(knots.n_basis, 2))
    sums = np.abs(got) @ np.abs(c)
    assert (np.abs(antiderivative(knots, c) - got @ c) <= 4 * knots.n_basis * EPS * sums).all()


def test_uniform_knots_stay_uniform():
    for knots in (sk.KnotVector.uniform(0.1, 0.7, 9, 3), sk.KnotVector.uniform(-1, 1, 4, 0)):
        raised = antiderivative_knots(knots)
        assert raised.is_uniform
        assert raised == sk.KnotVector.uniform(*knots.domain, knots.intervals, knots.degree + 1)
        assert derivative_knots(raised) == knots


def test_bad_input():
    with pytest.raises(ValueError, match="degree must be at least 1"):
        derivative_matrix(sk.KnotVector.uniform(0, 1, 4, 0))
    with pytest.raises(ValueError, match="has degree 10; degrees go up to 9"):
        antiderivative_matrix(sk.KnotVector.uniform(0, 1, 4, 9))
    with pytest.raises(ValueError, match="periodic only if the mean is 0"):
        antiderivative_matrix(sk.KnotVector.uniform(0, 1, 4, 3, periodic=True))
    with pytest.raises(TypeError, match="degree must be given"):
        derivative_matrix(np.arange(9.0))
    with pytest.raises(ValueError, match="leaves the range of float64"):
        derivative_matrix(1e-310 * np.arange(9.0), 1)
    np.testing.assert_array_equal(
        derivative_matrix(np.arange(5.0), 1).toarray(), [[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0]]
    )
