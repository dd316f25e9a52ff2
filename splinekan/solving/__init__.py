"""`solve`: a differential equation with its conditions, from the statement to a solution."""

from splinekan.solving.conditions import (
    Condition,
    condition,
    dirichlet,
    initial,
    neumann,
    normal_derivative,
    periodic,
    robin,
)
from splinekan.solving.domains import Boxes, SignedDistance
from splinekan.solving.solution import Solution
from splinekan.solving.solver import SolutionWarning, solve

__all__ = [
    "Boxes",
    "Condition",
    "SignedDistance",
    "Solution",
    "SolutionWarning",
    "condition",
    "dirichlet",
    "initial",
    "neumann",
    "normal_derivative",
    "periodic",
    "robin",
    "solve",
]
