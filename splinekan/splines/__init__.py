"""Spline geometry without any network: knots, bases, and the exact maps between them."""

from splinekan.splines.basis import BSplineBasis, PowerReLUBasis
from splinekan.splines.calculus import (
    antiderivative_knots,
    antiderivative_matrix,
    derivative_knots,
    derivative_matrix,
)
from splinekan.splines.change_of_basis import (
    ChangeOfBasis,
    change_of_basis,
    relu_from_spline,
    spline_from_relu,
)
from splinekan.splines.gram import gram_factor, gram_matrix
from splinekan.splines.knot_derivatives import knot_derivatives
from splinekan.splines.knots import (
    KnotVector,
    clamped_knots,
    extended_knots,
    greville_points,
    insert_knots,
    knot_vector,
    refine_knots,
    uniform_knots,
)
from splinekan.splines.pp_form import EXTRAPOLATIONS, LocalPieces, highest_derivative, local_pieces
from splinekan.splines.prolongation import prolongation
from splinekan.splines.quadrature import gauss_points
from splinekan.splines.spline import Spline

__all__ = [
    "EXTRAPOLATIONS",
    "BSplineBasis",
    "ChangeOfBasis",
    "KnotVector",
    "LocalPieces",
    "PowerReLUBasis",
    "Spline",
    "antiderivative_knots",
    "antiderivative_matrix",
    "change_of_basis",
    "clamped_knots",
    "derivative_knots",
    "derivative_matrix",
    "extended_knots",
    "gauss_points",
    "gram_factor",
    "gram_matrix",
    "greville_points",
    "highest_derivative",
    "insert_knots",
    "knot_derivatives",
    "knot_vector",
    "local_pieces",
    "prolongation",
    "refine_knots",
    "relu_from_spline",
    "spline_from_relu",
    "uniform_knots",
]
