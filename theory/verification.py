"""The identities of the equivalence theorem, multiplied out for numbers and order by order for symbols."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy as sp

from . import bspline, power_relu
from .exact import less
from .matrices import (
    change_of_basis,
    change_of_basis_recursive,
    inverse_change_of_basis,
    prolongation,
    relu_prolongation,
)
from .symbols import all_vanish, vanishes

Knots = Sequence[sp.Expr]


def affine_coordinates(t: Knots, s: Knots) -> tuple[Knots, Knots]:
    """t and s with two of the symbols at 0 and 1, if all knots are means of symbols.

    An affine map of x moves all means of the symbols alike and is undone by its inverse. b, P and P_w are
    invariant under it, psi and A^{-1} are multiplied by the scale to the power k, so an identity holds in
    these coordinates if and only if it holds in the given knots. Other knots are returned as they are.
    """
    symbols = sorted(set().union(*(knot.free_symbols for knot in (*t, *s))), key=str)
    anchors = [knot for knot in t if knot.is_Symbol]
    if len(anchors) < 2:
        return t, s
    for knot in (*t, *s):
        slopes = [sp.diff(knot, symbol) for symbol in symbols]
        mean = sum(c * v for c, v in zip(slopes, symbols, strict=True))
        if any(c.free_symbols for c in slopes) or sum(slopes) != 1 or sp.expand(knot - mean) != 0:
            return t, s
    middle = len(anchors) // 2
    values = {anchors[middle - 1]: sp.Integer(0), anchors[middle]: sp.Integer(1)}
    return tuple(v.subs(values) for v in t), tuple(v.subs(values) for v in s)


def verified_directly(t: Knots, s: Knots, order: int) -> tuple[str, ...]:
    """The checks for knots that are numbers: products of matrices, and polynomials on every interval."""
    k, m = order - 1, len(t) - order
    A, inverse = change_of_basis(t, order), inverse_change_of_basis(t, order)
    _require(all_vanish(A - change_of_basis_recursive(t, order)), "A by the recursion")
    _require(all_vanish(A * inverse - sp.eye(m)), "A A^-1 = I")
    positive = all(less(sp.Integer(0), inverse[i, j]) for i in range(m) for j in range(i, m))
    _require(positive, "A^-1 > 0")
    for span in range(k, m):
        b, psi = (sp.Matrix(family.on_span(t, order, span)) for family in (bspline, power_relu))
        for i in range(m):
            _require(vanishes(b[i] - (A[i, :] * psi)[0]), f"b_{i} = (A psi)_{i} on interval {span - k}")
    P, P_relu = prolongation(t, s, order), relu_prolongation(t, s, order)
    for coarse, fine in _nested_spans(t, s, order):
        for family, transfer in ((bspline, P), (power_relu, P_relu)):
            left, right = family.on_span(t, order, coarse), sp.Matrix(family.on_span(s, order, fine))
            for i in range(m):
                _require(
                    vanishes(left[i] - transfer[:, i].dot(right)), f"function {i} on fine interval {fine - k}"
                )
    return _summary(order * (m - k), 2 * order * (len(s) - order - k))


def verified_by_order(t: Knots, s: Knots, order: int) -> tuple[str, ...]:
    """The checks for knots with symbols.

    Lemma 2 by its induction, for these knots: the entries of A^[q] follow from those of A^[q-1], and in the
    recursion of Cox and de Boor the terms of the lower power cancel, for every function, every column and q =
    2, ..., r. A^{-1} likewise, by B^[q] (I - S) = B^[q-1] W_q (claim marsden-inverse). P by Marsden's
    identity: the coefficients of (y - x)^k are prod_l (y - t_{i+l}) on the coarse knots and prod_l (y -
    t'_{j+l}) on the fine knots, and P maps the former to the latter, on every interval, for k + 1 values of
    y. They determine a polynomial of degree k in y; the k + 1 active products are independent, so P^T b' = b.
    P_w by the moments of the powers of ghost knots.
    """
    k, m = order - 1, len(t) - order
    closed = change_of_basis(t, order)
    _require(all_vanish(closed - change_of_basis_recursive(t, order)), "A by the recursion")
    inverse = inverse_change_of_basis(t, order)
    for i in range(m):
        for j in range(m):
            _require(vanishes(closed[i, j] - _entry(t, order, i, j)), f"A, entry {i}, {j}")
            expected = _product(t, order, i, j) if j >= i else 0
            _require(vanishes(inverse[i, j] - expected), f"A^-1, entry {i}, {j}")
    for q in range(2, order + 1):
        _require_order(t, q)
    _require_prolongation(t, s, order)
    _require_relu_prolongation(t, s, order)
    return _summary(order * (m - k), 2 * order * (len(s) - order - k))


def _require_order(t: Knots, q: int) -> None:
    """The steps from order q - 1 to q: entries of A, the lower power, entries of A^{-1}."""
    n = len(t) - q
    for i in range(n):
        left, right = t[i + q - 1] - t[i], t[i + q] - t[i + 1]
        for j in range(i, i + q + 1):
            above = _entry(t, q - 1, i, j) / left
            below = _entry(t, q - 1, i + 1, j) / right
            where = f"order {q}, b_{i}, power {j}"
            _require(vanishes(above - below - _entry(t, q, i, j)), where)
            _require(vanishes((t[j] - t[i]) * above + (t[i + q] - t[j]) * below), where)
        for j in range(i, n):
            difference = _product(t, q, i, j) - (_product(t, q, i, j - 1) if j > i else 0)
            step = _product(t, q - 1, i, j) * (t[j + q - 1] - t[j])
            _require(vanishes(difference - step), f"order {q}, A^-1, entry {i}, {j}")


def _entry(t: Knots, order: int, i: int, j: int) -> sp.Expr:
    """A_ij in closed form, without dropping columns."""
    if not i <= j <= i + order:
        return sp.Integer(0)
    others = sp.prod([t[j] - t[l] for l in range(i, i + order + 1) if l != j])
    return (-1) ** order * (t[i + order] - t[i]) / others


def _product(t: Knots, order: int, i: int, j: int) -> sp.Expr:
    return sp.prod([t[j + l] - t[i] for l in range(1, order)])


def _require_prolongation(t: Knots, s: Knots, order: int) -> None:
    k, m = order - 1, len(t) - order
    P = prolongation(t, s, order)
    spans: dict[int, list[int]] = {}
    for coarse, fine in _nested_spans(t, s, order):
        for j in range(fine - k, fine + 1):
            if coarse not in spans.setdefault(j, []):
                spans[j].append(coarse)
    for j, touched in spans.items():
        for span in touched:
            where = f"P, row {j} on interval {span - k}"
            _require(all(vanishes(P[j, i]) for i in range(m) if not span - k <= i <= span), where)
            below, above = range(span, span - k // 2 - 1, -1), range(span + 1, span + 1 + k - k // 2)
            for l in (*below, *above):  # knots as values of y: most products vanish
                y = t[l]
                mapped = sum(
                    P[j, i] * sp.prod([y - v for v in t[i + 1 : i + order]])
                    for i in range(span - k, span + 1)
                )
                _require(vanishes(mapped - sp.prod([y - v for v in s[j + 1 : j + order]])), where)


def _require_relu_prolongation(t: Knots, s: Knots, order: int) -> None:
    """(x - t_i)^k = sum_j P_ji (x - t'_j)^k for ghosts, coefficient by coefficient; other powers are kept."""
    P = relu_prolongation(t, s, order)
    for i in range(P.cols):
        support = [j for j in range(P.rows) if P[j, i] != 0]
        if i < order:
            _require(max(support) < order, f"P_w, column {i}")
            for p in range(order):
                moment = sum(P[j, i] * s[j] ** p for j in support)
                _require(vanishes(moment - t[i] ** p), f"P_w, column {i}, moment {p}")
        else:
            kept = len(support) == 1 and P[support[0], i] == 1 and s[support[0]] == t[i]
            _require(kept, f"P_w, column {i}")


def _nested_spans(t: Knots, s: Knots, order: int) -> Iterator[tuple[int, int]]:
    """(coarse span, fine span) for every interval of the refinement, left to right."""
    coarse, k = order - 1, order - 1
    for fine in range(k, len(s) - order):
        if fine > k and s[fine] in t[k : len(t) - k]:
            coarse += 1
        yield coarse, fine


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ArithmeticError(f"not verified: {what}")


def _summary(in_A: int, in_P: int) -> tuple[str, ...]:
    return (
        "A by the recursion = A in closed form",
        "A A^-1 = I, A^-1 by Marsden's identity, positive on and above the diagonal",
        f"b_i = sum_j A_ij psi_j on every interval of [a, b] ({in_A} identities)",
        f"b = P^T b', psi = P_w^T psi' on every interval of the refinement ({in_P} identities)",
    )
