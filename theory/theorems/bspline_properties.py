"""Properties for all later proofs: support, sign, partition of unity, derivative, Proposition 2."""

from __future__ import annotations

import sympy as sp

from .. import bspline
from ..claims import PROVED, claim
from ..symbols import symbolic_knots, vanishes, x

ORDERS = (1, 2, 3, 4)
"""Orders at which the general argument is compared with the pieces of the module bspline."""


@claim(
    "local-support",
    statement="b_i^[r] is zero outside [t_i, t_{i+r}] and positive inside",
    hypotheses="strictly increasing knots; every order r >= 1",
    source="arXiv:2603.04827, definition of the bases",
    strength=PROVED,
    argument="Induction on r by the Cox-de Boor recursion, with r and i symbolic. Support: "
    "b_i^[r-1] lives on the spans i..i+r-2, b_{i+1}^[r-1] on i+1..i+r-1, together "
    "i..i+r-1. Sign: on (t_i, t_{i+r}) both weights (x - t_i)/(t_{i+r-1} - t_i) and "
    "(t_{i+r} - x)/(t_{i+r} - t_{i+1}) are quotients of positive numbers, and at every "
    "inner point at least one of the two functions of order r - 1 is positive "
    "(right-continuous for r = 1). The spans of the module bspline are compared for orders 1 "
    "to 4.",
)
def check_local_support() -> None:
    i, r = sp.symbols("i r", integer=True, positive=True)
    first, last = (i, i + 1), (i + r - 2, i + r - 1)  # spans of the two functions of order r - 1
    assert sp.simplify(sp.Min(*first) - i) == 0, "the union does not begin at span i"
    assert sp.simplify(sp.Max(*last) - (i + r - 1)) == 0, "the union does not end at span i + r - 1"
    # For r >= 2 the second begins at most one span after the end of the first: no gap between them.
    assert sp.simplify(last[0] + 1 - first[1]) == r - 2
    after, before, width_left, width_right = sp.symbols("after before width_left width_right", positive=True)
    assert (after / width_left).is_positive, "weight of b_i"
    assert (before / width_right).is_positive, "weight of b_{i+1}"
    for order in ORDERS:
        spans = set(bspline.pieces(symbolic_knots(order + 3), 2, order))
        assert spans == set(range(2, 2 + order)), f"order {order}: spans {spans}"


@claim(
    "partition-of-unity",
    statement="sum_i b_i^[r](x) = 1 for x in [a, b]",
    hypotheses="strictly increasing knots, r - 1 ghost knots on each side; every order r >= 1",
    source="arXiv:2603.04827, definition of the bases",
    strength=PROVED,
    argument="Induction on r. In the recursion for the sum over i, b_i^[r-1] occurs twice: from "
    "b_i^[r] with (x - t_i)/(t_{i+r-1} - t_i), from b_{i-1}^[r] with (t_{i+r-1} - "
    "x)/(t_{i+r-1} - t_i). The weights add to 1 for symbolic knots and index, so the sum "
    "of order r is that of order r - 1, and at r = 1 it is 1. On the span s of [a, b], "
    "r-1 <= s <= m-1, both occurrences are among the functions 0..m-1, because the active i "
    "run from s-r+1 >= 0 to s (local support). Compared with the pieces for orders 1 to 4 "
    "with symbolic knots.",
)
def check_partition_of_unity() -> None:
    t = sp.IndexedBase("t", real=True)
    i, r = sp.symbols("i r", integer=True, positive=True)
    own = (x - t[i]) / (t[i + r - 1] - t[i])
    # The recursion of b_{i-1}: its second weight is (t_{(i-1)+r} - x)/(t_{(i-1)+r} - t_{(i-1)+1}).
    neighbour = ((t[i + r] - x) / (t[i + r] - t[i + 1])).subs(i, i - 1)
    assert vanishes(own + neighbour - 1), "the two weights of b_i^[r-1] do not add to 1"
    for order in ORDERS:
        knots = symbolic_knots(2 * order)  # one interval: [a, b] = [t_{r-1}, t_r]
        total = sum(bspline.on_span(knots, order, order - 1))
        assert vanishes(total - 1), f"order {order}: the pieces sum to {sp.factor(total)}"


