"""Exported source code: the values of the model, without this package."""

import ast
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from cases import COMPILED, amplification, networks

import splinekan as sk
from splinekan.network import FUNCTIONS

EPS = np.finfo(float).eps
NETWORKS = networks()
K = sk.KnotVector


def module(model, **options):
    """The names that an exported module defines."""
    names = {}
    exec(compile(sk.export(model, "numpy", **options), "<exported>", "exec"), names)
    return names


def model_of(network, seed=0):
    return sk.Model(network, np.random.default_rng(seed).normal(size=network.n_parameters))


def close(model, x, tolerance=1e-13):
    """The exported function at x is the model, relative to the largest value."""
    expected, found = model(x), module(model)["predict"](x)
    assert found.shape == expected.shape
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found - expected)) <= tolerance * np.nanmax(np.abs(expected))


def points(network, count=600, seed=1):
    """Points inside and outside of the domain, at its ends and at knots."""
    rng = np.random.default_rng(seed)
    ends = network.domain or [(0.0, 1.0)] * network.n_in
    low, high = np.array(ends).T
    x = rng.uniform(low - 0.4 * (high - low), high + 0.4 * (high - low), (count, network.n_in))
    x[:2] = low, high
    first = network._first_splines
    if first is not None and first is network.layers[0]:
        for i, knots in enumerate(first.knots):
            x[2 : 2 + len(knots.breakpoints), i] = knots.breakpoints
    return x


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "formulas"])
def test_every_network_has_the_values_of_the_model(name):
    model = model_of(NETWORKS[name])
    close(model, points(NETWORKS[name]), 1e-13)


@pytest.mark.parametrize("extrapolate", ["linear", "polynomial", "clamp", "zero"])
@pytest.mark.parametrize("degree", COMPILED)
def test_degrees_and_continuations(degree, extrapolate):
    knots = [
        K.uniform(-1, 2, 4, degree),
        K.clamped([0, 0.2, 0.21, 1], degree),
        K.extended([-3, 0.5, 1], degree, [degree + 1]),
        K.uniform(0, 2 * np.pi, 5, degree, periodic=True),
    ]
    network = sk.KAN([sk.SplineLayer(4, 2, knots, extrapolate=extrapolate)])
    close(model_of(network), points(network), 1e-13)


@pytest.mark.parametrize("base", [None, "identity", "silu"])
def test_the_relu_basis_and_the_base_branch(base):
    network = sk.KAN.splines([2, 3, 1], 3, 5, basis="relu", base=base)
    close(model_of(network), points(network), 4 * EPS * amplification(network))


def test_intervals_of_very_different_sizes_far_from_zero():
    knots = K.extended(1e3 + np.array([0, 1e-9, 1, 1.5, 40]), 3)
    network = sk.KAN([sk.SplineLayer(2, 1, [knots, K.uniform(1e6, 1e6 + 1, 6, 3)])])
    close(model_of(network), points(network), 1e-13)


def test_periodic_splines_wrap_as_the_model_does():
    rng = np.random.default_rng(0)
    for a, b in ((0, 360), (-np.pi, np.pi), (0.1, 0.7), (5, 6)):
        network = sk.KAN([sk.SplineLayer(1, 1, K.uniform(a, b, 6, 3, periodic=True))])
        x = np.concatenate(
            [rng.uniform(-30 * b, 30 * b, 500), [a, b, 2 * b - a, a - (b - a), np.nextafter(b, 9)]]
        )
        close(model_of(network), x[:, None], 3e-13)


def test_what_lies_outside_is_refused_where_the_model_refuses_it():
    layers = [sk.SplineLayer(2, 2, K.uniform(0, 1, 3, 3), extrapolate="error") for _ in range(2)]
    network = sk.KAN(layers)
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, (50, 2))
    inner = sk.Model(network, rng.uniform(0.2, 0.4, network.n_parameters))
    close(inner, x)
    predict = module(inner)["predict"]
    for bad in (x + 0.6, -x):
        with pytest.raises(ValueError, match="outside the domain") as expected:
            inner(bad)
        with pytest.raises(ValueError, match="outside the domain") as found:
            predict(bad)
        assert str(found.value) == str(expected.value)
    outer = sk.Model(network, np.full(48, 2.0))
    with pytest.raises(ValueError, match=r"x = 4\.0 lies outside"):
        module(outer)["predict"](x)


