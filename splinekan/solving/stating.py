"""Construction of a statement from the arguments of `solve`, with all checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinekan._checks import instance, sequence, shown
from splinekan.equations import expressions
from splinekan.solving.complex_problem import real_problem
from splinekan.solving.conditions import Condition
from splinekan.solving.counting import missing_conditions
from splinekan.solving.given import jumping_coefficients
from splinekan.solving.region import region
from splinekan.solving.statement import Statement


def stated(
    equations: Any,
    bounds: Mapping[Any, Any],
    conditions: Sequence[Condition] = (),
    unknown: Any = None,
    domain: Any = None,
    data: Sequence[Any] = (),
) -> Statement:
    """The statement of a problem, after all checks.

    Raises
    ------
    TypeError, ValueError
        For invalid arguments, named in the message: see `solve`.
    """
    if not isinstance(bounds, Mapping) or not bounds:
        raise TypeError(f"bounds must be a dictionary from variables to intervals, got {shown(bounds)}")
    where = region(domain, bounds)
    given = [equations] if isinstance(equations, sympy.Basic) else sequence("equations", equations)
    residuals = tuple(expressions.read(f"equations[{i}]", each) for i, each in enumerate(given))
    checked = tuple(
        instance(f"conditions[{i}]", each, Condition)
        for i, each in enumerate(
            [conditions]
            if isinstance(conditions, Condition)
            else sequence("conditions", conditions, empty=True)
        )
    )
    checked = tuple({id(each): each for each in checked}.values())  # a repeated object counts once
    measured = tuple(sequence("data", data, empty=True)) if not hasattr(data, "values") else (data,)
    for i, each in enumerate(measured):
        if not all(hasattr(each, name) for name in ("points", "values", "weight", "of")):
            raise TypeError(f"data[{i}] must be Data, got {shown(each)}")
        outside = ~where.contains(each.points) if each.points.shape[1] == where.n_variables else None
        if outside is None:
            raise ValueError(
                f"data[{i}] must have points of shape (n, {where.n_variables}), got {each.points.shape}"
            )
        if outside.any():
            raise ValueError(
                f"data[{i}] must lie in the domain, got {each.points[np.argmax(outside)]} outside"
            )
    unknowns = _unknowns(unknown, residuals, where.variables)
    problem = real_problem(residuals, unknowns, checked, measured)
    residuals, unknowns = problem.equations, problem.unknown
    checked, measured = problem.conditions, problem.data
    warnings = []
    if len(residuals) < len(unknowns):
        raise ValueError(
            f"equations must be at least as many as the unknowns {', '.join(map(str, unknowns))}, got "
            f"{len(residuals)}"
        )
    if len(residuals) > len(unknowns):
        warnings.append(
            f"{len(residuals)} equations for {len(unknowns)} unknowns are solved by least squares"
        )
    ones = (1.0,) * len(unknowns)
    nothing, all_of = (sympy.Integer(0),) * len(unknowns), (sympy.Integer(1),) * len(unknowns)
    statement = Statement(
        residuals, unknowns, where, checked, measured, ones, nothing, all_of, parts=problem.parts
    )
    _ = statement.constants  # compiles everything, so that bad terms are refused before any work
    warnings += missing_conditions(statement)
    warnings += jumping_coefficients(statement)
    return replace(statement, warnings=tuple(warnings))


def _unknowns(unknown: Any, residuals: Sequence[Any], variables: tuple[Any, ...]) -> tuple[Any, ...]:
    """The unknown functions: as given, or those of the equations, sorted by name."""
    if unknown is None:
        atoms = {atom for residual in residuals for atom in residual.atoms(AppliedUndef)}
        functions = {atom.func for atom in atoms}
        found = sorted((f for f in functions), key=lambda f: str(f.__name__))
        if not found:
            raise ValueError("equations must hold an unknown function such as Function('u')(x, t)")
        for f in found:
            if f(*variables) not in atoms and not any(
                f(*variables) in r.atoms(AppliedUndef) for r in residuals
            ):
                args = sorted((atom for atom in atoms if atom.func == f), key=str)
                raise ValueError(
                    f"bounds must name the variables of the unknowns in their order, got "
                    f"{', '.join(map(str, variables))} for {args[0]}"
                )
        return tuple(f(*variables) for f in found)
    given = [unknown] if isinstance(unknown, sympy.Basic) else list(sequence("unknown", unknown))
    for each in given:
        if not isinstance(each, AppliedUndef):
            raise TypeError(f"unknown must be written u(x, ...), got {shown(each)}")
        if each.args != variables:
            raise ValueError(
                f"bounds must name the variables of the unknowns in their order, got "
                f"{', '.join(map(str, variables))} for {each}"
            )
    return tuple(given)
