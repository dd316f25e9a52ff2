"""Sources of the spectra of a level: dense decompositions, or products and random probes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from splinekan._checks import Float64Array
from splinekan.spectra.coordinates import coordinates, layer_slice
from splinekan.spectra.density import Density
from splinekan.spectra.lanczos import (
    SymmetricOperator,
    curvature_operator,
    ritz_values,
)
from splinekan.spectra.matrices import symmetric_spectrum
from splinekan.spectra.network import (
    block_columns,
    block_coordinates,
    error_scale,
    hessian_matrix,
    hessian_spectrum,
    jacobian_factor,
)
from splinekan.spectra.spectrum import Spectrum
from splinekan.spectra.two_sided import factor_spectrum

EPS = float(np.finfo(np.float64).eps)
SMALL = 12
"""Blocks with fewer rows are assembled from their products."""


@dataclass(frozen=True, eq=False)
class Decomposed:
    """All eigenvalues; quantities that all bases share are computed once."""

    objective: Any
    theta: Float64Array
    matrix: str

    def spectrum(self, basis: str, layer: int | None) -> tuple[Spectrum, None]:
        """All eigenvalues of the matrix, or of a layer's block, in a basis."""
        if self.matrix == "hessian":
            found = hessian_spectrum(self.objective, self.theta, basis, layer, matrix=self._hessian)
            return found, None
        where = block_columns(self.objective, layer)
        T = block_coordinates(self.objective, basis, layer)
        return factor_spectrum(self._J[:, where], T, False, self._scale[where]), None

    @cached_property
    def _J(self) -> Float64Array:  # noqa: N802 - a matrix
        return jacobian_factor(self.objective, self.theta)

    @cached_property
    def _scale(self) -> Float64Array:
        return error_scale(self.objective.network, self._J)

    @cached_property
    def _hessian(self) -> Float64Array:
        return hessian_matrix(self.objective, self.theta)


@dataclass(frozen=True, eq=False)
class Sampled:
    """Extreme eigenvalues and a density, from products with the matrix."""

    objective: Any
    theta: Float64Array
    matrix: str
    probes: int
    steps: int
    rng: np.random.Generator

    def spectrum(self, basis: str, layer: int | None) -> tuple[Spectrum, Density | None]:
        """Extreme eigenvalues and the density of the matrix, or of a layer's block, in a basis.

        With fewer residuals than parameters they are those of the tangent kernel, which has the same nonzero
        eigenvalues.
        """
        where = layer_slice(self.objective.network, layer)
        rows, n = self.objective.n_residuals, where.stop - where.start
        if self.matrix == "gauss-newton" and SMALL <= rows < n:
            operator = self._kernel(basis, where)
        else:
            whole = curvature_operator(self.objective, self.theta, self.matrix, basis)
            operator = _block(whole, where)
        if n < SMALL:
            columns = np.stack([operator.matvec(e) for e in np.eye(n)], axis=1)
            return symmetric_spectrum((columns + columns.T) / 2), None
        density, ends = ritz_values(operator, self.probes, self.steps, self.rng)
        return ends, density

    def _kernel(self, basis: str, where: slice) -> LinearOperator:
        """J T^{-1} T^{-T} J^T with the columns of J in `where` alone."""
        T = coordinates(self.objective.network, basis)
        J = self.objective.linearized(self.theta)[2]

        def product(r: Float64Array) -> Float64Array:
            gradient = T.solve_transpose(J.rmatvec(r))
            kept = np.zeros_like(gradient)
            kept[where] = gradient[where]
            found: Float64Array = J.matvec(T.solve(kept))
            return found

        return SymmetricOperator(self.objective.n_residuals, product)


def _block(operator: LinearOperator, where: slice) -> LinearOperator:
    """The diagonal block of these rows and columns."""
    n = operator.shape[0]
    if where == slice(0, n):
        return operator

    def product(v: Float64Array) -> Float64Array:
        whole = np.zeros(n)
        whole[where] = v
        found: Float64Array = operator.matvec(whole)[where]
        return found

    return SymmetricOperator(where.stop - where.start, product)
