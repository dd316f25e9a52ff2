"""Losses beyond squares: a logistic, a softmax and a robust loss train by the same sums."""

import numpy as np
import pytest
from cases import networks, start

import splinekan as sk
from splinekan.objectives import DataLoss, SquaredError
from splinekan.optimize import CG, SVD, Cholesky, Dual

NETWORKS = networks()
pytestmark = pytest.mark.filterwarnings("ignore:x leaves the domain")


class Logistic:
    """log(1 + exp(-y g)), y = +-1, summed over the outputs: a diagonal root."""

    mean_factor, squared = 1.0, False

    def value(self, g, y):
        return np.logaddexp(0, -y * g).sum(axis=1)

    def gradient(self, g, y):
        return -y / (1 + np.exp(y * g))

    def root(self, g, y):
        return 1 / (2 * np.cosh(g / 2))


class PseudoHuber:
    """sqrt(1 + d^2) - 1, d = g - y, summed over the outputs: nearly no curvature far off."""

    mean_factor, squared = 1.0, False

    def value(self, g, y):
        return (np.sqrt(1 + (g - y) ** 2) - 1).sum(axis=1)

    def gradient(self, g, y):
        return (g - y) / np.sqrt(1 + (g - y) ** 2)

    def root(self, g, y):
        return (1 + (g - y) ** 2) ** -0.75


class Huber:
    """d^2/2 for |d| <= 1/10, linear beyond, where it has no curvature; d = g - y."""

    mean_factor, squared = 1.0, False

    def value(self, g, y):
        far = np.abs(g - y)
        return np.where(far <= 0.1, far**2 / 2, 0.1 * far - 0.005).sum(axis=1)

    def gradient(self, g, y):
        return np.clip(g - y, -0.1, 0.1)

    def root(self, g, y):
        return (np.abs(g - y) <= 0.1).astype(g.dtype)


class LogCosh:
    """log cosh d: a curvature of 1e-44 fifty units away, where the gradient is 1."""

    mean_factor, squared = 1.0, False

    def value(self, g, y):
        return (np.logaddexp(g - y, y - g) - np.log(2)).sum(axis=1)

    def gradient(self, g, y):
        return np.tanh(g - y)

    def root(self, g, y):
        return 1 / np.cosh(g - y)


class Softmax:
    """Cross-entropy of probabilities y: S = diag(sqrt p) - sqrt(p) p^T, a matrix per sample."""

    mean_factor, squared = 1.0, False

    def probabilities(self, g):
        e = np.exp(g - g.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def value(self, g, y):
        return -(y * np.log(self.probabilities(g))).sum(axis=1)

    def gradient(self, g, y):
        return self.probabilities(g) - y

    def root(self, g, y):
        p = self.probabilities(g)
        r = np.sqrt(p)
        return r[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])


def problem(loss, basis="spline", **options):
    net = NETWORKS["splines"].with_basis(basis)
    theta, x, rng = start(net)
    y = {
        Logistic: rng.choice([-1.0, 1.0], (40, 2)),
        PseudoHuber: 3 * rng.normal(size=(40, 2)),
        Softmax: rng.dirichlet([1.0, 1.0], 40),
        SquaredError: rng.normal(size=(40, 2)),
    }[type(loss)]
    return DataLoss(net, x, y, rng.uniform(0.5, 1, 40), loss=loss, **options), theta, rng


LOSSES = [Logistic(), PseudoHuber(), Softmax(), SquaredError()]


