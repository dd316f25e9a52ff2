"""B-splines as exact piecewise polynomials, by the Cox-de Boor recursion."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import sympy as sp

from .exact import increasing_knots, integer
from .symbols import x

Piece = TypeVar("Piece", sp.Expr, sp.Poly)
Pieces = dict[int, sp.Expr]
"""Polynomial in x on the span s = [t_s, t_{s+1}); a span that is absent carries zero."""


def pieces(knots: Sequence[sp.Expr], i: int, order: int) -> Pieces:
    """The B-spline b_i of this order on t_i, ..., t_{i+order}, a polynomial for each of its spans.

    b_i^[1] = 1 on [t_i, t_{i+1}),
    b_i^[r] = (x - t_i)/(t_{i+r-1} - t_i) b_i^[r-1] + (t_{i+r} - x)/(t_{i+r} - t_{i+1}) b_{i+1}^[r-1]
    (arXiv:2603.04827, definition of the bases). Rational knots give expanded polynomials; with symbolic knots
    the pieces stay as the recursion leaves them and are compared with `theory.symbols.vanishes`.

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact or do not increase, and an index beyond the last B-spline.
    """
    order = integer("order", order, 1)
    knots = increasing_knots("knots", knots, order + 1)
    i = integer("i", i, 0, len(knots) - order - 1)
    return _pieces(knots[i : i + order + 1], i)


def _pieces(window: tuple[sp.Expr, ...], i: int) -> Pieces:
    local = _rational(window) if all(t.is_Rational for t in window) else _symbolic(window)
    return {i + s: piece.as_expr() for s, piece in enumerate(local)}


@lru_cache(maxsize=4096)
def _symbolic(t: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
    """The pieces, left to right, of the B-spline whose knots are exactly these."""
    if len(t) == 2:
        return (sp.Integer(1),)
    up, down = (x - t[0]) / (t[-2] - t[0]), (t[-1] - x) / (t[-1] - t[1])
    return _combine(up, _symbolic(t[:-1]), down, _symbolic(t[1:]))


@lru_cache(maxsize=4096)
def _rational(t: tuple[sp.Rational, ...]) -> tuple[sp.Poly, ...]:
    """The same as polynomials with rational coefficients: much faster than expanding expressions."""
    if len(t) == 2:
        return (sp.Poly(1, x, domain="QQ"),)
    up = sp.Poly([1, -t[0]], x, domain="QQ").mul_ground(1 / (t[-2] - t[0]))
    down = sp.Poly([-1, t[-1]], x, domain="QQ").mul_ground(1 / (t[-1] - t[1]))
    return _combine(up, _rational(t[:-1]), down, _rational(t[1:]))


def _combine(up: Piece, left: tuple[Piece, ...], down: Piece, right: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """A step of the recursion: `left` begins at the first span, `right` at the second."""
    inner: list[Piece] = [up * p + down * q for p, q in zip(left[1:], right[:-1], strict=True)]
    return (up * left[0], *inner, down * right[-1])


def on_span(knots: Sequence[sp.Expr], order: int, span: int) -> list[sp.Expr]:
    """All m = len(knots) - order B-splines on [t_span, t_{span+1}).

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact or do not increase, and a span that they do not have.
    """
    order = integer("order", order, 1)
    t = increasing_knots("knots", knots, order + 1)
    span = integer("span", span, 0, len(t) - 2)
    return [
        _pieces(t[i : i + order + 1], i)[span] if i <= span < i + order else sp.Integer(0)
        for i in range(len(t) - order)
    ]
