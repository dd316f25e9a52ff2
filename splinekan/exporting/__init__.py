"""Models for use without this package: source code for NumPy, expressions of sympy."""

from splinekan.exporting.export import export

__all__ = ["export"]
