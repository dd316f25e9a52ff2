"""Lemma 1: on [a, b] the power ReLUs and the B-splines are bases of the same spline space."""

from __future__ import annotations

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from .. import bspline, power_relu
from ..claims import EXACT, PROVED, claim
from ..matrices import change_of_basis
from ..symbols import rational_knots, symbolic_knots, vanishes, x

SYMBOLIC_CASES = ((1, 1), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2), (4, 1))
"""(order, intervals) with symbolic knots."""
RATIONAL_CASES = tuple((order, intervals) for order in (1, 2, 3, 4, 5, 6) for intervals in (2, 5))
"""(order, intervals) with random rational knots."""


@claim(
    "lemma-1-ghost-powers",
    statement="the r ghost powers (x - t_0)^(r-1), ..., (x - t_{r-1})^(r-1) are a basis of the "
    "polynomials of degree r - 1",
    hypotheses="distinct t_0, ..., t_{r-1}; every order r >= 1",
    source="arXiv:2603.04827, Lemma 1 (the step on the first interval)",
    strength=PROVED,
    argument="Let sum_j c_j (x - t_j)^k = 0, k = r - 1. Differentiating k - p times (a step "
    "checked with symbolic exponent p) and dividing by the nonzero factor gives sum_j c_j "
    "(x - t_j)^p = 0, p = 0..k; at x = 0, sum_j c_j t_j^p = 0, so sum_j c_j q(t_j) = 0 "
    "for every polynomial q of degree <= k. Take the q that vanishes at all nodes but "
    "t_j, q = (x - t_l) q' for any other node t_l: q(t_l) = 0 for every q', and q(t_j) "
    "is a product of k nonzero differences (checked with the other factors as a symbol). "
    "Hence c_j = 0. r independent functions in a space of dimension r span it.",
)
def check_ghost_powers() -> None:
    t = sp.Symbol("t", real=True)
    p = sp.Symbol("p", integer=True, positive=True)
    assert sp.powsimp(sp.diff((x - t) ** p, x) - p * (x - t) ** (p - 1)) == 0, (
        "one derivative lowers p by one"
    )
    tj, tl = sp.symbols("t_j t_l", real=True)
    rest = sp.Function("rest")
    q = (x - tl) * rest(x)
    assert q.subs(x, tl) == 0, "q does not vanish at another node"
    assert sp.expand(q.subs(x, tj) - (tj - tl) * rest(tj)) == 0, (
        "q(t_j) is not the product of the differences"
    )


@claim(
    "lemma-1-relu",
    statement="psi_0, ..., psi_{m-1} are a basis on [a, b] of the splines of degree r - 1 in "
    "C^(r-2) with breakpoints t_{r-1} < ... < t_m; the dimension is m = intervals + r - 1",
    hypotheses="strictly increasing knots; every order r >= 1 (r = 1: right-continuous step functions)",
    source="arXiv:2603.04827, Lemma 1",
    strength=PROVED,
    argument="Jump argument. Where two neighbouring polynomials of a spline meet, at t_j with a < "
    "t_j < b, their difference d has degree <= k = r - 1 and d, d', ..., d^(k-1) vanish "
    "there, so in powers of y = x - t_j all coefficients but that of y^k are zero (the "
    "p-th derivative of y^q at 0 is p! for q = p, else 0: checked with symbolic p, k): d "
    "= c (x - t_j)^k. Each psi_j has this jump at t_j with c = 1 and no other in (a, b]. "
    "So s minus sum c_j psi_j over inner knots is a single polynomial on [a, b], a unique "
    "combination of the ghost powers (claim lemma-1-ghost-powers); the c_j are unique "
    "because they are the jumps. r ghosts and intervals - 1 inner knots count m.",
)
def check_relu_basis() -> None:
    y = sp.Symbol("y", real=True)
    p, gap = sp.symbols("p gap", integer=True, positive=True)

    # d^n/dy^n y^q = ff(q, n) y^(q - n), by its step ff(q, n) (q - n) = ff(q, n + 1).
    q, n = sp.symbols("q n", integer=True, nonnegative=True)
    step = sp.gammasimp((sp.ff(q, n) * (q - n) / sp.ff(q, n + 1)).rewrite(sp.gamma))
    assert step == 1, f"derivative of a power: {step}"
    assert sp.diff(y ** (q - n), y).equals((q - n) * y ** (q - n - 1))
    assert sp.simplify(sp.ff(p, p)) == sp.factorial(p), "p-th derivative of y^p"
    # y^q differentiated p times, at 0: p < q leaves a positive power of y; p > q meets the factor q - q.
    assert sp.Integer(0) ** gap == 0, "p < q"
    assert (sp.ff(q, n) * (q - n)).subs(n, q) == 0, "p > q"
    r, intervals = sp.symbols("r intervals", integer=True, positive=True)
    assert sp.expand(r + (intervals - 1) - (intervals + r - 1)) == 0, "dimension"
    for order in (1, 2, 3, 4):
        knots = symbolic_knots(2 * order + 1)  # two intervals, one inner knot t_order
        before, after = (power_relu.on_span(knots, order, s) for s in (order - 1, order))
        jumps = [sp.expand(v - u) for u, v in zip(before, after, strict=True)]
        own = sp.expand((x - knots[order]) ** (order - 1))
        assert jumps == [0] * order + [own], f"order {order}: jumps {jumps}"


