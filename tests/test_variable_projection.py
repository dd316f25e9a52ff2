"""Variable projection against the reduced functional by SciPy, and against the whole problem."""

import numpy as np
import pytest
import scipy

import splinekan as sk
from splinekan.optimize import Status
from splinekan.optimize.projected import Projected


def exponentials(n=60, noise=0.01):
    """y = c_0 + c_1 exp(-a_1 t) + c_2 exp(-a_2 t): the classic of Golub and Pereyra (Osborne's problem)."""
    t = np.linspace(0, 4, n)
    y = 0.4 + 2 * np.exp(-0.5 * t) - 1.5 * np.exp(-2 * t) + noise * np.sin(37 * t)

    def basis(a):
        return np.column_stack([np.ones(n), np.exp(-a[0] * t), np.exp(-a[1] * t)])

    def jacobian(z):
        table = basis(z[:2])
        return np.column_stack([-z[3] * t * table[:, 1], -z[4] * t * table[:, 2], table])

    return basis, y, sk.ResidualProblem(lambda z: basis(z[:2]) @ z[2:] - y, jacobian)


def regression(n=300, width=3, n_out=1, seed=0):
    x = np.random.default_rng(seed).uniform(0, 1, (n, 2))
    y = np.column_stack([np.sin(4 * x[:, 0] + (3 + q) * x[:, 1]) for q in range(n_out)])
    network = sk.KAN.affine_first([2, width, n_out], degree=3, intervals=5)
    return sk.LeastSquares(network, x, y, reduction="mean"), sk.initialize(network, seed)


@pytest.mark.parametrize("solver", [None, sk.Cholesky(), sk.SVD()])
def test_exponentials_against_scipy_on_the_reduced_functional(solver):
    basis, y, problem = exponentials()

    def reduced(a):
        table = basis(a)
        return table @ np.linalg.lstsq(table, y, rcond=None)[0] - y

    twin = scipy.optimize.least_squares(reduced, [0.3, 3.0], xtol=1e-14, ftol=1e-14, gtol=1e-14)
    method = sk.VariableProjection(linear=[2, 3, 4], solver=solver)
    result = method.minimize(problem, [0.3, 3.0, 9.0, -9.0, 1.0], iterations=100)
    assert result.value == pytest.approx(twin.cost, rel=1e-9)
    assert np.allclose(result.theta[:2], twin.x, rtol=1e-5)
    assert result.status in (Status.STALLED, Status.ITERATION_LIMIT)


def test_the_minimum_is_that_of_the_whole_problem():
    objective, theta = regression()
    projected = sk.VariableProjection().minimize(objective, theta, iterations=150)
    whole = sk.LevenbergMarquardt().minimize(objective, projected.theta, iterations=50)
    assert whole.value == pytest.approx(projected.value, rel=1e-3)
    again = sk.VariableProjection().minimize(objective, whole.theta, iterations=5)
    assert again.value <= whole.value


@pytest.mark.parametrize("n_out", [1, 2])
@pytest.mark.parametrize("smoothing", [0.0, 1e-3])
def test_reduced_gradient_and_schur_complement_against_dense_algebra(n_out, smoothing):
    objective, theta = regression(n_out=n_out)
    objective = sk.LeastSquares(objective.network, objective.x, objective.y, smoothing=smoothing)
    linear = objective.linear_parameters
    problem = Projected(objective, theta, linear, 1e-10, True)
    alpha = problem.start
    full = problem.native(alpha)
    # c(alpha) is the least-squares solution, the penalty's rows included.
    J = np.vstack([objective.jacobian(full).toarray(), objective.penalty.root.toarray()])
    r = np.concatenate([objective.residual(full), objective.penalty.residual(full)])
    assert np.abs(J[:, linear].T @ r).max() < 1e-8 * np.abs(objective.gradient(theta)).max()
    Q = scipy.linalg.orth(J[:, linear], rcond=1e-6)
    assert np.linalg.norm(Q.T @ r) < 1e-7 * np.linalg.norm(r)
    # The gradient is that of the reduced functional.
    gradient = problem.value_and_gradient(alpha)[1]
    for v in np.eye(len(alpha))[:4]:
        h = 1e-6
        slope = (problem.value(alpha + h * v) - problem.value(alpha - h * v)) / (2 * h)
        assert slope == pytest.approx(gradient @ v, abs=2e-5 * np.abs(gradient).max())
    # Kaufman's matrix: J_alpha^T P J_alpha with the projector that is never formed.
    columns = J[:, problem.others]
    left = columns - Q @ (Q.T @ columns)
    _, same, schur = problem.normal_equations(alpha)
    _, upper, rotated = problem.triangular_factor(alpha)
    scale = np.abs(columns.T @ columns).max()
    assert np.allclose(schur, left.T @ left, rtol=0, atol=1e-6 * scale)
    assert np.allclose(upper.T @ upper, schur, rtol=0, atol=1e-9 * scale)
    assert np.allclose(same, gradient, rtol=0, atol=1e-12 * np.abs(gradient).max())
    assert np.allclose(upper.T @ rotated, gradient, rtol=0, atol=1e-6 * np.abs(gradient).max())


