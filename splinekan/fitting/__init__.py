"""Automatic fits: scales, starts, widths, levels and smoothing are chosen from the data."""

from splinekan.fitting.fit import fit

__all__ = ["fit"]
