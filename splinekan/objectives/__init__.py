"""Objectives: what training minimises, as a function of theta."""

from splinekan.objectives.data import DataLoss, LeastSquares
from splinekan.objectives.losses import Loss, SquaredError
from splinekan.objectives.penalty import QuadraticPenalty
from splinekan.objectives.sums import Workers

__all__ = ["DataLoss", "LeastSquares", "Loss", "QuadraticPenalty", "SquaredError", "Workers"]
