"""The equivalence theorem for given knots, the inverse of A, and claims of one's own, against other
computations."""

import doctest
import importlib
import json
import re
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import splinekan as sk
import splinekan_theory
from splinekan_theory import (
    Claim,
    bspline,
    claims,
    command,
    equivalence,
    load_claims,
    matrices,
    power_relu,
    read_knots,
    symbols,
    verification,
    verify,
    verify_equivalence,
)

ROOT = Path(__file__).parent.parent
EPS = np.finfo(float).eps
KNOTS = "0, 1/3, 1/2, 2, 5/2, 3, 7/2, 4"
FIELDS = dict.fromkeys(("statement", "hypotheses", "source", "argument"), "text 1")


# The record


@pytest.mark.parametrize("degree", range(6))
def test_numbers_against_values_of_the_functions(degree):
    t = symbols.rational_knots(2 * degree + 4, seed=degree)
    record = verify_equivalence(t, degree)
    m = len(t) - degree - 1
    assert record.A.inv() == record.A_inverse
    assert all(record.A_inverse[i, j] > 0 for i in range(m) for j in range(i, m))
    a, b = record.domain
    for point in (a + (b - a) * sp.Rational(q, 7) for q in range(7)):
        values = [family_at(family, t, degree, point) for family in (bspline, power_relu)]
        finer = [family_at(family, record.refined, degree, point) for family in (bspline, power_relu)]
        assert values[0] == record.A * values[1]
        assert values[0] == record.P.T * finer[0]
        assert values[1] == record.P_relu.T * finer[1]


def family_at(family, t, degree, point):
    span = max(s for s in range(degree, len(t) - degree - 1) if t[s] <= point)
    return sp.Matrix([f.subs(symbols.x, point) for f in family.on_span(t, degree + 1, span)])


@pytest.mark.parametrize(
    ("knots", "degree"), [("symbolic:2", 1), ("symbolic", 2), ("symbolic", 3), ("symbolic", 4)]
)
def test_symbols_against_numbers(knots, degree):
    record = verify_equivalence(knots, degree)
    assert record.assumptions == tuple(f"{p} < {q}" for p, q in pairwise(record.knots))
    values = dict(zip(record.knots, symbols.rational_knots(len(record.knots), seed=3), strict=True))
    numbers = verify_equivalence(list(values.values()), degree)
    for name in ("A", "A_inverse", "P", "P_relu"):
        assert getattr(record, name).subs(values) == getattr(numbers, name), name
    assert tuple(t.subs(values) for t in record.refined) == numbers.refined
    assert record.checks == numbers.checks


def test_given_refinement_with_other_ghosts():
    record = verify_equivalence([0, 1, 3, 4], 1, refined=["1/2", 1, 2, "5/2", 3, 7])
    assert sp.Matrix([[1, 0], ["1/2", "1/2"], ["1/4", "3/4"], [0, 1]]) == record.P
    symbolic = verify_equivalence("a,b,c,d", 1, refined="u,b,v,c,w")
    assert {"u < b", "b < v", "v < c", "c < w"} < set(symbolic.assumptions)
    b, c, v = sp.symbols("b c v", real=True)
    assert sp.simplify(symbolic.P[1, 1] - (v - b) / (c - b)) == 0


@pytest.mark.parametrize("knots", ["0,h,2*h,3*h,4*h,5*h", "0,1/3,sqrt(2),2,pi,4", "-s,0,1,s+2,s**2+5,s**2+7"])
def test_other_expressions(knots):
    record = verify_equivalence(knots, 2)
    difference = record.A * record.A_inverse - sp.eye(record.A.rows)
    assert all(sp.simplify(entry) == 0 for entry in difference)


