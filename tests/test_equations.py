"""Equations: what is read from sympy, the errors, features, and hard constraints."""

import copy
import pickle

import numpy as np
import pytest
import sympy as sp

from splinekan.equations import Equation, Features, ansatz, manufactured
from splinekan.equations.expressions import FUNCTIONS, compiled

X, Y = sp.symbols("x y")
U, V = sp.Function("u")(X, Y), sp.Function("v")(X, Y)
F, W = sp.Function("u"), sp.Function("w")
S = sp.Symbol("s")
POINTS = np.random.default_rng(0).uniform(-1, 1, (20, 2))


def series_of(function, equation, points):
    """Taylor coefficients of a sympy expression along the equation's directions, by sympy."""
    s = sp.Symbol("s")
    channels = [function]
    for direction, order in zip(equation.directions, equation.orders, strict=True):
        moved = function.subs({X: X + s * direction[0], Y: Y + s * direction[1]}, simultaneous=True)
        channels += [moved.diff(s, m).subs(s, 0) / sp.factorial(m) for m in range(1, order + 1)]
    columns = [np.broadcast_to(sp.lambdify((X, Y), c)(*points.T), len(points)) for c in channels]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(
    "residual",
    [
        U.diff(X, 2) + U.diff(Y, 2) - sp.sin(X),
        U.diff(X, Y) * U + sp.exp(U) - sp.Piecewise((1, X < 0), (2, True)),
        U.diff(X, 4) - 3 * U.diff(Y, 3) * U.diff(Y) ** 2,
        ((1 + X**2) * U.diff(X)).diff(X) + U.diff(Y),
        sp.Eq(U, X * Y),
    ],
)
def test_residual_and_partial_derivatives_against_sympy(residual):
    equation = Equation(residual, U, (X, Y))
    function = sp.sin(2 * X + Y) * sp.exp(X * Y / 3)
    jets = series_of(function, equation, POINTS)[:, :, None]
    r, cotangent = equation.evaluate(POINTS, jets)
    expression = residual.lhs - residual.rhs if isinstance(residual, sp.Eq) else residual
    want = sp.lambdify((X, Y), manufactured(expression, {U: function}))(*POINTS.T)
    np.testing.assert_allclose(r, want, rtol=1e-11, atol=1e-11)
    bump = np.random.default_rng(1).normal(size=jets.shape)
    step = 1e-6
    forward, backward = (equation.evaluate(POINTS, jets + e * bump)[0] for e in (step, -step))
    change = (forward - backward) / (2 * step)
    np.testing.assert_allclose((cotangent * bump).sum(axis=(1, 2)), change, atol=1e-6 * np.abs(change).max())


def test_several_unknowns_keep_their_outputs():
    equation = Equation(U.diff(X) * V + V.diff(Y, 2), (U, V), (X, Y))
    first = series_of(X**2 * Y, equation, POINTS)
    second = series_of(X + Y**3, equation, POINTS)
    r, _ = equation.evaluate(POINTS, np.stack([first, second], axis=2))
    x, y = POINTS.T
    np.testing.assert_allclose(r, 2 * x * y * (x + y**3) + 6 * y, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((U.diff(X) + sp.Symbol("nu"), U, (X, Y)), ValueError, "nu"),
        ((U.diff(X) + V, U, (X, Y)), ValueError, r"v\(x, y\)"),
        ((U.diff(X, 5), U, (X, Y)), ValueError, "order 4"),
        ((U.diff(X, 3, Y, 2), U, (X, Y)), ValueError, "total order of 4"),
        ((sp.sin(X), U, (X, Y)), ValueError, "occurs"),
        ((U.diff(X), U, (Y, X)), ValueError, "in that order"),
        ((U.diff(X), sp.Symbol("u"), (X, Y)), TypeError, "unknown"),
        ((U.diff(X), "u", (X, Y)), TypeError, "unknown"),
        ((U.diff(X), (), (X, Y)), ValueError, "unknown must not be empty"),
        ((U.diff(X), (U, U), (X, Y)), ValueError, "unknown must hold different functions"),
        ((U.diff(X), U, ("x", "y")), TypeError, r"variables\[0\] must be a sympy Symbol"),
        ((U.diff(X), U, "xy"), TypeError, "variables must be a sequence"),
        ((U.diff(X), U, ()), ValueError, "variables must not be empty"),
        ((sp.Function("u")(X, X), sp.Function("u")(X, X), (X, X)), ValueError, "different names"),
        ((U > 0, U, (X, Y)), TypeError, "residual"),
        ((sp.Matrix([U]), U, (X, Y)), TypeError, "residual"),
        ((sp.true, U, (X, Y)), TypeError, "residual"),
        ((U + W(X), U, (X, Y)), ValueError, r"w\(x\)"),
        (("u_x", U, (X, Y)), TypeError, "sympy expression"),
    ],
)
def test_mistakes_are_explained(arguments, error, words):
    with pytest.raises(error, match=words):
        Equation(*arguments)


