"""Solutions of notebook 13."""

import numpy as np

import splinekan as sk


def energy_and_prolongation(intervals, k=2):
    knots = sk.KnotVector.uniform(0, 1, intervals // 2, k)
    fine = knots.refine()
    return (
        (sk.gram_matrix(fine) + sk.gram_matrix(fine, derivative=1)).toarray(),
        sk.prolongation(knots, fine).toarray(),
    )


def correction(E, P):
    return np.eye(len(E)) - P @ np.linalg.solve(P.T @ E @ P, P.T @ E)


def exercise_1():
    """S^2 C S^2 with S = I - E/lambda_max(E). The factor stays below 0.1 for every number of intervals."""
    factors = []
    for intervals in (8, 16, 32, 64):
        E, P = energy_and_prolongation(intervals)
        sweeps = np.linalg.matrix_power(np.eye(len(E)) - E / np.linalg.eigvalsh(E)[-1], 2)
        factors.append(np.abs(np.linalg.eigvals(sweeps @ correction(E, P) @ sweeps)).max())
    assert max(factors) < 0.1
    assert abs(factors[-1] - factors[-2]) < 0.01


def exercise_2():
    """C^2 = C and E C = C^T E: an orthogonal projection in the energy, so the energy never rises."""
    E, P = energy_and_prolongation(32)
    C = correction(E, P)
    scale = np.abs(E).max()
    assert np.allclose(C @ C, C, atol=1e-9)
    assert np.allclose(E @ C, (E @ C).T, atol=1e-9 * scale)
    u = np.random.default_rng(0).normal(size=(len(E), 100))
    after = C @ u
    assert ((after * (E @ after)).sum(axis=0) <= (u * (E @ u)).sum(axis=0) * (1 + 1e-10)).all()


def exercise_3():
    """At a stationary point P^T grad F = 0, so grad F_c(v_0) = grad f_c(v_0) - tau = 0: no step is taken.

    The choice of R only determines v_0. Here for a fit of one spline, where the coarse problem has another
    minimum, since its samples differ from those of the fine problem.
    """
    k = 3
    coarse, fine = (sk.KnotVector.uniform(0, 1, G, k) for G in (4, 8))
    P = sk.prolongation(coarse, fine).toarray()
    x, z = np.linspace(0, 1, 100), np.linspace(0, 1, 37)
    J, J_c = sk.BSplineBasis(fine).tabulate(x), sk.BSplineBasis(coarse).tabulate(z)
    theta = np.linalg.lstsq(J, np.exp(x), rcond=None)[0]
    gradient = J.T @ (J @ theta - np.exp(x))
    for kind in ("L2", "interpolation"):
        v0 = sk.projection(coarse, fine, kind=kind).toarray() @ theta
        own = J_c.T @ (J_c @ v0 - np.sin(z))
        tau = own - P.T @ gradient
        minimum = np.linalg.solve(J_c.T @ J_c, J_c.T @ np.sin(z) + tau)
        assert np.abs(minimum - v0).max() < 1e-9
        uncorrected = np.linalg.solve(J_c.T @ J_c, J_c.T @ np.sin(z))
        assert np.abs(uncorrected - v0).max() > 0.1


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
