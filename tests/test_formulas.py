"""Formulas found from samples and from models: the right ones, with their constants, or none."""

import json
import warnings

import numpy as np
import pytest
import sympy

import splinekan as sk
from splinekan import cli
from splinekan.formulas import Formula, read
from splinekan.formulas.tidy import tidy
from splinekan.plots.models import LINE

warnings_are_errors = pytest.mark.filterwarnings("error")
x1, x2 = sympy.symbols("x1 x2")
EXP_SINE = sympy.exp(sympy.sin(sympy.pi * x1) + x2**2)
FEW = ["square", "cube", "x^4", "sqrt", "exp", "log", "sin", "tanh", "atanh"]
"""Functions that come and go quickly; the default library has chains of functions too."""


def exp_sine(x, y):
    return np.exp(np.sin(np.pi * x) + y**2)


def samples(n=250, low=-1.0, high=1.0, n_in=2, seed=0):
    return np.random.default_rng(seed).uniform(low, high, (n, n_in))


def found(f, x, noise=0.0, **options):
    y = f(*x.T)
    y = y + noise * y.std() * np.random.default_rng(1).normal(size=len(y))
    return sk.symbolic_regression(x, y, **({"library": FEW} | options))


def same(expression, true, symbols=(x1, x2), low=-0.9, high=0.9, tolerance=1e-9):
    """Whether two expressions agree at random points, and beyond the samples."""
    points = np.random.default_rng(5).uniform(low, high, (50, len(symbols)))
    a, b = (sympy.lambdify(symbols, each, "scipy")(*points.T) for each in (expression, true))
    return bool(np.abs(a - b).max() <= tolerance * np.abs(b).max())


@pytest.mark.parametrize(
    ("f", "true", "low", "structures"),
    [
        (
            lambda x, y: np.exp(np.sin(np.pi * x) + y**2),
            sympy.exp(sympy.sin(sympy.pi * x1) + x2**2),
            -1,
            ["g(sum)"],
        ),
        (lambda x, y: x * y, x1 * x2, -1, ["g(sum)", "u"]),
        (lambda x, y: (x + y) / (1 + x * y), (x1 + x2) / (1 + x1 * x2), -0.9, ["g(sum)"]),
        (lambda x, y: np.sqrt(x**2 + y**2), sympy.sqrt(x1**2 + x2**2), -1, ["g(sum)"]),
    ],
    ids=["exp-sine", "product", "velocities", "hypotenuse"],
)
def test_formulas_come_out_as_they_are(f, true, low, structures):
    result = found(f, samples(low=low, high=-low), structures=structures)
    assert sympy.simplify(result.expression - true) == 0
    assert result.is_complete == (True,)
    assert result.rms_error[0] < 1e-12
    assert all(c.fixed for c in result.constants)


@pytest.mark.parametrize(
    ("f", "true", "structures"),
    [
        (
            lambda x, y: np.exp(np.sin(np.pi * x) + y**2),
            sympy.exp(sympy.sin(sympy.pi * x1) + x2**2),
            ["g(sum)"],
        ),
        (lambda x, y: x * y, x1 * x2, ["u"]),
    ],
    ids=["exp-sine", "product"],
)
def test_formulas_with_noise(f, true, structures):
    result = found(f, samples(600), noise=0.01, structures=structures)
    assert sympy.simplify(result.expression - true) == 0


def test_constants_that_are_not_simple_are_fitted():
    result = found(lambda x, y: 1.2345 * np.exp(-0.777 * x) + 0.31 * y, samples(200), structures=["sum"])
    assert same(result.expression, 1.2345 * sympy.exp(-0.777 * x1) + 0.31 * x2)
    fitted = sorted(c.value for c in result.constants if not c.fixed)
    assert np.allclose(fitted, [-0.777, 0.31, 1.2345], atol=1e-6)
    assert all(0 < c.deviation < 1e-6 for c in result.constants if not c.fixed)


