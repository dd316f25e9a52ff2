"""Inequalities joined by And, Or and Not: their level functions, and the set where they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanFunction

INEQUALITIES = (
    sympy.StrictLessThan,
    sympy.StrictGreaterThan,
    sympy.LessThan,
    sympy.GreaterThan,
)


def inequalities(domain: Any) -> list[Any]:
    """The inequalities of a Boolean expression, each once."""
    if isinstance(domain, INEQUALITIES):
        return [domain]
    if isinstance(domain, (sympy.And, sympy.Or, sympy.Not)):
        found = [each for part in domain.args for each in inequalities(part)]
        return list({str(each): each for each in found}.values())
    if isinstance(domain, (Relational, BooleanFunction)):
        raise ValueError(f"domain must contain only inequalities, And, Or and Not, got {domain}")
    raise ValueError(f"domain must hold points inside and outside, got {domain}")


def level(inequality: Any) -> Any:
    """The level function, negative where the inequality holds."""
    less = isinstance(inequality, (sympy.StrictLessThan, sympy.LessThan))
    return inequality.lhs - inequality.rhs if less else inequality.rhs - inequality.lhs


def truth(domain: Any, table: Mapping[str, Any], closed: bool) -> Any:
    """Whether points lie in the domain, from the values of its levels; `closed` includes the boundary."""
    if isinstance(domain, sympy.And):
        return np.logical_and.reduce([truth(part, table, closed) for part in domain.args])
    if isinstance(domain, sympy.Or):
        return np.logical_or.reduce([truth(part, table, closed) for part in domain.args])
    if isinstance(domain, sympy.Not):
        return ~truth(domain.args[0], table, not closed)
    value = table[str(domain)]
    return (value < 0) | (closed & (value == 0))
