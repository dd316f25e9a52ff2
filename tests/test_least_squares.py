"""The least-squares objective: derivatives, both bases, levels, chunks, float32."""

import numpy as np
import pytest
from cases import EPS, amplification, networks, start

import splinekan as sk
from splinekan.objectives import data as least_squares
from splinekan.optimize import Cholesky

NETWORKS = networks()
pytestmark = pytest.mark.filterwarnings("ignore:x leaves the domain")  # continuation is tested too


@pytest.mark.parametrize("name", NETWORKS)
def test_derivatives_against_differences(name):
    net = NETWORKS[name]
    theta, x, rng = start(net)
    objective = sk.LeastSquares(net, x, rng.normal(size=(40, 2)), rng.uniform(0.5, 1, 40))
    v = rng.normal(size=theta.shape)
    v /= np.linalg.norm(v)
    # Fourth-order differences; the third derivative of a cubic spline network jumps, so the order is
    # not seen everywhere, and the bound is what rounding and a jump allow.
    h = 2e-4

    def difference(f):
        return (8 * (f(theta + h * v) - f(theta - h * v)) - f(theta + 2 * h * v) + f(theta - 2 * h * v)) / (
            12 * h
        )

    slope = objective.gradient(theta) @ v
    assert difference(objective.value) == pytest.approx(slope, rel=1e-8, abs=1e-8)
    product = objective.hessian_product(theta, v)
    error = np.abs(difference(objective.gradient) - product).max()
    assert error < (1e-8 if name in ("tanh", "sigmoid") else 2e-4) * np.abs(product).max()


@pytest.mark.parametrize("name", ["affine-first", "splines", "normalised", "non-uniform"])
def test_hessian_product_is_symmetric_and_transforms(name):
    net = NETWORKS[name]
    theta, x, rng = start(net)
    y = rng.normal(size=(40, 2))
    spline, relu = sk.LeastSquares(net, x, y), sk.LeastSquares(net.with_basis("relu"), x, y)
    u, v = rng.normal(size=(2, len(theta)))
    hu, hv = spline.hessian_product(theta, u), spline.hessian_product(theta, v)
    assert u @ hv == pytest.approx(v @ hu, rel=1e-10, abs=1e-10 * np.abs(hu).max())
    # H_u = A H_w A^T
    to_relu = net.coordinates("relu")
    hw = relu.hessian_product(to_relu.apply(theta), to_relu.apply(v))
    tolerance = 1e2 * EPS * amplification(net) * np.abs(hv).max()
    np.testing.assert_allclose(to_relu.apply_transpose(hw), hv, atol=tolerance)
    gradient = relu.gradient(to_relu.apply(theta))
    want = spline.gradient(theta)
    np.testing.assert_allclose(
        to_relu.apply_transpose(gradient), want, atol=1e2 * EPS * amplification(net) * np.abs(want).max()
    )
    back = to_relu.solve(to_relu.apply(v))
    np.testing.assert_allclose(back, v, atol=1e2 * EPS * amplification(net) * np.abs(v).max())
    np.testing.assert_allclose(
        to_relu.solve_transpose(to_relu.apply_transpose(v)),
        v,
        atol=1e2 * EPS * amplification(net) * np.abs(v).max(),
    )


def test_training_the_coarse_model_is_training_the_fine_one_in_the_range_of_p():
    levels = sk.Hierarchy(NETWORKS["splines"], 2)
    theta, x, rng = start(levels[0].network)
    y = rng.normal(size=(40, 2))
    coarse, fine = (sk.LeastSquares(level.network, x, y) for level in levels.levels)
    up = np.stack([levels.prolong(e, 0) for e in np.eye(len(theta))], axis=1)
    assert fine.value(up @ theta) == pytest.approx(coarse.value(theta), rel=1e-12)
    np.testing.assert_allclose(
        up.T @ fine.gradient(up @ theta), coarse.gradient(theta), rtol=1e-10, atol=1e-10
    )


