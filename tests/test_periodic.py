"""Periodic knots against exact rationals: wrapped points, values, P, Gram matrices."""

from fractions import Fraction
from math import floor

import numpy as np
import oracles
import pytest
from cases import COMPILED, EPS, periodic_knots
from scipy.interpolate import BSpline

import splinekan as sk
from splinekan.splines.periodicity import wrapped
from splinekan.splines.pp_form import highest_derivative

DOMAINS = [
    (0.0, 1.0),
    (0.1, 0.7),
    (-np.pi, np.pi),
    (1e6, 1e6 + 1.1),
    (1e-300, 1.0),
    (-1e8, 3.0),
    (-5e-3, 1e9),
]


def folded(dense, knots, axis=-1):
    """Columns of the B-splines on the line, added where they belong to the same coefficient."""
    array = np.moveaxis(np.array(dense, dtype=object), axis, 0)
    out = np.zeros((knots.n_basis, *array.shape[1:]), dtype=object)
    np.add.at(out, knots.fold, array)
    return np.moveaxis(out, 0, axis)


@pytest.mark.parametrize(("a", "b"), DOMAINS)
def test_points_are_wrapped_to_the_nearest_number(a, b):
    rng = np.random.default_rng(0)
    low, high = Fraction(a), Fraction(b)
    period = high - low
    steps = [0, 1, -1, 2, 7, -30, 2**19, -(2**20) + 1, 2**23, -(2**40)]
    ends = [float(low + n * period) for n in steps]
    x = np.concatenate(
        [
            rng.uniform(a, b, 20),
            a + (b - a) * rng.normal(size=40) * 10.0 ** rng.uniform(0, 9, 40),
            *((np.nextafter(e, -np.inf), e, np.nextafter(e, np.inf)) for e in ends),
            [1e300, -1e300, 1.7e308, 0.0, 5e-324, -5e-324],
        ]
    )
    knots = sk.KnotVector.extended([a, b], 3, periodic=True)
    got, periods = wrapped(x, a, b)
    np.testing.assert_array_equal(knots.wrap(x), got)
    assert ((a <= got) & (got < b)).all()
    for point, y, q in zip(x.tolist(), got.tolist(), periods.tolist(), strict=True):
        count = floor((Fraction(point) - low) / period)
        exact = Fraction(point) - count * period
        distance = min((abs(Fraction(y) - exact + n * period), n) for n in (-1, 0, 1))
        assert distance[0] <= Fraction(float(np.spacing(max(abs(y), abs(b) if y == a else 0)))) / 2
        if abs(count) < 2**53:
            assert q == count + distance[1]
        if a <= point < b:
            assert y == point
        if exact == Fraction(float(exact)):
            assert Fraction(y) == exact


def test_what_is_not_finite_and_what_is_not_beyond():
    knots = sk.KnotVector.uniform(0, 1, 4, 3)  # wrapping needs no period of the splines
    got = knots.wrap([np.nan, np.inf, -np.inf, 0.5, 1.0])
    assert np.isnan(got[:3]).all()
    np.testing.assert_array_equal(got[3:], [0.5, 0.0])
    assert knots.wrap(1.25) == 0.25
    assert knots.wrap(np.ones((2, 0, 3))).shape == (2, 0, 3)
    with pytest.raises(TypeError, match="x must be an array of real numbers"):
        knots.wrap([1j])


@pytest.mark.parametrize(("a", "b"), [d for d in DOMAINS if d[0] != 1e6])
def test_float32_points_stay_float32_and_inside(a, b):
    knots = sk.KnotVector.extended([a, b], 1, periodic=True)
    rng = np.random.default_rng(1)
    x = (a + (b - a) * rng.uniform(-9, 9, 500)).astype(np.float32)
    x = np.concatenate([x, np.float32([a, b, 2 * b - a, np.nextafter(np.float32(b), np.float32(a))])])
    got = knots.wrap(x)
    assert got.dtype == np.float32
    wide = x.astype(float)  # NumPy would round a and b to float32 to compare
    assert ((got.astype(float) >= a) & (got.astype(float) < b)).all()
    away = np.abs(got.astype(float) - knots.wrap(wide))
    away = np.minimum(away, (b - a) - away)  # the seam is a single point
    assert (away <= np.spacing(np.float32(max(abs(a), abs(b))))).all()
    inside = (wide >= a) & (wide < b)
    np.testing.assert_array_equal(got[inside], x[inside])


