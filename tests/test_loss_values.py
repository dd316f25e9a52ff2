"""The losses of the package: values, derivatives and roots against definitions and differences."""

import loss_twins
import numpy as np
import pytest
from scipy.special import softmax

import splinekan as sk
from splinekan.objectives.losses import unrooted

pytestmark = pytest.mark.filterwarnings("ignore:x leaves the domain")
LOSSES = {
    "Huber": {"delta": 0.7},
    "Quantile": {"q": 0.3, "width": 0.4},
    "Logistic": {},
    "Softmax": {},
    "Poisson": {},
}
each_loss = pytest.mark.parametrize("name", LOSSES)


def made(name):
    return getattr(sk, name)(**LOSSES[name])


def sample(name, n=60, outputs=3, size=2.0):
    """(g, y) of which y is admitted."""
    rng = np.random.default_rng(3)
    g = size * rng.normal(size=(n, outputs))
    if name == "Softmax":
        return g, rng.dirichlet(np.ones(outputs), n)
    if name == "Poisson":
        return g, rng.poisson(2.0, (n, outputs)).astype(float)
    return g, rng.uniform(size=(n, outputs)) if name == "Logistic" else rng.normal(size=(n, outputs))


def matrices(S):
    return S[:, :, None] * np.eye(S.shape[1]) if S.ndim == 2 else S


@each_loss
def test_values_are_those_of_the_definition(name):
    g, y = sample(name)
    twin = loss_twins.LOSSES[name](g, y, **LOSSES[name])
    np.testing.assert_allclose(made(name).value(g, y), twin, rtol=1e-12, atol=1e-12)


@each_loss
def test_gradients_are_slopes_of_values(name):
    loss, (g, y), h = made(name), sample(name), 1e-6
    gradient = loss.gradient(g, y)
    for k, unit in enumerate(np.eye(g.shape[1])):
        slope = (loss.value(g + h * unit, y) - loss.value(g - h * unit, y)) / (2 * h)
        np.testing.assert_allclose(gradient[:, k], slope, atol=1e-7 * (1 + np.abs(gradient).max()))


@each_loss
def test_curvatures_are_slopes_of_gradients(name):
    loss, (g, y), h = made(name), sample(name), 1e-6
    S = matrices(loss.root(g, y))
    hessian = np.einsum("nij,nik->njk", S, S)
    if hasattr(loss, "curvature"):
        exact = matrices(loss.curvature(g, y))
        share = np.diagonal(hessian - exact, axis1=1, axis2=2)
        assert (share >= -1e-15).all()
        np.testing.assert_allclose(share[exact.any(axis=2)], 0, atol=1e-15)
        assert (np.diagonal(hessian, axis1=1, axis2=2) > 0).all()
        hessian = exact
    for k, unit in enumerate(np.eye(g.shape[1])):
        slope = (loss.gradient(g + h * unit, y) - loss.gradient(g - h * unit, y)) / (2 * h)
        np.testing.assert_allclose(hessian[:, :, k], slope, atol=1e-7 * (1 + np.abs(hessian).max()))


@each_loss
def test_values_are_convex(name):
    loss, (g, y) = made(name), sample(name, 200)
    other = np.random.default_rng(4).normal(size=g.shape)
    middle = loss.value((g + other) / 2, y)
    mean = (loss.value(g, y) + loss.value(other, y)) / 2
    assert (middle <= mean + 1e-13 * (1 + np.abs(mean))).all()


@each_loss
def test_residuals_are_the_least_whose_product_is_the_gradient(name):
    loss, (g, y) = made(name), sample(name)
    S, gradient = loss.root(g, y), loss.gradient(g, y)
    by_solving = unrooted(S, gradient)
    rho = loss.residual(g, y) if hasattr(loss, "residual") else by_solving
    np.testing.assert_allclose(np.einsum("nij,ni->nj", matrices(S), rho), gradient, atol=1e-13)
    np.testing.assert_allclose(rho, by_solving, atol=1e-11)


