"""Edges of a model as splines of this package and of SciPy, out and in."""

import numpy as np
import pytest
import scipy
from cases import COMPILED
from scipy.interpolate import BSpline, make_interp_spline

import splinekan as sk
from splinekan.network import FormulaLayer, Sum
from splinekan.network.term import Term

RNG = np.random.default_rng(3)


def random_model(layers, **options):
    network = sk.KAN(layers)
    return sk.Model(network, np.random.default_rng(1).normal(size=network.n_parameters), **options)


def layer_of_all_kinds(degree=3, extrapolate="linear", basis="spline", base=None):
    knots = [
        sk.KnotVector.uniform(-1, 2, 4, degree),
        sk.KnotVector.extended([0, 0.1, 0.7, 1.0], degree),
    ]
    if basis == "spline":
        knots.append(sk.KnotVector.clamped([0, 0.4, 2.0], degree, [min(2, degree + 1)]))
    return sk.SplineLayer(len(knots), 2, knots, degree, extrapolate, basis, base)


def part(model, p, q, points):
    """What an edge of a network of a single layer adds to the output: the layer less its values at rest."""
    rest = np.array([np.mean(ends) for ends in model.network.domain])
    x = np.tile(rest, (len(points), 1))
    moved = x.copy()
    moved[:, p] = points
    return model(moved)[:, q] - model(x)[:, q]


@pytest.mark.parametrize("degree", COMPILED)
@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_an_edge_is_the_function_of_its_input(degree, basis):
    model = random_model([layer_of_all_kinds(degree, "polynomial" if degree else "clamp", basis)])
    # Large powers cancel in the ReLU basis.
    tolerance = 1e-12 if basis == "spline" else 1e-6
    for p in range(model.n_in):
        a, b = model.network.domain[p]
        points = np.linspace(a - 0.3, b + 0.3, 50)
        for q in range(2):
            s = model.edge(0, p, q)
            want = s(points) - s((a + b) / 2)
            assert np.abs(part(model, p, q, points) - want).max() < tolerance * (1 + np.abs(want).max())


@pytest.mark.parametrize("extrapolate", ["linear", "polynomial", "clamp", "zero", "error"])
@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_putting_an_edge_back_leaves_theta_unchanged_to_the_bit(extrapolate, basis):
    normalizer = sk.Normalizer(2, "affine", (0.0, 1.0), ((1e5, 3e5), (-0.3, 0.1)))
    knots = [sk.KnotVector.uniform(0, 1, 5, 3), sk.KnotVector.extended([0, 0.3, 0.35, 1], 3)]
    first = sk.SplineLayer(2, 3, knots, None, extrapolate, basis)
    last = sk.SplineLayer(3, 2, sk.KnotVector.uniform(-1, 1, 3, 3), None, extrapolate, basis)
    units = sk.Normalizer(2, "affine", ((0.0, 7e3), (0.1, 0.37)), (-1.0, 1.0))
    model = random_model([normalizer, first, last, units])
    for layer, n_in, n_out in ((0, 2, 3), (1, 3, 2)):
        for p in range(n_in):
            for q in range(n_out):
                s = model.edge(layer, p, q)
                assert s.extrapolate == extrapolate
                assert np.array_equal(model.with_edge(layer, p, q, s).theta, model.theta)
    if extrapolate == "linear":
        there = model.with_edge(0, 1, 2, model.edge(0, 1, 2).to_scipy())
        assert np.array_equal(there.theta, model.theta)


def test_units_are_those_of_x_in_the_first_layer_and_of_y_in_the_last():
    x = RNG.uniform([1e5, 280], [2e5, 320], (300, 2))
    y = 40 * (x[:, 0] / 1e5) ** 2 + x[:, 1]
    model = sk.fit(x, y, hidden=(), names=("pressure", "temperature"), output_names=("flow",), progress=False)
    s = model.edge(0, "pressure", "flow")
    assert s.domain[0] < 1e5 < 2e5 < s.domain[1]
    points = np.linspace(1.05e5, 1.95e5, 40)
    at = np.column_stack([points, np.full(40, 300.0)])
    change = model(at)[:, 0] - model(at[:1])[0, 0]
    assert np.allclose(s(points) - s(points[0]), change, rtol=0, atol=1e-9 * np.abs(change).max())
    slopes = model.gradient(at)[:, 0, 0]
    assert np.allclose(s(points, nu=1), slopes, rtol=0, atol=1e-9 * np.abs(slopes).max())


def test_a_spline_on_the_same_knots_becomes_the_edge():
    model = random_model([layer_of_all_kinds()])
    s = sk.Spline(model.network.layers[0].knots[1], RNG.normal(size=6))
    new = model.with_edge(0, 1, 0, s)
    assert np.array_equal(new.edge(0, 1, 0).c, s.c)
    for p, q in ((0, 0), (0, 1), (1, 1), (2, 0), (2, 1)):
        assert np.array_equal(new.edge(0, p, q).c, model.edge(0, p, q).c)
    assert new.n_parameters == model.n_parameters


