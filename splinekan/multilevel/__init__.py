"""Multilevel training: hierarchies of exactly nested networks, nested iteration, successive halving."""

from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.nested import NestedResult, NestedStep, nested_iteration, nested_steps
from splinekan.multilevel.successive_halving import HalvingResult, Round, successive_halving

__all__ = [
    "HalvingResult",
    "Hierarchy",
    "Level",
    "NestedResult",
    "NestedStep",
    "Round",
    "nested_iteration",
    "nested_steps",
    "successive_halving",
]
