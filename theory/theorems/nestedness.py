"""Definition 1, Proposition 1, Lemma 6: coarse networks inside finer ones, and where nestedness ends."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType

import sympy as sp

from .. import bspline, power_relu
from ..claims import EXACT, PROVED, REFUTED, Misprint, claim
from ..matrices import prolongation, relu_prolongation
from ..symbols import equal, rational_knots, symbolic_knots, uniform, vanishes, x

m, M, n = sp.symbols("m M n", integer=True, positive=True)  # coarse and fine coefficients, residuals
P = sp.MatrixSymbol("P", M, m)

SYMBOLIC_ORDERS = (1, 2, 3)
"""Orders at which a knot is inserted into an interval of symbolic knots."""
NETWORK_CASES = tuple((order, seed) for order in (2, 3, 4) for seed in (1, 2))
"""(order, seed of the knots) of the two-layer networks."""


def refined(t: list[sp.Rational], order: int) -> list[sp.Rational]:
    """Every interval of [a, b] halved; ghost knots of unrelated spacing."""
    k = order - 1
    inner = t[k : len(t) - k]
    middles = [(p + q) / 2 for p, q in pairwise(inner)]
    points = sorted([*inner, *middles])
    left = [points[0] - sp.Rational(j, 5) for j in range(k, 0, -1)]
    right = [points[-1] + sp.Rational(j, 3) for j in range(1, k + 1)]
    return left + points + right


@claim(
    "definition-1",
    statement="a layer is properly nested: y_q = sum_p sum_i (U_c)_piq b_i(x_p) = sum_p sum_j (P "
    "U_c)_pjq b'_j(x_p) on [a, b], with a P for each input; in ReLU coordinates with P_w = A'^T P A^(-T)",
    hypotheses="breakpoints T in T', strictly increasing knots, ghost knots of the two sides unrelated; "
    "every order",
    source="arXiv:2603.04827, Definition 1",
    strength=PROVED,
    argument="The coarse B-splines are splines of the fine space (claim nested-spaces), whose basis are the "
    "fine B-splines (claim lemma-1-bspline), so there is exactly one P with b = P^T b' on [a, b]. U^T b = "
    "U^T P^T b' = (P U)^T b'; with b = A psi, b' = A' psi': psi = A^{-1} P^T A' psi' = P_w^T psi'. In matrix "
    "symbols of symbolic sizes. The entries of P are claims knot-insertion and prolongation. Insertion "
    "into symbolic knots (which change their ghosts at the same time) for "
    "orders " + ", ".join(map(str, SYMBOLIC_ORDERS)) + ".",
)
def check_definition_1() -> None:
    U, fine = sp.MatrixSymbol("U", m, 1), sp.MatrixSymbol("b", M, 1)
    assert equal(U.T * (P.T * fine), (P * U).T * fine), "spline coordinates"
    A, A_fine, psi = sp.MatrixSymbol("A", m, m), sp.MatrixSymbol("B", M, M), sp.MatrixSymbol("psi", M, 1)
    P_w = A_fine.T * P * A.T.inv()
    assert equal(A.inv() * (P.T * (A_fine * psi)), P_w.T * psi), "ReLU coordinates"
    assert equal(A_fine.T * (P * U), P_w * (A.T * U)), "the coefficients w = A^T u"
    for order in SYMBOLIC_ORDERS:
        k = order - 1
        t = symbolic_knots(2 * order)  # one interval [t_k, t_{k+1}]
        tau, left, right = sp.Symbol("tau"), sp.symbols(f"l0:{k}"), sp.symbols(f"r0:{k}")
        s = [*left, t[k], tau, t[k + 1], *right]
        matrix = prolongation(t, s, order)
        for span in (k, k + 1):
            b, finer = bspline.on_span(t, order, k), sp.Matrix(bspline.on_span(s, order, span))
            for i in range(order):
                assert vanishes(b[i] - matrix[:, i].dot(finer)), f"order {order}, b_{i}, fine span {span}"


@claim(
    "proposition-1",
    statement="training the coarse model is training the fine model restricted to the range of P: L_c(u) = "
    "L_f(P u), grad L_c = P^T grad L_f, J_c = J_f P, H_c = P^T H_f P, and the same for the Gauss-Newton "
    "matrix (Galerkin)",
    hypotheses="properly nested models; losses twice differentiable functions of the outputs",
    source="arXiv:2603.04827, Proposition 1; the Galerkin Hessian ours",
    strength=PROVED,
    argument="g_c(x; u) = g_f(x; P u) for every x, so losses agree at u and P u. Chain rule with the "
    "linear map u -> P u: dL_c = g_f^T P du, second differential du^T P^T H_f P dv, no further term "
    "because the second derivative of P u is 0. In matrix symbols of symbolic sizes, and by "
    "differentiating a cubic loss. In coarse coordinates w the same holds with P_w.",
)
def check_proposition_1() -> None:
    g, v, z = sp.MatrixSymbol("g", M, 1), sp.MatrixSymbol("v", m, 1), sp.MatrixSymbol("z", m, 1)
    H, J, W = sp.MatrixSymbol("H", M, M), sp.MatrixSymbol("J", n, M), sp.MatrixSymbol("W", n, n)
    assert equal(g.T * (P * v), (P.T * g).T * v), "gradient"
    assert equal((P * v).T * H * (P * z), v.T * (P.T * H * P) * z), "Hessian"
    assert equal((J * P).T * W * (J * P), P.T * (J.T * W * J) * P), "Gauss-Newton matrix"
    order = 2
    t = uniform(0, 1, 1, order)
    matrix = prolongation(t, uniform(0, 1, 2, order), order)
    u, c = sp.Matrix(sp.symbols("u0:2")), sp.Matrix(sp.symbols("c0:3"))
    loss = c[0] ** 3 * c[1] + (c[1] - 2 * c[2]) ** 2
    at = dict(zip(c, matrix * u, strict=True))
    coarse = loss.subs(at, simultaneous=True)
    slope = sp.Matrix([loss]).jacobian(c).T.subs(at, simultaneous=True)
    assert all(map(vanishes, sp.Matrix([coarse]).jacobian(u).T - matrix.T * slope)), "gradient of a cubic"
    curvature = sp.hessian(loss, list(c)).subs(at, simultaneous=True)
    assert all(map(vanishes, sp.hessian(coarse, list(u)) - matrix.T * curvature * matrix)), (
        "Hessian of a cubic"
    )


@claim(
    "lemma-6",
    statement="networks of any depth and widths are properly nested if the activation bases of every layer "
    "are: g_c(x; u) = g_f(x; P u), P block diagonal, a block for every edge",
    hypotheses="phi_c(z) = P_l^T phi_f(z) for every value z that enters layer l (any bases, splines or "
    "not); maps between the layers the same on both levels",
    source="arXiv:2603.04827, Lemma 6",
    strength=PROVED,
    argument="Induction on the depth. The values z that enter a layer agree on both levels, by induction; "
    "there U^T phi_c(z) = U^T P_l^T phi_f(z) = (P_l U)^T phi_f(z), so what leaves it agrees. Checked with "
    "phi_f any functions of a shared symbol z and symbolic P (sizes 1 to 3), with matrix symbols for every "
    "size in claim definition-1.",
)
def check_lemma_6() -> None:
    z_c, z_f = sp.symbols("z_c z_f", real=True)
    for coarse, fine in ((1, 2), (2, 3), (3, 3)):
        transfer = sp.Matrix(fine, coarse, lambda i, j: sp.Symbol(f"P_{i}{j}"))
        phi_f = [sp.Function(f"phi_{i}") for i in range(fine)]
        phi_c = transfer.T * sp.Matrix([f(z_c) for f in phi_f])
        u = sp.Matrix(sp.symbols(f"u0:{coarse}"))
        outputs = sp.Matrix([f(z_f) for f in phi_f])
        difference = u.dot(phi_c).subs(z_c, z_f) - (transfer * u).dot(outputs)
        assert sp.expand(difference) == 0, f"sizes {coarse}, {fine}"


@claim(
    "lemma-6-networks",
    statement="a network [1,1,1] with symbolic coefficients is the same piecewise polynomial on both "
    "levels, in the spline and in the ReLU basis",
    hypotheses="two intervals of random rational length, halved; unrelated ghost knots; hidden values in "
    "[a, b]",
    source="arXiv:2603.04827, Lemma 6",
    strength=EXACT,
    argument="(order, seed) in "
    + ", ".join(map(str, NETWORK_CASES))
    + ". First layer on every fine interval, "
    "composed with the second on every fine interval, multiplied out in the input and all coefficients.",
)
def check_lemma_6_networks() -> None:
    for order, seed in NETWORK_CASES:
        t = rational_knots(2 * order + 1, seed=seed)
        s = refined(t, order)
        for family, transfer in ((bspline, prolongation), (power_relu, relu_prolongation)):
            matrix = transfer(t, s, order)
            u, v = (sp.Matrix(sp.symbols(f"{name}0:{matrix.cols}")) for name in "uv")
            for inner in range(order - 1, len(s) - order):
                z_c, z_f = values(family, t, s, u, matrix * u, order, inner)
                assert sp.Poly(z_c - z_f, x, *u).is_zero, f"order {order}: first layer, fine span {inner}"
                for outer in range(order - 1, len(s) - order):
                    y_c, y_f = values(family, t, s, v, matrix * v, order, outer)
                    first, second = sp.Poly(y_c, x, *v), sp.Poly(y_f, x, *v)
                    assert first == second, f"order {order}: second layer, fine span {outer}"
                    if order <= 3:  # composed and multiplied out as well
                        composed = sp.expand(y_c.subs(x, z_c) - y_f.subs(x, z_f))
                        assert composed == 0, f"composed, fine spans {inner}, {outer}"


def values(
    family: ModuleType,
    t: list[sp.Rational],
    s: list[sp.Rational],
    coarse: sp.Matrix,
    fine: sp.Matrix,
    order: int,
    span: int,
) -> tuple[sp.Expr, sp.Expr]:
    """An edge on a fine interval: from the coarse and from the fine coefficients."""
    parent = max(c for c in range(order - 1, len(t) - order) if t[c] <= s[span])
    values = [
        sp.expand(coefficients.dot(sp.Matrix(family.on_span(knots, order, where))))
        for knots, coefficients, where in ((t, coarse, parent), (s, fine, span))
    ]
    return values[0], values[1]


@claim(
    "nested-continuations",
    statement="continued outside [a, b] by the end polynomial, by its value and slope, or by its value, "
    "models are properly nested for every x; so are models cut to zero outside [a, b], which jump there",
    hypotheses="nested breakpoints with the same a and b; ghost knots unrelated; every order r >= 1 "
    "(slope: r >= 2)",
    source="ours; arXiv:2603.04827, Definition 1 asks for every x",
    strength=PROVED,
    argument="On the first fine interval [a, t'_1], part of the first coarse interval, the two functions "
    "agree (claim definition-1), so their end pieces are the same polynomial, and with it its value and "
    "slope at a; likewise at b. What is continued depends on nothing else. End pieces with symbolic knots "
    "and coefficients for orders " + ", ".join(map(str, SYMBOLIC_ORDERS)) + ".",
)
def check_continuations() -> None:
    for order in SYMBOLIC_ORDERS:
        k = order - 1
        t = symbolic_knots(2 * order)
        tau, left, right = sp.Symbol("tau"), sp.symbols(f"l0:{k}"), sp.symbols(f"r0:{k}")
        s = [*left, t[k], tau, t[k + 1], *right]
        matrix = prolongation(t, s, order)
        coarse = bspline.on_span(t, order, k)
        for end, span in ((t[k], k), (t[k + 1], k + 1)):
            fine = sp.Matrix(bspline.on_span(s, order, span))
            for i in range(order):  # linear in the coefficients: one at a time
                difference = coarse[i] - matrix[:, i].dot(fine)
                for derivative in (0, 1):
                    at_end = sp.diff(difference, x, derivative).subs(x, end)
                    assert vanishes(at_end), f"order {order}, b_{i}, derivative {derivative} at {end}"


@claim(
    "nested-zero-extrapolation",
    statement="B-splines that are left to decay to zero over their own ghost knots are not nested outside "
    "[a, b], although they are inside",
    hypotheses="counterexample: r = 2, one interval [0, 1] halved, uniform ghost knots, x = -1/2",
    source="arXiv:2603.04827, Definition 1 and Lemma 6, read for every x",
    strength=REFUTED,
    argument="The ghost knots of the levels differ, and with them the decay. A hidden value that leaves "
    "[a, b] makes the networks differ. Inside, and with continuations of the end pieces, nestedness holds "
    "(claims definition-1 and nested-continuations). The same numbers for every order: the coarse sum of "
    "all B-splines is positive at x = a - k h/2 for r >= 2, where the fine sum begins.",
    misprint=Misprint(
        printed="g_c(x; u) = g_f(x; P u) for every x, with B-splines that vanish outside their support",
        counterexample="knots -1, 0, 1, 2 and -1/2, 0, 1/2, 1, 3/2; u = (1, 1), P u = (1, 1, 1). Both sums "
        "are 1 on [0, 1]. At x = -1/2 the coarse function is 1/2, the fine function 0.",
        corrected="it holds for x in [a, b], and for every x if both levels continue their end pieces.",
    ),
)
def check_zero_extrapolation() -> None:
    t, s = uniform(0, 1, 1, 2), uniform(0, 1, 2, 2)
    assert s == [sp.Rational(j, 2) for j in (-1, 0, 1, 2, 3)], "fine knots"
    assert prolongation(t, s, 2) * sp.ones(2, 1) == sp.ones(3, 1), "P u"
    assert total(t, 2, 0, sp.Rational(-1, 2)) == sp.Rational(1, 2), "coarse sum"
    assert total(s, 2, 0, sp.Rational(-1, 2)) == 0, "fine sum"
    for order in (2, 3, 4, 5):
        t, s = uniform(0, 1, 1, order), uniform(0, 1, 2, order)
        assert prolongation(t, s, order) * sp.ones(order, 1) == sp.ones(order + 1, 1), f"order {order}: P u"
        assert total(s, order, 0, s[0]) == 0 < total(t, order, (order - 1) // 2, s[0]), f"order {order}"


def total(t: list[sp.Rational], order: int, span: int, point: sp.Rational) -> sp.Rational:
    """The sum of all B-splines at a point of [t_span, t_{span+1}]."""
    assert t[span] <= point <= t[span + 1], "the point is not on this span"
    return sum((piece.subs(x, point) for piece in bspline.on_span(t, order, span)), sp.Integer(0))


@claim(
    "nested-spaces",
    statement="for breakpoints T in T' the spline spaces are nested the same way: S(T) in S(T'), and not "
    "the other",
    hypotheses="one interval [a, b], the same degree; counterexample: degree 1, T = {0, 1}, T' = {0, 1/2, 1}",
    source="arXiv:2603.04827, text on nested knots (the inclusion of the spaces)",
    strength=REFUTED,
    argument="A spline on T is a polynomial on each interval of T, so also on each interval of T', and "
    "at a point of T' that is not in T it is smoother than it must be: S(T) in S(T'), for every order. The "
    "dimensions n + k and n' + k with n < n' exclude the other inclusion. Both in the coordinates of claim "
    "lemma-1-relu: at a new knot the jump of the k-th derivative, which S(T) lacks.",
    misprint=Misprint(
        printed="T in T' implies S(T') in S(T)",
        counterexample="the hat function with its peak at 1/2 (2 x, then 2 - 2 x) is in S(T') but no "
        "straight line, and S(T) holds straight lines only.",
        corrected="T in T' implies S(T) in S(T'): refinement makes the space larger.",
    ),
)
def check_spaces() -> None:
    t, s = uniform(0, 1, 1, 2), uniform(0, 1, 2, 2)
    hat = [bspline.on_span(s, 2, span)[1] for span in (1, 2)]
    assert [sp.expand(piece) for piece in hat] == [2 * x, 2 - 2 * x], f"hat function {hat}"
    assert hat[0].diff(x) != hat[1].diff(x), "no straight line"
    lines = [b.diff(x, 2) for b in bspline.on_span(t, 2, 1)]
    assert lines == [0, 0], "S(T) holds straight lines only"
    for order in (1, 2, 3, 4):
        coarse, fine = uniform(0, 1, 2, order), uniform(0, 1, 4, order)
        matrix = prolongation(coarse, fine, order)
        assert matrix.rank() == matrix.cols < matrix.rows, f"order {order}: dimensions"
        for span in range(order - 1, len(fine) - order):
            b = sp.Matrix(bspline.on_span(coarse, order, order - 1 + (span - order + 1) // 2))
            finer = sp.Matrix(bspline.on_span(fine, order, span))
            assert (b - matrix.T * finer).applyfunc(sp.expand).is_zero_matrix, f"order {order}, span {span}"
