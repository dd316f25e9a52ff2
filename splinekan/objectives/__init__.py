"""Objectives: what training minimises, as a function of theta."""

from splinekan.objectives.data import DataLoss, LeastSquares
from splinekan.objectives.likelihoods import Logistic, Poisson, Softmax
from splinekan.objectives.losses import Loss, SquaredError
from splinekan.objectives.penalty import QuadraticPenalty
from splinekan.objectives.robust import Huber, Quantile
from splinekan.objectives.sums import Workers

__all__ = [
    "DataLoss",
    "Huber",
    "LeastSquares",
    "Logistic",
    "Loss",
    "Poisson",
    "QuadraticPenalty",
    "Quantile",
    "Softmax",
    "SquaredError",
    "Workers",
]
