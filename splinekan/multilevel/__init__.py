"""Multilevel methods: nested iteration, cycles, preconditioners, local refinement, free knots."""

from typing import Any

from splinekan.multilevel.cycle_record import Correction, MultigridResult
from splinekan.multilevel.free_knots import FreeKnots
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.moving_knots import free_knots
from splinekan.multilevel.multigrid import multigrid
from splinekan.multilevel.nested import NestedResult, NestedStep, nested_iteration, nested_steps
from splinekan.multilevel.projections import network_projection, projection
from splinekan.multilevel.successive_halving import HalvingResult, Round, successive_halving

_LAZY = {
    "adapt": "adaptivity",
    "GalerkinMatrix": "galerkin",
    "spline_prolongations": "galerkin",
    "Deflation": "gauss_newton",
    "GaussNewtonBPX": "gauss_newton",
    "curvature_indicator": "indicators",
    "jump_indicator": "indicators",
    "residual_indicator": "indicators",
    "LayerBlocks": "layer_blocks",
    "LocalFourier": "local_fourier",
    "bulk_marking": "marking",
    "maximum_marking": "marking",
    "Nystrom": "nystrom",
    "BPX": "preconditioners",
    "VCycle": "preconditioners",
    "gauss_newton_indicator": "prediction",
    "Chebyshev": "smoothers",
    "GaussSeidel": "smoothers",
    "Jacobi": "smoothers",
    "KroneckerSum": "tensor_products",
}


def __getattr__(name: str) -> Any:
    """Import preconditioners and indicators when they are first used."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"splinekan.multilevel.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'splinekan.multilevel' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, lazy ones included."""
    return list(__all__)


__all__ = [
    "BPX",
    "Chebyshev",
    "Correction",
    "Deflation",
    "FreeKnots",
    "GalerkinMatrix",
    "GaussNewtonBPX",
    "GaussSeidel",
    "HalvingResult",
    "Hierarchy",
    "Jacobi",
    "KroneckerSum",
    "LayerBlocks",
    "Level",
    "LocalFourier",
    "MultigridResult",
    "NestedResult",
    "NestedStep",
    "Nystrom",
    "Round",
    "VCycle",
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
    "spline_prolongations",
    "successive_halving",
]
