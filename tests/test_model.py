"""Models: a network with its parameters, and derivatives with respect to the inputs."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sympy
from sklearn.metrics import r2_score

import splinekan as sk
from splinekan.equations import Features
from splinekan.model import Model
from splinekan.model.record import Choice, FitRecord, Trial


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
    np.testing.assert_allclose(model.refine(3)(x), model(x), atol=1e-13)
    assert model.refine(0).network is model.network
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
        (lambda m: m.refine(-1), ValueError, "times must be at least 0"),
        (lambda m: m.refine(1.5), TypeError, "times must be an integer"),
        (lambda m: m.jacobian(np.zeros((2, 2))), ValueError, "x must have shape"),
        (lambda m: m.score(np.zeros((1, 3)), np.zeros((1, 3))), ValueError, "at least 2 samples"),
        (lambda m: m.score(np.zeros((2, 3)), np.zeros((2, 2))), ValueError, "y must have shape"),
        (lambda m: m.score(np.zeros((2, 3)), np.zeros(2)), ValueError, "y must have shape"),
        (lambda m: m.score(np.zeros((2, 3)), np.full((2, 3), np.nan)), ValueError, "y must be finite"),
        (
            lambda m: m.score(np.zeros((2, 3)), np.zeros((2, 3)), [1, -1]),
            ValueError,
            "sample_weight must not",
        ),
        (lambda m: m.score(np.zeros((2, 3)), np.zeros((2, 3)), [0, 0]), ValueError, "sample_weight must not"),
        (lambda m: replace(m, record=FitRecord(((0, 1),), "squared", 2)), ValueError, "bounds for 3 columns"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(smooth_model())


# Fitted models

NAMES = ("pressure", "length")


def frame(n=200, seed=0):
    """A table in unlike units, and a target that it determines."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.uniform([1e5, -1e-3], [3e5, 1e-3], (n, 2)), columns=NAMES)
    target = np.sin(table["pressure"] / 1e5) * (1e3 * table["length"] + 2) * 1e-4 + 7e-4
    return table, target.rename("flux")


@pytest.fixture(scope="module")
def fitted():
    return sk.fit(*frame(), [3], levels=2)


def test_the_derivatives_of_a_fitted_model_are_in_its_units(fitted):
    table, _ = frame(20, 1)
    x = table.to_numpy()
    gradient, hessian = fitted.gradient(table), fitted.hessian(table)
    lengths = np.ptp(x, axis=0) * 1e-4
    for p, step in enumerate(np.diag(lengths)):
        slope = (fitted(x + step) - fitted(x - step)) / (2 * lengths[p])
        np.testing.assert_allclose(gradient[:, :, p], slope, atol=1e-6 * np.abs(slope).max())
        bend = (fitted.gradient(x + step) - fitted.gradient(x - step)) / (2 * lengths[p])
        for q in range(2):
            size = np.abs(hessian[..., p, q]).max()
            np.testing.assert_allclose(hessian[..., p, q], bend[..., q], atol=1e-3 * size)
        np.testing.assert_allclose(fitted.derivative(x, step), gradient @ step, rtol=1e-10, atol=1e-18)


def test_the_derivatives_in_the_parameters(fitted):
    table, _ = frame(7, 1)
    J = fitted.jacobian(table).toarray()
    assert J.shape == (7, fitted.n_parameters)
    v = np.random.default_rng(0).normal(size=fitted.n_parameters)
    ahead, behind = (replace(fitted, theta=fitted.theta + s * v)(table) for s in (1e-5, -1e-5))
    np.testing.assert_allclose(J @ v, ((ahead - behind) / 2e-5)[:, 0], rtol=1e-6, atol=1e-10)
    x = sympy.Symbol("x")
    net = sk.KAN.splines([2, 2], domain=(-1, 1))
    model = Model(net, sk.initialize(net, 0), Features([x], [abs(x)]))
    points = np.array([[-0.5], [0.25]])
    want = net.jacobian(model.theta, np.column_stack([points, np.abs(points)]))
    np.testing.assert_array_equal(model.jacobian(points).toarray(), want.toarray())


