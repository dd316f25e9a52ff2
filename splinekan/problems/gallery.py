"""Differential equations with known solutions, in the form of the arguments of `solve`.

    problem = gallery.burgers(viscosity=0.02)
    solution = problem.solve()
    problem.error(solution)

Every problem is a function of its physical parameters, in ranges in which its reference is accurate.
References are formulas where there are formulas; otherwise they are computed when they are first used, to the
accuracy that the problem states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from math import pi
from types import MappingProxyType
from typing import Any

from splinekan._checks import one_of
from splinekan.problems.evolution import advection, epidemic, fisher, heat, schroedinger, soliton, wave
from splinekan.problems.flow import cavity, kovasznay
from splinekan.problems.nonlinear_waves import allen_cahn, burgers, korteweg_de_vries, kuramoto_sivashinsky
from splinekan.problems.posed import Problem
from splinekan.problems.stationary import (
    disk,
    helmholtz,
    interface,
    l_shape,
    plate,
    poisson,
    poisson_additive,
    poisson_products,
)

__all__ = [
    "PROBLEMS",
    "Problem",
    "advection",
    "allen_cahn",
    "burgers",
    "cavity",
    "disk",
    "epidemic",
    "fisher",
    "heat",
    "helmholtz",
    "interface",
    "korteweg_de_vries",
    "kovasznay",
    "kuramoto_sivashinsky",
    "l_shape",
    "plate",
    "poisson",
    "poisson_additive",
    "poisson_products",
    "problem",
    "schroedinger",
    "soliton",
    "wave",
]

PROBLEMS: Mapping[str, tuple[Callable[..., Problem], Mapping[str, Any]]] = MappingProxyType(
    {
        "burgers": (burgers, {}),
        "burgers-steep": (burgers, {"viscosity": 0.01 / pi}),
        "allen-cahn": (allen_cahn, {}),
        "helmholtz": (helmholtz, {}),
        "poisson": (poisson, {}),
        "korteweg-de-vries": (korteweg_de_vries, {}),
        "kuramoto-sivashinsky": (kuramoto_sivashinsky, {}),
        "cavity": (cavity, {}),
        "kovasznay": (kovasznay, {}),
        "wave": (wave, {}),
        "l-shape": (l_shape, {}),
        "l-shape-singular": (l_shape, {"singular": 1}),
        "poisson-5d": (poisson_additive, {}),
        "poisson-10d": (poisson_products, {}),
        "interface": (interface, {}),
        "advection": (advection, {}),
        "soliton": (soliton, {}),
        "heat": (heat, {}),
        "plate": (plate, {}),
        "schroedinger": (schroedinger, {}),
        "epidemic": (epidemic, {}),
        "disk": (disk, {}),
        "fisher": (fisher, {}),
        "cavity-uniform": (cavity, {"lid": "uniform"}),
    }
)
"""Functions by name, with parameters that differ from their defaults."""


def problem(name: str, **parameters: Any) -> Problem:
    """The problem of that name.

    Parameters
    ----------
    name
        A key of `PROBLEMS`.
    parameters
        Arguments of its function.

    Returns
    -------
    Problem
        The problem, with the given name.

    Raises
    ------
    TypeError
        For parameters that the problem does not have, and parameters of the wrong type.
    ValueError
        For an unknown name, and parameters outside the ranges of the function.

    Examples
    --------
    >>> print(problem("burgers", viscosity=0.02))
    burgers(viscosity=0.02): u_t + u u_x = nu u_xx
    """
    from dataclasses import replace

    make, settings = PROBLEMS[one_of("name", name, PROBLEMS)]
    known = list(signature(make).parameters)
    for key in parameters:
        if key not in known:
            accepted = f"takes {', '.join(known)}" if known else "takes no parameters"
            raise TypeError(f"{key} is not a parameter of {name}, which {accepted}")
    return replace(make(**{**settings, **parameters}), name=name)
