"""Spline against SciPy: values, derivatives, integrals, other knots, other forms."""

import pickle

import numpy as np
import pytest
from cases import COMPILED, EPS
from scipy.interpolate import BSpline, CubicSpline, PPoly, make_interp_spline

import splinekan as sk

MODES = ("linear", "polynomial", "clamp", "zero")


def spaces(degree):
    """Knot vectors of all kinds."""
    rng = np.random.default_rng([6, degree])
    points = np.cumsum(rng.uniform(0.2, 1, degree + 4)) - 1
    half = np.concatenate([np.repeat(points[0], degree), points, points[-1] + np.arange(1, degree + 1)])
    return [
        sk.KnotVector.uniform(-1, 2, 5, degree),
        sk.KnotVector.clamped(points, degree),
        sk.KnotVector.extended(points, degree, np.minimum(np.arange(1, degree + 3), degree + 1)),
        sk.KnotVector(half, degree),
        sk.KnotVector.uniform(-1, 2, 5, degree, periodic=True),
        sk.KnotVector.extended(points, degree, [1, degree + 1, *(1,) * degree], periodic=True),
    ]


def splines(degree, shape=(), seed=0):
    rng = np.random.default_rng(seed)
    for knots in spaces(degree):
        yield sk.Spline(knots, rng.normal(size=(knots.n_basis, *shape)))


def anywhere(spline, n=60, margin=2.0):
    a, b = spline.domain
    return np.random.default_rng(1).uniform(a - margin * (b - a), b + margin * (b - a), n)