@each_loss
def test_means_are_where_the_gradient_vanishes(name):
    loss, (g, _) = made(name), sample(name)
    mean = loss.mean(g)
    if name in loss_twins.MEANS:
        np.testing.assert_allclose(mean, loss_twins.MEANS[name](g), rtol=1e-14)
        np.testing.assert_allclose(loss.gradient(g, mean), 0, atol=1e-15 * np.abs(mean).max())
    else:
        np.testing.assert_array_equal(mean, g)
    np.testing.assert_array_equal(sk.SquaredError().mean(g), g)


@each_loss
def test_float32_stays_float32(name):
    loss, (g, y) = made(name), sample(name)
    single = g.astype(np.float32), y.astype(np.float32)
    for method in ("gradient", "root", "residual", "curvature", "mean"):
        if not hasattr(loss, method):
            continue
        arguments = (single, (g, y)) if method != "mean" else (single[:1], (g,))
        got, want = (getattr(loss, method)(*each) for each in arguments)
        assert got.dtype == np.float32, method
        if method != "curvature":
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6 * np.abs(want).max())
    value = loss.value(*single)
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, loss.value(g, y), rtol=1e-5, atol=1e-5)


@each_loss
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_outputs_give_no_nan_and_no_warning(name, dtype):
    loss = made(name)
    size = 80.0 if name == "Poisson" else 1e4
    g = np.array([[size, -size], [-size, size], [size, size], [0.0, -size]], dtype)
    y = np.array([[1.0, 0.0]] * 4, dtype)
    assert np.isfinite(loss.value(g, y)).all()
    for method in ("gradient", "root"):
        answer = getattr(loss, method)(g, y)
        assert answer.dtype == dtype
        assert np.isfinite(answer).all(), method
    assert np.isfinite(loss.mean(g)).all()


def test_the_poisson_loss_overflows_where_float64_does():
    loss, y = sk.Poisson(), np.zeros((1, 1), np.float32)
    assert np.isfinite(loss.value(np.full((1, 1), 700, np.float32), y)).all()
    assert np.isinf(loss.value(np.full((1, 1), 710, np.float32), y)).all()


def test_saturated_values_keep_their_digits():
    g, yes = np.array([[40.0]]), np.ones((1, 1))
    assert sk.Logistic().value(g, yes)[0] == pytest.approx(np.exp(-40), rel=1e-14)
    assert sk.Logistic().gradient(g, yes)[0, 0] == pytest.approx(-np.exp(-40), rel=1e-14)
    S = sk.Softmax().root(np.array([[40.0, 0.0]]), np.array([[1.0, 0.0]]))[0]
    assert (S.T @ S)[0, 0] == pytest.approx(np.exp(-40), rel=1e-14)


def test_the_logistic_loss_is_the_softmax_of_two_classes():
    (g, y), zero = sample("Logistic", outputs=1), np.zeros((60, 1))
    both, labels = np.hstack([g, zero]), np.hstack([y, 1 - y])
    two, single = sk.Softmax(), sk.Logistic()
    np.testing.assert_allclose(two.value(both, labels), single.value(g, y), rtol=1e-13)
    np.testing.assert_allclose(two.gradient(both, labels)[:, :1], single.gradient(g, y), atol=1e-15)
    S = two.root(both, labels)
    np.testing.assert_allclose(np.einsum("nij,nij->nj", S, S)[:, :1], single.root(g, y) ** 2, rtol=1e-13)
    np.testing.assert_allclose(two.mean(both)[:, :1], single.mean(g), rtol=1e-14)


def test_the_softmax_does_not_see_shifts():
    (g, y), loss = sample("Softmax"), sk.Softmax()
    moved = g + np.random.default_rng(5).normal(size=(60, 1))
    np.testing.assert_allclose(loss.value(moved, y), loss.value(g, y), rtol=1e-13)
    np.testing.assert_allclose(loss.gradient(moved, y), loss.gradient(g, y), atol=1e-14)
    S = loss.root(g, y)
    np.testing.assert_allclose(S.sum(axis=2), 0, atol=1e-15)
    p = softmax(g, axis=1)
    dense = matrices(p) - p[:, :, None] * p[:, None, :]
    np.testing.assert_allclose(np.einsum("nij,nik->njk", S, S), dense, atol=1e-15)
    assert (np.linalg.matrix_rank(S, tol=1e-12) == 2).all()


