"""Detection of evolution equations: a variable in which the equations evolve from initial conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import sympy

from splinekan.solving.conditions import Condition, NormalDerivative
from splinekan.solving.counting import order_in
from splinekan.solving.statement import Statement


def evolution_variable(statement: Statement) -> int | None:
    """The number of the variable in which the equations evolve, None if there is no such variable.

    Every unknown has exactly as many initial conditions in it as the order of its highest derivative. In
    differential-algebraic equations some unknowns have neither.
    """
    if statement.constants or statement.data or not statement.region.is_box:
        return None
    timed = {c.on for c in statement.conditions if c.kind == "initial"}
    if len(timed) != 1 or any(equation.places for equation in statement.compiled_equations):
        return None
    (t,) = timed
    axis = statement.variables.index(t)
    for each in statement.posed:
        on_time = any(getattr(patch.shape, "variable", None) == axis for patch in each.patches)
        if on_time and statement.conditions[each.number].kind != "initial":
            return None
        if each.points is not None or (each.opposite is not None and each.opposite[0] == axis):
            return None
    for u in statement.unknown:
        order = order_in(statement.equations, u, t)
        given = sum(c.kind == "initial" and c.residual.has(u.func) for c in statement.conditions)
        if (order == 0 and len(statement.variables) > 1) or given < order:
            return None
    return axis


def with_initial_conditions(statement: Statement) -> Statement:
    """The statement with conditions at the lower end of a variable as initial conditions, if it then evolves.

    The equations are of first order in that variable, or its name is t.
    """
    if any(c.kind == "initial" for c in statement.conditions):
        return statement
    for axis, v in enumerate(statement.variables):
        low, _ = statement.bounds[axis]
        order = max(order_in(statement.equations, u, v) for u in statement.unknown)
        if order != 1 and v.name != "t":
            continue
        changed = tuple(
            replace(c, on=v, kind="initial") if _at_the_beginning(c, v, low) else c
            for c in statement.conditions
        )
        made = replace(statement, conditions=changed)
        if changed != statement.conditions and evolution_variable(made) is not None:
            return made
    return statement


def _at_the_beginning(condition: Condition, variable: Any, low: float) -> bool:
    """Whether a condition holds only where the variable has its lowest value."""
    on = condition.on
    if condition.kind not in ("dirichlet", "condition") or condition.residual.has(NormalDerivative):
        return False
    if isinstance(on, tuple) and len(on) == 1 and isinstance(on[0], sympy.Equality):
        return bool(on[0].lhs == variable) and float(on[0].rhs) == low
    return isinstance(on, np.ndarray) and on.shape == (1, 1) and float(on[0, 0]) == low
