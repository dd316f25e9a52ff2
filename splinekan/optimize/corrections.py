"""Corrections of a damped step for the curvature of the residual, by residuals instead of Jacobians.

A damped step p solves J^T (r + J p) + damping S^2 p = 0, in which r + J p stands for the residual at its end.
With the residual itself the equations are

    J^T r(z + q) + damping S^2 q = 0,

and the chord method from q = p, whose matrix is that of the step, already factored, gives the corrections

    q <- q - (J^T J + damping S^2)^{-1} (J^T r(z + q) + damping S^2 q).

To second order, r(z + p) = r + J p + r''(p, p)/2, so that the first correction is half the geodesic
acceleration a = -(J^T J + damping S^2)^{-1} J^T r''(p, p) of Transtrum & Sethna (2012, arXiv:1201.5885), with
the second derivative from a finite difference over the whole step. Further corrections add higher orders.
As there, a step with 2 |S a| > 0.75 |S p| is rejected: the linearisation does not describe it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._blas import norm
from splinekan._checks import Float64Array
from splinekan.optimize.answers import finite, reals
from splinekan.optimize.driver import Frame, Point
from splinekan.optimize.systems import Damped, linearized

BEND = 0.375
"""The largest first correction relative to the step; it corresponds to 2 |S a| = 0.75 |S p|."""
SHRINK = 0.5
"""The iteration ends unless every correction is at most this times the previous correction."""


class Corrections:
    """Up to `count` corrections of steps from a point, where J is computed when it is first needed."""

    def __init__(self, frame: Frame, point: Point, count: int) -> None:
        self._frame, self._point, self._count = frame, point, count
        self._jacobian: Any = None

    def corrected(
        self, damped: Damped, damping: float, scale: Float64Array, step: Float64Array
    ) -> Float64Array | None:
        """The step with its corrections; None if the first is too large, or not finite."""
        if self._jacobian is None:
            self._frame.evaluations += 1
            _, self._residual, self._jacobian = linearized(self._frame, self._point, ("matvec", "rmatvec"))
        moved, bound = step, BEND * norm(scale * step)
        for number in range(self._count):
            residual = self._at(moved)
            if residual is None:
                return moved if number else None
            gradient = self._frame.geometry.solve_transpose(np.asarray(self._jacobian.rmatvec(residual)))
            change = damped(damping, gradient + damping * scale**2 * moved)
            size = norm(scale * change)
            if not size <= bound:
                return moved if number else None
            moved, bound = moved + change, SHRINK * size
        return moved

    def _at(self, step: Float64Array) -> Float64Array | None:
        """The residual at the end of a step, None where it is not finite."""
        frame = self._frame
        frame.evaluations += 1
        theta = frame.native(self._point.z + step)
        if not finite(theta):
            return None
        problem, count = frame.problem, len(self._residual)
        if callable(getattr(problem, "residual", None)):
            values = reals("problem.residual(theta)", problem.residual(theta), (None,))
        else:
            values = np.asarray(problem.linearized(theta)[1])
        if len(values) < count:  # the rows of a quadratic penalty, below the others, are affine
            along = self._jacobian.matvec(frame.geometry.solve(step))
            values = np.concatenate([values, (self._residual + along)[len(values) :]])
        return values if finite(values) else None
