"""Shares of variance: sums of functions, slow twins, and the first-order variant."""

import numpy as np
import pytest

import splinekan as sk
from splinekan import plots


def shapes(rng):
    """Networks of several kinds, inputs in [0, 1], with random parameters."""
    knots = [sk.KnotVector.uniform(0, 1, 4, 3), sk.KnotVector.uniform(0, 1, 3, 3, periodic=True)]
    scale = sk.Normalizer(2, "affine", source=[(0.0, 1.0), (0.0, 1.0)])
    networks = {
        "plain": sk.KAN.splines([2, 3, 2], intervals=3),
        "relu basis, base": sk.KAN.splines([2, 3, 1], intervals=3, basis="relu", base="silu"),
        "deep": sk.KAN.splines([2, 3, 2, 2], degree=2, intervals=3),
        "affine first": sk.KAN.affine_first([2, 3, 1], intervals=3, domain=(-2, 2)),
        "own knots, normalisers": sk.KAN(
            [
                scale,
                sk.SplineLayer(2, 3, knots),
                sk.Normalizer(3, "tanh"),
                sk.SplineLayer(3, 2, knots[0]),
                sk.Normalizer(2, "affine", (-3.0, 5.0)),
            ]
        ),
        "perceptron": sk.MLP([2, 3, 1]),
    }
    return {
        name: sk.Model(network, sk.initialize(network, rng) + 0.3 * rng.normal(size=network.n_parameters))
        for name, network in networks.items()
    }


MODELS = shapes(np.random.default_rng(0))
each_model = pytest.mark.parametrize("name", MODELS)


def without(model, x, weights, number, p, q):
    """f without edges from input p of a layer: a layer whose outputs the edge leaves at its mean value."""
    network, theta = model.network, model.theta
    values = x
    for i, (layer, start, stop) in enumerate(
        zip(network.layers, network.offsets, network.offsets[1:], strict=False)
    ):
        entering, values = values, layer.value(theta[start:stop], values)
        if i == number:
            # phi_qp(x_p) by the others at 0: their sum cancels in the difference to the mean.
            alone = np.zeros_like(entering)
            alone[:, p] = entering[:, p]
            own = layer.value(theta[start:stop], alone)
            own = own - np.average(own, axis=0, weights=weights)
            values = values - own if q is None else values - own * (np.arange(own.shape[1]) == q)
    return values


@each_model
def test_shares_are_those_of_a_slow_twin(name):
    rng, model = np.random.default_rng(1), MODELS[name]
    x, weights = rng.uniform(0, 1, (40, 2)), rng.integers(0, 3, 40).astype(float)
    found = sk.attribution(model, x, sample_weight=weights, method="exact")
    f = model(x)
    variance = np.average((f - np.average(f, axis=0, weights=weights)) ** 2, axis=0, weights=weights)
    assert np.allclose(found.variance, variance, rtol=1e-12)
    for depth, number in enumerate(found.layers):
        layer = model.network.layers[number]
        tops = found.inputs if depth == 0 else found.nodes[depth - 1]
        for p in range(layer.n_in):
            twin = np.average((f - without(model, x, weights, number, p, None)) ** 2, axis=0, weights=weights)
            assert np.allclose(tops[p], twin / variance, rtol=1e-9, atol=1e-14)
            for q in range(layer.n_out):
                change = f - without(model, x, weights, number, p, q)
                twin = np.average(change**2, axis=0, weights=weights) / variance
                assert np.allclose(found.edges[depth][p, q], twin, rtol=1e-9, atol=1e-14)


def test_shares_of_a_sum_of_functions_add_up_where_inputs_are_independent():
    network = sk.KAN.splines([3, 2], intervals=4)
    model = sk.Model(network, np.random.default_rng(0).normal(size=network.n_parameters))
    axes = np.meshgrid(*[np.linspace(0, 1, n) for n in (5, 7, 6)], indexing="ij")
    x = np.column_stack([axis.ravel() for axis in axes])
    found = sk.attribution(model, x)
    assert np.allclose(found.inputs.sum(axis=0), 1, rtol=1e-12)
    phi = network.edge_rows(0, 1, 0, np.linspace(0, 1, 7)) @ model.theta
    assert np.isclose(found.inputs[1, 0], phi.var() / model(x)[:, 0].var(), rtol=1e-12)
    assert np.allclose(found.edges[0][2], np.diag(found.inputs[2]), atol=1e-15)