@claim(
    "derivative",
    statement="d/dx b_i^[r] = (r-1) (b_i^[r-1]/(t_{i+r-1} - t_i) - b_{i+1}^[r-1]/(t_{i+r} - t_{i+1}))",
    hypotheses="strictly increasing knots; every order r >= 2; away from the knots for r = 2",
    source="arXiv:2603.04827, definition of the bases",
    strength=PROVED,
    argument="Induction on r: differentiate the Cox-de Boor recursion, put the formula of order r "
    "- 1 in for the derivatives on the right and the recursion in for b^[r-1]; both sides "
    "are then linear in the three functions b_i, b_{i+1}, b_{i+2} of order r - 2, which "
    "enter as symbols, and agree identically in x, the six knots that occur and r. The "
    "base r = 2 (b^[1] is constant between knots) is the same computation without "
    "derivatives on the right. Compared with the pieces for orders 2 to 4 with symbolic "
    "knots.",
)
def check_derivative() -> None:
    t0, t1, t2, u2, u1, u0 = sp.symbols("t_i t_i1 t_i2 t_ir-2 t_ir-1 t_ir", real=True)
    r = sp.Symbol("r", integer=True, positive=True)
    B = sp.symbols("B0:3")  # b_i, b_{i+1}, b_{i+2} of order r - 2
    # Order r - 1 from order r - 2, and the induction hypothesis for its derivative.
    lower = [
        (x - t0) / (u2 - t0) * B[0] + (u1 - x) / (u1 - t1) * B[1],
        (x - t1) / (u1 - t1) * B[1] + (u0 - x) / (u0 - t2) * B[2],
    ]
    slopes = [
        (r - 2) * (B[0] / (u2 - t0) - B[1] / (u1 - t1)),
        (r - 2) * (B[1] / (u1 - t1) - B[2] / (u0 - t2)),
    ]
    weights = [(x - t0) / (u1 - t0), (u0 - x) / (u0 - t1)]
    product_rule = sum(sp.diff(w, x) * b + w * db for w, b, db in zip(weights, lower, slopes, strict=True))
    formula = (r - 1) * (lower[0] / (u1 - t0) - lower[1] / (u0 - t1))
    assert vanishes(product_rule - formula), "induction step"
    base = sum(sp.diff(w, x) * b for w, b in zip(weights, B, strict=False))
    assert vanishes(base - (B[0] / (u1 - t0) - B[1] / (u0 - t1))), "order 2"
    for order in ORDERS[1:]:
        t = symbolic_knots(order + 1)
        b = bspline.pieces(t, 0, order)
        left, right = bspline.pieces(t, 0, order - 1), bspline.pieces(t, 1, order - 1)
        for s, piece in b.items():
            expected = left.get(s, 0) / (t[order - 1] - t[0]) - right.get(s, 0) / (t[order] - t[1])
            assert vanishes(sp.diff(piece, x) - (order - 1) * expected), f"order {order}, span {s}"


@claim(
    "proposition-2",
    statement="(x - a) relu(x - b)^r = relu(x - b)^(r+1) + (b - a) relu(x - b)^r",
    hypotheses="real a, b, x; every integer r >= 0, with relu(x - b)^0 the Heaviside function",
    source="arXiv:2603.04827, Proposition 2",
    strength=PROVED,
    argument="For x < b all three terms vanish. For x >= b put x = b + y with y >= 0: the identity "
    "reads (y + b - a) y^r = y^(r+1) + (b - a) y^r, checked with symbolic a, b, y and "
    "symbolic exponent r.",
)
def check_proposition_2() -> None:
    a, b = sp.symbols("a b", real=True)
    y = sp.Symbol("y", positive=True)
    r = sp.Symbol("r", integer=True, nonnegative=True)
    right_of_b = (b + y - a) * y**r - (y ** (r + 1) + (b - a) * y**r)
    assert sp.powsimp(sp.expand(right_of_b)) == 0, "x > b"
    for power in (0, 1, 2):  # the knot itself, where y^0 = 1 by right-continuity
        at_b = sp.Integer(0) ** power
        assert vanishes((b - a) * at_b - (0 ** (power + 1) + (b - a) * at_b)), f"x = b, r = {power}"
