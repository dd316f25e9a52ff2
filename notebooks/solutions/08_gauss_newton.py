"""Solutions of notebook 08."""

import numpy as np

import splinekan as sk
from splinekan.optimize import ResidualProblem

RNG = np.random.default_rng(0)


def exercise_1():
    """J_z = J T, so J_z^T J_z = T^T J^T J T; the steps agree if D_z = T^T D T, and then d = T d_z."""
    J, rho, T = RNG.normal(size=(20, 5)), RNG.normal(size=20), RNG.normal(size=(5, 5))
    D, damping = np.diag(RNG.uniform(1, 2, 5)), 0.3

    def step(J, D):
        return np.linalg.solve(J.T @ J + damping * D, -J.T @ rho)

    expected = step(J, D)
    assert np.allclose(T @ step(J @ T, T.T @ D @ T), expected)
    assert np.abs(T @ step(J @ T, D) - expected).max() > 1e-3


def exercise_2():
    """The Newton matrix is J^T J + sum rho_i rho_i''. Gauss-Newton leaves out the second term.

    With phi(z) = z - J^T rho/J^T J and J^T rho = 0 at the solution, phi' = 1 - (J^T J + rho . rho'')/J^T J.
    """
    x = np.linspace(0, 1, 20)
    factors = []
    for size in (0.5, -3.0):
        y = np.exp(0.7 * x) + 8 * size * (x - 0.5) ** 3
        problem = ResidualProblem(lambda z, y=y: np.exp(z * x) - y, lambda z: (x * np.exp(z * x))[:, None])
        iterates = [1.0]
        for _ in range(30):
            iterates.append(float(sk.GaussNewton().minimize(problem, [iterates[-1]], iterations=1).theta[0]))
        z = iterates[-1]
        e = np.exp(z * x)
        factor = abs(((e - y) * x**2 * e).sum()) / ((x * e) ** 2).sum()
        factors.append(factor)
        errors = np.abs(np.array(iterates) - z)
        count = int((errors > 1e-6).sum())  # the iterates before rounding
        assert abs(errors[count - 1] / errors[count - 2] - factor) < 0.02 * factor
    assert factors[0] < 0.02 < 0.2 < factors[1]  # small residuals: nearly as fast as Newton's method


def exercise_3():
    """The weighted mean. Q = diag(1, 1, sqrt 2) is not a multiple of an orthogonal matrix."""
    y, weights = np.array([1.0, 2.0, 6.0]), np.array([1.0, 1.0, 2.0])
    Q = np.diag(np.sqrt(weights))
    problem = ResidualProblem(lambda c: Q @ (c - y), lambda c: Q @ np.ones((3, 1)))
    c = sk.GaussNewton().minimize(problem, [0.0], iterations=1).theta[0]
    assert np.isclose(c, weights @ y / weights.sum())
    assert not np.isclose(c, y.mean())


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
