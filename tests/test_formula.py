"""Layers of formulas, sums of layers and products of inputs: values, domains, starts, files, training."""

import copy
import pickle

import cases
import numpy as np
import oracles
import pytest

import splinekan as sk
from splinekan.network import FUNCTIONS, Function, function
from splinekan.network.slot import Slot
from splinekan.spectra.coordinates import coordinates

RNG = np.random.default_rng(0)
EVEN = sk.uniform_knots(0, 1, 4, 3)
NET = cases.networks()["formulas"]


def model(terms, n_in=1, n_out=1, bias=0.0, theta=()):
    layer = sk.FormulaLayer(n_in, n_out, terms, bias)
    return sk.Model(sk.KAN([layer]), np.array(theta, float))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_alone_and_after_another(name):
    made = FUNCTIONS[name]
    x = RNG.uniform(-1, 1, (50, 2))
    low = max(made.low, -1.0) if made.low > -np.inf else 0.5
    # The first takes [-1, 1] into the domain, then a chain ends in the same function.
    inside = [None, 0.2, low + 0.25]
    layer = sk.FormulaLayer(
        2, 2, [sk.Term(0, 1, [name], inside), sk.Term(1, 0, ["sin", made], [1.5, None, 0.0, *inside[1:]])]
    )
    params = RNG.normal(size=layer.n_parameters)
    want = oracles.formula(layer, params, x)
    assert np.isfinite(want).all()
    np.testing.assert_allclose(layer.value(params, x), want, rtol=1e-13, atol=1e-13)
    got = layer.value(params.astype("f4"), x.astype("f4"))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_derivatives_in_x_against_the_formula():
    x = RNG.uniform(0.2, 1, (30, 2))
    a, b = x.T
    made = model(
        [sk.Term(0, 0, ["log", "sin"], (2, 1, 0, 3, 0)), sk.Term(1, 0, ["cube"], (1, 1, 0))], 2
    )  # 2 sin(3 log a) + b^3
    inner = 3 * np.log(a)
    np.testing.assert_allclose(made(x)[:, 0], 2 * np.sin(inner) + b**3, rtol=1e-14)
    np.testing.assert_allclose(
        made.gradient(x)[:, 0], np.stack([6 * np.cos(inner) / a, 3 * b**2], 1), rtol=1e-13
    )
    hessian = made.hessian(x)[:, 0]
    second = (-6 * np.cos(inner) - 18 * np.sin(inner)) / a**2
    np.testing.assert_allclose(hessian[:, 0, 0], second, rtol=1e-12)
    np.testing.assert_allclose(hessian[:, 1, 1], 6 * b, rtol=1e-12)
    np.testing.assert_allclose(hessian[:, 0, 1], 0, atol=1e-12)


def test_products_of_chains_are_zero_where_slopes_are():
    norm = sk.KAN(
        [
            sk.FormulaLayer(2, 1, [sk.Term(p, 0, ["square"], (1, 1, 0)) for p in (0, 1)], 0.0),
            sk.FormulaLayer(1, 1, [sk.Term(0, 0, ["sqrt"], (1, 1, 0))], 0.0),
        ]
    )
    at = sk.Model(norm, np.zeros(0))
    zero, other = at.gradient([[0.0, 0.0], [3.0, 4.0]])[:, 0]
    np.testing.assert_array_equal(zero, 0)
    np.testing.assert_allclose(other, [0.6, 0.8], rtol=1e-15)
    assert np.isfinite(at.hessian([[0.0, 0.0]])).all()


def test_outside_of_the_domain_values_are_nan_and_silent():
    made = model([sk.Term(0, 0, ["log"]), sk.Term(1, 1, ["exp"])], 2, 2, None, [1.0, 1, 0, 1, 1e3, 0, 0, 0])
    y = made([[-1.0, 1.0], [1.0, -1.0]])
    np.testing.assert_array_equal(y, [[np.nan, np.inf], [0, 0]])
    assert np.isnan(made.gradient([[-1.0, 0.0]])[0, 0, 0])


