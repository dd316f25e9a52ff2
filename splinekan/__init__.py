"""Spline Kolmogorov-Arnold networks: exact spline geometry and multilevel training."""

__version__ = "0.1.0"
