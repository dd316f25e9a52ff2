"""Jacobians and changes of coordinates as SciPy LinearOperators."""

from splinekan.operators.base import Matrix, Operator, Stacked
from splinekan.operators.coordinates import Coordinates, EdgeMap, Piece
from splinekan.operators.segments import SparseRows

__all__ = ["Coordinates", "EdgeMap", "Matrix", "Operator", "Piece", "SparseRows", "Stacked"]
