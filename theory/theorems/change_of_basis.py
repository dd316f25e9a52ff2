"""Lemma 2: b = A psi, the recursion for A and its closed form, for every order and all knots."""

from __future__ import annotations

import sympy as sp

from .. import bspline, power_relu
from ..claims import EXACT, PROVED, REFUTED, Misprint, claim
from ..matrices import (
    change_of_basis,
    change_of_basis_recursive,
    change_of_basis_solved,
    uniform_change_of_basis,
)
from ..symbols import all_vanish, rational_knots, symbolic_knots, vanishes, x

SYMBOLIC_CASES = ((1, 1), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2))
"""(order, intervals) for the three constructions of A with symbolic knots."""
RATIONAL_CASES = ((2, 6), (3, 5), (4, 4), (5, 3), (6, 3))
"""(order, intervals) with random rational knots."""

# A row of the recursion in symbols: the end knots of the window t_i, ..., t_{i+r}, the knot t_j, the order,
# and Q, the common product of t_j - t_l over the inner l = i+1..i+r-1, l != j, that every entry shares.
t_i, t_i1, t_ir1, t_ir, t_j = sp.symbols("t_i t_i1 t_ir1 t_ir t_j", real=True)
Q, r = sp.Symbol("Q", nonzero=True), sp.Symbol("r", integer=True, positive=True)


def entries() -> dict[str, tuple[sp.Expr, sp.Expr, sp.Expr]]:
    """(A^[r-1]_ij, A^[r-1]_{i+1,j}, A^[r]_ij) by the closed form, for the three places of the column j.

    The window of A^[r-1]_ij is t_i..t_{i+r-1} and that of A^[r-1]_{i+1,j} is t_{i+1}..t_{i+r}; outside
    its window an entry is zero.
    """
    sign = (-1) ** (r - 1)
    inner = (
        sign * (t_ir1 - t_i) / ((t_j - t_i) * Q),
        sign * (t_ir - t_i1) / (Q * (t_j - t_ir)),
        -sign * (t_ir - t_i) / ((t_j - t_i) * Q * (t_j - t_ir)),
    )
    first = (  # j = i: no factor t_j - t_i
        sign * (t_ir1 - t_i) / Q,
        sp.Integer(0),
        -sign * (t_ir - t_i) / (Q * (t_i - t_ir)),
    )
    last = (  # j = i + r: no factor t_j - t_{i+r}
        sp.Integer(0),
        sign * (t_ir - t_i1) / Q,
        -sign * (t_ir - t_i) / ((t_ir - t_i) * Q),
    )
    return {"j = i": first, "i < j < i+r": inner, "j = i+r": last}


@claim(
    "lemma-2-closed-form",
    statement="A_ij = (-1)^r (t_{i+r} - t_i)/prod_{l=i..i+r, l != j} (t_j - t_l) solves A^[1] = I - "
    "S, A^[r]_ij = A^[r-1]_ij/(t_{i+r-1} - t_i) - A^[r-1]_{i+1,j}/(t_{i+r} - t_{i+1})",
    hypotheses="strictly increasing knots; every order r >= 1",
    source="arXiv:2603.04827, Lemma 2; the closed form is the divided difference of the truncated power",
    strength=PROVED,
    argument="Induction on r. All entries of a row and column share the product Q of t_j - t_l "
    "over the inner l; with Q, r and the knots as symbols the recursion is a rational "
    "identity in each of the three places of j (j = i, i < j < i+r, j = i+r; elsewhere "
    "all terms are 0). Base: r = 1 gives 1 and -1. The row past the last has its nonzeros "
    "in columns that are dropped, so it may be taken as zero. Compared with "
    "the module matrices for orders 1 to 4 with symbolic knots.",
)
def check_closed_form() -> None:
    for place, (above, below, here) in entries().items():
        recursion = above / (t_ir1 - t_i) - below / (t_ir - t_i1)
        assert vanishes(recursion - here), f"{place}: {sp.factor(recursion - here)}"
    for j, expected in ((t_i, 1), (t_ir, -1)):  # r = 1: the product has the one factor t_j - t_l, l != j
        other = t_ir if j == t_i else t_i
        assert vanishes(-(t_ir - t_i) / (j - other) - expected), "r = 1"
    for order in (1, 2, 3, 4):
        t = symbolic_knots(2 * order + 1)
        difference = change_of_basis(t, order) - change_of_basis_recursive(t, order)
        assert all_vanish(difference), f"order {order}"


