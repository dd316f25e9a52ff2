"""Expressions of sympy: exactly the function of the model's parameters, by rational arithmetic."""

from fractions import Fraction

import numpy as np
import oracles
import pytest
import sympy
from cases import networks

import splinekan as sk
from splinekan.exporting.sizes import MOST_PIECES, written
from splinekan.network import FUNCTIONS

K = sk.KnotVector
NETWORKS = networks()


def model_of(network, seed=0, names=None):
    theta = np.random.default_rng(seed).normal(size=network.n_parameters)
    return sk.Model(network, theta, names=names)


def symbols_of(model):
    """The symbols of the inputs."""
    return [sympy.Symbol(f"x{p + 1}") for p in range(model.n_in)] if model.n_in > 1 else [sympy.Symbol("x")]


def at(expressions, symbols, point):
    """Values at a point of rational numbers."""
    numbers = {s: sympy.Rational(v.numerator, v.denominator) for s, v in zip(symbols, point, strict=True)}
    return [each.xreplace(numbers) for each in expressions]


def polynomial_beyond(knots, c, x, end, mode):
    """The continuation at x, beyond `end`, from exact derivatives there: divided differences of B-splines."""
    k = knots.degree
    t = oracles.rational(knots.t)
    a = t[k]
    kept = {"polynomial": k + 1, "linear": min(2, k + 1), "clamp": 1, "zero": 0}[mode]
    side = 1 if end == a else -1
    inside = t[k + 1] if end == a else t[-k - 2]
    nodes = [end + (inside - end) * Fraction(i, k + 1) for i in range(k + 1)]
    values = [spline(t, k, c, node, side if node == end else 1) for node in nodes]
    matrix = sympy.Matrix([[sympy.Rational(n - end) ** p for p in range(k + 1)] for n in nodes])
    powers = matrix.LUsolve(sympy.Matrix([sympy.Rational(v) for v in values]))
    return sum(
        (Fraction(int(powers[p].p), int(powers[p].q)) * (x - end) ** p for p in range(kept)), Fraction(0)
    )


def spline(t, k, c, x, side=1):
    """sum_i c_i b_i(x), exactly, by the Cox-de Boor recursion."""
    return sum((u * oracles.bspline(t, k, i, x, side) for i, u in enumerate(c)), Fraction(0))


