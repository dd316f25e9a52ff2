"""Multilevel training: hierarchies of exactly nested networks, nested iteration, successive halving."""

from splinekan.multilevel.gauss_newton import Deflation, GaussNewtonBPX
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.layer_blocks import LayerBlocks
from splinekan.multilevel.nested import NestedResult, NestedStep, nested_iteration, nested_steps
from splinekan.multilevel.nystrom import Nystrom
from splinekan.multilevel.successive_halving import HalvingResult, Round, successive_halving

__all__ = [
    "Deflation",
    "GaussNewtonBPX",
    "HalvingResult",
    "Hierarchy",
    "LayerBlocks",
    "Level",
    "NestedResult",
    "NestedStep",
    "Nystrom",
    "Round",
    "nested_iteration",
    "nested_steps",
    "successive_halving",
]