@claim(
    "lemma-2-cancellation",
    statement="in the Cox-de Boor recursion of A psi the terms in relu(x - t_j)^(r-2) cancel: (t_j "
    "- t_i)/(t_{i+r-1} - t_i) A^[r-1]_ij + (t_{i+r} - t_j)/(t_{i+r} - t_{i+1}) "
    "A^[r-1]_{i+1,j} = 0",
    hypotheses="strictly increasing knots; every order r >= 2",
    source="arXiv:2603.04827, proof of Lemma 2, the step that is called laborious and omitted",
    strength=PROVED,
    argument="With the closed form each term is (-1)^(r-1)/Q times +1 or -1 for i < j < i+r, where "
    "Q is the common product, a symbol; for j = i and j = i+r one term has the factor "
    "t_j - t_j and the other is outside its window. Checked with symbolic knots, Q and r.",
)
def check_cancellation() -> None:
    for place, (above, below, _) in entries().items():
        column = {"j = i": t_i, "j = i+r": t_ir}.get(place, t_j)
        lower_power = (column - t_i) / (t_ir1 - t_i) * above + (t_ir - column) / (t_ir - t_i1) * below
        assert vanishes(lower_power), f"{place}: {sp.factor(lower_power)}"


@claim(
    "lemma-2",
    statement="b_i^[r] = sum_j A^[r]_ij relu(x - t_j)^(r-1), j = i..i+r, on the whole line; on [a, "
    "b] the columns j >= m vanish, so b = A psi with the square A",
    hypotheses="strictly increasing knots; every order r >= 1; r = 1 right-continuous",
    source="arXiv:2603.04827, Lemma 2",
    strength=PROVED,
    argument="Induction on r. Base: b_i^[1] = H(x - t_i) - H(x - t_{i+1}). Step: put the "
    "expansions of b_i^[r-1], b_{i+1}^[r-1] in the Cox-de Boor recursion; by Proposition "
    "2 (x - t_i) relu(x - t_j)^(r-2) = relu(x - t_j)^(r-1) + (t_j - t_i) relu(x - "
    "t_j)^(r-2), and likewise for t_{i+r} - x. The check collects, for each place of j, "
    "the coefficients of the two powers, which enter as symbols: that of relu^(r-1) is "
    "the closed form of A^[r]_ij, that of relu^(r-2) is zero. Symbolic knots, common "
    "product Q, order r. Compared with the pieces of both families for orders 1 to 4 with "
    "symbolic knots.",
)
def check_lemma_2() -> None:
    high, low = sp.symbols("relu^(r-1) relu^(r-2)")  # the two powers of x - t_j
    for place, (above, below, here) in entries().items():
        column = {"j = i": t_i, "j = i+r": t_ir}.get(place, t_j)
        up = high + (column - t_i) * low  # (x - t_i) relu^(r-2) by Proposition 2
        down = (t_ir - column) * low - high  # (t_{i+r} - x) relu^(r-2)
        recursion = up / (t_ir1 - t_i) * above + down / (t_ir - t_i1) * below
        assert vanishes(recursion - here * high), f"{place}: {sp.factor(recursion - here * high)}"
    for order in (1, 2, 3, 4):
        intervals = 2 if order < 4 else 1
        t = symbolic_knots(intervals + 2 * order - 1)
        A = change_of_basis(t, order)
        for s in range(order - 1, len(t) - order):
            psi = sp.Matrix(power_relu.on_span(t, order, s))
            for i, b in enumerate(bspline.on_span(t, order, s)):
                assert vanishes(b - (A[i, :] * psi)[0]), f"order {order}, b_{i} on span {s}"


@claim(
    "lemma-2-three-ways",
    statement="closed form, recursion and the solution of b = A psi on [a, b] give the same A, and "
    "it reproduces every B-spline on every interval of [a, b]",
    hypotheses="strictly increasing knots",
    source="arXiv:2603.04827, Lemma 2",
    strength=EXACT,
    argument="Symbolic knots, (order, intervals) in "
    + ", ".join(map(str, SYMBOLIC_CASES))
    + "; random rational knots, (order, intervals) in "
    + ", ".join(map(str, RATIONAL_CASES))
    + ".",
)
def check_three_ways() -> None:
    cases = [(order, symbolic_knots(n + 2 * order - 1)) for order, n in SYMBOLIC_CASES]
    cases += [(order, rational_knots(n + 2 * order - 1, seed=10 * order + n)) for order, n in RATIONAL_CASES]
    for order, t in cases:
        A = change_of_basis(t, order)
        assert all_vanish(A - change_of_basis_recursive(t, order)), f"order {order}: recursion"
        assert all_vanish(A - change_of_basis_solved(t, order)), f"order {order}: solution"
        for s in range(order - 1, len(t) - order):
            b = sp.Matrix(bspline.on_span(t, order, s))
            assert all_vanish(b - A * sp.Matrix(power_relu.on_span(t, order, s))), f"order {order}, span {s}"


