"""Arguments of `symbolic` and `symbolic_regression`: every refusal names what was given, before any work."""

from dataclasses import dataclass

import numpy as np
import pytest

import splinekan as sk
from splinekan.formulas import DEFAULT, STRUCTURES, regression
from splinekan.model import FitRecord

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (40, 2))
Y = X[:, 0] + X[:, 1] ** 2
NAN = np.where(np.arange(40) == 3, np.nan, Y)


def made(*layers, **options):
    kan = sk.KAN(layers)
    return sk.Model(kan, sk.initialize(kan, 0), **options)


KNOTS = sk.KnotVector.uniform(-1, 1, 3, 3)
MODEL = made(sk.SplineLayer(2, 1, KNOTS))
PERIODIC = sk.KnotVector.uniform(-1, 1, intervals=4, degree=3, periodic=True)


@pytest.fixture(autouse=True)
def no_work(monkeypatch):
    """Refusals come before any search."""

    def fails(*_):
        raise AssertionError("a search has begun")

    monkeypatch.setattr(regression.Search, "run", fails)


SAMPLES = [
    ({"X": X[:, 0]}, ValueError, r"X must have shape \(n, n_in\), got \(40,\): pass X\[:, None\]"),
    ({"X": np.where(X[5, 1] == X, np.nan, X)}, ValueError, r"X must be finite, got nan at index \(5, 1\)"),
    ({"X": np.ma.masked_less(X, 0)}, TypeError, "X must not be a masked array"),
    ({"X": X.astype(str)}, TypeError, "X must be an array of real numbers"),
    ({"X": X * 1j}, TypeError, "X must be an array of real numbers"),
    ({"X": 1e101 * X}, ValueError, "X must be at most 1e\\+100 in modulus"),
    ({"X": X[:19], "y": Y[:19]}, ValueError, "X must have at least 20 rows and a column, got shape .19, 2."),
    ({"X": X[:0], "y": Y[:0]}, ValueError, "must"),
    ({"X": X[:, :0]}, ValueError, "X must have"),
    ({"X": None}, TypeError, "X must be an array of real numbers, got None"),
    ({"X": X[None]}, ValueError, "X must have shape"),
    ({"y": NAN}, ValueError, r"y must be finite, got nan at index \(3,\)"),
    ({"y": Y[:39]}, ValueError, "X and y must have the same number of rows, got 40 and 39"),
    ({"y": Y.astype(str)}, TypeError, "y must be numbers"),
    ({"y": 1e200 * Y}, ValueError, "y must be at most 1e\\+100 in modulus"),
    ({"y": Y[:, None, None]}, ValueError, r"y must have shape \(n,\) or \(n, n_out\)"),
    ({"y": np.ma.masked_less(Y, 0)}, TypeError, "y must not be a masked array"),
    ({"y": 3.0}, ValueError, "y must have shape"),
]
OPTIONS = [
    ({"library": "sin"}, TypeError, "library must be a sequence, got 'sin'"),
    (
        {"library": ["sine"]},
        ValueError,
        r"library\[0\] must be an expression in one symbol or one .*'sine'",
    ),
    ({"library": ["sin", "a*b"]}, ValueError, r"library\[1\]"),
    ({"library": 3}, TypeError, "library must be a sequence, got 3"),
    ({"library": {"sin"}}, TypeError, "library must be a sequence"),
    ({"structures": ["nonsense"]}, ValueError, r"structures\[0\] must be one of 'sum', .* got 'nonsense'"),
    ({"structures": "sum"}, TypeError, "structures must be a sequence, got 'sum'"),
    ({"structures": [3]}, ValueError, r"structures\[0\] must be one of"),
    ({"structures": 3}, TypeError, "structures must be a sequence"),
    ({"tolerance": -1.0}, ValueError, "tolerance must be at least 0.0, got -1.0"),
    ({"tolerance": np.nan}, ValueError, "tolerance must be finite"),
    ({"tolerance": "small"}, TypeError, "tolerance must be a real number, got 'small'"),
    ({"tolerance": True}, TypeError, "tolerance must be a real number"),
    ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
    ({"seed": 1.5}, TypeError, "seed must be an integer, got 1.5"),
    ({"seed": None}, TypeError, "seed must be an integer, got None"),
    ({"verbose": 1}, TypeError, "verbose must be True or False, got 1"),
    ({"verbose": "yes"}, TypeError, "verbose must be True or False"),
]
NAMES = [
    ({"names": ["a"]}, ValueError, "names must hold 2 names, got 1"),
    ({"names": ["a", "a"]}, ValueError, "names must be different from each other, got 'a' twice"),
    ({"names": "ab"}, TypeError, "names must be a sequence"),
    ({"names": ["a", 3]}, TypeError, r"names\[1\]"),
    ({"output_names": ["u", "v"]}, ValueError, "output_names must hold 1 names, got 2"),
    ({"structures": []}, ValueError, "structures must not be empty"),
    ({"tolerance": None}, TypeError, "tolerance must be a real number, got None"),
    ({"y": None}, (TypeError, ValueError), "y must"),
]