def test_domains_between_float32_numbers_refuse_float32_points():
    knots = sk.KnotVector.extended([16777217.0, 16777217.5], 1, periodic=True)
    assert knots.wrap([16777217.75]) == 16777217.25
    with pytest.raises(ValueError, match="no float32 number lies in the domain"):
        knots.wrap(np.float32([0.0]))


@pytest.mark.parametrize("degree", COMPILED)
def test_values_and_derivatives_are_those_of_exactly_continued_knots(degree):
    for knots in periodic_knots(degree):
        a, b = knots.domain
        x = np.concatenate([np.random.default_rng(2).uniform(a, b, 9), knots.breakpoints])
        basis = sk.BSplineBasis(knots)
        t = oracles.line(knots)
        ends = oracles.rational(knots.inner)
        for order in range(degree + 1):
            want = np.zeros((len(x), knots.n_basis))
            size = np.zeros_like(want)
            for row, point in enumerate(oracles.rational(knots.wrap(x))):
                s = max(j for j, end in enumerate(ends[:-1]) if end <= point)
                uniform, middle = knots.is_uniform, (ends[s] + ends[s + 1]) / 2
                origin = middle if uniform else ends[s] if point <= middle else ends[s + 1]
                reach = abs(point - origin) if not uniform else ends[s + 1] - ends[s]
                for l, c in enumerate(oracles.local_polynomials(t, degree, s, origin)):
                    for _ in range(order):
                        c = [p * v for p, v in enumerate(c)][1:]
                    terms = [v * (point - origin) ** p for p, v in enumerate(c)]
                    column = knots.fold[s + l]
                    want[row, column] += float(sum(terms, Fraction(0)))
                    size[row, column] += float(sum((abs(v) * reach**p for p, v in enumerate(c)), Fraction(0)))
            error = np.abs(basis.tabulate(x, order) - want)
            assert (error <= 8 * (degree + 2) * EPS * size).all(), (knots, order)
        np.testing.assert_allclose(basis.tabulate(x).sum(axis=1), 1, atol=1e-13)
        assert not basis.tabulate(x, degree + 1).any()


@pytest.mark.parametrize("degree", COMPILED)
def test_splines_on_the_line_with_folded_coefficients_are_the_periodic_ones(degree):
    for knots in periodic_knots(degree):
        a, b = knots.domain
        x = np.random.default_rng(4).uniform(a - 3 * (b - a), b + 3 * (b - a), 60)
        c = np.random.default_rng(5).normal(size=(knots.n_basis, 2))
        basis = sk.BSplineBasis(knots, extrapolate="zero")  # no mode matters
        want = BSpline(knots.t, c[knots.fold], degree, extrapolate="periodic")(x)
        np.testing.assert_allclose(basis.evaluate(c, x), want, atol=1e-11)
        np.testing.assert_allclose(basis.tabulate(x) @ c, want, atol=1e-11)
        sparse = basis.design_matrix(x)
        sparse.check_format()
        assert sparse.has_canonical_format
        np.testing.assert_allclose(sparse.toarray(), basis.tabulate(x), atol=1e-15)
        narrow = basis.evaluate(c.astype(np.float32), x.astype(np.float32))
        assert narrow.dtype == np.float32
        active, first = basis.active(x)
        assert active.shape == (degree + 1, len(x))
        rows = np.arange(len(x))
        total = sum(active[l] * c[knots.fold[first + l], 0] for l in range(degree + 1))
        np.testing.assert_allclose(total, want[rows, 0], atol=1e-11)


