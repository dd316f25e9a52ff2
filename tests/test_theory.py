"""Every claim of theory/ holds, its record is complete, and the command says so."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sympy as sp

from splinekan_theory import bspline, claims, command, latex, matrices, report, symbols, theorems

CLAIMS = claims.REGISTRY
THEORY = Path(report.__file__).parent


@pytest.mark.parametrize("name", CLAIMS)
def test_claim(name):
    CLAIMS[name].check()


@pytest.mark.parametrize("name", CLAIMS)
def test_record_is_complete(name):
    record = CLAIMS[name]
    assert record.id == name
    for text in (record.statement, record.hypotheses, record.source, record.argument):
        assert len(text.strip()) > 3
    assert record.strength in (claims.PROVED, claims.EXACT, claims.REFUTED)
    if record.strength == claims.REFUTED:
        for text in (record.misprint.printed, record.misprint.counterexample, record.misprint.corrected):
            assert len(text.strip()) > 3
        assert re.search(r"\d", record.misprint.counterexample), "a counterexample in numbers"
    if record.strength == claims.EXACT:  # the cases are named
        assert re.search(r"\d|single case", record.argument)


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_that_an_argument_builds_on_exist(name):
    text = " ".join([CLAIMS[name].argument, CLAIMS[name].hypotheses])
    for listed in re.findall(r"claims? ([a-z][a-z0-9-]*-[a-z0-9-]*(?: and [a-z0-9-]*-[a-z0-9-]*)*)", text):
        for cited in listed.split(" and "):
            assert cited in CLAIMS, f"{cited} is not a claim"


def test_every_theorem_module_is_registered():
    files = {path.stem for path in (THEORY / "theorems").glob("*.py")} - {"__init__"}
    assert files == set(theorems.MODULES)


def test_theory_imports_nothing_but_sympy_and_the_standard_library():
    for path in THEORY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not {n.split(".")[0] for n in names} & {"splinekan", "numpy", "scipy", "numba"}, path


@pytest.mark.parametrize("field", ["id", "statement", "hypotheses", "source", "argument"])
def test_an_incomplete_record_is_refused(field):
    fields = dict.fromkeys(("id", "statement", "hypotheses", "source", "argument"), "text")
    with pytest.raises(ValueError, match=f"no {field}"):
        claims.Claim(**{**fields, field: " "}, strength=claims.PROVED, check=lambda: None)


def test_strengths_and_names_are_checked():
    fields = dict.fromkeys(("statement", "hypotheses", "source", "argument"), "text")
    with pytest.raises(ValueError, match="one of the three"):
        claims.Claim("new", **fields, strength="plausible", check=lambda: None)
    with pytest.raises(ValueError, match="misprint"):
        claims.Claim("new", **fields, strength=claims.REFUTED, check=lambda: None)
    with pytest.raises(ValueError, match="two claims"):
        claims.claim("lemma-2", **fields, strength=claims.PROVED)(lambda: None)


def test_the_zero_tests_can_fail():
    t = symbols.symbolic_knots(3)
    assert symbols.vanishes((t[0] ** 2 - t[1] ** 2) / (t[0] - t[1]) - t[0] - t[1])
    assert not symbols.vanishes((t[0] - t[1]) / (t[2] - t[1]) - t[0] / t[2])
    m = sp.Symbol("m", integer=True, positive=True)
    A, B = sp.MatrixSymbol("A", m, m), sp.MatrixSymbol("B", m, m)
    assert symbols.equal((A * B).T, B.T * A.T)
    assert not symbols.equal(A * B, B * A)
    assert not symbols.equal(A.inv() * B * A, B)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("lemma-2-three-ways", lambda A: lambda t, r: -A(t, r)),
        ("table-1", lambda A: lambda t, r: A(t, r).T),
        ("factorisation", lambda A: lambda t, r: 2 * A(t, r)),
        ("lemma-3-networks", lambda A: lambda t, r: A(t, r) + sp.eye(len(t) - r)),
    ],
)
def test_a_wrong_matrix_is_noticed(name, wrong, monkeypatch):
    module = CLAIMS[name].check.__globals__
    monkeypatch.setitem(module, "change_of_basis", wrong(matrices.change_of_basis))
    with pytest.raises(AssertionError):
        CLAIMS[name].check()


def test_command(tmp_path, capsys, monkeypatch):
    file = tmp_path / "new" / "claims.json"
    assert command.main(["--only", "proposition-2", "--only", "corollary-1", "--json", str(file)]) == 0
    records = json.loads(file.read_text())["claims"]
    assert [c["id"] for c in records] == ["proposition-2", "corollary-1"]
    assert all(set(c) == {"id", "statement", "source", "strength", "seconds"} for c in records)
    assert "2 claims, 0 failed" in capsys.readouterr().out
    before = file.read_text()
    with pytest.raises(SystemExit) as end:
        command.main(["--only", "proposition-2", "--json", str(file)])
    assert end.value.code == 2
    assert "--force" in capsys.readouterr().err
    assert file.read_text() == before
    with pytest.raises(SystemExit):
        command.main(["--only", "lemma-22"])
    assert "lemma-2" in capsys.readouterr().err

    def fails():
        raise AssertionError("1 is not 2")

    def crashes():
        raise ZeroDivisionError

    fields = {"statement": "1 = 2", "hypotheses": "none", "source": "ours", "argument": "none"}
    for name, check in (("wrong", fails), ("broken", crashes)):
        monkeypatch.setitem(CLAIMS, name, claims.Claim(name, **fields, strength=claims.EXACT, check=check))
        assert command.main(["--only", name]) == 1
        assert "FAILED" in capsys.readouterr().out


def run_outside(folder, *command):
    """The ended process of a Python command, run in `folder` with none of this process's search path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_command_of_the_installed_package_ignores_a_local_folder_called_theory(tmp_path):
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "__init__.py").write_text("raise SystemExit('the wrong theory')")
    done = run_outside(tmp_path, "-m", "splinekan", "theory", "--only", "corollary-1")
    assert done.returncode == 0, done.stderr
    assert "1 claim, 0 failed" in done.stdout
    refused = run_outside(tmp_path, "-m", "splinekan", "theory", "--only", "lemma-22")
    assert refused.returncode == 2
    assert "splinekan theory: error: no claim is called 'lemma-22'" in refused.stderr


