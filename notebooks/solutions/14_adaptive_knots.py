"""Solutions of notebook 14."""

import numpy as np

import splinekan as sk
from splinekan.multilevel import bulk_marking

ENDS = np.append(0.0, 2.0 ** np.linspace(-40, 0, 801))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(4)
X = (ENDS[:-1, None] + np.diff(ENDS)[:, None] * (NODES + 1) / 2).ravel()
ROOTS = np.sqrt((np.diff(ENDS)[:, None] * WEIGHTS / 2).ravel())


def exercise_1():
    """q = 4.5/(alpha + 1/2) = 3.6 for alpha = 3/4."""
    errors, sizes = [], []
    for count in (8, 16, 32, 64):
        basis = sk.BSplineBasis(sk.clamped_knots(np.linspace(0, 1, count + 1) ** 3.6, 3), 3)
        J, y = ROOTS[:, None] * basis.tabulate(X), ROOTS * X**0.75
        errors.append(np.linalg.norm(J @ np.linalg.lstsq(J, y, rcond=None)[0] - y))
        sizes.append(count + 3)
    order = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert 3.8 < order < 5
    assert errors[-1] < 1e-6


def exercise_2():
    """Sort, add up, stop when the sum reaches the fraction."""

    def marked(scores, fraction):
        order = np.argsort(-scores, kind="stable")
        sums = np.cumsum(scores[order])
        return order[: np.searchsorted(sums, fraction * sums[-1]) + 1]

    rng = np.random.default_rng(0)
    for fraction in (0.1, 0.5, 0.9):
        scores = rng.exponential(size=30)
        expected = bulk_marking({(0, 0): scores}, fraction)[0, 0]
        assert np.array_equal(marked(scores, fraction), expected)


def exercise_3():
    """With o the old and n the new unknown: S = H_nn - H_no H_oo^-1 H_on, gain g^2/(2 S).

    Eliminating the old unknowns leaves a parabola in the new one, with curvature S and slope g. The old
    unknowns are at their optimum, so g_o = 0 and g = g_n.
    """
    x = (np.arange(500) + 0.5) / 500
    y = np.sqrt(x)
    knots = sk.uniform_knots(0, 1, 4, 3)
    finer = sk.insert_knots(knots, [0.125], 3)
    old, new = (sk.BSplineBasis(t, 3).tabulate(x) for t in (knots, finer))
    before, after = (J @ np.linalg.lstsq(J, y, rcond=None)[0] - y for J in (old, new))
    added = new[:, [3]]  # any function that is not in the old space
    H_on = old.T @ added
    S = (added.T @ added - H_on.T @ np.linalg.solve(old.T @ old, H_on)).item()
    g = (added.T @ before).item()
    assert np.isclose(g**2 / (2 * S), (before @ before - after @ after) / 2, rtol=1e-6)


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
