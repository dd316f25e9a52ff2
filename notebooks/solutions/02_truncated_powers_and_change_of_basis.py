"""Solutions of notebook 02."""

import numpy as np

import splinekan as sk


def exercise_1():
    """Slope 1/h_i, then -1/h_{i+1}, then 0: the weights of the ramps are the changes of slope."""
    t = np.array([-0.3, 0.0, 0.1, 0.4, 0.45, 1.0, 1.2])
    h = np.diff(t)
    m = len(t) - 2
    A = np.zeros((m, m))
    for i in range(m):
        for j, change in enumerate((1 / h[i], -1 / h[i] - 1 / h[i + 1], 1 / h[i + 1])):
            if i + j < m:  # the ramps from b on are zero on [a, b]
                A[i, i + j] = change
    assert np.allclose(A, sk.change_of_basis(t, 1).toarray())


def exercise_2():
    """w is divided by c^k: psi_j(c x) on the stretched knots is c^k psi_j(x)."""
    k, c = 3, 5.0
    t = sk.uniform_knots(0, 1, 8, k)
    u = np.random.default_rng(0).normal(size=8 + k)
    w, stretched = sk.relu_from_spline(u, t, k), sk.relu_from_spline(u, c * t, k)
    assert np.allclose(stretched, w / c**k, rtol=1e-10, atol=1e-10 * np.abs(stretched).max())


def exercise_3():
    """No. Products with a power of two are exact, so that every term w_j psi_j has the same bits.

    Accordingly cond(A) does not change when A is multiplied by a number.
    """
    k, G = 3, 64
    t, x = sk.uniform_knots(0, 1, G, k), np.linspace(0, 1, 2001, dtype=np.float32)
    w = sk.relu_from_spline(np.random.default_rng(1).normal(size=G + k), t, k).astype(np.float32)
    psi = sk.PowerReLUBasis(t, k).tabulate(x).astype(np.float32)
    scale = np.float32(2.0 ** (6 * k))  # 1/h^k
    plain, scaled = (w * psi).sum(axis=1), ((w / scale) * (scale * psi)).sum(axis=1)
    assert np.array_equal(plain, scaled)


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
