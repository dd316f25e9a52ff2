"""Hostile geometry against exact rationals: values, derivatives, P, A, Gram matrices, and their bounds."""

from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import ALL, DEGREES, EPS, NAMES, hostile

import splinekan as sk
from splinekan.splines.gram import gram_factor
from splinekan.splines.knots import UNIFORM, breakpoints, is_uniform, unevenness
from splinekan.splines.pp_form import highest_derivative, local_pieces


def probes(t, degree, seed=0):
    """Points at, beside and between the breakpoints."""
    ends = breakpoints(t, degree)
    a, b = ends[[0, -1]]
    beside = [np.nextafter(ends[:-1], np.inf), np.nextafter(ends[1:], -np.inf)]
    between = [(ends[1:] + ends[:-1]) / 2, np.random.default_rng(seed).uniform(a, b, 8)]
    return np.clip(np.concatenate([ends, *beside, *between]), a, b)


def exact(t, degree, x, derivative, about):
    """Exact values (n, n_basis) of a derivative, and sum_p |c_p (x - origin)^p| for origins near x.

    `about` says whether polynomials are expanded about the nearest knot or the middle of the interval.
    """
    ends = sk.KnotVector(t, degree).inner
    values = np.zeros((len(x), len(t) - degree - 1))
    sizes, totals = np.zeros_like(values), np.zeros_like(values)
    for row, point in enumerate(x):
        s = min(int(np.searchsorted(ends, point, side="right")) - 1, len(ends) - 2)
        left, right, at = (Fraction(float(v)) for v in (ends[s], ends[s + 1], point))
        origin = (left + right) / 2 if about == "middle" else left if at - left <= right - at else right
        for l, c in enumerate(oracles.local_polynomials(t, degree, s, origin)):
            for _ in range(derivative):
                c = [p * a for p, a in enumerate(c)][1:]
            terms = [a * (at - origin) ** p for p, a in enumerate(c)]
            reach = [a * (right - left) ** p for p, a in enumerate(c)]
            values[row, s + l] = float(sum(terms, Fraction(0)))
            sizes[row, s + l] = float(sum(map(abs, terms), Fraction(0)))
            totals[row, s + l] = float(sum(map(abs, reach), Fraction(0)))
    return values, sizes, totals


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("name", ALL)
def test_values_and_derivatives_keep_the_stated_bound(name, degree):
    t = hostile(name, degree)
    x = probes(t, degree)
    basis = sk.BSplineBasis(t, degree)
    uniform = is_uniform(t, degree)
    for order in range(degree + 1):
        want, size, total = exact(t, degree, x, order, "middle" if uniform else "knot")
        bound = 4 * (degree + 2) * EPS * size
        if uniform:
            bound += 8 * (degree + 1) * unevenness(t) * total
        error = np.abs(basis.tabulate(x, order) - want)
        assert (error <= bound).all(), (order, float((error / np.maximum(bound, 1e-300)).max()))


@pytest.mark.parametrize(("mode", "kept"), [("linear", 2), ("polynomial", 8), ("clamp", 1), ("zero", 0)])
@pytest.mark.parametrize("degree", [0, 2, 5])
@pytest.mark.parametrize("name", ALL)
def test_continuations_keep_the_stated_bound(name, degree, mode, kept):
    t = hostile(name, degree)
    ends = sk.KnotVector(t, degree).inner
    basis = sk.BSplineBasis(t, degree, mode)
    loose = 8 * (degree + 1) * unevenness(t) if is_uniform(t, degree) else 0.0
    for s, end, side in ((0, ends[0], -1), (len(ends) - 2, ends[-1], 1)):
        beyond = end + side * (ends[-1] - ends[0]) * np.array([1e-3, 0.3, 2.0])
        x = np.concatenate([[np.nextafter(end, side * np.inf)], beyond[beyond != end]])
        rows = oracles.local_polynomials(t, degree, s, Fraction(float(end)))
        for order in range(degree + 1):
            got = basis.tabulate(x, order)[:, s : s + degree + 1]
            for l, c in enumerate(rows):
                for point, value in zip(x, got[:, l], strict=True):
                    z = Fraction(float(point)) - Fraction(float(end))
                    slopes = c[:kept]
                    for _ in range(order):
                        slopes = [p * a for p, a in enumerate(slopes)][1:]
                    terms = [a * z**p for p, a in enumerate(slopes)]
                    size = float(sum(map(abs, terms), Fraction(0)))
                    width = float(ends[s + 1] - ends[s])
                    extra = loose * (1 + float(abs(z)) / width) ** degree / width**order * 4**degree
                    error = abs(value - float(sum(terms, Fraction(0))))
                    assert error <= 4 * (degree + 2) * EPS * size + extra


