"""Coarsened models stay within the bound that comes with them, on the bounds and for every extrapolation."""

import cases
import numpy as np
import pytest
import sympy

import splinekan as sk
from splinekan.equations import Features
from splinekan.model import Coarsened, Model
from splinekan.model.enclosures import Box, edges_of, step, through

NETWORKS = {name: net for name, net in cases.networks().items() if cases.bounded(net)}
WIDE = ((-0.4, 1.5), (-0.2, 1.3))
"""Beyond the domains of the splines."""


def box_points(bounds, n=600, seed=0):
    """Points of a box, its corners, points of its sides, and their neighbours."""
    rng = np.random.default_rng(seed)
    low, high = np.array(bounds, float).T
    share = rng.uniform(0, 1, (n, len(low)))
    sides = np.round(rng.uniform(0, 1, (n // 2, len(low))))
    mixed = np.where(rng.uniform(size=sides.shape) < 0.5, sides, share[: n // 2])
    points = low + (high - low) * np.vstack([share, mixed, sides])
    return np.clip(points, low, high)


def difference(first, second, bounds):
    x = box_points(bounds)
    return np.abs(first(x) - second(x)).max(axis=0)


def wiggly(net, seed=0, size=0.3):
    return Model(net, size * np.random.default_rng(seed).normal(size=net.n_parameters))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_the_bound_holds_and_the_tolerance_is_kept(name, basis):
    net = NETWORKS[name]
    if basis == "relu" and not cases.has_relu_basis(net):
        return
    model = wiggly(net).with_basis(basis).refine()
    sizes = []
    for tolerance in (0.0, 0.03, 0.5, 20.0):
        coarse, change = model.coarsen(tolerance, WIDE)
        sizes.append(coarse.n_parameters)
        assert (difference(model, coarse, WIDE) <= change).all()
        assert (change <= max(tolerance, 1e-6)).all()
        assert coarse.network.layers[-1].n_out == net.n_out
        assert [type(layer) for layer in coarse.network.layers] == [type(layer) for layer in net.layers]
        assert coarse.network.with_basis(basis).layers == coarse.network.layers or coarse.basis == basis
    assert sizes == sorted(sizes, reverse=True)  # monotone in the tolerance
    if net.intervals > 2 and name not in ("repeated", "periodic"):
        assert sizes[-1] < net.n_parameters <= model.n_parameters


@pytest.mark.parametrize("mode", cases.MODES)
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5])
def test_every_extrapolation(mode, degree):
    for seed in range(2):
        knots = sk.KnotVector.uniform(0, 1, 6, degree)
        net = sk.KAN(
            [sk.SplineLayer(2, 3, knots, None, mode), sk.SplineLayer(3, 2, knots, None, mode, base="silu")]
        )
        model = wiggly(net, seed, 0.2)
        for tolerance in (0.02, 0.5):
            for bounds in (((0, 1), (0, 1)), WIDE):
                coarse, change = model.coarsen(tolerance, bounds)
                assert (change <= tolerance).all()
                assert (difference(model, coarse, bounds) <= change).all()


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"repeated", "periodic"}))
def test_refined_models_are_recovered(name):
    model = wiggly(NETWORKS[name])
    coarse, change = model.refine(2).coarsen(0, WIDE)
    assert change.max(initial=0.0) < 1e-8
    assert coarse.n_parameters == model.n_parameters
    np.testing.assert_allclose(coarse(box_points(WIDE)), model(box_points(WIDE)), atol=1e-11)
    for mine, other in zip(coarse.network.layers, model.network.layers, strict=True):
        for knots, wanted in zip(getattr(mine, "knots", ()), getattr(other, "knots", ()), strict=True):
            np.testing.assert_array_equal(knots.inner, wanted.inner)


def test_periodic_models_are_recovered():
    angle = sk.KnotVector.uniform(0, 1, 8, 3, periodic=True)
    net = sk.KAN(
        [
            sk.Normalizer(2, "affine", source=[(0, 360), (0, 2)]),
            sk.SplineLayer(2, 3, [angle, sk.KnotVector.uniform(0, 1, 3, 3)]),
            sk.SplineLayer(3, 1, sk.KnotVector.uniform(0, 1, 3, 3)),
        ]
    )
    model = wiggly(net)
    coarse, change = model.refine().coarsen(0, [(-500, 900), (0, 2)])
    assert change[0] < 1e-9
    assert [layer.knots for layer in coarse.network.layers[1:]] == [layer.knots for layer in net.layers[1:]]
    np.testing.assert_allclose(coarse.theta, model.theta, atol=1e-12)


