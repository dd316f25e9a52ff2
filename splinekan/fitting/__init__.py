"""Fits that choose for themselves: scales, starts, widths, levels and smoothing from the data."""

from splinekan.fitting.fit import fit

__all__ = ["fit"]
