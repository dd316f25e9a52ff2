"""Gram matrices of both bases: exact integrals of products over [a, b] = [t_k, t_m]."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from . import bspline
from .exact import expression, increasing_knots, integer
from .symbols import x


def integral(polynomial: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """The integral of a polynomial in x from `low` to `high`.

    Raises
    ------
    TypeError, ValueError
        For arguments that are not exact, or an integrand that is not a polynomial in x.
    """
    polynomial, low, high = (
        expression(name, value) for name, value in (("polynomial", polynomial), ("low", low), ("high", high))
    )
    if not polynomial.is_polynomial(x):
        raise ValueError(f"polynomial must be a polynomial in x, got {polynomial}")
    return _integral(polynomial, low, high)


def _integral(polynomial: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    primitive = sp.Poly(polynomial, x).integrate(x)
    return sp.expand(primitive.eval(high) - primitive.eval(low))


def bspline_gram(knots: Sequence[sp.Expr], order: int) -> sp.Matrix:
    """M_ij = integral over [a, b] of b_i b_j: m x m, banded, 2r - 1 diagonals, in units of length.

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact, do not increase, or are fewer than 2 order.
    """
    order = integer("order", order, 1)
    knots = increasing_knots("knots", knots, 2 * order)
    m = len(knots) - order
    M = sp.zeros(m, m)
    for s in range(order - 1, m):
        active = [(i, bspline._pieces(knots[i : i + order + 1], i)[s]) for i in range(s - order + 1, s + 1)]
        for i, p in active:
            for j, q in active:
                if i <= j:
                    M[i, j] += _integral(p * q, knots[s], knots[s + 1])
                    M[j, i] = M[i, j]
    return M


def relu_gram(knots: Sequence[sp.Expr], order: int) -> sp.Matrix:
    """M_ij = integral over [a, b] of psi_i psi_j = (x - t_i)^k (x - t_j)^k from max(a, t_i, t_j) to b.

    Raises
    ------
    TypeError, ValueError
        As for `bspline_gram`.
    """
    order = integer("order", order, 1)
    knots = increasing_knots("knots", knots, 2 * order)
    k, m = order - 1, len(knots) - order
    M = sp.zeros(m, m)
    for i in range(m):
        for j in range(i, m):
            product = (x - knots[i]) ** k * (x - knots[j]) ** k
            M[i, j] = M[j, i] = _integral(product, knots[max(j, k)], knots[m])
    return M
