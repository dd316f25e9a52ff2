"""Models: a network with its parameters, and derivatives with respect to the inputs."""

import pickle

import numpy as np
import pytest
import sympy

import splinekan as sk
from splinekan.model import Model


def smooth_model(basis="spline"):
    net = sk.KAN.chain(
        [
            sk.Affine(3, 4),
            sk.SplineLayer(4, 3, sk.uniform_knots(-2, 2, 5, 5), 5, "polynomial"),
            sk.Activation(3),
        ]
    )
    model = Model(net, sk.initialize(net, 0, bounds=(-1, 1)))
    return model.with_basis(basis)


@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_derivatives_in_the_inputs_against_differences(basis):
    model = smooth_model(basis)
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 3))
    gradient, hessian = model.gradient(x), model.hessian(x)
    assert gradient.shape == (6, 3, 3)
    assert hessian.shape == (6, 3, 3, 3)
    np.testing.assert_array_equal(hessian, hessian.swapaxes(2, 3))
    h = 1e-5
    for p, e in enumerate(np.eye(3)):
        slope = (model(x + h * e) - model(x - h * e)) / (2 * h)
        np.testing.assert_allclose(gradient[:, :, p], slope, atol=1e-8)
        bend = (model.gradient(x + h * e) - model.gradient(x - h * e)) / (2 * h)
        np.testing.assert_allclose(hessian[:, :, :, p], bend, atol=1e-7)
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(model.derivative(x, v), gradient @ v, atol=1e-12)
    np.testing.assert_allclose(model.derivative(x, v, 2), hessian @ v @ v, atol=1e-11)
    third = (model.derivative(x + h * v, v, 2) - model.derivative(x - h * v, v, 2)) / (2 * h)
    np.testing.assert_allclose(model.derivative(x, v, 3), third, atol=1e-5)


def test_mixed_derivatives_of_inputs_in_unlike_units():
    bounds = np.array([(1e5, 1e9), (0, 1e-6), (-1, 1)])
    net = sk.KAN.splines([3, 3, 2], intervals=4, domain=[tuple(pair) for pair in bounds])
    same = sk.KAN.splines([3, 3, 2], intervals=4, domain=[(0, 1)] * 3)
    theta = sk.initialize(net, 0, "greville")
    x, lengths = np.random.default_rng(0).uniform(0, 1, (8, 3)), np.ptp(bounds, axis=1)
    want = Model(same, theta).hessian(x) / lengths / lengths[:, None]
    got = Model(net, theta).hessian(bounds[:, 0] + lengths * x)
    np.testing.assert_allclose(
        got * lengths * lengths[:, None], want * lengths * lengths[:, None], atol=1e-11
    )


def test_the_same_function_refined_and_in_the_other_basis():
    model = smooth_model()
    x = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    fine, relu = model.refined(), model.with_basis("relu")
    assert fine.network.intervals == 10
    np.testing.assert_allclose(fine(x), model(x), atol=1e-14)
    assert (model.basis, relu.basis) == ("spline", "relu")
    np.testing.assert_allclose(relu(x), model(x), atol=1e-9)
    assert model.summary() == str(model.network)
    assert (model.n_in, model.n_out, model.n_parameters) == (3, 3, model.network.n_parameters)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy(x), model(x))


def test_a_model_keeps_its_own_parameters():
    net = sk.KAN.splines([1, 1])
    theta = sk.initialize(net, 0)
    model = Model(net, theta)
    before = model([[0.3]])
    theta[:] = 0
    np.testing.assert_array_equal(model([[0.3]]), before)


def test_results_bring_models():
    x = np.linspace(0, 1, 100)[:, None]
    y = np.sin(6 * x)
    levels = sk.Hierarchy(sk.KAN.splines([1, 1], intervals=2), 3)

    def objective(level):
        return sk.LeastSquares(level.network, x, y, reduction="mean")

    theta = np.zeros(5)
    result = sk.LevenbergMarquardt().minimize(objective(levels[0]), theta, iterations=5)
    assert np.mean((result.model(x) - y) ** 2) == pytest.approx(result.value, rel=1e-12)
    nested = sk.nested_iteration(levels, objective, sk.LevenbergMarquardt(), [5, 5, 0], theta)
    assert nested.model.network is levels[2].network
    assert np.mean((nested.model(x) - y) ** 2) == pytest.approx(nested.value, rel=1e-9)


def test_models_of_equations_take_the_variables():
    x, y = sympy.symbols("x y")
    u = sympy.Function("u")(x, y)
    equation = sk.Equation(u.diff(x, 2) + u.diff(y) - sympy.cos(x), unknown=u, variables=(x, y))
    points = np.random.default_rng(0).uniform([0, 2], [1, 5], (30, 2))
    net = sk.KAN.splines([3, 2, 1], 3, 3, (-1, 5), extrapolate="polynomial")
    problem = sk.PINN(
        net, [sk.Block(equation, points)], extra=[abs(x - sympy.Rational(1, 2))], bounds=[(0, 1), (2, 5)]
    )
    model = problem.model(sk.initialize(net, 3, "greville"))
    np.testing.assert_array_equal(model(points), problem.solution(model.theta, points))
    residual = model.hessian(points)[:, 0, 0, 0] + model.gradient(points)[:, 0, 1] - np.cos(points[:, 0])
    np.testing.assert_allclose(residual, problem.residual(model.theta), atol=1e-12)
    assert model.n_in == 2
    np.testing.assert_allclose(model.refined()(points), model(points), atol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: Model("net", m.theta), TypeError, "network must be of type KAN"),
        (lambda m: Model(m.network, m.theta[:-1]), ValueError, "theta must have shape"),
        (lambda m: Model(m.network, m.theta * np.nan), ValueError, "theta must be finite"),
        (lambda m: m(np.zeros((2, 2))), ValueError, "x must have shape"),
        (lambda m: m.gradient(np.zeros(3)), ValueError, "x must have shape"),
        (lambda m: m.derivative(np.zeros((2, 3)), [1.0]), ValueError, "direction must have shape"),
        (lambda m: m.derivative(np.zeros((2, 3)), np.ones(3), 5), ValueError, "order must be"),
        (lambda m: m.with_basis("mass"), ValueError, "basis must be one of"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(smooth_model())
