"""Checks of arguments: exact numbers and symbols, increasing knots, integers within bounds.

Python's 1 / 2 is a float, and floats contaminate every expression that they enter; therefore every public
function passes its arguments through here. Floats are refused, not converted: Rational(1, 10) and
Rational(0.1) are different knots, and only the caller can choose between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any

import sympy as sp


def expression(name: str, value: Any, *, real: bool = True) -> sp.Expr:
    """`value` as an expression without floats, not known to be complex if `real`.

    Raises
    ------
    TypeError
        For floats, text, booleans, and objects unknown to sympy.
    ValueError
        For infinities, nan and numbers that are not real.
    """
    try:
        number = sp.sympify(value, strict=True)
    except (sp.SympifyError, TypeError, ValueError, AttributeError):
        raise TypeError(f"{name} must be an exact number or an expression, got {value!r:.60}") from None
    if not isinstance(number, sp.Expr) or getattr(number, "is_Matrix", False):
        raise TypeError(f"{name} must be an exact number or an expression, got {value!r:.60}")
    if number.has(sp.Float):
        raise TypeError(
            f"{name} must be exact, got the float {number}: give Rational(1, 10) for a tenth, or "
            "Rational(0.1) for the float next to it"
        )
    if number.has(sp.nan, sp.zoo, sp.oo, -sp.oo) or (real and number.is_extended_real is False):
        raise ValueError(f"{name} must be {'real and ' if real else ''}finite, got {number}")
    return number


def integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as an int in [low, high].

    Raises
    ------
    TypeError, ValueError
        If it is not an integer, or out of bounds.
    """
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} must be an integer, got {value!r:.60}")
    number = value.__index__()
    if number < low or (high is not None and number > high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {bounds}, got {number}")
    return number


def increasing_knots(name: str, value: Iterable[Any], least: int = 2) -> tuple[sp.Expr, ...]:
    """`value` as exact knots, at least `least`, increasing wherever two knots can be compared.

    Raises
    ------
    TypeError, ValueError
        For entries of another type, too few knots, and knots that decrease or repeat, as far as they can be
        compared.
    """
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} must be a sequence of knots, got {value!r:.60}")
    try:
        items = tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of knots, got {value!r:.60}") from None
    knots = tuple(expression(f"{name}[{i}]", t) for i, t in enumerate(items))
    if len(knots) < least:
        raise ValueError(f"{name} must hold at least {least} knots, got {len(knots)}")
    wrong = _disorder(knots)
    if wrong is not None:
        i, j = wrong
        raise ValueError(
            f"{name} must increase strictly, got {name}[{i}] = {knots[i]}, {name}[{j}] = {knots[j]}"
        )
    return knots


@lru_cache(maxsize=1024)
def _disorder(knots: tuple[sp.Expr, ...]) -> tuple[int, int] | None:
    numbers = [i for i, t in enumerate(knots) if t.is_number]
    for i, j in pairwise(numbers):
        if not less(knots[i], knots[j]):
            return i, j
    if len(numbers) < len(knots):  # symbols: some pairs may be comparable
        for i, j in combinations(range(len(knots)), 2):
            if (knots[j] - knots[i]).is_extended_nonpositive:
                return i, j
    return None


def less(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two numbers are in this order; equal numbers are not."""
    difference = right - left
    known = difference.is_positive
    return bool(known) if known is not None else (difference.simplify() > 0) == sp.true