def test_hard_constraints_by_substitution():
    form = X * (1 - X) * U + sp.sin(Y)
    equation = Equation(ansatz(U.diff(X, 2) + U, U, form), U, (X, Y))
    function = sp.cos(X + 2 * Y)
    r, _ = equation.evaluate(POINTS, series_of(function, equation, POINTS)[:, :, None])
    whole = form.subs(U, function)
    want = sp.lambdify((X, Y), whole.diff(X, 2) + whole)(*POINTS.T)
    np.testing.assert_allclose(r, want, atol=1e-12)


def test_features_and_the_sides_of_a_kink():
    features = Features((X, Y), (sp.Abs(X), sp.sin(X * Y)))
    points = np.array([[np.nextafter(0, 1), 0.5], [np.nextafter(0, -1), 0.5], [0.3, -0.2]])
    taylor = features.jets(points, [(1, 0), (1, 1)], [2, 1])
    np.testing.assert_allclose(taylor[:, 0, 2], [0, 0, 0.3], atol=1e-300)
    np.testing.assert_array_equal(taylor[:, 1, 2], [1, -1, 1])
    np.testing.assert_array_equal(taylor[:, 2, 2], 0)
    x, y = points.T
    np.testing.assert_allclose(taylor[:, 2, 3], -(y**2) * np.sin(x * y) / 2, atol=1e-15)
    np.testing.assert_allclose(taylor[:, 3, 3], (x + y) * np.cos(x * y), atol=1e-15)


def assert_partials(equation, points):
    """The partial derivatives against differences; both sides of a kink are never within a step."""
    rng = np.random.default_rng(4)
    jets = rng.normal(size=(len(points), equation.channels, equation.n_unknowns))
    _, cotangent = equation.evaluate(points, jets)
    bump, step = rng.normal(size=jets.shape), 1e-6
    forward, backward = (equation.evaluate(points, jets + e * bump)[0] for e in (step, -step))
    change = (forward - backward) / (2 * step)
    np.testing.assert_allclose((cotangent * bump).sum(axis=(1, 2)), change, rtol=1e-6, atol=1e-7)


OTHER = sp.cos(2 * X + Y) * sp.exp(X * Y / 3)
"""Of both signs, with values on both sides of 1/2."""


@pytest.mark.parametrize(
    ("residual", "value"),
    [
        (sp.Abs(U), np.abs),
        (U * sp.sign(U), np.abs),
        (sp.sqrt(U**2), np.abs),
        (sp.re(U) + sp.im(U) + sp.conjugate(U), lambda u: 2 * u),
        (sp.I * U * sp.I, lambda u: -u),
        (sp.Max(U, 0, sp.Rational(1, 2)), lambda u: np.maximum(u, 0.5)),
        (sp.Min(U, 0), lambda u: np.minimum(u, 0)),
        (sp.Heaviside(U) * U, lambda u: np.maximum(u, 0)),
        (U * sp.floor(3 * U), lambda u: u * np.floor(3 * u)),
        (sp.ceiling(U) + U, lambda u: np.ceil(u) + u),
        (sp.Mod(U, sp.Rational(1, 3)), lambda u: u - np.floor(3 * u) / 3),
        (sp.frac(5 * U), lambda u: 5 * u - np.floor(5 * u)),
        (
            sp.Piecewise((U**2, (U > 0) & sp.Lt(U, sp.Rational(1, 2))), (1, True)),
            lambda u: np.where((u > 0) & (u < 0.5), u**2, 1),
        ),
        (sp.Sum(S * U, (S, 1, 3)), lambda u: 6 * u),
        (U + sp.Integral(S**2, (S, 0, 3)), lambda u: u + 9),
        (U + sp.Limit(sp.sin(S) / S, S, 0), lambda u: u + 1),
        (U * sp.Integer(10) ** 30 * sp.Rational(1, 10**30 + 1), lambda u: u),
        (sp.Derivative(U**2, U), lambda u: 2 * u),
        (U * sp.EulerGamma, lambda u: u * np.euler_gamma),
    ],
)
def test_values_that_are_real_in_the_end(residual, value):
    equation = Equation(residual, U, (X, Y))
    r, _ = equation.evaluate(POINTS, series_of(OTHER, equation, POINTS)[:, :, None])
    np.testing.assert_allclose(r, value(sp.lambdify((X, Y), OTHER)(*POINTS.T)), rtol=1e-13)
    assert_partials(equation, POINTS)


