"""Inputs in unlike units: an interval for each, and a warning where samples leave the splines."""

import re
import warnings

import numpy as np
import pytest
import sympy
from cases import EPS

import splinekan as sk
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions

UNITS = ((1e5, 1e6), (0.0, 1e-3))


def samples(n=200, seed=0):
    unit = np.random.default_rng(seed).uniform(size=(n, 2))
    low, high = np.array(UNITS).T
    return unit, low + (high - low) * unit


def test_intervals_per_input_are_a_map_to_the_unit_cube():
    unit, x = samples()
    net = sk.KAN.splines([2, 3, 1], intervals=4, domain=UNITS)
    plain = sk.KAN.splines([2, 3, 1], intervals=4)
    theta = sk.initialize(net, 0, "greville")
    np.testing.assert_array_equal(theta, sk.initialize(plain, 0, "greville"))
    assert net.domain == UNITS
    assert plain.domain == ((0.0, 1.0),) * 2
    assert sk.KAN.affine_first([2, 3, 1]).domain is None
    np.testing.assert_allclose(net(theta, x), plain(theta, unit), atol=1e-12)
    gy = np.random.default_rng(1).normal(size=(200, 1))
    np.testing.assert_allclose(net.vjp(theta, x, gy), plain.vjp(theta, unit, gy), atol=1e-11)
    assert net.refined().domain == net.domain
    same = sk.KAN.splines([2, 3, 1], intervals=4, domain=np.array(UNITS))
    np.testing.assert_array_equal(same(theta, x), net(theta, x))
    one = sk.KAN.splines([2, 1], intervals=4, domain=(-1, 2))  # one pair: in the knots, as ever
    assert isinstance(one.layers[0], sk.SplineLayer)


def test_taylor_coefficients_scale_with_the_units():
    unit, x = samples(8)
    net = sk.KAN.splines([2, 3, 1], degree=5, intervals=4, domain=UNITS)
    plain = sk.KAN.splines([2, 3, 1], degree=5, intervals=4)
    theta = sk.initialize(net, 0, "greville")
    directions = Directions((4, 1))
    rng = np.random.default_rng(2)
    channels = rng.normal(size=(8, directions.channels, 2))
    lengths = np.diff(UNITS)[:, 0]
    scaled = channels * lengths
    channels[:, 0], scaled[:, 0] = unit, x
    found, want = (Jets.of(n, theta, c, directions) for n, c in ((net, scaled), (plain, channels)))
    np.testing.assert_allclose(found.output, want.output, rtol=1e-9, atol=1e-9 * np.abs(want.output).max())
    v = rng.normal(size=want.output.shape)
    gradient = want.vjp(v)
    np.testing.assert_allclose(found.vjp(v), gradient, atol=1e-9 * np.abs(gradient).max())
    np.testing.assert_allclose(
        found.rows(v).toarray().sum(axis=0), gradient, atol=1e-9 * np.abs(gradient).max()
    )


@pytest.mark.parametrize("source", [(0.1, 0.7), (-3.0, 1e6), (1e15, 1e15 + 8)])
@pytest.mark.parametrize("domain", [(0.0, 1.0), (0.1, 0.7), (-2.0, 5.0)])
def test_both_ends_are_taken_to_both_ends_exactly(domain, source):
    layer = sk.Normalizer(1, "affine", domain, source)
    ends = layer.value(np.zeros(0), np.array(source)[:, None]).ravel()
    assert ends.tolist() == list(domain)
    inside = np.sort(np.random.default_rng(0).uniform(*source, 2000))
    image = layer.value(np.zeros(0), inside[:, None])
    assert domain[0] <= image.min()
    assert image.max() <= domain[1]
    knots = sk.uniform_knots(*domain, 4, 3)
    net = sk.KAN.chain([layer, sk.SplineLayer(1, 1, knots, extrapolate="error")])
    assert np.isfinite(net(np.zeros(7), np.array(source)[:, None])).all()