def test_float32_data():
    net = NETWORKS["splines"]
    theta, x, rng = start(net)
    y = rng.normal(size=(40, 2))
    double, single = sk.LeastSquares(net, x, y), sk.LeastSquares(net, x.astype("f4"), y.astype("f4"))
    assert net(theta, x.astype("f4")).dtype == np.float32
    assert single.value(theta) == pytest.approx(double.value(theta), rel=1e-4)
    want = double.gradient(theta)
    np.testing.assert_allclose(single.gradient(theta), want, atol=1e-3 * np.abs(want).max())
    result = sk.LevenbergMarquardt().minimize(single, theta, iterations=3)
    assert result.value < single.value(theta)


def test_chunks_change_nothing(monkeypatch):
    net = NETWORKS["splines"]
    theta, x, rng = start(net)
    objective = sk.LeastSquares(net, x, rng.normal(size=(40, 2)), rng.uniform(0.5, 1, 40))
    v = rng.normal(size=theta.shape)

    def everything():
        value, gradient, matrix = objective.normal_equations(theta)
        upper = objective.triangular_factor(theta)[1]
        return [value, gradient, matrix, upper.T @ upper, objective.hessian_product(theta, v)]

    whole = everything()
    monkeypatch.setattr(least_squares, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(least_squares, "ROW_BYTES", 4096)
    for one, other in zip(whole, everything(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12 * np.abs(one).max())
    np.testing.assert_allclose(objective.residual(theta) @ objective.residual(theta) / 2, whole[0])


@pytest.mark.parametrize("name", ["affine-first", "splines", "non-uniform", "quintic"])
def test_smoothing_is_the_jumps_of_the_highest_derivative(name):
    net = NETWORKS[name]
    theta, x, rng = start(net)
    y, mu = rng.normal(size=(40, 2)), 0.3
    plain, smooth = (sk.LeastSquares(net, x, y, smoothing=weight) for weight in (0.0, mu))
    expected = 0.0
    for layer, blocks in zip(net.layers, net.unpack(theta), strict=True):
        if isinstance(layer, sk.SplineLayer):
            t, k = layer.common_knots, layer.degree
            basis = sk.BSplineBasis(t, k)
            for p in range(layer.n_in):
                for j in range(k + 1, len(t) - k - 1):
                    sides = [
                        basis.evaluate(blocks["coefficients"][p], [t[j] + e], k)[0] for e in (-1e-9, 1e-9)
                    ]
                    spacing = (t[j + 1] - t[j - 1]) / 2
                    expected += mu / 2 * ((spacing**k * (sides[1] - sides[0])) ** 2).sum()
    assert smooth.penalty.value(theta) == pytest.approx(expected, rel=1e-9)
    assert smooth.value(theta) - plain.value(theta) == pytest.approx(expected, rel=1e-9)
    v = rng.normal(size=theta.shape)
    dense = mu * (net.roughness.T @ net.roughness).toarray()
    np.testing.assert_allclose(smooth.gradient(theta) - plain.gradient(theta), dense @ theta, atol=1e-10)
    difference = smooth.hessian_product(theta, v) - plain.hessian_product(theta, v)
    np.testing.assert_allclose(difference, dense @ v, atol=1e-10 * np.abs(dense @ v).max())
    value, gradient, matrix = smooth.normal_equations(theta)
    np.testing.assert_allclose(gradient, smooth.gradient(theta), atol=1e-11)
    assert value == pytest.approx(smooth.value(theta), rel=1e-13)
    value, upper, rotated = smooth.triangular_factor(theta)
    np.testing.assert_allclose(upper.T @ upper, matrix, atol=1e-11 * np.abs(matrix).max())
    np.testing.assert_allclose(upper.T @ rotated, gradient, atol=1e-11 * np.abs(gradient).max())
    relu = sk.LeastSquares(net.with_basis("relu"), x, y, smoothing=mu)
    same = relu.penalty.value(net.to_basis(theta, "relu"))
    assert same == pytest.approx(expected, rel=1e2 * EPS * amplification(net))


def test_smoothing_settles_what_no_sample_sees():
    x = np.concatenate([np.linspace(0, 0.4, 60), np.linspace(0.6, 1, 60)])[:, None]
    net = sk.KAN.splines([1, 1], intervals=20)
    objective = sk.LeastSquares(net, x, np.exp(x), smoothing=1e-10)
    theta = sk.GaussNewton().minimize(objective, np.zeros(23), iterations=1).theta
    gap = np.linspace(0.4, 0.6, 50)[:, None]
    assert np.abs(net(theta, gap) - np.exp(gap)).max() < 1e-4
    unsettled = sk.LeastSquares(net, x, np.exp(x))
    theta = sk.GaussNewton().minimize(unsettled, np.zeros(23), iterations=1).theta
    assert np.abs(net(theta, gap) - np.exp(gap)).max() > 0.1


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("name", ["affine-first", "splines", "tanh"])
def test_linearized_is_the_normal_equations_unassembled(name, smoothing):
    net = NETWORKS[name]
    theta, x, rng = start(net)
    objective = sk.LeastSquares(
        net, x, rng.normal(size=(40, 2)), rng.uniform(0.5, 1, 40), smoothing=smoothing
    )
    value, gradient, matrix = objective.normal_equations(theta)
    found, r, rows = objective.linearized(theta)
    assert found == pytest.approx(value, rel=1e-13)
    assert r.shape == (objective.n_residuals,)
    dense = rows.toarray()
    scale = np.abs(matrix).max()
    np.testing.assert_allclose(dense.T @ dense, matrix, atol=1e-12 * scale)
    np.testing.assert_allclose(rows.rmatvec(r), gradient, atol=1e-12 * scale)
    np.testing.assert_allclose(rows.column_squares(), np.diag(matrix), atol=1e-12 * scale)
    v = rng.normal(size=theta.shape)
    np.testing.assert_allclose(rows.matvec(v), dense @ v, atol=1e-12 * scale)


def test_few_samples_are_solved_in_the_dual_and_many_parameters_without_a_matrix(monkeypatch):
    from splinekan.optimize import solvers

    net = sk.KAN.splines([2, 6, 1], intervals=10)
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (60, 2))
    objective = sk.LeastSquares(net, x, np.sin(3 * x.sum(axis=1)))
    theta = sk.initialize(net, 0, "greville")
    normal = sk.LevenbergMarquardt(solver=Cholesky()).minimize(objective, theta, iterations=3)
    for name in ("normal_equations", "triangular_factor"):
        monkeypatch.setattr(sk.LeastSquares, name, None)
    dual = sk.LevenbergMarquardt().minimize(objective, theta, iterations=3)
    np.testing.assert_allclose(dual.theta, normal.theta, atol=1e-8)
    monkeypatch.setattr(solvers, "MANY", 100)
    truncated = sk.LevenbergMarquardt().minimize(objective, theta, iterations=10)
    assert truncated.value < normal.history.loss[0] / 100


NET = sk.KAN.splines([2, 3, 1], intervals=4)
SMOOTH = sk.LeastSquares(NET, np.full((6, 2), 0.5), np.ones(6), smoothing=0.1)
THETA = np.zeros(NET.n_parameters)
METHODS = (
    "value",
    "value_and_gradient",
    "gradient",
    "residual",
    "jacobian",
    "normal_equations",
    "triangular_factor",
    "linearized",
)


@pytest.mark.parametrize("method", METHODS)
def test_theta_of_another_length_or_kind_is_refused(method):
    for objective in (SMOOTH, sk.LeastSquares(NET, SMOOTH.x, SMOOTH.y)):
        call = getattr(objective, method)
        call(THETA.tolist())
        for bad in (THETA[:-1], np.append(THETA, 0.0), THETA[:, None], np.float64(0.0)):
            with pytest.raises(ValueError, match="theta must have shape"):
                call(bad)
        for bad in ("theta", THETA + 0j, None, np.ma.masked_array(THETA, False)):
            with pytest.raises(TypeError, match="theta must"):
                call(bad)


def test_vectors_of_another_length_are_refused():
    rows = SMOOTH.linearized(THETA)[2]
    r = np.ones(SMOOTH.n_residuals)
    long = np.append(THETA, 0.0)
    for call, name in (
        (lambda: SMOOTH.hessian_product(THETA, long), "v"),
        (lambda: SMOOTH.hessian_product(long, THETA), "theta"),
        (lambda: rows.matvec(long), "v"),
        (lambda: rows.rmatvec(r[:-1]), "r"),
        (lambda: rows.rmatvec(np.append(r, 1.0)), "r"),
        (lambda: SMOOTH.coordinates("relu").apply(long), "v"),
    ):
        with pytest.raises(ValueError, match=f"^{name} must have shape"):
            call()
    with pytest.raises(ValueError, match="name must be one of"):
        SMOOTH.coordinates("mass")


SINGLE = np.linspace(0, 1, 12, dtype="f4").reshape(6, 2)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"network": "KAN"}, TypeError, "network must be of type KAN"),
        ({"x": np.full((6, 3), 0.5)}, ValueError, "x must have shape"),
        ({"x": np.full((6, 2), np.inf)}, ValueError, "x must be finite"),
        ({"x": np.full((6, 2), 0.5 + 0j)}, TypeError, "x must be an array of real"),
        ({"y": np.full(6, 1j)}, TypeError, "y must be an array of real"),
        ({"y": np.ma.masked_array(np.ones(6), [1, 0, 0, 0, 0, 0])}, TypeError, "y must not be a masked"),
        ({"y": np.ones(5)}, ValueError, "y must have shape"),
        ({"y": np.ones((6, 1, 1))}, ValueError, "y must have shape"),
        ({"y": 1.0}, ValueError, "y must have shape"),
        ({"weights": np.ones((6, 1))}, ValueError, "weights must be one number"),
        ({"weights": np.ones(5)}, ValueError, "weights must be one number"),
        ({"weights": "heavy"}, TypeError, "weights"),
        ({"weights": np.nan}, ValueError, "weights must be finite"),
        ({"weights": 1j}, TypeError, "weights"),
        ({"cost": 0}, ValueError, "cost"),
        ({"cost": True}, TypeError, "cost"),
        ({"smoothing": -1.0}, ValueError, "smoothing must be at least 0"),
        ({"smoothing": np.inf}, ValueError, "smoothing must be finite"),
        ({"x": SINGLE, "y": np.full(6, 1e39)}, ValueError, "y must be within the range of float32"),
        ({"x": SINGLE, "y": 1e9 + np.arange(6)}, ValueError, "y varies by 5 around 1e[+]09"),
        ({"x": SINGLE, "y": 1e-60 * np.arange(6)}, ValueError, "y varies"),
        ({"x": SINGLE, "weights": 1e100}, ValueError, "weights must have roots within the range of float32"),
        ({"x": SINGLE, "weights": 1e-100}, ValueError, "weights must have roots"),
    ],
)
def test_bad_data(changes, kind, message):
    arguments = {"network": NET, "x": np.full((6, 2), 0.5), "y": np.ones(6), **changes}
    with pytest.raises(kind, match=message):
        sk.LeastSquares(**arguments)


def test_what_is_stored_is_what_was_checked():
    objective = sk.LeastSquares(
        NET, SINGLE.tolist(), np.arange(6), np.float16(0.5), np.int8(3), np.float32(0.25)
    )
    assert objective.x.dtype == objective.y.dtype == np.float64
    assert (type(objective.cost), type(objective.smoothing)) == (float, float)
    offset = sk.LeastSquares(NET, SINGLE, 1e6 + np.arange(0, 6.0))  # float32 holds that
    assert offset.value(THETA) == pytest.approx(0.5 * ((1e6 + np.arange(6)) ** 2).sum(), rel=1e-6)
    zero = sk.LeastSquares(NET, SINGLE, np.ones(6), np.array([1, 0, 0, 0, 0, 0]))
    assert zero.value(THETA) == 0.5
