"""What an optimiser sees: value, gradient, residual, Jacobian, and coordinates. Never a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, real_array

Factor = tuple[float, Float64Array, Float64Array]


class LinearMap(Protocol):
    """An invertible matrix T, z = T theta; every product takes vectors (n,) or matrices (n, any)."""

    def apply(self, v: Float64Array, /) -> Float64Array:
        """T v."""
        ...

    def solve(self, v: Float64Array, /) -> Float64Array:
        """T^{-1} v."""
        ...

    def solve_transpose(self, v: Float64Array, /) -> Float64Array:
        """T^{-T} v."""
        ...


class Problem(Protocol):
    """A smooth function of a vector."""

    @property
    def cost(self) -> float:
        """Work units of one evaluation of value and gradient."""
        ...

    def value(self, theta: Float64Array, /) -> float:
        """The loss."""
        ...

    def value_and_gradient(self, theta: Float64Array, /) -> tuple[float, Float64Array]:
        """The loss and its gradient."""
        ...

    def coordinates(self, name: str, /) -> LinearMap:
        """The map from theta to the coordinates `name`."""
        ...


class Rows(Protocol):
    """A Jacobian, by its products."""

    def matvec(self, v: Float64Array, /) -> Float64Array:
        """J v."""
        ...

    def rmatvec(self, r: Float64Array, /) -> Float64Array:
        """J^T r."""
        ...

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J."""
        ...

    def toarray(self) -> Float64Array:
        """J, dense."""
        ...


class LeastSquaresProblem(Problem, Protocol):
    """A loss 1/2 r.r of a residual r(theta) with Jacobian J."""

    @property
    def n_residuals(self) -> float:
        """Length of r; infinite if it is not known."""
        ...

    def linearized(self, theta: Float64Array, /) -> tuple[float, Float64Array, Rows]:
        """(1/2 r.r, r, J)."""
        ...

    def normal_equations(self, theta: Float64Array, /) -> Factor:
        """(1/2 r.r, J^T r, J^T J)."""
        ...

    def triangular_factor(self, theta: Float64Array, /) -> Factor:
        """(1/2 r.r, R, z) with J = Q R and z = Q^T r."""
        ...


@dataclass(frozen=True)
class IdentityMap:
    """T = I."""

    def apply(self, v: Float64Array) -> Float64Array:
        """A copy of v."""
        return v.copy()

    solve = apply
    solve_transpose = apply


@dataclass(frozen=True, eq=False)
class MatrixMap:
    """T = a dense, invertible matrix; upper or lower triangular ones are solved as such."""

    matrix: Float64Array

    def apply(self, v: Float64Array) -> Float64Array:
        """T v."""
        product: Float64Array = self.matrix @ v
        return product

    def solve(self, v: Float64Array) -> Float64Array:
        """T^{-1} v."""
        return self._solve(v, False)

    def solve_transpose(self, v: Float64Array) -> Float64Array:
        """T^{-T} v."""
        return self._solve(v, True)

    def _solve(self, v: Float64Array, transposed: bool) -> Float64Array:
        matrix = self.matrix
        for lower, part in ((False, np.triu(matrix)), (True, np.tril(matrix))):
            if np.array_equal(part, matrix):
                return np.asarray(
                    scipy.linalg.solve_triangular(matrix, v, trans=int(transposed), lower=lower)
                )
        return np.asarray(np.linalg.solve(matrix.T if transposed else matrix, v))


@dataclass(frozen=True, eq=False)
class MatrixRows:
    """J as a dense matrix."""

    matrix: Float64Array

    def matvec(self, v: Float64Array) -> Float64Array:
        """J v."""
        product: Float64Array = self.matrix @ v
        return product

    def rmatvec(self, r: Float64Array) -> Float64Array:
        """J^T r."""
        product: Float64Array = self.matrix.T @ r
        return product

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J."""
        return np.asarray(np.einsum("ij,ij->j", self.matrix, self.matrix))

    def toarray(self) -> Float64Array:
        """J."""
        return self.matrix


def _named(maps: Mapping[str, LinearMap], name: str) -> LinearMap:
    if name not in maps:
        known = ", ".join(map(repr, maps)) or "none but the native ones (None)"
        raise ValueError(f"unknown coordinates {name!r}; this problem has {known}")
    return maps[name]


@dataclass(frozen=True)
class FunctionProblem:
    """A problem from plain functions `value(theta)` and `gradient(theta)`.

    `maps` names further coordinates z = T theta for `geometry=` and `gradient=`.
    """

    function: Callable[[Float64Array], float]
    gradient: Callable[[Float64Array], ArrayLike]
    maps: Mapping[str, LinearMap] = field(default_factory=dict)
    cost: float = 1.0

    def value(self, theta: Float64Array) -> float:
        """The loss."""
        return float(self.function(theta))

    def value_and_gradient(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """The loss and its gradient."""
        return self.value(theta), np.asarray(self.gradient(theta), dtype=np.float64)

    def coordinates(self, name: str) -> LinearMap:
        """The map of that name."""
        return _named(self.maps, name)


@dataclass(frozen=True)
class ResidualProblem:
    """A least-squares problem 1/2 r.r from plain functions `residual(theta)` and `jacobian(theta)`.

    The Jacobian is dense or a SciPy sparse matrix, shape (n_residuals, n_parameters).
    """

    residual: Callable[[Float64Array], ArrayLike]
    jacobian: Callable[[Float64Array], Any]
    maps: Mapping[str, LinearMap] = field(default_factory=dict)
    cost: float = 1.0

    def value(self, theta: Float64Array) -> float:
        """1/2 r.r."""
        r = np.asarray(self.residual(theta), dtype=np.float64)
        return float(r @ r) / 2

    def value_and_gradient(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """1/2 r.r and J^T r."""
        r, jacobian = self._linearized(theta)
        return float(r @ r) / 2, jacobian.T @ r

    def normal_equations(self, theta: Float64Array) -> Factor:
        """(1/2 r.r, J^T r, J^T J)."""
        r, jacobian = self._linearized(theta)
        return float(r @ r) / 2, jacobian.T @ r, jacobian.T @ jacobian

    def triangular_factor(self, theta: Float64Array) -> Factor:
        """(1/2 r.r, R, Q^T r)."""
        r, jacobian = self._linearized(theta)
        q, upper = scipy.linalg.qr(jacobian, mode="economic")
        return float(r @ r) / 2, upper, q.T @ r

    @property
    def n_residuals(self) -> float:
        """Unknown before the first evaluation: taken as many."""
        return np.inf

    def linearized(self, theta: Float64Array) -> tuple[float, Float64Array, MatrixRows]:
        """(1/2 r.r, r, J)."""
        r, jacobian = self._linearized(theta)
        return float(r @ r) / 2, r, MatrixRows(jacobian)

    def coordinates(self, name: str) -> LinearMap:
        """The map of that name."""
        return _named(self.maps, name)

    def _linearized(self, theta: Float64Array) -> tuple[Float64Array, Float64Array]:
        r = real_array("residual", self.residual(theta), ndim=1, finite=False)
        jacobian = self.jacobian(theta)
        dense = jacobian.toarray() if scipy.sparse.issparse(jacobian) else jacobian
        return r.astype(np.float64), real_array(
            "jacobian", dense, shape=(len(r), len(theta)), finite=False
        ).astype(np.float64)
