"""Scales of unknowns and sizes of equations that follow the solution of an ordinary differential equation.

The sizes of unknowns may differ by many orders of magnitude from their initial values, as those of the
short-lived species of a reaction do, and change in time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from splinekan._checks import Float64Array
from splinekan.solving.meshes import Mesh, Residual
from splinekan.solving.pieces import Piece
from splinekan.solving.statement import Sizes, Statement

FAR = 2.0**7
"""Sizes that differ from those of the statement by less than this factor are kept."""
TINY = 1e-100


def rescaled(piece: Piece, mesh: Mesh, residual: Residual) -> Statement | None:
    """The statement of a piece in units of its values, and of the terms of its equations.

    None if the units are about right. Only the units change.
    """
    statement = piece.statement
    points, _ = statement.region.interior(mesh.rule())
    largest = np.abs(piece.outputs(points)).max(axis=0) * np.array(statement.scales)
    scales = _followed(np.array(statement.scales), largest)
    sizes = statement.sizes
    assert sizes is not None
    n = len(statement.equations)
    equations = _followed(np.array(sizes.equations), np.array(residual.sizes[:n]))
    if scales == statement.scales and equations == sizes.equations:
        return None
    conditions = []
    for each, size in zip(statement.posed, sizes.conditions, strict=True):
        factors = [
            new / old
            for u, new, old in zip(statement.unknown, scales, statement.scales, strict=True)
            if each.residual.has(u.func)
        ]
        conditions.append(size * max(factors, default=1.0))
    return replace(statement, scales=scales, sizes=Sizes(equations, tuple(conditions), sizes.data))


def _followed(given: Float64Array, found: Float64Array) -> tuple[float, ...]:
    """The given sizes, or powers of two near the computed sizes where these differ greatly."""
    usable = np.isfinite(found) & (found > TINY) & (found < 1 / TINY)
    near = np.where(usable, found, given)
    far = np.maximum(near / given, given / near) > FAR
    return tuple(float(size) for size in np.where(far, 2.0 ** np.round(np.log2(near)), given))
