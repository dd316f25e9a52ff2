"""Objectives: what training minimises, as a function of theta."""

from splinekan.objectives.data import LeastSquares

__all__ = ["LeastSquares"]
