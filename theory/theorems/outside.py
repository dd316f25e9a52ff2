"""Beyond [a, b]: the B-splines, and the square form A psi, which differs from them."""

from __future__ import annotations

import sympy as sp

from .. import bspline, power_relu
from ..claims import PROVED, REFUTED, Misprint, claim
from ..matrices import change_of_basis
from ..symbols import all_vanish, symbolic_knots, uniform, vanishes, x

ORDERS = (1, 2, 3, 4)


def relu_form(t: list[sp.Expr], order: int, span: int) -> sp.Matrix:
    """A psi on [t_span, t_{span+1}), also right of b = t_m; the square A, m ReLUs."""
    return change_of_basis(t, order) * sp.Matrix(power_relu.on_span(t, order, span))


@claim(
    "outside-left",
    statement="left of b the square form A psi is b: on the ghost intervals t_0 <= x < a too, where "
    "the b_i decay and no longer add to 1, and for x < t_0, where both vanish",
    hypotheses="strictly increasing knots; every order r >= 1; x < b (x <= b for r >= 2)",
    source="ours; arXiv:2603.04827, Lemma 2 states b = A psi on [a, b]",
    strength=PROVED,
    argument="By claim lemma-2 b_i = sum_j A_ij psi_j, j = i..i+r, on the whole line. The square "
    "form drops only columns j >= m, and psi_j = 0 for x < t_j, t_j >= t_m = b. The sum "
    "on the ghost interval [t_s, t_{s+1}), s < r - 1, lacks the active functions with index "
    "s-r+1..-1, which are positive inside (claim local-support), so it is below 1. Held "
    "against the pieces on every interval left of b for orders 1 to 4, symbolic knots; "
    "the deficit for r = 2 is (a - x)/(a - t_0).",
)
def check_left() -> None:
    for order in ORDERS:
        t = symbolic_knots(2 * order)  # one interval, [t_{r-1}, t_r]
        for span in range(order):
            b = sp.Matrix(bspline.on_span(t, order, span))
            assert all_vanish(relu_form(t, order, span) - b), f"order {order}, span {span}"
    t = symbolic_knots(4)
    assert vanishes(1 - sum(bspline.on_span(t, 2, 0)) - (t[1] - x) / (t[1] - t[0])), "deficit for r = 2"


@claim(
    "outside-right",
    statement="right of b, (A psi)_i is the polynomial that b_i is on the last interval, continued; "
    "its difference from b_i is -sum_{j=m..i+r} A_ij (x - t_j)_+^(r-1), zero for i < m - "
    "r; the continuations still add to 1",
    hypotheses="strictly increasing knots; every order r >= 1; x >= b",
    source="ours; arXiv:2603.04827, Lemma 2 states b = A psi on [a, b]",
    strength=PROVED,
    argument="For x >= t_{m-1} each psi_j, j < m, is the polynomial (x - t_j)^(r-1): no further "
    "term is switched on, so A psi is a single polynomial from the last interval on, that of b_i by "
    "claim lemma-2. The difference is that claim's sum over the dropped columns j >= m, "
    "which exist in row i only if i + r >= m. The sum over i is a polynomial that is 1 "
    "on the last interval. Compared with the pieces for orders 1 to 4, symbolic knots, on "
    "[a, b] of one interval and on each of the r - 1 ghost intervals to the right.",
)
def check_right() -> None:
    for order in ORDERS:
        t = symbolic_knots(2 * order)
        m = len(t) - order
        last = bspline.on_span(t, order, m - 1)
        for span in range(m, len(t) - 1):
            beyond = relu_form(t, order, span)
            assert all_vanish(beyond - sp.Matrix(last)), f"order {order}, span {span}: continuation"
            b = bspline.on_span(t, order, span)
            # The columns that the square A drops, from the A of a longer list that keeps them.
            longer = [*t, *symbolic_knots(order, name="s")]
            kept = change_of_basis(longer, order)[:m, m : len(t)]
            powers = [(x - t[j]) ** (order - 1) if j <= span else sp.Integer(0) for j in range(m, len(t))]
            dropped = kept * sp.Matrix(powers)
            assert all_vanish(sp.Matrix(b) - beyond - dropped), f"order {order}, span {span}: difference"
        assert vanishes(sum(last) - 1), f"order {order}: the continuations do not add to 1"


@claim(
    "outside-domain",
    statement="b = A psi with the square A does not hold beyond [a, b]: right of b it fails for "
    "every order r >= 1",
    hypotheses="counterexample r = 2, knots -1, 0, 1, 2, [a, b] = [0, 1]",
    source="arXiv:2603.04827, Lemmas 2 and 3, read without the restriction to [a, b]",
    strength=REFUTED,
    argument="Numbers for r = 2. For every r the last function has the dropped column j = m, with "
    "A_{m-1,m} != 0 by the closed form, so right of b the two differ by a power that is "
    "not zero (claim outside-right). Hidden activations of a network leave [a, b] unless "
    "they are mapped into it; the equivalence of the two networks needs that map or "
    "the same continuation of both.",
    misprint=Misprint(
        printed="b(x) = A psi(x), and the networks are equal, for all x",
        counterexample="r = 2, knots -1, 0, 1, 2, [a, b] = [0, 1], x = 2: b_0 = b_1 = 0. psi_0 = 3, psi_1 = "
        "2 and A = [[1, -2], [0, 1]]: A psi = (3 - 4, 2) = (-1, 2).",
        corrected="b = A psi for x <= b (r >= 2; x < b for r = 1). Right of b A psi continues the last "
        "polynomial piece of each b_i; there b_i = sum_{j=i..i+r} A_ij psi_j needs the r "
        "columns beyond m too.",
    ),
)
def check_domain() -> None:
    t = uniform(0, 1, 1, 2)
    assert t == [-1, 0, 1, 2], "knots"
    assert change_of_basis(t, 2) == sp.Matrix([[1, -2], [0, 1]]), "A"
    at_two = relu_form(t, 2, 2).subs(x, 2)
    assert at_two == sp.Matrix([-1, 2]), f"A psi(2) = {list(at_two)}"
    assert [f.subs(x, 2) for f in bspline.on_span(t, 2, 2)] == [0, 0], "b(2)"
    for order in ORDERS:
        t = symbolic_knots(2 * order)
        m = len(t) - order
        full_row = change_of_basis([*t, *symbolic_knots(order, name="s")], order)[m - 1, m : len(t)]
        assert not vanishes(full_row[0]), f"order {order}: A_(m-1,m) = 0"
        pieces = [
            sum(full_row[q] * (x - t[m + q]) ** (order - 1) for q in range(s - m + 1))
            for s in range(m, len(t))
        ]
        for span, extra in zip(range(m, len(t) - 1), pieces, strict=False):
            full = relu_form(t, order, span)[m - 1] + extra
            assert vanishes(full - bspline.on_span(t, order, span)[m - 1]), (
                f"order {order}: full row, span {span}"
            )
