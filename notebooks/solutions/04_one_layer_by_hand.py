"""Solutions of notebook 04."""

import numpy as np

import splinekan as sk

K, G = 3, 8
T = sk.uniform_knots(0, 1, G, K)
BASIS = sk.BSplineBasis(T, K)
RNG = np.random.default_rng(0)
X = RNG.uniform(size=(200, 2))
F = np.sin(2 * np.pi * X[:, 0]) * X[:, 1]
NETWORK = sk.KAN.splines([2, 3, 1], degree=K, intervals=G)
THETA = sk.initialize(NETWORK, seed=0, scheme="noise")


def tables(x, derivative=0):
    return np.stack([BASIS.tabulate(column, derivative=derivative) for column in x.T], axis=1)


def exercise_1():
    """dz = B_1 dU_1, then dy = B_2 dU_2 + (B_2' U_2) dz: forward, in the order of evaluation."""
    v = RNG.normal(size=NETWORK.n_parameters)
    (U1, U2), (V1, V2) = ([part["coefficients"] for part in NETWORK.unpack(each)] for each in (THETA, v))
    first = tables(X)
    z, dz = np.einsum("npi,piq->nq", first, U1), np.einsum("npi,piq->nq", first, V1)
    dy = np.einsum("npi,piq->nq", tables(z), V2) + np.einsum("npi,piq,np->nq", tables(z, 1), U2, dz)
    expected = NETWORK.jvp(THETA, X, v)
    assert np.abs(dy - expected).max() < 1e-12 * np.abs(expected).max()


def exercise_2():
    """J^T J, the same at every theta: the residual is linear in the coefficients."""
    layer = sk.KAN.splines([2, 1], degree=K, intervals=G)
    problem, J = sk.LeastSquares(layer, X, F), layer.jacobian(np.zeros(layer.n_parameters), X).toarray()
    theta, v = RNG.normal(size=(2, layer.n_parameters))
    assert np.allclose(problem.hessian_product(theta, v), J.T @ (J @ v))


def exercise_3():
    """Slope 1 as soon as 0.01 |g_j v_j| eps exceeds the second-order term, so for all small eps.

    For large eps the term of second order hides the mistake. Look at the small eps, above rounding.
    """
    problem = sk.LeastSquares(NETWORK, X, F)
    value, gradient = problem.value_and_gradient(THETA)
    v = gradient / np.linalg.norm(gradient)  # a direction in which every component counts
    spoilt = gradient.copy()
    spoilt[np.argmax(np.abs(gradient))] *= 1.01
    eps = np.logspace(-6, -5, 5)
    change = np.array([problem.value(THETA + e * v) - value for e in eps])
    slopes = [
        np.polyfit(np.log(eps), np.log(np.abs(change - eps * (g @ v))), 1)[0] for g in (gradient, spoilt)
    ]
    assert abs(slopes[0] - 2) < 0.1
    assert abs(slopes[1] - 1) < 0.1


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
