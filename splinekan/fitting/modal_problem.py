"""The problem of a fit in modal coordinates, where its penalty is diagonal."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy

from splinekan._blas import one
from splinekan._checks import Float64Array
from splinekan.objectives import DataLoss
from splinekan.objectives.sums import triangle
from splinekan.optimize.problem import Factor, IdentityMap

ROUNDING = 16 * float(np.finfo(np.float64).eps)


class ModalProblem:
    """The least-squares problem L(T z) + 1/2 z.W z, with the interface of the optimisers.

    In these coordinates the scaling of Levenberg-Marquardt resolves the penalties of single modes, however
    large. The latest normal equations are kept, because the choice of the weights needs them again.
    """

    cost: ClassVar[float | None] = None

    def __init__(self, data: DataLoss, T: scipy.sparse.csr_array, diagonal: Float64Array) -> None:
        self.data, self.diagonal, self.squared = data, diagonal, data.squared
        self._T, self._transposed = T, scipy.sparse.csr_array(T.T)
        self._squares = self._transposed.multiply(self._transposed).tocsr()
        self._known: tuple[Float64Array, Factor] | None = None

    @property
    def n_residuals(self) -> int:
        """The number of rows of J, the penalty's included."""
        return self.data.n_residuals + len(self.diagonal)

    def value(self, z: Float64Array) -> float:
        """L(T z) + 1/2 z.W z."""
        return self.data.value(self._T @ z) + self._penalty(z)

    def value_and_gradient(self, z: Float64Array) -> tuple[float, Float64Array]:
        """The value and T^T dL/dtheta + W z."""
        value, gradient = self.data.value_and_gradient(self._T @ z)
        return value + self._penalty(z), self._transposed @ gradient + self.diagonal * z

    def normal_equations(self, z: Float64Array) -> Factor:
        """The value, the gradient and T^T J^T J T + W."""
        if self._known is None or not np.array_equal(self._known[0], z):
            value, gradient, matrix = self.data.normal_equations(self._T @ z)
            modal = np.ascontiguousarray((self._transposed @ (self._transposed @ matrix).T).T)
            # Cancellation may leave negative entries: T^T N T has errors of eps T^T diag(N) T.
            rounding = ROUNDING * (self._squares @ np.diag(matrix))
            modal[np.diag_indices_from(modal)] += self.diagonal + rounding
            factor = value + self._penalty(z), self._transposed @ gradient + self.diagonal * z, modal
            self._known = z.copy(), factor
        return self._known[1]

    def triangular_factor(self, z: Float64Array) -> Factor:
        """The value, R and Q^T rho of the rows of J T with those of the penalty below."""
        value, upper, rotated = self.data.triangular_factor(self._T @ z)
        root = np.sqrt(self.diagonal)
        data = np.column_stack([(self._transposed @ upper.T).T, rotated])
        both = triangle([data, np.column_stack([np.diag(root), root * z])])
        return value + self._penalty(z), both[: len(z), : len(z)], both[: len(z), len(z)]

    def coordinates(self, name: str) -> IdentityMap:
        """The identity: a fit is trained in its modal coordinates only."""
        raise ValueError(f"unknown coordinates {name!r}: a fit has its modal coordinates only")

    def _penalty(self, z: Float64Array) -> float:
        with one, np.errstate(over="ignore", invalid="ignore"):
            return float(self.diagonal @ z**2) / 2
