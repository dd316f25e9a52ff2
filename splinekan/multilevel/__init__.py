"""Multilevel methods: hierarchies of exactly nested networks, nested iteration, preconditioners."""

from splinekan.multilevel.galerkin import GalerkinMatrix, spline_prolongations
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.local_fourier import LocalFourier
from splinekan.multilevel.nested import NestedResult, NestedStep, nested_iteration, nested_steps
from splinekan.multilevel.preconditioners import BPX, VCycle
from splinekan.multilevel.smoothers import Chebyshev, GaussSeidel, Jacobi
from splinekan.multilevel.successive_halving import HalvingResult, Round, successive_halving
from splinekan.multilevel.tensor_products import KroneckerSum

__all__ = [
    "BPX",
    "Chebyshev",
    "GalerkinMatrix",
    "GaussSeidel",
    "HalvingResult",
    "Hierarchy",
    "Jacobi",
    "KroneckerSum",
    "Level",
    "LocalFourier",
    "NestedResult",
    "NestedStep",
    "Round",
    "VCycle",
    "nested_iteration",
    "nested_steps",
    "spline_prolongations",
    "successive_halving",
]
