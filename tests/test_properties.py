"""What holds for every knot vector, degree and coefficient: properties on drawn examples."""

import numpy as np
from cases import EPS, amplification
from hypothesis import given, settings
from hypothesis import strategies as st

import splinekan as sk
from splinekan.splines.knots import breakpoints

COMMON = settings(max_examples=40, deadline=None, derandomize=True)
DEGREE = st.integers(0, 7)
SEED = st.integers(0, 2**32 - 1)


@st.composite
def geometries(draw):
    """(knots, degree): spacings within two orders of magnitude, anywhere on the line, any scale."""
    degree = draw(DEGREE)
    steps = draw(st.lists(st.floats(0.01, 1), min_size=2 * degree + 1, max_size=2 * degree + 9))
    scale = 10.0 ** draw(st.integers(-3, 3))
    shift = draw(st.floats(-3, 3))
    return scale * (shift + np.concatenate([[0.0], np.cumsum(steps)])), degree


def inside(t, degree, seed, n=30):
    a, b = breakpoints(t, degree)[[0, -1]]
    return np.random.default_rng(seed).uniform(a, b, n)


@COMMON
@given(geometries(), SEED)
def test_partition_of_unity_and_local_support(geometry, seed):
    t, degree = geometry
    x = inside(t, degree, seed)
    values = sk.BSplineBasis(t, degree).tabulate(x)
    # The pieces are stored as polynomials: their coefficients grow with the ratio of neighbouring spacings.
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-12)
    assert (values > -1e-12).all()
    starts = np.searchsorted(t, x, side="right") - 1 - degree
    column = np.arange(values.shape[1])
    outside = (column < starts[:, None]) | (column > starts[:, None] + degree)
    assert not values[outside].any()


@COMMON
@given(geometries(), SEED)
def test_change_of_basis_round_trip(geometry, seed):
    t, degree = geometry
    a = sk.change_of_basis(t, degree)
    v = np.random.default_rng(seed).normal(size=a.shape[0])
    # Substitution is stable row by row: |error| <= c eps |A^-1| |A| |v|.
    dense, inverse = np.abs(a.toarray()), np.abs(a.solve(np.eye(len(v))))
    bound = 10 * (degree + 2) * EPS
    assert (np.abs(a.solve(a.apply(v)) - v) <= bound * inverse @ dense @ np.abs(v)).all()
    assert (
        np.abs(a.solve_transpose(a.apply_transpose(v)) - v) <= bound * inverse.T @ dense.T @ np.abs(v)
    ).all()


@COMMON
@given(geometries(), SEED)
def test_prolongations_compose(geometry, seed):
    t, degree = geometry
    fine = sk.refine_knots(t, degree)
    finest = sk.refine_knots(fine, degree)
    down, up = sk.prolongation(t, fine, degree), sk.prolongation(fine, finest, degree)
    whole = sk.prolongation(t, finest, degree)
    assert np.abs((up @ down - whole).toarray()).max() < 1e-11
    np.testing.assert_allclose(whole @ np.ones(whole.shape[1]), 1, atol=1e-12)
    c = np.random.default_rng(seed).normal(size=whole.shape[1])
    x = inside(t, degree, seed)
    coarse = sk.BSplineBasis(t, degree).evaluate(c, x)
    np.testing.assert_allclose(sk.BSplineBasis(finest, degree).evaluate(whole @ c, x), coarse, atol=1e-11)


@COMMON
@given(geometries(), SEED, st.sampled_from(["linear", "polynomial", "clamp", "zero"]))
def test_continuations_agree_in_both_bases(geometry, seed, mode):
    t, degree = geometry
    a, b = breakpoints(t, degree)[[0, -1]]
    x = np.random.default_rng(seed).uniform(a - (b - a), b + (b - a), 30)
    splines = sk.BSplineBasis(t, degree, mode).tabulate(x)
    powers = sk.PowerReLUBasis(t, degree, mode).tabulate(x)
    change = sk.change_of_basis(t, degree).toarray()
    cancelled = np.abs(powers) @ np.abs(change).T
    # An exact zero of one basis may be rounded in the other: measured against the row's largest entry.
    row = np.abs(splines).max(axis=1, keepdims=True)
    assert (np.abs(powers @ change.T - splines) <= 1e-12 * (cancelled + row)).all()