def test_the_smoothing_of_a_quantile_lies_a_quarter_width_above_at_most():
    g, y = sample("Quantile", 500, 1, 1.0)
    for q in (0.1, 0.5, 0.9):
        above = sk.Quantile(q, 0.4).value(g, y) - loss_twins.pinball(g, y, q)
        assert (above >= -1e-15).all()
        assert (above <= 0.1).all()
        np.testing.assert_allclose(above[np.abs(g - y)[:, 0] >= 0.4], 0, atol=1e-15)
    np.testing.assert_allclose(sk.Quantile(0.9, 0.4).value(y, y), 0.1, rtol=1e-14)


def test_a_wide_huber_loss_is_half_the_squared_error():
    g, y = sample("Huber")
    np.testing.assert_allclose(sk.Huber(1e3).value(g, y), sk.SquaredError().value(g, y), rtol=1e-13)
    np.testing.assert_array_equal(sk.Huber(1e3).gradient(g, y), g - y)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        (
            sk.Logistic(),
            [[0.0, 1.0], [2.0, 0.0]],
            r"y must lie in \[0, 1\].*Logistic.*got 2.0 at index \(1, 0\)",
        ),
        (sk.Logistic(), [[0.0, -1.0], [1.0, 0.0]], r"got -1.0 at index \(0, 1\)"),
        (
            sk.Softmax(),
            [[0.0, 1.0], [1.5, -0.5]],
            r"y must lie in \[0, 1\].*Softmax.*got 1.5 at index \(1, 0\)",
        ),
        (sk.Softmax(), [[0.0, 1.0], [0.5, 0.25]], r"rows that sum to 1.*got 0.75 at index \(1,\)"),
        (sk.Poisson(), [[3.0, 1.0], [0.0, -2.0]], r"y must not be negative.*got -2.0 at index \(1, 1\)"),
        (
            sk.Quantile(0.5, 1.0),
            [[0.0, 1.0], [0.1, 9.0]],
            "well above the width 1 of the loss Quantile, got 0.05 in column 0",
        ),
    ],
)
def test_targets_that_are_not_admitted_are_refused_at_once(loss, y, message):
    net = sk.KAN.splines([1, 2], intervals=2)
    with pytest.raises(ValueError, match=message):
        sk.DataLoss(net, [[0.1], [0.9]], y, loss=loss)


def test_a_softmax_needs_two_outputs():
    net = sk.KAN.splines([1, 1], intervals=2)
    with pytest.raises(ValueError, match="2 classes"):
        sk.DataLoss(net, [[0.1], [0.9]], [1.0, 1.0], loss=sk.Softmax())


def test_probabilities_rounded_to_float32_are_admitted():
    y = np.random.default_rng(0).dirichlet(np.ones(50), 40)
    net, x = sk.KAN.splines([1, 50], intervals=2), np.linspace(0, 1, 40)[:, None]
    sk.DataLoss(net, x, y.astype(np.float32), loss=sk.Softmax())
    sk.DataLoss(net, x.astype(np.float32), y, loss=sk.Softmax())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sk.Huber(0.0), "delta must be positive"),
        (lambda: sk.Huber(np.nan), "delta must be finite"),
        (lambda: sk.Quantile(0.0), "q must lie between 0 and 1, both excluded"),
        (lambda: sk.Quantile(1.5), "q must be in"),
        (lambda: sk.Quantile(0.5, -1.0), "width must be positive"),
    ],
)
def test_bad_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@each_loss
def test_losses_are_plain_records(name):
    assert made(name) == made(name)
    assert hash(made(name)) == hash(made(name))
    assert not made(name).squared
    assert made(name).mean_factor == 1


@each_loss
def test_hessian_products_are_exact(name):
    loss, net = made(name), sk.KAN.splines([2, 3, 2], intervals=3)
    rng = np.random.default_rng(0)
    x, theta = rng.uniform(size=(50, 2)), sk.initialize(net, 0, "greville")
    _, y = sample(name, 50, 2)
    objective, v = sk.DataLoss(net, x, y, loss=loss), rng.normal(size=net.n_parameters)
    product, h = objective.hessian_product(theta, v), 1e-6
    change = (objective.gradient(theta + h * v) - objective.gradient(theta - h * v)) / (2 * h)
    np.testing.assert_allclose(product, change, atol=1e-5 * np.abs(product).max())
