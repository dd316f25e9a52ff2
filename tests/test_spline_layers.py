"""Spline layers: knots for every input, periods, base branches, finer layers."""

import warnings

import mpmath
import numpy as np
import pytest
import scipy
from cases import EPS, has_relu_basis, layers, networks, start

import splinekan as sk
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions
from splinekan.network.slot import Slot

EVEN = sk.KnotVector.uniform(0, 1, 5, 3)
FINE = sk.KnotVector.extended([-1, -0.3, 0.1, 1], 3)
CYCLIC = sk.KnotVector.uniform(0, 1, 9, 3, periodic=True)
REPEATED = sk.KnotVector.clamped([-1, 0, 0.2, 1], 3, [4, 2])
SPLINES = {name: layer for name, layer in layers().items() if isinstance(layer, sk.SplineLayer)}
rng = np.random.default_rng(0)
X, DX, GY = rng.uniform(-1.5, 2, (700, 4)), rng.normal(size=(700, 4)), rng.normal(size=(700, 3))


def everything(layer, params, x, dparams, dx, gy):
    """What all methods return, and the Jacobian rows."""
    directions = Directions((2,))
    channels, v = np.stack([x, dx, dx], axis=1), np.stack([gy, gy, 2 * gy], axis=1)
    lengths = layer.segment_lengths
    slots = [
        Slot(np.zeros((len(x), sum(lengths))), np.zeros((len(x), len(lengths)), np.int64), 0, 0, 0, 1, 0)
        for _ in range(2)
    ]
    return [
        layer.value(params, x),
        layer.jvp(params, x, dparams, dx),
        *layer.vjp(params, x, gy, True),
        *layer.vjp_tangent(params, x, gy, dparams, dx, gy, True),
        layer.jacobian_rows(params, x, gy, slots[0], True),
        layer.jet_value(params, channels, directions),
        *layer.jet_vjp(params, channels, v, directions, True),
        layer.jet_jacobian_rows(params, channels, v, directions, slots[1], True),
        *(array for slot in slots for array in (slot.values, slot.starts)),
    ]


