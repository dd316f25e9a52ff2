"""Expressions of sympy in their simplest form, with constants that are exactly simple as such."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

LARGE = 80
"""Operations of a form beyond which it is not factored and so on."""
SIMPLIFIED, SHORTEST = 40, 2
"""Operations of a form beyond which `sympy.simplify` takes seconds, and the forms that it is tried for."""
DENOMINATORS, NUMERATORS = 12, 1000
INTEGERS = 50
"""Numerators and denominators beyond which polynomials in exp(x/q) have too many terms to be factored."""
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
    """A float as the simple number p/q or p pi/q that it is exactly, if there is such a number."""
    value = float(number)
    for unit, symbol in ((1.0, sympy.Integer(1)), (float(np.pi), sympy.pi)):
        near = Fraction(value / unit).limit_denominator(DENOMINATORS)
        if near and abs(near.numerator) <= NUMERATORS and float(near) * unit == value:
            return sympy.Rational(near.numerator, near.denominator) * symbol
    return number


def size(expression: Any) -> tuple[int, int]:
    """Operations, then characters."""
    return int(expression.count_ops()), len(str(expression))


def _forms(expression: Any) -> Iterator[Any]:
    yield expression
    numbers = expression.atoms(sympy.Rational)
    if any(max(abs(each.p), each.q) > INTEGERS for each in numbers) or expression.has(
        sympy.Piecewise, sympy.Max
    ):
        return
    yield sympy.expand(expression)
    expanded = sympy.expand(sympy.expand_trig(expression), force=False)
    logarithms = expression.rewrite(INVERSE, sympy.log)
    powers = sympy.powsimp(sympy.expand(logarithms.rewrite(HYPERBOLIC, sympy.exp)), force=False)
    found = [expression]
    for form in (expression, expanded, powers):
        if form.count_ops() > LARGE:
            continue
        found.append(form)
        for change in (sympy.factor, sympy.together, sympy.powsimp):
            found.append(_changed(change, form))
    found = [form for form in dict.fromkeys(found) if form is not None]
    yield from found
    # Fitted constants and unknown functions leave little to simplify, for which sympy searches for long.
    if not expression.has(AppliedUndef, sympy.Float):
        simple_first = sorted((form for form in found if form.count_ops() <= SIMPLIFIED), key=size)
        yield from filter(None, (_changed(sympy.simplify, form) for form in simple_first[:SHORTEST]))


def _changed(change: Callable[[Any], Any], form: Any) -> Any:
    """Another form; None where sympy's algorithms do not know the functions."""
    try:
        return change(form)
    except (TypeError, ValueError, NotImplementedError, AttributeError, RecursionError):
        return None
