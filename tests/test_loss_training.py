"""Linear models and splines trained with every loss: the optimum is known from SciPy and scikit-learn."""

import loss_twins
import numpy as np
import pytest
import scipy
from scipy.special import expit, softmax

import splinekan as sk
from splinekan.optimize import Status

SOLVERS = [sk.Cholesky(), sk.SVD(), sk.Dual(), sk.CG()]
each_solver = pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: type(solver).__name__)
N = 150


def data(name):
    """(x, y, loss) of a linear model with noise."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N, 3))
    g = x @ [1.0, -0.5, 0.3] + 0.4
    if name == "Logistic":
        return x, (rng.uniform(size=N) < expit(g)) * 1.0, sk.Logistic()
    if name == "Poisson":
        return x, rng.poisson(np.exp(g)).astype(float), sk.Poisson()
    if name == "Softmax":
        p = softmax(np.stack([g, -g, 0.5 * g], axis=1), axis=1)
        label = (p.cumsum(axis=1) < rng.uniform(size=(N, 1))).sum(axis=1)
        return x, np.eye(3)[label], sk.Softmax()
    y = g + 0.3 * rng.standard_t(1.5, N)
    return x, y, sk.Huber(0.4) if name == "Huber" else sk.Quantile(0.8, 0.02)


def trained(objective, optimizer, iterations=300, share=1e-8):
    """The result, after the gradient has fallen to this share."""
    start = np.zeros(objective.network.n_parameters)
    first = np.abs(objective.gradient(start)).max()
    result = optimizer.minimize(objective, start, iterations=iterations, gradient_tolerance=share * first)
    assert result.status is Status.CONVERGED, (result.status, result.nit)
    assert np.abs(objective.gradient(result.theta)).max() <= share * first
    return result


def scipy_minimum(x, y, name, **options):
    """Outputs of the linear model and the loss at SciPy's minimum."""
    X = np.column_stack([x, np.ones(len(x))])
    Y = y.reshape(len(x), -1)
    twin, outputs = loss_twins.LOSSES[name], Y.shape[1]

    def slope(g):
        if name == "Huber":
            return np.clip(g - Y, -options["delta"], options["delta"])
        return loss_twins.MEANS[name](g) - Y

    def value(w):
        g = X @ w.reshape(4, outputs)
        return twin(g, Y, **options).sum(), (X.T @ slope(g)).ravel()

    found = scipy.optimize.minimize(value, np.zeros(4 * outputs), jac=True, tol=1e-9)
    return X @ found.x.reshape(4, outputs), found.fun


@pytest.mark.parametrize("name", ["Huber", "Logistic", "Softmax", "Poisson"])
@each_solver
def test_a_linear_model_ends_at_the_minimum_of_scipy(name, solver):
    x, y, loss = data(name)
    net = sk.KAN([sk.Affine(3, 3 if name == "Softmax" else 1)])
    result = trained(sk.DataLoss(net, x, y, loss=loss), sk.LevenbergMarquardt(solver=solver))
    g, value = scipy_minimum(x, y, name, **({"delta": 0.4} if name == "Huber" else {}))
    assert result.value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(loss.mean(result.model(x)), loss.mean(g), atol=1e-6)


@pytest.mark.parametrize("name", ["Huber", "Logistic", "Softmax", "Poisson", "Quantile"])
def test_limited_memory_bfgs_ends_there_too(name):
    x, y, loss = data(name)
    objective = sk.DataLoss(sk.KAN([sk.Affine(3, 3 if name == "Softmax" else 1)]), x, y, loss=loss)
    result = sk.LBFGS().minimize(objective, np.zeros(objective.network.n_parameters), iterations=500)
    other = trained(objective, sk.LevenbergMarquardt())
    assert result.value == pytest.approx(other.value, rel=1e-10)


@each_solver
def test_a_quantile_is_that_of_linear_programming_within_the_smoothing(solver):
    x, y, loss = data("Quantile")
    net = sk.KAN([sk.Affine(3, 1)])
    result = trained(sk.DataLoss(net, x, y, loss=loss), sk.LevenbergMarquardt(solver=solver))
    X, one = np.column_stack([x, np.ones(N)]), np.eye(N)
    programme = scipy.optimize.linprog(  # y = X w + above - below
        np.concatenate([np.zeros(4), np.full(N, 0.8), np.full(N, 0.2)]),
        A_eq=np.hstack([X, one, -one]),
        b_eq=y,
        bounds=[(None, None)] * 4 + [(0, None)] * (2 * N),
    )
    exact = loss_twins.pinball(result.model(x), y[:, None], 0.8).sum()
    assert programme.fun <= exact <= programme.fun + N * 0.02 / 4
    assert programme.fun <= result.value <= programme.fun + N * 0.02 / 4
    assert (y < result.model(x)[:, 0]).mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("name", ["Huber", "Logistic", "Softmax", "Poisson", "Quantile"])