@pytest.mark.parametrize("base", [None, "silu"])
@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_equal_knots_given_for_all_or_for_each_input_are_the_same_to_the_bit(basis, base):
    one = sk.SplineLayer(4, 3, EVEN, basis=basis, base=base)
    params, dparams = rng.normal(size=(2, one.n_parameters))
    want = everything(one, params, X, dparams, DX, GY)
    for knots in ([EVEN] * 4, [EVEN.t] * 4, [EVEN, EVEN.t.tolist(), EVEN, EVEN.t], np.tile(EVEN.t, (4, 1))):
        each = sk.SplineLayer(4, 3, knots, basis=basis, base=base)
        assert each.common_knots == EVEN
        assert len(each.edges) == 1
        for got, expected in zip(everything(each, params, X, dparams, DX, GY), want, strict=True):
            assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("base", [None, "identity", "silu"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_layer_is_the_sum_of_its_inputs(dtype, base):
    knots = [EVEN, EVEN, FINE, EVEN if base else CYCLIC]
    layer = sk.SplineLayer(4, 3, knots, base=base)
    assert [edges.n_in for edges in layer.edges] == [2, 1, 1]
    params = rng.normal(size=layer.n_parameters).astype(dtype)
    views, total = layer.unpack(params), 0.0
    x = X.astype(dtype)
    for p, each in enumerate(knots):
        own = [views["coefficients"][p].ravel(), *([views["base"][p]] if base else [])]
        alone = sk.SplineLayer(1, 3, each, base=base)
        total = total + alone.value(np.concatenate(own), x[:, p : p + 1])
    np.testing.assert_allclose(
        layer.value(params, x), total, atol=20 * np.finfo(dtype).eps * abs(total).max()
    )
    views["coefficients"][2][0, 0] = 7  # a view
    assert params[layer.edges[1].start] == 7


def test_what_a_layer_says_of_its_knots():
    layer = sk.SplineLayer(4, 2, [EVEN, EVEN, CYCLIC, REPEATED])
    assert layer.knots == (EVEN, EVEN, CYCLIC, REPEATED)
    assert layer.knots[0] is layer.knots[1]
    assert layer.degree == 3
    assert layer.intervals == 9
    assert layer.domain == ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (-1.0, 1.0))
    assert layer.n_parameters == 2 * (8 + 8 + 9 + REPEATED.n_basis)
    assert [(e.first, e.n_in, e.start, e.stop) for e in layer.edges][:2] == [(0, 2, 0, 32), (2, 1, 32, 50)]
    with pytest.raises(ValueError, match="different knots"):
        _ = layer.common_knots
    assert str(layer) == (
        "SplineLayer(4 -> 2, degree 3, 5 intervals on [0, 1] x 9 intervals on [0, 1], periodic x "
        "3 uneven intervals on [-1, 1], linear beyond, spline basis)"
    )
    assert str(sk.SplineLayer(1, 1, CYCLIC)).endswith("9 intervals on [0, 1], periodic, spline basis)")
    assert str(sk.SplineLayer(1, 1, EVEN, base="silu")).endswith("spline basis, silu base)")
    assert str(sk.SplineLayer(6, 1, [EVEN, FINE] * 3)).count(" x ") == 4
    assert "(6 inputs)" in str(sk.SplineLayer(6, 1, [EVEN, FINE] * 3))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"knots": [EVEN]}, ValueError, "one knot vector or 2 of them, one per input, got 1"),
        ({"knots": [EVEN, sk.KnotVector.uniform(0, 1, 3, 2)]}, ValueError, r"knots\[1\]: degree must be"),
        ({"knots": EVEN, "degree": 2}, ValueError, "degree must be that of the KnotVector, 3"),
        ({"knots": [EVEN, [0, 1]]}, ValueError, r"knots\[1\]: degree 3 needs at least 8 knots"),
        ({"knots": [EVEN, "knots"]}, TypeError, r"knots\[1\]: knots must be"),
        ({"knots": "knots"}, TypeError, "knots must be an array"),
        ({"knots": [EVEN, EVEN], "basis": "fourier"}, ValueError, "basis must be one of"),
        ({"knots": [EVEN, CYCLIC], "basis": "relu"}, ValueError, "no truncated power is periodic"),
        ({"knots": [EVEN, REPEATED], "basis": "relu"}, ValueError, "strictly increasing"),
        ({"knots": [EVEN, CYCLIC], "base": "silu"}, ValueError, "base must be None .* which silu is not"),
        ({"knots": EVEN, "base": "sine"}, ValueError, "base must be one of 'identity', 'silu'"),
        ({"knots": EVEN, "base": True}, ValueError, "base must be one of"),
    ],
)
def test_bad_layers(arguments, kind, message):
    with pytest.raises(kind, match=message):
        sk.SplineLayer(2, 3, **arguments)


def test_degrees_come_from_the_knots_or_are_3():
    assert sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 2, 5)).degree == 5
    assert sk.SplineLayer(1, 1, EVEN.t).degree == 3
    quadratic = sk.KnotVector.uniform(0, 1, 4, 2)
    assert sk.SplineLayer(2, 1, [EVEN.t, quadratic]).degree == 2
    assert sk.SplineLayer(2, 1, [EVEN.t, EVEN.t], 1).intervals == 9


# Periods


def exactly_moved(rng, periods, n=2000):
    """Points x and x + whole periods of 1, with x + periods - periods == x."""
    x = rng.integers(0, 2**40, (n, 1)) / 2.0**40
    shift = rng.integers(-periods, periods + 1, (n, 1)).astype(float)
    moved = x + shift
    assert (moved - shift == x).all()
    return x, moved