def test_printed_latex_and_json():
    record = verify_equivalence(KNOTS, 3)
    text = str(record)
    assert "degree 3, 1 interval, 4 functions" in text
    assert "verified exactly:" in text
    assert all(check in text for check in record.checks)
    assert record.latex().count("\\[") == record.latex().count("\\]") == len(record.formulas()) == 6
    assert record._repr_latex_().count("$$") == 12
    data = json.loads(record.to_json())
    assert data == record.to_dict()
    again = verify_equivalence(data["knots"], data["degree"], data["refined"])
    assert again == record
    assert sp.Matrix(data["A"]).applyfunc(sp.nsimplify) == record.A
    assert "[0, 0]  " in str(verify_equivalence("symbolic", 2))  # wide entries, a line each


@pytest.mark.parametrize(
    "name", ["change_of_basis_recursive", "inverse_change_of_basis", "prolongation", "relu_prolongation"]
)
@pytest.mark.parametrize("knots", [KNOTS, "symbolic"])
def test_a_wrong_matrix_is_noticed(name, knots, monkeypatch):
    right = getattr(matrices, name)

    def wrong(*arguments):
        M = right(*arguments)
        M[0, 0] += 1
        return M

    monkeypatch.setattr(verification, name, wrong)
    with pytest.raises(ArithmeticError, match="not verified"):
        verify_equivalence(knots, 2)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("_entry", lambda f: lambda t, r, i, j: f(t, r, i, j) * (1 + (j == i + 1) * (r < 3))),
        ("_product", lambda f: lambda t, q, i, j: f(t, q, i, j) * (1 + (q < 3))),
    ],
)
def test_a_wrong_step_of_the_induction_is_noticed(name, wrong, monkeypatch):
    monkeypatch.setattr(verification, name, wrong(getattr(verification, name)))
    with pytest.raises(ArithmeticError, match="order"):
        verify_equivalence("symbolic", 2)


def test_affine_coordinates_are_used_where_all_knots_are_means_of_symbols():
    t = symbols.symbolic_knots(6)
    moved, _ = verification.affine_coordinates(t, matrices.midpoints(t, 3))
    assert moved[2:4] == (0, 1)
    h = sp.Symbol("h", real=True)
    for knots in (
        [sp.Integer(0), h, 2 * h, 3 * h],
        [t[0], t[1], t[2], t[2] + 1],
        [t[0], t[1], 2 * t[2], t[3]],
    ):
        assert verification.affine_coordinates(knots, knots) == (knots, knots)


# Knots


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        ([0, 1, 2, 3], (0, 1, 2, 3)),
        (np.arange(4), (0, 1, 2, 3)),
        ([Fraction(1, 3), "1/2", Decimal("0.75"), sp.Integer(1)], ("1/3", "1/2", "3/4", 1)),
        ("-0.1, 0, 1e-1, 1_0", ("-1/10", 0, "1/10", 10)),
        ("symbolic", sp.symbols("t:4", real=True)),
        (" symbolic : 2 ", sp.symbols("t:5", real=True)),
        ("a, b, (a + 3*b)/4 + 1, c", None),
        ("-h, 0, h, 1", None),
        ("0, 1 - h, h, h**2 + 1", None),
    ],
)
def test_knots_that_are_read(given, exact):
    knots = read_knots("knots", given, 1)
    assert not any(t.has(sp.Float) for t in knots)
    if exact is not None:
        assert knots == tuple(map(sp.sympify, exact))


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([0.5, 1, 2, 3], TypeError, r"knots\[0\] must be exact, got the float 0.5: write '1/3'"),
        (np.linspace(0, 1, 4), TypeError, "got the float"),
        ([0, 1, 2, True], TypeError, "exact number"),
        (5, TypeError, "sequence of knots"),
        ("0,1,2", ValueError, "at least 4 knots for degree 1 .* got 3"),
        ("", ValueError, "got 0"),
        ("0,1,1,2", ValueError, r"simple, got knots\[1\] = knots\[2\] = 1"),
        ("a,b,b,c", ValueError, "its power ReLUs are a single function"),
        ("0,(h+1)**2,h**2+2*h+1,9", ValueError, "simple"),
        ("3,2,1,0", ValueError, "increase strictly"),
        ("0,1,,2", ValueError, r"knots\[2\] must be a number such as 1/3"),
        ("0,1/0,2,3", ValueError, "finite"),
        ("0,1,nan,oo", ValueError, "must be a number"),
        ("0,1,2,x", ValueError, "must not contain x"),
        ("9**9**9,1,2,3", ValueError, "must be a number"),
        ("__import__('os').getcwd(),1,2,3", ValueError, "must be a number"),
        ("0,1,2,3j", ValueError, "must be a number"),
        ("0,1,2,0x10", ValueError, r"knots\[3\] must be a number"),
        ("0,1,2,1e99999999", ValueError, "must be a number"),
        ({0, 1, 2, 3}, TypeError, "sequence of knots"),
        (dict.fromkeys(range(4)), TypeError, "sequence of knots"),
        ([0, sp.Symbol("x"), 1, 2], ValueError, "must not contain x"),
        ([0, sp.Symbol("h"), "h", 2], ValueError, "two for h: in text, h is"),
        ("0,h,-h,2", ValueError, "must increase for some h, got both 0 < h and h < -h"),
        ("0,-h,h,2*h", ValueError, "must increase for some h, got both -h < h and 0 < -h"),
        ("0,1,h,1/2 + h/4", ValueError, "must increase for some h, got both 1 < h and h < h/4"),
        ("symbolic:none", ValueError, "with G intervals"),
        ("symbolic:0", ValueError, "between 1"),
    ],
)
def test_knots_that_are_refused(given, error, words):
    with pytest.raises(error, match=words):
        verify_equivalence(given, 1)


