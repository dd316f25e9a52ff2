"""Multilevel methods: nested iteration, cycles, preconditioners, local refinement, free knots."""

from splinekan.multilevel.adaptivity import adapt
from splinekan.multilevel.cycle_record import Correction, MultigridResult
from splinekan.multilevel.free_knots import FreeKnots
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.indicators import curvature_indicator, jump_indicator, residual_indicator
from splinekan.multilevel.marking import bulk_marking, maximum_marking
from splinekan.multilevel.moving_knots import free_knots
from splinekan.multilevel.multigrid import multigrid
from splinekan.multilevel.nested import NestedResult, NestedStep, nested_iteration, nested_steps
from splinekan.multilevel.prediction import gauss_newton_indicator
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
    "adapt",
    "bulk_marking",
    "curvature_indicator",
    "free_knots",
    "gauss_newton_indicator",
    "jump_indicator",
    "maximum_marking",
    "multigrid",
    "nested_iteration",
    "nested_steps",
    "network_projection",
    "projection",
    "residual_indicator",
    "successive_halving",
]