def test_equations_of_the_last_layer_are_entries_of_the_whole():
    for layers in (
        [sk.SplineLayer(2, 2, sk.KnotVector.uniform(0, 1, 3, 2), base="silu"), sk.Affine(2, 2)],
        [sk.Affine(2, 3), sk.SplineLayer(3, 2, sk.KnotVector.uniform(0, 1, 4, 3), base="silu")],
        [sk.Affine(2, 2), sk.Sum([sk.SplineLayer(2, 2, sk.KnotVector.uniform(0, 1, 4, 3)), sk.Affine(2, 2)])],
        [
            sk.Affine(2, 2),
            sk.SplineLayer(2, 2, sk.KnotVector.uniform(0, 1, 3, 1)),
            sk.Normalizer(2, "affine", (3.0, 5.0), (-1.0, 1.0)),
        ],
    ):
        network = sk.KAN(layers)
        rng = np.random.default_rng(0)
        x, y = rng.uniform(0.2, 0.8, (50, 2)), rng.normal(size=(50, 2))
        objective = sk.LeastSquares(network, x, y, rng.uniform(1, 2, 50), smoothing=0.1)
        theta = sk.initialize(network, 0)
        linear = objective.linear_parameters
        gradient, matrix = objective.linear_equations(theta)
        _, whole, normal = objective.normal_equations(theta)
        assert np.allclose(gradient, whole[linear], rtol=0, atol=1e-12 * np.abs(whole).max())
        assert np.allclose(matrix, normal[np.ix_(linear, linear)], rtol=0, atol=1e-12 * np.abs(normal).max())
        projected = sk.VariableProjection().minimize(objective, theta, iterations=3)
        assert projected.value < objective.value(theta)


def test_the_start_of_the_linear_parameters_has_no_effect():
    objective, theta = regression()
    other = theta.copy()
    other[objective.linear_parameters] = 7.0
    results = [sk.VariableProjection().minimize(objective, each, iterations=6) for each in (theta, other)]
    assert np.array_equal(results[0].theta, results[1].theta)


