"""Prolongation on nested knots: Boehm's insertion, the blossom matrix, and the ReLU form."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import sympy as sp

from .. import bspline, power_relu
from ..claims import EXACT, PROVED, REFUTED, Misprint, claim
from ..matrices import change_of_basis, knot_insertion, prolongation, relu_prolongation
from ..symbols import all_vanish, rational_knots, symbolic_knots, uniform, vanishes, x

ORDERS = (1, 2, 3, 4)
"""Orders at which the matrix of an insertion is compared with the pieces, with symbolic knots."""
NESTED_CASES = tuple((order, seed) for order in (1, 2, 3, 4, 5, 6) for seed in (1, 2))
"""(order, seed of the random rational knots): five coarse intervals, four knots inserted, new ghosts."""
PRINTED_CASES = tuple((order, intervals) for order in (2, 3, 4, 5) for intervals in (1, 6))
"""(order, coarse intervals) on [0, 1], halved."""


@claim(
    "knot-insertion",
    statement="after insertion of a knot tau, b_i = alpha_i b'_i + (1 - alpha_{i+1}) b'_{i+1} with "
    "alpha_i = (tau - t_i)/(t_{i+r-1} - t_i) cut to [0, 1]; so c'_i = alpha_i c_i + (1 - "
    "alpha_i) c_{i-1} (Boehm)",
    hypotheses="strictly increasing knots, t_i < tau < t_{i+r} not a knot; every order r >= 1",
    source="ours (classical: Boehm 1980); extends the refinement of arXiv:2603.04827, Eq. 25, to "
    "arbitrary knots",
    strength=PROVED,
    argument="Compare truncated powers (claim lemma-2, on the whole line). A B-spline is the "
    "length of its support times a divided difference [.] whose coefficient at t_j is "
    "(-1)^r/prod (t_j - t_l); the inner knots that b_i, b'_i, b'_{i+1} share give a "
    "common product, a symbol. (t_{i+r} - t_i) [b_i] = (tau - t_i) [b'_i] + (t_{i+r} - "
    "tau) [b'_{i+1}] is checked at t_i, at a shared inner knot, at tau (where the fine "
    "terms cancel) and at t_{i+r}: rational identities in symbolic knots, for every r and "
    "wherever tau lies between t_i and t_{i+r}. Dividing by the lengths of the fine "
    "supports gives the alphas: t_{i+r-1} - t_i and t_{i+r} - t_{i+1} for an inner tau; "
    "tau itself is an end knot, and that weight 1, for tau in the first or last interval "
    "of b_i. Outside the support b_i is kept, with weight 1 or 0. "
    "The function knot_insertion is compared with the pieces on every interval for "
    "orders 1 to 4, symbolic knots, tau in each of two intervals.",
)
def check_knot_insertion() -> None:
    first, last, tau, inner, Q = sp.symbols("t_i t_ir tau t_j Q", real=True)
    # Divided differences of the truncated power: on t_i..t_{i+r}, on t_i..t_{i+r-1} with tau, and on
    # t_{i+1}..t_{i+r} with tau. Q is the product of (t_j - t_l) over the shared inner l != j.
    weight_left, weight_right = tau - first, last - tau

    def balance(coarse: sp.Expr, left: sp.Expr, right: sp.Expr) -> sp.Expr:
        return (last - first) * coarse - weight_left * left - weight_right * right

    at_inner = balance(
        1 / ((inner - first) * Q * (inner - last)),
        1 / ((inner - first) * Q * (inner - tau)),
        1 / ((inner - tau) * Q * (inner - last)),
    )
    at_first = balance(1 / (Q * (first - last)), 1 / (Q * (first - tau)), sp.Integer(0))
    at_last = balance(1 / ((last - first) * Q), sp.Integer(0), 1 / ((last - tau) * Q))
    at_tau = balance(sp.Integer(0), 1 / ((tau - first) * Q), 1 / (Q * (tau - last)))
    for place, value in (("inner", at_inner), ("t_i", at_first), ("t_ir", at_last), ("tau", at_tau)):
        assert vanishes(value), f"at {place}: {sp.factor(value)}"
    after, before = sp.symbols("t_i1 t_ir1", real=True)
    alpha, alpha_next = (tau - first) / (before - first), (tau - after) / (last - after)
    # weight of a divided difference = alpha times the length of the support that it is normalised by
    assert vanishes(alpha * (before - first) - weight_left), "alpha_i, inner tau"
    assert vanishes((1 - alpha_next) * (last - after) - weight_right), "1 - alpha_{i+1}, inner tau"
    assert vanishes(1 * (tau - first) - weight_left), "tau in the last interval: b'_i ends at tau"
    assert vanishes(1 * (last - tau) - weight_right), "tau in the first interval: b'_{i+1} begins at tau"
    for order in ORDERS:
        knots = symbolic_knots(2 * order + 1)  # two intervals
        for span in (order - 1, order):
            fine = [*knots[: span + 1], tau, *knots[span + 1 :]]
            P = knot_insertion(knots, tau, order, span=span)
            check_refinement(knots, fine, order, P, [s - (s > span) for s in range(len(fine) - 1)])


def check_refinement(
    coarse: Sequence[sp.Expr],
    fine: Sequence[sp.Expr],
    order: int,
    P: sp.Matrix,
    coarse_span: Sequence[int],
    family: ModuleType = bspline,
) -> None:
    """Assert (coarse functions) = (fine functions) P on every fine interval s, part of coarse_span[s]."""
    for s in range(order - 1, len(fine) - order):
        there = sp.Matrix([family.on_span(coarse, order, coarse_span[s])])
        here = sp.Matrix([family.on_span(fine, order, s)])
        assert all_vanish(there - here * P), f"order {order}, fine interval {s}"


def nested_knots(order: int, seed: int) -> tuple[list[sp.Expr], list[sp.Expr], list[int]]:
    """Coarse knots, fine knots with other ghosts, and the coarse span of every fine span."""
    coarse = rational_knots(5 + 2 * order - 1, seed=1000 * order + seed)
    k, m = order - 1, len(coarse) - order
    breakpoints = coarse[k : m + 1]
    new = [
        breakpoints[0] + f * (breakpoints[1] - breakpoints[0]) for f in (sp.Rational(1, 3), sp.Rational(3, 5))
    ]
    new += [(breakpoints[c] + breakpoints[c + 1]) / 2 for c in (2, 4)]
    inner = sorted([*breakpoints, *new])
    left = [inner[0] - sp.Rational(2 * j, 7) for j in range(k, 0, -1)]
    right = [inner[-1] + sp.Rational(3 * j, 5) for j in range(1, k + 1)]
    fine = [*left, *inner, *right]
    spans = [k - 1 + sum(bool(b <= t) for b in breakpoints) for t in fine[:-1]]
    return coarse, fine, spans


@claim(
    "prolongation",
    statement="the blossom matrix P (row i: the blossom at t'_{i+1}, ..., t'_{i+k}) refines every "
    "B-spline exactly on [a, b], also when the ghost knots change; with equal ghosts it "
    "is the product of the insertions; P_relu = A'^T P A^(-T) is the injection of inner "
    "knots with the ghosts re-expanded",
    hypotheses="nested breakpoints, strictly increasing knots, ghost knots of the two sides unrelated",
    source="ours; arXiv:2603.04827, prolongation between knots",
    strength=EXACT,
    argument="Five coarse intervals, four knots inserted (two in the same interval), unrelated ghosts, "
    "(order, seed) in "
    + ", ".join(map(str, NESTED_CASES))
    + "; every fine interval. Also a symbolic knot inserted in a symbolic list, orders 1 to 4.",
)
def check_prolongation() -> None:
    for order, seed in NESTED_CASES:
        coarse, fine, spans = nested_knots(order, seed)
        P, P_relu = prolongation(coarse, fine, order), relu_prolongation(coarse, fine, order)
        check_refinement(coarse, fine, order, P, spans)
        check_refinement(coarse, fine, order, P_relu, spans, power_relu)
        A, A_fine = change_of_basis(coarse, order), change_of_basis(fine, order)
        assert (A_fine.T * P - P_relu * A.T).is_zero_matrix, (
            f"order {order}, seed {seed}: P in ReLU coordinates"
        )
        knots, product = list(coarse), sp.eye(len(coarse) - order)
        for tau in sorted(set(fine) - set(coarse)):
            if coarse[order - 1] < tau < coarse[-order]:
                product = knot_insertion(knots, tau, order) * product
                knots = sorted([*knots, tau])
        assert prolongation(coarse, knots, order) == product, f"order {order}, seed {seed}: insertions"
    tau = sp.Symbol("tau", real=True)
    for order in ORDERS:
        t = symbolic_knots(2 * order)
        fine = [*t[:order], tau, *t[order:]]
        inserted = knot_insertion(t, tau, order, span=order - 1)
        assert all_vanish(prolongation(t, fine, order) - inserted), f"order {order}: symbolic knots"


@claim(
    "ghost-re-expansion",
    statement="(x - s)^k = sum_{j=0..k} l_j(s) (x - t'_j)^k, l_j the Lagrange polynomials on the "
    "fine ghost knots t'_0, ..., t'_k",
    hypotheses="distinct t'_0, ..., t'_k, any s; every degree k >= 0",
    source="ours; missing from P = A_T I A_T'^(-1) in arXiv:2603.04827",
    strength=PROVED,
    argument="As functions of s both sides are polynomials of degree <= k: the (k+1)-st derivative "
    "of (x - s)^k in s has the falling factorial k (k-1) ... 0 = 0 as factor (checked "
    "with symbolic k), and l_j has k linear factors. They agree at the k + 1 nodes s = "
    "t'_i, since l_j(t'_i) = 0 for i != j (l_j holds the factor s - t'_i, the others a "
    "symbol) and l_j(t'_j) = 1. A polynomial of degree <= k with k + 1 zeros is zero. The "
    "expanded identity for k = 0 to 3 with symbolic knots.",
)
def check_ghost_re_expansion() -> None:
    s, t_own, t_other = sp.symbols("s t_j t_i", real=True)
    k, n = sp.symbols("k n", integer=True, nonnegative=True)
    slope = sp.diff((x - s) ** (k - n), s)
    assert sp.simplify(slope * (x - s) / (x - s) ** (k - n) + (k - n)) == 0, (
        "the n-th step brings the factor k - n"
    )
    assert (k - n).subs(n, k) == 0, "the (k+1)-st step does not bring the factor 0"
    rest = sp.Function("rest")  # the other linear factors, as a function of s
    lagrange = (s - t_other) * rest(s) / ((t_own - t_other) * rest(t_own))
    assert lagrange.subs(s, t_other) == 0, "l_j(t_i)"
    assert sp.cancel(lagrange.subs(s, t_own)) == 1, "l_j(t_j)"
    for degree in range(4):
        nodes = symbolic_knots(degree + 1)
        weights = [
            sp.prod([(s - nodes[l]) / (nodes[j] - nodes[l]) for l in range(degree + 1) if l != j])
            for j in range(degree + 1)
        ]
        total = sum(w * (x - node) ** degree for w, node in zip(weights, nodes, strict=True))
        assert vanishes(total - (x - s) ** degree), f"degree {degree}"


def printed_form(coarse: Sequence[sp.Expr], fine: Sequence[sp.Expr], order: int) -> sp.Matrix:
    """A_T I A_T'^(-1) with I_ij = [t_i = t'_j]: m_coarse x m_fine, meant to give b_coarse from b_fine."""
    A, A_fine = change_of_basis(coarse, order), change_of_basis(fine, order)
    injection = sp.Matrix(A.rows, A_fine.rows, lambda i, j: int(coarse[i] == fine[j]))
    return A * injection * A_fine.upper_triangular_solve(sp.eye(A_fine.rows))


@claim(
    "prolongation-printed",
    statement="P = A_T I A_T'^(-1) with I_ij = [t_i = t'_j] is not exact for any order r >= 2 when "
    "the ghost knots are uniform on both levels: the outermost coarse ghost has no fine "
    "partner",
    hypotheses="uniform knots, every interval halved; counterexample r = 2, one interval [0, 1]",
    source="arXiv:2603.04827, the prolongation P = A_T I A_T'^(-1)",
    strength=REFUTED,
    argument="Every r >= 2: the outermost coarse ghost a - k h lies left of the outermost fine "
    "ghost a - k h/2 (symbolic k, h), so its row of I is zero and b_0 loses at least A_00 "
    "psi_0; as A_00 != 0 and the psi_j are independent on [a, b] (Lemma 1), what is lost "
    "is not zero. The exact loss is sum_j A_ij psi_j over the j without partner: (order, "
    "intervals) in "
    + ", ".join(map(str, PRINTED_CASES))
    + "; for 6 intervals its largest value at x = b is 7, 32, 1319/6 and 22805/24 for r = "
    "2..5. With the ghosts re-expanded (claim ghost-re-expansion) A_T I A_T'^(-1) is "
    "exact and equals the transposed knot insertion in the same cases; for r = 1 (no "
    "ghosts) the printed form is right.",
    misprint=Misprint(
        printed="P = A_T I A_T'^(-1), I_ij = 1 where t_i = t'_j and 0 elsewhere",
        counterexample="r = 2, [0, 1], coarse knots -1, 0, 1, 2, fine knots -1/2, 0, 1/2, 1, 3/2. b_0 = 1 - "
        "x = psi_0 - 2 psi_1 with psi_0 = x + 1, psi_1 = x. The knot -1 is not a fine knot: the "
        "printed P keeps -2 psi_1 = -2x, which at x = 0 is 0 in place of 1 and at x = 1 is -2 "
        "in place of 0.",
        corrected="P = A_T R A_T'^(-1): R injects the inner knots and expands each coarse ghost power, "
        "(x - t_i)^k = sum_{j=0..k} l_j(t_i) (x - t'_j)^k; here x + 1 = 2 (x + 1/2) - x, and "
        "P is that of knot insertion.",
    ),
)
def check_printed_prolongation() -> None:
    a, h, k = sp.symbols("a h k", positive=True)
    assert ((a - k * h / 2) - (a - k * h)).is_positive, "the outermost ghosts"
    coarse, fine = uniform(0, 1, 1, 2), uniform(0, 1, 2, 2)
    first_half = printed_form(coarse, fine, 2) * sp.Matrix(bspline.on_span(fine, 2, 1))
    assert sp.expand(first_half[0]) == -2 * x, f"printed b_0 = {sp.expand(first_half[0])}"
    assert sp.expand(bspline.on_span(coarse, 2, 1)[0]) == 1 - x, "b_0 is not 1 - x"
    assert relu_prolongation(coarse, fine, 2)[:, 0] == sp.Matrix([2, -1, 0]), "x + 1 = 2 (x + 1/2) - x"
    assert (
        printed_form(uniform(0, 1, 3, 1), uniform(0, 1, 6, 1), 1)
        == prolongation(uniform(0, 1, 3, 1), uniform(0, 1, 6, 1), 1).T
    ), "r = 1"
    losses = []
    for order, intervals in PRINTED_CASES:
        coarse, fine = uniform(0, 1, intervals, order), uniform(0, 1, 2 * intervals, order)
        A, A_fine = change_of_basis(coarse, order), change_of_basis(fine, order)
        missing = [int(t not in fine) for t in coarse[: A.rows]]
        printed = printed_form(coarse, fine, order)
        for s in range(2 * intervals):
            psi = sp.Matrix(power_relu.on_span(coarse, order, order - 1 + s // 2))
            lost = A * sp.diag(*missing) * psi
            b = sp.Matrix(bspline.on_span(coarse, order, order - 1 + s // 2))
            b_fine = sp.Matrix(bspline.on_span(fine, order, order - 1 + s))
            assert (b - printed * b_fine - lost).expand().is_zero_matrix, (
                f"order {order}: loss on interval {s}"
            )
        losses.append(max(abs(value) for value in lost.subs(x, 1)))
        P = prolongation(coarse, fine, order)
        corrected = A * relu_prolongation(coarse, fine, order).T
        assert corrected == P.T * A_fine, f"order {order}, {intervals} intervals: corrected form"
        assert printed != P.T, f"order {order}: the printed form is exact"
    six = [value for value, (_, intervals) in zip(losses, PRINTED_CASES, strict=True) if intervals == 6]
    assert six == [7, 32, sp.Rational(1319, 6), sp.Rational(22805, 24)], f"losses at x = 1: {six}"
