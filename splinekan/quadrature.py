"""Gauss points in every interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer, real_array


def gauss_points(breakpoints: ArrayLike, points: int) -> tuple[Float64Array, Float64Array]:
    """Composite Gauss-Legendre rule: nodes and weights, in order, `points` in every interval.

    Exact for piecewise polynomials of degree 2 points - 1. Nodes and weights have the units of x.

    Raises
    ------
    TypeError, ValueError
        Unless `breakpoints` are two or more and strictly increasing, and `points` at least 1.
    """
    ends = real_array("breakpoints", breakpoints, ndim=1).astype(np.float64)
    if len(ends) < 2 or (np.diff(ends) <= 0).any():
        raise ValueError(f"breakpoints must be two or more, strictly increasing, got {ends}")
    nodes, weights = np.polynomial.legendre.leggauss(integer("points", points, low=1))
    half = np.diff(ends)[:, None] / 2
    middle = (ends[1:] + ends[:-1])[:, None] / 2
    return (middle + half * nodes).ravel(), (half * weights).ravel()