def test_kinks_have_the_slope_zero():
    made = model([sk.Term(0, 0, ["abs"], (2, 1, 0))])
    np.testing.assert_array_equal(made.gradient([[0.0], [-1.0]])[:, 0, 0], [0, -2])


def test_constants_and_views():
    layer = cases.layers()["formula"]
    params = np.arange(1.0, layer.n_parameters + 1)
    terms, biases = layer.constants(params)
    at = sum(term.n_free for term in layer.terms[:5])
    assert terms[5] == (params[at], 1.0, params[at + 1])
    assert biases[1] == 0.5
    assert [len(each) for each in terms] == [1 + 2 * len(term.functions) for term in layer.terms]
    views = layer.unpack(params)
    np.testing.assert_array_equal(np.concatenate([*views["terms"], views["bias"]]), params)
    views["terms"][5][0] = -1.0
    assert params[at] == -1
    fixed = cases.layers()["formula, fixed"]
    assert fixed.n_parameters == 0
    assert fixed.segment_lengths == ()
    assert fixed.constants([]) == (((2.0, -1.0, 0.25),), (1.0, 0.0, 2.0))
    np.testing.assert_array_equal(sk.FormulaLayer(1, 2, [], [1, 2]).value([], [[0.0]]), [[1, 2]])


@pytest.mark.parametrize("name", cases.formulas())
def test_indices_are_those_of_what_an_edge_depends_on(name):
    network = sk.KAN([cases.formulas()[name]])
    if not network.n_parameters:
        with pytest.raises(ValueError, match="layer must have parameters"):
            network.indices(0)
        return
    whole = network.indices(0)
    np.testing.assert_array_equal(whole, np.arange(network.n_parameters))
    outputs = [network.indices(0, output=q) for q in range(3)]
    np.testing.assert_array_equal(np.sort(np.concatenate(outputs)), whole)
    leaves = cases.leaves(network)
    parts = sorted({part for leaf in leaves for part in leaf.unpack(np.zeros(leaf.n_parameters))})
    found = [network.indices(0, part=part) for part in parts]
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), whole)
    theta, x = RNG.normal(size=network.n_parameters), RNG.uniform(size=(20, 2))
    for p in range(2):
        for q in range(3):
            moved = theta.copy()
            moved[network.indices(0, p, q)] += 1.0
            change = network(moved, x) - network(theta, x)
            assert not np.delete(change, q, axis=1).any()
            other = x.copy()
            other[:, 1 - p] = RNG.uniform(size=20)
            np.testing.assert_allclose(
                network(moved, other) - network(theta, other), change, atol=1e-10 * (1 + np.abs(change).max())
            )


def test_sums_are_sums_on_every_level_and_in_every_basis():
    layer = cases.layers()["sum"]
    params, x = RNG.normal(size=layer.n_parameters), RNG.uniform(-0.5, 1.5, (40, 2))
    want = sum(each.value(params[at], x) for each, at in zip(layer.layers, layer.slices, strict=True))
    np.testing.assert_array_equal(layer.value(params, x), want)
    fine = layer.refined()
    assert fine.layers[1] is layer.layers[1]
    np.testing.assert_allclose(fine.value(layer.prolongation(fine) @ params, x), want, rtol=1e-12, atol=1e-12)
    network = sk.KAN([layer])
    relu = network.with_basis("relu")
    assert relu.basis == "relu"
    assert network.basis == "spline"
    np.testing.assert_allclose(relu(network.to_basis(params, "relu"), x), want, rtol=1e-9, atol=1e-9)
    assert network.with_basis("spline").layers[0] is layer
    # A sum with an affine map, between which only the intercepts are shared.
    assert network.intervals == 5
    assert network.domain == ((0.0, 1.0), (0.0, 1.0))
    assert network.roughness.shape == (sk.KAN([layer.layers[0]]).roughness.shape[0], len(params))
    matrix, _ = (coordinates(network, "relu").apply(np.eye(len(params))), None)
    np.testing.assert_allclose(matrix @ params, network.to_basis(params, "relu"), rtol=1e-9, atol=1e-9)
    nested = sk.Sum([layer, sk.Affine(2, 3)])
    assert nested.layers[:2] == layer.layers
    marked = layer.refined([[[0], []], None])
    assert marked.layers[0].knots[0].intervals == 6