def test_a_model_is_explained_without_targets():
    x = samples(300)
    model = sk.fit(x, np.sqrt(x[:, 0] ** 2 + x[:, 1] ** 2 + 1), hidden=(1,), first="splines", levels=1)
    theta = model.theta.copy()
    result = sk.symbolic(model, x, structures=(), library=FEW)
    assert result.expression == sympy.sqrt(x1**2 + x2**2 + 1)
    assert result.grid_error[0] < 0.02
    assert (model.theta == theta).all()
    assert result.tried[0].structure == "model"


def test_products_of_functions_through_squares():
    # Sums of squares and of cosines of sums are equal networks for it; a node for the product is not.
    result = found(lambda a, t: 1 + a * np.sin(3 * t), samples(), structures=["u", "u+s"])
    assert result.expression == x1 * sympy.sin(3 * x2) + 1


@warnings_are_errors
def test_logarithms_and_roots_at_the_edge_of_their_domain():
    x = samples(300, 0, 1)
    x[:3] = [[0.0, 0.5], [0.25, 0.0], [0.0, 0.0]]
    root = found(lambda a, b: np.sqrt(a) + b, x, structures=["sum"])
    assert same(root.expression, sympy.sqrt(x1) + x2, low=0.0, high=1.0, tolerance=1e-6)
    x[:, 0] = np.maximum(x[:, 0], 1e-9)
    log = found(lambda a, b: np.log(a) * b, x, structures=["u"])
    assert np.isfinite(log.rms_error).all()
    assert same(log.expression, sympy.log(x1) * x2, low=1e-3, high=1.0, tolerance=1e-5)


def test_constants_between_edges_are_one_constant():
    result = found(lambda a, b: (np.exp(a) + 1) + (b**2 + 2), samples(200), structures=["sum"])
    assert sympy.expand(result.expression - (sympy.exp(x1) + x2**2 + 3)) == 0


def test_periodic_edges_with_a_phase():
    result = found(lambda a, b: np.sin(7 * a + 0.5) + b, samples(300), structures=["sum"])
    assert result.expression == sympy.sin(7 * x1 + sympy.Rational(1, 2)) + x2


def test_polynomials_of_an_edge():
    result = found(lambda a, b: a**4 - a**3 + b**2 / 2 - b, samples(200), structures=["sum"])
    assert sympy.expand(result.expression - (x1**4 - x1**3 + x2**2 / 2 - x2)) == 0


def test_columns_without_effect_are_dropped():
    x = samples(300, n_in=3)
    x[:, 2] = 2.0
    result = found(lambda a, b, c: np.tanh(2 * a), x, structures=["sum"])
    assert result.expression == sympy.tanh(2 * x1)
    assert result.dropped == ("x2", "x3")


def test_several_outputs_names_and_units():
    x = samples(300) * [1e6, 1e-9] + [0, 5e-9]
    Y = np.column_stack([3e4 * x[:, 0], x[:, 1] ** 2, np.full(300, 4.0)])
    result = sk.symbolic_regression(
        x, Y, structures=["sum"], library=FEW, names=["lambda", "S"], output_names=["E", "beta", "one"]
    )
    points = 0.9 * samples(20, seed=3) * [1e6, 1e-9] + [0, 5e-9]
    expected = np.column_stack([3e4 * points[:, 0], points[:, 1] ** 2, np.full(20, 4.0)])
    assert np.allclose(result(points) / expected, 1, rtol=1e-8)
    assert [str(s) for s in result.expressions[0].free_symbols] == ["lambda"]
    assert result.expressions[2] == 4
    with pytest.raises(ValueError, match="3 outputs"):
        _ = result.expression


def test_functions_of_the_user():
    f = lambda a, b: np.where(a > 0, 1.0, -1.0) * 0 + 2 * a * np.exp(a) + b  # noqa: E731
    result = found(f, samples(200), structures=["sum"], library=["x*exp(x)"])
    assert same(result.expression, 2 * x1 * sympy.exp(x1) + x2)


