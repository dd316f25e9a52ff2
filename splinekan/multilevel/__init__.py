"""Multilevel training: hierarchies of exactly nested networks, nested iteration, tournaments of starts."""

from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.nested import NestedResult, nested_iteration
from splinekan.multilevel.successive_halving import HalvingResult, Round, successive_halving

__all__ = [
    "HalvingResult",
    "Hierarchy",
    "Level",
    "NestedResult",
    "Round",
    "nested_iteration",
    "successive_halving",
]
