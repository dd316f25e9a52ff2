"""Pruning: what must go, what must stay, and that nothing jumps or changes on the way."""

import numpy as np
import pytest

import splinekan as sk
from splinekan.explain.thinned import Thinned


def uniform(n, d, seed=0, low=-1.0):
    return np.random.default_rng(seed).uniform(low, 1, (n, d))


def trained(network, x, y, seed=0, iterations=60, **options):
    """A model made by hand."""
    problem = sk.DataLoss(network, x, y, **options)
    start = sk.initialize(network, seed, "greville", bounds=(-1, 1))
    return sk.Model(network, sk.LevenbergMarquardt().minimize(problem, start, iterations=iterations).theta)


def removed(pruned):
    return [each.name for each in pruned.removals if each.removed]


def test_a_composition_comes_down_to_a_single_node():
    x = uniform(500, 3)
    y = np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)
    model = sk.fit(x, y, hidden=(3,), first="splines", levels=2)
    theta = model.theta.copy()
    coarse = sk.prune(model, x, y, refinements=0)
    assert coarse.idle == ("x3",)
    assert coarse.loss_after < 1.1 * coarse.loss_before
    assert coarse.model.network.intervals == model.network.intervals
    found = sk.prune(model, x, y)  # nodes that correct errors of coarse splines are not needed then
    assert found.widths == (3, 1, 1)
    assert found.model.network.intervals > model.network.intervals
    assert "refined" in found.reason
    assert found.idle == ("x3",)
    assert found.loss_after < found.loss_before
    assert np.isclose(found.loss_after, np.mean((found.model(x)[:, 0] - y) ** 2))
    assert np.array_equal(model.theta, theta)
    assert found.model.names == model.names
    assert "pruned" in found.model.summary()
    assert found.model.n_in == 3
    again = sk.prune(found.model, x, y)  # the record of a pruned model fits its network
    assert again.widths == found.widths
    assert sk.confidence_bands(found.model, x, y, refinements=0).effective < found.model.n_parameters


def test_constant_outputs_do_not_excuse_errors_of_others():
    rng = np.random.default_rng(3)
    x = uniform(300, 3)
    y = np.sin(2 * x[:, 0]) + x[:, 1] ** 2 + 0.05 * rng.normal(size=300)
    both = np.column_stack([y, np.full(300, 7.0)])
    model = sk.fit(x, both, hidden=(), levels=2)
    found = sk.prune(model, x, both)
    assert found.idle == ("x3",)
    assert np.mean((found.model(x)[:, 0] - y) ** 2) < 0.05**2
    assert np.allclose(found.model(x)[:, 1], 7.0)
    generous = sk.prune(model, x, both, tolerance=0.1)
    assert np.mean((generous.model(x)[:, 0] - y) ** 2) < 1.2 * 0.05**2
    half = sk.confidence_bands(model, x, both)(x).half_width
    assert 0.005 < np.median(half[:, 0]) < 0.05
    assert np.all(half[:, 1] < 1e-3)


def test_noise_is_not_kept():
    rng = np.random.default_rng(1)
    x = uniform(400, 6)
    y = np.sin(2 * x[:, 0]) + x[:, 1] + 0.3 * rng.normal(size=400)
    model = sk.fit(x, y, hidden=(), levels=2)
    found = sk.prune(model, x, y)
    assert found.idle == ("x3", "x4", "x5", "x6")
    assert found.loss_after < 1.1 * found.loss_before
    table = found.to_dict()
    assert len(table["name"]) == len(found.removals)
    assert "inputs without an edge: x3" in str(found)


def test_edges_that_matter_stay_and_the_model_is_returned_as_it_is():
    x = uniform(300, 2)
    y = np.sin(2 * x[:, 0]) + x[:, 1] ** 2
    model = sk.fit(x, y, hidden=(), levels=2)
    found = sk.prune(model, x, y)
    assert found.model is model
    assert not any(each.removed for each in found.removals)
    assert found.loss_after == found.loss_before
    assert found.reason == "nothing else can be removed"
    assert len(found.removals) == 2
    assert found.idle == ()