@pytest.mark.parametrize("degree", [1, 3, 7])
@pytest.mark.parametrize("name", ALL)
def test_float32_points_are_located_in_float64(name, degree):
    t = hostile(name, degree)
    a, b = breakpoints(t, degree)[[0, -1]]
    x = probes(t, degree).astype(np.float32)
    x = x[(x >= a) & (x <= b)]
    basis = sk.BSplineBasis(t, degree)
    wide = basis.tabulate(x.astype(float))
    narrow = basis.tabulate(x)
    assert narrow.dtype == np.float32
    assert np.abs(narrow - wide).max(initial=0) <= 4 * (degree + 2) * np.finfo(np.float32).eps


def test_float32_points_on_knots_that_float32_cannot_tell_apart():
    t = sk.uniform_knots(1e6, 1e6 + 2, 64, 3)
    x = np.float32([1e6 + 0.0625, 1e6 + 1.0])
    np.testing.assert_allclose(sk.BSplineBasis(t, 3).tabulate(x).max(axis=1), 2 / 3, rtol=1e-6)
    network = sk.KAN.splines([1, 1], 3, 64, (1e6, 1e6 + 2))
    theta = np.random.default_rng(0).normal(size=network.n_parameters)
    wide = network(theta, x[:, None].astype(float))
    np.testing.assert_allclose(network(theta, x[:, None]), wide, atol=1e-6)
    powers = sk.PowerReLUBasis(t, 3)
    np.testing.assert_allclose(powers.tabulate(x), powers.tabulate(x.astype(float)), rtol=1e-6)


def test_uniform_is_relative_to_the_spacing():
    assert is_uniform(sk.uniform_knots(0, 1, 320, 3), 3)
    assert is_uniform(sk.uniform_knots(1e8, 1e8 + 1, 64, 3), 3)
    assert not is_uniform(sk.uniform_knots(1e8, 1e8 + 1, 10, 3), 3)
    assert not is_uniform(hostile("uneven", 3), 3)
    assert unevenness(np.array([0.0, 1.0, 2.0 + UNIFORM, 3.0])) == pytest.approx(UNIFORM)


@pytest.mark.parametrize("spacing", [1, 2, 3])
def test_uniform_knots_without_numbers_in_the_middle_are_measured_from_knots(spacing):
    a = 2.0**52  # where numbers are 1 apart
    t = sk.uniform_knots(a, a + 4 * spacing, 4, 3)
    assert is_uniform(t, 3) == (spacing % 2 == 0)
    x = a + np.arange(4.0 * spacing)
    np.testing.assert_allclose(
        sk.BSplineBasis(t, 3).tabulate(x), oracles.tabulate(t, 3, x), rtol=0, atol=20 * EPS
    )


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("name", ALL)
def test_prolongation_is_correctly_rounded_and_its_levels_agree(name, degree):
    t = hostile(name, degree)
    if name == "ulp":
        with pytest.raises(ValueError, match="too short to be halved"):
            sk.refine_knots(t, degree)
        return
    fine = sk.refine_knots(t, degree)
    p = sk.prolongation(t, fine, degree).toarray()
    want = np.array(oracles.prolongation(t, fine, degree)).astype(float)
    uniform = is_uniform(t, degree) and is_uniform(fine, degree)
    assert (np.abs(p - want) <= (8 * (degree + 1) * unevenness(fine) if uniform else 0)).all()
    c = np.random.default_rng(1).normal(size=p.shape[1])
    x = probes(t, degree)
    values = sk.BSplineBasis(t, degree).evaluate(c, x)
    moved = sk.BSplineBasis(fine, degree).evaluate(p @ c, x)
    bound = 8 * (degree + 2) * EPS * np.abs(c).max() * (1 + np.abs(p).sum(axis=1).max())
    if is_uniform(t, degree):
        bound += 2.0**degree * 32 * (degree + 1) * max(unevenness(t), unevenness(fine)) * np.abs(c).max()
    assert np.abs(values - moved).max() <= bound


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("tiny")])
def test_change_of_basis_is_right_entry_by_entry(name, degree):
    t = hostile(name, degree)
    found = sk.change_of_basis(t, degree)
    assert not any(band[len(band) - d :].any() for d, band in enumerate(found.bands) if d)
    a = found.toarray()
    want = oracles.change_of_basis(t, degree)
    for mine, row in zip(a, want, strict=True):
        for entry, value in zip(mine, row, strict=True):
            assert abs(Fraction(float(entry)) - value) <= 4 * (degree + 1) * EPS * abs(value)


@pytest.mark.parametrize("degree", [0, 1, 3, 5])
@pytest.mark.parametrize("name", ALL)
def test_gram_matrices_are_those_of_the_stored_knots(name, degree):
    t = hostile(name, degree)
    loose = 64 * (degree + 1) * unevenness(t) if is_uniform(t, degree) else 0.0
    for order in range(degree + 1):
        want = np.array(oracles.gram_matrix(t, degree, order)).astype(float)
        scale = np.outer(*[np.sqrt(np.diag(want))] * 2)
        error = np.abs(sk.gram_matrix(t, degree, order).toarray() - want)
        assert (error <= (64 * (degree + 2) * EPS + loose) * scale).all(), order
    assert gram_factor(t, degree, degree + 1).nnz == 0


