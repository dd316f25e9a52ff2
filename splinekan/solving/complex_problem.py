"""Problems with complex unknowns as problems for their real and imaginary parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from splinekan.equations import split_complex
from splinekan.equations.complex_parts import ComplexParts, is_complex
from splinekan.solving.conditions import Condition, NormalDerivative


@dataclass(frozen=True, eq=False)
class RealProblem:
    """Equations, conditions and data in real unknowns, and the relation of these to the given unknowns.

    Attributes
    ----------
    parts
        None if the given unknowns are real.
    """

    equations: tuple[Any, ...]
    unknown: tuple[Any, ...]
    conditions: tuple[Condition, ...]
    data: tuple[Any, ...]
    parts: ComplexParts | None


def real_problem(
    equations: Sequence[Any], unknown: Sequence[Any], conditions: Sequence[Condition], data: Sequence[Any]
) -> RealProblem:
    """The problem itself if it is real, otherwise the problem for the real and imaginary parts.

    Raises
    ------
    ValueError
        For terms that sympy cannot split, and complex expressions of data.
    """
    written = [*equations, *(c.residual for c in conditions), *(d.of for d in data if d.of is not None)]
    if not any(is_complex(each, unknown) for each in written):
        return RealProblem(tuple(equations), tuple(unknown), tuple(conditions), tuple(data), None)
    parts = split_complex(list(equations), list(unknown))
    normal = {u: sympy.Function(f"_normal_{u.func.__name__}", **_assumptions(u))(*u.args) for u in unknown}
    both = split_complex(list(equations), [*unknown, *normal.values()])
    names = dict(zip(both.unknowns[len(parts.unknowns) :], parts.unknowns, strict=True))
    back = {own: NormalDerivative(u) for own, u in names.items()}

    def split(expression: Any) -> list[Any]:
        inner = expression.replace(NormalDerivative, lambda u: normal[u])
        return [part.xreplace(back) for part in both.split(inner) if part != 0]

    real_conditions = [replace(c, residual=part) for c in conditions for part in split(c.residual)]
    real_data = []
    for i, each in enumerate(data):
        of = each.of if each.of is not None else unknown[0]
        real, imaginary = parts.split(of)
        if imaginary != 0:
            raise ValueError(f"data[{i}] must be of a real expression, such as re(...), got {of}")
        real_data.append(replace(each, of=real))
    residuals = tuple(part for pair in parts.residuals for part in pair)
    return RealProblem(residuals, parts.unknowns, tuple(real_conditions), tuple(real_data), parts)


def _assumptions(u: Any) -> dict[str, bool]:
    return {"real": True} if isinstance(u, AppliedUndef) and u.is_real else {}
