"""Optimisers: each sees a value, a gradient, a residual, a Jacobian; never a network."""

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
from splinekan.optimize.result import History, Result, Status
from splinekan.optimize.schedules import Constant, ExponentialCyclic, LinearRamp, Schedule

__all__ = [
    "LBFGS",
    "Adam",
    "Constant",
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
    "Result",
    "Schedule",
    "Status",
]
