"""Solutions of notebook 06."""

from itertools import pairwise

import numpy as np

import splinekan as sk


def exercise_1():
    """(1, 2, 3, 4, 3, 2, 1)/4, the product of the two prolongations: a hat sampled at the fine knots."""
    coarse, middle, fine = (sk.uniform_knots(0, 8, G, 1) for G in (8, 16, 32))
    P = sk.prolongation(middle, fine, 1) @ sk.prolongation(coarse, middle, 1)
    column = P[:, [4]].toarray().ravel()
    assert np.allclose(column[column != 0], np.array([1, 2, 3, 4, 3, 2, 1]) / 4)
    assert np.allclose(P.toarray(), sk.prolongation(coarse, fine, 1).toarray())


def exercise_2():
    """(1/2, 1/2), the middle of an edge of the polygon, and (1, 6, 1)/8 near a vertex, in turns.

    They are the even and the odd binomial weights 1, 4, 6, 4, 1 over 8.
    """
    P = sk.prolongation(sk.uniform_knots(0, 8, 8, 3), sk.uniform_knots(0, 8, 16, 3), 3).toarray()
    rules = [row[row != 0].tolist() for row in P[2:-2]]
    assert all(rule in ([0.5, 0.5], [0.125, 0.75, 0.125]) for rule in rules)
    assert all(first != second for first, second in pairwise(rules))


def exercise_3():
    """Differentiate L_c(theta) = L_f(P theta) twice: H_c = P^T H_f P, as P does not depend on theta."""
    levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=2, domain=(-1, 1)), 2)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (300, 2))
    coarse, fine = (sk.LeastSquares(level.network, x, x[:, 0] * x[:, 1]) for level in levels)
    theta = sk.initialize(levels.network, seed=0, scheme="greville", bounds=(-1, 1))
    v, P = rng.normal(size=theta.size), levels[1].P
    expected = coarse.hessian_product(theta, v)
    found = P.T @ fine.hessian_product(P @ theta, P @ v)
    assert np.abs(found - expected).max() < 1e-10 * np.abs(expected).max()


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
