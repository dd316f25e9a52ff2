"""Simple constants, short expressions, standard errors, and what a formula shows."""

import pickle

import numpy as np
import pytest
import sympy
from formula_trials import ALONE, formula, mixed, points

import splinekan as sk
from splinekan.formulas.expressions import expressions
from splinekan.formulas.result import Constant, deviations
from splinekan.formulas.rounding import rounded
from splinekan.formulas.snapping import FLOOR, Scored
from splinekan.formulas.tidy import simple, size, tidy
from splinekan.formulas.training import trained
from splinekan.formulas.trial import Part, built
from splinekan.network.term import Term

x1, x2, x3 = sympy.symbols("x1 x2 x3")
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (2, 300))


def fitted(parts, x, y, floor=FLOOR):
    """A trial near the data, trained and rounded."""
    trial, error = trained(built(parts), x, y, 100)
    return rounded(Scored(trial, error, np.inf), x, y, floor)


def line_and_sine(a, b, c, d):
    """c sin(a x1 + b) + d, near by."""
    off = 1 + 1e-3 * RNG.uniform(-1, 1, 3)
    return [Part([(Term(0, 0, ("sin",)), np.array([c, a, b]) * off)], [(None, d)], ALONE)]


@pytest.mark.parametrize(
    "numbers",
    [
        (np.pi, 0.5, -3.0, 0.0),
        (7.0, 0.0, 0.5, 2.0),
        (3 * np.pi / 2, -1.0, 1.0, -4.0),
        (2.5, -0.5, 12.0, 0.125),
    ],
)
def test_simple_constants_are_found(numbers):
    a, b, c, d = numbers
    y = c * np.sin(a * X[0] + b) + d
    best = fitted(line_and_sine(*numbers), X, y)
    edge = best.trial.stages[0].edges[0]
    assert (*edge.fixed, best.trial.stages[0].bias[0]) == (c, a, b, d)
    assert best.error < 1e-30
    assert not len(best.trial.theta)


def test_other_constants_stay_to_all_digits():
    y = 1.2345678 * np.sin(2.3456789 * X[0] + 0.3333) + 0.0712
    best = fitted(line_and_sine(2.3456789, 0.3333, 1.2345678, 0.0712), X, y)
    assert best.trial.stages[0].edges[0].fixed == (None, None, None)
    np.testing.assert_allclose(best.trial.theta, [1.2345678, 2.3456789, 0.3333, 0.0712], rtol=1e-9)


def test_noise_forces_no_wrong_simple_numbers():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (2, 1000))
    for a, c in ((3.04, 0.96), (2.9, 1.05)):
        y = c * np.sin(a * x[0]) + 0.01 * rng.normal(size=1000)
        best = fitted(line_and_sine(a, 0.0, c, 0.0), x, y)
        edge = best.trial.stages[0].edges[0]
        found = [v for v in (*edge.fixed, best.trial.stages[0].bias[0]) if v is not None]
        assert 3.0 not in found
        assert 1.0 not in found
        got = best.trial.value(best.trial.theta, x)
        assert np.abs(got - c * np.sin(a * x[0])).max() < 0.01


def test_simple_numbers_within_the_noise_are_taken():
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (2, 1000))
    y = 2 * np.sin(np.pi * x[0]) + 0.02 * rng.normal(size=1000)
    best = fitted(line_and_sine(np.pi, 0.0, 2.0, 0.0), x, y)
    assert best.trial.stages[0].edges[0].fixed == (2.0, np.pi, 0.0)
    assert best.trial.stages[0].bias == (0.0,)


