"""Equations: what is read from sympy, the errors, features, and hard constraints."""

import numpy as np
import pytest
import sympy as sp

from splinekan.equations import Equation, Features, ansatz, manufactured

X, Y = sp.symbols("x y")
U, V = sp.Function("u")(X, Y), sp.Function("v")(X, Y)
POINTS = np.random.default_rng(0).uniform(-1, 1, (20, 2))


def series_of(function, equation, points):
    """Taylor coefficients of a sympy expression along the equation's directions, by sympy."""
    s = sp.Symbol("s")
    channels = [function]
    for direction, order in zip(equation.directions, equation.orders, strict=True):
        moved = function.subs({X: X + s * direction[0], Y: Y + s * direction[1]}, simultaneous=True)
        channels += [moved.diff(s, m).subs(s, 0) / sp.factorial(m) for m in range(1, order + 1)]
    columns = [np.broadcast_to(sp.lambdify((X, Y), c)(*points.T), len(points)) for c in channels]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(
    "residual",
    [
        U.diff(X, 2) + U.diff(Y, 2) - sp.sin(X),
        U.diff(X, Y) * U + sp.exp(U) - sp.Piecewise((1, X < 0), (2, True)),
        U.diff(X, 4) - 3 * U.diff(Y, 3) * U.diff(Y) ** 2,
        ((1 + X**2) * U.diff(X)).diff(X) + U.diff(Y),
        sp.Eq(U, X * Y),
    ],
)
def test_residual_and_partial_derivatives_against_sympy(residual):
    equation = Equation(residual, U, (X, Y))
    function = sp.sin(2 * X + Y) * sp.exp(X * Y / 3)
    jets = series_of(function, equation, POINTS)[:, :, None]
    r, cotangent = equation.evaluate(POINTS, jets)
    expression = residual.lhs - residual.rhs if isinstance(residual, sp.Eq) else residual
    want = sp.lambdify((X, Y), manufactured(expression, {U: function}))(*POINTS.T)
    np.testing.assert_allclose(r, want, rtol=1e-11, atol=1e-11)
    bump = np.random.default_rng(1).normal(size=jets.shape)
    step = 1e-6
    forward, backward = (equation.evaluate(POINTS, jets + e * bump)[0] for e in (step, -step))
    change = (forward - backward) / (2 * step)
    np.testing.assert_allclose((cotangent * bump).sum(axis=(1, 2)), change, atol=1e-6 * np.abs(change).max())


def test_several_unknowns_keep_their_outputs():
    equation = Equation(U.diff(X) * V + V.diff(Y, 2), (U, V), (X, Y))
    one = series_of(X**2 * Y, equation, POINTS)
    two = series_of(X + Y**3, equation, POINTS)
    r, _ = equation.evaluate(POINTS, np.stack([one, two], axis=2))
    x, y = POINTS.T
    np.testing.assert_allclose(r, 2 * x * y * (x + y**3) + 6 * y, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((U.diff(X) + sp.Symbol("nu"), U, (X, Y)), ValueError, "nu"),
        ((U.diff(X) + V, U, (X, Y)), ValueError, r"v\(x, y\)"),
        ((U.diff(X, 5), U, (X, Y)), ValueError, "order 4"),
        ((U.diff(X, 2, Y), U, (X, Y)), ValueError, "order 2 in several"),
        ((sp.sin(X), U, (X, Y)), ValueError, "occurs"),
        ((U.diff(X), U, (Y, X)), ValueError, "in that order"),
        ((U.diff(X), sp.Symbol("u"), (X, Y)), TypeError, "unknown"),
        (("u_x", U, (X, Y)), TypeError, "sympy expression"),
    ],
)
def test_mistakes_are_explained(arguments, error, words):
    with pytest.raises(error, match=words):
        Equation(*arguments)


def test_hard_constraints_by_substitution():
    form = X * (1 - X) * U + sp.sin(Y)
    equation = Equation(ansatz(U.diff(X, 2) + U, U, form), U, (X, Y))
    function = sp.cos(X + 2 * Y)
    r, _ = equation.evaluate(POINTS, series_of(function, equation, POINTS)[:, :, None])
    whole = form.subs(U, function)
    want = sp.lambdify((X, Y), whole.diff(X, 2) + whole)(*POINTS.T)
    np.testing.assert_allclose(r, want, atol=1e-12)


def test_features_and_the_sides_of_a_kink():
    features = Features((X, Y), (sp.Abs(X), sp.sin(X * Y)))
    points = np.array([[np.nextafter(0, 1), 0.5], [np.nextafter(0, -1), 0.5], [0.3, -0.2]])
    found = features.jets(points, [(1, 0), (1, 1)], [2, 1])
    np.testing.assert_allclose(found[:, 0, 2], [0, 0, 0.3], atol=1e-300)
    np.testing.assert_array_equal(found[:, 1, 2], [1, -1, 1])
    np.testing.assert_array_equal(found[:, 2, 2], 0)
    x, y = points.T
    np.testing.assert_allclose(found[:, 2, 3], -(y**2) * np.sin(x * y) / 2, atol=1e-15)
    np.testing.assert_allclose(found[:, 3, 3], (x + y) * np.cos(x * y), atol=1e-15)
