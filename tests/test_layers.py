"""Layers: what may enter them, and what they store."""

import numpy as np
import pytest
from cases import layers

import splinekan as sk
from splinekan.network import Linearization
from splinekan.network.jets import Jets
from splinekan.network.layer import PROTOCOL, Directions
from splinekan.network.slot import Slot

KNOTS = sk.uniform_knots(0, 1, 5, 3)
LAYERS = layers()
SPLINE = LAYERS["spline"]
N, CHANNELS = 6, 4
RNG = np.random.default_rng(0)


def arguments(layer, method, dtype=np.float64):
    """Fitting arguments of a method, by name."""
    jets = method.startswith("jet")
    rows = (N, CHANNELS) if jets else (N,)
    shapes = {
        "params": (layer.n_parameters,),
        "x": (*rows, 2),
        "dparams": (layer.n_parameters,),
        "dx": (*rows, 2),
        "gy": (*rows, layer.n_out),
        "dgy": (*rows, layer.n_out),
        "v": (*rows, layer.n_out),
    }
    names = {
        "value": ("params", "x"),
        "jvp": ("params", "x", "dparams", "dx"),
        "vjp": ("params", "x", "gy"),
        "vjp_tangent": ("params", "x", "gy", "dparams", "dx", "dgy"),
        "jacobian_rows": ("params", "x", "v"),
        "jet_value": ("params", "x"),
        "jet_vjp": ("params", "x", "gy"),
        "jet_jacobian_rows": ("params", "x", "v"),
    }[method]
    rng = np.random.default_rng(3)
    found = {name: rng.normal(size=shapes[name]).astype(dtype) for name in names}
    if jets:
        found["directions"] = Directions((2, 1))
    if method.endswith("rows"):
        columns = sum(layer.segment_lengths), len(layer.segment_lengths)
        found["slot"] = Slot(
            np.zeros((N, columns[0]), dtype), np.zeros((N, columns[1]), np.int64), 0, 0, 0, 1, 0
        )
    if method.endswith(("vjp", "rows", "tangent")):
        found["want_x"] = True
    return found


METHODS = (
    *("value", "jvp", "vjp", "vjp_tangent", "jacobian_rows"),
    *("jet_value", "jet_vjp", "jet_jacobian_rows"),
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LAYERS)
def test_arrays_of_other_shapes_and_kinds_are_refused_by_name(name, method):
    layer = LAYERS[name]
    call, good = getattr(layer, method), arguments(layer, method)
    for key, value in good.items():
        if key in ("directions", "slot", "want_x"):
            with pytest.raises(TypeError, match=key):
                call(**{**good, key: "yes"})
            continue
        longer, wider = np.zeros((len(value) + 1, *value.shape[1:])), np.zeros((*value.shape, 1))
        alone = key == "x" and method.endswith("value")  # then any number of samples fits
        for bad in (wider, np.zeros(()), *(() if alone else (longer,))):
            with pytest.raises(ValueError, match=r"must have shape|slot"):
                call(**{**good, key: bad})
        masked = np.ma.masked_array(value, np.zeros(value.shape, bool))
        for bad in ("text", value + 1j, masked, None, object()):
            with pytest.raises(TypeError, match=f"^{key} must"):
                call(**{**good, key: bad})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LAYERS)
def test_layouts_and_byte_orders_change_no_bit(name, method):
    layer = LAYERS[name]
    good = arguments(layer, method)
    other = arguments(layer, method)
    for key, value in other.items():
        if isinstance(value, np.ndarray) and value.ndim > 1:
            other[key] = np.asfortranarray(value)
        elif isinstance(value, np.ndarray):
            other[key] = value.astype(">f8")
    want, got = getattr(layer, method)(**good), getattr(layer, method)(**other)
    for one, two in (
        zip(np.atleast_1d(want), np.atleast_1d(got), strict=True)
        if isinstance(want, np.ndarray)
        else zip(want, got, strict=True)
    ):
        np.testing.assert_array_equal(one, two)
    if "slot" in good:
        np.testing.assert_array_equal(good["slot"].values, other["slot"].values)


