"""Corollary 1: on uniform knots A is a scaled r-th difference, h^(1-r)/(r-1)! (I - S)^r."""

from __future__ import annotations

import sympy as sp

from ..claims import EXACT, PROVED, claim
from ..matrices import change_of_basis, uniform_change_of_basis
from ..symbols import uniform

CASES = tuple((order, intervals) for order in (1, 2, 3, 4, 5, 6) for intervals in (1, 4, 9))
"""(order, intervals) on [0, 1]."""

r, d, n = sp.symbols("r d n", integer=True, positive=True)
h = sp.Symbol("h", positive=True)


def ratio_is_one(quotient: sp.Expr) -> bool:
    """Is this quotient of products of factorials and binomials identically 1?"""
    return sp.simplify(sp.gammasimp(sp.powsimp(quotient.rewrite(sp.gamma)))) == 1


@claim(
    "corollary-1",
    statement="on uniform knots of spacing h, A_{i,i+d} = (-1)^d C(r, d)/((r-1)! h^(r-1)), d = 0..r",
    hypotheses="knots t_j = t_0 + j h, h > 0; every order r >= 1",
    source="arXiv:2603.04827, Corollary 1",
    strength=PROVED,
    argument="From the closed form (claim lemma-2-closed-form). With t_j - t_l = (d - (l - i)) h "
    "the product over the window without j = i + d is h^r times d (d-1) ... 1 to the left "
    "and (-1)(-2) ... (-(r-d)) to the right, that is d! and (-1)^(r-d) (r-d)!; both by "
    "induction, with step d! = d (d-1)! for a symbolic d. Then (-1)^r r h/(h^r (-1)^(r-d) "
    "d! (r-d)!) equals the formula identically in symbolic r, d and h.",
)
def check_corollary_1() -> None:
    assert ratio_is_one(sp.factorial(d) / (d * sp.factorial(d - 1))), "left product: one factor more"
    right = (-1) ** n * sp.factorial(n)
    assert ratio_is_one(right / (-n * right.subs(n, n - 1))), "right product: one factor more"
    product = h**r * sp.factorial(d) * (-1) ** (r - d) * sp.factorial(r - d)
    from_closed_form = (-1) ** r * (r * h) / product
    formula = (-1) ** d * sp.binomial(r, d) / (sp.factorial(r - 1) * h ** (r - 1))
    assert ratio_is_one(from_closed_form / formula), "closed form on uniform knots"
    empty = from_closed_form.subs(d, 0) / formula.subs(d, 0)  # the empty left product, 0! = 1
    assert ratio_is_one(empty), "d = 0"


@claim(
    "corollary-1-power",
    statement="A^[r] = h^(1-r)/(r-1)! (I - S)^r, S the m x m shift matrix, S_(i,i+1) = 1",
    hypotheses="uniform knots of spacing h; every order r >= 1, every size m",
    source="arXiv:2603.04827, Corollary 1",
    strength=PROVED,
    argument="S^d has the entries 1 on the d-th superdiagonal, so (I - S)^r has (-1)^d C(r, d) there: "
    "induction on r, (I - S)^r = (I - S)^(r-1) - S (I - S)^(r-1), whose d-th diagonal is "
    "Pascal's rule C(r, d) = C(r-1, d) + C(r-1, d-1), checked with symbolic r and d (and "
    "at the ends d = 0, d = r). The recursion of Lemma 2 on uniform knots gives the same: "
    "A^[r] = (I - S) A^[r-1]/((r-1) h), and the factors 1/((r-1) h) multiply to "
    "h^(1-r)/(r-1)!.",
)
def check_power() -> None:
    pascal = sp.binomial(r - 1, d) + sp.binomial(r - 1, d - 1)
    assert ratio_is_one(sp.gammasimp(pascal.rewrite(sp.gamma)) / sp.binomial(r, d)), (
        "Pascal's rule, 0 < d < r"
    )
    assert sp.binomial(r, 0) == 1, "d = 0"
    assert sp.simplify(sp.binomial(r, r)) == sp.simplify(sp.binomial(r - 1, r - 1)) == 1, "d = r"
    scale = h ** (1 - r) / sp.factorial(r - 1)
    assert ratio_is_one(scale / (scale.subs(r, r - 1) / ((r - 1) * h))), "scale factor"


@claim(
    "corollary-1-matrices",
    statement="Corollary 1, the power (I - S)^r and the general closed form give the same matrix on "
    "uniform knots",
    hypotheses="uniform knots on [0, 1]",
    source="arXiv:2603.04827, Lemma 2 and Corollary 1",
    strength=EXACT,
    argument="(order, intervals) in " + ", ".join(map(str, CASES)) + ".",
)
def check_matrices() -> None:
    for order, intervals in CASES:
        spacing = sp.Rational(1, intervals)
        A = uniform_change_of_basis(intervals, order, spacing)
        assert change_of_basis(uniform(0, 1, intervals, order), order) == A, (
            f"{order}, {intervals}: general form"
        )
        S = sp.Matrix(A.rows, A.rows, lambda i, j: int(j == i + 1))
        power = (sp.eye(A.rows) - S) ** order * spacing ** (1 - order) / sp.factorial(order - 1)
        assert power == A, f"order {order}, {intervals} intervals: power of I - S"
