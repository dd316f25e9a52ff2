"""Unknown constants and measured values: estimates, errors, files, levels, and what is refused."""

import copy
import pickle

import numpy as np
import pytest
import scipy
import sympy as sp

import splinekan as sk
from splinekan.network.constants import Constants

T, X = sp.symbols("t x")
B, G = sk.Unknown("b", start=1.0), sk.Unknown("g", start=0.5)
S, I, R = (sp.Function(name)(T) for name in "SIR")
SIR = [
    sk.Equation(residual, (S, I, R), (T,))
    for residual in (S.diff(T) + B * S * I, I.diff(T) - B * S * I + G * I, R.diff(T) - G * I)
]
TRUE = {"b": 2.0, "g": 0.7}
START = (0.95, 0.05, 0.0)


def epidemic(times):
    def slope(_, y):
        infected, recovered = TRUE["b"] * y[0] * y[1], TRUE["g"] * y[1]
        return [-infected, infected - recovered, recovered]

    found = scipy.integrate.solve_ivp(slope, (0, 5), START, "DOP853", times, rtol=1e-12, atol=1e-13)
    return found.y.T


def sir(network, noise=0.0, seed=0):
    inside = np.linspace(0, 5, 161)[:, None]
    times = np.linspace(0.25, 5, 20)
    seen = epidemic(times) + noise * np.random.default_rng(seed).normal(size=(20, 3))
    weight = 1 / noise**2 if noise else 1.0
    blocks = [sk.Block.mean(equation, inside, 1e4 * weight) for equation in SIR]
    blocks += [
        sk.Block(sk.Equation(u - value, (S, I, R), (T,)), [[0.0]], 1e6 * weight)
        for u, value in zip((S, I, R), START, strict=True)
    ]
    blocks += [sk.Data(times[:, None], seen[:, i], weight, u) for i, u in enumerate((S, I))]
    return sk.PINN(network, blocks)


def trained(problem, theta, iterations=40):
    return sk.LevenbergMarquardt().minimize(problem, theta, iterations=iterations)


def test_two_rates_of_an_epidemic_with_and_without_noise():
    network = sk.KAN.splines([1, 3], 5, 20, (0, 5)).with_constants([B, G])
    exact = sir(network)
    theta = sk.initialize(network, 0, noise=0.1, mean=0.3)
    assert exact.constants(theta) == {"b": 1.0, "g": 0.5}
    result = trained(exact, theta)
    for name, value in exact.constants(result.theta).items():
        assert value == pytest.approx(TRUE[name], abs=1e-5)
    scores = []
    for seed in range(6):
        noisy = sir(network, 0.01, seed)
        found = trained(noisy, result.theta, 15).theta
        errors, known = noisy.standard_errors(found), noisy.standard_errors(found, variance=1.0)
        assert 0.6 < errors["b"] / known["b"] < 1.5  # the deviation of the noise is estimated
        assert 0.001 < errors["b"] < 0.1
        scores += [(noisy.constants(found)[name] - TRUE[name]) / errors[name] for name in TRUE]
    assert np.abs(scores).max() < 4
    assert 0.3 < np.sqrt(np.mean(np.square(scores))) < 2


def test_a_coefficient_of_diffusion_from_scattered_samples():
    u, D = sp.Function("u")(X, T), sk.Unknown("D", start=0.2)
    heat = sk.Equation(u.diff(T) - D * u.diff(X, 2), u, (X, T))
    rng = np.random.default_rng(1)
    knots = [sk.KnotVector.uniform(0, 1, 8, 5)] * 2
    network = sk.KAN([sk.SplineLayer(2, 4, knots), sk.Product(4, [(0, 1), (2, 3)]), sk.Affine(2, 1)])
    network = network.with_constants(heat.constants)
    inside, seen = rng.uniform(0, 1, (300, 2)), rng.uniform(0, 1, (60, 2))
    values = np.sin(np.pi * seen[:, 0]) * np.exp(-0.1 * np.pi**2 * seen[:, 1])
    problem = sk.PINN(network, [sk.Block.mean(heat, inside), sk.Data(seen, values, 10.0)])
    best = min(
        (trained(problem, sk.initialize(network, seed, "greville"), 60) for seed in range(2)),
        key=lambda result: result.value,
    )
    assert problem.constants(best.theta)["D"] == pytest.approx(0.1, abs=1e-5)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_amplitude_of_a_source(noise):
    u, A = sp.Function("u")(X), sk.Unknown("A")
    network = sk.KAN.splines([1, 1], 7, 10).with_constants([A])
    inside = np.linspace(0, 1, 101)[:, None]
    x = np.linspace(0.1, 0.9, 12)[:, None]
    values = 3 * np.sin(np.pi * x[:, 0]) + noise * np.random.default_rng(1).normal(size=12)
    blocks = [
        sk.Block(sk.Equation(u.diff(X, 2) + A * sp.pi**2 * sp.sin(sp.pi * X), u, (X,)), inside, 1e3),
        sk.Block(sk.Equation(u, u, (X,)), [[0.0], [1.0]], 1e6),
        sk.Data(x, values),
    ]
    problem = sk.PINN(network, blocks)
    theta = trained(problem, sk.initialize(network, 0)).theta
    error = problem.constants(theta)["A"] - 3
    if not noise:
        assert abs(error) < 1e-5
        return
    wave = np.sin(np.pi * x[:, 0])
    assert problem.standard_errors(theta, noise**2)["A"] == pytest.approx(
        noise / np.linalg.norm(wave), rel=0.01
    )
    assert abs(error) < 3 * problem.standard_errors(theta)["A"]