def test_layers_in_front_of_a_jump_are_left_alone():
    model = wiggly(NETWORKS["repeated"]).refine()
    coarse, change = model.coarsen(1.0, WIDE)
    assert coarse.network.layers[0] is model.network.layers[0]
    assert 0 < change.max() <= 1.0
    step_function = sk.KAN([sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 8, 3)), *constant_layers()])
    assert wiggly(step_function).coarsen(0.1)[1] <= 0.1


def test_layers_in_front_of_a_layer_that_refuses_values_are_left_alone():
    first = sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 8, 3))
    for domain, removed in (((-9, 9), True), ((0, 1), False)):
        second = sk.SplineLayer(1, 1, sk.KnotVector.uniform(*domain, 8, 3), extrapolate="error")
        coarse, change = wiggly(sk.KAN([first, second]), 1).coarsen(5.0)
        assert (coarse.network.layers[0] is not first) == removed
        assert 0 < change[0] <= 5.0


def constant_layers():
    return [sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 8, 0))]


def test_tolerances_for_each_output_and_units():
    net = sk.KAN(
        [*sk.KAN.splines([2, 3, 2], 3, 12).layers, sk.Normalizer(2, "affine", [(0, 1e6), (0, 1e-3)])]
    )
    model = wiggly(net)
    coarse, change = model.coarsen([1e5, 1e-4])
    assert coarse.n_parameters < model.n_parameters
    assert (change <= [1e5, 1e-4]).all()
    assert (difference(model, coarse, ((0, 1), (0, 1))) <= change).all()
    assert model.coarsen([1e5, 1e-7]).model.n_parameters > coarse.n_parameters


def test_fitted_models_get_smaller():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (1000, 2)) * [1e5, 1e-3]
    y = np.exp(np.sin(np.pi * x[:, 0] / 1e5) + (1e3 * x[:, 1]) ** 2)
    model = sk.fit(x, y, [3], levels=4)
    found = model.coarsen(0.1)
    assert isinstance(found, Coarsened)
    assert found.model.n_parameters < 0.6 * model.n_parameters
    assert found.model.record is model.record
    assert 0.005 < difference(model, found.model, model.record.bounds)[0] <= found.change[0] <= 0.1