@pytest.mark.parametrize("phi", list(FUNCTIONS))
def test_functions_of_formulas_and_their_domains(phi):
    layer = sk.FormulaLayer(1, 2, [sk.Term(0, 0, [phi], [2.0, 1.0, 0.0]), sk.Term(0, 1)], [0.0, 0.25])
    x = np.concatenate([np.random.default_rng(0).uniform(-4, 4, 300), [0, 1, -1, 0.5, 40, -40, 1.5]])
    close(sk.Model(sk.KAN([layer]), [3.0]), x[:, None], 1e-14)


def test_chains_sums_and_products():
    formula = sk.FormulaLayer(
        2, 3, [sk.Term(0, 0, ["sin", "exp", "silu"]), sk.Term(1, 2), sk.Term(0, 1, ["erf"])], None
    )
    splines = sk.SplineLayer(2, 3, [K.uniform(0, 1, 3, 2), K.uniform(0, 2, 3, 2)], basis="relu", base="silu")
    own = sk.network.function("Max(x, 0) + x^2 / (1 + sqrt(x^2 + 1))")
    last = sk.FormulaLayer(3, 1, [sk.Term(0, 0, [own]), sk.Term(1, 0), sk.Term(2, 0, ["tanh"])])
    network = sk.KAN(
        [sk.Sum([formula, splines, sk.Affine(2, 3)]), sk.Product(3, [(0, 1), (2,), (0, 0, 2)]), last]
    )
    close(model_of(network), points(network), 1e-12)


def test_functions_that_numpy_lacks_are_refused_with_their_text():
    with pytest.raises(ValueError, match="besselj"):
        sk.export(model_of(NETWORKS["formulas"]), "numpy")


def test_a_fitted_model_its_names_and_its_units():
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"pressure": rng.uniform(1e5, 2e5, 200), "t (°C)": rng.uniform(0, 40, 200)})
    y = pd.Series(np.sin(x["pressure"] / 2e4) + x["t (°C)"], name="out")
    model = sk.fit(x, y, hidden=(2,), levels=1)
    text = sk.export(model, "numpy")
    for word in ("'pressure' from", "'t (°C)'", "beyond by straight lines", "'out'", "Not included"):
        assert word in ast.get_docstring(ast.parse(text)), word
    predict = module(model)["predict"]
    expected = model(x)
    scale = np.abs(expected).max()
    assert np.abs(predict(x) - expected).max() <= 1e-11 * scale
    swapped = x[["t (°C)", "pressure"]].assign(more="text")
    assert np.array_equal(predict(swapped), predict(x.to_numpy()))
    with pytest.raises(ValueError, match=r"lacks the columns 'pressure'"):
        predict(x[["t (°C)"]])


def test_outputs_that_are_not_predictions_are_explained():
    x = np.random.default_rng(0).uniform(-1, 1, (200, 1))
    model = sk.fit(
        x, np.random.default_rng(1).uniform(size=(200, 1)) < (x > 0), loss="logistic", levels=1, hidden=()
    )
    assert "log-odds" in ast.get_docstring(ast.parse(sk.export(model, "numpy")))


def test_the_module_needs_numpy_alone_and_is_the_same_every_time(tmp_path):
    model = model_of(NETWORKS["silu-base"])
    path = tmp_path / "folder" / "model.py"
    text = sk.export(model, "numpy", path=path)
    assert path.read_text(encoding="utf-8") == text == sk.export(model, "numpy")
    x = points(model.network, 5)
    code = f"""
import sys
sys.modules["splinekan"] = sys.modules["scipy"] = None
import numpy as np
import model
print(repr(model.predict(np.array({x.tolist()!r})).tolist()))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=path.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert np.allclose(ast.literal_eval(done.stdout), model(x), rtol=1e-13, atol=1e-13)


def test_parameters_are_read_back_to_the_last_bit():
    model = model_of(NETWORKS["splines"])
    names = module(model)
    for layer, views in enumerate(model.network.unpack(model.theta)):
        assert np.array_equal(names[f"COEFFICIENTS_{layer}"], views["coefficients"])


@pytest.mark.parametrize(
    "names", [("a", 'q"""\\n'), ("\udc80", "'''"), ("{x}", "a\nb"), ("x" * 300, "%s")], ids=ascii
)
def test_names_of_any_characters(names, tmp_path):
    model = sk.Model(sk.KAN.splines([2, 1], 1, 2), np.arange(6.0), names=names, output_names=("\\",))
    found = module(model, path=tmp_path / "m.py")
    assert found["INPUTS"] == names
    assert found["OUTPUTS"] == ("\\",)
    assert np.array_equal(found["predict"]([[0.5, 0.5]]), model([[0.5, 0.5]]))


