"""Symbols and knots: the variable x, symbolic knots, uniform and random rational knots, the zero test."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from contextlib import suppress

import sympy as sp
from sympy.polys.polyerrors import CoercionFailed

from .exact import expression as exact
from .exact import integer, less

x = sp.Symbol("x", real=True)
"""The variable of every polynomial piece."""


def symbolic_knots(count: int, name: str = "t") -> list[sp.Symbol]:
    """`count` symbolic knots t0, t1, ..., without assumptions, whose differences may be divisors.

    An identity between rational functions of them holds for all knots at which no denominator vanishes, in
    particular for strictly increasing knots.

    Raises
    ------
    TypeError, ValueError
        Unless the count is an integer of at least 0, and the name is text.
    """
    count = integer("count", count, 0)
    if not isinstance(name, str):
        raise TypeError(f"name must be text, got {name!r:.60}")
    return [sp.Symbol(f"{name}{i}", real=True) for i in range(count)]


def uniform(a: sp.Expr | int, b: sp.Expr | int, intervals: int, order: int) -> list[sp.Rational]:
    """Extended uniform knots t_j = a + (j - k) h, h = (b - a)/intervals, k = order - 1 ghosts each side.

    Raises
    ------
    TypeError, ValueError
        For ends that are not exact numbers with a < b, no interval, or an order below 1.
    """
    a, b = exact("a", a), exact("b", b)
    intervals, k = integer("intervals", intervals, 1), integer("order", order, 1) - 1
    if not (a.is_number and b.is_number and less(a, b)):
        raise ValueError(f"a and b must be numbers with a < b, got {a} and {b}")
    h = (b - a) / intervals
    return [a + (j - k) * h for j in range(intervals + 2 * k + 1)]


def rational_knots(count: int, seed: int) -> list[sp.Rational]:
    """Strictly increasing knots from 0 with random gaps 4/16 to 24/16, the same for the same seed.

    Sixteenths are exact in binary, so that the floating-point library can use the same knots.

    Raises
    ------
    TypeError, ValueError
        For a count below 1, or a seed that is not an integer.
    """
    count = integer("count", count, 1)
    source = random.Random(integer("seed", seed, 0))
    knots = [sp.Rational(0)]
    while len(knots) < count:
        knots.append(knots[-1] + sp.Rational(source.randint(4, 24), 16))
    return knots


def vanishes(expression: sp.Expr) -> bool:
    """Is this rational function identically zero? Exact: over a common denominator, its numerator is 0.

    Where symbols are only added, multiplied and divided this is arithmetic in the field of rational
    functions; other expressions (a symbolic exponent, say) are expanded over a common denominator.

    Raises
    ------
    TypeError, ValueError
        For an expression with floats, whose zeros are not exact, or with infinities.
    """
    e = exact("expression", expression, real=False)
    symbols = sorted(e.free_symbols, key=str)
    if symbols and all(s.is_Symbol for s in symbols) and e.is_rational_function(*symbols):
        with suppress(CoercionFailed, ValueError):  # an irrational number among the coefficients
            return sp.QQ.frac_field(*symbols).from_sympy(e) == 0
    numerator, _ = sp.fraction(sp.together(e))
    return sp.expand(numerator) == 0


def all_vanish(expressions: Sequence[sp.Expr] | sp.Matrix) -> bool:
    """Are all these rational functions (the entries of a matrix, say) identically zero?

    Raises
    ------
    TypeError, ValueError
        As for `vanishes`.
    """
    if not isinstance(expressions, (Iterable, sp.MatrixBase)) or isinstance(expressions, str):
        raise TypeError(f"expressions must be a sequence or a matrix, got {expressions!r:.60}")
    return all(vanishes(e) for e in expressions)


def equal(left: sp.MatrixExpr, right: sp.MatrixExpr) -> bool:
    """Are two expressions in matrix symbols identically equal? Products are expanded, inverses cancelled.

    Raises
    ------
    TypeError, ValueError
        Unless both are matrix expressions of the same shape.
    """
    for name, value in (("left", left), ("right", right)):
        if not isinstance(value, sp.MatrixExpr):
            raise TypeError(f"{name} must be an expression in matrix symbols, got {value!r:.60}")
    if left.shape != right.shape:
        raise ValueError(f"left and right must have the same shape, got {left.shape} and {right.shape}")
    return (left - right).expand().doit() == sp.ZeroMatrix(*left.shape)