def test_the_means_of_removed_edges_move_and_nothing_jumps():
    """Without retraining the outputs change by the edges less their means, in every layer."""
    knots = sk.KnotVector.uniform(0, 1, 3, 3)
    network = sk.KAN(
        (
            sk.Normalizer(2, "affine", source=(-1.0, 1.0)),
            sk.SplineLayer(2, 3, knots, base="silu"),
            sk.Normalizer(3, "tanh"),
            sk.SplineLayer(3, 2, knots),
            sk.Affine(2, 2, bias=False),
        )
    )
    theta, x = np.random.default_rng(0).normal(size=network.n_parameters), uniform(60, 2)
    state = Thinned.whole(network, theta, None)
    shares = np.full(60, 1 / 60)
    chain = state.chain(x, shares)
    assert np.allclose(chain.output, network(theta, x), rtol=1e-13)
    gone = {number: np.zeros_like(mask) for number, mask in state.masks.items()}
    gone[4][0, 1] = True  # of the affine map, which had no bias
    slim = state.without(gone, chain)
    own = next(iter(chain.edges(4)))[:, 1]
    after = slim.chain(x, shares).output
    assert np.allclose(after[:, 0], chain.output[:, 0])
    assert np.allclose(after[:, 1], chain.output[:, 1] - own)
    gone = {number: np.zeros_like(mask) for number, mask in state.masks.items()}
    gone[1][0, 0] = gone[3][:, 1] = True  # all edges to a node of the third layer: a constant
    slim = state.without(gone, chain)
    want = [chain.values(1).copy(), chain.values(3).copy()]
    want[0][:, 0] -= next(iter(chain.edges(1)))[:, 0]
    assert np.allclose(slim.chain(x, shares).values(1), want[0])
    assert np.allclose(slim.chain(x, shares).values(3)[:, 1], want[1][:, 1].mean())
    narrow = slim.narrowed(slim.chain(x, shares))
    assert [layer.n_out for layer in narrow.network.layers] == [2, 3, 3, 1, 2]
    assert np.allclose(narrow.chain(x, shares).output, slim.chain(x, shares).output, rtol=1e-10)
    assert narrow.network.layers[4].n_in == 1


def test_a_node_that_no_edge_leaves_goes_with_the_edges_that_enter_it():
    network = sk.KAN.splines([2, 3, 2, 1], intervals=2)
    theta, x = np.random.default_rng(0).normal(size=network.n_parameters), uniform(40, 2, low=0.0)
    state, shares = Thinned.whole(network, theta, None), np.full(40, 1 / 40)
    gone = {number: np.zeros_like(mask) for number, mask in state.masks.items()}
    gone[2][1, 0] = True  # node 2 of the second hidden layer leads nowhere
    gone[1][0, 0] = gone[1][1, 0] = True  # and nodes 1, 2 of the first lead to it only
    chain = state.chain(x, shares)
    slim = state.without(gone, chain)
    narrow = slim.narrowed(slim.chain(x, shares))
    assert [layer.n_in for layer in narrow.network.layers] == [2, 1, 1]
    assert narrow.labels[1].tolist() == [2]
    assert np.allclose(narrow.chain(x, shares).output, slim.chain(x, shares).output, rtol=1e-12)


def test_a_mean_that_moved_to_an_edge_moves_on_when_that_edge_goes_too():
    network = sk.KAN.splines([2, 2, 1], intervals=2)
    theta, x = np.random.default_rng(3).normal(size=network.n_parameters), uniform(40, 2, low=0.0)
    state, shares = Thinned.whole(network, theta, None), np.full(40, 1 / 40)
    chain = state.chain(x, shares)
    gone = {number: np.zeros_like(mask) for number, mask in state.masks.items()}
    gone[0][:, 0] = True  # the first node is a constant
    gone[1][1, 0] = True  # and the second leads nowhere: its mean moves to the edge from the first
    narrow = state.without(gone, chain).narrowed(chain)
    assert [layer.n_in for layer in narrow.network.layers] == [2, 1]
    assert narrow.n_edges == 0
    assert np.allclose(narrow.chain(x, shares).output, chain.output.mean(), rtol=1e-12)


def test_a_removed_node_that_others_can_replace():
    """Two equal hidden nodes: half of the output passes through each, and removing one costs nothing."""
    x = uniform(300, 2)
    y = np.exp(x[:, 0] + x[:, 1] ** 2)
    one = trained(sk.KAN.splines([2, 1, 1], 3, 4, (-1, 1)), x, y)
    assert one.score(x, y) > 1 - 1e-6
    network = sk.KAN.splines([2, 2, 1], 3, 4, (-1, 1))
    theta = np.zeros(network.n_parameters)
    first, second = network.unpack(theta)
    old = one.network.unpack(one.theta)
    first["coefficients"][:] = old[0]["coefficients"]
    second["coefficients"][:] = old[1]["coefficients"] / 2
    twins = sk.Model(network, theta)
    assert np.allclose(twins(x), one(x))
    found = sk.prune(twins, x, y)
    assert found.widths == (2, 1, 1)
    assert found.loss_after <= 1.01 * found.loss_before
    # Edges of both nodes carry a part, and none of them is needed.
    assert any(each.removed and each.share > 0.1 for each in found.removals)