@claim(
    "lemma-1-bspline",
    statement="b_0, ..., b_{m-1} are a basis on [a, b] of the same space; det A = prod_i A_ii > 0 "
    "with A_ii = 1/prod_{l=i+1..i+r-1} (t_l - t_i)",
    hypotheses="strictly increasing knots; every order r >= 1",
    source="arXiv:2603.04827, Lemma 1",
    strength=PROVED,
    argument="b = A psi on [a, b] (claim lemma-2), psi is a basis (claim lemma-1-relu), and A is "
    "upper triangular. Its diagonal from the closed form: (-1)^r (t_{i+r} - t_i)/((t_i - "
    "t_{i+r}) Q) with Q the product over l = i+1..i+r-1 of t_i - t_l, a symbol here; Q = "
    "(-1)^(r-1) times the product of the positive t_l - t_i, so A_ii > 0 for symbolic r. "
    "A triangular matrix with positive diagonal is invertible.",
)
def check_bspline_basis() -> None:
    first, last = sp.symbols("t_i t_ir", real=True)
    r = sp.Symbol("r", integer=True, positive=True)
    positive_product = sp.Symbol("prod", positive=True)
    Q = (-1) ** (r - 1) * positive_product
    diagonal = (-1) ** r * (last - first) / ((first - last) * Q)
    assert sp.simplify(diagonal - 1 / positive_product) == 0, f"diagonal {sp.simplify(diagonal)}"
    for order in (1, 2, 3, 4):
        t = symbolic_knots(2 * order + 1)
        A = change_of_basis(t, order)
        assert A.is_upper, f"order {order}: A is not upper triangular"
        for i in range(A.rows):
            expected = 1 / sp.prod([t[l] - t[i] for l in range(i + 1, i + order)])
            assert vanishes(A[i, i] - expected), f"order {order}: A_{i}{i}"


def coordinates(family: list[list[sp.Expr]]) -> sp.Matrix:
    """Row j: the coefficients of function j on the first interval, then those of x^k on later intervals.

    These m numbers determine a spline of the space (jump argument), so the family is a basis where the
    determinant is nonzero.
    """
    k = len(family[0]) - len(family)
    polys = [[sp.Poly(f, x) for f in span] for span in family]
    rows = []
    for j in range(len(family[0])):
        first = [polys[0][j].coeff_monomial(x**p) for p in range(k + 1)]
        rows.append(first + [span[j].coeff_monomial(x**k) for span in polys[1:]])
    return sp.Matrix(rows)


def determinant(M: sp.Matrix) -> sp.Expr:
    """det M over the field of rational functions of the knots, by elimination on reduced fractions."""
    reduced = DomainMatrix.from_Matrix(M.applyfunc(sp.cancel)).to_field()
    return reduced.domain.to_sympy(reduced.det())


@claim(
    "lemma-1-determinants",
    statement="det of the power ReLUs in the coordinates of the spline space is prod_{p=0..k} C(k, "
    "p) (up to sign) times the Vandermonde product of the ghost knots; that of the "
    "B-splines is det A times it; neither is zero",
    hypotheses="strictly increasing knots, k = r - 1",
    source="arXiv:2603.04827, Lemma 1",
    strength=EXACT,
    argument="Symbolic knots, (order, intervals) in "
    + ", ".join(map(str, SYMBOLIC_CASES))
    + "; random rational knots, (order, intervals) in "
    + ", ".join(map(str, RATIONAL_CASES))
    + ". Determinants are computed from the polynomial pieces of both families, without A.",
)
def check_determinants() -> None:
    cases = [(r, n, symbolic_knots(n + 2 * r - 1)) for r, n in SYMBOLIC_CASES]
    cases += [(r, n, rational_knots(n + 2 * r - 1, seed=100 * r + n)) for r, n in RATIONAL_CASES]
    for r, n, t in cases:
        k, spans = r - 1, range(r - 1, len(t) - r)
        relu = coordinates([power_relu.on_span(t, r, s) for s in spans])
        spline = coordinates([bspline.on_span(t, r, s) for s in spans])
        det_relu, det_spline = determinant(relu), determinant(spline)
        vandermonde = sp.prod([t[j] - t[i] for j in range(r) for i in range(j)])
        binomials = sp.prod([sp.binomial(k, p) for p in range(r)])
        where = f"order {r}, {n} intervals"
        assert vanishes(det_relu**2 - (binomials * vandermonde) ** 2), f"{where}: ReLU determinant"
        det_A = 1 / sp.prod([t[l] - t[i] for i in range(len(t) - r) for l in range(i + 1, i + r)])
        assert vanishes(det_spline - det_A * det_relu), f"{where}: B-spline determinant"
        assert not vanishes(det_relu), f"{where}: the ReLUs are dependent"
        assert not vanishes(det_spline), f"{where}: the B-splines are dependent"