def test_names_of_functions_of_any_characters(tmp_path):
    odd = sk.network.function("sin(x) + x", 'a"""b\0\r\n\udc80\\')
    layer = sk.FormulaLayer(1, 1, [sk.Term(0, 0, [odd, "erf"], [1.0, 1.0, 0.0, 1.0, 0.0])], 0.0)
    model = sk.Model(sk.KAN([layer]), [])
    found = module(model, path=tmp_path / "m.py")
    assert np.allclose(found["predict"]([[0.5]]), model([[0.5]]), rtol=1e-15)
    with pytest.raises(ValueError, match="name must"):
        sk.export(model, "numpy", name="math")


def test_an_existing_file_is_replaced_by_force_only(tmp_path):
    model, path = model_of(NETWORKS["tanh"]), tmp_path / "m.py"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="force=True"):
        sk.export(model, "numpy", path=path)
    assert path.read_text() == "mine"
    sk.export(model, "numpy", path=path, force=True, name="f")
    assert "def f(x):" in path.read_text()


@pytest.mark.parametrize(
    ("x", "error"),
    [
        ([1.0, 2.0], ValueError),
        (np.zeros((3, 3)), ValueError),
        (np.zeros((2, 2, 1)), ValueError),
        ([[np.nan, 0]], ValueError),
        ([[0, np.inf]], ValueError),
        ([["a", "b"]], TypeError),
        ([[1j, 0]], TypeError),
        (np.ma.array([[1.0, 2.0]], mask=[[0, 1]]), TypeError),
        (None, TypeError),
    ],
)
def test_bad_points_are_refused_as_by_the_model(x, error):
    model = model_of(NETWORKS["splines"])
    for call in (model, module(model)["predict"]):
        with pytest.raises(error, match=r"\bx\b"):
            call(x)


def test_other_points_are_taken_as_by_the_model():
    model = model_of(NETWORKS["splines"])
    predict = module(model)["predict"]
    for x in (
        np.empty((0, 2)),
        [[0, 1]],
        [[True, False]],
        np.ones((2, 4))[:, ::2],
        np.asfortranarray(np.eye(2)),
    ):
        assert np.allclose(predict(x), model(x), rtol=1e-14, atol=1e-14)
    single = np.random.default_rng(0).uniform(0, 1, (20, 2)).astype(np.float32)
    assert predict(single).dtype == np.float64
    assert np.array_equal(predict(single), predict(single.astype(np.float64)))
    many = np.random.default_rng(0).uniform(0, 1, (10_001, 2))
    assert np.abs(predict(many) - model(many)).max() < 1e-13


def test_overflow_warns_neither_here_nor_there():
    network = sk.KAN([sk.Activation(1, "power_relu", 64), sk.SplineLayer(1, 1, K.uniform(0, 1, 2, 3))])
    model = model_of(network)
    assert not np.isfinite(module(model)["predict"]([[1e300]])).any()
    assert not np.isfinite(model([[1e300]])).any()


class Own(sk.Activation):
    """A layer of another class."""


@pytest.mark.parametrize("kind", ["numpy", "sympy"])
def test_what_cannot_be_exported_is_refused(kind):
    with pytest.raises(TypeError, match="Own"):
        sk.export(sk.Model(sk.KAN([Own(2)]), []), kind)
    with pytest.raises(TypeError, match="model must be of type Model"):
        sk.export(NETWORKS["tanh"], kind)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "latex"},
        {"kind": None},
        {"kind": "sympy", "path": "m.py"},
        {"kind": "sympy", "name": "f"},
        {"kind": "sympy", "force": True},
        {"kind": "numpy", "exact": True},
        {"kind": "numpy", "symbols": []},
        {"kind": "numpy", "path": 3},
        {"kind": "numpy", "force": 1},
        {"kind": "numpy", "exact": 0},
        *(
            {"kind": "numpy", "name": name}
            for name in ("", "a b", "for", "len", "np", "EDGES_0", "_splines", "x" * 2 + "é")
        ),
        {"kind": "numpy", "name": 3},
    ],
    ids=str,
)
def test_bad_options(options):
    name = "kind" if options["kind"] not in ("numpy", "sympy") else list(options)[-1]
    with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
        sk.export(model_of(sk.KAN.splines([2, 2, 1], 1, 2)), **options)


def test_models_that_are_too_large_for_text_are_refused():
    network = sk.KAN([sk.Affine(1100, 1000, bias=False)])
    with pytest.raises(ValueError, match="at most 1000000 numbers"):
        sk.export(sk.Model(network, np.zeros(network.n_parameters)), "numpy")
