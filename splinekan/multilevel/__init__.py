"""Multilevel training: hierarchies of nested networks, nested iteration, successive halving; free knots."""

from splinekan.multilevel.free_knots import FreeKnots
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.moving_knots import free_knots
from splinekan.multilevel.nested import NestedResult, NestedStep, nested_iteration, nested_steps
from splinekan.multilevel.successive_halving import HalvingResult, Round, successive_halving

__all__ = [
    "FreeKnots",
    "HalvingResult",
    "Hierarchy",
    "Level",
    "NestedResult",
    "NestedStep",
    "Round",
    "free_knots",
    "nested_iteration",
    "nested_steps",
    "successive_halving",
]