@claim(
    "lemma-2-special-row",
    statement="in the recursion of Lemma 2 the row to be taken as zero is the row after the last of "
    "the n + r - 1 rows, and not the last row itself",
    hypotheses="counterexample: r = 2, one interval [1, 2], knots 0, 1, 2, 3",
    source="arXiv:2603.04827, Lemma 2 (the special row i = n + r - 1)",
    strength=REFUTED,
    argument="The reading of i = n + r - 1 as the last of the n + r - 1 rows makes A singular "
    "already for r = 2, although both families are bases; with the zero row one further "
    "down the recursion equals the solution of b = A psi, here and, by claim "
    "lemma-2-closed-form, for every order.",
    misprint=Misprint(
        printed="the row with i = n + r - 1 of A^[r-1] is zero in the recursion, where the rows are i "
        "= 1..n+r-1",
        counterexample="r = 2, knots 0, 1, 2, 3, [a, b] = [1, 2]: A^[1] = [[1, -1], [0, 1]]. With its last "
        "row zero, A^[2] = [[1, -1], [0, 0]], so b_1 = 0; but b_1 = x - 1 on [1, 2].",
        corrected="A^[r]_ij = A^[r-1]_ij/(t_{i+r-1} - t_i) - A^[r-1]_{i+1,j}/(t_{i+r} - t_{i+1}) for "
        "all rows, with the row after the last zero: here A^[2] = [[1, -2], [0, 1]], b_0 = x "
        "- 2 (x - 1) = 2 - x, b_1 = x - 1.",
    ),
)
def check_special_row() -> None:
    t = [sp.Integer(j) for j in range(4)]
    printed_first = sp.Matrix([[1, -1], [0, 0]])  # A^[1] with its last row zero
    below = printed_first[1:, :].col_join(sp.zeros(1, 2))
    widths = [(t[i + 1] - t[i], t[i + 2] - t[i + 1]) for i in range(2)]
    printed = sp.Matrix(2, 2, lambda i, j: printed_first[i, j] / widths[i][0] - below[i, j] / widths[i][1])
    b = sp.Matrix(bspline.on_span(t, 2, 1))
    psi = sp.Matrix(power_relu.on_span(t, 2, 1))
    assert printed == sp.Matrix([[1, -1], [0, 0]]), f"printed form gives {printed}"
    assert sp.expand((printed * psi)[1]) == 0, "printed form: b_1 is not zero"
    assert sp.expand(b[1] - (x - 1)) == 0, "b_1 is not x - 1"
    corrected = change_of_basis_recursive(t, 2)
    assert corrected == sp.Matrix([[1, -2], [0, 1]]) == change_of_basis_solved(t, 2)
    assert all_vanish(b - corrected * psi), "the corrected recursion misses b"


@claim(
    "float32",
    statement="for cubics on 32 uniform intervals the condition number of A in the maximum norm is "
    "1181040 > 2^20: a change of basis in single precision (unit roundoff 2^-24) may lose "
    "all but one of its seven digits; in double precision nine remain",
    hypotheses="condition number |A| |A^{-1}| in the maximum norm, an exact rational",
    source="ours; the paper does not state its precision",
    strength=EXACT,
    argument="A single case: order 4, 32 intervals, h = 1/32. A^{-1} by exact triangular substitution.",
)
def check_float32() -> None:
    A = uniform_change_of_basis(32, 4, sp.Rational(1, 32))
    inverse = A.upper_triangular_solve(sp.eye(A.rows))
    assert A * inverse == sp.eye(A.rows), "the inverse is not the inverse"

    def maximum_norm(M: sp.Matrix) -> sp.Rational:
        return max(sum(abs(entry) for entry in M.row(i)) for i in range(M.rows))

    condition = maximum_norm(A) * maximum_norm(inverse)
    assert condition == 1181040, f"condition number {condition}"
    assert condition > 2**20, "condition number"
    assert sp.Rational(1, 100) < condition * sp.Rational(1, 2**24) < sp.Rational(1, 10), "single precision"
    assert condition * sp.Rational(1, 2**53) < sp.Rational(1, 10**9), "double precision"