@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_curvature_and_factor_against_the_definition(loss, basis):
    objective, theta, rng = problem(loss, basis, smoothing=0.1, reduction="mean")
    v = rng.normal(size=theta.shape)
    v /= np.linalg.norm(v)
    scale = 1e-4 if basis == "relu" else 1.0  # power ReLUs act like h^-3
    h = 1e-5 * scale
    slope = (objective.value(theta + h * v) - objective.value(theta - h * v)) / (2 * h)
    gradient = objective.gradient(theta)
    close = 1e-5 if basis == "spline" else 1e-3
    assert slope == pytest.approx(gradient @ v, rel=close, abs=1e-7 * np.abs(gradient).max())
    J = objective.network.jacobian(theta, objective.x).toarray().reshape(40, 2, -1)
    g, w = objective.network(theta, objective.x), objective.weights * loss.mean_factor / 40
    S = loss.root(g, objective.y)
    S = np.broadcast_to(np.eye(2), (40, 2, 2)) if S is None else S
    S = S[:, :, None] * np.eye(2) if S.ndim == 2 else S
    rows = np.sqrt(w)[:, None, None] * np.einsum("nij,njm->nim", S, J)
    rows = rows.reshape(80, -1)
    below = np.sqrt(0.1) * objective.network.roughness.toarray()
    dense = rows.T @ rows + below.T @ below
    size = np.abs(dense).max()
    value, pulled, matrix = objective.normal_equations(theta)
    np.testing.assert_allclose(matrix, dense, atol=1e-12 * size)
    np.testing.assert_allclose(pulled, gradient, atol=1e-12 * max(np.abs(gradient).max(), np.sqrt(size)))
    assert value == pytest.approx(objective.value(theta), rel=1e-13)
    _, R, z = objective.triangular_factor(theta)
    np.testing.assert_allclose(R.T @ R, dense, atol=1e-12 * size)
    np.testing.assert_allclose(R.T @ z, gradient, atol=1e-11 * np.sqrt(size))
    total, rho, operator = objective.linearized(theta)
    assert total == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(operator.rmatvec(rho), gradient, atol=1e-11 * np.sqrt(size))
    np.testing.assert_allclose(operator.matvec(v), np.vstack([rows, below]) @ v, atol=1e-12 * np.sqrt(size))
    np.testing.assert_allclose(operator.toarray(), np.vstack([rows, below]), atol=1e-12 * np.sqrt(size))
    np.testing.assert_allclose(operator.column_squares(), np.diag(dense), atol=1e-12 * size)


@pytest.mark.parametrize("loss", LOSSES)
def test_hessian_products(loss):
    objective, theta, rng = problem(loss)
    v = rng.normal(size=theta.shape)
    h = 1e-5
    change = (objective.gradient(theta + h * v) - objective.gradient(theta - h * v)) / (2 * h)
    product = objective.hessian_product(theta, v)
    np.testing.assert_allclose(product, change, atol=2e-6 * np.abs(product).max())


@pytest.mark.parametrize("solver", [Cholesky(), SVD(), CG(tolerance=1e-8, iterations=500), Dual()])
@pytest.mark.parametrize("loss", LOSSES[:3])
def test_gauss_newton_trains_every_loss(loss, solver):
    # A single layer is linear in theta, so the problem is convex and has a single minimum.
    rng = np.random.default_rng(0)
    x, net = rng.uniform(0, 1, (40, 2)), sk.KAN.splines([2, 2], intervals=4)
    y = {Logistic: rng.choice([-1.0, 1.0], (40, 2)), PseudoHuber: 3 * rng.normal(size=(40, 2))}
    targets = y.get(type(loss), rng.dirichlet([1.0, 1.0], 40))
    objective = DataLoss(net, x, targets, loss=loss, smoothing=1e-2)
    theta = 0.1 * rng.normal(size=net.n_parameters)
    result = sk.LevenbergMarquardt(solver=solver).minimize(objective, theta, iterations=40)
    other = sk.LBFGS().minimize(objective, theta, iterations=400)
    assert result.value <= other.value * (1 + 1e-6)
    assert np.abs(objective.gradient(result.theta)).max() < 1e-4 * np.abs(objective.gradient(theta)).max()


@pytest.mark.parametrize("solver", [None, Cholesky(), SVD(), CG(tolerance=1e-8, iterations=500), Dual()])
@pytest.mark.parametrize("loss", [Huber(), LogCosh()])
@pytest.mark.parametrize("n", [40, 15])
def test_vanishing_curvature_does_not_stop_the_training(loss, solver, n):
    # Few residuals have a curvature, at the start none: S^T rho is not the gradient.
    rng = np.random.default_rng(0)
    x, net = rng.uniform(0, 1, (n, 2)), sk.KAN.splines([2, 2], intervals=4)
    y = 50 + rng.standard_t(1, (n, 2))
    objective = DataLoss(net, x, y, loss=loss, smoothing=1e-3)
    start = np.zeros(net.n_parameters)
    result = sk.LevenbergMarquardt(solver=solver).minimize(objective, start, iterations=300)
    other = sk.LBFGS().minimize(objective, start, iterations=3000)
    assert result.value <= other.value * (1 + 1e-6)
    assert np.abs(objective.gradient(result.theta)).max() < 1e-6 * np.abs(objective.gradient(start)).max()


@pytest.mark.parametrize("solver", [None, SVD(), CG(), Dual()])
def test_steps_without_any_curvature_go_down_the_gradient(solver):
    x, net = np.linspace(0, 1, 40)[:, None], sk.KAN.splines([1, 1], intervals=4)
    objective = DataLoss(net, x, np.full(40, 50.0), loss=Huber())
    start = np.zeros(net.n_parameters)
    result = sk.LevenbergMarquardt(solver=solver).minimize(objective, start, iterations=1)
    assert result.value < 0.8 * objective.value(start)
    g = objective.gradient(start)
    np.testing.assert_allclose(result.theta / np.linalg.norm(result.theta), -g / np.linalg.norm(g))