def test_slots_without_room_are_refused():
    layer, good = SPLINE, arguments(SPLINE, "jacobian_rows")
    values, starts = good["slot"].values, good["slot"].starts
    for slot in (
        Slot(values[:-1], starts, 0, 0, 0, 1, 0),
        Slot(values, starts, 1, 0, 0, 1, 0),
        Slot(values, starts, 0, 1, 0, 1, 0),
        Slot(values, starts, 0, 0, 0, 2, 1),
    ):
        with pytest.raises(ValueError, match="slot"):
            layer.jacobian_rows(**{**good, "slot": slot})
    with pytest.raises(TypeError, match="float64 as x is"):
        layer.jacobian_rows(**{**good, "slot": Slot(values.astype("f4"), starts, 0, 0, 0, 1, 0)})
    with pytest.raises(TypeError, match="values must be a writeable"):
        Slot(np.zeros(3), starts, 0, 0, 0, 1, 0)
    with pytest.raises(ValueError, match="stride must be at least 1"):
        Slot(values, starts, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
def test_sizes_are_kept_as_python_integers(kind):
    hundred = kind(100)
    assert sk.Affine(hundred, hundred).n_parameters == 10_100
    assert sk.SplineLayer(hundred, hundred, KNOTS, kind(3)).n_parameters == 80_000
    assert sk.MLP([hundred, hundred, hundred]).n_parameters == 20_200
    assert sk.KAN.splines([hundred, hundred], kind(3), kind(100)).n_parameters == 1_030_000
    for layer in (sk.Activation(hundred, degree=kind(3)), sk.Normalizer(hundred)):
        assert type(layer.width) is type(layer.n_in) is int
    assert type(sk.SplineLayer(kind(1), kind(1), KNOTS, kind(3)).degree) is int


def test_what_is_no_layer_is_refused():
    class Half:
        n_in = n_out = 1

    with pytest.raises(TypeError, match=r"layers\[1\] must be a layer: .* no n_parameters, segment_lengths"):
        sk.KAN.chain([sk.Affine(1, 1), Half()])
    with pytest.raises(TypeError, match=r"layers\[0\] must be a layer: .* has no n_in, n_out"):
        sk.KAN.chain([sk.Affine])
    for bad in (None, 3, "ab"):
        with pytest.raises(TypeError, match="layers"):
            sk.KAN(bad)
    assert {"value", "jet_jacobian_rows", "n_in", "with_basis", "prolongation"} <= set(PROTOCOL)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: sk.KAN.splines("24"), TypeError, "widths"),
        (lambda: sk.KAN.splines([2, "4"]), TypeError, r"widths\[1\]"),
        (lambda: sk.KAN.splines([2]), ValueError, "widths"),
        (lambda: sk.KAN.splines([2**40, 2**40]), MemoryError, "widths"),
        (lambda: sk.KAN.splines([1, 1], intervals=2**50), MemoryError, "intervals"),
        (lambda: sk.KAN.affine_first([2, 5, 1], domain=[(0, 1), (0, 1)]), TypeError, "domain"),
        (lambda: sk.MLP([1, 1], "swish"), ValueError, "activation"),
        (lambda: sk.MLP([1, 1], degree=0), ValueError, "degree"),
        (lambda: sk.Affine(2**40, 3), MemoryError, "n_in"),
        (lambda: sk.Affine(2, 3, 1), TypeError, "bias"),
        (lambda: sk.Activation(2, "tanh", 10**400), ValueError, "degree"),
        (lambda: sk.Affine(2, 3).with_basis("fourier"), ValueError, "basis"),
        (lambda: Directions((1.0,)), TypeError, "orders"),
        (lambda: Directions("12"), TypeError, "orders"),
        (lambda: Directions((0,)), ValueError, "order 1 to 4"),
    ],
)
def test_bad_descriptions(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


NET = sk.KAN.splines([2, 3, 1], intervals=4)
THETA, X = RNG.normal(size=NET.n_parameters), RNG.uniform(size=(N, 2))
AT = NET.linearize(THETA, X)
JETS = Jets.of(NET, THETA, RNG.normal(size=(N, CHANNELS, 2)), Directions((2, 1)))
LONG = np.append(THETA, 0.0)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: NET(LONG, X), "theta"),
        (lambda: NET(THETA[:-1], X), "theta"),
        (lambda: NET.jvp(THETA, X, LONG), "v"),
        (lambda: NET.vjp(THETA, X, np.ones((N, 2))), "gy"),
        (lambda: NET.to_basis(LONG, "relu"), "theta"),
        (lambda: AT.jvp(LONG), "v"),
        (lambda: AT.tangents(LONG), "v"),
        (lambda: AT.vjp(np.ones((N + 1, 1))), "gy"),
        (lambda: AT.vjp_tangent(np.ones((N, 1)), LONG), "v"),
        (lambda: AT.vjp_tangent(np.ones((N, 1)), THETA, np.ones(N)), "dgy"),
        (lambda: Linearization(NET, THETA, AT.inputs, AT.output[1:]), "output"),
        (lambda: Linearization(NET, THETA, AT.inputs[1:], AT.output), "inputs"),
        (lambda: NET.jacobian(THETA, X).matvec(LONG), "v"),
        (lambda: NET.jacobian(THETA, X).rmatvec(np.ones(N + 1)), "r"),
        (lambda: NET.coordinates("relu").apply(LONG), "v"),
        (lambda: NET.coordinates("relu").solve(THETA[:-1]), "v"),
        (lambda: NET.coordinates("relu").apply_transpose(np.ones((2, 2, 2))), "v"),
        (lambda: NET.coordinates("spline").solve_transpose(LONG), "v"),  # the identity looks too
        (lambda: Jets.of(NET, LONG, JETS.inputs[0], JETS.directions), "theta"),
        (lambda: Jets.of(NET, THETA, X, JETS.directions), "x"),
        (lambda: JETS.vjp(JETS.output[:, :1]), "v"),
        (lambda: JETS.rows(JETS.output[:-1]), "v"),
    ],
)
def test_wrong_lengths_are_refused(call, name):
    with pytest.raises(ValueError, match=f"{name} must"):
        call()


