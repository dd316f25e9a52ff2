"""Solutions of notebook 01."""

import numpy as np

import splinekan as sk

UNEVEN = sk.extended_knots([0, 0.1, 0.15, 0.4, 0.5, 0.8, 1], 3)
X = np.linspace(0, 1, 1001)


def exercise_1():
    """The blossom of x^3 is the product of its three arguments; the coefficient is its value at the knots."""
    coefficients = UNEVEN[1:-3] * UNEVEN[2:-2] * UNEVEN[3:-1]
    assert np.abs(sk.BSplineBasis(UNEVEN, 3).evaluate(coefficients, X) - X**3).max() < 1e-14


def exercise_2():
    """The coefficients are k (u_i - u_{i-1})/(t_{i+k} - t_i), the slopes of the control polygon.

    b_i' = k b_i^{k-1}/(t_{i+k} - t_i) - k b_{i+1}^{k-1}/(t_{i+k+1} - t_{i+1}); collect the terms of each
    b_i^{k-1}. On [a, b] the splines of degree k - 1 need one ghost less on each side.
    """
    k, t = 3, UNEVEN
    u = np.random.default_rng(0).normal(size=len(t) - k - 1)
    slopes = k * np.diff(u) / (t[k + 1 : -1] - t[1 : -k - 1])
    lower = sk.BSplineBasis(t[1:-1], k - 1)
    difference = lower.evaluate(slopes, X) - sk.BSplineBasis(t, k).evaluate(u, X, derivative=1)
    assert np.abs(difference).max() < 1e-12 * np.abs(slopes).max()


def exercise_3():
    """Order 3/2: if x -> x/2, the intervals of length h become those of length h/2 and f becomes 2^(-3/2) f.

    The best error near 0 is therefore a multiple of h^(3/2), for every degree from 1 on. Elsewhere it is
    smaller.
    """
    errors = []
    for G in (16, 32, 64, 128):
        knots = sk.clamped_knots(np.linspace(0, 1, G + 1), 3)
        basis, nodes = sk.BSplineBasis(knots, 3), sk.greville_points(knots, 3)
        u = np.linalg.solve(basis.tabulate(nodes), nodes**1.5)
        fine = np.linspace(0, 1, 64 * G + 1)
        errors.append(np.abs(basis.evaluate(u, fine) - fine**1.5).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.allclose(orders, 1.5, atol=0.02)


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
