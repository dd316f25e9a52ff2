"""Spline Kolmogorov-Arnold networks: exact spline geometry and multilevel training."""

from typing import TYPE_CHECKING, Any

import splinekan._cache  # noqa: F401  (before the first kernel)
from splinekan._threads import set_threads, threads
from splinekan.multilevel import Hierarchy, Round, nested_iteration, successive_halving
from splinekan.network import (
    KAN,
    MLP,
    Activation,
    Affine,
    DomainWarning,
    Normalizer,
    SplineLayer,
    initialize,
)
from splinekan.objectives import LeastSquares
from splinekan.optimize import LBFGS, Adam, GaussNewton, GradientDescent, LevenbergMarquardt
from splinekan.splines.basis import BSplineBasis, PowerReLUBasis
from splinekan.splines.change_of_basis import change_of_basis, relu_from_spline, spline_from_relu
from splinekan.splines.gram import gram_matrix
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.knots import (
    clamped_knots,
    extended_knots,
    greville_points,
    insert_knots,
    refine_knots,
    uniform_knots,
)
from splinekan.splines.prolongation import prolongation

if TYPE_CHECKING:
    from splinekan.equations import Equation, ansatz, manufactured
    from splinekan.objectives.pinn import PINN, Block
    from splinekan.spectra import (
        Spectrum,
        change_of_basis_spectrum,
        extreme_eigenvalues,
        gauss_newton_spectrum,
        gram_spectrum,
        hessian_spectrum,
        spectral_density,
        tangent_kernel_spectrum,
    )

__version__ = "0.1.0"

_LATE = {"Equation": "equations", "ansatz": "equations", "manufactured": "equations"}
_LATE |= {"PINN": "objectives.pinn", "Block": "objectives.pinn"}
_LATE |= dict.fromkeys(
    (
        "Spectrum",
        "change_of_basis_spectrum",
        "extreme_eigenvalues",
        "gauss_newton_spectrum",
        "gram_spectrum",
        "hessian_spectrum",
        "spectral_density",
        "tangent_kernel_spectrum",
    ),
    "spectra",
)


def __getattr__(name: str) -> Any:
    """Equations bring sympy, which takes longer to import than all the rest: only when asked for."""
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(f"splinekan.{_LATE[name]}"), name)
    raise AttributeError(f"module 'splinekan' has no attribute {name!r}")


__all__ = [
    "KAN",
    "LBFGS",
    "MLP",
    "PINN",
    "Activation",
    "Adam",
    "Affine",
    "BSplineBasis",
    "Block",
    "DomainWarning",
    "Equation",
    "GaussNewton",
    "GradientDescent",
    "Hierarchy",
    "KnotVector",
    "LeastSquares",
    "LevenbergMarquardt",
    "Normalizer",
    "PowerReLUBasis",
    "Round",
    "Spectrum",
    "SplineLayer",
    "ansatz",
    "change_of_basis",
    "change_of_basis_spectrum",
    "clamped_knots",
    "extended_knots",
    "extreme_eigenvalues",
    "gauss_newton_spectrum",
    "gram_matrix",
    "gram_spectrum",
    "greville_points",
    "hessian_spectrum",
    "initialize",
    "insert_knots",
    "manufactured",
    "nested_iteration",
    "prolongation",
    "refine_knots",
    "relu_from_spline",
    "set_threads",
    "spectral_density",
    "spline_from_relu",
    "successive_halving",
    "tangent_kernel_spectrum",
    "threads",
    "uniform_knots",
]
