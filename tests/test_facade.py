"""`import splinekan`: the names it shows, and the packages it leaves until they are used."""

import pydoc
import subprocess
import sys

import pytest

import splinekan as sk

HEAVY = ("matplotlib", "tqdm", "sympy", "scipy.stats", "splinekan_theory")


def run(code):
    """The words that a fresh interpreter prints after `import splinekan as sk`; warnings are errors."""
    script = f"import sys\nimport splinekan as sk\n{code}"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def imported_by(code):
    """Those of the heavy packages that `code` imports."""
    return set(run(f"{code}\nprint(*[name for name in {HEAVY} if name in sys.modules])"))


def test_import_leaves_the_heavy_packages():
    assert imported_by("") == set()


def test_training_without_a_progress_bar_leaves_them_too():
    fit = """
import numpy as np
x = np.linspace(0, 1, 50)[:, None]
network = sk.KAN.splines([1, 1], degree=2, intervals=2)
objective = sk.LeastSquares(network, x, x**2, 2 / 50)
sk.{method}.minimize(objective, sk.initialize(network, 0), iterations=1, progress={progress})
"""
    quiet = (
        fit.format(method=method, progress=False) for method in ("LBFGS()", "LevenbergMarquardt()", "Adam()")
    )
    assert imported_by("".join(quiet)) == set()
    assert imported_by(fit.format(method="LBFGS()", progress=True)) == {"tqdm"}


def test_matplotlib_is_imported_by_the_first_figure_only():
    before = f"import splinekan.plots\nprint(*[name for name in {HEAVY} if name in sys.modules], 'then')"
    assert run(f"{before}\nsk.plots.canvas()\nprint('matplotlib' in sys.modules)") == ["then", "True"]


def test_equations_import_sympy_when_they_are_used():
    assert "sympy" in imported_by("sk.Equation")


def test_dir_lists_the_public_names_and_nothing_else():
    assert len(set(sk.__all__)) == len(sk.__all__)
    assert dir(sk) == sorted([*sk.__all__, "__version__"])
    assert run("import splinekan.spectra\nprint(*dir(sk))") == dir(sk)
    assert set(sk._LAZY) < set(sk.__all__)


def test_every_public_name_is_reached_by_both_forms_of_import():
    found = run(
        "from splinekan import *\n"
        "print(*[name for name in sk.__all__ if name not in globals() or not hasattr(sk, name)])"
    )
    assert found == []


def test_help_shows_every_public_name_under_its_heading():
    text = pydoc.plain(pydoc.render_doc(sk))
    for name in sk.__all__:
        assert f"class {name}(" in text or f"\n    {name}(" in text or f"class {name}\n" in text, name
    assert "TYPE_CHECKING" not in text


def test_tournament_is_the_former_name_of_successive_halving():
    with pytest.warns(DeprecationWarning, match="successive_halving"):
        assert sk.tournament is sk.successive_halving


def test_a_name_that_does_not_exist_is_refused():
    with pytest.raises(AttributeError, match="'splinekan' has no attribute 'torunament'"):
        sk.torunament  # noqa: B018