def test_a_rank_deficient_last_layer_has_the_solution_of_least_norm():
    """Constants move freely between the edges, and coefficients without samples do not matter."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 0.4, (200, 2))  # half of the second layer's domain is empty
    network = sk.KAN([sk.Affine(2, 2), sk.SplineLayer(2, 1, sk.KnotVector.uniform(0, 1, 8, 2))])
    theta = np.concatenate([np.eye(2).ravel(), np.zeros(2), rng.normal(size=20)])
    objective = sk.LeastSquares(network, x, np.sin(9 * x[:, :1]) + x[:, 1:])
    problem = Projected(objective, theta, objective.linear_parameters, 1e-10, True)
    full = problem.native(problem.start)
    J = objective.jacobian(full).toarray()[:, objective.linear_parameters]
    norms = np.linalg.norm(J, axis=0)
    seen = norms > 1e-6 * norms.max()
    assert (~seen).any()
    c = full[objective.linear_parameters]
    assert (c[~seen] == 0).all()
    scaled = J[:, seen] / norms[seen]
    shortest = np.linalg.pinv(scaled, rcond=1e-5) @ objective.y.ravel() / norms[seen]
    assert np.linalg.norm(J[:, seen] @ (c[seen] - shortest)) < 1e-6 * np.linalg.norm(objective.y)
    assert np.allclose(c[seen], shortest, rtol=0, atol=1e-3 * np.abs(shortest).max())


def test_steps_never_raise_the_loss_and_results_are_whole():
    objective, theta = regression()
    seen = []
    result = sk.VariableProjection().minimize(
        objective, theta, iterations=8, callback=lambda at: seen.append(at.theta)
    )
    assert (np.diff(result.history.loss) <= 0).all()
    assert result.history.loss[0] <= objective.value(theta)
    assert result.value == objective.value(result.theta)
    assert np.array_equal(seen[-1], result.theta)
    assert np.array_equal(result.model.theta, result.theta)
    assert result.nit == len(seen) == 8


def test_a_start_that_is_optimal_is_not_made_worse():
    x = np.random.default_rng(0).uniform(0, 1, (100, 2))
    network = sk.KAN.affine_first([2, 2, 1], intervals=4)
    theta = sk.initialize(network, 0)
    objective = sk.LeastSquares(network, x, network(theta, x))
    result = sk.VariableProjection(ridge=1e-4).minimize(objective, theta, iterations=0)
    assert result.value == 0
    assert np.array_equal(result.theta, theta)


def test_nested_iteration_and_successive_halving_take_it():
    objective, theta = regression()
    levels = sk.Hierarchy(objective.network, 2)

    def on(level, samples=None):
        return sk.LeastSquares(level.network, objective.x, objective.y, reduction="mean")

    nested = sk.nested_iteration(levels, on, sk.VariableProjection(), [5, 5], theta)
    assert nested.results[1].value < nested.results[0].value < objective.value(theta)
    rounds = [sk.Round(0, 2, 2), sk.Round(1, 1, 2)]
    halved = sk.successive_halving(
        levels, on, sk.VariableProjection(), rounds, lambda rng: sk.initialize(levels.network, rng), 0
    )
    assert np.isfinite(halved.result.value)


def test_what_has_no_linear_parameters_is_refused():
    objective, theta = regression()
    network, x, y = objective.network, objective.x, objective.y
    method = sk.VariableProjection()

    def refused(problem, start, match, error=ValueError, by=method):
        with pytest.raises(error, match=match):
            by.minimize(problem, start, iterations=1)

    huber = sk.DataLoss(network, x, y, loss=sk.Huber(0.1))
    refused(huber, theta, "loss must be squared")
    relu = sk.LeastSquares(network.with_basis("relu"), x, y)
    refused(relu, theta, "with_basis")
    single = sk.LeastSquares(sk.KAN.splines([2, 1]), x, y)
    refused(single, np.zeros(16), "all are")
    bent = sk.LeastSquares(sk.KAN([sk.Affine(2, 1), sk.Activation(1, "tanh")]), x, y)
    refused(bent, np.zeros(3), "must be affine, got")
    formula = sk.KAN([sk.Affine(2, 1), sk.FormulaLayer(1, 1, [sk.Term(0, 0, ["sin"])])])
    refused(sk.LeastSquares(formula, x, y), np.ones(formula.n_parameters), "linear in its parameters")
    refused(sk.Restricted(objective, fixed=[0]), theta, "Restricted", TypeError)
    _, _, plain = exponentials()
    refused(plain, np.ones(5), "linear_parameters", TypeError)
    wrong = sk.VariableProjection(linear=[0, 3])
    refused(plain, [0.3, 3.0, 1.0, 1.0, 1.0], "affine in the linear parameters", by=wrong)
    refused(plain, np.ones(5), "below the length 5", by=sk.VariableProjection(linear=[5]))
    for bad in ({"geometry": "relu"}, {"solver": sk.CG()}, {"solver": sk.Dual()}, {"ridge": 0.0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
            sk.VariableProjection(**bad)
    with pytest.raises(ValueError, match="different indices"):
        sk.VariableProjection(linear=[1, 1])
    with pytest.raises((TypeError, ValueError)):
        sk.VariableProjection(linear=[0.5])