def exact_spline(knots, c, x, mode):
    """The spline of a KnotVector at a rational point, with its continuation."""
    k = knots.degree
    if knots.periodic:
        t = oracles.line(knots)
        a, b = t[k], t[-k - 1]
        x = x - (b - a) * ((x - a) // (b - a))
        return spline(t, k, [c[i] for i in knots.fold], x)
    t = oracles.rational(knots.t)
    a, b = t[k], t[-k - 1]
    if x < a or x > b:
        return polynomial_beyond(knots, c, x, a if x < a else b, mode)
    return spline(t, k, c, x, -1 if x == b else 1)


POINTS = [
    Fraction(n, d) for n, d in ((-7, 3), (-1, 97), (0, 1), (1, 7), (1, 2), (3, 5), (97, 98), (1, 1), (9, 4))
]


@pytest.mark.parametrize("mode", ["linear", "polynomial", "clamp", "zero"])
@pytest.mark.parametrize("degree", [0, 1, 2, 4])
def test_a_spline_is_exactly_that_of_its_definition(degree, mode):
    vectors = [
        K.uniform(0, 1, 3, degree),
        K.clamped([0, 0.3, 0.6, 1], degree),
        K.extended([0, 0.3, 0.5, 1], degree, [1, min(2, degree + 1)]),
        K.uniform(0, 1, 5, degree, periodic=True),
        K.extended([0, 0.1, 0.5, 1], degree, periodic=True),
    ]
    for knots in vectors:
        model = model_of(sk.KAN([sk.SplineLayer(1, 1, knots, extrapolate=mode)]))
        (expression,) = sk.export(model, "sympy", exact=True)
        c = oracles.rational(model.theta)
        for x in [*POINTS, *oracles.rational(knots.breakpoints)]:
            expected = exact_spline(knots, c, x, mode)
            assert at([expression], symbols_of(model), [x]) == [sympy.Rational(expected)]


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_the_relu_basis_is_exactly_the_sum_of_truncated_powers(degree):
    knots = K.extended([0, 0.3, 0.5, 1], degree)
    model = model_of(sk.KAN([sk.SplineLayer(1, 1, knots, basis="relu", extrapolate="polynomial")]))
    (expression,) = sk.export(model, "sympy", exact=True)
    w, t = oracles.rational(model.theta), oracles.rational(knots.t)
    for x in (Fraction(0), Fraction(1, 7), Fraction(0.3), Fraction(0.5), Fraction(3, 4)):
        expected = sum((u * (x - s) ** degree for u, s in zip(w, t, strict=False) if x >= s), Fraction(0))
        assert at([expression], symbols_of(model), [x]) == [sympy.Rational(expected)]


@pytest.mark.parametrize("mode", ["linear", "polynomial", "clamp", "zero"])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_compositions_are_exact(degree, mode):
    outer = [K.extended([-0.5, 0.1, 0.5, 1], degree, [1, min(2, degree + 1)]), K.uniform(0, 1, 2, degree)]
    network = sk.KAN(
        [
            sk.SplineLayer(2, 2, K.uniform(0, 1, 2, degree), extrapolate=mode),
            sk.SplineLayer(2, 1, outer, extrapolate=mode),
        ]
    )
    model = model_of(network)
    expressions = sk.export(model, "sympy", exact=True)
    inner = [oracles.rational(c.ravel()) for c in network.unpack(model.theta)[0]["coefficients"]]
    c = [oracles.rational(each[:, 0]) for each in network.unpack(model.theta)[1]["coefficients"]]
    assert expressions[0].has(sympy.Max) or degree == 0
    for point in zip(POINTS, POINTS[3:] + POINTS[:3], strict=True):
        z = [
            sum(exact_spline(network.layers[0].knots[p], inner[p][q::2], point[p], mode) for p in (0, 1))
            for q in (0, 1)
        ]
        expected = sum(exact_spline(outer[q], c[q], z[q], mode) for q in (0, 1))
        assert at(expressions, symbols_of(model), point) == [sympy.Rational(expected)]


@pytest.mark.parametrize("mode", ["linear", "polynomial", "clamp", "zero"])
@pytest.mark.parametrize("degree", [0, 1, 2])
def test_compositions_take_the_same_limits_at_breakpoints(degree, mode):
    knots = K.extended([0, 0.25, 0.5, 1], degree, [degree + 1, 1])
    network = sk.KAN([sk.Affine(2, 1, bias=False), sk.SplineLayer(1, 1, knots, extrapolate=mode)])
    theta = np.random.default_rng(0).normal(size=network.n_parameters)
    theta[:2] = 1.0
    model = sk.Model(network, theta)
    expressions = sk.export(model, "sympy", exact=True)
    for z in (-0.5, 0, 0.25, 0.5, 1, 1.5):
        expected = exact_spline(knots, oracles.rational(theta[2:]), Fraction(z), mode)
        point = Fraction(z) - Fraction(1, 3), Fraction(1, 3)
        assert at(expressions, symbols_of(model), point) == [sympy.Rational(expected)]


def test_periodic_splines_of_compositions_are_exact():
    knots = K.uniform(0, 1, 4, 2, periodic=True)
    network = sk.KAN([sk.Affine(2, 1), sk.SplineLayer(1, 1, knots)])
    model = model_of(network)
    expressions = sk.export(model, "sympy", exact=True)
    (*affine,) = oracles.rational(model.theta[:3])
    for point in zip(POINTS, reversed(POINTS), strict=True):
        z = affine[0] * point[0] + affine[1] * point[1] + affine[2]
        expected = exact_spline(knots, oracles.rational(model.theta[3:]), z, "linear")
        assert at(expressions, symbols_of(model), point) == [sympy.Rational(expected)]


UNWRITTEN = ("splines", "normalised", "periodic", "tensor")
SMALL = [name for name in NETWORKS if name not in UNWRITTEN]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_networks_have_the_values_of_the_model(name, exact):
    model = model_of(NETWORKS[name])
    expressions = sk.export(model, "sympy", exact=exact)
    assert len(expressions) == model.n_out
    x = np.random.default_rng(1).uniform(0, 1, (2, model.n_in))
    expected = model(x)
    rows = [at(expressions, symbols_of(model), oracles.rational(row)) for row in x]
    found = np.array([[float(value) for value in row] for row in rows])
    assert np.abs(found - expected).max() <= 1e-11 * np.abs(expected).max()
    if exact:
        assert not any(each.atoms(sympy.Float) for each in expressions)


@pytest.mark.parametrize("phi", list(FUNCTIONS))
def test_functions_of_formulas(phi):
    layer = sk.FormulaLayer(1, 1, [sk.Term(0, 0, [phi], [2.0, 0.5, 0.25])], [1.5])
    model = sk.Model(sk.KAN([layer]), [])
    (expression,) = sk.export(model, "sympy", exact=True)
    x = 1.75 if phi == "acosh" else 0.75
    value = expression.subs("x", sympy.Rational(x))
    assert float(value) == pytest.approx(model([[x]]).item(), rel=1e-15)


def test_a_formula_reads_as_it_was_written():
    terms = [
        sk.Term(0, 0, ["sin"], [2.0, 3.0, 0.0]),
        sk.Term(1, 0, ["exp", "square"], [1.0, 1.0, 0.0, 1.0, 0.0]),
    ]
    model = sk.Model(sk.KAN([sk.FormulaLayer(2, 1, terms, [-1.0])]), [], names=("a", "b"))
    a, b = sympy.symbols("a b")
    assert sk.export(model, "sympy") == [2 * sympy.sin(3 * a) + sympy.exp(b) ** 2 - 1]


def test_constants_of_functions_of_users_become_rational():
    phi = sk.network.function("exp(0.1*x)")
    layer = sk.FormulaLayer(1, 1, [sk.Term(0, 0, [phi], [1.0, 1.0, 0.0])], [0.0])
    (expression,) = sk.export(sk.Model(sk.KAN([layer]), []), "sympy", exact=True)
    assert expression == sympy.exp(sympy.Rational(0.1) * sympy.Symbol("x"))


def test_splines_that_are_not_continued_are_nan_outside():
    model = model_of(sk.KAN([sk.SplineLayer(1, 1, K.uniform(0, 1, 2, 1), extrapolate="error")]))
    (expression,) = sk.export(model, "sympy", exact=True)
    x = sympy.Symbol("x")
    values = [expression.subs(x, v) for v in (sympy.Rational(-1, 9), 0, 1, sympy.Rational(10, 9))]
    assert [value is sympy.nan for value in values] == [True, False, False, True]


def test_edges_without_effect_vanish():
    network = sk.KAN.splines([2, 1], 3, 4)
    theta = np.zeros(network.n_parameters)
    assert sk.export(sk.Model(network, theta), "sympy") == [0]
    theta[-3:] = 1.0
    (expression,) = sk.export(sk.Model(network, theta), "sympy")
    assert expression.free_symbols == {sympy.Symbol("x2")}
    two = sk.KAN.splines([1, 1, 1], 1, 2)
    theta = np.array([0, 0, 0, 1.0, 3.0, 4.0])
    assert sk.export(sk.Model(two, theta), "sympy") == [1]


def test_names_and_symbols():
    model = model_of(sk.KAN.splines([2, 1], 1, 1), names=("mass (kg)", "t"))
    (expression,) = sk.export(model, "sympy")
    assert {s.name for s in expression.free_symbols} == {"mass (kg)", "t"}
    mine = sympy.symbols("m t", real=True)
    (expression,) = sk.export(model, "sympy", symbols=mine)
    assert expression.free_symbols == set(mine)
    for bad in (mine[:1], (*mine, sympy.Symbol("u")), (mine[0], mine[0]), ("m", "t"), "mt", 3):
        with pytest.raises((TypeError, ValueError), match="symbols"):
            sk.export(model, "sympy", symbols=bad)


def test_features_are_substituted():
    from splinekan.equations.features import Features

    x, y = sympy.symbols("x y")
    features = Features((x, y), extra=[sympy.Abs(x - 0.5 * y)], bounds=[(0, 2), None])
    model = sk.Model(sk.KAN.splines([2, 1], 2, 2), np.arange(8.0), features)
    (expression,) = sk.export(model, "sympy", exact=True)
    value = expression.subs({x: sympy.Rational(1.25), y: sympy.Rational(0.5)})
    assert float(value) == pytest.approx(model([[1.25, 0.5]]).item(), rel=1e-14)
    assert not expression.atoms(sympy.Float)
    with pytest.raises(ValueError, match="features"):
        sk.export(model, "numpy")


def test_expressions_can_be_differentiated_and_compiled():
    model = model_of(sk.KAN.splines([2, 1, 1], 2, 2))
    (expression,) = sk.export(model, "sympy")
    symbols = symbols_of(model)
    x = np.random.default_rng(0).uniform(0, 1, (20, 2))
    compiled = sympy.lambdify(symbols, expression, "numpy", cse=True)
    assert np.allclose(compiled(*x.T), model(x)[:, 0], rtol=0, atol=1e-11)
    slope = sympy.lambdify(symbols, expression.diff(symbols[0]), "numpy", cse=True)
    assert np.allclose(slope(*x.T), model.gradient(x)[:, 0, 0], rtol=0, atol=1e-10)


def test_networks_of_too_many_pieces_are_refused_before_any_work():
    for network in (sk.KAN.splines([2, 5, 1], 3, 200), sk.KAN.splines([5, 20, 20, 20, 1], 3, 1000)):
        with pytest.raises(ValueError, match=rf"at most {MOST_PIECES} pieces"):
            sk.export(model_of(network), "sympy")
    assert sum(written(sk.KAN.splines([2, 1], 3, 4).layers[0], [0, 0])) == 12


def test_polynomials_beyond_float64_are_refused_unless_exact():
    knots = K.extended([0, 1e-120, 2e-120], 3)
    model = model_of(sk.KAN([sk.SplineLayer(1, 1, knots)]))
    with pytest.raises(ValueError, match="exact=True"):
        sk.export(model, "sympy")
    assert len(sk.export(model, "sympy", exact=True)) == 1
