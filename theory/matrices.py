"""The matrices of the paper, exact: change of basis A (three ways), its inverse, prolongation P in both
bases.

Order r = degree + 1, k = r - 1; `knots` is the extended list t_0 < ... < t_{m+r-1}, [a, b] = [t_k, t_m],
so that index i stands for the paper's i - k.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import sympy as sp

from . import bspline, power_relu
from .exact import expression, increasing_knots, integer, less
from .symbols import x

Knots = Sequence[sp.Expr]


def change_of_basis(knots: Knots, order: int) -> sp.Matrix:
    """A with b = A psi on [a, b], closed form: m x m, upper triangular, r + 1 diagonals.

    A_ij = (-1)^r (t_{i+r} - t_i) / prod_{l=i..i+r, l != j} (t_j - t_l), the divided difference of the
    truncated power on t_i, ..., t_{i+r}, which solves the recursion of arXiv:2603.04827, Lemma 2.
    Columns j >= m are dropped: those ReLUs vanish on [a, b].

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact, do not increase, or are fewer than 2 order.
    """
    t, r = _read(knots, order)
    m = len(t) - r

    def entry(i: int, j: int) -> sp.Expr:
        if not i <= j <= i + r:
            return sp.Integer(0)
        others = sp.prod([t[j] - t[l] for l in range(i, i + r + 1) if l != j])
        return (-1) ** r * (t[i + r] - t[i]) / others

    return sp.Matrix(m, m, entry)


def change_of_basis_recursive(knots: Knots, order: int) -> sp.Matrix:
    """A by the recursion of arXiv:2603.04827, Lemma 2, from A^[1] = I - S with the shift S.

    A^[r]_ij = A^[r-1]_ij/(t_{i+r-1} - t_i) - A^[r-1]_{i+1,j}/(t_{i+r} - t_{i+1}), where the row past the
    last is zero: it would begin in the first column that is dropped.

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact, do not increase, or are fewer than 2 order.
    """
    t, order = _read(knots, order)
    m = len(t) - order
    A = sp.Matrix(m, m, lambda i, j: int(i == j) - int(i + 1 == j))
    for r in range(2, order + 1):
        below = A[1:, :].col_join(sp.zeros(1, m))
        widths = [(t[i + r - 1] - t[i], t[i + r] - t[i + 1]) for i in range(m)]
        A = sp.Matrix(m, m, lambda i, j, A=A, B=below, w=widths: A[i, j] / w[i][0] - B[i, j] / w[i][1])
    return A


def change_of_basis_solved(knots: Knots, order: int) -> sp.Matrix:
    """A by solving b = A psi on [a, b] for its m^2 entries, from the two families alone.

    The unknown row of b_i has m conditions: the r coefficients of x^p on the first interval, and the
    coefficient of x^k on each later interval (the lower powers then agree by smoothness, which the caller
    checks on every interval).

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact, do not increase, or are fewer than 2 order.
    """
    knots, r = _read(knots, order)
    m = len(knots) - r

    def functionals(family: list[list[sp.Expr]]) -> sp.Matrix:
        first = [[sp.expand(f).coeff(x, p) for f in family[0]] for p in range(r)]
        leading = [[sp.expand(f).coeff(x, r - 1) for f in span] for span in family[1:]]
        return sp.Matrix(first + leading)

    spans = range(r - 1, m)
    b = functionals([bspline.on_span(knots, r, s) for s in spans])
    psi = functionals([power_relu.on_span(knots, r, s) for s in spans])
    return psi.LUsolve(b).T


def inverse_change_of_basis(knots: Knots, order: int) -> sp.Matrix:
    """A^{-1} with psi = A^{-1} b on [a, b], closed form: m x m, upper triangular, full above the diagonal.

    (A^{-1})_ij = prod_{l=1..k} (t_{j+l} - t_i) for j >= i, else 0: Marsden's identity (Marsden 1970),
    (y - x)^k = sum_j prod_{l=1..k} (y - t_{j+l}) b_j(x), cut off at y = t_i (claim marsden-inverse). Every
    entry on and above the diagonal is a product of positive differences.

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact, do not increase, or are fewer than 2 order.
    """
    t, r = _read(knots, order)
    m = len(t) - r

    def entry(i: int, j: int) -> sp.Expr:
        return sp.prod([t[j + l] - t[i] for l in range(1, r)]) if j >= i else sp.Integer(0)

    return sp.Matrix(m, m, lambda i, j: entry(int(i), int(j)))


def midpoints(knots: Knots, order: int) -> list[sp.Expr]:
    """Extended knots with every interval halved, ghost intervals too, and k ghost knots kept on each side.

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact, do not increase, or are fewer than 2 order.
    """
    t, r = _read(knots, order)
    k, m = r - 1, len(t) - r
    finer = [t[0]]
    for left, right in pairwise(t):
        finer += [(left + right) / 2, right]
    return finer[k : 2 * m + k + 1]


def uniform_change_of_basis(intervals: int, order: int, h: sp.Expr) -> sp.Matrix:
    """A on uniform knots of spacing h: (-1)^(j-i) C(r, j-i) / ((r-1)! h^(r-1)), banded Toeplitz.

    arXiv:2603.04827, Corollary 1: A = h^(1-r)/(r-1)! (I - S)^r.

    Raises
    ------
    TypeError, ValueError
        For a spacing that is not exact or not positive, no interval, or an order below 1.
    """
    intervals, r = integer("intervals", intervals, 1), integer("order", order, 1)
    h = expression("h", h)
    if h.is_extended_nonpositive:
        raise ValueError(f"h must be positive, got {h}")
    m = intervals + r - 1
    scale = sp.factorial(r - 1) * h ** (r - 1)
    return sp.Matrix(
        m, m, lambda i, j: (-1) ** (j - i) * sp.binomial(r, j - i) / scale if 0 <= j - i <= r else 0
    )


def knot_insertion(knots: Knots, new: sp.Expr, order: int, span: int | None = None) -> sp.Matrix:
    """P with c' = P c after the insertion of a knot `new` in [t_span, t_{span+1}) (Boehm): (m+1) x m.

    c'_i = alpha_i c_i + (1 - alpha_i) c_{i-1}, alpha_i = (new - t_i)/(t_{i+k} - t_i) for
    span - k < i <= span, 1 before, 0 after. `span` must be given when `new` or a knot is symbolic.

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact, do not increase, or are fewer than 2 order, and for a knot that does not
        lie in that span of [a, b).
    """
    t, order = _read(knots, order)
    new = expression("new", new)
    k, m = order - 1, len(t) - order
    if span is None:
        if not (new.is_number and all(s.is_number for s in t)):
            raise ValueError(f"span must be given if new or a knot is symbolic, got new = {new}")
        span = max((s for s in range(len(t)) if not less(new, t[s])), default=-1)
        if not k <= span < m:
            raise ValueError(f"new must lie in [{t[k]}, {t[m]}), got {new}")
    span = integer("span", span, k, m - 1)
    if _before(new, t[span]) or _before(t[span + 1], new) or new == t[span + 1]:
        raise ValueError(f"new must lie in [{t[span]}, {t[span + 1]}), span {span}, got {new}")
    P = sp.zeros(m + 1, m)
    for i in range(m + 1):
        if i <= span - k:
            alpha = sp.Integer(1)
        elif i <= span:
            alpha = (new - t[i]) / (t[i + k] - t[i])
        else:
            alpha = sp.Integer(0)
        if i < m:
            P[i, i] = alpha
        if i > 0:
            P[i, i - 1] = 1 - alpha
    return P


def prolongation(coarse: Knots, fine: Knots, order: int) -> sp.Matrix:
    """P with c_fine = P c_coarse, the same spline on [a, b]: m_fine x m_coarse.

    Row i holds the blossom of a coarse piece at (t'_{i+1}, ..., t'_{i+k}). Breakpoints of [a, b] must be
    nested; the ghost knots of the two sides need not be related. Knots are compared for equality only,
    so that they may be symbolic.

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact, do not increase, or are fewer than 2 order, and if breakpoints are not
        nested.
    """
    coarse, order = _read(coarse, order, "coarse")
    fine, _ = _read(fine, order, "fine")
    k, m_fine, m_coarse = order - 1, len(fine) - order, len(coarse) - order
    where = [_place(fine, t) for t in coarse[k : m_coarse + 1]]
    if where[0] != k or where[-1] != m_fine:
        raise ValueError(
            f"fine must have the [a, b] of coarse, [{coarse[k]}, {coarse[m_coarse]}], "
            f"got [{fine[k]}, {fine[m_fine]}]"
        )
    P = sp.zeros(m_fine, m_coarse)
    for i in range(m_fine):
        inside = min(max(i, k), m_fine - 1)  # a span of [a, b] in the support of fine function i
        span = k + max(c for c, f in enumerate(where) if f <= inside)
        for l, value in enumerate(_blossom(coarse, span, fine[i + 1 : i + k + 1])):
            P[i, span - k + l] = value
    return P


def _blossom(t: Knots, span: int, arguments: Knots) -> list[sp.Expr]:
    """Weights of c_{span-k}, ..., c_span in the blossom of the piece on `span` (de Boor's recursion)."""
    k = len(arguments)
    rows = [[sp.Integer(int(l == j)) for l in range(k + 1)] for j in range(k + 1)]
    for level, u in enumerate(arguments, start=1):
        for j in range(k, level - 1, -1):
            left, right = t[span - k + j], t[span + 1 + j - level]
            alpha = (u - left) / (right - left)
            rows[j] = [(1 - alpha) * p + alpha * q for p, q in zip(rows[j - 1], rows[j], strict=True)]
    return rows[k]


def two_scale(intervals: int, order: int) -> sp.Matrix:
    """P on uniform knots when each of `intervals` is halved: b_i = sum_s 2^(1-r) C(r, s) b'_{2i-k+s}.

    arXiv:2603.04827, Eq. 25, with the factor corrected from 2^(-r); fine indices outside 0..m'-1 are
    dropped (those functions vanish on [a, b]).

    Raises
    ------
    TypeError, ValueError
        For no interval, or an order below 1.
    """
    intervals, r = integer("intervals", intervals, 1), integer("order", order, 1)
    k = r - 1
    m_fine, m_coarse = 2 * intervals + k, intervals + k

    def entry(row: int, i: int) -> sp.Expr:
        s = row - (2 * i - k)
        return sp.binomial(r, s) / sp.Integer(2) ** (r - 1) if 0 <= s <= r else sp.Integer(0)

    return sp.Matrix(m_fine, m_coarse, entry)


def relu_prolongation(coarse: Knots, fine: Knots, order: int) -> sp.Matrix:
    """P in the ReLU basis: w_fine = P w_coarse, the same function on [a, b].

    Inner knots (a < t < b) are injected. A ghost power is a polynomial on [a, b] and is re-expanded in
    the fine ghosts: (x - s)^k = sum_j l_j(s) (x - t'_j)^k, with l_j the Lagrange polynomials on
    t'_0, ..., t'_k, because both sides are polynomials of degree k in s that agree at the k + 1 nodes.

    Raises
    ------
    TypeError, ValueError
        As for `prolongation`.
    """
    coarse, order = _read(coarse, order, "coarse")
    fine, _ = _read(fine, order, "fine")
    k, m_fine, m_coarse = order - 1, len(fine) - order, len(coarse) - order
    nodes = fine[: k + 1]
    P = sp.zeros(m_fine, m_coarse)
    for i in range(k + 1):
        for j in range(k + 1):
            P[j, i] = sp.prod(
                [(coarse[i] - nodes[l]) / (nodes[j] - nodes[l]) for l in range(k + 1) if l != j]
            )
    for i in range(k + 1, m_coarse):
        P[_place(fine, coarse[i]), i] = 1
    return P


def _read(knots: Knots, order: int, name: str = "knots") -> tuple[tuple[sp.Expr, ...], int]:
    """Knots with at least one interval [t_k, t_{k+1}], and the order."""
    order = integer("order", order, 1)
    return increasing_knots(name, knots, 2 * order), order


def _place(fine: Knots, knot: sp.Expr) -> int:
    for i, t in enumerate(fine):
        if t == knot:
            return i
    raise ValueError(f"fine must hold the breakpoints of coarse, got none at {knot}")


def _before(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two knots are known to be in this order."""
    return bool((right - left).is_positive)