def test_float32_far_from_zero_keeps_its_digits():
    x = (1e6 + np.arange(0, 8, 0.0625)).astype("f4")[:, None]  # exact in float32
    net = sk.KAN.splines([1, 1], intervals=8, domain=[(1e6, 1e6 + 8)])
    theta = sk.initialize(net, 0)
    want = net(theta, x.astype("f8"))
    got = net(theta, x)
    assert got.dtype == np.float32
    assert np.abs(got - want).max() < 10 * np.finfo("f4").eps * np.abs(want).max()


@pytest.mark.parametrize("kind", ["sigmoid", "tanh", "affine"])
def test_normalisers_with_an_interval_per_component_are_those_side_by_side(kind):
    domains, sources = [(0, 1), (-2, 3), (5, 6)], [(-1, 1), (0, 4), (10, 20)]
    whole = sk.Normalizer(3, kind, domains, sources)
    x, gy, dx, dgy = np.random.default_rng(0).normal(size=(4, 20, 3))
    none = np.zeros(0)
    for p, (domain, source) in enumerate(zip(domains, sources, strict=True)):
        one, column = sk.Normalizer(1, kind, domain, source), np.s_[:, p : p + 1]
        for method, parts in (
            ("value", (x,)),
            ("jvp", (x, none, dx)),
            ("vjp", (x, gy, True)),
            ("vjp_tangent", (x, gy, none, dx, dgy, True)),
        ):
            cut = [
                np.ascontiguousarray(a[column]) if isinstance(a, np.ndarray) and a.size else a for a in parts
            ]
            got, want = getattr(whole, method)(none, *parts), getattr(one, method)(none, *cut)
            got, want = (each if isinstance(each, np.ndarray) else each[1] for each in (got, want))
            np.testing.assert_array_equal(got[column], want)


def test_preimages_and_printing():
    layer = sk.Normalizer(2, "affine", domain=[(0, 1), (-1, 1)], source=UNITS)
    np.testing.assert_allclose(layer.preimage((0, 1)), [(1e5, 1e6), (5e-4, 1e-3)], rtol=1e-14)
    assert str(layer) == "Normalizer(2, affine from [100000, 1e+06] x [0, 0.001] onto [0, 1] x [-1, 1])"
    assert str(sk.Normalizer(9, "tanh", [(0, 1)] * 9)).endswith("[0, 1] x ... (9))")
    with pytest.raises(ValueError, match="affine"):
        sk.Normalizer(2).preimage((0, 1))


@pytest.mark.parametrize("name", ["domain", "source"])
@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ([(0, 1)], ValueError, "2 of them, got 1"),
        ([(0, 1), (1, 0)], ValueError, r"\[1\] must be increasing"),
        ([(0, 1), 3], TypeError, r"\[1\] must be a pair"),
        ((0, 1, 2), ValueError, "pair"),
        ("ab", TypeError, "sequence"),
        ({(0, 1), (2, 3)}, TypeError, "pair"),
        (None, TypeError, "sequence"),
        ([], ValueError, "empty"),
        (np.ma.masked_array([0.0, 1.0], [0, 1]), TypeError, "masked"),
    ],
)
def test_bad_intervals(name, value, kind, message):
    with pytest.raises(kind, match=f"{name}.*{message}"):
        sk.Normalizer(2, **{name: value})


def test_raw_columns_are_spoken_of():
    _, x = samples()
    y = np.zeros(len(x))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        sk.LeastSquares(sk.KAN.splines([2, 1]), x, y)
    outside, narrow = (str(each.message) for each in said)
    assert re.search(r"100 % of column 0 \(from 1\d+ to .*outside \[0, 1\]", outside)
    assert "column 1" not in outside
    assert re.search(r"hardly fills .*column 1 .* 0.001 of \[0, 1\]", narrow)
    assert all(each.category is sk.DomainWarning and each.filename == __file__ for each in said)
    normalised = sk.KAN.chain([sk.Normalizer(2, "affine", source=UNITS[1]), sk.SplineLayer(2, 1, KNOTS)])
    with pytest.warns(sk.DomainWarning, match=r"column 0 .*outside \[0, 0.001\]"):
        sk.LeastSquares(normalised, x, y)
    with pytest.warns(sk.DomainWarning, match="and 6 more columns"):
        sk.LeastSquares(sk.KAN.splines([10, 1]), np.full((5, 10), 3.0), np.zeros(5))