def test_refinements_and_degrees_that_are_refused():
    with pytest.raises(ValueError, match=r"refined must have the \[a, b\] of knots, \[1, 2\]"):
        verify_equivalence([0, 1, 2, 3], 1, refined=[0, 1, 3, 4])
    with pytest.raises(ValueError, match="all breakpoints of knots, got none at 2"):
        verify_equivalence([0, 1, 2, 3, 4], 1, refined=[0, 1, "5/2", 3, 4])
    h = sp.Symbol("h")
    with pytest.raises(ValueError, match="knots and refined must have a single symbol"):
        verify_equivalence([0, h, 2 * h, 3 * h], 1, refined="0,h,3*h/2,2*h,3*h")
    with pytest.raises(TypeError, match="degree"):
        verify_equivalence([0, 1, 2, 3], 1.0)
    with pytest.raises(ValueError, match="degree"):
        verify_equivalence([0, 1, 2, 3], -1)


def test_zero_tests_with_irrational_numbers():
    assert symbols.vanishes((symbols.x - sp.sqrt(2)) * (symbols.x + sp.sqrt(2)) - symbols.x**2 + 2)
    assert not symbols.vanishes(symbols.x - sp.sqrt(2))


# The inverse of A, in the library


@pytest.mark.parametrize("degree", range(8))
@pytest.mark.parametrize("kind", ["uniform", "graded", "random"])
def test_solves_of_the_library_are_accurate_in_every_entry(degree, kind):
    intervals = 64
    rng = np.random.default_rng(degree)
    breakpoints = {
        "uniform": np.linspace(0, 1, intervals + 1),
        "graded": np.linspace(0, 1, intervals + 1) ** 3,
        "random": np.cumsum(rng.uniform(0.05, 1, intervals + 1)),
    }[kind]
    vector = sk.KnotVector.extended(breakpoints, degree)
    A, m = sk.change_of_basis(vector), vector.n_basis
    t = [Fraction(v) for v in vector.t.tolist()]
    unit = max(v.denominator for v in t)
    t = [int(v * unit) for v in t]
    exact = [[0] * m for _ in range(m)]
    for i in range(m):
        for j in range(i, m):
            exact[i][j] = int(np.prod([t[j + l] - t[i] for l in range(1, degree + 1)] or [1], dtype=object))
    v = rng.integers(-1000, 1000, m)
    for solve, rows in ((A.solve, exact), (A.solve_transpose, list(zip(*exact, strict=True)))):
        got = solve(v.astype(float))
        for value, row in zip(got.tolist(), rows, strict=True):
            terms = [entry * int(c) for entry, c in zip(row, v, strict=True)]
            error = abs(Fraction(value) - Fraction(sum(terms), unit**degree))
            assert error <= Fraction(50 * EPS) * Fraction(sum(map(abs, terms)), unit**degree)


