"""What theory takes: exact numbers, increasing knots; what it gives has no floats."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from splinekan_theory import bspline, command, gram, matrices, power_relu, symbols

HALF = sp.Rational(1, 2)
KNOTS = [0, 1, 3, 4, 6, 7]
FINE = [0, 1, 2, 3, 4, 5, 6, 7]
TAKE_KNOTS = {
    "change_of_basis": lambda t: matrices.change_of_basis(t, 2),
    "change_of_basis_recursive": lambda t: matrices.change_of_basis_recursive(t, 2),
    "change_of_basis_solved": lambda t: matrices.change_of_basis_solved(t, 2),
    "knot_insertion": lambda t: matrices.knot_insertion(t, 2, 2, span=1),
    "prolongation": lambda t: matrices.prolongation(t, t, 2),
    "relu_prolongation": lambda t: matrices.relu_prolongation(t, t, 2),
    "bspline_gram": lambda t: gram.bspline_gram(t, 2),
    "relu_gram": lambda t: gram.relu_gram(t, 2),
    "pieces": lambda t: sp.Matrix(list(bspline.pieces(t, 0, 2).values())),
    "bsplines on_span": lambda t: sp.Matrix(bspline.on_span(t, 2, 1)),
    "powers on_span": lambda t: sp.Matrix(power_relu.on_span(t, 2, 1)),
}


@pytest.mark.parametrize("name", TAKE_KNOTS)
def test_integers_stay_exact(name):
    exact = TAKE_KNOTS[name]([sp.Integer(t) for t in KNOTS])
    for t in (KNOTS, np.array(KNOTS), [Fraction(t) for t in KNOTS]):
        matrix = TAKE_KNOTS[name](t)
        assert matrix == exact
        assert not matrix.has(sp.Float)


def test_values_on_integer_knots():
    row = [1, -3 * HALF, HALF, 0]
    assert list(matrices.change_of_basis(KNOTS, 2).row(0)) == row
    assert list(matrices.change_of_basis_recursive(KNOTS, 2).row(0)) == row
    assert list(matrices.knot_insertion(KNOTS, 2, 2).row(1)) == [HALF, HALF, 0, 0]
    assert list(matrices.prolongation(KNOTS, FINE, 2).row(1)) == [HALF, HALF, 0, 0]
    assert list(matrices.uniform_change_of_basis(2, 3, 1).row(0)) == [HALF, -3 * HALF, 3 * HALF, -HALF]
    assert symbols.uniform(0, 1, 2, 2) == [-HALF, 0, HALF, 1, 3 * HALF]
    assert gram.integral(symbols.x, 0, 1) == HALF


h, s = sp.Symbol("h", positive=True), sp.Symbol("s")


@pytest.mark.parametrize("name", TAKE_KNOTS)
@pytest.mark.parametrize(
    ("knots", "error", "words"),
    [
        ([7, 6, 4, 3, 1, 0], ValueError, r"increase strictly, got \w+\[0\] = 7"),
        ([0, 1, 1, 2, 3, 4], ValueError, r"\w+\[1\] = 1, \w+\[2\] = 1"),
        ([0, s, -1, 2, 3, 4], ValueError, r"\w+\[2\] = -1"),
        ([0, -h, -2 * h, -3 * h, -4 * h, -5 * h], ValueError, "increase strictly"),
        ([s, 1, 2, 3, 4, s], ValueError, "increase strictly"),
        ([0, sp.sqrt(2) + sp.sqrt(3), sp.sqrt(5 + 2 * sp.sqrt(6)), 4, 5, 6], ValueError, "increase strictly"),
        ([0.0, 1, 2, 3, 4, 5], TypeError, r"\w+\[0\] must be exact, got the float"),
        ([0, 1, 2, 3, 4, sp.oo], ValueError, "finite"),
        ([0, 1, 2, 3, 4, sp.I], ValueError, "real"),
        ([0, 1, 2, 3, 4, True], TypeError, "exact number"),
        ("012345", TypeError, "sequence of knots"),
        (3, TypeError, "sequence of knots"),
        ([0], ValueError, "at least"),
    ],
)
def test_other_knots_are_refused(name, knots, error, words):
    with pytest.raises(error, match=words):
        TAKE_KNOTS[name](knots)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: matrices.change_of_basis(KNOTS, 0), "order must be at least 1"),
        (lambda: matrices.change_of_basis(KNOTS, 4), "at least 8 knots"),
        (lambda: matrices.change_of_basis(KNOTS, 2.0), "order must be an integer"),
        (lambda: matrices.knot_insertion(KNOTS, 2.5, 2), "new must be exact"),
        (lambda: matrices.knot_insertion(KNOTS, 100, 2), r"new must lie in \[1, 6\)"),
        (lambda: matrices.knot_insertion(KNOTS, 0, 2), r"new must lie in \[1, 6\)"),
        (lambda: matrices.knot_insertion(KNOTS, 2, 2, span=3), "span 3"),
        (lambda: matrices.knot_insertion(KNOTS, s, 2), "span must be given"),
        (lambda: matrices.prolongation(KNOTS, [0, 1, 2, 4, 6, 7], 2), "none at 3"),
        (lambda: matrices.prolongation(KNOTS, [-1, 0, 1, 3, 4, 6, 7], 2), r"fine must have the \[a, b\]"),
        (lambda: matrices.relu_prolongation(KNOTS, [0, 1, 2, 4, 6, 7], 2), "none at 3"),
        (lambda: matrices.two_scale(0, 2), "intervals must be at least 1"),
        (lambda: matrices.uniform_change_of_basis(2, 2, 0.5), "h must be exact"),
        (lambda: matrices.uniform_change_of_basis(2, 2, -1), "h must be positive"),
        (lambda: bspline.pieces(KNOTS, -1, 2), "i must be between 0 and 3"),
        (lambda: bspline.on_span(KNOTS, 2, 7), "span must be between"),
        (lambda: power_relu.on_span(KNOTS, 2, -1), "span must be between"),
        (lambda: gram.integral(0.5 * symbols.x, 0, 1), "polynomial must be exact"),
        (lambda: gram.integral(1 / symbols.x, 1, 2), "polynomial in x"),
        (lambda: symbols.uniform(1, 0, 2, 2), "a < b"),
        (lambda: symbols.uniform(0.0, 1, 2, 2), "a must be exact"),
        (lambda: symbols.symbolic_knots(-1), "count must be at least 0"),
        (lambda: symbols.rational_knots(0, 1), "count must be at least 1"),
        (lambda: symbols.rational_knots(3, "a"), "seed must be an integer"),
        (lambda: symbols.vanishes(0.1 + 0.2 - 0.3), "expression must be exact"),
        (lambda: symbols.vanishes("x - x"), "exact number or an expression"),
        (lambda: symbols.all_vanish(0), "expressions must be a sequence"),
        (lambda: symbols.equal(1, 2), "left must be"),
    ],
)
def test_other_arguments_are_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_symbolic_knots_serve_and_a_folder_is_no_json_file(tmp_path, capsys):
    A = matrices.change_of_basis(sp.symbols("a:6"), 2)  # not declared real
    assert A[3, 3] != 0
    with pytest.raises(SystemExit):
        command.main(["--only", "lemma-2", "--json", str(tmp_path), "--force"])
    assert "not a regular file" in capsys.readouterr().err
