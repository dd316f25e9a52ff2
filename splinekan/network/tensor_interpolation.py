"""Interpolation by tensor-product splines at Greville points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, real_array
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.knot_vector import KnotVector

CONDITION = 1e12
"""Largest condition number of a collocation matrix, in the 1-norm."""


def nodes(knots: Sequence[KnotVector]) -> Float64Array:
    """The grid of the nodes of every input, (any, inputs), those of the last input running fastest."""
    grids = np.meshgrid(*map(_nodes, knots), indexing="ij")
    return np.stack([grid.ravel() for grid in grids], axis=1)


def interpolated(
    knots: Sequence[KnotVector], n_out: int, function: Callable[[Float64Array], ArrayLike]
) -> Float64Array:
    """The coefficients, flat, of the splines that equal `function` at the nodes: axis by axis.

    Raises
    ------
    TypeError, ValueError
        For values of another shape or not finite, and where interpolation is not unique.
    """
    matrices = [_collocation(p, each) for p, each in enumerate(knots)]
    points = nodes(knots)
    values = real_array("function(nodes)", function(points))
    accepted = [(len(points), n_out)] + [(len(points),)] * (n_out == 1)
    if values.shape not in accepted:
        wanted = " or ".join(map(str, accepted))
        raise ValueError(f"function must return values of shape {wanted}, got {values.shape}")
    shape: tuple[int, ...] = (*map(len, matrices), n_out)
    c: Any = np.asarray(values, dtype=np.float64).reshape(shape)
    for axis, matrix in enumerate(matrices):
        moved: Any = np.moveaxis(c, axis, 0)
        solved: Any = np.linalg.solve(matrix, moved.reshape(len(matrix), -1)).reshape(moved.shape)
        c = np.moveaxis(solved, 0, axis)
    return np.ascontiguousarray(c, dtype=np.float64).ravel()


def _nodes(knots: KnotVector) -> Float64Array:
    """The Greville points of the clamped knots of the same space."""
    if knots.periodic:
        return np.asarray(knots.greville, dtype=np.float64)
    return np.asarray(KnotVector(np.clip(knots.t, *knots.domain), knots.degree).greville, dtype=np.float64)


def _collocation(p: int, knots: KnotVector) -> Float64Array:
    """The collocation matrix of an input.

    Raises
    ------
    ValueError
        If it is singular, or nearly so.
    """
    matrix = np.asarray(BSplineBasis(knots).tabulate(_nodes(knots)), dtype=np.float64)
    try:
        condition = float(np.linalg.norm(matrix, 1) * np.linalg.norm(np.linalg.inv(matrix), 1))
    except np.linalg.LinAlgError:
        condition = np.inf
    if not condition < CONDITION:
        raise ValueError(
            f"knots[{p}]: interpolation at Greville points is not unique, or has the condition number "
            f"{condition:.1g}; inner knots must have multiplicities of at most the degree"
        )
    return matrix