@pytest.mark.parametrize("degree", range(1, 10))
def test_derivatives_are_continuous_across_the_seam(degree):
    for knots in periodic_knots(degree):
        a, b = knots.domain
        periodic = sk.BSplineBasis(knots)
        plain = sk.BSplineBasis(sk.KnotVector(knots.t, degree)) if knots.is_uniform else None
        for order in range(degree):
            right = periodic.tabulate([a], order)
            assert np.array_equal(periodic.tabulate([b], order), right)
            left = periodic.tabulate([np.nextafter(b, a)], order)
            size, slope = (
                np.abs(periodic.active([a, np.nextafter(b, a)], d)[0]).sum(axis=0).max()
                for d in (order, order + 1)
            )
            moved = slope * np.spacing(max(abs(a), abs(b)))
            assert np.abs(left - right).max() <= 1e-13 * size + moved
            if plain is not None:
                full = plain.tabulate([a], order)
                total = np.zeros(knots.n_basis)
                np.add.at(total, knots.fold, full[0])
                np.testing.assert_allclose(right[0], total, rtol=1e-11, atol=1e-11 * np.abs(total).max())


@pytest.mark.parametrize("degree", COMPILED)
def test_prolongation_is_exact_and_composes(degree):
    for knots in periodic_knots(degree):
        a, b = knots.domain
        finer = [knots.refine(), knots.insert([a + 0.3 * (b - a)] * min(2, degree + 1))]
        for fine in finer:
            assert fine.periodic
            assert knots.is_nested_in(fine)
            p = sk.prolongation(knots, fine).toarray()
            rows = oracles.prolongation(oracles.line(knots), oracles.line(fine), degree)[: fine.n_basis]
            want = folded(rows, knots).astype(float)
            if knots.is_uniform and fine.is_uniform:
                np.testing.assert_allclose(p, want, rtol=1e-12, atol=1e-14)
            else:
                np.testing.assert_array_equal(p, want)
            c = np.random.default_rng(6).normal(size=knots.n_basis)
            x = np.random.default_rng(7).uniform(2 * a - b, 2 * b - a, 50)
            coarse = sk.BSplineBasis(knots).evaluate(c, x)
            np.testing.assert_allclose(sk.BSplineBasis(fine).evaluate(p @ c, x), coarse, atol=2e-12)
        finest = finer[0].refine()
        two = sk.prolongation(finer[0], finest) @ sk.prolongation(knots, finer[0])
        np.testing.assert_allclose(two.toarray(), sk.prolongation(knots, finest).toarray(), atol=1e-13)


@pytest.mark.parametrize("degree", COMPILED)
def test_periodic_splines_are_splines_without_the_period(degree):
    for knots in periodic_knots(degree):
        counts = np.ones(len(knots.breakpoints), int)
        counts[1:-1] = knots.multiplicities
        clamped = sk.KnotVector.clamped(knots.breakpoints, degree, knots.multiplicities)
        assert knots.is_nested_in(clamped)
        assert knots.n_basis == 1 or not clamped.is_nested_in(knots)
        p = sk.prolongation(knots, clamped)
        c = np.random.default_rng(8).normal(size=knots.n_basis)
        x = np.linspace(*knots.domain, 40)[:-1]
        got = sk.BSplineBasis(clamped).evaluate(p @ c, x)
        np.testing.assert_allclose(got, sk.BSplineBasis(knots).evaluate(c, x), atol=1e-12)
        with pytest.raises(ValueError, match="fine_knots are periodic and coarse_knots are not"):
            sk.prolongation(clamped, knots)


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5])
def test_gram_matrices_are_those_of_the_folded_splines(degree):
    for knots in periodic_knots(degree):
        for order in range(degree + 1):
            exact = oracles.gram_matrix(oracles.line(knots), degree, order)
            want = folded(folded(exact, knots, 0), knots, 1).astype(float)
            got = sk.gram_matrix(knots, derivative=order).toarray()
            plain = np.array(exact).astype(float)
            size = folded(folded(np.abs(plain), knots, 0), knots, 1).astype(float)
            scale = np.sqrt(np.outer(np.diag(size), np.diag(size)))
            assert (np.abs(got - want) <= 1e-13 * scale).all()
            assert np.array_equal(got, got.T) or np.allclose(got, got.T, rtol=1e-14)
            if order:
                assert np.abs(got.sum(axis=1)).max() <= 1e-12 * scale.max()  # constants have no slope


