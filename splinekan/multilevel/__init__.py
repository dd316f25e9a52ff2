"""Multilevel training: nested networks, nested iteration, cycles, successive halving, free knots."""

from splinekan.multilevel.cycle_record import Correction, MultigridResult
from splinekan.multilevel.free_knots import FreeKnots
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.moving_knots import free_knots
from splinekan.multilevel.multigrid import multigrid
from splinekan.multilevel.nested import NestedResult, NestedStep, nested_iteration, nested_steps
from splinekan.multilevel.projections import network_projection, projection
from splinekan.multilevel.successive_halving import HalvingResult, Round, successive_halving

__all__ = [
    "Correction",
    "FreeKnots",
    "HalvingResult",
    "Hierarchy",
    "Level",
    "MultigridResult",
    "NestedResult",
    "NestedStep",
    "Round",
    "free_knots",
    "multigrid",
    "nested_iteration",
    "nested_steps",
    "network_projection",
    "projection",
    "successive_halving",
]
