"""Mixed derivatives by polarisation: exact weights, accuracy against sympy, and the biharmonic equation."""

from fractions import Fraction
from itertools import product
from math import factorial, prod

import numpy as np
import pytest
import sympy as sp

import splinekan as sk
from splinekan.equations.collocation import gauss_cells
from splinekan.equations.polarisation import combination

X, Y, Z, W = sp.symbols("x y z w")
VARIABLES = (X, Y, Z, W)
INDICES = [index for index in product(range(5), repeat=4) if 1 <= sum(index) <= 4]


@pytest.mark.parametrize("index", INDICES)
def test_weights_are_exact_on_all_monomials(index):
    """D_a^m of x^beta / beta! is m!/beta! a^beta for |beta| = m."""
    m = sum(index)
    found = combination(index)
    assert len(found) <= 8
    for beta in product(range(m + 1), repeat=4):
        if sum(beta) == m:
            multinomial = factorial(m) // prod(map(factorial, beta))
            total = sum(weight * multinomial * prod(map(pow, a, beta)) for a, weight in found)
            assert total == Fraction(int(beta == index))


def test_directions_are_few_and_shared():
    u = sp.Function("u")(X, Y)
    biharmonic = sk.Equation(u.diff(X, 4) + 2 * u.diff(X, 2, Y, 2) + u.diff(Y, 4), u, (X, Y))
    assert set(biharmonic.directions) == {(1, 1), (1, -1), (1, 0), (0, 1)}
    assert set(biharmonic.orders) == {4}
    several = sk.Equation(u.diff(X, 3, Y) * u.diff(X, Y, 3) + u.diff(X, Y) + u.diff(X, 2, Y), u, (X, Y))
    assert len(several.directions) == 6
    assert several.order == 4


PLAIN, UNLIKE = (1.0, 1.0, 1.0), (1e3, 1.0, 1e-4)


@pytest.mark.parametrize(
    ("index", "lengths"),
    [
        *((index, PLAIN) for index in ((2, 1, 0), (1, 1, 1), (2, 2, 0), (1, 3, 0), (2, 1, 1))),
        *((index, UNLIKE) for index in ((2, 1, 1), (2, 2, 0), (1, 0, 3))),
    ],
)
def test_accuracy_against_sympy(index, lengths):
    """A tanh and a polynomial, in any units: to rounding relative to the sum of the derivatives' sizes."""
    scaled = [v / length for v, length in zip(VARIABLES, lengths, strict=False)]
    a, b, c = scaled
    form = sp.tanh(a + b / 2 - c) + a**3 * b * c + a * b**2 * c - 2 * b**3 * a
    u = sp.Function("u")(X, Y, Z)
    wanted = form.diff(*((v, n) for v, n in zip((X, Y, Z), index, strict=True) if n))
    residual = u.diff(*((v, n) for v, n in zip((X, Y, Z), index, strict=True) if n))
    equation = sk.Equation(residual, u, (X, Y, Z))._in_units(lengths)
    points = np.random.default_rng(0).uniform(-1, 1, (30, 3)) * lengths
    s = sp.Symbol("s")
    channels = [form]
    for direction, order in zip(equation.directions, equation.orders, strict=True):
        moved = {v: v + s * sp.Float(d, 17) for v, d in zip((X, Y, Z), direction, strict=True)}
        along = form.subs(moved, simultaneous=True)
        channels += [along.diff(s, m).subs(s, 0) / sp.factorial(m) for m in range(1, order + 1)]
    f = sp.lambdify((X, Y, Z), channels)
    jets = np.stack([np.broadcast_to(each, 30) for each in f(*points.T)], axis=1)[:, :, None]
    found, _ = equation.evaluate(points, jets)
    want = np.broadcast_to(sp.lambdify((X, Y, Z), wanted)(*points.T), 30)
    np.testing.assert_allclose(found, want, rtol=1e-11, atol=1e-12 * np.abs(want).max())


def test_mixed_derivatives_of_a_network_by_differences():
    """u_xxyy from u_xy of the network, which has an older test, by second differences."""
    net = sk.KAN.splines([2, 4, 1], 7, 3, (-1, 1), extrapolate="polynomial")
    theta = sk.initialize(net, 0, "greville")
    u = sp.Function("u")(X, Y)
    points, h = np.random.default_rng(1).uniform(-0.2, 0.2, (10, 2)), 1e-3

    def at(residual, moved):
        return sk.PINN(net, [sk.Block(sk.Equation(residual, u, (X, Y)), points + moved)]).residual(theta)

    for residual, rough in (
        (u.diff(X, 2, Y, 2), u.diff(X, Y)),
        (u.diff(X, 2, Y), u.diff(X)),
        (u.diff(X, Y, 3), u.diff(Y, 2)),
    ):
        corners = [(i, j, at(rough, (i * h, j * h))) for i in (-1, 1) for j in (-1, 1)]
        mixed = sum(i * j * value for i, j, value in corners) / (4 * h**2)
        np.testing.assert_allclose(at(residual, 0), mixed, atol=1e-4 * np.abs(mixed).max())


def test_the_biharmonic_equation():
    """A clamped plate, u = (sin(pi x) sin(pi y))^2."""
    u = sp.Function("u")(X, Y)
    plate = u.diff(X, 4) + 2 * u.diff(X, 2, Y, 2) + u.diff(Y, 4)
    exact = (sp.sin(sp.pi * X) * sp.sin(sp.pi * Y)) ** 2
    knots = [sk.KnotVector.uniform(0, 1, 8, 7)] * 2
    net = sk.KAN([sk.SplineLayer(2, 2, knots), sk.Product(2, [(0, 1)])])
    edges = np.linspace(0, 1, 9)
    inside, weight = gauss_cells([edges, edges], 4)
    side = np.linspace(0, 1, 40)
    faces = [[(s, 0), (s, 1)] for s in side], [[(0, s), (1, s)] for s in side]
    ends = [np.array(face, float).reshape(-1, 2) for face in faces]
    forcing = sk.manufactured(plate, {u: exact})
    blocks = [sk.Block(sk.Equation(plate - forcing, u, (X, Y)), inside, weight)]
    blocks += [sk.Block.mean(sk.Equation(u, u, (X, Y)), np.concatenate(ends), 1e6)]
    blocks += [
        sk.Block.mean(sk.Equation(u.diff(v), u, (X, Y)), at, 1e5) for v, at in zip((Y, X), ends, strict=True)
    ]
    problem = sk.PINN(net, blocks)
    result = sk.LevenbergMarquardt().minimize(problem, sk.initialize(net, 1, "greville"), iterations=80)
    points = gauss_cells([edges, edges], 3)[0]
    error = problem.solution(result.theta, points)[:, 0] - sp.lambdify((X, Y), exact)(*points.T)
    assert np.abs(error).max() < 1e-6, result


def test_higher_orders_are_refused_with_the_reason():
    u = sp.Function("u")(X, Y)
    for residual in (u.diff(X, 5), u.diff(X, 3, Y, 2), u.diff(X, 4, Y).subs(X, 0)):
        with pytest.raises(ValueError, match="up to a total order of 4"):
            sk.Equation(residual, u, (X, Y))