def test_an_affine_map_first():
    x = uniform(400, 3)
    y = np.sin(2 * (x[:, 0] + 0.5 * x[:, 1]))
    model = sk.fit(x, y, hidden=(2,), first="affine", levels=2)
    found = sk.prune(model, x, y)
    assert found.widths == (3, 1, 1)
    assert found.idle == ("x3",)
    assert found.model.score(x, y) > 1 - 1e-7


def test_a_base_branch_another_basis_and_normalisers_between():
    x = uniform(300, 2)
    y = np.sin(2 * x[:, 0])
    knots = sk.KnotVector.uniform(-1, 1, 3, 3)
    network = sk.KAN(
        (
            sk.SplineLayer(2, 2, knots, base="silu"),
            sk.Normalizer(2, "tanh", (-1.0, 1.0)),
            sk.SplineLayer(2, 1, knots, base="identity"),
        )
    )
    model = trained(network, x, y, iterations=100)
    for each in (model, model.with_basis("relu")):
        found = sk.prune(each, x, y)
        assert found.idle == ("x2",)
        assert found.widths == (2, 1, 1)
        assert found.loss_after < max(1.5 * found.loss_before, 1e-7)
        there = found.edges[0]
        assert there.tolist() == [[True], [False]]
        zeros = found.model.theta[found.model.network.indices(0, 1, 0)]
        assert (zeros == 0).all()


def test_several_outputs():
    x = uniform(400, 3)
    Y = np.column_stack([np.sin(2 * x[:, 0]), 100 * x[:, 1] ** 2])
    model = sk.fit(x, Y, hidden=(), levels=2)
    found = sk.prune(model, x, Y)
    assert found.edges[1].tolist() == [[True, False], [False, True], [False, False]]
    assert found.model.score(x, Y) > 1 - 1e-5


def test_an_output_that_is_constant_keeps_its_constant():
    rng = np.random.default_rng(0)
    x = uniform(200, 2)
    y = 5 + rng.normal(size=200)
    model = sk.fit(x, y, hidden=(), levels=2)
    found = sk.prune(model, x, y)
    assert found.idle == ("x1", "x2")
    assert np.allclose(found.model(x), y.mean(), atol=1e-2)
    assert found.widths == (2, 1)
    deep = sk.prune(sk.fit(x, y, hidden=(2,), first="splines", levels=1), x, y)
    assert np.ptp(deep.model(x)) < 1e-9
    assert np.isclose(deep.model(x)[0, 0], y.mean(), atol=1e-2)


def test_labels_and_counts():
    rng = np.random.default_rng(2)
    x = uniform(600, 3)
    p = 1 / (1 + np.exp(-3 * np.sin(2 * x[:, 0])))
    labels = (rng.uniform(size=600) < p).astype(float)
    found = sk.prune(sk.fit(x, labels, hidden=(), loss="logistic"), x, labels)
    assert found.idle == ("x2", "x3")
    counts = rng.poisson(np.exp(1 + x[:, 1])).astype(float)
    found = sk.prune(sk.fit(x, counts, hidden=(), loss="poisson"), x, counts)
    assert found.idle == ("x1", "x3")


def test_robust_losses_have_to_be_given():
    rng = np.random.default_rng(3)
    x = uniform(300, 2)
    y = np.sin(2 * x[:, 0]) + 0.05 * rng.normal(size=300) + 9 * (rng.uniform(size=300) < 0.05)
    model = sk.fit(x, y, hidden=(), loss="huber")
    with pytest.raises(ValueError, match="loss must be given in the units of y"):
        sk.prune(model, x, y)
    found = sk.prune(model, x, y, loss=sk.Huber(0.2))
    assert found.idle == ("x2",)


