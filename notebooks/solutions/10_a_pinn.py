"""Solutions of notebook 10."""

import numpy as np
import sympy as sp

import splinekan as sk
from splinekan.splines.quadrature import gauss_points


def exercise_1():
    """u_xx + u_yy = (-1 + 1) cos x e^y = 0, so f = 25 cos x e^y."""
    x, y = sp.symbols("x y")
    u = sp.Function("u")(x, y)
    exact = sp.cos(x) * sp.exp(y)
    f = sk.manufactured(u.diff(x, 2) + u.diff(y, 2) + 25 * u, {u: exact})
    assert sp.simplify(f - 25 * exact) == 0


def solved(G, k, points, weights):
    """Coefficients for u'' = f with u = sin(pi x), and the residual as a function."""
    basis = sk.BSplineBasis(sk.uniform_knots(0, 1, G, k), k)
    f = -(np.pi**2) * np.sin(np.pi * points)
    root = np.sqrt(weights)
    rows = np.vstack(
        [root[:, None] * basis.tabulate(points, derivative=2), 1e3 * basis.tabulate(np.array([0.0, 1.0]))]
    )
    u = np.linalg.lstsq(rows, np.append(root * f, [0.0, 0.0]), rcond=None)[0]
    return u, lambda x: basis.evaluate(u, x, derivative=2) + np.pi**2 * np.sin(np.pi * x)


def exercise_2():
    """Order 2 = k - 1: the second derivative of a cubic spline is piecewise linear."""
    sizes = []
    for G in (8, 16, 32):
        points, weights = gauss_points(np.linspace(0, 1, G + 1), 6)
        _, residual = solved(G, 3, points, weights)
        sizes.append(np.sqrt(weights @ residual(points) ** 2))
    orders = np.log2(np.array(sizes[:-1]) / sizes[1:])
    assert np.allclose(orders, 2, atol=0.1)


def exercise_3():
    """Eight points, 32 + 5 coefficients: nothing constrains the second derivative between the points."""
    points = (np.arange(8) + 0.5) / 8
    _, residual = solved(32, 5, points, np.full(8, 1 / 8))
    between = np.linspace(0, 1, 1001)
    assert np.abs(residual(points)).max() < 1e-8
    assert np.abs(residual(between)).max() > 1


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
