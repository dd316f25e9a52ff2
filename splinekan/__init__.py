"""Spline Kolmogorov-Arnold networks: exact spline geometry and multilevel training."""

from splinekan._threads import set_threads, threads
from splinekan.basis import BSplineBasis, PowerReLUBasis
from splinekan.gram import gram_matrix
from splinekan.knots import (
    clamped_knots,
    extended_knots,
    greville_points,
    insert_knots,
    refine_knots,
    uniform_knots,
)
from splinekan.multilevel import Hierarchy, Round, nested_iteration, tournament
from splinekan.network import (
    KAN,
    MLP,
    Activation,
    Affine,
    Normalizer,
    SplineLayer,
    initialize,
)
from splinekan.objectives import LeastSquares
from splinekan.optimize import LBFGS, Adam, GaussNewton, GradientDescent, LevenbergMarquardt
from splinekan.transforms import (
    change_of_basis,
    prolongation,
    relu_from_spline,
    spline_from_relu,
)

__version__ = "0.1.0"

__all__ = [
    "KAN",
    "LBFGS",
    "MLP",
    "Activation",
    "Adam",
    "Affine",
    "BSplineBasis",
    "GaussNewton",
    "GradientDescent",
    "Hierarchy",
    "LeastSquares",
    "LevenbergMarquardt",
    "Normalizer",
    "PowerReLUBasis",
    "Round",
    "SplineLayer",
    "change_of_basis",
    "clamped_knots",
    "extended_knots",
    "gram_matrix",
    "greville_points",
    "initialize",
    "insert_knots",
    "nested_iteration",
    "prolongation",
    "refine_knots",
    "relu_from_spline",
    "set_threads",
    "spline_from_relu",
    "threads",
    "tournament",
    "uniform_knots",
]
