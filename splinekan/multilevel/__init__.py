"""Multilevel training: nested networks, nested iteration, successive halving, adaptive refinement."""

from splinekan.multilevel.adaptivity import adapt
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.indicators import curvature_indicator, jump_indicator, residual_indicator
from splinekan.multilevel.marking import bulk_marking, maximum_marking
from splinekan.multilevel.nested import NestedResult, NestedStep, nested_iteration, nested_steps
from splinekan.multilevel.prediction import gauss_newton_indicator
from splinekan.multilevel.successive_halving import HalvingResult, Round, successive_halving

__all__ = [
    "HalvingResult",
    "Hierarchy",
    "Level",
    "NestedResult",
    "NestedStep",
    "Round",
    "adapt",
    "bulk_marking",
    "curvature_indicator",
    "gauss_newton_indicator",
    "jump_indicator",
    "maximum_marking",
    "nested_iteration",
    "nested_steps",
    "residual_indicator",
    "successive_halving",
]