def test_views_need_memory_of_their_own():
    with pytest.raises(ValueError, match="contiguous"):
        NET.unpack(np.zeros(2 * len(THETA))[::2])
    with pytest.raises(ValueError, match="theta must have shape"):
        NET.unpack(LONG)
    for bad in (THETA.astype("f4"), THETA.tolist(), np.ma.masked_array(THETA, False), THETA + 0j):
        with pytest.raises(TypeError, match="theta must be a float64 array"):
            NET.unpack(bad)
    frozen = THETA.copy()
    frozen.flags.writeable = False
    view = NET.unpack(frozen)[0]["coefficients"]
    assert not view.flags.writeable
    assert np.shares_memory(view, frozen)


def test_arrays_of_other_kinds_as_data():
    want = NET(THETA, X)
    np.testing.assert_array_equal(NET(THETA.tolist(), X.tolist()), want)
    np.testing.assert_array_equal(NET(THETA[None].view(np.matrix).A1, X.astype(">f8")), want)
    with pytest.raises(TypeError, match="masked"):
        NET(THETA, np.ma.masked_array(X, X > 0.5))
    with pytest.raises(TypeError, match="complex"):
        NET(THETA, X + 0j)
    assert NET(np.round(THETA).astype(int), X).dtype == np.float64


def test_overflow_is_infinite_and_silent():
    net = sk.KAN.affine_first([2, 3, 1], intervals=4)
    theta = np.full(net.n_parameters, 1e300)
    assert not np.isfinite(net(theta, X)).any()
    assert not np.isfinite(net(np.full(net.n_parameters, 1e39), X.astype("f4"))).any()
    objective = sk.LeastSquares(net, X, np.ones(N))
    assert not np.isfinite(objective.value_and_gradient(theta)[0])
    assert np.isnan(objective.value(np.full(net.n_parameters, np.nan)))
