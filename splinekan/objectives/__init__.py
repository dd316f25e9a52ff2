"""Objectives: what training minimises, as a function of theta."""

from splinekan.objectives.least_squares import LeastSquares

__all__ = ["LeastSquares"]
