"""Confidence bands: linear algebra by hand, derivatives of functionals, gauges, and coverage."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import splinekan as sk
from splinekan import plots
from splinekan.explain.chain import Chain
from splinekan.explain.edge_bands import Edges
from splinekan.explain.posterior import interval
from splinekan.objectives.penalty import QuadraticPenalty

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import bands as study


def data(n=80, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 2))
    return x, np.sin(5 * x[:, 0]) + x[:, 1] ** 2 + noise * rng.normal(size=n)


def least_squares(network, x, y, weights=None):
    """A model at its minimum."""
    objective = sk.LeastSquares(network, x, y, weights)
    result = sk.LevenbergMarquardt(solver=sk.SVD()).minimize(
        objective, sk.initialize(network, 0, "greville"), iterations=100
    )
    return sk.Model(network, result.theta)


def test_bands_of_least_squares_are_those_of_the_textbook():
    x, y = data()
    network = sk.KAN.splines([2, 1], degree=2, intervals=3)
    model = least_squares(network, x, y)
    bands = sk.confidence_bands(model, x, y, 0.9, with_mean=False, points=7)
    J = network.jacobian(model.theta, x).toarray()
    r = model(x)[:, 0] - y
    dof = len(y) - np.linalg.matrix_rank(J)
    covariance = r @ r / dof * np.linalg.pinv(J.T @ J)
    t = scipy.stats.t.ppf(0.95, dof)
    assert np.isclose(bands.effective, len(y) - dof)
    assert np.isclose(bands.noise[0], np.sqrt(r @ r / dof))
    at = np.random.default_rng(1).uniform(0.1, 0.9, (5, 2))
    rows = network.jacobian(model.theta, at).toarray()
    assert np.allclose(bands(at).half_width[:, 0], t * np.sqrt(np.diag(rows @ covariance @ rows.T)))
    for p, edge in enumerate(bands.edges):
        rows = network.edge_rows(0, p, 0, edge.grid).toarray()
        rows -= network.edge_rows(0, p, 0, x[:, p]).toarray().mean(axis=0)
        assert np.allclose(edge.values, rows @ model.theta)
        assert np.allclose(edge.half_width, t * np.sqrt(np.diag(rows @ covariance @ rows.T)))
    wide = sk.confidence_bands(model, x, y, 0.9, points=7)
    rows += J.mean(axis=0)
    assert np.allclose(wide.edges[1].half_width, t * np.sqrt(np.diag(rows @ covariance @ rows.T)))


def test_what_no_sample_determines_has_no_band():
    x, y = data()
    keep = x[:, 0] < 0.5
    network = sk.KAN.splines([2, 1], degree=1, intervals=4)
    model = least_squares(network, x[keep], y[keep])
    bands = sk.confidence_bands(model, x[keep], y[keep])
    half = bands([[0.2, 0.5], [0.9, 0.5]]).half_width[:, 0]
    assert np.isfinite(half[0])
    assert np.isinf(half[1])
    assert np.isfinite(bands.edges[0].half_width).all()  # on the range of the samples


def test_a_penalty_counts():
    x, y = data()
    network = sk.KAN.splines([2, 1], degree=3, intervals=6)
    objective = sk.LeastSquares(network, x, y, smoothing=1e-2)
    theta = sk.LevenbergMarquardt().minimize(objective, np.zeros(network.n_parameters), iterations=50).theta
    model = sk.Model(network, theta)
    bands = sk.confidence_bands(model, x, y, penalty=objective.penalty)
    J, B = network.jacobian(theta, x).toarray(), objective.penalty.root.toarray()
    # The penalty is compared with the loss of y, whatever the units in which outputs are compared.
    H = np.linalg.pinv(J.T @ J + B.T @ B)
    effective = np.trace(H @ J.T @ J)
    phi = np.sum((model(x)[:, 0] - y) ** 2) / (len(y) - effective)
    assert np.isclose(bands.effective, effective)
    rows = network.jacobian(theta, x[:4]).toarray()
    want = scipy.stats.t.ppf(0.975, len(y) - effective) * np.sqrt(phi * np.diag(rows @ H @ rows.T))
    assert np.allclose(bands(x[:4]).half_width[:, 0], want)


@pytest.mark.parametrize("freedom", [3.0, 40.0, np.inf])
def test_intervals_about_another_value_than_the_mean_have_their_probability(freedom):
    t = scipy.stats.norm if np.isinf(freedom) else scipy.stats.t(freedom)
    shift = np.array([0.0, 1e-3, 0.5, 2.0, 30.0, 1e4])
    for level in (0.2, 0.8, 0.99):
        half = interval(shift, level, freedom)
        assert np.allclose(t.cdf(half - shift) - t.cdf(-half - shift), level, rtol=1e-6)
        assert np.isclose(half[0], t.ppf((1 + level) / 2))
        assert np.all(np.diff(half) > 0)


def test_bands_show_what_coarse_splines_cannot_represent():
    """Outputs with unlike noise share their knots; those of the cleaner one are too coarse."""
    covered = []
    for repetition in range(6):
        rng = np.random.default_rng([repetition, 7])
        x = rng.uniform(0, 1, (300, 2))
        f = np.sin(6 * x[:, 0]) + x[:, 1]
        other = np.exp(-((5 * x[:, 0] - 2.5) ** 2)) + np.cos(3 * x[:, 1])
        truth = np.column_stack([f, other])
        y = truth + rng.normal(size=(300, 2)) * [0.001, 0.3]
        values, half = sk.confidence_bands(sk.fit(x, y, hidden=()), x, y)(x)
        covered.append(np.mean(np.abs(values - truth) <= half, axis=0))
    assert np.all(np.mean(covered, axis=0) > 0.85)


def test_units_of_y_do_not_matter():
    x, y = data()
    network = sk.KAN.splines([2, 1], degree=2, intervals=3)
    small, large = (
        sk.confidence_bands(least_squares(network, x, y * unit), x, y * unit)(x).half_width / unit
        for unit in (1e-9, 1e6)
    )
    assert np.allclose(small, large, rtol=1e-6)


def deep(seed=0):
    """A random model with hidden nodes of several kinds, at samples."""
    knots = [sk.KnotVector.uniform(0, 1, 3, 3), sk.KnotVector.uniform(0, 1, 3, 3, periodic=True)]
    layers = [
        sk.Normalizer(2, "affine", source=[(0.0, 2.0), (-1.0, 1.0)]),
        sk.SplineLayer(2, 3, knots),
        sk.Normalizer(3, "sigmoid"),
        sk.SplineLayer(3, 2, knots[0], base="silu"),
        sk.Affine(2, 2),
        sk.Normalizer(2, "affine", (-3.0, 5.0)),
    ]
    network = sk.KAN(tuple(layers))
    theta = np.random.default_rng(seed).normal(size=network.n_parameters)
    x = np.random.default_rng(1).uniform([0, -1], [2, 1], (50, 2))
    return network, theta, x


def functionals(network, theta, x, grids, with_mean=False):
    """Values of all edges, at points that move with mean and deviation of hidden nodes."""
    found = []
    weights = np.full(len(x), 1 / len(x))
    chain = Chain.of(network, theta, x, weights)
    for number in chain.mixing:
        layer, u = network.layers[number], chain.inputs[number]
        for p in range(layer.n_in):
            at, hidden = grids[number, p], network.offsets[number] > 0
            if hidden:
                at = u[:, p].mean() + u[:, p].std() * at
            for q in range(layer.n_out):
                if isinstance(layer, sk.Affine):
                    w = layer.unpack(chain.params(number))["weight"][p, q]
                    values, own = w * at, w * u[:, p]
                else:
                    values = network.edge_rows(number, p, q, at) @ theta
                    own = network.edge_rows(number, p, q, u[:, p]) @ theta
                values = values - own.mean()
                if number == chain.mixing[-1]:
                    values = 4 * values  # the last normaliser
                    values = values + with_mean * chain.output[:, q].mean()
                else:
                    values = values / chain.values(number)[:, q].std()
                found.append(values)
    return np.concatenate(found)


@pytest.mark.parametrize("with_mean", [False, True])
def test_rows_are_derivatives_of_edges_in_units_of_their_nodes(with_mean):
    network, theta, x = deep()
    model = sk.Model(network, theta)
    chain = Chain.of(network, theta, x, np.full(len(x), 1 / len(x)))
    edges = Edges(model, chain, None, 9, with_mean)
    grids, rows = {}, []
    for number in chain.mixing:
        layer = network.layers[number]
        for p in range(layer.n_in):
            for q in range(layer.n_out):
                grid, _, row = edges.functional(number, p, q)
                u = chain.inputs[number][:, p]
                entering = edges._grid(number, p)[1]
                first = network.offsets[number] == 0
                grids[number, p] = entering if first else (entering - u.mean()) / u.std()
                assert grid[0] == (x[:, p].min() if number == 1 else u.min())
                unit = 1 if number == chain.mixing[-1] else chain.values(number)[:, q].std()
                rows.append(row / unit)
    rows = np.concatenate(rows)
    rng = np.random.default_rng(2)
    for _ in range(3):
        v = rng.normal(size=len(theta))
        step = 1e-5
        ahead, behind = (functionals(network, theta + s * step * v, x, grids, with_mean) for s in (1.0, -1.0))
        slope = (ahead - behind) / (2 * step)
        assert np.allclose(rows @ v, slope, rtol=1e-5, atol=1e-5 * np.abs(slope).max())


def test_constants_that_move_between_edges_and_nodes_that_are_stretched_do_not_count():
    # Quadratics on a single interval: a hidden node may be shifted and stretched within the space of splines.
    network = sk.KAN.splines([2, 2, 1], degree=2, intervals=1)
    theta = np.random.default_rng(0).uniform(0.1, 0.4, network.n_parameters)
    x = np.random.default_rng(1).uniform(0, 1, (40, 2))
    chain = Chain.of(network, theta, x, np.full(40, 1 / 40))
    edges = Edges(sk.Model(network, theta), chain, None, 7, False)
    h = chain.inputs[1][:, 0]
    moved = np.zeros((3, network.n_parameters))
    moved[0, network.indices(0, 0, 0)], moved[0, network.indices(0, 1, 0)] = 1.0, -1.0
    at = np.linspace(0, 1, 9)
    psi = network.edge_rows(1, 0, 0, at, derivative=1) @ theta
    rows = network.edge_rows(1, 0, 0, at).toarray()[:, network.indices(1, 0, 0)]
    moved[1, network.indices(0, 0, 0)] = 1.0
    moved[1, network.indices(1, 0, 0)] = -np.linalg.lstsq(rows, psi, rcond=None)[0]
    moved[2, network.indices(0, None, 0)] = theta[network.indices(0, None, 0)]
    moved[2, network.indices(1, 0, 0)] = -np.linalg.lstsq(rows, psi * at, rcond=None)[0]
    assert np.allclose(network.jvp(theta, x, moved[0]), 0, atol=1e-13)
    assert (h > 0).all()
    assert (h < 1).all()
    assert np.allclose(network.jvp(theta, x, moved[1]), 0, atol=1e-13)
    assert np.allclose(network.jvp(theta, x, moved[2]), 0, atol=1e-13)
    for number in (0, 1):
        for p in range(2):
            for q in range(network.layers[number].n_out):
                row = edges.functional(number, p, q)[2]
                size = np.abs(row).max()
                assert np.abs(row @ moved.T).max() < 1e-12 * size


def test_repeated_samples_are_weights():
    x, y = data(40)
    counts = np.arange(40) % 3
    model = sk.fit(x, y, hidden=(), sample_weight=counts)
    weighted = sk.confidence_bands(model, x, y, sample_weight=counts)
    repeated = sk.confidence_bands(model, np.repeat(x, counts, axis=0), np.repeat(y, counts))
    assert np.array_equal(weighted(x).half_width, repeated(x).half_width)
    assert np.array_equal(weighted.edges[0].half_width, repeated.edges[0].half_width)


def test_outputs_with_unlike_noise_have_bands_of_their_own():
    x, y = data(300)
    rng = np.random.default_rng(3)
    Y = np.column_stack([y, 1000 * x[:, 0] + 500 * rng.normal(size=300)])
    model = sk.fit(x, Y, hidden=())
    bands = sk.confidence_bands(model, x, Y)
    assert np.allclose(bands.noise, [0.1, 500], rtol=0.15)
    half = bands(x).half_width
    assert 0.005 < np.median(half[:, 0]) < 0.1
    assert 20 < np.median(half[:, 1]) < 400


def test_logistic_regression_has_its_covariance():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (400, 1))
    label = (rng.uniform(size=400) < 1 / (1 + np.exp(1 - 3 * x[:, 0]))).astype(float)
    network = sk.KAN.splines([1, 1], degree=1, intervals=1)
    objective = sk.DataLoss(network, x, label, loss=sk.Logistic())
    theta = sk.LevenbergMarquardt().minimize(objective, np.zeros(2), iterations=50).theta
    model = sk.Model(network, theta)
    bands = sk.confidence_bands(model, x, label, loss="logistic")
    A = np.column_stack([1 - x[:, 0], x[:, 0]])
    p = 1 / (1 + np.exp(-(A @ theta)))
    covariance = np.linalg.inv(A.T @ (A * (p * (1 - p))[:, None]))
    want = scipy.stats.norm.ppf(0.975) * np.sqrt(np.einsum("ij,jk,ik->i", A, covariance, A))
    assert np.allclose(bands(x).half_width[:, 0], want, rtol=1e-6)
    assert np.isnan(bands.noise).all()
    fitted = sk.fit(x, label, hidden=(), loss="logistic")
    covered = (
        np.abs(fitted(x)[:, 0] - (3 * x[:, 0] - 1))
        < sk.confidence_bands(fitted, x, label)(x).half_width[:, 0]
    )
    assert covered.mean() > 0.5


def test_levels_nest_and_refined_models_have_bands_too():
    x, y = data()
    model = sk.fit(x, y, hidden=(1,), first="splines", seed=1)
    narrow, wide = (sk.confidence_bands(model, x, y, level) for level in (0.5, 0.99))
    assert (narrow(x).half_width < wide(x).half_width).all()
    refined = sk.confidence_bands(model.refine(), x, y, 0.99)
    assert np.allclose(refined(x).values, wide(x).values)
    assert refined.effective > wide.effective
    relu = sk.confidence_bands(model.with_basis("relu"), x, y, 0.99)
    assert np.allclose(relu(x).half_width, wide(x).half_width, rtol=1e-4)


def test_coverage_of_the_study():
    case = study.Case("additive", (), 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = study.study(case, 20)
    mean, error = found["outputs"]
    assert np.all(np.abs(mean - [0.78, 0.93, 0.98]) < [0.07, 0.05, 0.02])
    assert (error < 0.03).all()
    for p in (1, 2, 3):
        mean, _ = found[f"edge of x{p}"]
        assert np.all(mean > [0.7, 0.88, 0.95])
        assert mean[0] < 0.97


def test_tables_and_figures():
    pandas = pytest.importorskip("pandas")
    x, y = data()
    model = sk.fit(x, y, hidden=(), names=["a", "b"], output_names=["u"])
    bands = sk.confidence_bands(model, x, y, points=11)
    table = pandas.DataFrame(bands.to_dict())
    assert len(table) == 22
    assert bands.edge(1, 1, 0).names == ("b", "u")
    assert table[table["from"] == "b"].half_width.tolist() == list(bands.edges[1].half_width)
    assert "95 % bands" in str(bands)
    figure = bands.plot()
    assert [ax.get_xlabel() for ax in figure.axes] == ["a", "b"]
    assert len(bands.plot(most=1).axes) == 1
    with pytest.raises(ValueError, match="layer, input and output must name an edge"):
        bands.edge(0, 0, 0)
    with pytest.raises(TypeError, match="bands must be ConfidenceBands"):
        plots.bands_figure(3)


X, Y = data(20)
MODEL = least_squares(sk.KAN.splines([2, 1], degree=1, intervals=2), X, Y)
BAD = [
    ({"model": None}, TypeError, "model must be"),
    ({"level": 1.0}, ValueError, "level must lie between 0 and 1"),
    ({"y": Y[:5]}, ValueError, "y must have shape"),
    ({"X": X[:4], "y": Y[:4]}, ValueError, "X must hold more samples"),
    ({"points": 1}, ValueError, "points must be at least 2"),
    ({"loss": "huber"}, ValueError, "loss must not be 'huber'"),
    ({"loss": sk.Quantile(0.9)}, ValueError, "loss must not be 'quantile'"),
    ({"loss": "logistic"}, ValueError, "y must"),
    ({"with_mean": 1}, TypeError, "with_mean must be"),
    ({"penalty": 3}, TypeError, "penalty must be"),
    ({"penalty": QuadraticPenalty.roughness(sk.KAN.splines([1, 1]), 1.0)}, ValueError, "penalty must act on"),
    ({"sample_weight": -np.ones(20)}, ValueError, "sample_weight must not be negative"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_arguments(change, error, message):
    arguments = {"model": MODEL, "X": X, "y": Y} | change
    with pytest.raises(error, match=message):
        sk.confidence_bands(arguments.pop("model"), arguments.pop("X"), arguments.pop("y"), **arguments)


def test_losses_of_the_record_that_have_no_bands_are_refused():
    model = sk.fit(X, Y, hidden=(), loss="huber", levels=1)
    with pytest.raises(ValueError, match="loss must not be 'huber'"):
        sk.confidence_bands(model, X, Y)
    coarse = sk.fit(X, Y, hidden=(), levels=1)
    wrong = sk.Model(sk.KAN.splines([2, 2, 1]), np.zeros(48), record=coarse.record)
    with pytest.raises(ValueError, match=r"model\.record must hold the penalties"):
        sk.confidence_bands(wrong, X, Y)