@each_model
def test_the_first_order_variant_is_exact_in_the_last_layer_and_nearly_so_for_small_changes(name):
    x, model = np.random.default_rng(2).uniform(0, 1, (60, 2)), MODELS[name]
    exact = sk.attribution(model, x, method="exact")
    rough = sk.attribution(model, x, method="first-order")
    assert np.allclose(rough.edges[-1], exact.edges[-1], rtol=1e-9, atol=1e-13)
    assert exact.method == "exact"
    assert rough.method == "first-order"
    # An input that moves little: the first order is what is left.
    close = 0.43 + 1e-3 * x
    exact, rough = (sk.attribution(model, close, method=method) for method in ("exact", "first-order"))
    assert np.allclose(rough.inputs, exact.inputs, rtol=0.05)


def test_weights_are_multiplicities():
    x, counts = np.random.default_rng(3).uniform(0, 1, (30, 2)), np.arange(30) % 3
    model = MODELS["plain"]
    weighted = sk.attribution(model, x, sample_weight=counts)
    repeated = sk.attribution(model, np.repeat(x, counts, axis=0))
    assert np.allclose(weighted.inputs, repeated.inputs, rtol=1e-12)
    assert np.allclose(weighted.edges[1], repeated.edges[1], rtol=1e-12, atol=1e-15)


class Other:
    """A layer of another class, with the methods of a spline layer."""

    def __init__(self, layer):
        self.layer = layer

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.layer, name)

    def with_basis(self, basis):
        return self


def test_layers_of_other_classes_are_sums_of_functions_too():
    model, x = MODELS["plain"], np.random.default_rng(4).uniform(0, 1, (40, 2))
    other = sk.Model(sk.KAN(tuple(Other(layer) for layer in model.network.layers)), model.theta)
    mine, its = sk.attribution(model, x), sk.attribution(other, x)
    assert np.allclose(mine.inputs, its.inputs, rtol=1e-9)
    assert np.allclose(mine.edges[1], its.edges[1], rtol=1e-9, atol=1e-14)


def test_an_output_without_variance_has_no_shares():
    network = sk.KAN.splines([2, 1], intervals=2)
    found = sk.attribution(sk.Model(network, np.ones(network.n_parameters)), np.eye(2))
    assert np.isnan(found.inputs).all()
    assert found.variance == 0
    assert " -" in str(found)


def test_tables_and_names():
    pandas = pytest.importorskip("pandas")
    plain = MODELS["plain"]
    model = sk.Model(plain.network, plain.theta, names=("width", "height"), output_names=("u", "v"))
    x = pandas.DataFrame(np.random.default_rng(5).uniform(0, 1, (20, 2)), columns=["height", "width"])
    found = sk.attribution(model, x)
    table = pandas.DataFrame(found.to_dict())
    assert len(table) == (2 + 3 + 6 + 6) * 2
    row = table[(table["from"] == "h1.2") & (table["to"] == "v") & (table["output"] == "v")]
    assert row["share"].item() == found.edges[1][1, 1, 1]
    assert table[(table.kind == "input") & (table["from"] == "width")].share.tolist() == list(found.inputs[0])
    assert "width" in str(found)
    assert np.allclose(found.inputs, sk.attribution(model, x[["width", "height"]].to_numpy()).inputs)


def test_the_figure_has_a_panel_for_each_output_and_a_bar_for_each_node():
    figure = sk.attribution(MODELS["plain"], np.random.default_rng(6).uniform(0, 1, (20, 2))).plot()
    assert len(figure.axes) == 2
    assert all(len(ax.patches) == 5 for ax in figure.axes)
    assert figure.axes[0].get_xlabel() == "% of the variance of y1"
    with pytest.raises(TypeError, match="attribution must be an Attribution"):
        plots.attribution_figure(3)


BAD = [
    ({"model": 3}, TypeError, "model must be"),
    ({"X": [[0.0, 1.0]]}, ValueError, "X must hold at least 2 samples"),
    ({"X": np.zeros((3, 3))}, ValueError, "X must have shape"),
    ({"X": [[0.0, np.nan]] * 2}, ValueError, "X must be finite"),
    ({"X": np.ma.masked_array(np.zeros((3, 2)))}, TypeError, "masked"),
    ({"sample_weight": [-1.0, 1.0, 1.0]}, ValueError, "sample_weight must not be negative"),
    ({"sample_weight": np.zeros(3)}, ValueError, "sample_weight must not be 0"),
    ({"sample_weight": np.ones(2)}, ValueError, "sample_weight must have shape"),
    ({"method": "best"}, ValueError, "method must be one of"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_arguments(change, error, message):
    good = {"model": MODELS["plain"], "X": np.random.default_rng(7).uniform(0, 1, (3, 2))}
    arguments = good | change
    with pytest.raises(error, match=message):
        sk.attribution(arguments.pop("model"), arguments.pop("X"), **arguments)


def test_networks_without_edges_and_models_of_equations_are_refused():
    with pytest.raises(ValueError, match="model must have a layer with parameters"):
        sk.attribution(sk.Model(sk.KAN((sk.Activation(2),)), []), np.eye(2))