@pytest.mark.parametrize(
    "residual",
    [
        sp.Subs(F(S, Y).diff(S), S, X) + U,
        sp.Derivative(sp.Integral(F(S, Y), (S, 0, X)), X) + U.diff(X),
        sp.Sum(U.diff((X, S)), (S, 0, 1)),
        sp.re(U).diff(X) + sp.conjugate(U),
    ],
)
def test_bound_symbols_that_resolve_to_the_variables(residual):
    equation = Equation(residual, U, (X, Y))
    r, _ = equation.evaluate(POINTS, series_of(OTHER, equation, POINTS)[:, :, None])
    want = sp.lambdify((X, Y), OTHER + OTHER.diff(X))(*POINTS.T)
    np.testing.assert_allclose(r, want, rtol=1e-12)


@pytest.mark.parametrize(
    "residual", [sp.Abs(U).diff(X), sp.Max(U, X).diff(X), sp.Abs(U.diff(X)) * sp.sign(U)]
)
def test_slopes_of_kinks(residual):
    assert_partials(Equation(residual, U, (X, Y)), POINTS)


@pytest.mark.parametrize(
    ("residual", "term"),
    [
        (F(U, Y), r"u\(u\(x, y\), y\)"),
        (F(S, Y).diff(S), r"Derivative\(u\(s, y\), s\)"),
        (U.diff((X, S)), r"\(x, s\)"),
        (sp.Integral(U, X), "Integral"),
        (sp.Limit(U, X, 0), "Limit"),
        (sp.Lambda(X, U), "Lambda"),
        (sp.Piecewise((U, sp.Contains(X, sp.Interval(0, 1), evaluate=False)), (X, True)), "Contains"),
        (U + sp.Integral(sp.gamma(S), (S, 1, X)), "Integral"),
        (sp.I * U, "I"),
        (U * sp.sqrt(-2), "I"),
        (U * (-1) ** sp.Rational(1, 3), r"\(-1\)\*\*\(1/3\)"),
        (U * sp.acos(2), r"acos\(2\)"),
        (U + sp.zoo, "zoo"),
        (U + sp.oo, "oo"),
        (U * sp.oo, "oo"),
        (U + sp.nan, "nan"),
        (U * sp.Integer(10) ** 400, "10000"),
        (U * sp.exp(1000), r"exp\(1000\)"),
        (U * sp.exp(sp.exp(sp.exp(100))), r"exp\(exp\(100\)\)"),
        (U + sp.DiracDelta(X), r"DiracDelta\(x\)"),
        ((sp.Heaviside(X) * U.diff(X)).diff(X), "DiracDelta"),
        (sp.sign(U).diff(X), r"DiracDelta\(u\(x, y\)\)"),
        (sp.Abs(U).diff(X, 2), "DiracDelta"),
        (sp.floor(U).diff(X), "floor"),
        (sp.arg(U), "arg"),
        (sp.LambertW(U), "LambertW"),
        (sp.besselj(U, X), "besselj"),
        (U * sp.zeta(3), "zeta"),
        (U * sp.KroneckerDelta(X, Y), "KroneckerDelta"),
        (U * sp.Symbol("A", commutative=False), "A"),
        (U + sp.O(X), r"O\(x\)"),
        (U + sp.Symbol("_q0") + sp.Symbol("v_x"), "_q0|v_x"),
        (U + sp.Symbol("x", real=True), "x"),
    ],
)
def test_terms_that_cannot_be_compiled_are_named(residual, term):
    with pytest.raises(ValueError, match=f"the expression holds .*{term}"):
        Equation(residual, U, (X, Y))