def test_arbitrary_scales_and_shifts_disappear():
    # exp(x1 + x2^2), written with a scale and shifts that nothing determines
    first = Part(
        [(Term(0, 0), np.array([1.7])), (Term(1, 0, ("square",), (None, 1.0, None)), np.array([1.7, 0.0]))],
        [(None, 0.37)],
        ALONE,
    )
    second = Part(
        [(Term(0, 0, ("exp",), (None, None, 0.0)), np.array([np.exp(-0.37 / 1.7), 1 / 1.7]))],
        [(None, 0.0)],
        ALONE,
    )
    best = fitted([first, second], X, np.exp(X[0] + X[1] ** 2))
    assert best.error < 1e-30
    assert not len(best.trial.theta)
    assert list(expressions([best.trial], ["x1", "x2"])) == [sympy.exp(x1 + x2**2)]
    # (x1 + 1)(x2 - 2), each factor with a scale
    edges = [(Term(0, 0), np.array([0.3])), (Term(1, 1), np.array([1 / 0.3]))]
    product = Part(edges, [(None, 0.3), (None, -2 / 0.3)], (((0, 1),),))
    best = fitted([product], X, (X[0] + 1) * (X[1] - 2))
    assert not len(best.trial.theta)
    found = next(expressions([best.trial], ["x1", "x2"]))
    assert sympy.expand(found - (x1 + 1) * (x2 - 2)) == 0


def test_several_constants_of_a_sum_are_a_single_constant():
    first = Part(
        [(Term(0, 0), np.array([1.0])), (Term(1, 1), np.array([1.0]))],
        [(None, 1.3), (None, 1.7)],
        (((0,), (1,)),),
    )
    second = Part([(Term(0, 0), np.array([1.0]))], [(None, 0.0)], ALONE)
    best = fitted([first, second], X, X[0] + 1 + X[1] + 2)
    assert not len(best.trial.theta)
    assert list(expressions([best.trial], ["x1", "x2"])) == [x1 + x2 + 3]


@pytest.mark.parametrize("make", [line_and_sine, None])
def test_rounding_raises_no_error_of_noiseless_data(make):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        if make is None:
            trial = formula(rng)
            x = points(rng, 200)
        else:
            trial, x = built(make(*rng.uniform(0.5, 3.5, 4))), X
        y = trial.value(trial.theta, x)
        best = rounded(Scored(trial, 0.0, np.inf), x, y, FLOOR)
        assert best.error < 1e-20
        assert len(best.trial.theta) <= len(trial.theta)


# Expressions


def test_expressions_are_the_trials():
    names = ["x1", "x2"]
    for seed in range(4):
        rng = np.random.default_rng(seed)
        trial, x = formula(rng), points(rng)
        found = next(expressions([trial], names))
        value = sympy.lambdify(sympy.symbols(names), found, "numpy")(*x)
        np.testing.assert_allclose(value, trial.value(trial.theta, x), rtol=1e-11)


def test_splines_are_functions_by_number():
    rng = np.random.default_rng(5)
    found = list(expressions([mixed(rng), mixed(rng)], ["x1", "x2"]))
    names = [sorted({str(each.func) for each in f.atoms(sympy.core.function.AppliedUndef)}) for f in found]
    assert names == [["s1", "s2", "s3", "s4"], ["s5", "s6", "s7", "s8"]]


def test_splines_do_not_take_the_names_of_inputs():
    found = next(expressions([mixed(np.random.default_rng(5))], ["s2", "s1"]))
    names = {str(each.func) for each in found.atoms(sympy.core.function.AppliedUndef)}
    assert names == {"s3", "s4", "s5", "s6"}


