"""Indices of layers and edges in theta, and the rows of an edge's values."""

import numpy as np
import pytest

import splinekan as sk


def knots(*counts, periodic=False):
    return [sk.KnotVector.uniform(0, 1, n, degree=3, periodic=periodic) for n in counts]


NETWORKS = {
    "plain": sk.KAN.splines([2, 3, 2], intervals=3),
    "relu": sk.KAN.splines([2, 3, 2], intervals=3, basis="relu"),
    "base": sk.KAN.splines([2, 3, 2], intervals=3, base="silu"),
    "several": sk.KAN([sk.SplineLayer(3, 2, knots(2, 5, 2), base="identity")]),
    "periodic": sk.KAN([sk.SplineLayer(2, 2, knots(4, 6, periodic=True))]),
    "affine": sk.KAN.affine_first([2, 3, 1], intervals=3),
    "polynomial": sk.KAN.splines([2, 2], intervals=3, extrapolate="polynomial"),
}


def splines(network):
    return [n for n, layer in enumerate(network.layers) if isinstance(layer, sk.SplineLayer)]


@pytest.mark.parametrize("name", NETWORKS)
def test_indices_are_those_of_what_an_edge_depends_on(name):
    network = NETWORKS[name]
    for number, layer in enumerate(network.layers):
        whole = network.indices(number)
        np.testing.assert_array_equal(whole, np.arange(network.offsets[number], network.offsets[number + 1]))
        parts = [network.indices(number, part=part) for part in layer.unpack(np.zeros(layer.n_parameters))]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), whole)
        by_outputs = [network.indices(number, output=q) for q in range(layer.n_out)]
        np.testing.assert_array_equal(np.sort(np.concatenate(by_outputs)), whole)
        # Ones at these entries reach that output alone, and depend on that input alone.
        x = np.random.default_rng(0).uniform(size=(20, layer.n_in))
        for p in range(layer.n_in):
            for q in range(layer.n_out):
                params = np.zeros(network.n_parameters)
                params[network.indices(number, p, q)] = np.random.default_rng(1).normal(
                    size=len(network.indices(number, p, q))
                )
                piece = params[network.offsets[number] : network.offsets[number + 1]]
                y = layer.value(piece, x)
                assert np.abs(y[:, q]).max() > 0
                np.testing.assert_array_equal(np.delete(y, q, axis=1), 0)
                moved = np.random.default_rng(2).uniform(size=x.shape)
                moved[:, p] = x[:, p]
                np.testing.assert_array_equal(layer.value(piece, moved), y)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("derivative", range(5))
def test_rows_are_values_and_derivatives_of_the_edge(name, derivative):
    network = NETWORKS[name]
    theta = np.random.default_rng(0).normal(size=network.n_parameters)
    x = np.array([-0.3, 0.0, 0.21, 0.5, 0.77, 1.0, 1.4])
    for number in splines(network):
        layer = network.layers[number]
        for p in range(layer.n_in):
            for q in range(layer.n_out):
                C = network.edge_rows(number, p, q, x, derivative)
                alone = np.zeros_like(theta)
                at = network.indices(number, p, q)
                alone[at] = theta[at]
                piece = alone[network.offsets[number] : network.offsets[number + 1]]
                model = sk.Model(sk.KAN([layer]), piece)
                points = np.full((len(x), layer.n_in), 0.4)
                points[:, p] = x
                want = model(points) if derivative == 0 else None
                if want is None:
                    want = model.derivative(points, np.eye(layer.n_in)[p], derivative)
                size = abs(C) @ np.abs(theta) + 1e-12
                assert (np.abs(C @ theta - want[:, q]) <= 1e-13 * size).all()
                assert C.shape == (len(x), network.n_parameters)
                assert set(C.indices) <= set(at)


def test_a_spline_layer_of_a_single_input_has_the_values_of_the_network():
    network = sk.KAN.splines([1, 2], intervals=4)
    theta = np.random.default_rng(0).normal(size=network.n_parameters)
    x = np.linspace(0, 1, 9)
    for q in range(2):
        values = network.edge_rows(0, 0, q, x) @ theta
        np.testing.assert_allclose(values, network(theta, x[:, None])[:, q], rtol=1e-13)
    assert network.edge_rows(0, 0, 0, 0.5).shape == (1, network.n_parameters)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n: n.indices(2), ValueError, "layer must be between 0 and 1, got 2"),
        (lambda n: n.indices(-1), ValueError, "layer must be between 0 and 1"),
        (lambda n: n.indices(0, input=2), ValueError, "input must be between 0 and 1"),
        (lambda n: n.indices(0, output=3), ValueError, "output must be between 0 and 2"),
        (lambda n: n.indices(0, part="base"), ValueError, "part must be one of 'weight', 'bias'"),
        (lambda n: n.edge_rows(0, 0, 0, 0.5), TypeError, "layer must be the number of a spline layer, got 0"),
        (lambda n: n.edge_rows(1, 0, 0, [[0.5]]), ValueError, "x must have shape"),
        (lambda n: n.edge_rows(1, 0, 0, np.nan), ValueError, "x must be finite"),
        (lambda n: n.edge_rows(1, 0, 0, 0.5, 5), ValueError, "derivative must be between 0 and 4"),
    ],
)
def test_what_is_not_there_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(NETWORKS["affine"])


def test_a_layer_without_parameters_has_no_indices():
    network = sk.KAN([sk.Activation(2, "tanh"), sk.Affine(2, 1)])
    for part in (None, "weight"):
        with pytest.raises(ValueError, match="layer must have parameters, got layer 0, Activation"):
            network.indices(0, part=part)