def test_bounds_and_features():
    x = sympy.Symbol("x")
    net = sk.KAN.splines([2, 1], 3, 8, (-1, 1))
    features = Features([x], [abs(x)], [(0, 2)])
    model = Model(net, np.random.default_rng(0).normal(size=net.n_parameters), features)
    coarse, change = model.coarsen(0.5)
    points = np.linspace(0, 1, 2001)[:, None]  # where |x| is in the domain
    assert coarse.features is features
    assert coarse.n_parameters < model.n_parameters
    assert np.abs(coarse(points) - model(points)).max() <= change[0] <= 0.5
    with pytest.raises(ValueError, match="bounds must be None for a model with features"):
        model.coarsen(0.5, (0, 1))
    affine = wiggly(NETWORKS["affine-first"])
    with pytest.raises(ValueError, match="bounds must be given"):
        affine.coarsen(0.1)
    assert affine.coarsen(0.1, (0, 1)).change.max() <= 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0,), "tolerance must be at least 0"),
        (([0.1, -1.0],), "tolerance must not be negative"),
        ((True,), "tolerance must be a real number"),
        ((np.nan,), "tolerance must be finite"),
        (([1.0, 2.0, 3.0],), "tolerance must have shape"),
        (("a",), "tolerance must be"),
        ((0.1, (1, 0)), "bounds must be increasing"),
        ((0.1, [(0, 1)] * 3), "bounds must be one pair"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        wiggly(NETWORKS["splines"]).coarsen(*arguments)


def test_layers_of_other_classes_are_refused():
    class Mine(sk.Affine):
        pass

    net = sk.KAN([Mine(2, 2), sk.SplineLayer(2, 1, sk.KnotVector.uniform(0, 1, 4, 3))])
    with pytest.raises(TypeError, match="Mine has no bounds"):
        wiggly(net).coarsen(0.1, (0, 1))
    with pytest.raises(TypeError, match="Sum has no bounds"):
        wiggly(cases.networks()["formulas"]).coarsen(0.1, (0, 1))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("bounds", [((0, 1), (0, 1)), WIDE])
def test_ranges_contain_what_layers_do(name, bounds):
    model = wiggly(NETWORKS[name], size=0.5)
    low, high = np.array(bounds, float).T
    pieces = [
        edges_of(layer, piece) if isinstance(layer, sk.SplineLayer) else piece
        for layer, piece in model.network._pieces(model.theta)
    ]
    boxes = through(model.network, pieces, Box(low, high, np.zeros(2)), [None] * len(pieces))
    at = model.network.linearize(model.theta, box_points(bounds))
    for values, box in zip([*at.inputs, at.output], boxes, strict=True):
        assert (values >= box.low).all()
        assert (values <= box.high).all()
        assert not box.moved.any()


@pytest.mark.parametrize(
    "name",
    [name for name in cases.layers() if not name.startswith("tensor") and name not in cases.formulas()],
)
@pytest.mark.parametrize("size", [1e-6, 0.1, 1.0])
def test_what_moves_the_inputs_moves_the_outputs_by_no_more(name, size):
    layer = cases.layers()[name]
    if layer.n_parameters and getattr(layer, "basis", "spline") == "relu":
        return
    rng = np.random.default_rng(0)
    params, low, high = rng.normal(size=layer.n_parameters), np.array([-0.2, 0.1]), np.array([0.7, 1.6])
    piece = edges_of(layer, params) if isinstance(layer, sk.SplineLayer) else params
    moved = step(layer, piece, Box(low, high, np.full(2, size))).moved
    x = rng.uniform(low, high, (20000, 2))
    change = np.abs(layer.value(params, x + rng.uniform(-size, size, x.shape)) - layer.value(params, x))
    assert (change.max(axis=0) <= moved).all()
    if name not in ("periodic, constant", "repeated"):
        assert (moved < 60 * size).all()


def test_the_bound_is_sharp_where_it_can_be():
    rng = np.random.default_rng(1)
    knots = sk.KnotVector.uniform(0, 1, 16, 3)
    edge = sk.KAN([sk.SplineLayer(1, 1, knots)])
    wiggles = rng.normal(size=edge.n_parameters)
    for tolerance in (0.1, 0.5, 1.0):
        model = Model(edge, wiggles)
        coarse, change = model.coarsen(tolerance)
        assert 0.3 * change <= difference(model, coarse, [(0, 1)]) <= change <= tolerance
    # A second layer that is linear multiplies every change by its slope, on its domain and beyond.
    for slope, domain in ((7.0, (-20, 20)), (-0.5, (0, 0.1))):
        line = sk.KnotVector.uniform(*domain, 4, 3)
        net = sk.KAN([sk.SplineLayer(1, 1, knots), sk.SplineLayer(1, 1, line)])
        model = Model(net, np.concatenate([wiggles, slope * line.greville]))
        coarse, change = model.coarsen(abs(slope))
        assert coarse.network.layers[1].intervals == 1
        assert 0.3 * change <= difference(model, coarse, [(0, 1)]) <= change <= abs(slope)


def test_changes_of_the_continuation_count():
    """Knots beside the end bend the continuation, far more than they change the spline inside."""
    knots = sk.KnotVector.uniform(0, 1, 8, 3)
    net = sk.KAN([sk.SplineLayer(1, 1, knots)])
    model = wiggly(net, 3)
    for far in (10.0, 100.0):
        coarse, change = model.coarsen(1.0, [(-far, far)])
        assert 0.1 * change <= difference(model, coarse, [(-far, far)]) <= change <= 1.0
        assert coarse.n_parameters >= model.coarsen(1.0).model.n_parameters


def test_the_bound_is_within_a_tolerance_where_layers_amplify_rounding():
    """Continuations beyond the domain multiply what rounding may do: knots then stay, needed or not."""
    knots = sk.KnotVector.clamped([-1.0, -1 + 1e-6, -1 + 2e-6, 1.0], 4)
    layers = [sk.SplineLayer(1, 1, knots, extrapolate="polynomial") for _ in range(3)]
    network = sk.KAN(tuple(layers))
    theta = np.random.default_rng(0).normal(size=network.n_parameters)
    model = sk.Model(network, theta).refine()
    for tolerance in (1e-6, 1e-2):
        coarse, change = model.coarsen(tolerance, bounds=(-1, 1))
        assert (change <= tolerance).all()
        x = np.linspace(-1, 1, 1001)[:, None]
        assert (np.abs(coarse(x) - model(x)).max(axis=0) <= change).all()
