"""Gram matrices of both bases: exact integrals of products over [a, b] = [t_k, t_m]."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from theory import bspline
from theory.symbols import x


def integral(polynomial: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """The integral of a polynomial in x from `low` to `high`."""
    primitive = sp.Poly(polynomial, x).integrate(x)
    return sp.expand(primitive.eval(high) - primitive.eval(low))


def bspline_gram(knots: Sequence[sp.Expr], order: int) -> sp.Matrix:
    """M_ij = integral over [a, b] of b_i b_j: m x m, banded, 2r - 1 diagonals, in units of length."""
    m = len(knots) - order
    M = sp.zeros(m, m)
    for s in range(order - 1, m):
        live = [(i, bspline.pieces(knots, i, order)[s]) for i in range(s - order + 1, s + 1)]
        for i, p in live:
            for j, q in live:
                if i <= j:
                    M[i, j] += integral(p * q, knots[s], knots[s + 1])
                    M[j, i] = M[i, j]
    return M


def relu_gram(knots: Sequence[sp.Expr], order: int) -> sp.Matrix:
    """M_ij = integral over [a, b] of psi_i psi_j = (x - t_i)^k (x - t_j)^k from max(a, t_i, t_j) to b."""
    k, m = order - 1, len(knots) - order
    M = sp.zeros(m, m)
    for i in range(m):
        for j in range(i, m):
            product = (x - knots[i]) ** k * (x - knots[j]) ** k
            M[i, j] = M[j, i] = integral(product, knots[max(j, k)], knots[m])
    return M
