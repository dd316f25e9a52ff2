"""Solutions of notebook 05."""

import numpy as np

import splinekan as sk

K, G, N = 3, 16, 800
T = sk.uniform_knots(0, 1, G, K)
X = (np.arange(N) + 0.5) / N
J_W = sk.change_of_basis(T, K).solve(sk.BSplineBasis(T, K).tabulate(X).T).T  # J_u = J_w A^T


def exercise_1():
    """(1 - l/l_max)^N = 0.01 gives N = log(0.01)/log(1 - l/l_max): about 4e4, and 6e12 for the last mode."""
    values = np.linalg.svd(J_W, compute_uv=False) ** 2
    steps = np.log(0.01) / np.log1p(-values[[2, -1]] / values[0])
    assert 1e4 < steps[0] < 1e5
    assert 1e12 < steps[1] < 1e13


def exercise_2():
    """It does not fall: it grows from 1.4e12 to 3.5e12, against 1.4e3 in the spline basis.

    The columns are nearly parallel, and no diagonal scaling changes the angles between them.
    """
    scaled = J_W / np.linalg.norm(J_W, axis=0)
    before, after = np.linalg.cond(J_W) ** 2, np.linalg.cond(scaled) ** 2
    assert before < after < 10 * before


def exercise_3():
    """4 sin^2((2j - 1) pi/(2 (2m + 1))), j = 1, ..., m; the ratio is about (4m/pi)^2.

    A A^T is tridiagonal with 2 on the diagonal, but 1 in the last place, and -1 beside it: the second
    difference with a zero value at one end and a zero slope at the other. Its eigenvectors are sines.
    """
    for m in (8, 64):
        A = sk.change_of_basis(sk.uniform_knots(0, 1, m, 0), 0).toarray()
        values = 4 * np.sin((2 * np.arange(1, m + 1) - 1) * np.pi / (2 * (2 * m + 1))) ** 2
        assert np.allclose(np.linalg.eigvalsh(A @ A.T), values)
        assert abs(values[-1] / values[0] / (4 * m / np.pi) ** 2 - 1) < 2 / m


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
