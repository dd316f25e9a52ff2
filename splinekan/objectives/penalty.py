"""Penalties: terms that an objective adds to the sum over its samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy

from splinekan._arrays import F8, floats, writeable
from splinekan._blas import one
from splinekan._checks import Float64Array, instance, real, real_array, shown
from splinekan._records import Uncached
from splinekan.network import KAN
from splinekan.operators import Matrix


@dataclass(frozen=True, eq=False)
class QuadraticPenalty(Uncached):
    """1/2 |B theta|^2, B sparse.

    Attributes
    ----------
    root
        B, (rows, n_parameters); without rows there is no penalty.

    Raises
    ------
    TypeError, ValueError
        Unless B is a SciPy sparse matrix of finite numbers; the methods for arrays of another shape.
    """

    root: scipy.sparse.csr_array

    def __post_init__(self) -> None:
        if not scipy.sparse.issparse(self.root):
            raise TypeError(f"root must be a SciPy sparse matrix, got {shown(self.root)}")
        real_array("root", self.root.data)
        if self.root.ndim != 2:
            raise ValueError(f"root must have 2 axes, got shape {self.root.shape}")
        object.__setattr__(self, "root", scipy.sparse.csr_array(self.root, dtype=np.float64))

    @staticmethod
    def roughness(network: KAN, smoothing: float) -> QuadraticPenalty:
        """smoothing/2 |D theta|^2, D theta the jumps of the highest derivative (`SplineLayer.roughness`)."""
        network = instance("network", network, KAN)
        smoothing = real("smoothing", smoothing, low=0.0, high=np.inf)
        if smoothing == 0:
            return QuadraticPenalty(scipy.sparse.csr_array((0, network.n_parameters)))
        return QuadraticPenalty(scipy.sparse.csr_array(np.sqrt(smoothing) * network.roughness))

    @cached_property
    def n_rows(self) -> int:
        """The number of rows of B."""
        return int(self.root.shape[0])

    @one
    def value(self, theta: Float64Array) -> float:
        """1/2 |B theta|^2."""
        theta = self._checked("theta", theta)
        if not self.n_rows:
            return 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            rows = self.root @ theta
            return float(rows @ rows) / 2

    def product(self, v: Float64Array) -> Float64Array:
        """B^T B v; for v = theta the gradient."""
        v = self._checked("v", v)
        if not self.n_rows:
            return np.zeros(self.root.shape[1])
        return np.asarray(self.root.T @ (self.root @ v))

    def residual(self, theta: Float64Array) -> Float64Array:
        """B theta, the rows below those of the samples."""
        return np.asarray(self.root @ self._checked("theta", theta))

    def add_products(self, matrix: Float64Array) -> None:
        """Add B^T B to a dense matrix, (n_parameters, n_parameters), in place."""
        matrix = writeable("matrix", matrix, (self.root.shape[1],) * 2)
        if self.n_rows:
            matrix += (self.root.T @ self.root).toarray()

    def jacobian(self) -> Matrix:
        """B as an operator."""
        return Matrix(self.root)

    def _checked(self, name: str, v: Float64Array) -> Float64Array:
        return floats(name, v, (self.root.shape[1],), F8)  # type: ignore[return-value]