@pytest.mark.parametrize("axis", range(-3, 3))
def test_coefficients_lie_along_any_axis(axis):
    for knots in spaces(3):
        shape = [2, 5]
        shape.insert(axis % 3, knots.n_basis)
        c = np.random.default_rng(2).normal(size=shape)
        mode = "periodic" if knots.periodic else "polynomial"
        spline = sk.Spline(knots, c, axis=axis, extrapolate=mode)
        beyond = "periodic" if knots.periodic else True
        twin = BSpline(knots.t, np.take(c, knots.fold, axis), 3, extrapolate=beyond, axis=axis)
        for x in (0.25, np.linspace(-0.8, 0.9, 4), np.linspace(-0.8, 0.9, 6).reshape(1, 2, 3)):
            for nu in range(5):
                want = twin(x, nu)
                got = spline(x, nu)
                assert got.shape == want.shape
                np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10 * (np.abs(want).max() + 1))
        one = spline.derivative()
        assert one.axis == axis % 3
        np.testing.assert_allclose(one(0.25), twin(0.25, 1), rtol=1e-11, atol=1e-11)
        total = spline.integrate(-0.5, 0.75)
        np.testing.assert_allclose(total, twin.integrate(-0.5, 0.75), rtol=1e-12, atol=1e-13)
        assert spline.antiderivative().c.ndim == 3
        np.testing.assert_allclose(spline.to_scipy()(0.25), twin(0.25), rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(spline.to_ppoly()(0.25), twin(0.25), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(spline.refine()(0.25), twin(0.25), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("degree", COMPILED)
def test_derivatives_as_splines_continue_as_derivatives_do(degree, mode):
    for knots in spaces(degree):
        if knots.periodic:
            spline = sk.Spline(knots, np.random.default_rng(3).normal(size=knots.n_basis))
        else:
            c = np.random.default_rng(3).normal(size=(knots.n_basis, 2))
            spline = sk.Spline(knots, c, extrapolate=mode)
        x = np.concatenate([anywhere(spline), knots.breakpoints[:-1]])
        for nu in range(degree + 3):
            derivative = spline.derivative(nu)
            assert derivative.degree == max(degree - nu, 0)
            want = spline(x, nu)
            np.testing.assert_allclose(derivative(x), want, atol=2e-11 * np.abs(want).max())
        assert spline.derivative(0) is spline


@pytest.mark.parametrize("degree", COMPILED[:-1])
def test_antiderivatives_undo_derivatives_and_vanish_at_a(degree):
    for spline in splines(degree, (2,)):
        a, b = spline.domain
        whole = spline.antiderivative()
        assert whole.degree == degree + 1
        np.testing.assert_allclose(whole(a), 0, atol=1e-15)
        x = np.linspace(a, b, 50)[:-1]
        np.testing.assert_allclose(whole.derivative()(x), spline(x), atol=1e-12)
        for point in x[::10]:
            np.testing.assert_allclose(whole(point), spline.integrate(a, point), atol=1e-13)
        if degree < 6:
            twice = spline.antiderivative(2)
            np.testing.assert_allclose(twice(x), whole.antiderivative()(x), atol=1e-15)
            np.testing.assert_allclose(twice.derivative(2)(x), spline(x), atol=1e-11)


@pytest.mark.parametrize(
    ("degree", "mode", "integrated"),
    [
        (0, "linear", "linear"),
        (1, "linear", "polynomial"),
        (2, "linear", "error"),
        (3, "clamp", "linear"),
        (3, "zero", "clamp"),
        (3, "polynomial", "polynomial"),
        (3, "error", "error"),
        (3, "periodic", "error"),
    ],
)
def test_antiderivatives_continue_as_integrals_or_not_at_all(degree, mode, integrated):
    knots = sk.KnotVector.uniform(0, 2, 4, degree)
    spline = sk.Spline(knots, np.random.default_rng(4).normal(size=knots.n_basis), extrapolate=mode)
    whole = spline.antiderivative()
    assert whole.extrapolate == integrated
    if integrated == "error":
        with pytest.raises(ValueError, match="lies outside the domain"):
            whole(2.5)
    else:
        for x in (-1.5, 2.5, 7.0):
            np.testing.assert_allclose(whole(x), spline.integrate(0, x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("degree", COMPILED)
def test_integrals_are_those_of_the_continued_polynomials(degree, mode):
    """Against the exact integrals of a PPoly that holds the continuation as two more pieces."""
    for knots in spaces(degree)[:4]:
        spline = sk.Spline(knots, np.random.default_rng(5).normal(size=knots.n_basis), extrapolate=mode)
        a, b = spline.domain
        inner = spline.to_ppoly()
        kept = {"linear": 2, "polynomial": 10, "clamp": 1, "zero": 0}[mode]
        outside = []
        for end, start in ((a, a - 4), (b, b)):
            at = [spline(end, nu) / np.prod(np.arange(1.0, nu + 1)) for nu in range(degree + 1)]
            polynomial = np.polynomial.Polynomial([v if nu < kept else 0.0 for nu, v in enumerate(at)])
            moved = polynomial(np.polynomial.Polynomial([start - end, 1.0])).coef
            outside.append(np.pad(moved, (0, degree + 1 - len(moved)))[::-1])
        c = np.column_stack([outside[0], inner.c, outside[1]])
        twin = PPoly(c, np.concatenate([[a - 4], inner.x, [b + 4]]))
        rng = np.random.default_rng(6)
        for low, high in [*rng.uniform(a - 4, b + 4, (12, 2)), (a, b), (b, a), (a, a), (a - 1, b + 1)]:
            size = abs(PPoly(np.abs(c), twin.x).integrate(*sorted((low, high)))) + EPS
            assert abs(spline.integrate(low, high) - twin.integrate(low, high)) <= 1e-12 * size


def test_short_ranges_keep_their_digits():
    knots = sk.KnotVector.uniform(0, 1000, 1000, 3)
    spline = sk.Spline(knots, np.linspace(1, 2, knots.n_basis))
    width = 2.0**-30
    assert spline.integrate(999, 999 + width) == pytest.approx(width * spline(999), rel=1e-11)
    assert spline.integrate(999 + width, 999) == -spline.integrate(999, 999 + width)


@pytest.mark.parametrize("degree", COMPILED)
def test_periodic_integrals_go_round_and_round(degree):
    plain = sk.KnotVector.uniform(-1, 2, 5, degree)
    c = np.random.default_rng(7).normal(size=plain.n_basis)
    for spline in (*splines(degree), sk.Spline(plain, c, extrapolate="periodic")):
        if spline.extrapolate != "periodic":
            continue
        a, b = spline.domain
        period = b - a
        twin = spline.to_scipy()
        whole = spline.integrate(a, b)
        for low, high in [(a - 7.1, b), (0.3, 0.2), (a, b + 30.25), (b, a), (-20.5, -20.25), (a, a)]:
            np.testing.assert_allclose(
                spline.integrate(low, high), twin.integrate(low, high), rtol=1e-11, atol=1e-11
            )
        np.testing.assert_allclose(spline.integrate(a + 0.5, a + 0.5 + 3 * period), 3 * whole, atol=1e-12)
        wide = spline.integrate(0, 2.0**40)
        np.testing.assert_allclose(wide, whole * 2.0**40 / period, rtol=1e-9, atol=10)
    tiny = sk.Spline(sk.KnotVector.extended([0.0, 1e-290], 1, periodic=True), [1.0])
    with pytest.raises(ValueError, match=r"more periods .* than float64 can count"):
        tiny.integrate(0, 1e300)


@pytest.mark.parametrize("degree", COMPILED)
def test_the_same_function_on_other_knots(degree):
    for spline in splines(degree, (3,)):
        a, b = spline.domain
        x = anywhere(spline) if spline.extrapolate != "polynomial" else np.linspace(a, b, 40)
        others = [
            spline.refine(),
            spline.refine([0]),
            spline.insert([a + 0.4 * (b - a)] * (1 + (degree > 0))),
        ]
        others += [spline.clamped(), spline.clamped().refine().refine()]
        want = spline(x)
        for other in others:
            assert other.extrapolate == spline.extrapolate
            np.testing.assert_allclose(other(x), want, atol=1e-10 * (1 + np.abs(want).max()))
        ends = spline.clamped().c[[0, -1]]
        np.testing.assert_allclose(ends[0], spline(a), atol=1e-12)
        left = spline(np.nextafter(b, a))
        np.testing.assert_allclose(ends[1], left, atol=1e-9)
    coarse, fine = sk.KnotVector.uniform(0, 1, 2, degree), sk.KnotVector.uniform(0, 1, 3, degree)
    with pytest.raises(ValueError, match="not nested"):
        sk.Spline(coarse, np.ones(2 + degree)).on(fine)


@pytest.mark.parametrize("degree", COMPILED)
def test_to_scipy_and_back(degree):
    for spline in splines(degree, (2,)):
        twin = spline.to_scipy()
        back = sk.Spline.from_scipy(twin)
        assert back.knots == spline.knots
        np.testing.assert_array_equal(back.c, spline.c)
        assert twin.extrapolate == ("periodic" if spline.knots.periodic else degree < 2)
        assert back.extrapolate == {True: "polynomial", False: "error"}.get(twin.extrapolate, "periodic")
        x = np.linspace(*spline.domain, 30)[:-1]
        np.testing.assert_allclose(twin(x), spline(x), atol=1e-12)
        if not spline.knots.periodic and degree > 1:
            assert np.isnan(twin(spline.domain[1] + 1)).all()  # "linear" is unknown there
    periodic = sk.Spline(sk.KnotVector.uniform(0, 1, 4, 3), np.arange(7.0), extrapolate="periodic")
    back = sk.Spline.from_scipy(periodic.to_scipy())
    assert not back.knots.periodic
    x = anywhere(periodic)
    np.testing.assert_array_equal(back(x), periodic(x))
    np.testing.assert_allclose(periodic.to_scipy()(x), periodic(x), atol=1e-13)


def test_splines_that_scipy_makes():
    rng = np.random.default_rng(8)
    x = np.sort(rng.uniform(0, 1, 20))
    y = rng.normal(size=(20, 2))
    y[-1] = y[0]
    for bc, k in (("not-a-knot", 3), ("natural", 3), ("periodic", 3), ("periodic", 5)):
        twin = make_interp_spline(x, y, k=k, bc_type=bc)
        spline = sk.Spline.from_scipy(twin)
        assert spline.knots.periodic == (bc == "periodic")
        np.testing.assert_allclose(spline(x[:-1]), y[:-1], atol=1e-10)
        points = np.linspace(-1, 2, 50) if bc == "periodic" else np.linspace(0.1, 0.9, 50)
        np.testing.assert_allclose(spline(points), twin(points), atol=1e-9)


def test_vanishing_b_splines_are_left_out():
    # De Boor's example: repeated knots at both ends of the domain [0, 6], and a fourth 6.
    t = [-1, -1, 0, 1, 1, 3, 4, 6, 6, 6, 7, 7]
    c = np.r_[0, 0, np.random.default_rng(9).random(5), 0, 0]
    twin = BSpline(t, c, 2)
    spline = sk.Spline.from_scipy(twin)
    assert spline.knots.domain == (0, 6)
    assert spline.knots.n_basis == 7
    x = np.linspace(0, 6, 61)[:-1]
    for nu in range(3):
        np.testing.assert_allclose(spline(x, nu), twin(x, nu), atol=1e-12)
    thrice = BSpline([0, 0, 1, 1, 1, 2, 2], np.arange(5.0), 1)  # 1 occurs more than degree + 1 times
    spline = sk.Spline.from_scipy(thrice)
    assert spline.knots.multiplicities.tolist() == [2]
    x = np.array([0, 0.5, 1, 1.5])
    np.testing.assert_allclose(spline(x), thrice(x))
    element = BSpline.basis_element([0, 1, 1, 2])
    np.testing.assert_allclose(sk.Spline.from_scipy(element)(x), element(x))


@pytest.mark.parametrize("degree", COMPILED)
def test_to_ppoly_and_back(degree):
    for spline in splines(degree, (2,)):
        pieces = spline.to_ppoly()
        a, b = spline.domain
        x = anywhere(spline) if spline.knots.periodic else np.linspace(a, b, 40)
        np.testing.assert_allclose(pieces(x), spline(x), atol=1e-10)
        np.testing.assert_array_equal(pieces.x, spline.knots.breakpoints)
        back = sk.Spline.from_ppoly(pieces)
        want = spline if spline.knots.periodic else spline.clamped()
        assert back.knots == want.knots
        np.testing.assert_allclose(back.c, want.c, atol=1e-10)
        np.testing.assert_allclose(back(x), spline(x), atol=1e-10)


SHORT = {
    "ends": ([1e-4, 0.7, 1.3, 0.4, 1.1, 0.9, 1.2, 1e-4], [1, 6, 1, 1, 1, 5, 1]),
    "seam": ([8e-5, 2e-2, 8e-2, 3e-6], [6, 5, 1]),
    "inside": ([1.0, 0.7, 1.3, 1e-3, 1e-4, 0.9, 1.2, 0.8], 1),
}


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("name", SHORT)
def test_short_pieces_do_not_amplify_rounding(name, periodic):
    widths, multiplicity = SHORT[name]
    points = np.concatenate([[0.0], np.cumsum(widths)])
    for degree in (5, 7):
        knots = sk.KnotVector.extended(points, degree, multiplicity, periodic=periodic)
        spline = sk.Spline(knots, np.random.default_rng(degree).normal(size=knots.n_basis))
        back = sk.Spline.from_ppoly(spline.to_ppoly())
        x = np.concatenate([np.linspace(0, points[-1], 300), points])
        np.testing.assert_allclose(back(x), spline(x), atol=1e-12)


@pytest.mark.parametrize("degree", [0, 1, 3, 5])
def test_pieces_that_scipy_makes_of_a_b_spline(degree):
    # With empty pieces between repeated knots; with pieces beyond the domain, on which polynomials are large.
    rng = np.random.default_rng(degree)
    short = np.cumsum(rng.uniform(0.001, 0.02, 9))
    for knots in (
        np.concatenate([[0.0] * degree, short, [short[-1]] * degree]),
        np.concatenate([short[:5] - 1.0, short, short[:4] + 1.0]),
    ):
        given = BSpline(knots, rng.normal(size=len(knots) - degree - 1), degree)
        back = sk.Spline.from_ppoly(PPoly.from_spline(given))
        x = np.linspace(knots[degree], knots[-degree - 1], 500, endpoint=False)
        np.testing.assert_allclose(back(x), given(x), atol=1e-11)
    with pytest.raises(ValueError, match="must not all be equal"):
        sk.Spline.from_ppoly(PPoly(np.ones((2, 1)), [1.0, 1.0]))


def test_continuity_is_detected_to_rounding():
    x = np.array([0.0, 1.0, 2.0, 4.0])
    rng = np.random.default_rng(10)
    random = sk.Spline.from_ppoly(PPoly(rng.normal(size=(4, 3)), x, extrapolate=False))
    assert random.knots.multiplicities.tolist() == [4, 4]
    assert random.extrapolate == "error"
    cubic = CubicSpline(x, rng.normal(size=4))
    assert sk.Spline.from_ppoly(cubic).knots.multiplicities.tolist() == [1, 1]
    moved = cubic.c.copy()
    moved[-1, 1] += 1e-6
    broken = PPoly(moved, x)
    assert sk.Spline.from_ppoly(broken).knots.multiplicities.tolist() == [4, 4]
    loose = sk.Spline.from_ppoly(broken, tolerance=1e-4)
    assert loose.knots.multiplicities.tolist() == [1, 1]
    points = np.linspace(0, 4, 50)
    np.testing.assert_allclose(loose(points), broken(points), atol=2e-6)
    kinked = PPoly([[1.0, -1.0], [0.0, 1.0]], [0.0, 1.0, 2.0], extrapolate="periodic")
    hat = sk.Spline.from_ppoly(kinked)
    assert hat.knots.periodic
    assert hat.c.tolist() == [0.0, 1.0] or hat.c.tolist() == [1.0, 0.0]
    saw = sk.Spline.from_ppoly(PPoly([[1.0], [0.0]], [0.0, 1.0], extrapolate="periodic"))
    assert not saw.knots.periodic  # it jumps at the seam
    assert saw.extrapolate == "periodic"
    np.testing.assert_allclose(saw([-0.25, 3.5]), [0.75, 0.5])


def test_records():
    knots = sk.KnotVector.clamped([0, 1, 2], 2)
    given = np.arange(4.0)
    spline = sk.Spline(knots, given)
    given[:] = 0
    assert spline.c.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        spline.c[0] = 1
    assert spline.degree == 2
    assert repr(spline) == "Spline(degree 2, 2 intervals on [0, 2], linear beyond)"
    both = sk.Spline(knots.t, np.ones((3, 4)), 2, axis=-1, extrapolate="clamp")
    assert repr(both).endswith("clamp beyond, values of shape (3,))")
    twin = pickle.loads(pickle.dumps(both))
    assert (twin.knots, twin.axis, twin.extrapolate) == (both.knots, 1, "clamp")
    assert spline([]).shape == (0,)
    assert both(np.ones((2, 0))).shape == (3, 2, 0)
    assert sk.Spline(knots, np.ones((4, 0)))([0.5, 1.0]).shape == (2, 0)


def test_float32_coefficients_and_points_give_float32_values():
    knots = sk.KnotVector.uniform(0, 1, 8, 3, periodic=True)
    spline = sk.Spline(knots, np.random.default_rng(11).normal(size=8).astype(np.float32))
    x = np.linspace(-2, 2, 99, dtype=np.float32)
    assert spline(x).dtype == spline.derivative()(x).dtype == spline.refine()(x).dtype == np.float32
    assert spline(x.astype(float)).dtype == np.float64
    assert np.abs(spline(x) - spline(x.astype(float))).max() < 1e-6
    assert spline.integrate(0, 1).dtype == np.float64


def test_bad_input():
    knots = sk.KnotVector.clamped([0, 1, 2], 2)
    with pytest.raises(TypeError, match="c must be an array of real numbers, got dtype complex128"):
        sk.Spline(knots, np.ones(4) * 1j)
    with pytest.raises(ValueError, match=r"c must have 4 entries along axis 0, got shape \(3,\)"):
        sk.Spline(knots, np.ones(3))
    with pytest.raises(ValueError, match="c must have at least one axis"):
        sk.Spline(knots, 1.0)
    with pytest.raises(ValueError, match="axis must be between -1 and 0, got 1"):
        sk.Spline(knots, np.ones(4), axis=1)
    with pytest.raises(ValueError, match="extrapolate must be one of 'linear'"):
        sk.Spline(knots, np.ones(4), extrapolate="natural")
    with pytest.raises(ValueError, match="extrapolate must be one of 'periodic', got 'clamp'"):
        sk.Spline(sk.KnotVector.uniform(0, 1, 4, 2, periodic=True), np.ones(4), extrapolate="clamp")
    spline = sk.Spline(knots, np.ones(4), extrapolate="error")
    with pytest.raises(ValueError, match="x must be finite"):
        spline([np.nan])
    with pytest.raises(ValueError, match=r"the range \[0.0, 3.0\] leaves the domain \[0.0, 2.0\]"):
        spline.integrate(0, 3)
    with pytest.raises(ValueError, match="nu must be at least 0"):
        spline.derivative(-1)
    far = sk.Spline(sk.KnotVector.clamped([0, 1e-45], 7), np.arange(8.0) ** 7, extrapolate="polynomial")
    with pytest.raises(ValueError, match="leaves the range of float64"):
        far.integrate(0, 1e30)
    highest = sk.Spline(sk.KnotVector.uniform(0, 1, 2, 9), np.ones(11))
    with pytest.raises(
        ValueError, match="antiderivative of a spline of degree 9 has degree 10; degrees go up"
    ):
        highest.antiderivative()
    assert highest.integrate(0, 1) == pytest.approx(1)
    with pytest.raises(ValueError, match="degrees go up to 9, got 10"):
        sk.Spline.from_scipy(BSpline(np.arange(22.0), np.ones(11), 10))
    with pytest.raises(ValueError, match="degrees go up to 9, got 10"):
        sk.Spline.from_ppoly(PPoly(np.ones((11, 1)), [0, 1]))
    with pytest.raises(TypeError, match="spline must be of type BSpline"):
        sk.Spline.from_scipy(3)
    with pytest.raises(TypeError, match="pieces must be of type PPoly"):
        sk.Spline.from_ppoly(spline)
    with pytest.raises(TypeError, match=r"spline\.c must be an array of real numbers"):
        sk.Spline.from_scipy(BSpline([0, 1, 2, 3.0], [1j, 2], 1))
    with pytest.raises(TypeError, match=r"pieces\.c must be an array of real numbers"):
        sk.Spline.from_ppoly(PPoly([[1j]], [0, 1]))
    with pytest.raises(ValueError, match=r"pieces\.x must increase"):
        sk.Spline.from_ppoly(PPoly([[1.0]], [1, 0]))
    with pytest.raises(ValueError, match="tolerance must be at least 0"):
        sk.Spline.from_ppoly(PPoly([[1.0]], [0, 1]), -1.0)
    with pytest.raises(ValueError, match=r"powers of x - t scale as spacing\^-7"):
        far.to_ppoly()