def line(target, weight=1.0, network=None):
    """u' = a with u(0) = 0, measured: linear least squares through the origin."""
    u, a = sp.Function("u")(X), sk.Unknown("a")
    network = network or sk.KAN.splines([1, 1], 3, 2).with_constants([a])
    inside = np.linspace(0, 1, 20)[:, None]
    x = np.linspace(0.1, 1, len(target))
    blocks = [
        sk.Block(sk.Equation(u.diff(X) - a, u, (X,)), inside, 1e8),
        sk.Block(sk.Equation(u, u, (X,)), [[0.0]], 1e8),
        sk.Data(x[:, None], target, weight, u),
    ]
    return sk.PINN(network, blocks), x


def test_standard_errors_are_those_of_weighted_linear_regression():
    rng = np.random.default_rng(2)
    weight = rng.uniform(0.5, 3, 15)
    y = 2 * np.linspace(0.1, 1, 15) + 0.1 * rng.normal(size=15) / np.sqrt(weight)
    problem, x = line(y, weight)
    theta = trained(problem, np.zeros(problem.network.n_parameters)).theta
    slope = (weight * x * y).sum() / (weight * x**2).sum()
    variance = (weight * (y - slope * x) ** 2).sum() / (15 - 1)
    error = np.sqrt(variance / (weight * x**2).sum())
    assert problem.constants(theta)["a"] == pytest.approx(slope, rel=1e-6)
    assert problem.standard_errors(theta)["a"] == pytest.approx(error, rel=1e-4)
    known = problem.standard_errors(theta, variance=0.01)["a"]
    assert known == pytest.approx(np.sqrt(0.01 / (weight * x**2).sum()), rel=1e-4)


def test_without_measured_blocks_all_rows_are_measured():
    u, a = sp.Function("u")(X), sk.Unknown("a")
    network = sk.KAN.splines([1, 1], 2, 1).with_constants([a])
    points = np.linspace(0, 1, 12)[:, None]
    noise = 0.1 * np.random.default_rng(3).normal(size=12)
    wave = [sp.Piecewise(*((float(e), sp.Lt(X, p + 0.01)) for e, p in zip(noise, points[:, 0], strict=True)))]
    blocks = [
        sk.Block(sk.Equation(u - X - wave[0], u, (X,)), points),
        sk.Block(sk.Equation(u.diff(X) - a, u, (X,)), points),
    ]
    problem = sk.PINN(network, blocks)
    theta = trained(problem, np.zeros(4)).theta
    J, r = problem.jacobian(theta), problem.residual(theta)
    covariance = np.linalg.inv(J.T @ J) * (r @ r) / (24 - 4)
    assert problem.standard_errors(theta)["a"] == pytest.approx(np.sqrt(covariance[-1, -1]), rel=1e-8)


