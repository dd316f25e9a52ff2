"""Multilevel methods: nested iteration, cycles, preconditioners, local refinement, free knots."""

from splinekan.multilevel.adaptivity import adapt
from splinekan.multilevel.cycle_record import Correction, MultigridResult
from splinekan.multilevel.free_knots import FreeKnots
from splinekan.multilevel.galerkin import GalerkinMatrix, spline_prolongations
from splinekan.multilevel.gauss_newton import Deflation, GaussNewtonBPX
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.indicators import curvature_indicator, jump_indicator, residual_indicator
from splinekan.multilevel.layer_blocks import LayerBlocks
from splinekan.multilevel.local_fourier import LocalFourier
from splinekan.multilevel.marking import bulk_marking, maximum_marking
from splinekan.multilevel.moving_knots import free_knots
from splinekan.multilevel.multigrid import multigrid
from splinekan.multilevel.nested import NestedResult, NestedStep, nested_iteration, nested_steps
from splinekan.multilevel.nystrom import Nystrom
from splinekan.multilevel.preconditioners import BPX, VCycle
from splinekan.multilevel.prediction import gauss_newton_indicator
from splinekan.multilevel.projections import network_projection, projection
from splinekan.multilevel.smoothers import Chebyshev, GaussSeidel, Jacobi
from splinekan.multilevel.successive_halving import HalvingResult, Round, successive_halving
from splinekan.multilevel.tensor_products import KroneckerSum

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
