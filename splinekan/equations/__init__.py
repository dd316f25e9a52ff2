"""Differential equations in sympy, and their collocation points."""

from splinekan.equations.complex_parts import ComplexParts, split_complex
from splinekan.equations.equation import Equation
from splinekan.equations.features import Features
from splinekan.equations.substitution import ansatz, manufactured
from splinekan.equations.unknown import Unknown

__all__ = ["ComplexParts", "Equation", "Features", "Unknown", "ansatz", "manufactured", "split_complex"]