def test_constants_that_cannot_be_identified_have_infinite_errors():
    u, a, c = sp.Function("u")(X), sk.Unknown("a"), sk.Unknown("c")
    network = sk.KAN.splines([1, 1], 3, 2).with_constants({"a": 1.0, "c": 2.0, "idle": 3.0})
    points = np.linspace(0, 1, 20)[:, None]
    blocks = [
        sk.Block(sk.Equation(u.diff(X) - a * c, u, (X,)), points),
        sk.Data(points, 2 * points[:, 0], of=u),
    ]
    problem = sk.PINN(network, blocks)
    theta = trained(problem, sk.initialize(network, 0)).theta
    assert np.prod(list(problem.constants(theta).values())[:2]) == pytest.approx(2, rel=1e-6)
    assert problem.standard_errors(theta) == {"a": np.inf, "c": np.inf, "idle": np.inf}
    few, _ = line(np.array([2.0]))
    theta = trained(few, np.zeros(few.network.n_parameters)).theta
    assert few.standard_errors(theta)["a"] == np.inf  # no degrees of freedom
    assert few.standard_errors(theta, 1.0)["a"] == pytest.approx(10.0, rel=1e-4)
    plain = sk.PINN(sk.KAN.splines([1, 1]), [sk.Block(sk.Equation(u, u, (X,)), points)])
    assert plain.constants(np.zeros(8)) == plain.standard_errors(np.zeros(8)) == {}