@pytest.mark.parametrize("extrapolate", ["linear", "zero", "error"])
@pytest.mark.parametrize("knots", [CYCLIC, sk.KnotVector.extended([0, 0.3, 1], 3, periodic=True)])
def test_a_periodic_network_is_periodic_to_the_bit(knots, extrapolate):
    first = sk.SplineLayer(2, 4, [knots, EVEN], extrapolate=extrapolate)
    net = sk.KAN.chain([first, sk.SplineLayer(4, 1, EVEN)])
    theta = rng.normal(size=net.n_parameters)
    x, moved = exactly_moved(rng, 1000)
    y = rng.uniform(size=x.shape)
    here, there = np.hstack([x, y]), np.hstack([moved, y])
    assert net(theta, here).tobytes() == net(theta, there).tobytes()
    gy = rng.normal(size=(len(x), 1))
    assert net.vjp(theta, here, gy).tobytes() == net.vjp(theta, there, gy).tobytes()
    one, other = net.jacobian(theta, here), net.jacobian(theta, there)
    assert one.values.tobytes() == other.values.tobytes()
    assert one.starts.tobytes() == other.starts.tobytes()
    directions = Directions((4,))
    channels = np.zeros((len(x), 5, 2))
    channels[:, 0], channels[:, 1] = here, [1.0, 0.5]
    jets = Jets.of(net, theta, channels, directions).output
    channels[:, 0] = there
    assert Jets.of(net, theta, channels, directions).output.tobytes() == jets.tobytes()


def test_the_seam_is_as_smooth_as_the_splines():
    layer = sk.SplineLayer(1, 1, CYCLIC)
    params = rng.normal(size=(9,))
    channels = np.zeros((2, 4, 1))
    channels[:, 0, 0], channels[:, 1] = [np.nextafter(1.0, 0), 0.0], 1.0
    left, right = layer.jet_value(params, channels, Directions((3,)))[:, :, 0]
    np.testing.assert_allclose(left[:3], right[:3], atol=1e3 * EPS * np.abs(right).max())
    assert abs(left[3] - right[3]) > 1e-3  # the k-th derivative jumps


def test_periodic_rows_of_no_samples():
    layer = sk.SplineLayer(2, 3, sk.KnotVector.uniform(0, 1, 5, 3, periodic=True))
    network = sk.KAN.chain([layer])
    rows = network.jacobian(np.zeros(network.n_parameters), np.zeros((0, 2)))
    assert rows.toarray().shape == (0, layer.n_parameters)


def test_periodic_inputs_have_no_outside():
    x = rng.uniform(0, 1, (200, 2)) + np.array([300.0, 0.0])
    net = sk.KAN.chain([sk.SplineLayer(2, 1, [CYCLIC, EVEN])])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sk.LeastSquares(net, x, np.zeros(200))
    with pytest.warns(sk.DomainWarning, match="column 1") as said:
        sk.LeastSquares(net, x + np.array([0.0, 5.0]), np.zeros(200))
    assert "column 0" not in str(said[0].message)
    normalised = sk.KAN.chain([sk.Normalizer(2, "affine", source=[(0, 360), (0, 1)]), *net.layers])
    assert normalised.domain == ((0.0, 360.0), (0.0, 1.0))
    sk.LeastSquares(normalised, x, np.zeros(200))


def test_points_that_are_not_finite_stay_what_they_are():
    layer = sk.SplineLayer(1, 1, CYCLIC)
    params = rng.normal(size=(9,))
    x = np.array([[np.nan], [np.inf], [-np.inf], [0.5]])
    assert np.isnan(layer.value(params, x)).ravel().tolist() == [True, True, True, False]


@pytest.mark.parametrize("n_basis", range(1, 12))
@pytest.mark.parametrize("degree", [0, 1, 3])
def test_segments_of_periodic_rows_keep_to_columns_of_their_own(degree, n_basis):
    knots = sk.KnotVector.uniform(0, 1, n_basis, degree, periodic=True)
    layer = sk.SplineLayer(2, 2, knots)
    net = sk.KAN.chain([layer])
    theta, x = rng.normal(size=net.n_parameters), rng.uniform(-1, 2, (300, 2))
    found = net.jacobian(theta, x)
    lengths = layer.segment_lengths
    checked = sk.network.SparseRows(found.values, found.starts, lengths, found.n_columns)  # looks at columns
    if n_basis > 2 * degree:
        assert sum(lengths) == 2 * 2 * (2 * degree + 1)
    else:
        assert lengths == (2 * n_basis,) * 2
    basis = sk.BSplineBasis(knots)
    want = np.hstack([np.kron(basis.tabulate(x[:, p]), np.eye(2)) for p in range(2)])
    np.testing.assert_allclose(checked.toarray(), want, atol=1e-13)


