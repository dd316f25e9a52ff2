"""Gauss points in every interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, affordable, increasing, integer

MAX_POINTS = 100
"""Most points of a Gauss rule; NumPy's rules have been tested up to this number."""


def gauss_points(breakpoints: ArrayLike, points: int) -> tuple[Float64Array, Float64Array]:
    """Composite Gauss-Legendre rule: nodes and weights, in order, `points` in every interval.

    It is exact for piecewise polynomials of degree 2 points - 1. Nodes and weights have the units of x. Nodes
    are rounded to float64 numbers, of which a short interval far from 0 holds few; for integrals of the
    B-splines see `splinekan.splines.gram.gram_factor`.

    Raises
    ------
    TypeError, ValueError
        Unless `breakpoints` are two or more and strictly increasing, and `points` in 1..100.
    MemoryError
        For more points than fit into memory.
    """
    ends = increasing("breakpoints", breakpoints)
    count = integer("points", points, low=1, high=MAX_POINTS)
    affordable(f"{count} points in each of {len(ends) - 1} intervals", 16.0 * count * len(ends))
    nodes, weights = np.polynomial.legendre.leggauss(count)
    half = np.diff(ends)[:, None] / 2
    middle = (ends[1:] + ends[:-1])[:, None] / 2
    return (middle + half * nodes).ravel(), (half * weights).ravel()
