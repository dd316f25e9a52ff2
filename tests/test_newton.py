"""Gauss-Newton with banded and with dense normal equations."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import splinekan as sk
from splinekan.solving import newton as module
from splinekan.solving.bands import Band, band
from splinekan.solving.meshes import uniform
from splinekan.solving.newton import newton

X, T = sp.symbols("x t")
U = sp.Function("u")(X, T)
EXACT = sp.sin(2 * X) * sp.exp(-T)


def heat(residual=None, constants=(), periodic=False, **options):
    """An equation on a rectangle, with the values of EXACT around it."""
    bounds = [(-np.pi, np.pi), (0, 1)] if periodic else [(-1, 1), (0, 1)]
    mesh = uniform(bounds, (30 if periodic else 14, 3), (4, 4), (periodic, False))
    residual = U.diff(T) - U.diff(X, 2) / 4 if residual is None else residual
    equation = sk.Equation(residual, unknown=U, variables=(X, T))
    value = sk.Equation(U - EXACT, unknown=U, variables=(X, T))
    points, weights, _ = mesh.rule().gauss()
    rng = np.random.default_rng(0)
    (low, high), _ = bounds
    around = [np.column_stack([rng.uniform(low, high, 200), np.zeros(200)])]
    if not periodic:
        around += [np.column_stack([np.full(60, end), rng.uniform(0, 1, 60)]) for end in (low, high)]
    network = mesh.network(1)
    if constants:
        network = network.with_constants(constants)
    blocks = [sk.Block(equation, points, weights), sk.Block(value, np.concatenate(around), 10.0)]
    problem = sk.PINN(network, blocks, bounds=mesh.bounds, **options)
    theta = np.zeros(network.n_parameters)
    theta[len(theta) - len(constants) :] = [c.start for c in constants]
    return problem, theta, band(mesh.layer(1))


def error(problem, theta):
    rng = np.random.default_rng(0)
    (a, b), (c, d) = problem.bounds
    points = rng.uniform([a, c], [b, d], (200, 2))
    return np.abs(
        problem.solution(theta, points)[:, 0] - np.sin(2 * points[:, 0]) * np.exp(-points[:, 1])
    ).max()


@pytest.fixture
def assembled(monkeypatch):
    """Counts of banded and of dense assemblies."""
    counts = {"band": 0, "dense": 0}
    own, dense = module.band_equations, sk.PINN.normal_equations

    def banded(*args):
        counts["band"] += 1
        return own(*args)

    def full(self, theta):
        counts["dense"] += 1
        return dense(self, theta)

    monkeypatch.setattr(module, "band_equations", banded)
    monkeypatch.setattr(sk.PINN, "normal_equations", full)
    return counts


@pytest.mark.parametrize("periodic", [False, True])
def test_linear_equations(periodic, assembled):
    problem, theta, ordering = heat(periodic=periodic)
    assert ordering.worthwhile
    found, value, losses = newton(problem, theta, 10, ordering=ordering)
    assert assembled["dense"] == 0
    assert assembled["band"] >= len(losses)
    assert error(problem, found) < 1e-4
    assert value == losses[-1] == min(losses)
    assert losses[0] == pytest.approx(problem.value(theta))
    other, least, _ = newton(problem, theta, 10)
    assert assembled["dense"] > 0
    assert value == pytest.approx(least, rel=1e-6)
    np.testing.assert_allclose(found, other, atol=1e-6)


def test_nonlinear_equations():
    problem, theta, ordering = heat(U.diff(T) + U * U.diff(X) - (EXACT.diff(T) + EXACT * EXACT.diff(X)))
    found, value, losses = newton(problem, theta, 20, ordering=ordering)
    other, least, _ = newton(problem, theta, 20)
    assert len(losses) > 3
    assert error(problem, found) < 1e-4
    assert value == pytest.approx(least, rel=1e-5)
    np.testing.assert_allclose(found, other, atol=1e-5)


def test_unknown_constants(assembled):
    """Two of them, from values of the solution: a band with a border."""
    k, f = sk.Unknown("k", start=1.0), sk.Unknown("f", start=0.5)
    problem, theta, ordering = heat(U.diff(T) - k * U.diff(X, 2) - f, (k, f))
    data = sk.Equation(U - EXACT, unknown=U, variables=(X, T))
    points = np.random.default_rng(1).uniform([-1, 0], [1, 1], (40, 2))
    problem = replace(problem, blocks=(*problem.blocks, sk.Block(data, points)))
    found, value, _ = newton(problem, theta, 30, ordering=ordering)
    assert assembled["dense"] == 0
    assert problem.constants(found) == pytest.approx({"k": 0.25, "f": 0.0}, abs=1e-4)
    other, least, _ = newton(problem, theta, 30)
    assert value == pytest.approx(least, rel=1e-5)
    assert problem.constants(found) == pytest.approx(problem.constants(other), abs=1e-7)


def test_entries_outside_of_the_band(assembled):
    """Periodic splines have none; opposite sides tied to each other do."""
    problem, theta, ordering = heat()
    value = sk.Equation(U, unknown=U, variables=(X, T))
    t = np.linspace(0, 1, 9)[:, None]
    left, right = np.hstack([np.full_like(t, -1.0), t]), np.hstack([np.full_like(t, 1.0), t])
    problem = replace(problem, blocks=(*problem.blocks, sk.Block(value, left, minus=right)))
    found, least, losses = newton(problem, theta, 5, ordering=ordering)
    assert assembled["band"] == 1
    assert assembled["dense"] >= len(losses)
    assert newton(problem, theta, 5)[1] == least
    np.testing.assert_array_equal(newton(problem, theta, 5)[0], found)


def test_wide_bands_are_left_alone(assembled):
    problem, theta, ordering = heat()
    newton(problem, theta, 1, ordering=Band(ordering.order, len(theta) - 1))
    assert assembled["band"] == 0


def test_where_it_stops():
    problem, theta, ordering = heat()
    assert len(newton(problem, theta, 0, ordering=ordering)[2]) == 1
    assert len(newton(problem, theta, 10, goal=np.inf, ordering=ordering)[2]) == 1
    assert len(newton(problem, theta, 10, stop=-1.0, ordering=ordering)[2]) == 1
    found, _, losses = newton(problem, theta, 1, ordering=ordering)
    assert len(losses) == 2
    assert len(newton(problem, found, 30, ordering=ordering)[2]) < 6


class Quadratic:
    """1/2 theta.H theta - g.theta + c, whatever H is."""

    def __init__(self, matrix, linear):
        self.matrix, self.linear = matrix, linear

    def value(self, theta):
        return self.normal_equations(theta)[0]

    def normal_equations(self, theta):
        with np.errstate(invalid="ignore"):
            product = self.matrix @ theta
        return 10 + theta @ product / 2 - self.linear @ theta, product - self.linear, self.matrix.copy()


def test_singular_matrices_are_shifted():
    root = np.random.default_rng(0).normal(size=(3, 5)) * [1.0, 1e3, 1.0, 1e-3, 1.0]
    problem = Quadratic(root.T @ root, root.T @ np.ones(3))
    found, _, losses = newton(problem, np.zeros(5), 5)
    np.testing.assert_allclose(root @ found, np.ones(3), atol=1e-6)
    assert losses[-1] == pytest.approx(8.5)


@pytest.mark.parametrize(
    "matrix", [np.diag([1.0, -1.0]), np.zeros((2, 2)), np.full((2, 2), np.nan), np.diag([1.0, np.inf])]
)
def test_no_step_from_other_matrices(matrix):
    theta, value, losses = newton(Quadratic(matrix, np.ones(2)), np.ones(2) * 0.0, 5)
    np.testing.assert_array_equal(theta, np.zeros(2))
    assert len(losses) == 1
    assert value == losses[0] or np.isnan(value)


def test_steps_are_halved():
    """A step of Newton for arctan^2 from afar goes too far."""

    class Arctan:
        def value(self, theta):
            return self.normal_equations(theta)[0]

        def normal_equations(self, theta):
            slope = 1 / (1 + theta**2)
            r = np.arctan(theta)
            return float(r @ r) / 2, slope * r, np.diag(slope**2)

    found, value, losses = newton(Arctan(), np.array([3.0]), 20)
    assert abs(found[0]) < 1e-6
    assert value < 1e-12
    assert (np.diff(losses) < 0).all()