# Base branches


def test_silu_and_its_derivatives_against_many_digits():
    x = np.concatenate([np.linspace(-40, 40, 81), [-700.0, 700.0, 0.0, 1e-8, -1e-8]])
    found = sk.Activation(1, "silu")._derivatives(x, 5)
    assert len(found) == 6
    with mpmath.workdps(60):
        for order, values in enumerate(found):
            for point, value in zip(x, values, strict=True):
                at = mpmath.mpf(float(point))
                sigmoid = [mpmath.diff(lambda s: 1 / (1 + mpmath.exp(-s)), at, d) for d in range(order + 1)]
                want = at * sigmoid[order] + (order * sigmoid[order - 1] if order else 0)
                # 1 - sigmoid is known to eps where the sigmoid is about 1.
                size = 1 + point if point > 0 else (1 - at) * mpmath.exp(at)
                assert abs(want - value) <= 1e2 * EPS * size, (order, point)
    far = sk.Activation(1, "silu")._derivatives(np.array([-1e300, 1e300]), 5)
    assert far[0].tolist() == [0.0, 1e300]
    assert far[1].tolist() == [0.0, 1.0]
    assert not np.any(far[2:])
    single = sk.Activation(1, "silu").value(np.zeros(0, "f4"), x[:81, None].astype("f4"))
    np.testing.assert_allclose(single[:, 0], found[0][:81], rtol=1e-5)
    assert single.dtype == np.float32


@pytest.mark.parametrize("base", ["identity", "silu"])
def test_a_base_branch_is_a_matrix_of_its_own(base):
    plain, layer = sk.SplineLayer(4, 3, EVEN), sk.SplineLayer(4, 3, EVEN, base=base)
    params = rng.normal(size=layer.n_parameters)
    assert layer.n_parameters == plain.n_parameters + 12
    assert layer.segment_lengths == (*plain.segment_lengths, 12)
    V = layer.unpack(params)["base"]
    assert np.shares_memory(V, params)
    s = X if base == "identity" else X / (1 + np.exp(-X))
    want = plain.value(params[:-12], X) + s @ V
    np.testing.assert_allclose(layer.value(params, X), want, atol=1e-13)
    assert layer.refined().base == layer.with_basis("relu").base == base
    for net in (sk.KAN.splines([2, 3, 1], base=base), sk.KAN.affine_first([2, 3, 1], base=base)):
        assert all(each.base == base for each in net.layers if isinstance(each, sk.SplineLayer))


# Finer layers


@pytest.mark.parametrize("name", SPLINES)
def test_refinement_is_exact(name):
    layer = SPLINES[name]
    params, x = rng.normal(size=layer.n_parameters), X[:, :2]
    marks = [[0], np.arange(layer.knots[1].intervals) % 2 == 0]
    for finer in (layer.refined(), layer.refined(marks), layer.refined([None, []])):
        P = layer.prolongation(finer)
        assert scipy.sparse.issparse(P)
        assert P.format == "csr"
        assert P.shape == (finer.n_parameters, layer.n_parameters)
        worst = 1.0
        if layer.basis == "relu":
            worst = max(sk.change_of_basis(knots).condition_number() for knots in finer.knots)
        np.testing.assert_allclose(finer.value(P @ params, x), layer.value(params, x), atol=1e-12 * worst)
    assert [k.intervals for k in layer.refined().knots] == [2 * k.intervals for k in layer.knots]
    assert layer.refined([None, []]).knots == (layer.knots[0].refine(), layer.knots[1])
    same = layer.prolongation(layer)
    np.testing.assert_allclose(same.toarray(), np.eye(layer.n_parameters), atol=1e-12)