KNOTS = sk.uniform_knots(0, 1, 5, 3)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_few_samples_outside_and_rounding_are_not(dtype):
    unit, x = samples(1000)
    cases = [(sk.KAN.splines([2, 1], domain=UNITS), x.astype(dtype))]
    unit[:9] = 7.0  # nine per mille
    unit[9:] *= 1 + 1e-7
    cases.append((sk.KAN.splines([2, 1]), unit.astype(dtype)))
    # In float32 the numbers about 1e6 are a sixteenth apart.
    cases.append((sk.KAN.splines([2, 1], domain=(1e6, 1e6 + 1)), (1e6 + unit[9:]).astype(dtype)))
    cases.append((sk.KAN.affine_first([2, 3, 1]), 1e6 + x[:, :1] * [1, 2]))  # the map may take them anywhere
    squashed = sk.KAN.chain([sk.Normalizer(2, "tanh"), sk.SplineLayer(2, 1, KNOTS)])
    cases.append((squashed, x.astype(dtype)))
    for network, points in cases:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sk.LeastSquares(network, points, np.zeros(len(points)))
        assert not caught, network


def test_extrapolation_by_choice_is_silent():
    x = np.full((5, 2), 3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.DomainWarning)
        objective = sk.LeastSquares(sk.KAN.splines([2, 1]).with_basis("relu"), x, np.zeros(5))
    theta = np.zeros(objective.network.n_parameters)
    assert sk.gauss_newton_spectrum(objective, theta).nullity > 0  # and no second warning


@pytest.mark.parametrize("scheme", ["frames", "greville"])
def test_starts_fill_the_domain_whatever_the_units(scheme):
    net = sk.KAN.affine_first([2, 5, 1], intervals=5, domain=(-2, 3))
    theta = sk.initialize(net, 7, scheme, bounds=UNITS)
    corners = np.array([[a, b] for a in UNITS[0] for b in UNITS[1]])
    affine = net.layers[0]
    image = affine.value(theta[: affine.n_parameters], corners)
    np.testing.assert_allclose(image.min(axis=0), -2, atol=1e-14 * 50)
    np.testing.assert_allclose(image.max(axis=0), 3, atol=1e-14 * 50)
    # the same function of the scaled inputs
    unit, x = samples()
    np.testing.assert_allclose(net(theta, x), net(sk.initialize(net, 7, scheme), unit), atol=1e-12)


def test_bounds_follow_the_network():
    same = sk.initialize(sk.KAN.affine_first([3, 4, 1]), 1, bounds=(-1, 1))
    for other in ([(-1, 1)] * 3, np.array([[-1.0, 1.0]] * 3)):
        np.testing.assert_array_equal(sk.initialize(sk.KAN.affine_first([3, 4, 1]), 1, bounds=other), same)
    # behind a normaliser: its source is where the inputs lie, its domain what the affine map gets
    net = sk.KAN.chain(
        [
            sk.Normalizer(2, "affine", (-1, 1), UNITS),
            sk.Affine(2, 4),
            sk.SplineLayer(4, 2, sk.uniform_knots(0, 1, 5, 3)),
            sk.Affine(2, 3),
            sk.SplineLayer(3, 1, sk.uniform_knots(2, 4, 5, 3)),
        ]
    )
    theta = sk.initialize(net, 3)
    blocks = net.unpack(theta)
    for number, ends in ((1, (-1, 1)), (3, (0, 1))):
        weight, bias = blocks[number]["weight"], blocks[number]["bias"]
        (a, b), *_ = net.layers[number + 1].domain
        middle, half = sum(ends) / 2, (ends[1] - ends[0]) / 2
        np.testing.assert_allclose(weight.sum(axis=0) * middle + bias, (a + b) / 2, atol=1e2 * EPS)
        np.testing.assert_allclose(np.abs(weight).sum(axis=0) * half, (b - a) / 2, atol=1e2 * EPS)


