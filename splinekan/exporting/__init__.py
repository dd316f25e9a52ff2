"""Models for use without this package: source code for NumPy, expressions of sympy."""

from splinekan.exporting.kinds import export

__all__ = ["export"]
