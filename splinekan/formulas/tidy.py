"""Expressions of sympy in their simplest form, with exact simple constants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

LARGE = 80
"""Most operations of a form that is factored and so on."""
SIMPLIFIED, SHORTEST = 40, 2
"""Most operations of a form for `sympy.simplify`, which takes seconds for more; most such forms."""
DENOMINATORS, NUMERATORS = 12, 1000
INTEGERS = 50
"""Largest numerators and denominators; beyond, polynomials in exp(x/q) have too many terms to be factored."""
HYPERBOLIC = (sympy.tanh, sympy.sinh, sympy.cosh)
INVERSE = (sympy.atanh,)
"""Functions rewritten as logarithms, which combine with others: exp(-2 atanh(2 x - 1)) is (1 - x)/x."""


def tidy(expression: Any) -> Any:
    """An equal expression, the shortest of several forms.

    Floats that equal p/q or p pi/q to the last bit, with small p and q, become these numbers. Hyperbolic and
    trigonometric functions of sums of their inverses are expanded: tanh(atanh a + atanh b) is
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
    """The numbers of operations and of characters, by which forms are compared in this order."""
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
    # Fitted constants and unknown functions leave little to simplify, but sympy searches for a long time.
    if not expression.has(AppliedUndef, sympy.Float):
        simple_first = sorted((form for form in found if form.count_ops() <= SIMPLIFIED), key=size)
        yield from filter(None, (_changed(sympy.simplify, form) for form in simple_first[:SHORTEST]))


def _changed(change: Callable[[Any], Any], form: Any) -> Any:
    """Another form; None if sympy's algorithms do not support the functions."""
    try:
        return change(form)
    except (TypeError, ValueError, NotImplementedError, AttributeError, RecursionError):
        return None