@pytest.mark.parametrize(("wrong", "error", "text"), [*SAMPLES, *OPTIONS, *NAMES])
def test_symbolic_regression_refuses(wrong, error, text):
    with pytest.raises(error, match=text):
        sk.symbolic_regression(**({"X": X, "y": Y} | wrong))


@pytest.mark.parametrize(("wrong", "error", "text"), [*SAMPLES, *OPTIONS])
def test_symbolic_refuses(wrong, error, text):
    with pytest.raises(error, match=text):
        sk.symbolic(MODEL, **({"X": X, "y": Y} | wrong))
    if "y" not in wrong:
        with pytest.raises(error, match=text):
            sk.symbolic(MODEL, **({"X": X} | wrong))


@pytest.mark.parametrize("wrong", [None, "model", sk.KAN([sk.SplineLayer(2, 1, KNOTS)]), 3])
def test_symbolic_takes_models(wrong):
    with pytest.raises(TypeError, match="model must be of type Model, got"):
        sk.symbolic(wrong, X)


def test_symbolic_takes_the_columns_of_the_model():
    with pytest.raises(ValueError, match=r"X must have shape \(any, 2\), got \(40, 3\)"):
        sk.symbolic(MODEL, np.ones((40, 3)))
    with pytest.raises(ValueError, match="y must have a column for each of 1 outputs of the model, got 2"):
        sk.symbolic(MODEL, X, np.ones((40, 2)))
    pandas = pytest.importorskip("pandas")
    named = made(sk.SplineLayer(2, 1, KNOTS), names=("a", "b"), output_names=("u",))
    with pytest.raises(ValueError, match="X lacks the columns 'b'"):
        sk.symbolic(named, pandas.DataFrame(X, columns=["a", "c"]))
    with pytest.raises(ValueError, match="y lacks the columns 'u'"):
        sk.symbolic(named, X, pandas.DataFrame({"v": Y}))


@dataclass
class Doubled:
    """Features that a model takes."""

    variables: tuple = ("s", "t")
    n_inputs: int = 2

    def jets(self, points, directions, orders):
        raise NotImplementedError


def test_symbolic_takes_no_features_and_no_targets_of_likelihoods():
    with pytest.raises(ValueError, match="model must have no features"):
        sk.symbolic(made(sk.SplineLayer(2, 1, KNOTS), features=Doubled()), X)
    for loss in ("logistic", "softmax", "poisson"):
        model = made(sk.SplineLayer(2, 1, KNOTS), record=FitRecord(((-1, 1),) * 2, loss, 40))
        with pytest.raises(ValueError, match=f"y must be None for a model with the loss '{loss}'"):
            sk.symbolic(model, X, Y)
        with pytest.raises(AssertionError, match="a search has begun"):
            sk.symbolic(model, X)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([sk.SplineLayer(2, 1, KNOTS, base="silu")], "base branches"),
        ([sk.SplineLayer(2, 1, PERIODIC)], "periodic"),
        ([sk.SplineLayer(2, 1, sk.KnotVector.uniform(-1, 1, 3, 0))], "degree 0"),
        ([sk.SplineLayer(2, 14, KNOTS), sk.SplineLayer(14, 1, KNOTS)], "more than 40 edges"),
        ([sk.FormulaLayer(2, 1, [sk.Term(0, 0)])], "a layer FormulaLayer"),
    ],
)
def test_models_whose_edges_are_left_aside_need_structures(layers, reason):
    model = made(*layers)
    with pytest.raises(ValueError, match=rf"structures must not be \(\) for a model .*: .*{reason}"):
        sk.symbolic(model, X, structures=())
    with pytest.raises(AssertionError, match="a search has begun"):
        sk.symbolic(model, X, structures=["sum"])


def test_what_is_accepted():
    for options in (
        {"library": (each for each in ("sin", "exp"))},
        {"library": DEFAULT, "structures": STRUCTURES},
        {"structures": ("sum",), "seed": np.int64(3), "tolerance": 0},
        {"names": ("a", "b"), "output_names": ["u"]},
        {"verbose": np.True_},
    ):
        with pytest.raises(AssertionError, match="a search has begun"):
            sk.symbolic_regression(X, Y, **options)
    for given in (X.tolist(), np.asfortranarray(X), X.astype(np.float32), (10 * X).astype(int), X > 0):
        with pytest.raises(AssertionError, match="a search has begun"):
            sk.symbolic_regression(given, Y.tolist())
