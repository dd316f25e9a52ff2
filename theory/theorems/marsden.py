"""The inverse of A in closed form, by Marsden's identity: every entry is a product of positive
differences."""

from __future__ import annotations

import sympy as sp

from .. import bspline, power_relu
from ..claims import PROVED, claim
from ..matrices import change_of_basis, inverse_change_of_basis
from ..symbols import all_vanish, rational_knots, symbolic_knots, vanishes

SYMBOLIC_CASES = ((1, 3), (2, 3), (3, 2), (4, 1))
"""(order, intervals) at which A A^{-1} is multiplied out with symbolic knots."""
RATIONAL_CASES = ((2, 6), (3, 5), (4, 5), (5, 4), (6, 4), (7, 3), (8, 3))
"""(order, intervals) at which it is, and psi = A^{-1} b on every interval, with random rational knots."""


@claim(
    "marsden-inverse",
    statement="(A^{-1})_ij = prod_{l=1..k} (t_{j+l} - t_i) for j >= i, 0 for j < i: psi_i = sum_{j>=i} "
    "prod_{l=1..k} (t_{j+l} - t_i) b_j on [a, b]. All entries on and above the diagonal are positive",
    hypotheses="strictly increasing knots; every order r = k + 1 >= 1, every size m",
    source="Marsden 1970, An identity for spline functions; the inverse of A of arXiv:2603.04827, Lemma 2",
    strength=PROVED,
    argument="Let B^[r] have these entries. B^[1], with the entry 1 on and above the diagonal, is (I - "
    "S)^{-1}. By claim factorisation A^[r] = (I - S) W_r^{-1} A^[r-1], W_r = diag(t_{j+r-1} - t_j), "
    "so by induction on r it remains to show B^[r] (I - S) = B^[r-1] W_r, entry by entry: B^[r]_ij - "
    "B^[r]_{i,j-1} = B^[r-1]_ij (t_{j+r-1} - t_j). For j > i both products on the left contain Q = "
    "prod_{l=1..r-2} (t_{j+l} - t_i), which is B^[r-1]_ij; the other factors are t_{j+r-1} - t_i and "
    "t_j - t_i, with the difference t_{j+r-1} - t_j. For j = i the second product is absent, and t_j "
    "- t_i = 0 agrees; for j < i all are 0. Checked with Q and the knots as symbols. Positive because"
    " t_{j+l} > t_i for j >= i, l >= 1. A A^{-1} = I is multiplied out for (order, intervals) in "
    + ", ".join(map(str, SYMBOLIC_CASES))
    + ", symbolic knots, and in "
    + ", ".join(map(str, RATIONAL_CASES))
    + ", random rational knots, with psi = A^{-1} b on every interval.",
)
def check_inverse() -> None:
    t_i, t_j, last = sp.symbols("t_i t_j t_{j+r-1}", real=True)
    Q = sp.Symbol("Q")
    left = Q * (last - t_i) - Q * (t_j - t_i)
    assert vanishes(left - Q * (last - t_j)), "j > i"
    assert vanishes(left.subs(t_j, t_i) - Q * (last - t_i)), "j = i: the second product is 0"
    cases = [(order, symbolic_knots(n + 2 * order - 1)) for order, n in SYMBOLIC_CASES]
    cases += [(order, rational_knots(n + 2 * order - 1, seed=order + n)) for order, n in RATIONAL_CASES]
    for order, t in cases:
        inverse = inverse_change_of_basis(t, order)
        size = inverse.rows
        assert all_vanish(change_of_basis(t, order) * inverse - sp.eye(size)), f"order {order}: A A^-1"
        if t[0].is_number:
            assert all(inverse[i, j] > 0 for i in range(size) for j in range(i, size)), f"order {order}: sign"
            for s in range(order - 1, size):
                psi = sp.Matrix(power_relu.on_span(t, order, s))
                b = sp.Matrix(bspline.on_span(t, order, s))
                assert all_vanish(psi - inverse * b), f"order {order}, span {s}: psi"