def test_module_of_a_checkout():
    done = run_outside(THEORY.parent, "-m", "theory", "--only", "corollary-1")
    assert done.returncode == 0, done.stderr
    assert "1 claim, 0 failed" in done.stdout


def test_library_commands_do_not_import_the_theory():
    code = "import sys, splinekan.cli as c; c.main(['info']); sys.exit('splinekan_theory' in sys.modules)"
    assert run_outside(THEORY, "-c", code).returncode == 0


def test_latex_prints_the_derived_matrices(capsys):
    assert command.main(["--latex"]) == 0
    text = capsys.readouterr().out
    assert text.count("\\[") == text.count("\\]") == len(latex.matrices()) + 1
    assert "A^{[3]}" in text


def test_readme_is_up_to_date():
    assert report.README.read_text(encoding="utf-8") == report.readme(CLAIMS.values()), (
        "theory/README.md is stale: run python -m theory --write-readme"
    )


def test_bsplines_of_both_arithmetics_agree():
    # rational knots take a path of their own; symbolic ones are the definition, written out
    t = symbols.rational_knots(5, seed=3)
    generic = symbols.symbolic_knots(5)
    values = dict(zip(generic, t, strict=True))
    for span, piece in bspline.pieces(t, 0, 4).items():
        assert sp.expand(bspline.pieces(generic, 0, 4)[span].subs(values) - piece) == 0