@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("normalized", [False, True])
def test_missing_knots_are_inserted_for_the_input(basis, normalized):
    source = ((1e3, 4e3), (-2.0, 5.0))
    splines = sk.SplineLayer(2, 2, sk.KnotVector.uniform(0, 1, 4, 2), None, "polynomial", basis)
    front = [sk.Normalizer(2, "affine", (0.0, 1.0), source)] if normalized else []
    model = random_model([*front, splines])
    a, b = source[0] if normalized else (0.0, 1.0)
    x = np.linspace(a, b, 14)
    s = make_interp_spline(x, np.sin(x / (b - a)), k=2)
    new = model.with_edge(0, 0, 1, s)
    points = np.linspace(a, b, 77)
    assert np.abs(new.edge(0, 0, 1)(points) - s(points)).max() < 1e-9
    tolerance = 1e-12 if basis == "spline" else 1e-9
    assert np.abs(new.edge(0, 0, 0)(points) - model.edge(0, 0, 0)(points)).max() < tolerance
    finer = new.network.layers[-1].knots
    assert finer[1] == splines.knots[1]
    # The 3 inner breakpoints of the layer and 11 of the interpolant, the middle in common.
    assert finer[0].intervals == 14
    other = np.column_stack(
        [np.full(9, a), np.linspace(*source[1], 9) if normalized else np.linspace(0, 1, 9)]
    )
    assert np.abs(new(other)[:, 0] - model(other)[:, 0]).max() < 1e-9


def test_multiplicities_are_kept():
    model = random_model([sk.SplineLayer(1, 2, sk.KnotVector.uniform(0, 1, 4, 3), None, "error")])
    knots = sk.KnotVector.clamped([0, 0.25, 0.6, 1], 3, [2, 4])  # a kink at 0.25 in s', a jump at 0.6
    s = sk.Spline(knots, RNG.normal(size=knots.n_basis), extrapolate="error")
    new = model.with_edge(0, 0, 0, s)
    (merged,) = new.network.layers[0].knots
    assert np.array_equal(merged.breakpoints, [0, 0.25, 0.5, 0.6, 0.75, 1])
    assert np.array_equal(merged.multiplicities, [2, 1, 4, 1])
    points = np.linspace(0, 1, 101)
    assert np.abs(new.edge(0, 0, 0)(points) - s(points)).max() < 1e-13
    assert np.abs(new.edge(0, 0, 1)(points) - model.edge(0, 0, 1)(points)).max() < 1e-13


def test_fewer_knots_need_no_others():
    model = random_model([sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 8, 3))])
    s = sk.Spline(sk.KnotVector.uniform(0, 1, 2, 3), RNG.normal(size=5))
    new = model.with_edge(0, 0, 0, s)
    assert new.network.layers[0].knots == model.network.layers[0].knots
    points = np.linspace(-1, 2, 90)
    assert np.abs(new(points[:, None])[:, 0] - s(points)).max() < 1e-13


def test_periodic_edges():
    knots = sk.KnotVector.uniform(0, 2, 6, 3, periodic=True)
    model = random_model([sk.SplineLayer(1, 2, knots)])
    s = model.edge(0, 0, 1)
    assert (s.knots, s.extrapolate) == (knots, "periodic")
    points = np.linspace(-3, 5, 60)
    assert np.abs(model(points[:, None])[:, 1] - s(points)).max() < 1e-13
    assert np.array_equal(model.with_edge(0, 0, 1, s.to_scipy()).theta, model.theta)
    with pytest.raises(ValueError, match="spline must have periodic knots"):
        model.with_edge(0, 0, 0, sk.Spline(sk.KnotVector.uniform(0, 2, 6, 3), np.zeros(9)))
    open_ended = random_model([sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 2, 6, 3))])
    with pytest.warns(sk.DomainWarning, match="is continued as its layer, 'linear', no longer 'periodic'"):
        new = open_ended.with_edge(0, 0, 0, s)
    inside = np.linspace(0, 2, 40)
    assert np.abs(new(inside[:, None])[:, 0] - s(inside)).max() < 1e-13


def test_a_lost_continuation_is_worth_a_warning():
    model = random_model([sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 4, 3))])
    s = BSpline(model.network.layers[0].knots[0].t, RNG.normal(size=7), 3)
    with pytest.warns(sk.DomainWarning, match=r"outside \[0, 1\] the edge is continued"):
        model.with_edge(0, 0, 0, s)
    s.extrapolate = False  # nothing to lose
    model.with_edge(0, 0, 0, s)
    lines = random_model([sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 4, 1))])
    lines.with_edge(0, 0, 0, BSpline(lines.network.layers[0].knots[0].t, RNG.normal(size=5), 1))  # the same