def test_a_linear_model_is_that_of_scikit_learn(name):
    linear = pytest.importorskip("sklearn.linear_model")
    x, y, loss = data(name)
    net = sk.KAN([sk.Affine(3, 3 if name == "Softmax" else 1)])
    result = trained(sk.DataLoss(net, x, y, loss=loss), sk.LevenbergMarquardt())
    mean = loss.mean(result.model(x))
    if name == "Huber":  # which fits a scale sigma besides: its optimum for delta = epsilon sigma
        twin = linear.HuberRegressor(epsilon=1.35, alpha=0.0, tol=1e-9, max_iter=1000).fit(x, y)
        scaled = sk.DataLoss(net, x, y, loss=sk.Huber(1.35 * twin.scale_))
        mean = trained(scaled, sk.LevenbergMarquardt()).model(x)
        np.testing.assert_allclose(mean[:, 0], twin.predict(x), atol=1e-4)
    elif name == "Poisson":
        twin = linear.PoissonRegressor(alpha=0.0, tol=1e-10, max_iter=1000).fit(x, y)
        np.testing.assert_allclose(mean[:, 0], twin.predict(x), rtol=1e-5)
    elif name == "Quantile":
        twin = linear.QuantileRegressor(quantile=0.8, alpha=0.0).fit(x, y)
        exact = [loss_twins.pinball(g.reshape(-1, 1), y[:, None], 0.8).sum() for g in (mean, twin.predict(x))]
        assert 0 <= exact[0] - exact[1] <= N * 0.02 / 4
    else:
        labels = y if name == "Logistic" else y.argmax(axis=1)
        twin = linear.LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, labels)
        probability = twin.predict_proba(x)
        np.testing.assert_allclose(mean, probability[:, -mean.shape[1] :], atol=1e-5)


@each_solver
def test_separable_labels_with_smoothing(solver):
    # Seven changes of sign: cubic polynomials, which the smoothing leaves free, do not separate the labels.
    x = np.random.default_rng(0).uniform(size=(200, 1))
    y = (np.sin(24 * x) > 0) * 1.0
    objective = sk.DataLoss(sk.KAN.splines([1, 1], intervals=16), x, y, loss=sk.Logistic(), smoothing=1e-3)
    result = trained(objective, sk.LevenbergMarquardt(solver=solver))
    assert ((result.model(x) > 0) == y).mean() > 0.95


@pytest.mark.parametrize("loss", [sk.Huber(0.1), sk.Quantile(0.7, 0.05)], ids=str)
@each_solver
def test_robust_losses_far_from_all_targets(loss, solver):
    # At the start no residual lies where the loss is curved.
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(N, 2))
    y = 30 + np.sin(6 * x[:, 0]) + 0.3 * rng.standard_t(2, N)
    objective = sk.DataLoss(sk.KAN.splines([2, 1], intervals=4), x, y, loss=loss, smoothing=1e-3)
    result = trained(objective, sk.LevenbergMarquardt(solver=solver))
    assert np.abs(result.model(x)[:, 0] - 30).max() < 3


def test_a_robust_fit_is_not_moved_by_outliers():
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 300)[:, None]
    y = np.sin(6 * x[:, 0]) + 0.01 * rng.normal(size=300)
    y[::10] += 1e3
    net = sk.KAN.splines([1, 1], intervals=8)
    result = trained(sk.DataLoss(net, x, y, loss=sk.Huber(0.02)), sk.LevenbergMarquardt())
    assert np.abs(result.model(x)[:, 0] - np.sin(6 * x[:, 0])).max() < 0.02


@pytest.mark.parametrize("name", ["Huber", "Logistic", "Softmax", "Poisson", "Quantile"])
def test_gradients_fall_below_what_the_rounding_of_the_loss_hides(name):
    x, y, loss = data(name)
    objective = sk.DataLoss(sk.KAN([sk.Affine(3, 3 if name == "Softmax" else 1)]), x, y, loss=loss)
    trained(objective, sk.LevenbergMarquardt(solver=sk.CG()), share=1e-12)


def test_nearly_singular_directions_do_not_drift():
    # The constant can move between the two edges, and weak gradients live long: the damping stays above
    # what rounding leaves of the gradient there.
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(300, 2)), 50 + rng.standard_t(1, 300)

    class Majorised(sk.Quantile):
        def root(self, g, y):
            return np.sqrt(0.5 / np.maximum(np.abs(g - y), self.width))

    objective = sk.DataLoss(
        sk.KAN.splines([2, 1], intervals=4), x, y, loss=Majorised(0.9, 0.1), reduction="mean", smoothing=1e-4
    )
    start = np.zeros(objective.network.n_parameters)
    for solver in SOLVERS:
        result = sk.LevenbergMarquardt(solver=solver).minimize(objective, start, iterations=150)
        assert np.abs(result.theta).max() < 1e3


def test_levels_train_with_every_loss():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(400, 2))
    rate = np.exp(np.sin(6 * x[:, 0]) + x[:, 1])
    y = rng.poisson(rate)
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=2), 2)
    result = sk.nested_iteration(
        levels,
        lambda level: sk.DataLoss(level.network, x, y, loss=sk.Poisson(), reduction="mean", smoothing=1e-4),
        sk.LevenbergMarquardt(),
        [20, 20],
        np.zeros(levels.network.n_parameters),
    )
    assert np.abs(np.exp(result.model(x)[:, 0]) / rate - 1).mean() < 0.15
