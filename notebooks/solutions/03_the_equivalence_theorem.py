"""Solutions of notebook 03."""

import numpy as np
import sympy as sp

import splinekan as sk
from splinekan_theory import verify_equivalence


def exercise_1():
    """Entry (i, j) of A^-1 is the product of t_{j+l} - t_i over l = 1, 2, 3.

    It grows with j, so the smallest entry is on the diagonal. With the ghosts below it is that of t = 0.
    """
    knots = [sp.Rational(each) for each in ("-3", "-2", "-1", "0", "1/3", "1/2", "1", "2", "3", "4", "5")]
    record = verify_equivalence(knots, degree=3)
    inverse = record.A_inverse
    triangle = [inverse[i, j] for i in range(inverse.rows) for j in range(i, inverse.cols)]
    products = [sp.prod([knots[i + l] - knots[i] for l in (1, 2, 3)]) for i in range(inverse.rows)]
    assert min(triangle) == min(products) == sp.Rational(1, 6)
    assert record.A * inverse == sp.eye(inverse.rows)


def exercise_2():
    """w = A^T (1, ..., 1): the k-th derivative of a constant does not jump, so w_j = 0 at inner knots."""
    t, k = np.array([-0.5, -0.2, 0.0, 0.1, 0.4, 0.45, 0.8, 1.0, 1.1, 1.5]), 2
    w = sk.relu_from_spline(np.ones(len(t) - k - 1), t, k)
    assert np.abs(w[k + 1 :]).max() < 1e-12 * np.abs(w).max()
    x = np.linspace(0, 1, 101)
    assert np.abs(sk.PowerReLUBasis(t, k).evaluate(w, x) - 1).max() < 1e-12


def exercise_3():
    """W_p = A_p^T U_p for each input: the proof never compares two edges."""
    rng, k = np.random.default_rng(0), 3
    knots = [sk.uniform_knots(0, 1, 4, k), sk.extended_knots([0, 0.2, 0.3, 0.7, 0.9, 1], k)]
    x = rng.uniform(size=(200, 2))
    spline, relu = np.zeros((200, 3)), np.zeros((200, 3))
    for p, t in enumerate(knots):
        U = rng.normal(size=(len(t) - k - 1, 3))
        W = sk.change_of_basis(t, k).toarray().T @ U
        spline += sk.BSplineBasis(t, k).tabulate(x[:, p]) @ U
        relu += sk.PowerReLUBasis(t, k).tabulate(x[:, p]) @ W
    assert np.abs(spline - relu).max() < 1e-10


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
