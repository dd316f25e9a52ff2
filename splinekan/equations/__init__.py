"""Differential equations in sympy, and the points on which they are posed."""

from splinekan.equations.equation import Equation, ansatz, manufactured
from splinekan.equations.features import Features
from splinekan.equations.unknown import Unknown

__all__ = ["Equation", "Features", "Unknown", "ansatz", "manufactured"]