def test_hierarchies_and_spectra():
    levels = sk.Hierarchy(NET, 3)
    theta, x = sk.initialize(NET, 0), RNG.uniform(0, 1, (80, 2))
    for level in levels[1:]:
        finer = level.P @ theta
        np.testing.assert_allclose(level.network(finer, x), NET(sk.initialize(NET, 0), x), atol=1e-12)
        theta = finer
    objective = sk.LeastSquares(NET, x, np.zeros((80, 2)))
    theta = sk.initialize(NET, 0)
    spectrum = sk.gauss_newton_spectrum(objective, theta, basis="relu")
    T = NET.coordinates("relu").apply(np.eye(NET.n_parameters))
    J = NET.jacobian(theta, x).toarray() @ np.linalg.inv(T)
    assert spectrum.values.max() == pytest.approx(np.linalg.svd(J)[1].max() ** 2, rel=1e-6)


@pytest.mark.parametrize("name", [*FUNCTIONS])
def test_starts_are_in_the_domains(name):
    chain = [FUNCTIONS[name], "tanh"], [name], ["square", name], [name, name], []
    layer = sk.FormulaLayer(3, 2, [sk.Term(i % 3, i % 2, each) for i, each in enumerate(chain)])
    network = sk.KAN([layer, sk.Product(2, [(0, 1), (1,)]), sk.Affine(2, 1)])
    bounds = ((-1e5, 3e6), (0, 1e-3), (2, 3))
    theta = sk.initialize(network, 0, "frames", bounds=bounds)
    x = np.random.default_rng(0).uniform(*np.array(bounds).T, (200, 3))
    y = network(theta, x)
    assert np.isfinite(y).all()
    assert 1e-3 < np.abs(y).max() < 1e7
    assert np.array_equal(theta, sk.initialize(network, 0, "frames", bounds=bounds))
    fixed = sk.FormulaLayer(1, 1, [sk.Term(0, 0, ["exp"], (2.0, 0.0, 0.0))], 1.0)
    assert sk.initialize(sk.KAN([fixed]), 0).shape == (0,)


def test_constants_are_recovered():
    x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    y = 2 * np.sin(3 * x[:, 0] + 0.5) + np.exp(-x[:, 1]) * x[:, 0] + 1.5
    network = sk.KAN(
        [
            sk.FormulaLayer(
                2,
                3,
                [sk.Term(0, 0, ["sin"]), sk.Term(1, 1, ["exp"], (1.0, None, 0.0)), sk.Term(0, 2, (), [1.0])],
                [None, 0.0, 0.0],
            ),
            sk.Product(3, [(0,), (1, 2)]),
            sk.FormulaLayer(2, 1, [sk.Term(0, 0, (), [1.0]), sk.Term(1, 0)], 0.0),
        ]
    )
    objective = sk.LeastSquares(network, x, y, reduction="mean")
    start = np.array([1.5, 2.5, 0.3, -0.5, 0.0, 0.5])
    result = sk.LevenbergMarquardt().minimize(objective, start, iterations=50)
    np.testing.assert_allclose(result.theta, [2, 3, 0.5, -1, 1.5, 1], rtol=1e-9)
    gradient = sk.LBFGS().minimize(objective, start, iterations=200)
    np.testing.assert_allclose(gradient.theta, [2, 3, 0.5, -1, 1.5, 1], rtol=1e-4)
    exact = objective.hessian_product(start, np.eye(6)[0])
    h = 1e-6 * np.eye(6)[0]
    ends = [objective.value_and_gradient(start + s * h)[1] for s in (1, -1)]
    np.testing.assert_allclose(exact, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)