@pytest.mark.parametrize("columns", [(), (3,), (2, 100), (0,)])
def test_columns_are_solved_alike(columns):
    A = sk.change_of_basis(sk.KnotVector.uniform(0, 1, 9, 3))
    v = np.random.default_rng(0).normal(size=(12, *columns))
    before = v.copy()
    for solve in (A.solve, A.solve_transpose):
        x = solve(v)
        assert x.shape == v.shape
        alone = [solve(column) for column in v.reshape(12, -1).T]
        assert all(np.array_equal(x.reshape(12, -1)[:, i], column) for i, column in enumerate(alone))
    np.testing.assert_array_equal(v, before)


# Claims of one's own

FILE = """
from {package} import EXACT, claim
from beside import VALUE

@claim("{id}", statement="a 1", hypotheses="b", source="ours", strength=EXACT, argument="A single case.")
def check():
    assert VALUE == {value}, "not so"
"""


def written(folder, name="mine.py", package="splinekan_theory", id="mine", value=1):
    (folder / "beside.py").write_text("VALUE = 1\n")
    path = folder / name
    path.write_text(FILE.format(package=package, id=id, value=value))
    return path


@pytest.fixture(autouse=True)
def _forget_modules(monkeypatch):
    for name in ("beside", "mine_by_name", "_claims_mine"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)


@pytest.mark.parametrize("package", ["splinekan_theory", "theory"])
def test_claims_of_a_file(package, tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)  # where the package is called theory
    before = dict(claims.REGISTRY)
    path = written(tmp_path, package=package)
    for _ in range(2):  # the registry is left as it was
        (loaded,) = load_claims(path)
        assert loaded.id == "mine"
        assert verify(loaded).failure == ""
        assert before == claims.REGISTRY
    assert command.main(["--module", str(path)]) == 0
    assert "1 claim, 0 failed" in capsys.readouterr().out
    assert command.main(["--module", str(written(tmp_path, package=package, value=2))]) == 1
    assert "FAILED: AssertionError: not so" in capsys.readouterr().out


