"""Formulas found from samples and from models: the right ones, with their constants, or none."""

import warnings

import numpy as np
import pytest
import sympy

import splinekan as sk
from splinekan.formulas import Formula
from splinekan.formulas.trial import Part, Trial, built
from splinekan.network.term import Term

warnings_are_errors = pytest.mark.filterwarnings("error")
x1, x2 = sympy.symbols("x1 x2")
FEW = ["square", "cube", "x^4", "sqrt", "exp", "log", "sin", "tanh", "atanh"]
"""Functions that come and go quickly; the default library has chains of functions too."""


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


def test_periodic_edges_with_a_phase():
    result = found(lambda a, b: np.sin(7 * a + 0.5) + b, samples(300), structures=["sum"])
    assert result.expression == sympy.sin(7 * x1 + sympy.Rational(1, 2)) + x2


def test_polynomials_of_an_edge():
    result = found(lambda a, b: a**4 - a**3 + b**2 / 2 - b, samples(200), structures=["sum"])
    assert sympy.expand(result.expression - (x1**4 - x1**3 + x2**2 / 2 - x2)) == 0


def test_what_is_no_formula_keeps_its_splines():
    x = samples(400)
    y = np.where(x[:, 0] > 0.3, np.sin(9 * x[:, 0] ** 2), x[:, 0] ** 3) + x[:, 1]
    result = sk.symbolic_regression(x, y, structures=["sum"], library=["square"])
    assert result.is_complete == (False,)
    assert "s1(x1)" in str(result.expression)
    assert "not a formula" in str(result)


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


@pytest.mark.parametrize(
    ("functions", "numbers", "regular"),
    [
        (("reciprocal",), [1.0, 1.0, 0.0], False),
        (("reciprocal",), [1.0, 1.0, 1.5], True),
        (("tan",), [1.0, 2.0, 0.0], False),
        (("square", "rsqrt"), [1.0, 1.0, 0.0, 1.0, -0.01], False),
        (("sin", "log"), [1.0, 1.0, 0.0, 1.0, 1.0], True),
    ],
)
def test_poles_between_samples_are_seen(functions, numbers, regular):
    x = np.concatenate([np.linspace(-1, -0.2, 9), np.linspace(0.2, 1, 9)])[None]
    trial = built([Part([(Term(0, 0, functions), np.array(numbers))], [(0.0, 0.0)], (((0,),),))])
    assert trial.is_regular(x) == regular


def test_poles_between_samples_are_told(monkeypatch):
    monkeypatch.setattr(Trial, "is_regular", lambda self, x: False)
    with pytest.warns(sk.DomainWarning, match="y is not defined everywhere between the samples"):
        result = found(lambda a, b: a + b, samples(40), structures=["sum"], library=["square"])
    assert result.is_regular == (False,)
    assert "not defined everywhere" in str(result)


def test_poles_do_not_fit_noise():
    x = samples(200)
    y = x[:, 0] + 0.1 * np.random.default_rng(0).standard_cauchy(200)
    result = sk.symbolic_regression(x, y, structures=["sum", "g(sum)"])
    assert result.is_regular == (True,)


def test_numbers_whose_squares_vanish_are_refused():
    x = samples(40)
    with pytest.raises(ValueError, match="y must have columns that vary by at least 1e-60"):
        sk.symbolic_regression(x, 1e-90 * x[:, 0])
    with pytest.raises(ValueError, match="X must have columns that vary by at least 1e-60"):
        sk.symbolic_regression(1e-90 * x, x[:, 0])
    small = sk.symbolic_regression(x, 1e-55 * x[:, 0] ** 2, structures=["sum"], library=["square"])
    assert small.rms_error[0] < 1e-65


def test_edges_that_lead_nowhere_are_gone():
    x = samples(300)
    y = np.sin(2 * x[:, 0]) + 0.05 * np.random.default_rng(0).normal(size=300)
    model = sk.fit(x, y, hidden=(2,), first="splines", levels=1)
    result = sk.symbolic(model, x, y, structures=(), library=FEW)
    free = "s1" not in str(result.expression)
    assert result.is_complete == (free,)