def test_classification_by_the_softmax():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (400, 2))
    inside = (x**2).sum(axis=1) < 0.5
    net = sk.KAN.splines([2, 2], intervals=4, domain=(-1, 1))
    objective = DataLoss(net, x, np.stack([inside, ~inside], axis=1), loss=Softmax(), smoothing=1e-4)
    result = sk.LevenbergMarquardt().minimize(objective, np.zeros(net.n_parameters), iterations=30)
    assert (np.argmax(result.model(x), axis=1) == ~inside).mean() > 0.98


def test_a_mean_is_the_mean_square_error():
    net = NETWORKS["splines"]
    theta, x, rng = start(net)
    y, w = rng.normal(size=(40, 2)), rng.uniform(0.5, 1, 40)
    r = net(theta, x) - y
    mean = sk.LeastSquares(net, x, y, reduction="mean")
    assert mean.value(theta) == pytest.approx((r**2).sum() / 40, rel=1e-13)
    assert sk.LeastSquares(net, x, y, 2 / 40).value(theta) == pytest.approx(mean.value(theta), rel=1e-13)
    weighted = sk.LeastSquares(net, x, y, w, reduction="mean")
    assert weighted.value(theta) == pytest.approx((w[:, None] * r**2).sum() / 40, rel=1e-13)
    total = sk.LeastSquares(net, x, y, w)
    assert total.value(theta) == pytest.approx((w[:, None] * r**2).sum() / 2, rel=1e-13)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"reduction": "average"}, ValueError, "reduction must be one of"),
        ({"loss": "squares"}, TypeError, "loss must have value, gradient, root, mean_factor, squared"),
        ({"cost": 0.0}, ValueError, "cost must be positive"),
    ],
)
def test_bad_options(options, error, message):
    net = NETWORKS["splines"]
    _, x, _ = start(net)
    with pytest.raises(error, match=message):
        DataLoss(net, x, np.zeros((40, 2)), **options)
    if "loss" in options:
        with pytest.raises(TypeError, match="loss must be of type SquaredError"):
            sk.LeastSquares(net, x, np.zeros((40, 2)), loss=Logistic())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"value": lambda self, g, y: (g - y) ** 2 / 2}, ValueError, r"loss.value\(g, y\) must have shape"),
        ({"value": lambda self, g, y: ((g - y) ** 2).sum()}, ValueError, r"loss.value\(g, y\) must have"),
        (
            {"gradient": lambda self, g, y: (g - y)[:, 0]},
            ValueError,
            r"loss.gradient\(g, y\) must have shape",
        ),
        ({"gradient": lambda self, g, y: np.subtract(g, y, out=g)}, ValueError, "read-only"),
        ({"root": lambda self, g, y: np.ones(len(g))}, ValueError, r"loss.root\(g, y\) must have shape"),
        ({"root": lambda self, g, y: np.ones((1, 1, 1))}, ValueError, r"loss.root\(g, y\) must have shape"),
        ({"root": lambda self, g, y: 1.0}, ValueError, r"loss.root\(g, y\) must have shape"),
        ({"squared": True}, ValueError, "must be None for a loss that is squared"),
        ({"squared": "no"}, TypeError, "loss.squared must be True or False"),
        ({"mean_factor": None}, TypeError, "loss.mean_factor must be a real number"),
        ({"mean_factor": -1.0}, ValueError, "loss.mean_factor must be positive"),
    ],
)
def test_losses_that_return_something_else(changes, error, message):
    net = sk.KAN.splines([2, 1], intervals=4)
    theta, x, rng = start(net)
    y = rng.normal(size=40)

    def use(loss):
        objective = DataLoss(net, x, y, np.ones(40), loss=loss)
        return objective.value(theta), objective.triangular_factor(theta)

    use(PseudoHuber())
    with pytest.raises(error, match=message):
        use(type("Other", (PseudoHuber,), changes)())


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_not_finite_stays_with_its_samples(loss):
    objective, theta, _ = problem(loss)
    theta[-1] = np.nan
    at = ~np.isnan(objective.network(theta, objective.x)).any(axis=1)
    assert 0 < at.sum() < len(at)
    rho = objective.residual(theta).reshape(40, -1)
    np.testing.assert_array_equal(np.isfinite(rho).all(axis=1), at)
    assert np.isnan(objective.value(theta))
    assert np.isnan(objective.linearized(theta)[0])
