"""Eq. 25: the two-scale relation of dyadic refinement, its factor 2^(1-r) for every order."""

from __future__ import annotations

import sympy as sp

from .. import bspline
from ..claims import EXACT, PROVED, REFUTED, Misprint, claim
from ..matrices import prolongation, two_scale
from ..symbols import uniform, vanishes, x

CASES = tuple((order, intervals) for order in (1, 2, 3, 4, 5, 6) for intervals in (1, 2, 5))
"""(order, intervals) on [0, 1]."""


@claim(
    "two-scale",
    statement="B_i = 2^(1-r) sum_{s=0..r} C(r, s) N_{2i+s}: B_i the B-spline of order r on spacing "
    "2h, N_j on h",
    hypotheses="uniform knots, every coarse interval halved; every order r >= 1",
    source="arXiv:2603.04827, Eq. 25, with the factor corrected",
    strength=PROVED,
    argument="Induction on r, with h = 1 and i = 0 by scaling and translation. r = 1: B_0 = N_0 + "
    "N_1. Step: Cox-de Boor on the coarse side, B_0^[r] = (x B_0^[r-1] + (2r - x) "
    "B_1^[r-1])/(2(r-1)), with the relation of order r - 1 put in for B_0 and, shifted by "
    "two, for B_1; on the fine side N_s^[r] = ((x - s) N_s^[r-1] + (s + r - x) "
    "N_{s+1}^[r-1])/(r-1). The coefficient of N_s^[r-1] is compared with symbolic r, s "
    "and x: for 2 <= s <= r-1 as an identity of binomials, and at s = 0, 1, r, r+1 (where "
    "some vanish) with symbolic r.",
)
def check_two_scale() -> None:
    r, s = sp.symbols("r s", integer=True, positive=True)

    def difference(c_s: sp.Expr, c_s2: sp.Expr, C_s: sp.Expr, C_s1: sp.Expr, at: sp.Expr) -> sp.Expr:
        """Coarse minus fine coefficient of N_s^[r-1], times 2^(r-1) (r-1).

        c_s, c_s2 = C(r-1, s), C(r-1, s-2) from the hypothesis; C_s, C_s1 = C(r, s), C(r, s-1) of the goal.
        """
        hypothesis, goal = 2 ** (2 - r), 2 ** (1 - r)
        coarse = hypothesis * (x * c_s + (2 * r - x) * c_s2) / (2 * (r - 1))
        fine = goal * ((x - at) * C_s + (at - 1 + r - x) * C_s1) / (r - 1)
        return sp.simplify((coarse - fine) * 2 ** (r - 1) * (r - 1))

    C = sp.binomial
    inner = difference(C(r - 1, s), C(r - 1, s - 2), C(r, s), C(r, s - 1), s)
    relative = sp.gammasimp(
        sp.expand(inner).rewrite(sp.gamma) * sp.gamma(s + 1) * sp.gamma(r - s + 2) / sp.gamma(r)
    )
    assert sp.expand(sp.simplify(relative)) == 0, f"2 <= s <= r-1: {relative}"
    ends = {
        "s = 0": difference(sp.Integer(1), sp.Integer(0), sp.Integer(1), sp.Integer(0), sp.Integer(0)),
        "s = 1": difference(r - 1, sp.Integer(0), r, sp.Integer(1), sp.Integer(1)),
        "s = r": difference(sp.Integer(0), r - 1, sp.Integer(1), r, r),
        "s = r+1": difference(sp.Integer(0), sp.Integer(1), sp.Integer(0), sp.Integer(1), r + 1),
    }
    for place, value in ends.items():
        assert sp.expand(value) == 0, f"{place}: {value}"
    for order in (1, 2, 3, 4):  # the recursion of the proof is that of the pieces
        fine = list(range(2 * order + 1))
        combined = [sp.Integer(0)] * (2 * order)
        for shift in range(order + 1):
            for span, piece in bspline.pieces(fine, shift, order).items():
                combined[span] += sp.Integer(2) ** (1 - order) * sp.binomial(order, shift) * piece
        coarse = bspline.pieces(fine[::2], 0, order)
        for span, piece in enumerate(combined):
            assert vanishes(piece - coarse[span // 2]), f"order {order}, fine span {span}"


@claim(
    "two-scale-matrix",
    statement="on [a, b] the two-scale matrix is the prolongation by knot insertion, with the fine "
    "functions that do not meet [a, b] dropped, and refines every coarse B-spline exactly",
    hypotheses="uniform knots on [0, 1], coarse ghosts of spacing 2h, fine ghosts of spacing h",
    source="arXiv:2603.04827, Eq. 25, with the factor corrected",
    strength=EXACT,
    argument="(order, coarse intervals) in " + ", ".join(map(str, CASES)) + "; every fine interval.",
)
def check_matrix() -> None:
    for order, intervals in CASES:
        coarse, fine = uniform(0, 1, intervals, order), uniform(0, 1, 2 * intervals, order)
        P = two_scale(intervals, order)
        assert prolongation(coarse, fine, order) == P, f"order {order}, {intervals} intervals: knot insertion"
        for s in range(2 * intervals):
            here = sp.Matrix([bspline.on_span(fine, order, order - 1 + s)])
            there = sp.Matrix([bspline.on_span(coarse, order, order - 1 + s // 2)])
            assert (there - here * P).expand().is_zero_matrix, f"order {order}, {intervals}, interval {s}"


@claim(
    "two-scale-factor",
    statement="Eq. 25 with the factor 2^(-r) is false for every order: it gives half of the coarse function",
    hypotheses="smallest counterexample r = 1, one interval [0, 1]; uniform knots, every order r >= 1",
    source="arXiv:2603.04827, Eq. 25",
    strength=REFUTED,
    argument="The printed right-hand side is half of the proved right-hand side (claim two-scale), for "
    "symbolic r, and a B-spline is not zero. The numbers: the constant 1 (r = 1) and the "
    "hat function at its peak (r = 2).",
    misprint=Misprint(
        printed="b_i = 2^(-r) sum_{s=0..r} C(r, s) b'_{2i+s}",
        counterexample="r = 1, [0, 1] halved: b_0 = 1, but (b'_0 + b'_1)/2 = 1/2 everywhere. r = 2, the hat "
        "on 0, 1, 2 at x = 1: 1 on the left; (0 + 2 * 1 + 0)/4 = 1/2 on the right.",
        corrected="b_i = 2^(1-r) sum_{s=0..r} C(r, s) b'_{2i+s}",
    ),
)
def check_factor() -> None:
    r = sp.Symbol("r", integer=True, positive=True)
    assert sp.simplify(sp.Integer(2) ** (-r) / sp.Integer(2) ** (1 - r)) == sp.Rational(1, 2)
    for order, peak in ((1, sp.Rational(1, 2)), (2, sp.Integer(1))):
        fine = [sp.Rational(j, 2) for j in range(2 * order + 1)]
        span = 0 if order == 1 else 2  # the fine interval that begins at or holds the peak
        refined = sum(
            sp.binomial(order, s) * bspline.pieces(fine, s, order).get(span, sp.Integer(0))
            for s in range(order + 1)
        ).subs(x, peak)
        value = bspline.pieces(fine[::2], 0, order)[span // 2].subs(x, peak) if order > 1 else sp.Integer(1)
        assert value == 1, f"order {order}: b_0 at the peak is {value}"
        assert sp.Integer(2) ** (-order) * refined == sp.Rational(1, 2), f"order {order}: printed factor"
        assert sp.Integer(2) ** (1 - order) * refined == 1, f"order {order}: corrected factor"
