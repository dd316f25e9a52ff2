"""Solutions of notebook 11."""

from math import factorial

import numpy as np

import splinekan as sk


def exercise_1():
    """3^(1-r): the coefficients of (1 + z + z^2)^r in a residue class modulo 3 add up to 3^(r-1)."""
    for r in (2, 3, 4):
        k = r - 1
        weights = np.array([1.0])
        for _ in range(r):
            weights = np.convolve(weights, [1, 1, 1])
        assert all(weights[s::3].sum() == 3 ** (r - 1) for s in range(3))
        P = sk.prolongation(sk.uniform_knots(0, 1, 8, k), sk.uniform_knots(0, 1, 24, k), k).toarray()
        column = P[:, 4]
        assert np.allclose(column[np.abs(column) > 1e-12], weights * 3.0 ** (1 - r))


def exercise_2():
    """K_u = J_w A~^T A~ J_w^T would only give 4^r/((r-1)!)^2; positivity gives more.

    By Marsden's identity psi_i/h^k = sum_{j >= i} c_ij b_j with c_ij >= k!. So each entry of K_w is at least
    (k!)^2 times that of K_u. Both matrices are nonnegative, and by Perron and Frobenius the largest
    eigenvalue grows with the entries.
    """
    rng = np.random.default_rng(0)
    for r in range(1, 6):
        for _ in range(50):
            G, n = int(rng.integers(1, 20)), int(rng.integers(1, 30))
            t, points = sk.uniform_knots(0, 1, G, r - 1), rng.uniform(0, 1, n)
            J_u = sk.BSplineBasis(t, r - 1).tabulate(points)
            J_w = sk.PowerReLUBasis(t, r - 1).tabulate(points) * G ** (r - 1)
            K_u, K_w = J_u @ J_u.T, J_w @ J_w.T
            assert (factorial(r - 1) ** 2 * K_u <= K_w * (1 + 1e-10) + 1e-12).all()
            largest = [np.linalg.eigvalsh(K)[-1] for K in (K_u, K_w)]
            assert largest[0] <= largest[1] / factorial(r - 1) ** 2 * (1 + 1e-10)


def exercise_3():
    """2r: up to a factor A = (I - S)^r, whose inverse sums r times; the transpose sums r times more."""
    size = 14
    for r in range(1, 5):
        v = np.ones(size, dtype=object)
        for _ in range(r):
            v = np.cumsum(v[::-1])[::-1]  # (I - S)^-1
        for _ in range(r):
            v = np.cumsum(v)  # (I - S)^-T
        v = np.array([int(each) for each in v], dtype=object)
        degree = next(d for d in range(size) if not np.diff(v, d + 1).any())
        assert degree == 2 * r


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