@pytest.mark.parametrize("weighted", [False, True])
def test_the_score_is_that_of_scikit_learn(fitted, weighted):
    rng = np.random.default_rng(0)
    table, target = frame(50, 1)
    weight = rng.uniform(0, 2, 50) if weighted else None
    noisy = target + 1e-4 * rng.normal(size=50)
    want = r2_score(noisy, fitted(table)[:, 0], sample_weight=weight)
    assert want < 0.9
    for y in (noisy, noisy.to_numpy(), noisy.to_frame(), noisy.to_numpy()[:, None], list(noisy)):
        assert fitted.score(table, y, weight) == pytest.approx(want, abs=1e-12)
    model = smooth_model()
    x = rng.uniform(-0.5, 0.5, (50, 3))
    y = model(x) + rng.normal(size=(50, 3)) * [0.01, 0.1, 0.0]
    y[:, 2] = 5.0
    raw = r2_score(y, model(x), sample_weight=weight, multioutput="raw_values")
    assert model.score(x, y, weight) == pytest.approx((raw[0] + raw[1] + 0.0) / 3)  # the third does not vary
    assert model.score(x, model(x), weight) == 1.0
    flat = replace(model, theta=np.zeros(model.n_parameters))
    assert flat.score(x, flat(x)) == 1.0
    assert model.score(x, np.zeros((50, 3))) == 0.0


def test_data_frames_are_taken_by_name_and_the_history_is_kept(fitted):
    table, _ = frame(10, 1)
    np.testing.assert_array_equal(fitted(table[["length", "pressure"]]), fitted(table))
    np.testing.assert_array_equal(fitted.gradient(table.assign(more=1.0)), fitted.gradient(table.to_numpy()))
    assert fitted.history is fitted.record.history
    for other in (fitted.refine(), fitted.refined(), fitted.coarsen(1e-5).model):
        assert (other.names, other.output_names, other.record) == (NAMES, ("flux",), fitted.record)
    with pytest.raises(AttributeError, match="no history"):
        smooth_model().history  # noqa: B018
    assert not hasattr(replace(fitted, record=replace(fitted.record, history=None)), "history")


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x: m(x),
        lambda m, x: m.gradient(x),
        lambda m, x: m.hessian(x),
        lambda m, x: m.derivative(x, [1.0, 0.0]),
        lambda m, x: m.jacobian(x),
        lambda m, x: m.score(x, np.arange(len(x))),
    ],
)
def test_a_model_warns_once_when_samples_leave_its_bounds(fitted, call):
    model = replace(fitted)
    table, _ = frame(10, 1)
    call(model, table)
    low, high = np.array(model.record.bounds).T
    call(model, np.array([low, high]))  # the bounds themselves are inside
    table.loc[3, "length"] = 0.5
    match = r"1 of 10 samples in column 'length' \(from .* to 0\.5\) outside \[-0\.00[0-9]*, 0\.00"
    with pytest.warns(sk.DomainWarning, match=match) as caught:
        call(model, table)
    assert caught[0].filename == __file__
    assert len(caught) == 1
    call(model, table)  # a warning would be an error
    with pytest.warns(sk.DomainWarning, match="column 'length'"):
        call(pickle.loads(pickle.dumps(model)), table)