@pytest.mark.parametrize("function", sorted(FUNCTIONS, key=str), ids=str)
def test_every_function_has_the_values_of_sympy(function):
    q = sp.Symbol("q", real=True)
    index = {sp.besselj, sp.bessely, sp.besseli, sp.besselk, sp.polygamma}
    pairs = {sp.atan2, sp.Max, sp.Min, sp.beta}
    if function in index:
        forms = [function(n, q) for n in (0, 1, 2)]
    elif function in pairs:
        forms = [function(q, sp.Rational(17, 10)), function(sp.Rational(4, 5), q)]
    else:
        forms = [function(q)]
    points = np.array([-12.5, -2.7, -1.3, -0.6, 0.35, 0.8, 1.6, 2.9, 12.5])
    for form in forms:
        with np.errstate(all="ignore"):
            got = np.broadcast_to(compiled([q], [form], "form")(points)[0], points.shape)
        for point, value in zip(points, got, strict=True):
            want = complex(form.subs(q, sp.Rational(float(point))).evalf())
            if abs(want.imag) < 1e-12 * max(1, abs(want)):
                assert value == pytest.approx(want.real, rel=1e-11, abs=1e-13), (form, point)
            else:
                assert np.isnan(value), (form, point)


@pytest.mark.parametrize("name", ["lambda", "None", "numpy", "sin", "_q0", "v_x", "a b", "x'", "\\alpha", ""])
def test_names_that_clash_with_others(name):
    x = sp.Symbol(name)
    u = sp.Function(name or "u")(x, Y)
    equation = Equation(u.diff(x) + sp.sin(x) * u, u, (x, Y))
    r, _ = equation.evaluate(POINTS, np.ones((len(POINTS), 2, 1)))
    np.testing.assert_allclose(r, 1 + np.sin(POINTS[:, 0]))


@pytest.mark.parametrize(
    "kind", ["positive", "nonnegative", "negative", "real", "complex", "finite", "nonzero"]
)
def test_declared_variables_serve(kind):
    x = sp.Symbol("x", **{kind: True})
    u = sp.Function("u")(x, Y)
    equation = Equation(u.diff(x) + sp.sqrt(x**2), u, (x, Y))
    points = np.abs(POINTS) * [-1 if kind == "negative" else 1, 1]
    np.testing.assert_allclose(
        equation.evaluate(points, np.ones((len(POINTS), 2, 1)))[0], 1 + np.abs(points[:, 0])
    )
    if kind in ("positive", "nonnegative", "negative"):  # sympy has made x or -x of the root
        with pytest.raises(ValueError, match=r"points must have x [<>]= 0"):
            equation.evaluate(-points, np.ones((len(POINTS), 2, 1)))


@pytest.mark.parametrize("kind", ["integer", "even", "rational", "imaginary", "zero", "infinite"])
def test_variables_and_unknowns_that_are_not_real_numbers_are_refused(kind):
    x = sp.Symbol("x", **{kind: True})
    with pytest.raises(ValueError, match=r"variables\[0\] must stand for any real number"):
        Equation(F(x), F(x), (x,))
    with pytest.raises(ValueError, match=r"variables\[0\]"):
        Features((x,))
    u = sp.Function("u", **{kind: True})(X)
    with pytest.raises(ValueError, match="unknown must stand for any real number"):
        Equation(u, u, (X,))
    with pytest.raises(ValueError, match="not real"):
        Equation(F(X), F(X), (sp.Symbol("x", commutative=False),))


