"""The Jacobian in the scaled coordinates of the damped equations, the argument of a preconditioner."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from splinekan._checks import Float64Array
from splinekan.optimize.problem import LinearMap


class ScaledJacobian(LinearOperator):  # type: ignore[misc]
    """J T^{-1} S^{-1} by its products, with its factors.

    Made by `CG` for its preconditioner.

    Attributes
    ----------
    jacobian
        J, a row per residual and a column per parameter.
    geometry
        T, which maps the parameters to the coordinates of the optimiser.
    scale
        The diagonal of S, positive, (n,).
    """

    def __init__(self, jacobian: Any, geometry: LinearMap, scale: Float64Array) -> None:
        self.jacobian, self.geometry, self.scale = jacobian, geometry, scale
        rows = getattr(jacobian, "shape", None)
        count = len(np.asarray(jacobian.matvec(geometry.solve(scale * 0.0)))) if rows is None else rows[0]
        super().__init__(np.dtype(np.float64), (count, len(scale)))

    def _matvec(self, v: Float64Array) -> Float64Array:
        return np.asarray(self.jacobian.matvec(self.geometry.solve(np.ravel(v) / self.scale)))

    def _normal_product(self, v: Float64Array) -> Float64Array:
        """S^{-T} T^{-T} J^T J T^{-1} S^{-1} v, by a product with J^T J if J provides it."""
        fused = getattr(self.jacobian, "_normal_product", None)
        if fused is None:
            return np.asarray(self.rmatvec(self.matvec(v)))
        product = fused(self.geometry.solve(np.ravel(v) / self.scale))
        return self.geometry.solve_transpose(np.asarray(product)) / self.scale

    def _rmatvec(self, r: Float64Array) -> Float64Array:
        return self.geometry.solve_transpose(self.jacobian.rmatvec(np.ravel(r))) / self.scale