@pytest.mark.parametrize("degree", COMPILED)
def test_highest_derivatives_greville_points_and_refinement(degree):
    for knots in periodic_knots(degree):
        a, b = knots.domain
        middles = (knots.breakpoints[1:] + knots.breakpoints[:-1]) / 2
        want = sk.BSplineBasis(knots).tabulate(middles, degree)
        np.testing.assert_allclose(highest_derivative(knots), want, rtol=1e-12, atol=1e-12 * want.max())
        t, period = oracles.line(knots), Fraction(b) - Fraction(a)
        assert knots.greville.shape == (knots.n_basis,)
        assert ((knots.greville >= a) & (knots.greville < b)).all()
        for i, point in enumerate(knots.greville.tolist()):
            mean = sum(t[i + 1 : i + degree + 1]) / degree if degree else (t[i] + t[i + 1]) / 2
            off = (Fraction(point) - mean) / period
            assert abs(off - round(off)) < 1e-14
        fine = knots.refine()
        assert fine.intervals == 2 * knots.intervals
        assert fine.is_uniform == knots.is_uniform
        assert fine.coarsen() == knots
        assert fine.n_basis == knots.n_basis + knots.intervals


def test_ghost_knots_are_checked_and_continued_exactly():
    t = sk.uniform_knots(0.1, 0.7, 5, 3)
    knots = sk.KnotVector(t, 3, periodic=True)
    assert knots == sk.KnotVector.uniform(0.1, 0.7, 5, 3, periodic=True)
    assert knots != sk.KnotVector(t, 3)
    assert knots.n_basis == 5
    assert knots.fold.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert repr(knots) == "KnotVector(degree 3, 5 intervals on [0.1, 0.7], periodic, uniform)"
    t[0] -= 1e-9
    with pytest.raises(
        ValueError, match=r"must repeat with the period b - a = 0.6.*: got knots\[0\] = -0.26"
    ):
        sk.KnotVector(t, 3, periodic=True)
    # Rounding makes ghost knots equal, which are told apart exactly.
    close = sk.KnotVector.extended([0.0, 1e-20, 1.0], 1, periodic=True)
    assert close.t[0] == 1e-20 - 1
    wide = sk.KnotVector.extended([0.0, 1e-20, 2e-20, 1.0], 3, periodic=True)
    assert wide.t[0] == wide.t[1] == wide.t[2] - 1e-20 - 0 or wide.t[0] <= wide.t[1]
    x = np.array([0.0, 1e-21, 1.5e-20, 0.5])
    np.testing.assert_allclose(sk.BSplineBasis(wide).tabulate(x).sum(axis=1), 1, rtol=1e-14)
    with pytest.raises(TypeError, match="periodic must be True or False"):
        sk.KnotVector(sk.uniform_knots(0, 1, 4, 3), 3, periodic=1)


def test_the_relu_form_is_refused_with_the_reason():
    knots = sk.KnotVector.uniform(0, 1, 5, 3, periodic=True)
    assert not knots.has_relu_basis
    for call in (
        lambda: sk.change_of_basis(knots),
        lambda: sk.PowerReLUBasis(knots),
        lambda: sk.prolongation(knots, knots.refine(), basis="relu"),
        lambda: sk.gram_matrix(knots, basis="relu"),
        lambda: sk.relu_from_spline(np.ones(5), knots),
        lambda: sk.BSplineBasis(knots).tabulate_relu_form([0.5]),
    ):
        with pytest.raises(ValueError, match="no truncated power is periodic"):
            call()


def test_points_that_are_not_finite_are_refused():
    basis = sk.BSplineBasis(sk.KnotVector.uniform(0, 1, 5, 3, periodic=True), extrapolate="error")
    basis.tabulate([-7.0, 1.0, 12.5])  # no point is outside
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=rf"x must be finite, got {bad} at index \(1,\)"):
            basis.tabulate([0.5, bad])