def test_weights_are_multiplicities():
    x = uniform(80, 3)
    y = np.sin(2 * x[:, 0]) + 0.1 * np.random.default_rng(4).normal(size=80)
    counts = np.arange(80) % 3
    model = sk.fit(x, y, hidden=(), sample_weight=counts)
    weighted = sk.prune(model, x, y, sample_weight=counts)
    repeated = sk.prune(model, np.repeat(x, counts, axis=0), np.repeat(y, counts))
    assert np.array_equal(weighted.model.theta, repeated.model.theta)
    assert weighted.removals == repeated.removals


def test_samples_beyond_the_domain_of_splines_are_not_warned_of_again():
    x = uniform(100, 2)
    y = np.sin(2 * x[:, 0])
    with pytest.warns(sk.DomainWarning):
        model = trained(sk.KAN.splines([2, 1], 3, 3, (-0.5, 0.5)), x, y)
    assert sk.prune(model, x, y).idle == ("x2",)
    assert np.isfinite(sk.confidence_bands(model, x, y)(x).half_width).all()


def test_tolerance_and_attempts():
    x = uniform(300, 3)
    y = np.sin(2 * x[:, 0]) + 0.03 * x[:, 1] + 0.1 * np.random.default_rng(5).normal(size=300)
    model = sk.fit(x, y, hidden=(), levels=2)
    strict = sk.prune(model, x, y, tolerance=0.0)
    assert strict.loss_after <= strict.loss_before * (1 + 1e-9)
    generous = sk.prune(model, x, y, tolerance=0.5)
    assert generous.idle == ("x2", "x3")
    everything = sk.prune(model, x, y, tolerance=1e6)
    assert everything.idle == ("x1", "x2", "x3")
    none = sk.prune(model, x, y, attempts=0)
    assert none.model is model
    assert none.reason == "0 attempts"
    assert len(sk.prune(model, x, y, attempts=1).removals) == 1


def test_pruned_models_are_saved_and_loaded(tmp_path):
    x = uniform(200, 2)
    y = np.sin(2 * x[:, 0])
    found = sk.prune(sk.fit(x, y, hidden=(2,), first="splines", levels=1), x, y)
    sk.save(tmp_path / "model.npz", found.model)
    again = sk.load(tmp_path / "model.npz")
    assert np.array_equal(again(x), found.model(x))
    assert again.record.weights == found.model.record.weights
    assert again.record.noise == found.model.record.noise


X = uniform(20, 2)
Y = X[:, 0]
MODEL = trained(sk.KAN.splines([2, 1], 1, 1, (-1, 1)), X, Y)
BAD = [
    ({"model": "m"}, TypeError, "model must be"),
    ({"X": X[:, :1]}, ValueError, "X must have shape"),
    ({"y": Y[:3]}, ValueError, "y must have shape"),
    ({"y": np.full(20, np.nan)}, ValueError, "y must be finite"),
    ({"tolerance": -1.0}, ValueError, "tolerance must be at least"),
    ({"floor": -1.0}, ValueError, "floor must be in"),
    ({"refinements": 3}, ValueError, "refinements must be between 0 and 2"),
    ({"attempts": -1}, ValueError, "attempts must be at least"),
    ({"attempts": 1.5}, TypeError, "attempts must be an integer"),
    ({"loss": "quantile"}, ValueError, "loss must be given in the units of y"),
    ({"loss": 3}, TypeError, "loss must be a name or a loss"),
    ({"loss": sk.Huber}, TypeError, "loss must be a name or a loss"),
    ({"loss": "nothing"}, ValueError, "must be one of"),
    ({"loss": "poisson", "y": -np.ones(20)}, ValueError, "y must"),
    ({"sample_weight": np.zeros(20)}, ValueError, "sample_weight must not be 0"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_arguments(change, error, message):
    arguments = {"model": MODEL, "X": X, "y": Y} | change
    with pytest.raises(error, match=message):
        sk.prune(arguments.pop("model"), arguments.pop("X"), arguments.pop("y"), **arguments)


def test_networks_that_are_too_large_or_of_other_layers_are_refused():
    large = sk.KAN.splines([2, 60, 20, 1], 3, 3)
    with pytest.raises(ValueError, match="model must have at most 3000 parameters"):
        sk.prune(sk.Model(large, np.zeros(large.n_parameters)), X, Y)

    class Mine(sk.SplineLayer):
        pass

    other = sk.KAN((Mine(2, 1, sk.KnotVector.uniform(0, 1, 1, 1)),))
    with pytest.raises(ValueError, match="model must have spline layers"):
        sk.prune(sk.Model(other, np.zeros(4)), X, Y)