def test_tidy_expressions_have_equal_values():
    rng = np.random.default_rng(6)
    symbols = (x1, x2)
    for text in (
        "1.5*exp(0.5*x1 + 2.0)*exp(x2)",
        "(0.5*x1 + 0.25*x2)**2 - (0.5*x1 - 0.25*x2)**2",
        "sqrt(4.0*x1**2 + 4.0*x2**2 + 3.3)",
        "tanh(atanh(0.5*x1) + atanh(0.5*x2))",
        "sin(x1 + 3.141592653589793/2)*cos(2.2*x2)",
        "log(3.0*x1**2 + 1.0) - 1.2/(x2 + 3.7)",
        "Abs(x1 - 0.5)*besselj(0, x2) + erf(x1)",
        "exp(-2.0*atanh(0.5*x1))",
        "asin(0.3*x1) + sinh(x2)**3",
        "1.1*x1*x2*x1 + 0.3*(x1 + x2)**3",
        "(x1 + 2.0)**0.5*(x1 + 2.0)**1.5",
        "exp(2*log(x1 + 3.0))",
    ):
        expression = sympy.sympify(text, locals={"x1": x1, "x2": x2})
        found = tidy(expression)
        points = rng.uniform(-0.9, 0.9, (2, 50))
        got, want = (
            np.broadcast_to(sympy.lambdify(symbols, each, ["scipy", "numpy"])(*points), 50)
            for each in (found, expression)
        )
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12, err_msg=text)
        exact = expression.xreplace({each: simple(each) for each in expression.atoms(sympy.Float)})
        assert size(found) <= size(exact)


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (x1 * 1.0 + 0.5, x1 + sympy.Rational(1, 2)),
        (sympy.sin(sympy.Float(np.pi) * x1), sympy.sin(sympy.pi * x1)),
        (sympy.tanh(sympy.atanh(x1) + sympy.atanh(x2)), (x1 + x2) / (x1 * x2 + 1)),
        ((x1 + x2) ** 2 - (x1 - x2) ** 2, 4 * x1 * x2),
        (sympy.exp(x1) * sympy.exp(x2), sympy.exp(x1 + x2)),
        (sympy.exp(-2 * sympy.atanh(2 * x1 - 1)), (1 - x1) / x1),
        (x1 * x2 / (x2 * x1**2), 1 / x1),
    ],
)
def test_known_simplifications(given, want):
    found = tidy(given)
    assert sympy.simplify(found - want) == 0
    assert size(found) <= size(want)


def test_large_integers_are_not_expanded():
    for text in (
        "-exp(-8.7e21*exp(2*x1))",
        "exp(1e5*x1) + exp(2e5*x1)",
        "(x1 + 1)**900.0*x2",
        "exp(999.0*log(x1 + 1))",
    ):
        expression = sympy.sympify(text, locals={"x1": x1, "x2": x2})
        found = tidy(expression)
        assert size(found) <= size(expression)
        assert len(str(found)) < 60


@pytest.mark.parametrize(
    ("number", "want"),
    [
        (0.5, sympy.Rational(1, 2)),
        (1 / 3, sympy.Rational(1, 3)),
        (-7 / 12, -sympy.Rational(7, 12)),
        (1000.0, sympy.Integer(1000)),
        (np.pi, sympy.pi),
        (-3 * np.pi / 2, -sympy.pi * 3 / 2),
        (np.pi / 4, sympy.pi / 4),
        (0.5 + 1e-15, None),
        (1 / 13, None),
        (3.14159, None),
        (1e-9, None),
        (np.nextafter(np.pi, 4), None),
        (1e21, None),
        (1001.0, None),
    ],
)
def test_only_exact_numbers_are_simple(number, want):
    found = simple(sympy.Float(number))
    assert found == (sympy.Float(number) if want is None else want)
    assert float(found) == number


# Formulas as results


@pytest.fixture(scope="module")
def two():
    rng = np.random.default_rng(7)
    x = rng.uniform(0.5, 2, (300, 3))
    y = np.column_stack([1.234567 * x[:, 0] ** 2 + x[:, 1], np.exp(x[:, 1])])
    y += 0.01 * rng.normal(size=y.shape)
    found = sk.symbolic_regression(
        x,
        y,
        structures=["sum"],
        names=["mass", "beta", "x 1"],
        output_names=["u", "v_1"],
        library=["square", "exp"],
    )
    return found, x, y


def test_what_a_formula_shows(two):
    found, _, _ = two
    lines = str(found).split("\n")
    assert lines[0].startswith("u = beta + 1.23")
    assert "mass**2" in lines[0]
    assert lines[1].startswith("  error: root mean square 0.0")
    assert "v_1 = exp(beta)" in lines
    assert lines[-1] == "dropped: x 1"
    assert any(line.startswith("fitted: 1.23") and "+-" in line for line in lines)
    latex = found.latex().split("\n")
    assert latex[0].startswith("u = \\beta + 1.23")
    assert latex[1] == "v_{1} = e^{\\beta}"
    assert found.is_complete == (True, True)
    assert found.grid_error is None
    assert found.dropped == ("x 1",)
    with pytest.raises(ValueError, match="there are 2 outputs: take one of `expressions`"):
        _ = found.expression


