"""Formulas from data and from networks, end to end: what must be found, and what ruins other searches."""

import numpy as np
import pytest
import sympy

import splinekan as sk
from splinekan.formulas import STRUCTURES

x1, x2, x3 = sympy.symbols("x1 x2 x3")
FEW = ["square", "sqrt", "exp", "log", "sin", "atanh", "tanh"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def regression(x, y, structures, library=FEW, **options):
    return sk.symbolic_regression(x, y, structures=structures, library=library, **options)


def close(found, want, tolerance=1e-6):
    """The same tree, with constants that differ by at most `tolerance`."""
    rounded = found.xreplace(
        {each: sympy.nsimplify(each, tolerance=tolerance) for each in found.atoms(sympy.Float)}
    )
    return sympy.simplify(rounded - want) == 0


CLASSICS = {
    "exp": ("g(sum)", sympy.exp(sympy.sin(sympy.pi * x1) + x2**2)),
    "product": ("u", x1 * x2),
    "velocities": ("g(sum)", (x1 + x2) / (1 + x1 * x2)),
    "hypotenuse": ("g(sum)", sympy.sqrt(x1**2 + x2**2)),
}


@pytest.mark.parametrize("name", CLASSICS)
def test_classics_are_found_exactly(rng, name):
    structure, want = CLASSICS[name]
    x = rng.uniform(-0.95, 0.95, (400, 2))
    y = sympy.lambdify((x1, x2), want, "numpy")(*x.T)
    found = regression(x, y, [structure])
    assert sympy.simplify(found.expression - want) == 0
    assert found.is_complete == (True,)
    assert found.rms_error[0] < 1e-14
    assert found.dropped == ()
    fresh = rng.uniform(-0.9, 0.9, (100, 2))
    np.testing.assert_allclose(
        found(fresh)[:, 0], sympy.lambdify((x1, x2), want, "numpy")(*fresh.T), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("name", ["exp", "product"])
def test_classics_are_found_in_noise(rng, name):
    structure, want = CLASSICS[name]
    x = rng.uniform(-1, 1, (1000, 2))
    clean = sympy.lambdify((x1, x2), want, "numpy")(*x.T)
    y = clean + 0.01 * clean.std() * rng.normal(size=1000)
    found = regression(x, y, [structure])
    assert close(found.expression, want, 0.02), found.expression
    assert np.sqrt(np.mean((found(x)[:, 0] - clean) ** 2)) < 0.005 * clean.std()
    assert found.rms_error[0] == pytest.approx(0.01 * clean.std(), rel=0.1)


def test_a_network_is_explained_by_its_own_edges(rng):
    x = rng.uniform(0.1, 2, (300, 2))
    model = sk.fit(x, np.exp(x[:, 0]) + x[:, 1] ** 2, hidden=(), levels=2, progress=False)
    found = sk.symbolic(model, x, structures=(), library=FEW)
    assert close(found.expression, sympy.exp(x1) + x2**2, 1e-4)
    assert found.grid_error[0] < 1e-3
    assert [row.structure for row in found.tried] == ["model"]
    exact = sk.symbolic(model, x, np.exp(x[:, 0]) + x[:, 1] ** 2, structures=(), library=FEW)
    assert exact.expression == sympy.exp(x1) + x2**2
    assert exact.rms_error[0] < 1e-14


def test_a_network_is_explained_by_a_simpler_structure(rng):
    x = rng.uniform(-1, 1, (300, 2))
    model = sk.fit(x, x[:, 0] * x[:, 1], hidden=(2,), first="splines", levels=1, progress=False)
    found = sk.symbolic(model, x, structures=["u"], library=FEW)
    assert close(found.expression, x1 * x2, 1e-2)
    assert {row.structure for row in found.tried} == {"u"}  # it has fewer edges, and explains all


def test_the_same_seed_gives_the_same_formula(rng):
    x = rng.uniform(-1, 1, (200, 2))
    y = np.sin(2.2 * x[:, 0]) * x[:, 1] + 0.05 * rng.normal(size=200)
    one, two = (regression(x, y, ["u"], seed=3) for _ in range(2))
    assert one.expression == two.expression
    assert (one(x) == two(x)).all()
    assert [c.value for c in one.constants] == [c.value for c in two.constants]


def test_attempts_are_printed_and_kept(rng, capsys):
    x = rng.uniform(-1, 1, (200, 1))
    found = regression(x, x[:, 0] ** 2, STRUCTURES, verbose=True, output_names=["z"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(found.tried) >= 1
    assert lines[0].startswith("z: sum")
    assert lines[0].endswith("formula")


# What ruins searches


@pytest.mark.parametrize(
    ("what", "want"),
    [
        ("sqrt at 0", sympy.sqrt(x1) + x2),
        ("log near 0", sympy.log(x1) + x2),
        ("redundant constants", x1 + x2 + 3),
        ("periodic", sympy.sin(7 * x1) + x2**2),
        ("phase", sympy.sin(3 * x1 + sympy.Rational(1, 2)) + x2),
    ],
)
def test_sums(rng, what, want):
    x = rng.uniform(0, 1, (300, 2))
    if what == "sqrt at 0":
        x[:4, 0] = 0.0
    if what == "log near 0":
        x[:, 0] = 1 - x[:, 0] ** 2
        x[0, 0] = 1e-12
    y = sympy.lambdify((x1, x2), want, "numpy")(*x.T)
    found = regression(x, y, ["sum"])
    assert found.is_complete == (True,)
    assert sympy.simplify(found.expression - want) == 0
    assert found.rms_error[0] < 1e-13


def test_products_are_no_squares(rng):
    x = np.column_stack([rng.uniform(0.5, 1.5, 300), rng.uniform(0, 6, 300)])
    found = regression(x, x[:, 0] * np.sin(x[:, 1]), ["u", "u+s"])
    assert found.expression == x1 * sympy.sin(x2)
    assert not found.expression.has(sympy.cos)
    assert {row.structure for row in found.tried} == {"u"}


def test_factors_with_constants(rng):
    x = rng.uniform(0, 1, (300, 2))
    found = regression(x, (x[:, 0] + 1) * (x[:, 1] - 2), ["u"])
    assert sympy.expand(found.expression - (x1 + 1) * (x2 - 2)) == 0


def test_irrelevant_constant_and_equal_columns(rng):
    x = rng.uniform(-1, 1, (300, 2))
    constant, tiny = np.full(300, 3.0), 5.0 + 4e-16 * rng.integers(-3, 4, 300)
    X = np.column_stack([constant, x, tiny])
    found = regression(X, np.exp(x[:, 0]), ["sum"])
    assert found.expression == sympy.exp(x2)
    assert found.dropped == ("x1", "x3", "x4")
    assert (found(X)[:, 0] == np.exp(x[:, 0])).all()
    found = regression(x[:, [0, 1, 0]], x[:, 0] ** 2, ["sum"])
    assert found.expression in (x1**2, x3**2)
    assert len(found.dropped) == 2


def test_constant_columns_of_a_model(rng):
    x = np.column_stack([rng.uniform(0, 1, (300, 1)), np.full(300, 0.5), rng.uniform(0, 1, (300, 1))])
    y = x[:, 0] ** 2 + np.exp(x[:, 2])
    model = sk.fit(x, y, hidden=(), levels=1, progress=False)
    for structures in ((), ["sum"]):
        found = sk.symbolic(model, x, y, structures=structures, library=FEW)
        assert found.expression == x1**2 + sympy.exp(x3)
        assert found.dropped == ("x2",)


def test_what_does_not_vary(rng):
    x = rng.uniform(-1, 1, (50, 2))
    found = sk.symbolic_regression(x, np.full(50, 2.5))
    assert found.expression == sympy.Rational(5, 2)
    assert found.dropped == ("x1", "x2")
    assert found.is_complete == (True,)
    assert (found(x) == 2.5).all()
    assert str(found).startswith("y = 5/2")
    y = rng.normal(size=50)
    found = sk.symbolic_regression(np.ones((50, 2)), y)
    assert float(found.expression) == pytest.approx(y.mean())
    mixed = sk.symbolic_regression(x, np.column_stack([np.full(50, 0.1), x[:, 0]]), structures=["sum"])
    assert [float(mixed.expressions[0]), mixed.expressions[1]] == [0.1, x1]
    np.testing.assert_allclose(mixed(x), np.column_stack([np.full(50, 0.1), x[:, 0]]), rtol=1e-15)


def test_noise_is_a_constant(rng):
    x, y = rng.uniform(-1, 1, (200, 2)), 3.0 + rng.normal(size=200)
    found = regression(x, y, ["sum", "u"])
    assert found.expression.is_number
    assert found.dropped == ("x1", "x2")
    assert found.tried[-1].structure == "constant"
    assert found.rms_error[0] == pytest.approx(y.std(), rel=1e-2)
    signal = regression(x, y + 2 * x[:, 0], ["sum", "u"])
    assert signal.expression.free_symbols == {x1}


def test_a_single_column_has_two_structures(rng):
    x = rng.uniform(1, 2, (300, 1))
    for structures in (["u"], ["pq+s"], ["sum"]):
        assert regression(x, np.log(x[:, 0]), structures).expression == sympy.log(sympy.Symbol("x"))
    found = regression(x, np.exp(np.sin(3 * x[:, 0])), ["g(u)"])
    assert found.tried[0].structure == "g(sum)"
    assert found.rms_error[0] < 1e-3


def test_integers_float32_and_units(rng):
    whole = rng.integers(1, 20, (300, 2))
    assert regression(whole, whole[:, 0] * whole[:, 1], ["u"]).expression == x1 * x2
    x = rng.uniform(-1, 1, (300, 2))
    single = x.astype(np.float32)
    found = regression(single, single[:, 0] * single[:, 1], ["u"])
    assert close(found.expression, x1 * x2)
    assert found.rms_error[0] < 1e-7
    big = x * [1e6, 1e-3] + [5e6, 0]
    y = 1e-9 * (big[:, 0] * 1e-6) * np.exp(1e3 * big[:, 1])
    found = regression(big, y, ["u"])
    assert found.rms_error[0] < 1e-12 * y.std()
    np.testing.assert_allclose(found(big)[:, 0], y, rtol=1e-10)


@pytest.mark.parametrize("unit", [1e-30, 1e-10, 1e10, 1e30])
def test_units_far_from_one(rng, unit):
    x = rng.uniform(-1, 1, (200, 2))
    found = regression(unit * x, unit * (np.exp(x[:, 0]) + x[:, 1] ** 2), ["sum"])
    assert found.is_complete == (True,)
    assert {type(each) for each in found.expression.atoms(sympy.Function, sympy.Pow)} <= {
        sympy.exp,
        sympy.Pow,
    }
    assert found.rms_error[0] < 1e-9 * unit


def test_columns_of_few_values_warn_of_nothing(rng):
    x = rng.integers(0, 2, (200, 2))
    found = regression(x, x[:, 0] + 2.0 * x[:, 1] + 0.1 * rng.normal(size=200), ["sum"])
    assert found.rms_error[0] < 0.12
    assert found.is_complete == (True,)


def test_numbers_at_the_limit_warn_of_nothing(rng):
    x = rng.uniform(-1, 1, (200, 2))
    found = sk.symbolic_regression(1e90 * x, 1e90 * x[:, 0] ** 2, structures=["sum"])
    assert found.rms_error[0] < 1e82


def test_several_outputs_have_formulas_of_their_own(rng):
    x = rng.uniform(-1, 1, (300, 2))
    y = np.column_stack([x[:, 0] * x[:, 1], x[:, 0] + np.exp(x[:, 1]), np.full(300, -1.0)])
    found = regression(x, y, ["sum", "u"])
    assert found.expressions == (x1 * x2, x1 + sympy.exp(x2), sympy.Integer(-1))
    np.testing.assert_allclose(found(x), y, atol=1e-14)
    assert [row.output for row in found.tried if row.is_formula][-1] == "y2"
    gradient = found.model.gradient(x)
    np.testing.assert_allclose(gradient[:, 0], x[:, ::-1], atol=1e-13)
    np.testing.assert_allclose(gradient[:, 1, 1], np.exp(x[:, 1]), rtol=1e-13)


def test_outputs_that_stay_splines_keep_their_own_knots(rng):
    x = rng.uniform(0, 1, (400, 1))
    y = np.column_stack([np.abs(x[:, 0] - 0.43), np.sin(30 * x[:, 0]), x[:, 0] ** 2])
    found = regression(x, y, ["sum"], ["square", "exp"])
    assert found.is_complete == (False, False, True)
    for o, row in enumerate(each for each in found.tried if each.structure == "sum"):
        assert (found.rms_error[o] / y[:, o].std()) ** 2 == pytest.approx(row.error, rel=1e-6, abs=1e-20)
    functions = [e.atoms(sympy.core.function.AppliedUndef) for e in found.expressions]
    assert [len(each) for each in functions] == [1, 1, 0]


@pytest.mark.parametrize(
    "names", [("x 1", "lambda"), ("beta", "S"), ("x2", "x1"), ("exp", "pi"), ("I", "s1")]
)
def test_names_are_symbols(rng, names):
    x = rng.uniform(0.5, 2, (200, 2))
    y = x[:, 0] ** 2 + 3 * x[:, 1]
    found = regression(x, y, ["sum"], names=names)
    one, two = map(sympy.Symbol, names)
    assert found.expression == one**2 + 3 * two
    assert found.model.names == names
    assert all(name in str(found) for name in names)
    assert found.latex().startswith("y = ")


def test_data_frames(rng):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rng.uniform(0.5, 2, (200, 3)), columns=["gamma", "E", "x 3"])
    y = pandas.DataFrame({"N": frame["E"] ** 2, "Q": np.log(frame["x 3"])})
    found = regression(frame, y, ["sum"])
    assert found.expressions == (sympy.Symbol("E") ** 2, sympy.log(sympy.Symbol("x 3")))
    assert found.dropped == ("gamma",)
    assert (found.model.names, found.model.output_names) == (("gamma", "E", "x 3"), ("N", "Q"))
    np.testing.assert_allclose(found(frame[["x 3", "gamma", "E"]]), y, rtol=1e-13)
    series = regression(frame[["E"]], y["N"], ["sum"])
    assert series.model.output_names == ("N",)
    model = sk.fit(frame, y, hidden=(), levels=1, progress=False)
    swapped = sk.symbolic(model, frame[["E", "x 3", "gamma"]], y[["Q", "N"]], structures=(), library=FEW)
    assert swapped.expressions == found.expressions


def test_libraries_of_users(rng):
    x = rng.uniform(0, 3, (300, 2))
    from scipy.special import j0

    found = regression(x, j0(2 * x[:, 0]) + x[:, 1], ["sum"], ["besselj(0, t)", "square"])
    assert sympy.simplify(found.expression - sympy.besselj(0, 2 * x1) - x2) == 0
    found = regression(x[:, :1], np.exp(-((x[:, 0] - 1) ** 2)), ["sum"], [("square", "exp")])
    assert found.rms_error[0] < 1e-13
    assert found.is_complete == (True,)
    t = sympy.Symbol("t")
    found = regression(x[:, :1], 2 * x[:, 0] * np.exp(-x[:, 0]), ["sum"], [t * sympy.exp(-t)])
    x_ = sympy.Symbol("x")
    assert sympy.simplify(found.expression - 2 * x_ * sympy.exp(-x_)) == 0
    left = regression(x[:, :1], np.sin(9 * x[:, 0]), ["sum"], ["square"])
    assert left.is_complete == (False,)
    assert left.rms_error[0] < 1e-2


def test_formulas_are_models_like_others(rng, tmp_path):
    x = rng.uniform(-1, 1, (300, 2))
    found = regression(x, np.exp(x[:, 0] ** 2 + x[:, 1]), ["g(sum)"])
    sk.save(tmp_path / "m.npz", found.model)
    again = sk.load(tmp_path / "m.npz")
    assert (again(x) == found(x)).all()
    y = np.exp(x[:, 0] ** 2 + x[:, 1])
    np.testing.assert_allclose(found.model.gradient(x)[:, 0, 0], 2 * x[:, 0] * y, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.model.hessian(x)[:, 0, 0, 1], 2 * x[:, 0] * y, rtol=1e-9, atol=1e-9)
    assert found.model.score(x, y) == pytest.approx(1.0, abs=1e-14)
    source = sk.export(found.model, "numpy")
    scope = {}
    exec(compile(source, "exported", "exec"), scope)
    np.testing.assert_allclose(scope["predict"](x), found(x), rtol=1e-13)