def test_claims_of_a_module_by_name(tmp_path, monkeypatch):
    written(tmp_path, name="mine_by_name.py")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert [claim.id for claim in load_claims("mine_by_name")] == ["mine"]
    built_in = load_claims("splinekan_theory.theorems.marsden")
    assert [claim.id for claim in built_in] == ["marsden-inverse"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1/0", "cannot be imported: ZeroDivisionError"),
        ("x = (", "cannot be imported: SyntaxError"),
        ("raise SystemExit(0)", "cannot be imported: SystemExit"),
        ("", "registers no claims"),
        (FILE.format(package="splinekan_theory", id="lemma-2", value=1), "two claims are called 'lemma-2'"),
        (FILE.format(package="theory", id="lemma-2", value=1), "two claims are called 'lemma-2'"),
    ],
)
def test_files_that_are_refused(text, words, tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    written(tmp_path, name="other.py")
    path = tmp_path / "bad.py"
    path.write_text(text)
    importlib.import_module("splinekan_theory.theorems")
    with pytest.raises(ValueError, match=words):
        load_claims(path)
    assert refused(capsys, "--module", str(path)).count(words) == 1


def refused(capsys, *words):
    with pytest.raises(SystemExit) as end:
        command.main(list(words))
    assert end.value.code == 2
    return capsys.readouterr().err


def test_other_refusals_of_the_command(tmp_path, capsys):
    assert "there is no file" in refused(capsys, "--module", str(tmp_path / "none.py"))
    assert "No module named" in refused(capsys, "--module", "no.such.module")
    path = str(written(tmp_path))
    assert "two claims are called 'mine'" in refused(capsys, "--module", path, "--module", path)
    assert "no claim is called 'lemma-2'; perhaps mine" in refused(
        capsys, "--module", path, "--only", "lemma-2"
    )
    assert "--knots needs --degree" in refused(capsys, "--knots", "0,1")
    assert "need --knots" in refused(capsys, "--degree", "1")
    assert "without --only" in refused(capsys, "--knots", "0,1", "--degree", "0", "--only", "lemma-2")
    assert "must be simple" in refused(capsys, "--knots", "0,1,1,2", "--degree", "1")
    assert "at least 10 knots" in refused(capsys, "--knots", "0,1/3,1/2,2,5/2", "--degree", "4")
    assert "--latex prints" in refused(capsys, "--module", path, "--latex")
    for other in (["--only", "lemma-2"], ["--json", str(tmp_path / "new.json")], ["--write-readme"]):
        assert "are given alone" in refused(capsys, "--latex", *other)
    assert "are given alone" in refused(capsys, "--write-readme", "--only", "lemma-2")
    assert not (tmp_path / "new.json").exists()
    for source in ("", 3):
        with pytest.raises((ValueError, TypeError)):
            load_claims(source)


def test_the_command_for_given_knots(tmp_path, capsys):
    file = tmp_path / "record.json"
    assert command.main(["--knots", "-1,0,1,2", "--degree", "1", "--json", str(file)]) == 0
    record = verify_equivalence([-1, 0, 1, 2], 1)
    assert capsys.readouterr().out == f"{record}\n"
    assert file.read_text() == record.to_json()
    assert "--force" in refused(capsys, "--knots", "0,1,2,3", "--degree", "1", "--json", str(file))
    assert list(tmp_path.iterdir()) == [file]
    assert command.main(["--knots", "symbolic", "--degree", "1", "--latex"]) == 0
    assert capsys.readouterr().out == f"{verify_equivalence('symbolic', 1).latex()}\n"


def test_an_identity_that_fails_is_a_failure_of_the_command(monkeypatch, capsys):
    monkeypatch.setattr(verification, "vanishes", lambda e: False)
    assert command.main(["--knots", "0,1,2,3", "--degree", "1"]) == 1
    assert "FAILED: not verified" in capsys.readouterr().out


def test_records_of_claims_are_text():
    with pytest.raises(TypeError, match="statement must be text"):
        Claim("new", **{**FIELDS, "statement": 3}, strength=claims.EXACT, check=lambda: None)
    with pytest.raises(TypeError, match="must be a function"):
        claims.claim("new", **FIELDS, strength=claims.EXACT)("no check")


# Documentation


@pytest.mark.parametrize("name", ["", "equivalence", "reading", "claims", "own"])
def test_docstring_examples(name):
    module = importlib.import_module(f"splinekan_theory.{name}".rstrip("."))
    assert doctest.testmod(module).failed == 0


def test_the_docstring_names_everything_public():
    named = set(re.findall(r"`([A-Za-z]\w*)`", splinekan_theory.__doc__))
    assert set(splinekan_theory.__all__) <= named
    assert all(hasattr(splinekan_theory, name) for name in splinekan_theory.__all__)
    assert equivalence.verify_equivalence is splinekan_theory.verify_equivalence


def test_the_readme_names_everything_public_and_its_example_runs():
    text = (ROOT / "theory" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", text.partition("## The claims")[0]))
    left = {"Equivalence", "change_of_basis_solved"}
    assert set(splinekan_theory.__all__) - left <= named
    block = next(part for part in re.findall(r"```\n(.*?)```", text, re.DOTALL) if part.startswith(">>>"))
    runner = doctest.DocTestRunner()
    runner.run(doctest.DocTestParser().get_doctest(block, {}, "README", None, 0))
    assert runner.summarize(verbose=False).failed == 0


def test_the_example_of_the_page_on_claims(tmp_path, capsys):
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```py\n(.*?)```", text, re.DOTALL)
    path = tmp_path / "mine.py"
    path.write_text(block)
    assert command.main(["--module", str(path)]) == 0
    assert "2 claims, 0 failed" in capsys.readouterr().out
