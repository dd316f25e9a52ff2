"""Expressions of sympy in their simplest form, with constants that are exactly simple as such."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

LARGE = 80
"""Operations of an expression beyond which slow simplifications are not tried."""
DENOMINATORS = 12


HYPERBOLIC = (sympy.tanh, sympy.sinh, sympy.cosh)
INVERSE = (sympy.atanh,)
"""As exponentials and logarithms they meet others: exp(-2 atanh(2 x - 1)) is (1 - x)/x."""


def tidy(expression: Any) -> Any:
    """An equal expression, the shortest of several forms.

    Floats that are exactly those of p/q or p pi/q, with small p and q, become these numbers. Sums inside of
    hyperbolic and trigonometric functions of their inverses are expanded: tanh(atanh a + atanh b) is
    (a + b)/(1 + a b).
    """
    exact = expression.doit().xreplace({each: simple(each) for each in expression.atoms(sympy.Float)})
    return min(_forms(exact), key=size)


def simple(number: Any) -> Any:
    """A float as the simple number that it is exactly, if there is such a number."""
    value = float(number)
    for unit, symbol in ((1.0, sympy.Integer(1)), (float(np.pi), sympy.pi)):
        near = Fraction(value / unit).limit_denominator(DENOMINATORS)
        if near and float(near) * unit == value:
            return sympy.Rational(near.numerator, near.denominator) * symbol
    return number


def size(expression: Any) -> tuple[int, int]:
    """Operations, then characters."""
    return int(expression.count_ops()), len(str(expression))


def _forms(expression: Any) -> Iterator[Any]:
    yield expression
    if expression.has(sympy.Piecewise, sympy.Max):
        return
    expanded = sympy.expand(sympy.expand_trig(expression), force=False)
    yield expanded
    yield sympy.expand(expression)
    if expression.count_ops() > LARGE:
        return
    logarithms = expression.rewrite(INVERSE, sympy.log)
    powers = sympy.powsimp(sympy.expand(logarithms.rewrite(HYPERBOLIC, sympy.exp)), force=False)
    for form in (expression, expanded, powers):
        for change in (sympy.factor, sympy.together, sympy.powsimp, sympy.simplify):
            try:
                changed = change(form)
            except (TypeError, ValueError, NotImplementedError, AttributeError, RecursionError):
                continue  # sympy's algorithms do not know all functions
            yield changed
            if change is not sympy.simplify:
                yield sympy.simplify(changed) if changed.count_ops() <= LARGE else changed