def test_texts():
    t = sk.Term
    assert str(t(0, 0, ["square", "sqrt"])) == "c sqrt(a (a x0 + b)^2 + b)"
    assert str(t(1, 0, ["reciprocal"], (None, 1, -2))) == "c/(x1 - 2)"
    assert str(t(1, 0, ["exp"], (1, -1, 0))) == "exp(-1 x1)"
    assert str(t(1, 0, ["gaussian"], (1, 1, 0))) == "exp(-x1^2)"
    assert str(t(2, 0)) == "c x2"
    assert repr(t(0, 1, ["sin"], [None, 1, 0.1])) == "Term(0, 1, ('sin',), (None, 1.0, 0.1))"
    layer = sk.FormulaLayer(2, 1, [t(0, 0, ["sin"]), t(1, 0, ["square"])], [0.0])
    assert str(layer) == "FormulaLayer(2 -> 1: c sin(a x0 + b) + c (a x1 + b)^2; 6 parameters)"
    several = sk.FormulaLayer(1, 2, [t(0, 1)] * 9, [None, 0.5])
    assert str(several) == (
        "FormulaLayer(1 -> 2: y0 = d, y1 = c x0 + c x0 + c x0 + c x0 + c x0 + ... 4 more terms + 0.5; "
        "10 parameters)"
    )
    assert str(sk.Product(3, [(0, 0), (1, 2)])) == "Product(3 -> 2: x0 x0, x1 x2)"
    assert str(sk.Sum([sk.Affine(1, 1), sk.FormulaLayer(1, 1, [], 0)])).startswith("Sum(Affine(")
    summary = sk.Model(NET, np.zeros(NET.n_parameters)).summary()
    assert all(word in summary for word in ("FormulaLayer(3 -> 2", "Product(3 -> 3", "Sum(SplineLayer"))
    mine = Function("J", "besselj(1, x)", -1.0, closed=(True, False), complexity=7)
    assert repr(mine) == "Function('J', 'besselj(1, x)', low=-1.0, closed=(True, False), complexity=7)"
    assert eval(repr(t(0, 0, [mine])), {"Term": t, "Function": Function}) == t(0, 0, [mine])
    assert repr(FUNCTIONS["sin"]) == "FUNCTIONS['sin']"
    assert eval(repr(layer), {"FormulaLayer": sk.FormulaLayer, "Term": t}) == layer


@pytest.mark.parametrize("name", cases.formulas())
def test_copies(name):
    layer = cases.formulas()[name]
    params, x = RNG.normal(size=layer.n_parameters), RNG.uniform(size=(5, 2))
    size = len(pickle.dumps(layer))
    want = layer.value(params, x)
    for again in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert str(again) == str(layer)
        np.testing.assert_array_equal(again.value(params, x), want)
    assert len(pickle.dumps(layer)) == size