def test_every_product_agrees_and_levels_files_and_copies_keep_the_constants(tmp_path):
    network = sk.KAN.splines([1, 4, 3], 4, 3, (0, 5)).with_constants({"g": 0.4, "b": 0.8})
    problem, rng = sir(network), np.random.default_rng(0)
    theta = sk.initialize(network, 0, "greville")
    assert problem.constants(theta) == {"g": 0.4, "b": 0.8}  # in the order of the network
    jacobian, r = problem.jacobian(theta), problem.residual(theta)
    v, step = rng.normal(size=theta.shape), 1e-6
    change = (problem.residual(theta + step * v) - problem.residual(theta - step * v)) / (2 * step)
    np.testing.assert_allclose(jacobian @ v, change, atol=1e-6 * np.abs(change).max())
    value, gradient, matrix = problem.normal_equations(theta)
    np.testing.assert_allclose(gradient, jacobian.T @ r, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(problem.gradient(theta), gradient, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(matrix, jacobian.T @ jacobian, rtol=1e-9, atol=1e-5)
    assert problem.value(theta) == pytest.approx(value)

    levels = sk.Hierarchy(network, 2)
    fine = levels.prolong(theta, 0)
    assert levels[1].network.constants(fine) == {"g": 0.4, "b": 0.8}
    t = np.linspace(0, 5, 9)[:, None]
    np.testing.assert_allclose(problem.model(theta)(t)[:, :3], levels[1].network(fine, t)[:, :3], atol=1e-13)
    np.testing.assert_array_equal(problem.solution(theta, t), problem.model(theta)(t)[:, :3])
    np.testing.assert_array_equal(problem.model(theta)(t)[:, 3:], [[0.4, 0.8]] * 9)
    sk.save(tmp_path / "m.npz", problem.model(theta))
    again = sk.load(tmp_path / "m.npz")
    assert again.network.layers[-1] == network.layers[-1]
    np.testing.assert_array_equal(again(t), problem.model(theta)(t))
    for copied in (pickle.loads(pickle.dumps(problem)), copy.deepcopy(problem)):
        assert copied.value(theta) == problem.value(theta)
    relu = network.with_basis("relu")
    assert relu.constants(network.to_basis(theta, "relu")) == {"g": 0.4, "b": 0.8}
    result = sk.nested_iteration(
        levels, lambda level: sir(level.network), sk.LevenbergMarquardt(), [2, 0], theta
    )
    assert set(result.model.network.constants(result.theta)) == {"g", "b"}


@pytest.mark.parametrize("position", [0, 1])
def test_the_layer_of_constants_against_differences(position):
    layer = Constants(2, ("a", "b", "c"), (1, 2, 3))
    network = sk.KAN([layer, sk.Affine(5, 2)] if position == 0 else [sk.Affine(2, 2), layer])
    rng = np.random.default_rng(0)
    theta, x = rng.normal(size=network.n_parameters), rng.normal(size=(4, 2))
    J = network.jacobian(theta, x).toarray()
    for column, e in zip(J.T, np.eye(len(theta)), strict=True):
        change = (network(theta + 1e-6 * e, x) - network(theta - 1e-6 * e, x)) / 2e-6
        np.testing.assert_allclose(column, change.ravel(), atol=1e-8)
    gy = rng.normal(size=(4, network.n_out))
    np.testing.assert_allclose(network.vjp(theta, x, gy), J.T @ gy.ravel(), atol=1e-13)
    v = rng.normal(size=theta.shape)
    np.testing.assert_allclose(network.jvp(theta, x, v), (J @ v).reshape(gy.shape), atol=1e-13)
    objective = sk.LeastSquares(network, x, gy)
    step = (objective.gradient(theta + 1e-5 * v) - objective.gradient(theta - 1e-5 * v)) / 2e-5
    np.testing.assert_allclose(objective.hessian_product(theta, v), step, atol=1e-7)


def test_symbols_of_constants():
    k = sk.Unknown("k", start=2)
    assert (k.name, k.start, str(k * X)) == ("k", 2.0, "k*x")
    assert k == sk.Unknown("k", 2.0) != sk.Unknown("k")
    assert k != sp.Symbol("k", real=True)
    assert len({k, sk.Unknown("k", 2.0), sk.Unknown("k", 3.0)}) == 2
    for other in (pickle.loads(pickle.dumps(k)), copy.copy(k), copy.deepcopy(k)):
        assert other == k
        assert other.start == 2.0
    expression = pickle.loads(pickle.dumps(k**2 * X + sp.exp(k)))
    assert expression == k**2 * X + sp.exp(k)
    assert expression.xreplace({k: sp.Integer(3)}) == 9 * X + sp.exp(3)
    assert expression.subs(k, 3).diff(X) == 9
    assert sp.lambdify((X, k), k**2 * X)(2.0, 3.0) == 18
    assert eval(sp.srepr(k), {"Unknown": sk.Unknown}) == k
    u = sp.Function("u")(X)
    equation = sk.Equation(u.diff(X) - k * sk.Unknown("a") * u + sp.Abs(k), u, (X,))
    assert [c.name for c in equation.constants] == ["a", "k"]
    assert (equation.n_unknowns, equation.n_outputs) == (1, 3)
    jets = np.random.default_rng(0).normal(size=(5, 2, 3))
    r, slopes = equation.evaluate(np.zeros((5, 1)), jets)
    value, slope = jets[:, 0, 0], jets[:, 1, 0]
    a, c = jets[:, 0, 1], jets[:, 0, 2]
    np.testing.assert_allclose(r, slope - a * c * value + np.abs(c))
    np.testing.assert_allclose(slopes[:, 0, 2], -a * value + np.sign(c))
    assert not slopes[:, 1, 1:].any()
    for through in (pickle.dumps, copy.deepcopy):
        again = pickle.loads(through(equation)) if through is pickle.dumps else through(equation)
        assert again.constants == equation.constants
        np.testing.assert_array_equal(again.evaluate(np.zeros((5, 1)), jets)[0], r)
    assert sk.Equation(k - 3, u, (X,)).terms[0].unknown == 1  # a condition on a constant alone
    assert sk.ansatz(u.diff(X) - k, u, X * u) == X * u.diff(X) + u - k


U = sp.Function("u")(X)
VALUE = sk.Equation(U - sk.Unknown("k"), U, (X,))
NET = sk.KAN.splines([1, 1])
POINTS = np.linspace(0, 1, 4)[:, None]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sk.Unknown(3), "name must be of type str"),
        (lambda: sk.Unknown(""), "name must not be empty"),
        (lambda: sk.Unknown("k", "1"), "start must be a real number"),
        (lambda: sk.Unknown("k", np.nan), "start must be finite"),
        (
            lambda: sk.Equation(U + sk.Unknown("k") * sk.Unknown("k", 2), U, (X,)),
            "k with two starting values",
        ),
        (lambda: sk.Equation(U + sk.Unknown("x"), U, (X,)), "constant named x, as a variable is"),
        (lambda: sk.Equation(U, U, (sk.Unknown("x"),)), r"u\(x\) must depend|variables\[0\] must not be"),
        (lambda: NET.with_constants(3), "constants must be a sequence"),
        (lambda: NET.with_constants({}), "constants must not be empty"),
        (lambda: NET.with_constants([X]), r"constants\[0\] must be an unknown constant"),
        (lambda: NET.with_constants({"k": "a"}), "the starting value of 'k' must be a real number"),
        (lambda: NET.with_constants([sk.Unknown("k"), sk.Unknown("k", 2)]), "two starting values"),
        (
            lambda: NET.with_constants({"k": 1}).with_constants({"k": 1}),
            "the network already has constants, k",
        ),
        (lambda: NET.constants(np.zeros(7)), "theta must"),
        (lambda: Constants(1, ("a", "a"), (1, 1)), "names must be different"),
        (lambda: Constants(1, ("a", ""), (1, 1)), r"names\[1\] must not be empty"),
        (lambda: Constants(1, ("a",), (1, 1)), "start must hold a number for each"),
        (lambda: sk.PINN(NET, [sk.Block(VALUE, POINTS)]), r"network.with_constants\(\{'k': 1.0"),
        (
            lambda: sk.PINN(
                NET.with_constants({"k": 1}),
                [sk.Block(VALUE, POINTS), sk.Data(POINTS, [0.0] * 4, of=U * sk.Unknown("k", 3))],
            ),
            "starting value 3.0, another block with 1.0",
        ),
        (lambda: sk.PINN(NET, [sk.Data(POINTS, [0.0] * 4)]), "blocks must hold an equation"),
        (lambda: sk.PINN(NET, [sk.Block(VALUE, POINTS), sk.Data(POINTS, [0.0] * 4, of=X)]), r"blocks\[1\]"),
        (lambda: sk.Block(VALUE, POINTS, target=[1.0]), r"target must have shape \(4,\)"),
        (lambda: sk.Block(VALUE, POINTS, target=[1.0, 2, 3, np.nan]), "target must be finite"),
        (lambda: sk.Block.mean(VALUE, POINTS, target=np.ma.ones(4)), "target must not be a masked array"),
        (lambda: sk.Data(POINTS, [1.0]), "values must have shape"),
        (lambda: sk.Data(POINTS, [1.0, 2, 3, np.nan]), "values must be finite, got nan at index"),
        (lambda: sk.Data(POINTS, [1.0, 2, 3, np.inf], missing="drop"), "values must be finite, got inf"),
        (lambda: sk.Data(POINTS, [np.nan] * 4, missing="drop"), "all of them missing"),
        (lambda: sk.Data(POINTS, np.ma.ones(4)), "values must not be a masked array"),
        (lambda: sk.Data(POINTS, np.ones(4), -1.0), "weight must not be negative"),
        (lambda: sk.Data(POINTS, np.ones(4), of="u"), "of must be a sympy expression"),
        (lambda: sk.Data(POINTS, np.ones(4), missing="mask"), "missing must be"),
        (
            lambda: sk.Data(POINTS, np.ones(4)).block((S, I), (T,)),
            "of must be given, since there are several",
        ),
        (lambda: line(np.ones(3))[0].standard_errors(np.zeros(6), -1.0), "variance must be"),
        (lambda: line(np.ones(3))[0].standard_errors(np.zeros(5)), "theta must"),
    ],
)
def test_mistakes_are_explained(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_targets_are_subtracted_and_missing_values_dropped():
    problem = sk.PINN(NET.with_constants({"k": 1}), [sk.Block(VALUE, POINTS)])
    theta = np.arange(9.0)
    r = problem.residual(theta)
    y = np.array([1.0, 2.0, 3.0, 4.0])
    measured = sk.PINN(problem.network, [sk.Block(VALUE, POINTS, 4.0, target=y)])
    np.testing.assert_allclose(measured.residual(theta), 2 * (r - y))
    paired = sk.PINN(problem.network, [sk.Block(VALUE, POINTS, 4.0, POINTS[::-1], target=y)])
    np.testing.assert_allclose(paired.residual(theta), 2 * (r - r[::-1] - y))
    y[1] = np.nan
    data = sk.Data(POINTS, y, [1.0, 2.0, 3.0, 4.0], missing="drop")
    block = data.block((U,), (X,))
    np.testing.assert_array_equal(block.target, [1, 3, 4])
    np.testing.assert_array_equal(block.weight, [1, 3, 4])
    np.testing.assert_array_equal(block.points, POINTS[[0, 2, 3]])


def test_exported_models_hold_the_constants():
    network = sk.KAN.splines([1, 1], 3, 2).with_constants({"k": 0.25, "d": -3.0})
    model = sk.Model(network, sk.initialize(network, 0))
    x = np.linspace(0, 1, 7)[:, None]
    made = {}
    exec(sk.export(model, "numpy"), made)
    (function,) = (f for name, f in made.items() if callable(f) and name in ("model", "predict", "network"))
    np.testing.assert_allclose(function(x), model(x), rtol=1e-13)
    assert [float(c) for c in sk.export(model, "sympy")[1:]] == [0.25, -3.0]
