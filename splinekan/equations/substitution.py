"""Manufactured solutions, and conditions that hold exactly, by substitution in sympy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from splinekan._checks import shown
from splinekan.equations import expressions
from splinekan.equations.features import expression


def manufactured(residual: Any, substitutions: Mapping[Any, Any]) -> Any:
    """The residual of given expressions for the unknowns, the forcing of a manufactured solution.

    Values at other points, u'(0) for instance, are the values of the expressions there.

    Parameters
    ----------
    residual
        A sympy expression, or an `Eq`.
    substitutions
        A dictionary from u(x, ...), applied to different symbols, to an expression in these symbols.

    Returns
    -------
    sympy.Expr
        The residual, an expression in the variables; subtracted from the equation, it makes the given
        expressions a solution.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, and for expressions that sympy cannot evaluate.

    Examples
    --------
    >>> from sympy import Function, sin, symbols
    >>> x = symbols("x")
    >>> u = Function("u")(x)
    >>> manufactured(u.diff(x, 2) + u**2, {u: sin(x)})
    sin(x)**2 - sin(x)
    """
    if not isinstance(substitutions, Mapping) or not substitutions:
        raise TypeError(
            f"substitutions must be a dictionary from unknowns to expressions, got {shown(substitutions)}"
        )
    forms = {
        _unknown("every key of substitutions", unknown): expression(f"substitutions[{unknown}]", form)
        for unknown, form in substitutions.items()
    }
    return expressions.replaced(expressions.read("residual", residual), forms)


def ansatz(residual: Any, unknown: Any, form: Any) -> Any:
    """`residual` with the unknown replaced by `form`, an expression in the same unknown.

    Conditions are imposed exactly in this way: with form = x (1 - x) u the function vanishes at 0 and 1.

    Parameters
    ----------
    residual
        A sympy expression, or an `Eq`, with the unknown.
    unknown
        u(x, ...), applied to different symbols.
    form
        An expression with u(x, ...) or its derivatives, evaluated at the variables only.

    Returns
    -------
    sympy.Expr
        The residual in the new unknown, which has the same name.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, and for expressions that sympy cannot evaluate.

    Examples
    --------
    >>> from sympy import Function, symbols
    >>> x = symbols("x")
    >>> u = Function("u")(x)
    >>> ansatz(u.diff(x) + u, u, 1 + x * u)  # u(0) = 1
    x*u(x) + x*Derivative(u(x), x) + u(x) + 1
    """
    unknown, form = _unknown("unknown", unknown), expression("form", form)
    residual = expressions.read("residual", residual)
    evaluated = expressions.done(form, form)
    inside = {atom for atom in evaluated.atoms(AppliedUndef) if atom.func == unknown.func}
    if not inside:
        raise ValueError(f"form must hold the unknown {unknown}, got {shown(form)}")
    elsewhere = inside - {unknown}
    elsewhere |= {
        term
        for term in evaluated.atoms(*expressions.PLACES)
        if term.has(unknown.func) and not (isinstance(term, sympy.Derivative) and term.expr == unknown)
    }
    if elsewhere:
        raise ValueError(
            f"form must hold {unknown} and its derivatives at the variables only, got {elsewhere.pop()}"
        )
    if not any(atom.func == unknown.func for atom in residual.atoms(AppliedUndef)):
        raise ValueError(f"residual must hold the unknown {unknown}, got {shown(residual)}")
    stand_in = sympy.Function("_stand_in")(*unknown.args)
    inner = evaluated.xreplace({unknown: stand_in})
    return expressions.replaced(expressions.replaced(residual, {unknown: inner}), {stand_in: unknown})


def _unknown(name: str, value: Any) -> Any:
    if not isinstance(value, AppliedUndef):
        raise TypeError(f"{name} must be written u(x, ...), got {shown(value)}")
    if not all(isinstance(s, sympy.Symbol) for s in value.args) or len(set(value.args)) < len(value.args):
        raise ValueError(f"{name} must be a function of different symbols, got {value}")
    return value