@pytest.mark.parametrize("name", ALL)
def test_highest_derivatives_are_exact(name):
    t = hostile(name, 3)
    ends = breakpoints(t, 3)
    loose = 32 * unevenness(t) if is_uniform(t, 3) else 0.0
    got = highest_derivative(t, 3)
    for row, left in enumerate(ends[:-1]):
        s = sk.KnotVector(t, 3).first_active[row]
        want = [float(6 * c[3]) for c in oracles.local_polynomials(t, 3, s, Fraction(float(left)))]
        np.testing.assert_allclose(got[row, s : s + 4], want, rtol=4 * EPS + loose)
        assert np.count_nonzero(got[row]) == 4


@pytest.mark.parametrize("scale", [1e-160, 1e160])
def test_derivatives_beyond_the_range_are_refused_and_values_kept(scale):
    for knots in (sk.uniform_knots(0, 1, 4, 3), np.cumsum(np.linspace(0.5, 1, 11))):
        x = np.linspace(knots[3], knots[7], 9)
        basis, plain = sk.BSplineBasis(scale * knots, 3), sk.BSplineBasis(knots, 3)
        np.testing.assert_allclose(basis.tabulate(scale * x), plain.tabulate(x), atol=1e-15)
        np.testing.assert_allclose(basis.tabulate(scale * x, 1) * scale, plain.tabulate(x, 1), atol=1e-14)
        with pytest.raises(ValueError, match=r"derivatives of order 2 .* rescale"):
            basis.tabulate(scale * x, 2)
        with pytest.raises(ValueError, match="rescale"):
            sk.change_of_basis(scale * knots, 3)
    layer = sk.KAN.splines([1, 1], 3, 4, (0, scale))
    theta, x = np.ones(7), scale * np.linspace(0, 1, 5)[:, None]
    np.testing.assert_allclose(layer(theta, x), 1)
    assert np.isfinite(layer.vjp(theta, x, np.ones((5, 1)))).all()
    with pytest.raises(ValueError, match="rescale"):
        sk.LeastSquares(layer, x, np.zeros(5)).hessian_product(theta, theta)


def test_intervals_too_short_for_a_reciprocal_and_knots_too_large_are_refused():
    with pytest.raises(ValueError, match="at least 1e-300 long"):
        sk.BSplineBasis(5e-324 * np.arange(9), 3).tabulate([0.0])
    with pytest.raises(ValueError, match="knots must be at most 1e\\+300"):
        sk.BSplineBasis(1e305 * np.arange(9), 3)


@pytest.mark.parametrize("mode", ["linear", "polynomial", "clamp", "zero"])
def test_points_so_far_outside_that_powers_overflow_are_refused(mode):
    basis = sk.BSplineBasis(sk.uniform_knots(0, 1e-10, 4, 3), 3, mode)
    with pytest.raises(ValueError, match=r"continuation .* leaves the range"):
        basis.tabulate([0.0, 1e300])
    assert np.isfinite(basis.tabulate([0.0, -1e80])).all()


def test_equal_knots_share_their_pieces():
    even = sk.clamped_knots(np.linspace(0, 1, 33), 3)
    shared = local_pieces(even, 3)
    assert shared is local_pieces(even.copy(), 3)


@pytest.mark.parametrize("degree", [0, 1, 3])
@pytest.mark.parametrize("name", ["offset0", "nearly even", "graded"])
def test_layers_find_the_intervals_that_bases_find(name, degree):
    if name == "nearly even":  # spans are guessed by arithmetic, and the guess is one off on either side
        points = np.arange(9.0) + 0.2 * np.array([0, 1, -1, 1, -1, 1, -1, -1, 0])
        t = sk.extended_knots(points, degree)
    else:
        t = hostile(name, degree)
    x = probes(t, degree)
    layer = sk.SplineLayer(1, 1, t, degree)
    c = np.random.default_rng(0).normal(size=layer.n_parameters)
    for order, got in enumerate(
        (layer.value(c, x[:, None])[:, 0], layer.vjp(c, x[:, None], np.ones((len(x), 1)), True)[1][:, 0])
    ):
        want = sk.BSplineBasis(t, degree).evaluate(c, x, order)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12 * np.abs(want).max())


@pytest.mark.parametrize("degree", [0, 1, 4])
def test_the_relu_form_and_the_ends_of_the_domain(degree):
    t = sk.uniform_knots(-1, 1, 5, degree)
    x = probes(t, degree)[:-1]
    basis = sk.BSplineBasis(t, degree, "error")  # both ends belong to the domain
    want = basis.tabulate(x)
    inside = x < 1  # at b the form of degree 0 takes the limit from the right
    np.testing.assert_allclose(basis.tabulate_relu_form(x)[inside], want[inside], atol=1e-13)
    assert basis.tabulate([-1.0, 1.0]).sum(axis=1) == pytest.approx(1)