@pytest.mark.parametrize("name", networks())
def test_networks_are_refined_layer_by_layer(name):
    net = networks()[name]
    theta, x, _ = start(net)
    marks = [None] * len(net.layers)
    last = max((n for n, layer in enumerate(net.layers) if isinstance(layer, sk.SplineLayer)), default=None)
    if last is not None:
        marks[last] = [[0]] * net.layers[last].n_in
    for finer in (net.refined(), net.refined(marks)):
        P = net.prolongation(finer)
        assert P.shape == (finer.n_parameters, net.n_parameters)
        scale = np.abs(net(theta, x)).max()
        np.testing.assert_allclose(finer(P @ theta, x), net(theta, x), atol=1e-11 * scale)


OTHERS = {
    "n_in": sk.SplineLayer(3, 3, EVEN),
    "n_out": sk.SplineLayer(2, 2, EVEN),
    "degree": sk.SplineLayer(2, 3, sk.KnotVector.uniform(0, 1, 10, 2)),
    "extrapolate": sk.SplineLayer(2, 3, EVEN.refine(), extrapolate="clamp"),
    "basis": sk.SplineLayer(2, 3, EVEN.refine(), basis="relu"),
    "base": sk.SplineLayer(2, 3, EVEN.refine(), base="silu"),
    "not nested": sk.SplineLayer(2, 3, [EVEN, sk.KnotVector.uniform(0, 1, 7, 3)]),
    "periodic": sk.SplineLayer(2, 3, [EVEN, sk.KnotVector.uniform(0, 1, 10, 3, periodic=True)]),
    "no prolongation": sk.Affine(2, 3),
}


@pytest.mark.parametrize("name", OTHERS)
def test_layers_that_are_not_nested(name):
    layer = sk.SplineLayer(2, 3, EVEN)
    with pytest.raises(ValueError, match=name):
        layer.prolongation(OTHERS[name])
    if layer.n_in == OTHERS[name].n_in:
        with pytest.raises(ValueError, match=f"layer 0: .*{name}"):
            sk.KAN.chain([layer]).prolongation(sk.KAN.chain([OTHERS[name]]))


def test_a_periodic_layer_is_not_one_with_an_outside():
    coarse = sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 5, 3, periodic=True))
    with pytest.raises(ValueError, match="input 0 is periodic in one of them only"):
        coarse.prolongation(sk.SplineLayer(1, 1, EVEN.refine()))


@pytest.mark.parametrize("layer", [sk.Affine(2, 3), sk.Activation(2, "silu"), sk.Normalizer(2)])
def test_layers_without_knots_are_those_of_all_levels(layer):
    assert layer.refined() is layer.with_basis("relu") is layer
    assert layer.change_of_coordinates("relu") == []
    np.testing.assert_array_equal(layer.prolongation(layer).toarray(), np.eye(layer.n_parameters))
    with pytest.raises(ValueError, match="layers differ"):
        layer.prolongation(sk.Affine(2, 4))
    with pytest.raises(ValueError, match="marked must be None"):
        layer.refined([None, None])


def test_marks_that_fit_nothing():
    layer = sk.SplineLayer(2, 3, [EVEN, FINE])
    with pytest.raises(ValueError, match="marks for each of 2 inputs, got 1"):
        layer.refined([[0]])
    with pytest.raises(ValueError, match="marked must be between 0 and 2"):
        layer.refined([None, [3]])
    with pytest.raises(TypeError, match="marked must be a sequence"):
        layer.refined("all")
    with pytest.raises(ValueError, match="each of 1 layers, got 2"):
        sk.KAN.chain([layer]).refined([None, None])


# Coordinates and roughness