def test_models_without_a_record_and_periodic_columns_do_not_warn():
    angle = sk.KnotVector.uniform(0, 1, 5, 3, periodic=True)
    line = sk.KnotVector.uniform(0, 1, 5, 3)
    net = sk.KAN([sk.Normalizer(2, "affine", source=[(0, 360), (0, 2)]), sk.SplineLayer(2, 1, [angle, line])])
    record = FitRecord(((0.0, 360.0), (0.0, 2.0)), "squared", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Model(net, np.zeros(net.n_parameters))([[1e4, 1e4]])
        model = Model(net, np.zeros(net.n_parameters), record=record)
        model([[1e4, 1.0]])
    many = sk.KAN.splines([9, 1])
    wide = Model(many, np.zeros(many.n_parameters), record=FitRecord(((0.0, 1.0),) * 9, "squared", 10))
    with pytest.warns(sk.DomainWarning, match="column 'x4' .*; and 5 more columns"):
        wide(np.full((2, 9), 2.0))
    with pytest.warns(sk.DomainWarning, match="column 'x2'"):
        model([[1e4, 3.0]])


# Summaries


def record_of(net):
    choices = (
        Choice("widths", "[64, 3, 1]", "as given"),
        Choice("smoothing", "1e-4", "the least held-out loss of seven values " + "between 1e-8 and 1 " * 8),
        Choice("levels", "a value that is longer than its column has room for", ""),
    )
    trials = tuple(
        Trial("[64, 3, 1], splines", level, 2**level, 100 * level, 0.1 / 2**level, np.nan, 0.2, 1.0)
        for level in range(30)
    )
    mine = Trial("[64, 3, 1]", 30, net.intervals, net.n_parameters, 0.0123, -3.0, 0.0234567, 2.5)
    return FitRecord(((-1e-300, 1e300),) * net.n_in, "huber", 1, choices, (*trials[:-1], mine, trials[-1]))


def test_summaries_of_many_inputs_are_short_and_aligned():
    net = sk.KAN(
        [
            sk.Normalizer(64, "affine", source=[(-1e-300, 1e300)] * 64),
            sk.SplineLayer(64, 3, [sk.KnotVector.uniform(0, 1, 1 + p % 5, 3) for p in range(64)]),
            sk.SplineLayer(3, 1, sk.KnotVector.uniform(0, 1, 7, 3), basis="relu", base="silu"),
            sk.Normalizer(1, "affine", (-5.0, 15.0)),
        ]
    )
    names = ["a name that is far too long for a table of numbers", *(f"x\n{p}" for p in range(63))]
    model = Model(net, np.zeros(net.n_parameters), None, names, ("the output",), record_of(net))
    text = model.summary()
    lines = text.splitlines()
    assert max(map(len, lines)) < 110
    assert len(lines) < 70
    assert lines[0] == f"Model with {net.n_parameters} parameters: 64 inputs, 1 output"
    assert "a name that is far too lo...      -1e-300  1e+300" in lines
    assert "... 53 more" in lines
    assert [line.split() for line in lines if line.startswith("the output")] == [["the", "output", "5", "10"]]
    for words in ("Fitted to 1 sample, huber loss", "as given", "held-out loss", "0.0123", "-3", "0.02346"):
        assert words in text
    marked = [line for line in lines if line.startswith("*  ")]
    assert len(marked) == 1
    assert marked[0].split()[-5:] == [str(net.n_parameters), "0.0123", "-3", "0.02346", "2.5"]
    head = next(line for line in lines if "trial" in line)
    assert head.rstrip().endswith("seconds")
    assert len(marked[0]) == len(head)  # columns of numbers end together
    changed = model.refine().summary()
    assert "This network was changed after its training" in changed
    assert "* this model" not in changed


@pytest.mark.parametrize("name", ["mlp", "splines", "features"])
def test_summaries_without_a_record(name):
    net = sk.MLP([2, 3, 1]) if name == "mlp" else sk.KAN.splines([2, 3, 1], domain=[(0, 5), (1, 7)])
    x = sympy.Symbol("x")
    features = Features([x], [x**2]) if name == "features" else None
    text = Model(net, np.zeros(net.n_parameters), features).summary()
    assert max(map(len, text.splitlines())) < 110
    assert ("x2" in text) == (name != "features")
    assert ("from" in text.splitlines()[2]) == (name == "splines")
    for layer in net.layers:
        assert str(layer)[:40] in text
    assert "Fitted" not in text