@pytest.mark.parametrize(
    ("keywords", "kind", "message"),
    [
        ({"bounds": [(0, 1)]}, ValueError, "bounds must be one pair .* or 2"),
        ({"bounds": (0,)}, ValueError, "bounds must be a pair"),
        ({"bounds": (1, 0)}, ValueError, "bounds must be increasing"),
        ({"bounds": (0, np.nan)}, ValueError, r"bounds\[1\] must be finite"),
        ({"seed": None}, TypeError, "seed"),
        ({"seed": -1}, ValueError, "seed"),
        ({"seed": 1.0}, TypeError, "seed"),
        ({"noise": "loud"}, TypeError, "noise"),
        ({"noise": 1e308}, ValueError, "finite"),
        ({"mean": 1j}, TypeError, "mean"),
        ({"network": "KAN"}, TypeError, "network"),
    ],
)
def test_bad_starts(keywords, kind, message):
    arguments = {"network": sk.KAN.affine_first([2, 5, 1]), "seed": 0, **keywords}
    with pytest.raises(kind, match=message):
        sk.initialize(**arguments)


def test_columns_that_hardly_fill_one_domain_for_all():
    _, x = samples(100)
    network = sk.KAN.splines([2, 1], domain=(0, 2e6))
    with pytest.warns(
        sk.DomainWarning, match=r"hardly fills .*column 1 \(from .*\) [45]e-10 of \[0, 2e\+06\]"
    ):
        sk.LeastSquares(network, x, np.zeros(100))
    sk.LeastSquares(network, np.column_stack([x[:, 0], np.ones(100)]), np.zeros(100))  # a constant column


def test_unlike_columns_before_an_affine_map():
    unit, x = samples(100)
    for network in (sk.KAN.affine_first([2, 3, 1]), sk.MLP([2, 3, 1])):
        with pytest.warns(sk.DomainWarning, match="column 0 varies by .*, column 1 by"):
            sk.LeastSquares(network, x, np.zeros(100))
        sk.LeastSquares(network, unit, np.zeros(100))
        sk.LeastSquares(network, np.column_stack([x[:, 0], np.ones(100)]), np.zeros(100))


def test_equations_posed_outside_the_splines():
    s = sympy.Symbol("x")
    u = sympy.Function("u")(s)
    equation = sk.Equation(u.diff(s, 2) - 1, u, (s,))
    points = np.linspace(0, 1, 50)[:, None]
    with pytest.warns(sk.DomainWarning, match="leaves the domain"):
        sk.PINN(sk.KAN.splines([1, 1], 3, 4, (0, 0.5)), [sk.Block.mean(equation, points)])
    sk.PINN(sk.KAN.splines([1, 1], 3, 4), [sk.Block.mean(equation, points)])


@pytest.mark.parametrize("kind", ["sigmoid", "tanh", "affine"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_normalisers_do_not_leave_the_domain_by_rounding(kind, dtype):
    rng = np.random.default_rng(0)
    ends = np.sort(rng.normal(size=(200, 2)), axis=1)
    normaliser = sk.Normalizer(200, kind, domain=ends, source=(-1, 1))
    x = np.array([-50.0, -1, 0, 1, 50] if kind != "affine" else [-1.0, 0, 1])[:, None] * np.ones(200)
    y = normaliser.value(np.zeros(0), x.astype(dtype)).astype(float)
    assert (y >= ends[:, 0]).all()
    assert (y <= ends[:, 1]).all()
    tight = 4 * np.finfo(dtype).eps * np.abs(ends).max(axis=1)
    assert (np.abs(y[[0, -1]] - ends.T) <= tight).all()
    outside = sk.Normalizer(1, "affine", (-0.3, 0.1)).value(np.zeros(0), np.array([[2.0]]))
    assert outside == pytest.approx(0.3)
