"""Boundary value problems with known solutions, by name, written in sympy."""

from __future__ import annotations

from collections.abc import Callable

from splinekan._checks import one_of
from splinekan.problems.allen_cahn import allen_cahn, allen_cahn_hard, allen_cahn_solution
from splinekan.problems.boundary_value import BoundaryValueProblem, Condition
from splinekan.problems.elliptic import helmholtz, interface, poisson
from splinekan.problems.transport import advection, burgers, burgers_hard, korteweg_de_vries

__all__ = [
    "PROBLEMS",
    "BoundaryValueProblem",
    "Condition",
    "advection",
    "allen_cahn",
    "allen_cahn_hard",
    "allen_cahn_solution",
    "burgers",
    "burgers_hard",
    "helmholtz",
    "interface",
    "korteweg_de_vries",
    "poisson",
    "problem",
]

PROBLEMS: dict[str, Callable[[], BoundaryValueProblem]] = {
    "poisson": poisson,
    "interface": interface,
    "helmholtz": helmholtz,
    "advection": advection,
    "burgers": burgers,
    "burgers-hard": burgers_hard,
    "allen-cahn": allen_cahn,
    "allen-cahn-hard": allen_cahn_hard,
    "kdv": korteweg_de_vries,
}


def problem(name: str) -> BoundaryValueProblem:
    """The problem of that name.

    Raises
    ------
    ValueError
        For a name that is not in `PROBLEMS`.
    """
    one_of("name", name, PROBLEMS)
    return PROBLEMS[name]()