@pytest.mark.parametrize("name", [n for n, layer in SPLINES.items() if has_relu_basis(sk.KAN.chain([layer]))])
def test_both_bases_are_the_same_layer(name):
    layer = SPLINES[name]
    other = layer.with_basis("relu" if layer.basis == "spline" else "spline")
    one, two = sk.KAN.chain([layer]), sk.KAN.chain([other])
    theta = one.coordinates(layer.basis).apply(rng.normal(size=one.n_parameters))
    x = X[:, :2]
    worst = max(sk.change_of_basis(knots).condition_number() for knots in layer.knots)
    z = one.to_basis(theta, other.basis)
    scale = max(1.0, np.abs(one(theta, x)).max())
    np.testing.assert_allclose(two(z, x), one(theta, x), atol=1e2 * EPS * worst * scale)
    np.testing.assert_allclose(two.to_basis(z, layer.basis), theta, atol=1e2 * EPS * worst)
    want = one.vjp(theta, x, GY)
    got = one.coordinates(other.basis).apply_transpose(two.vjp(z, x, GY))
    np.testing.assert_allclose(got, want, atol=1e2 * EPS * worst * np.abs(want).max())
    assert layer.change_of_coordinates(layer.basis) == []


@pytest.mark.parametrize("name", SPLINES)
def test_roughness_takes_jumps_of_the_highest_derivative_input_by_input(name):
    layer = SPLINES[name]
    params = rng.normal(size=layer.n_parameters)
    spline = layer.with_basis("spline")
    u = sk.KAN.chain([layer]).to_basis(params, "spline")
    views, want = spline.unpack(u), []
    for p, knots in enumerate(layer.knots):
        k, basis, c = knots.degree, sk.BSplineBasis(knots), np.ascontiguousarray(views["coefficients"][p])
        ends, inner = knots.breakpoints, knots.breakpoints[1:-1]
        widths = np.diff(ends)
        before, after = inner - 1e-9, inner + 1e-9
        spacing = (widths[1:] + widths[:-1]) / 2
        if knots.periodic:
            before, after = np.append(ends[-1] - 1e-9, before), np.append(ends[0] + 1e-9, after)
            spacing = np.append((widths[0] + widths[-1]) / 2, spacing)
        jumps = basis.evaluate(c, after, k) - basis.evaluate(c, before, k)
        want.append((spacing[:, None] ** k * jumps).ravel())
    want = np.concatenate(want)
    worst = max(sk.change_of_basis(t).condition_number() for t in layer.knots) if layer.basis == "relu" else 1
    got = layer.roughness @ params
    np.testing.assert_allclose(got, want, atol=1e-11 * worst * np.abs(want).max())
    assert layer.roughness.format == "csr"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_base_branch_to_a_few_units_in_the_last_place(dtype):
    layer = sk.SplineLayer(1, 1, sk.uniform_knots(-1, 1, 2, 3), extrapolate="zero", base="silu")
    params = np.zeros(layer.n_parameters, dtype)
    params[-1] = 1
    far = 700 if dtype is np.float64 else 80
    x = np.concatenate([np.linspace(-far, far, 1001), np.geomspace(1e-30, 1, 40)]).astype(dtype)[:, None]
    wide = x.astype(np.longdouble)
    sigma, rest = 1 / (1 + np.exp(-wide)), 1 / (1 + np.exp(wide))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(layer.value(params, x), wide * sigma, rtol=4 * eps)
    # The slope vanishes near x = -1.28: relative to the terms of its sum.
    slope = layer.vjp(params, x, np.ones_like(x), True)[1]
    assert (np.abs(slope - sigma * (1 + wide * rest)) <= 6 * eps * sigma * (1 + np.abs(wide * rest))).all()


def test_base_branch_far_out_is_0_or_the_identity():
    layer = sk.SplineLayer(1, 1, sk.uniform_knots(-1, 1, 2, 3), extrapolate="zero", base="silu")
    params = np.zeros(layer.n_parameters)
    params[-1] = 1
    x = np.array([[-1e300], [-1e3], [1e3], [1e300]])
    np.testing.assert_array_equal(layer.value(params, x), [[0], [0], [1e3], [1e300]])
    np.testing.assert_array_equal(layer.vjp(params, x, np.ones_like(x), True)[1], [[0], [0], [1], [1]])