def test_errors_of_a_formula_are_those_of_its_model(two):
    found, x, y = two
    residual = found(x) - y
    np.testing.assert_allclose(found.rms_error, np.sqrt((residual**2).mean(axis=0)), rtol=1e-12)
    np.testing.assert_allclose(found.max_error, np.abs(residual).max(axis=0), rtol=1e-12)
    assert (found(x) == found.model(x)).all()
    assert found.model.names == ("mass", "beta", "x 1")
    assert found.model.output_names == ("u", "v_1")
    symbols = [sympy.Symbol(name) for name in found.model.names]
    for o, each in enumerate(found.expressions):
        value = sympy.lambdify(symbols, each, "numpy")(*x.T)
        np.testing.assert_allclose(value, found(x)[:, o], rtol=1e-12)
    assert {(row.output, row.structure, row.is_formula) for row in found.tried} == {
        ("u", "sum", True),
        ("v_1", "sum", True),
    }
    for row, error in zip(found.tried, found.rms_error, strict=True):
        assert row.error <= (error / y.std(axis=0).min()) ** 2 * 1.1
    assert found.model.record.n_samples == 300
    assert len(found.model.record.choices) == 2


def test_formulas_survive_pickles_and_files(two, tmp_path):
    found, x, _ = two
    again = pickle.loads(pickle.dumps(found))
    assert again.expressions == found.expressions
    assert str(again) == str(found)
    assert (again(x) == found(x)).all()
    sk.save(tmp_path / "formula.npz", found.model)
    assert (sk.load(tmp_path / "formula.npz")(x) == found(x)).all()
    left = sk.symbolic_regression(x[:, :1], np.sin(9 * x[:, 0]), structures=["sum"], library=["square"])
    assert left.is_complete == (False,)
    assert "not a formula" in str(left)
    again = pickle.loads(pickle.dumps(left))
    assert str(again) == str(left)
    assert (again(x[:, :1]) == left(x[:, :1])).all()


def test_constants_of_a_formula(two):
    found, x, y = two
    each = [c for c in found.constants if c.place.startswith("u: ")]
    assert all(isinstance(c, Constant) for c in each)
    factor = next(c for c in each if "mass" in c.place and not c.fixed)
    assert factor.value == pytest.approx(1.234567, abs=5 * factor.deviation)
    # dense twin: y = c mass^2 + beta, only c free
    x_c = x[:, 0] ** 2
    residual = y[:, 0] - x[:, 1] - factor.value * x_c
    sigma = np.sqrt(residual @ residual / (len(y) - 1))
    assert factor.deviation == pytest.approx(sigma / np.linalg.norm(x_c), rel=1e-6)
    assert all(c.deviation == 0 for c in each if c.fixed)


def test_standard_errors_are_those_of_repetitions():
    rng = np.random.default_rng(8)
    x = rng.uniform(-1, 1, (1, 200))
    true = built([Part([(Term(0, 0, ("tanh",)), np.array([1.3, 1.7, 0.4]))], [(None, -0.2)], ALONE)])
    clean, sigma, found, errors = true.value(true.theta, x), 0.02, [], []
    for _ in range(50):
        y = clean + sigma * rng.normal(size=200)
        trial, _ = trained(true, x, y, 30)
        found.append(trial.theta)
        value, J = trial.jacobian(trial.theta, x)
        errors.append(deviations(J, value - y))
    spread = np.std(found, axis=0, ddof=1)
    np.testing.assert_allclose(np.mean(errors, axis=0), spread, rtol=0.4)  # 50 repetitions: 10 % each
    np.testing.assert_allclose(np.mean(found, axis=0), true.theta, atol=5 * spread.max() / np.sqrt(50))


def test_standard_errors_of_redundant_constants_are_finite():
    J = np.column_stack([np.ones(20), np.ones(20), np.zeros(20), np.arange(20.0)])
    found = deviations(J, np.full(20, 0.1))
    assert np.isfinite(found).all()
    assert found[2] == 0
    assert deviations(np.zeros((20, 0)), np.ones(20)).shape == (0,)