def test_nonlocal_terms_are_right_where_they_resolve():
    u = F(X)
    residual = u.diff(X) - u.diff(X).subs(X, 0) - X
    assert sp.expand(manufactured(residual, {u: X**3 + 2 * X}) - (3 * X**2 - X)) == 0
    assert manufactured(F(0, Y) + sp.Integral(U, (X, 0, 1)), {U: X**2 + Y}) == 2 * Y + sp.Rational(1, 3)
    form = sp.sin(X) + X**2 * u  # u'(0) = 1, whatever the network
    built = ansatz(residual, u, form)
    assert sp.expand(built - (sp.cos(X) + 2 * X * u + X**2 * u.diff(X) - 1 - X)) == 0
    Equation(built, u, (X,))
    (place,) = Equation(ansatz(residual, u, X * u), u, (X,)).places
    np.testing.assert_array_equal(place.points(np.ones((3, 1))), [[0.0]])
    assert ansatz(F(Y, X), U, X * U) == Y * F(Y, X)
    assert ansatz(sp.Eq(U.diff(Y), X), U, U * Y) == U + Y * U.diff(Y) - X


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ansatz(U.diff(X), U, X * (1 - X)), r"form must hold the unknown u\(x, y\)"),
        (lambda: ansatz(U.diff(X), U, U - U.subs(X, 0)), r"variables only, got u\(0, y\)"),
        (lambda: ansatz(U.diff(X), U, U + F(-X, Y)), r"got u\(-x, y\)"),
        (lambda: ansatz(U.diff(X), U, U - U.diff(X).subs(X, 0) * X), "got Subs"),
        (lambda: ansatz(U.diff(X), U, U - sp.Integral(U, (X, 0, 1))), "got Integral"),
        (lambda: ansatz(X, U, U * X), "residual must hold the unknown"),
        (lambda: ansatz(U, U, "u"), "form must be a sympy expression"),
        (lambda: ansatz("u", U, U), "residual must be a sympy expression"),
        (lambda: ansatz(U, "u", U), "unknown must be written"),
        (lambda: ansatz(U, F(0, Y), U), "unknown must be a function of different symbols"),
        (lambda: ansatz(F(X) + U, U, X * U), "has 1 arguments"),
        (lambda: manufactured(U, [U]), "substitutions must be a dictionary"),
        (lambda: manufactured(U, {}), "substitutions must be a dictionary"),
        (lambda: manufactured(U, {X: 1}), "every key of substitutions"),
        (lambda: manufactured(U, {U: "x"}), r"substitutions\[u\(x, y\)\]"),
        (lambda: manufactured(U, {U: float("nan")}), "finite"),
        (lambda: manufactured("u", {U: X}), "residual must be"),
        (lambda: manufactured(sp.Integral(F(S, Y), (S, 0, 1)), {U: X * S}), "s is bound"),
    ],
)
def test_mistakes_in_substitutions(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_features_are_differentiated_almost_everywhere():
    x, y = POINTS.T
    extra = (
        sp.floor(3 * X),
        sp.Max(X, Y),
        sp.Heaviside(X) * Y,
        sp.Mod(X, 1),
        sp.Piecewise((X**2, X > 0), (Y, True)),
    )
    extra += (3, sp.re(X), sp.Derivative(sp.sin(X), X))
    taylor = Features((X, Y), extra).jets(POINTS, [(1, 0)], [2])[:, :, 2:]
    zero, unit = np.zeros_like(x), np.ones_like(x)
    want = [
        [np.floor(3 * x), zero, zero],
        [np.maximum(x, y), x > y, zero],
        [(x > 0) * y, zero, zero],
        [x - np.floor(x), unit, zero],
        [np.where(x > 0, x**2, y), 2 * x * (x > 0), x > 0],
        [3 * unit, zero, zero],
        [x, unit, zero],
        [np.cos(x), -np.sin(x), -np.cos(x) / 2],
    ]
    np.testing.assert_allclose(
        taylor, np.moveaxis(np.array(want, dtype=float), [0, 1, 2], [2, 1, 0]), atol=1e-15
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((X, Y), (U,)), r"extra\[0\] must be a function of the variables .* u\(x, y\)"),
        (((X, Y), (X, S)), r"extra\[1\] .* s:"),
        (((X, Y), (sp.I * X,)), "only real numbers"),
        (((X, Y), (sp.oo,)), "oo"),
        (((X, Y), (sp.DiracDelta(X),)), "DiracDelta"),
        (((X, Y), ("x",)), r"extra\[0\] must be a sympy expression"),
        (((X, Y), (X > 0,)), r"extra\[0\] must be a sympy expression"),
        (((X, Y), 3), "extra must be a sequence"),
        (((X, Y), "x"), "extra must be a sequence"),
        (((X, Y), (), (0,)), "bounds must hold an interval"),
        (((X, Y), (), 3), "bounds must be a sequence"),
        (((X, Y), (), ((0, 1), (1, 0))), r"bounds\[1\] must be increasing"),
        (((X, Y), (), ((0, 1), (0, np.inf))), r"bounds\[1\]\[1\] must be finite"),
        (((X, Y), (), ((0, 1), "ab")), r"bounds\[1\]"),
        (((X, Y), (), ((0, 1), (0, 5e-324))), r"bounds\[1\] must be an interval of normal length"),
        (((X, Y), (), (None, None)), "bounds must leave at least one input"),
        (((X, Y), (), np.ma.masked_array([[0, 1], [0, 1.0]])), "masked"),
        ((("x", Y),), r"variables\[0\]"),
        (((X, X),), "different names"),
    ],
)
def test_mistakes_in_features(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Features(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((POINTS[:, :1], [(1, 0)], [1]), "points must have shape"),
        ((np.ma.masked_array(POINTS), [(1, 0)], [1]), "points must not be a masked array"),
        ((POINTS + 1j, [(1, 0)], [1]), "points must be an array of real numbers"),
        ((POINTS, [(1, 0, 0)], [1]), r"directions\[0\]"),
        ((POINTS, 3, [1]), "directions"),
        ((POINTS, [(1, 0)], [5]), r"orders\[0\] must be between 1 and 4"),
        ((POINTS, [(1, 0)], [1, 2]), "orders must have a number"),
        ((POINTS, [(1, 0)], [1]), r"extra\[0\] = log\(x\) and its derivatives must be finite"),
    ],
)
def test_mistakes_in_the_points_of_features(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Features((X, Y), (sp.log(X),)).jets(*arguments)


@pytest.mark.parametrize(
    ("points", "jets", "words"),
    [
        (POINTS[:, :1], np.ones((20, 2, 1)), "points"),
        (POINTS, np.ones((20, 3, 1)), r"jets must have shape \(20, 2, 1\)"),
        (POINTS, np.ones((19, 2, 1)), "jets"),
        (POINTS, np.ma.ones((20, 2, 1)), "jets must not be a masked array"),
        ("a", np.ones((20, 2, 1)), "points"),
    ],
)
def test_mistakes_in_evaluation(points, jets, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Equation(U.diff(X) + U, U, (X, Y)).evaluate(points, jets)


@pytest.mark.parametrize("through", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy, copy.copy])
def test_copies_give_the_same_bits(through):
    x = sp.Symbol("lambda", positive=True)
    v = sp.Function("v", real=True)(x, Y)
    equation = Equation(sp.Abs(v).diff(x) * sp.pi + v**3 / 7 + sp.sin(x * Y) + v.diff(Y, 2), (v,), [x, Y])
    jets = np.random.default_rng(0).normal(size=(20, equation.channels, 1))
    again = through(equation)
    assert again.terms == equation.terms
    assert str(again.residual) == str(equation.residual)
    original, copied = (e.evaluate(np.abs(POINTS), jets) for e in (equation, again))
    assert [a.tobytes() for a in original] == [a.tobytes() for a in copied]
    features = Features((X, Y), (sp.Abs(X), sp.exp(X * Y)), ((-1, 1), None))
    original, copied = (f.jets(POINTS, [(1, 1)], [3]) for f in (features, through(features)))
    assert original.tobytes() == copied.tobytes()


@pytest.mark.parametrize("assumption", ["positive", "negative", "nonnegative", "nonzero"])
def test_unknowns_declared_of_one_sign_are_refused(assumption):
    v = sp.Function("v", **{assumption: True})(X)
    with pytest.raises(ValueError, match="unknown must stand for any real number"):
        Equation(sp.Abs(v) + v.diff(X) - 1, v, (X,))