def test_what_is_no_formula_keeps_its_splines():
    x = samples(400)
    y = np.where(x[:, 0] > 0.3, np.sin(9 * x[:, 0] ** 2), x[:, 0] ** 3) + x[:, 1]
    result = sk.symbolic_regression(x, y, structures=["sum"], library=["square"])
    assert result.is_complete == (False,)
    assert "s1(x1)" in str(result.expression)
    assert "not a formula" in str(result)


def test_the_model_of_a_formula(tmp_path):
    x = samples(300)
    result = found(lambda a, b: np.exp(a * b), x, structures=["g(u)"])
    model = result.model
    assert result.expression == sympy.exp(x1 * x2)
    sk.save(tmp_path / "m.npz", model)
    assert (sk.load(tmp_path / "m.npz")(x) == result(x)).all()
    gradient = model.gradient(x[:5])[:, 0]
    assert np.allclose(gradient, x[:5, ::-1] * np.exp(x[:5, 0] * x[:5, 1])[:, None], rtol=1e-10)
    assert tidy(sk.export(model, "sympy")[0]) == sympy.exp(x1 * x2)
    assert read(model)[0].plain == "y = exp(x1*x2)"
    assert "e^{x_{1} x_{2}}" in result.latex()


def test_formulas_on_pictures():
    x = samples(300)
    model = found(lambda a, b: np.sin(2 * a) + b**2, x, structures=["sum"]).model
    assert model.plot(formula=True).get_supxlabel() == r"$y = x_{2}^{2} + \sin{\left(2 x_{1} \right)}$"
    assert model.plot().get_supxlabel() == ""
    spline = sk.fit(x, np.sin(2 * x[:, 0]) + x[:, 1] ** 2, hidden=(), levels=1)
    explained = sk.symbolic(spline, x, structures=(), library=FEW)
    text = spline.plot(formula=explained).get_supxlabel()
    assert "from the model: at most" in text
    assert len(text) < 2 * LINE
    with pytest.raises(TypeError, match="formula must be True or False"):
        model.plot(formula="yes")


def test_the_command_shows_formulas(tmp_path, capsys):
    x = samples(200)
    result = found(lambda a, b: a**2 + b, x, structures=["sum"])
    sk.save(tmp_path / "f.npz", result.model)
    assert cli.main(["show", str(tmp_path / "f.npz"), "--formula"]) == 0
    assert capsys.readouterr().out.endswith("Formulas\ny = x1**2 + x2\n")
    assert cli.main(["show", str(tmp_path / "f.npz"), "--formula", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["formulas"] == [{"name": "y", "formula": "x1**2 + x2", "grid_error": None}]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"X": np.zeros((5, 2)), "y": np.zeros(5)}, ValueError, "at least 20 rows"),
        ({"X": np.zeros(40)}, ValueError, "shape"),
        ({"y": np.zeros(39)}, ValueError, "same number of rows"),
        ({"y": np.full(40, np.nan)}, ValueError, "finite"),
        ({"library": []}, ValueError, "library"),
        ({"library": ["nonsense"]}, ValueError, "nonsense"),
        ({"structures": ["tree"]}, ValueError, r"structures\[0\]"),
        ({"tolerance": -1.0}, ValueError, "tolerance"),
        ({"seed": 1.5}, TypeError, "seed"),
        ({"verbose": 1}, TypeError, "verbose"),
        ({"names": ["a"]}, ValueError, "names"),
    ],
)
def test_bad_arguments(change, error, text):
    x = samples(40)
    with pytest.raises(error, match=text):
        sk.symbolic_regression(**({"X": x, "y": x[:, 0]} | change))


def test_models_that_are_not_explained():
    x = samples(60)
    labels = (x[:, 0] > 0).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sk.fit(x, labels, hidden=(), loss="logistic", levels=1)
    with pytest.raises(ValueError, match="y must be None"):
        sk.symbolic(model, x, labels)
    with pytest.raises(TypeError, match="model"):
        sk.symbolic(3, x)
    assert isinstance(sk.symbolic(model, x, structures=(), library=["square"]), Formula)
