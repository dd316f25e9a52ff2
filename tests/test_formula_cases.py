"""The formulas of `benchmarks/formulas.py`, the judge of what is found, and the tables."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sympy

import splinekan as sk

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))  # behind tests, which has `cases`, too
import formula_judge
import formula_peers
import formulas
from formula_cases import CASES, SAMPLES, Case
from formula_judge import FAILED, TOLERANCE, Verdict, freed, judge

BY_NAME = {case.name: case for case in CASES}
SINE = Case("sine", "sin(x)", {"x": (-1.0, 1.0)}, "test")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_formulas_are_finite_and_their_own_success(case):
    x, y = case.draw(0.0, 0)
    assert x.shape == (SAMPLES, len(case.ranges))
    assert np.isfinite(y).all()
    low, high = np.array(list(case.ranges.values())).T
    assert ((low <= x) & (x <= high)).all()
    assert 0.05 < y.std() < 5
    assert 2 <= len(case.ranges) <= 4
    assert case.source
    verdict = judge(case, sympy.sstr(case.expression, full_prec=True))
    assert verdict.family
    assert verdict.constants
    assert verdict.error < 1e-14
    assert verdict.unexplained < 1e-28


def test_values_are_those_of_the_text():
    a, b = np.random.default_rng(0).uniform(-0.9, 0.9, (2, 50))
    values = BY_NAME["I.16.6"].values(np.stack([a, b], axis=1))
    np.testing.assert_allclose(values, np.tanh(np.arctanh(a) + np.arctanh(b)), rtol=1e-13, atol=1e-15)
    x, y, z = np.random.default_rng(0).uniform(-1, 1, (3, 50))
    values = BY_NAME["irrelevant input"].values(np.stack([x, y, z], axis=1))
    np.testing.assert_allclose(values, np.log(1 + x**2 + y**2), rtol=1e-14)


def test_draws_are_given_by_their_seed_and_noise_is_on_the_same_points():
    case = BY_NAME["product"]
    x, y = case.draw(0.05, 1)
    again, clean, other = case.draw(0.05, 1), case.draw(0.0, 1), case.draw(0.05, 2)
    assert np.array_equal(x, again[0])
    assert np.array_equal(y, again[1])
    assert np.array_equal(x, clean[0])
    assert not np.array_equal(x, other[0])
    assert (y - clean[1]).std() == pytest.approx(0.05 * clean[1].std(), rel=0.1)
    assert not set(x[:, 0]) & set(case.fresh[:, 0])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("hypotenuse", "exp(0.49*log(0.98*x1**2.0 + 1.03*x2**2))"),
        ("product", "0.26*(x1 + x2)**2 - 0.24*(x1 - 0.97*x2)**2 + 0.01"),
        ("product", "1.1*exp(0.99*log(x1 + 1.5) + 1.01*log(x2 + 1.4)) - 1.6*x1 - 1.4*x2 - 2.2"),
        ("exp-sine", "0.98*exp(0.0102*(9.9*x2 + 0.1)**2 + 0.97*cos(3.1*x1 - 1.5)) + 0.02"),
        ("I.16.6", "tanh(1.02*atanh(0.99*x1) + 0.98*atanh(x2) + 0.01)"),
        ("kink", "Abs(1.1*x1 - 0.31) + x2**2/2"),  # fractions are constants, too
        ("II.38.3", "0.9*x1/(1.1*x2 + 0.1)"),
        ("Cobb-Douglas", "exp(0.2*log(x1) + 0.7*log(x2) + 0.02)"),
    ],
)
def test_a_family_counts_without_its_constants(name, found):
    verdict = judge(BY_NAME[name], found)
    assert verdict.family
    assert not verdict.constants
    assert verdict.refitted < 1e-9
    assert 1e-4 < verdict.error < np.inf
    assert verdict.unexplained > 1e-10


def test_decimal_digits_of_pi_are_enough():
    assert judge(BY_NAME["exp-sine"], "exp(sin(3.14159265*x1) + 1.0*x2**2)").constants
    close = judge(BY_NAME["exp-sine"], "exp(sin(3.14159*x1) + 1.0*x2**2)")
    assert close.family
    assert not close.constants


def test_a_logarithm_of_each_factor_is_a_product_on_a_positive_box():
    case = Case("positive product", "x*y", {"x": (0.5, 2.0), "y": (0.5, 2.0)}, "test")
    assert judge(case, "exp(1.0*log(x1) + 1.0*log(x2))").constants
    assert judge(case, "exp(1.01*log(x1) + 0.98*log(x2))").family


def test_a_taylor_polynomial_is_a_failure():
    found = "x1 - x1**3/6 + x1**5/120"
    at_one = abs(np.sin(1) - (1 - 1 / 6 + 1 / 120))
    verdict = judge(SINE, found)
    assert not verdict.family
    assert not verdict.constants
    deviation = SINE.values(SINE.fresh).std()
    assert verdict.error == pytest.approx(at_one / deviation, rel=2e-2)
    assert TOLERANCE < verdict.refitted < verdict.error / 2
    assert verdict.unexplained == pytest.approx(
        np.mean((SINE.values(SINE.fresh) - np.polyval([1 / 120, 0, -1 / 6, 0, 1, 0], SINE.fresh[:, 0])) ** 2)
        / deviation**2,
        rel=1e-6,
    )


@pytest.mark.parametrize(
    "found", ["log(x1)", "sqrt(x1)", "asin(1.5*x1)", "x1**0.5", "nan", "zoo", "I*x1", "exp(1000.0*x1)"]
)
def test_what_is_not_finite_or_not_real_fails(found):
    verdict = judge(SINE, found)
    assert not verdict.family
    assert not verdict.constants
    assert verdict.error == verdict.unexplained == np.inf


@pytest.mark.parametrize("found", ["x1 + x3", "q*x1", "x1 < 2"])
def test_other_symbols_are_refused(found):
    with pytest.raises(ValueError, match="found must be an expression in x1, x2, got"):
        judge(BY_NAME["product"], found)


def test_constants_are_counted_and_exponents_are_not():
    x, y = sympy.symbols("x y")
    expression = 2.5 * sympy.sin(sympy.pi * x**3) - y / x**2 + sympy.sqrt(x) + sympy.Rational(1, 3) + y**0.3
    general, symbols, values = freed(expression)
    assert sorted(values) == pytest.approx([-1, 0.3, 1 / 3, 2.5, np.pi])
    again = general.subs(dict(zip(symbols, values, strict=True)))
    assert sympy.N((again - expression).subs({x: 0.4, y: 1.7})) == pytest.approx(0, abs=1e-12)
    assert general.has(x**3, x**-2, sympy.sqrt(x))
    assert judge(SINE, "x1 - 0.5*sin(2*x1)").numbers == 2


def test_names_of_inputs_become_positions():
    assert str(formula_peers.named(sympy.sympify("x0 + 2*x_2"), 0)) == "x1 + 2*x3"
    assert str(formula_peers.named(sympy.sympify("x1 + 2*x3"), 1)) == "x1 + 2*x3"
    with pytest.raises(ValueError, match="which input pressure is"):
        formula_peers.named(sympy.sympify("pressure + 1"), 0)


def test_the_route_of_splinekan(monkeypatch, tmp_path):
    def found(x, y):
        names = sympy.symbols(f"x{formula_peers.FIRST} x{formula_peers.FIRST + 1}")
        return SimpleNamespace(expressions=[1.0 * names[0] * names[1]])

    threads = []
    monkeypatch.setattr(sk, "symbolic_regression", found, raising=False)
    monkeypatch.setattr(sk, "set_threads", threads.append)
    x, y = BY_NAME["product"].draw(0.0, 0)
    np.savez(tmp_path / "samples.npz", x=x, y=y)
    monkeypatch.chdir(tmp_path)
    formula_peers.main("splinekan", "samples.npz", "result.json", "10", "1", "0")
    result = json.loads((tmp_path / "result.json").read_text())
    assert judge(BY_NAME["product"], result["expression"]).constants
    assert {"seconds", "processor"} <= set(result)
    assert threads == [1]


def options(tmp_path, **given):
    usual = {"only": ["product", "kink"], "packages": ["splinekan"], "noise": [0.0], "draws": 2, "limit": 1.0}
    usual |= {"threads": 1, "jobs": 1, "known": None, "out": tmp_path / "out.json", "verbose": False}
    return SimpleNamespace(**usual | given)


def record(case, package, draw, **given):
    usual = {"noise": 0.0, "draw": draw, "expression": "1.23456*x1", "seconds": 2.0, "processor": 1.0}
    verdict = vars(Verdict(True, draw == 0, 1e-3, 1e-9, 1e-4, 3, 5))
    return {"case": case, "package": package, **usual, **verdict, **given}


def test_a_run_keeps_what_others_found(tmp_path, monkeypatch, capsys):
    def measured(case, package, noise, draw, options):
        return record(case.name, package, draw)

    monkeypatch.setattr(formulas, "measured", measured)
    monkeypatch.setattr(formulas, "installed", lambda names: ["splinekan", "pykan"])
    records = formulas.run(options(tmp_path))
    assert [(r["case"], r["package"], r["draw"]) for r in records[:5]] == [
        ("product", "splinekan", 0),
        ("product", "pykan", 0),
        ("kink", "splinekan", 0),
        ("kink", "pykan", 0),
        ("product", "splinekan", 1),
    ]
    assert json.loads((tmp_path / "out.json").read_text())["records"] == records
    again = options(tmp_path, known=tmp_path / "out.json", out=tmp_path / "other.json", draws=3)
    monkeypatch.setattr(formulas, "measured", lambda *_: record("new", "new", 0))
    packages = [r["package"] for r in formulas.run(again)]
    assert packages.count("pykan") == 4  # the known ones; a draw is missing
    assert packages.count("new") == 8
    with pytest.raises(SystemExit, match=r"out\.json exists"):
        formulas.run(options(tmp_path))
    same = options(tmp_path, known=tmp_path / "out.json", only=["kink"], packages=["pykan"])
    monkeypatch.setattr(formulas, "installed", list)
    assert len(formulas.run(same)) == 2
    assert len(json.loads((tmp_path / "out.json").read_text())["records"]) == len(records)  # none is lost
    formulas.show(records, markdown=True)
    shown = capsys.readouterr().out
    assert "| product | pykan | 2/2 | 1/2 | 1.0e-04 | 3 | 5 | 2 | 1 | 1.235*x1 |" in shown
    assert "| all | splinekan | 4/4 | 2/4 |" in shown


def test_failures_are_results(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(formulas.PACKAGES, "broken", formula_peers.Package(None, "numpy"))
    broken = formulas.measured(BY_NAME["product"], "broken", 0.0, 0, options(tmp_path))
    assert "broken" in broken["failure"]
    assert not broken["family"]

    def run(command, **_):
        Path(command[4]).write_text(json.dumps({"expression": "x1*q", "seconds": 1.0, "processor": 1.0}))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(formulas.subprocess, "run", run)
    unknown = formulas.measured(BY_NAME["product"], "splinekan", 0.0, 0, options(tmp_path))
    assert "found must be an expression in x1, x2" in unknown["failure"]
    assert not unknown["family"]
    formulas.show([broken], markdown=False)
    assert "0/1" in capsys.readouterr().out


def test_unknown_names_are_refused():
    with pytest.raises(SystemExit, match="no case begins with nothing"):
        formulas.chosen(["nothing"])
    with pytest.raises(SystemExit, match="no package nothing"):
        formulas.installed(["nothing"])
    assert formulas.installed(["splinekan"]) == ["splinekan"]
    assert not FAILED.family


def test_long_formulas_are_cut():
    assert formulas.shortened("2.000000001*sin(x1)") == "2.0*sin(x1)"
    assert len(formulas.shortened(" + ".join(f"{i + 0.5}*sin({i + 1.5}*x1)" for i in range(30)))) == 90
    assert formula_judge.freed(sympy.Integer(3))[2] == [3.0]