def test_base_branches():
    silu = random_model([layer_of_all_kinds(base="silu")])
    with pytest.raises(ValueError, match=r"base must be False .* silu\(x\), which is not a spline"):
        silu.edge(0, 0, 0)
    alone = silu.edge(0, 0, 0, base=False)
    assert np.array_equal(silu.with_edge(0, 0, 0, alone, base=False).theta, silu.theta)
    whole = silu.with_edge(0, 0, 0, alone)
    assert np.count_nonzero(whole.theta != silu.theta) == 1
    assert np.array_equal(whole.edge(0, 0, 0).c, alone.c)  # without its base branch it is a spline

    identity = random_model([layer_of_all_kinds(base="identity")])
    s, points = identity.edge(0, 1, 1), np.linspace(-1, 2, 50)
    want = part(identity, 1, 1, points)
    assert np.abs(s(points) - s(0.5) - want).max() < 1e-12
    new = identity.with_edge(0, 1, 1, s)
    assert new.network.unpack(new.theta)[0]["base"][1, 1] == 0
    assert np.abs(part(new, 1, 1, points) - want).max() < 1e-12
    with pytest.raises(ValueError, match=r"base must be False .* with degree 3 and 'clamp' beyond"):
        random_model([layer_of_all_kinds(extrapolate="clamp", base="identity")]).edge(0, 0, 0)


@pytest.mark.parametrize(
    ("spline", "error", "message"),
    [
        (np.sin, TypeError, "spline must be a splinekan.Spline or a SciPy BSpline"),
        (scipy.interpolate.PPoly([[1.0]], [0, 1]), TypeError, "spline must be a splinekan.Spline"),
        (
            sk.Spline(sk.KnotVector.uniform(0, 1, 4, 2), np.zeros(6)),
            ValueError,
            "degree of the layer, 3, got 2",
        ),
        (
            sk.Spline(sk.KnotVector.uniform(0, 2, 4, 3), np.zeros(7)),
            ValueError,
            r"domain of the layer's splines, \[0.0, 1.0\] .* got \[0.0, 2.0\]",
        ),
        (sk.Spline(sk.KnotVector.uniform(0, 1, 4, 3), np.zeros((7, 2))), ValueError, r"shape \(7, 2\)"),
        (BSpline(sk.uniform_knots(0, 1, 4, 3), np.zeros(7) * 1j, 3), TypeError, "spline cannot be read"),
    ],
)
def test_what_is_not_a_spline_of_the_layer_is_refused(spline, error, message):
    model = random_model([sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 4, 3))])
    with pytest.raises(error, match=message):
        model.with_edge(0, 0, 0, spline)


def test_edges_that_are_not_there_are_refused():
    model = random_model([sk.Affine(2, 2), layer_of_all_kinds(basis="relu")])
    for arguments, message in (
        ((1, 0, 0), "layer must be between 0 and 0"),
        ((0, 2, 0), "input must be between 0 and 1"),
        ((0, "x1", 0), "input must be a number from 0 to 1 in this layer"),
        ((0, 0, "y3"), "output must be one of"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            model.edge(*arguments)
    with pytest.raises(ValueError, match="model must have spline layers or formulas"):
        random_model([sk.Affine(2, 2)]).edge(0, 0, 0)
    summands = [
        sk.SplineLayer(2, 2, sk.KnotVector.uniform(0, 1, 4, 3)),
        FormulaLayer(2, 2, [Term(1, 0, ["sin"])], bias=None),
    ]
    mixed = random_model([sk.Normalizer(2, "affine", (0, 1), (5, 9)), Sum(summands)])
    with pytest.raises(ValueError, match="has a formula from input 1 to output 0"):
        mixed.edge(0, 1, 0)
    x = np.column_stack([np.linspace(5, 9, 30), np.full(30, 6.0)])
    s = mixed.edge(0, "x1", "y1")
    assert np.allclose(s(x[:, 0]) - s(5.0), (mixed(x) - mixed(x[:1]))[:, 0], rtol=0, atol=1e-12)
    finer = mixed.with_edge(0, 0, 0, s.refine())
    assert finer.n_parameters == mixed.n_parameters + 8
    assert np.allclose(finer(x), mixed(x), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="must have a single spline on every edge"):
        random_model([Sum([summands[0], sk.Affine(2, 2)])]).edge(0, 0, 0)
    repeated = sk.Spline(sk.KnotVector.clamped([0, 0.1, 0.7, 1], 3, [2, 1]), np.zeros(7), extrapolate="error")
    with pytest.raises(ValueError, match=r"ReLU basis .* model.with_basis\('spline'\)"):
        model.with_edge(0, 1, 0, repeated)
