"""The library against exact arithmetic: the only place where splinekan and theory meet.

Knots are rationals that float64 holds exactly, so both sides are given the very same ones.
"""

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from cases import COMPILED, EPS

import splinekan as sk
from splinekan_theory import bspline, gram, matrices, power_relu, symbols

DEGREES = COMPILED[:-1]
KINDS = ("uniform", "random")


def numbers(matrix):
    return np.array(matrix.tolist(), dtype=object).astype(float)


def floats(knots):
    rounded = np.array([float(t) for t in knots])
    assert all(sp.Rational(value) == t for value, t in zip(rounded, knots, strict=True)), (
        "not exact in binary"
    )
    return rounded


def exact_knots(kind, degree, intervals=4):
    if kind == "uniform":
        return symbols.uniform(-1, 1, intervals, degree + 1)
    return symbols.rational_knots(intervals + 2 * degree + 1, seed=degree)


def refined(t, degree):
    """Every interval halved, the nearest halved ghost intervals kept."""
    everything = sorted([*t, *((p + q) / 2 for p, q in pairwise(t))])
    return everything[degree : len(everything) - degree]


def assert_close(got, want, factor=1.0):
    """Within a few eps times `factor` of the exact values, relative to the largest."""
    np.testing.assert_allclose(got, want, rtol=0, atol=8 * EPS * factor * np.abs(want).max())


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("kind", KINDS)
def test_change_of_basis(kind, degree):
    t = exact_knots(kind, degree)
    A = sk.change_of_basis(floats(t), degree)
    exact = matrices.change_of_basis(t, degree + 1)
    # entry by entry: quotients of differences of stored knots
    np.testing.assert_allclose(A.toarray(), numbers(exact), rtol=4 * (degree + 1) * EPS, atol=0)
    inverse = numbers(exact.upper_triangular_solve(sp.eye(exact.rows)))
    norm = np.abs(numbers(exact)).sum(axis=1).max() * np.abs(inverse).sum(axis=1).max()
    assert_close(A.solve(np.eye(len(inverse))), inverse, norm)
    assert A.condition_number() <= len(inverse) * norm


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("kind", KINDS)
def test_prolongation_in_both_bases(kind, degree):
    t = exact_knots(kind, degree)
    s = refined(t, degree)
    coarse, fine = floats(t), floats(s)
    np.testing.assert_array_equal(sk.refine_knots(coarse, degree), fine)
    P = matrices.prolongation(t, s, degree + 1)
    assert_close(sk.prolongation(coarse, fine, degree).toarray(), numbers(P))
    if kind == "uniform":
        assert matrices.two_scale(4, degree + 1) == P
    P_relu = matrices.relu_prolongation(t, s, degree + 1)
    got = sk.prolongation(coarse, fine, degree, basis="relu").toarray()
    # Lagrange polynomials on the ghost knots: their sum of absolute values is the condition number
    assert_close(got, numbers(P_relu), np.abs(numbers(P_relu)).sum(axis=0).max())


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("kind", KINDS)
def test_gram_matrices(kind, degree):
    t = exact_knots(kind, degree)
    for basis, exact in (("spline", gram.bspline_gram), ("relu", gram.relu_gram)):
        got = sk.gram_matrix(floats(t), degree, basis=basis)
        dense = got if basis == "relu" else got.toarray()
        assert_close(dense, numbers(exact(t, degree + 1)), degree + 1)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("kind", KINDS)
def test_basis_values_and_derivatives(kind, degree):
    t = exact_knots(kind, degree)
    knots = floats(t)
    families = ((sk.BSplineBasis, bspline), (sk.PowerReLUBasis, power_relu))
    for span in range(degree, len(t) - degree - 1):
        width = t[span + 1] - t[span]
        points = [t[span] + width * sp.Rational(q, 8) for q in (0, 1, 4, 7)]
        x = floats(points)
        for basis, family in families:
            pieces = family.on_span(t, degree + 1, span)
            for order in range(degree + 1):
                slopes = [sp.diff(piece, symbols.x, order) for piece in pieces]
                exact = numbers(sp.Matrix([[f.subs(symbols.x, p) for f in slopes] for p in points]))
                got = basis(knots, degree).tabulate(x, order)
                # a derivative of a piece is conditioned like its coefficients in the local coordinate
                assert_close(got, exact, 4.0 * (degree + 1) * 2**order)


@pytest.mark.parametrize("degree", DEGREES)
def test_the_same_spline_in_both_bases(degree):
    t = exact_knots("random", degree)
    knots = floats(t)
    u = [sp.Rational((-1) ** i * (i + 1), 4) for i in range(len(t) - degree - 1)]
    w = matrices.change_of_basis(t, degree + 1).T * sp.Matrix(u)
    got = sk.relu_from_spline(floats(u), knots, degree)
    cancelled = np.abs(numbers(matrices.change_of_basis(t, degree + 1))).T @ np.abs(floats(u))
    assert (np.abs(got - numbers(w)[:, 0]) <= 8 * (degree + 1) * EPS * cancelled).all()
    condition = sk.change_of_basis(knots, degree).condition_number()
    assert_close(sk.spline_from_relu(numbers(w)[:, 0], knots, degree), floats(u), condition)
