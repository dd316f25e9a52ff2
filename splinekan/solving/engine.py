"""The choice of a method for a statement.

Up to three variables the unknowns are tensor-product splines, linear in theta, for which Gauss-Newton
converges in a few steps to the best approximation on the mesh: slab by slab if initial conditions determine
an evolution in at most two variables (`marching`), otherwise on the whole domain at once (`tensor`). Other
networks, and all networks for more variables, compete (`competition`).
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import sympy

from splinekan._checks import Float64Array
from splinekan.solving import competition
from splinekan.solving.evolution import evolution_variable, with_initial_conditions
from splinekan.solving.marching import Marching
from splinekan.solving.networks import TENSOR_VARIABLES
from splinekan.solving.options import Options, Outcome
from splinekan.solving.statement import Statement
from splinekan.solving.tensor import Adaptive

SLAB_VARIABLES = 2
"""Largest number of variables for which an evolution is solved slab by slab by default."""
GUIDE = 1e-4
"""Tolerance of the initial solution, with the constants at their starting values."""


def solve(statement: Statement, options: Options) -> Outcome:
    """The solution of a statement by the method of its options, or by a suitable method."""
    order = statement.order
    if options.degree is not None and options.degree <= order:
        raise ValueError(
            f"degree must be at least {order + 1} for equations and conditions of order {order}, got "
            f"{options.degree}"
        )
    few = statement.region.n_variables <= TENSOR_VARIABLES
    if options.network == "tensor" and not few:
        raise ValueError(
            f"network: tensor-product splines are for at most {TENSOR_VARIABLES} variables, got "
            f"{statement.region.n_variables}"
        )
    if options.hidden is not None or options.network not in (None, "tensor") or not few:
        if options.slabs is not None and options.slabs > 1:
            raise ValueError(f"slabs must be None or 1 for networks other than 'tensor', got {options.slabs}")
        return competition.solve(statement, options)
    stop = np.inf if options.seconds is None else perf_counter() + options.seconds
    if options.exact is True and options.slabs is not None and options.slabs > 1:
        raise ValueError(f"slabs must be None or 1 with exact=True, got {options.slabs}")
    # In three variables a slab costs about as much as the whole domain.
    whole_domain = statement.region.n_variables > SLAB_VARIABLES and options.slabs is None
    if options.slabs != 1 and options.exact is not True and not whole_domain:
        statement = with_initial_conditions(statement)
        axis = evolution_variable(statement)
        if axis is not None:
            return Marching(statement, options, axis, stop).outcome()
        if statement.constants or statement.data:
            guide = _guide(statement, options, stop)
            if guide is not None:
                return Adaptive(statement, options, stop).outcome(guide)
        if options.slabs is not None:
            raise ValueError(
                f"slabs must be None or 1 if initial conditions do not determine an evolution, got "
                f"{options.slabs}"
            )
    whole = statement.imposed() if options.exact is not False else statement
    return Adaptive(whole, options, stop).outcome()


def _guide(statement: Statement, options: Options, stop: float) -> Any:
    """Outputs of the evolution with the starting values of unknown constants, as a start."""
    numbers = {constant: sympy.Float(constant.start, 17) for constant in statement.constants}
    frozen = replace(
        statement,
        equations=tuple(each.xreplace(numbers) for each in statement.equations),
        conditions=tuple(
            replace(each, residual=each.residual.xreplace(numbers)) for each in statement.conditions
        ),
        data=(),
        sizes=None if statement.sizes is None else replace(statement.sizes, data=()),
    )
    axis = evolution_variable(frozen)
    if axis is None:
        return None
    loose = replace(options, tolerance=max(options.tolerance, GUIDE))
    pieces = Marching(frozen, loose, axis, stop).outcome().pieces
    if pieces[-1].interval[1] < statement.bounds[axis][1]:  # type: ignore[index]
        return None

    def outputs(points: Float64Array) -> Float64Array:
        found = np.zeros((len(points), len(statement.unknown)))
        for piece in pieces:
            low, high = piece.interval  # type: ignore[misc]
            mine = (points[:, axis] >= low) & (points[:, axis] <= high)
            factors = np.array(piece.statement.scales) / np.array(statement.scales)
            found[mine] = piece.outputs(points[mine]) * factors
        return found

    return outputs
