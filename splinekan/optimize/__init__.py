"""Optimisers, which use values, gradients, residuals and Jacobians, never a network."""

from splinekan.optimize.driver import Iterate, Optimizer
from splinekan.optimize.first_order import Adam, GradientDescent
from splinekan.optimize.gauss_newton import GaussNewton, LevenbergMarquardt
from splinekan.optimize.lbfgs import LBFGS
from splinekan.optimize.problem import (
    FunctionProblem,
    IdentityMap,
    LeastSquaresProblem,
    LinearMap,
    MatrixMap,
    Problem,
    ResidualProblem,
)
from splinekan.optimize.restriction import Restricted
from splinekan.optimize.result import History, Result, Status
from splinekan.optimize.schedules import Constant, Cosine, ExponentialCyclic, LinearRamp, Schedule
from splinekan.optimize.solvers import CG, QR, SVD, Cholesky, Dual, Solver
from splinekan.optimize.variable_projection import VariableProjection

__all__ = [
    "CG",
    "LBFGS",
    "QR",
    "SVD",
    "Adam",
    "Cholesky",
    "Constant",
    "Cosine",
    "Dual",
    "ExponentialCyclic",
    "FunctionProblem",
    "GaussNewton",
    "GradientDescent",
    "History",
    "IdentityMap",
    "Iterate",
    "LeastSquaresProblem",
    "LevenbergMarquardt",
    "LinearMap",
    "LinearRamp",
    "MatrixMap",
    "Optimizer",
    "Problem",
    "ResidualProblem",
    "Restricted",
    "Result",
    "Schedule",
    "Solver",
    "Status",
    "VariableProjection",
]