def test_files_hold_functions_of_the_user(tmp_path):
    mine = Function("J", "besselj(1, x) + 0.1", -1.0, np.inf, (True, False), 0.25, 7)
    made = model(
        [sk.Term(0, 0, [mine, "sin"], (None, 0.1, None, None, 1 / 3))], bias=None, theta=RNG.normal(size=4)
    )
    sk.save(tmp_path / "model.npz", made)
    again = sk.load(tmp_path / "model.npz")
    assert again.network.layers == made.network.layers
    x = RNG.uniform(-1, 1, (9, 1))
    np.testing.assert_array_equal(again(x), made(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sk.Term(-1, 0), "input must be at least 0"),
        (lambda: sk.Term(0, 0.0), "output must be an integer"),
        (lambda: sk.Term(0, 0, "sin"), "functions must be a sequence"),
        (lambda: sk.Term(0, 0, ["sine"]), r"functions\[0\] must be one of"),
        (lambda: sk.Term(0, 0, [np.sin]), r"functions\[0\] must be a Function or a name"),
        (lambda: sk.Term(0, 0, ["sin"] * 33), "at most 32 functions"),
        (lambda: sk.Term(0, 0, ["sin"], (1, 2)), "fixed must hold 3 constants"),
        (lambda: sk.Term(0, 0, ["sin"], (1, 2, np.nan)), r"fixed\[2\] must be finite"),
        (lambda: sk.Term(0, 0, ["sin"], (1, 2, True)), r"fixed\[2\] must be a real number"),
        (lambda: sk.FormulaLayer(0, 1, []), "n_in must be at least 1"),
        (lambda: sk.FormulaLayer(1, 2**40, []), "a layer with n_out = 1099511627776 would take"),
        (lambda: sk.FormulaLayer(1, 1, [sk.Term(1, 0)]), r"terms\[0\].input must be less than the 1 input"),
        (lambda: sk.FormulaLayer(1, 1, [sk.Term(0, 2)]), r"terms\[0\].output must be less than the 1 output"),
        (lambda: sk.FormulaLayer(1, 1, ["sin"]), r"terms\[0\] must be of type Term"),
        (lambda: sk.FormulaLayer(1, 1, sk.Term(0, 0)), "terms must be a sequence"),
        (lambda: sk.FormulaLayer(1, 2, [], [None]), "bias must hold a number or None for each of 2"),
        (lambda: sk.FormulaLayer(1, 2, [], np.inf), "bias must be finite"),
        (lambda: sk.FormulaLayer(1, 2, [], "0"), "bias must be a real number"),
        (lambda: sk.FormulaLayer(1, 1, []).constants([1.0, 2.0]), "params must have shape"),
        (lambda: sk.Sum([]), "layers must not be empty"),
        (lambda: sk.Sum([sk.Affine(1, 2), 3]), r"layers\[1\] must be a layer"),
        (lambda: sk.Sum([sk.Affine(1, 2), sk.Affine(2, 2)]), "same number of inputs, got 1 of"),
        (lambda: sk.Sum([sk.Affine(1, 2), sk.Affine(1, 1)]), "same number of outputs, got 2 of"),
        (lambda: sk.Sum([sk.Affine(1, 2)]).refined([None, None]), "marked must hold marks for each of 1"),
        (lambda: sk.Sum([sk.Affine(1, 2)]).prolongation(sk.Affine(1, 2)), "layers differ"),
        (lambda: sk.Product(2, []), "groups must not be empty"),
        (lambda: sk.Product(2, [()]), r"groups\[0\] must not be empty"),
        (lambda: sk.Product(2, [(0, 2)]), r"groups\[0\]\[1\] must be between 0 and 1"),
        (lambda: sk.Product(2, [0]), r"groups\[0\] must be a sequence"),
        (lambda: NET.indices(0, part="weight"), "part must be one of 'coefficients', 'terms', 'bias'"),
        (lambda: NET.indices(1), "layer must have parameters"),
    ],
)
def test_bad_descriptions(call, message):
    with pytest.raises((TypeError, ValueError, MemoryError), match=message):
        call()


def test_terms_come_in_any_order():
    """Chains are evaluated sorted by length and function; parameters are those of the terms as they come."""
    functions = [function("x^2 + x", "f"), "sin", "tanh", "exp", "square"]
    rng = np.random.default_rng(3)
    for _ in range(20):
        terms = [
            sk.Term(rng.integers(3), rng.integers(2), list(rng.permutation(functions)[: rng.integers(0, 4)]))
            for _ in range(rng.integers(1, 12))
        ]
        layer = sk.FormulaLayer(3, 2, terms)
        params, x = rng.uniform(-0.7, 0.7, layer.n_parameters), rng.uniform(-1, 1, (7, 3))
        np.testing.assert_allclose(
            layer.value(params, x), oracles.formula(layer, params, x), rtol=1e-12, atol=1e-12
        )
        slot = Slot(np.zeros((7, layer.n_parameters)), np.zeros((7, 1), np.int64), 0, 0, 0, 1, 0)
        v = np.tile([1.0, -2.0], (7, 1))
        layer.jacobian_rows(params, x, v, slot, True)
        for j in range(layer.n_parameters):
            step = 1e-6 * np.eye(layer.n_parameters)[j]
            slope = (layer.value(params + step, x) - layer.value(params - step, x)) / 2e-6 @ [1.0, -2.0]
            np.testing.assert_allclose(slot.values[:, j], slope, rtol=1e-6, atol=1e-6)
