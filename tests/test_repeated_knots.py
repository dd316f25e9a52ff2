"""Repeated knots: what is accepted, continuity, active functions, refinement, nestedness, SciPy."""

from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import COMPILED, EPS
from scipy.interpolate import BSpline, PPoly
from scipy.interpolate import insert as fitpack_insert

import splinekan as sk
from splinekan.splines.pp_form import local_pieces

DEGREES = COMPILED[1:]


def vectors(degree):
    """Knots with repeated inner knots of every multiplicity, half-clamped and partly repeated ends."""
    rng = np.random.default_rng([4, degree])
    points = np.cumsum(rng.uniform(0.2, 1, degree + 4))
    every = np.minimum(np.arange(1, degree + 3), degree + 1)
    left = np.concatenate([np.repeat(points[0], degree), points, points[-1] + np.arange(1, degree + 1)])
    partly = left.copy()
    partly[: degree // 2] -= 0.5
    return [
        sk.KnotVector.clamped(points, degree, every),
        sk.KnotVector.extended(points, degree, every[::-1]),
        sk.KnotVector(left, degree),
        sk.KnotVector(partly, degree).insert(points[[2, 3, 3]] if degree > 1 else points[[2]]),
    ]


@pytest.mark.parametrize("degree", DEGREES)
def test_counts_and_breakpoints(degree):
    for knots in vectors(degree):
        counts = np.ones(knots.intervals + 1, int)
        counts[1:-1] = knots.multiplicities
        np.testing.assert_array_equal(np.repeat(knots.breakpoints, counts), knots.inner)
        assert knots.n_basis == len(knots.t) - degree - 1 == knots.multiplicities.sum() + 1 + degree
        np.testing.assert_array_equal(knots.inner[knots.first_active], knots.breakpoints[:-1])
        np.testing.assert_array_equal(knots.fold, np.arange(knots.n_basis))
        assert not knots.has_relu_basis
        with pytest.raises(ValueError, match="of a repeated knot are linearly dependent"):
            sk.change_of_basis(knots)
        with pytest.raises(ValueError, match="strictly increasing"):
            sk.PowerReLUBasis(knots)


@pytest.mark.parametrize("degree", DEGREES)
def test_a_knot_takes_away_as_many_derivatives_as_it_occurs(degree):
    """From both sides of a knot the first k - m + 1 derivatives agree, and the next does not, exactly."""
    knots = sk.KnotVector.clamped(np.arange(degree + 3.0), degree, np.arange(1, degree + 2))
    assert knots.multiplicities.tolist() == list(range(1, degree + 2))
    for piece, multiplicity in enumerate(knots.multiplicities.tolist()):
        origin = Fraction(float(knots.breakpoints[piece + 1]))
        sides = []
        for s in knots.first_active[[piece, piece + 1]].tolist():
            rows = np.zeros((degree + 1, knots.n_basis), dtype=object)
            rows[:, s : s + degree + 1] = np.array(oracles.local_polynomials(knots, degree, s, origin)).T
            sides.append(rows)
        smooth = degree + 1 - multiplicity
        assert (sides[0][:smooth] == sides[1][:smooth]).all()
        assert (sides[0][smooth] != sides[1][smooth]).any()
        basis = sk.BSplineBasis(knots)
        at = knots.breakpoints[piece + 1]
        for order in range(degree + 1):  # the right limit
            got = basis.tabulate([at], order)[0]
            want = np.array([float(v) * np.prod(np.arange(1.0, order + 1)) for v in sides[1][order]])
            np.testing.assert_allclose(got, want, rtol=8 * EPS * (degree + 2))


@pytest.mark.parametrize("degree", DEGREES)
def test_values_agree_with_scipy(degree):
    for knots in vectors(degree):
        a, b = knots.domain
        x = np.concatenate([np.random.default_rng(0).uniform(2 * a - b, 2 * b - a, 50), knots.breakpoints])
        c = np.random.default_rng(1).normal(size=knots.n_basis)
        basis = sk.BSplineBasis(knots, extrapolate="polynomial")
        for order in range(degree + 1):
            want = BSpline(knots.t, c, degree)(x, order)
            np.testing.assert_allclose(basis.evaluate(c, x, order), want, atol=1e-10 * np.abs(want).max())
        x = np.clip(x, a, b)
        design = BSpline.design_matrix(x, knots.t, degree).toarray()
        np.testing.assert_allclose(basis.design_matrix(x).toarray(), design, atol=1e-13)
        assert basis.tabulate([b])[0, -1] == pytest.approx(design[np.argmax(x), -1])


def test_points_are_never_in_an_empty_interval():
    knots = sk.KnotVector.clamped([0, 1, 2, 3], 3, [4, 2])
    pieces = local_pieces(knots)
    assert pieces.breakpoints.tolist() == [0, 1, 1, 1, 1, 2, 2, 3]
    x = np.concatenate([knots.breakpoints, np.nextafter(knots.breakpoints, -1)[1:], [-1, 5, 0.5]])
    _, first = sk.BSplineBasis(knots).active(x)
    assert first.tolist() == [0, 4, 6, 6, 0, 4, 6, 0, 6, 0]
    assert set(first) == set(knots.first_active)
    layer = sk.SplineLayer(1, 1, knots.t, 3)
    c = np.random.default_rng(0).normal(size=knots.n_basis)
    np.testing.assert_allclose(
        layer.value(c, x[:, None])[:, 0], sk.BSplineBasis(knots).evaluate(c, x), rtol=1e-13
    )


@pytest.mark.parametrize("degree", DEGREES)
def test_refined_knots_keep_their_multiplicities(degree):
    for knots in vectors(degree):
        fine = knots.refine()
        assert fine.intervals == 2 * knots.intervals
        np.testing.assert_array_equal(fine.breakpoints[::2], knots.breakpoints)
        np.testing.assert_array_equal(fine.multiplicities[1::2], knots.multiplicities)
        assert (fine.multiplicities[::2] == 1).all()
        assert fine.is_clamped == knots.is_clamped
        assert (fine.t[degree] == fine.t[0]) == (knots.t[degree] == knots.t[0])
        assert fine.coarsen().breakpoints.tolist() == knots.breakpoints.tolist()
        assert fine.coarsen().multiplicities.tolist() == knots.multiplicities.tolist()
        some = knots.refine([0, knots.intervals - 1])
        assert some.n_basis == knots.n_basis + 2
        for finer in (fine, some):
            assert knots.is_nested_in(finer)
            p = sk.prolongation(knots, finer)
            want = np.array(oracles.prolongation(knots, finer, degree)).astype(float)
            np.testing.assert_array_equal(p.toarray(), want)


@pytest.mark.parametrize("degree", DEGREES)
def test_inserting_a_knot_again_is_boehms_insertion(degree):
    for knots in vectors(degree):
        c = [Fraction(int(v)) for v in np.random.default_rng(2).integers(-9, 9, knots.n_basis)]
        single = float(knots.breakpoints[np.flatnonzero(knots.multiplicities == 1)[0] + 1])
        t, exact = knots.t, c
        fine = knots
        for _ in range(degree):
            t, exact = oracles.insert_knot(t, degree, exact, single)
            fine = fine.insert([single])
            np.testing.assert_array_equal(fine.t, [float(v) for v in t])
            p = sk.prolongation(knots, fine).toarray()
            got = p @ np.array([float(v) for v in c])
            np.testing.assert_allclose(got, [float(v) for v in exact], atol=1e-13 * 9)
            assert knots.is_nested_in(fine)
            assert not fine.is_nested_in(knots)
        assert fine.multiplicities.max() == degree + 1
        assert fine == knots.insert([single] * degree)
        with pytest.raises(ValueError, match=rf"at most degree \+ 1 = {degree + 1} times"):
            fine.insert([single])


def test_insertion_agrees_with_fitpack():
    knots = sk.KnotVector.clamped([0, 1, 2, 4], 3)
    c = np.random.default_rng(3).normal(size=knots.n_basis)
    t, want, _ = fitpack_insert(1.0, (knots.t, c, 3), m=2)
    fine = knots.insert([1.0, 1.0])
    np.testing.assert_array_equal(fine.t, t)
    np.testing.assert_allclose(sk.prolongation(knots, fine) @ c, want[: fine.n_basis], atol=1e-14)


def test_nested_knots_occur_as_often():
    once, twice = (sk.KnotVector.clamped([0, 1, 2], 3, m) for m in (1, 2))
    assert once.is_nested_in(twice)
    assert not twice.is_nested_in(once)
    with pytest.raises(ValueError, match=r"breakpoint 1.0 has multiplicity 2, more than on the fine side"):
        sk.prolongation(twice, once)
    assert not once.is_nested_in(sk.KnotVector.clamped([0, 1, 2], 2))
    assert not once.is_nested_in(sk.KnotVector.clamped([0, 1, 3], 3))


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_mass_matrices_are_integrals_of_products(degree):
    for knots in vectors(degree):
        rng = np.random.default_rng(4)
        u, v = rng.normal(size=(2, knots.n_basis))
        first, second = (PPoly.from_spline(BSpline(knots.t, c, degree)) for c in (u, v))
        total = 0.0
        for i, (left, right) in enumerate(zip(first.x[:-1], first.x[1:], strict=True)):
            if left < right and knots.domain[0] <= left < knots.domain[1]:
                product = np.polynomial.Polynomial(first.c[::-1, i]) * np.polynomial.Polynomial(
                    second.c[::-1, i]
                )
                total += product.integ()(right - left)
        size = np.abs(u) @ sk.gram_matrix(knots) @ np.abs(v)
        assert abs(u @ sk.gram_matrix(knots) @ v - total) <= 1e-11 * size


def test_greville_points_reproduce_x_and_discontinuous_splines_have_them_twice():
    knots = sk.KnotVector.clamped([0, 1, 2, 3], 2, [3, 2])
    assert knots.greville.tolist() == [0, 0.5, 1, 1, 1.5, 2, 2.5, 3]
    x = np.linspace(0, 3, 31)
    np.testing.assert_allclose(sk.BSplineBasis(knots).evaluate(knots.greville, x), x, atol=1e-15)


def test_bad_knots():
    for t, message in (
        ([0, 1, 0.5, 2, 3, 4], r"must not decrease, got knots\[1\] = 1.0, knots\[2\] = 0.5"),
        ([0, 1, 1, 2, 3, 4], r"knots\[1\] = knots\[2\] = 1.0: a B-spline vanishes.* leave out knots\[0\]"),
        ([0, 1, 2, 3, 3, 4], r"knots\[3\] = knots\[4\] = 3.0.* leave out knots\[5\]"),
        ([0, 1, 2, 2, 2, 3, 4], "at most degree \\+ 1 = 2 times, got 2.0"),
        ([0, 0, 1], "degree 1 needs at least 4 knots"),
    ):
        with pytest.raises(ValueError, match=message):
            sk.KnotVector(t, 1)
    with pytest.raises(ValueError, match=r"knots\[0\] = knots\[1\]"):
        sk.KnotVector([0, 0, 1], 0)
    with pytest.raises(ValueError, match="multiplicity must be between 1 and 4, got 5"):
        sk.KnotVector.clamped([0, 1, 2], 3, 5)
    with pytest.raises(ValueError, match=r"hold 1, for the inner breakpoints, got shape \(2,\)"):
        sk.KnotVector.extended([0, 1, 2], 3, [1, 2])
    with pytest.raises(TypeError, match="multiplicity must be an integer"):
        sk.KnotVector.extended([0, 1, 2], 3, [1.5])


def test_representations():
    double = sk.KnotVector.clamped([0, 1, 2], 3, 2)
    assert repr(double) == "KnotVector(degree 3, 2 intervals on [0, 2], clamped, repeated inner knots)"
    assert repr(sk.KnotVector([0, 0, 1, 2], 1)) == "KnotVector(degree 1, 1 interval on [0, 1], extended)"