@st.composite
def network_cases(draw):
    widths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    degree, intervals = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    net = sk.KAN.splines(widths, degree, intervals, (-0.5, 1.5))
    if draw(st.booleans()):
        net = sk.KAN.chain([sk.Affine(2, widths[0]), *net.layers])
    return net.with_basis(draw(st.sampled_from(["spline", "relu"])))


@COMMON
@given(network_cases(), SEED)
def test_jvp_and_vjp_are_adjoint(net, seed):
    rng = np.random.default_rng(seed)
    theta = sk.initialize(net, rng, "noise")
    x = rng.uniform(-1, 2, (7, net.n_in))
    v, w = rng.normal(size=net.n_parameters), rng.normal(size=(7, net.n_out))
    forward, backward = net.jvp(theta, x, v), net.vjp(theta, x, w)
    scale = np.linalg.norm(forward) * np.linalg.norm(w) + np.linalg.norm(v) * np.linalg.norm(backward)
    factor = 1.0 if net.basis == "spline" else amplification(net)
    assert abs((forward * w).sum() - v @ backward) <= 200 * EPS * factor * scale


@st.composite
def knot_vectors(draw):
    """KnotVectors of any kind: repeated inner knots, ends repeated in part, periodic ones."""
    degree = draw(DEGREE)
    count = draw(st.integers(1, 6))
    steps = draw(st.lists(st.floats(0.05, 1), min_size=count, max_size=count))
    points = draw(st.floats(-3, 3)) + np.concatenate([[0.0], np.cumsum(steps)])
    inner = draw(st.lists(st.integers(1, degree + 1), min_size=count - 1, max_size=count - 1))
    if draw(st.booleans()):
        return sk.KnotVector.extended(points, degree, inner, periodic=True)
    t = sk.KnotVector.extended(points, degree, inner).t.copy()
    left, right = draw(st.integers(0, degree)), draw(st.integers(0, degree))
    t[degree - left : degree] = t[degree]
    t[len(t) - degree : len(t) - degree + right] = t[-degree - 1]
    return sk.KnotVector(t, degree)


@COMMON
@given(knot_vectors(), SEED)
def test_repeated_and_periodic_knots_keep_the_properties_of_b_splines(knots, seed):
    a, b = knots.domain
    x = np.concatenate([np.random.default_rng(seed).uniform(a, b, 30), knots.breakpoints])
    values = sk.BSplineBasis(knots).tabulate(x)
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-12)
    assert (values > -1e-12).all()
    assert (np.count_nonzero(values, axis=1) <= knots.degree + 1).all()
    fine = knots.refine()
    p = sk.prolongation(knots, fine)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    finer = sk.BSplineBasis(fine).tabulate(x)
    np.testing.assert_allclose(finer @ p.toarray(), values, atol=1e-11)
    mass = sk.gram_matrix(knots).toarray()
    assert abs(mass.sum() - (b - a)) <= 1e-12 * (b - a)
    assert np.linalg.eigvalsh(mass).min() > 0  # linearly independent on [a, b]


@COMMON
@given(knot_vectors(), SEED)
def test_splines_differentiate_integrate_and_repeat(knots, seed):
    rng = np.random.default_rng(seed)
    spline = sk.Spline(knots, rng.normal(size=knots.n_basis))
    a, b = knots.domain
    x = rng.uniform(a, b, 20)
    slopes = spline.derivative()
    np.testing.assert_allclose(slopes(x), spline(x, 1), atol=1e-10 * (1 + np.abs(spline(x, 1)).max()))
    # Between two points of an interval the fundamental theorem holds, whatever jumps at knots.
    s = int(rng.integers(knots.intervals))
    low, high = np.sort(rng.uniform(*knots.breakpoints[s : s + 2], 2))
    change = spline(high) - spline(low)
    assert abs(slopes.integrate(low, high) - change) <= 1e-10 * (1 + np.abs(slopes([low, high])).max())
    whole = spline.integrate(a, x[0]) + spline.integrate(x[0], x[1]) + spline.integrate(x[1], b)
    assert abs(whole - spline.integrate(a, b)) <= 1e-12 * np.abs(spline.c).max() * (b - a)
    if knots.periodic:
        np.testing.assert_allclose(spline(x + 3 * (b - a)), spline(x), atol=1e-10)
    np.testing.assert_allclose(spline.to_scipy()(x), spline(x), atol=1e-11)
    again = sk.Spline.from_ppoly(spline.to_ppoly())
    np.testing.assert_allclose(again(x), spline(x), atol=1e-9)
