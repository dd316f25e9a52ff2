"""The problems that coarse levels minimise within a cycle, in the form that optimisers use.

Both coarse problems have the gradient P^T grad F at v0, where F is the problem of the level above at theta.
`Tilted` is the coarse problem with a linear term, at the cost of coarse evaluations. `Pulled` is the fine
problem on an affine subspace, the exact model of the effect of a coarse correction on F.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from splinekan._blas import dot
from splinekan._checks import Float64Array
from splinekan.optimize.answers import parts, real_number, reals
from splinekan.optimize.problem import Factor, LinearMap

OFFERED = ("value", "normal_equations", "triangular_factor", "linearized", "n_residuals")
"""Names that a wrapped problem has if the inner problem has them."""


class Wrapped:
    """A problem around an inner problem; it has the same methods."""

    squared: bool

    def __init__(self, problem: Any, cost: float) -> None:
        self.problem, self.cost = problem, cost

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.problem!r})"

    def __getattr__(self, name: str) -> Any:
        if name in OFFERED and hasattr(self.problem, name):
            return self.problem.n_residuals if name == "n_residuals" else getattr(self, f"_{name}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class Tilted(Wrapped):
    """f(v) - tau.(v - v0), the full approximation scheme's coarse problem (Brandt 1977; Nash 2000).

    With tau = grad f(v0) - P^T grad F(theta) its gradient at v0 is P^T grad F(theta). The linear term leaves
    J^T J unchanged, but the gradient is no longer J^T r: the problem is not `squared`, so that solvers take
    the gradient from `value_and_gradient`. It may be unbounded below: in the null space of J only the damping
    opposes the linear term.
    """

    squared = False

    def __init__(self, problem: Any, tau: Float64Array, v0: Float64Array, cost: float) -> None:
        super().__init__(problem, cost)
        self._tau, self._v0 = tau, v0

    def coordinates(self, name: str) -> LinearMap:
        """The coordinates of the inner problem."""
        coordinates: LinearMap = self.problem.coordinates(name)
        return coordinates

    def value_and_gradient(self, v: Float64Array) -> tuple[float, Float64Array]:
        """Value and gradient."""
        name = "problem.value_and_gradient(theta)"
        value, gradient = parts(name, self.problem.value_and_gradient(v), 2)
        gradient = reals(f"{name}[1]", gradient, v.shape)
        return self._lowered(v, real_number(f"{name}[0]", value)), gradient - self._tau

    def _value(self, v: Float64Array) -> float:
        return self._lowered(v, real_number("problem.value(theta)", self.problem.value(v)))

    def _normal_equations(self, v: Float64Array) -> Factor:
        name = "problem.normal_equations(theta)"
        value, gradient, matrix = parts(name, self.problem.normal_equations(v), 3)
        gradient = reals(f"{name}[1]", gradient, v.shape)
        return self._lowered(v, real_number(f"{name}[0]", value)), gradient - self._tau, matrix

    def _triangular_factor(self, v: Float64Array) -> Any:
        return self.problem.triangular_factor(v)

    def _linearized(self, v: Float64Array) -> Any:
        return self.problem.linearized(v)

    def _lowered(self, v: Float64Array, value: float) -> float:
        return value - dot(self._tau, v - self._v0)


class Pulled(Wrapped):
    """F(theta + P (v - v0)), the problem of the level above on an affine subspace (Tai & Xu 2001).

    Its values are values of F, so that a lower value is a better theta. Every evaluation evaluates F.
    """

    def __init__(
        self, problem: Any, P: Any, theta: Float64Array, v0: Float64Array, coarse: Any, cost: float
    ) -> None:
        super().__init__(problem, cost)
        self.squared = bool(getattr(problem, "squared", True))
        self._P, self._PT = P, scipy.sparse.csr_array(P.T)
        self._theta, self._v0, self._coarse = theta, v0, coarse

    def lift(self, v: Float64Array) -> Float64Array:
        """theta + P (v - v0); theta itself for v = v0."""
        return np.asarray(self._theta + self._P @ (v - self._v0))

    def coordinates(self, name: str) -> LinearMap:
        """The coordinates of the coarse problem, in which v is measured."""
        coordinates: LinearMap = self._coarse.coordinates(name)
        return coordinates

    def value_and_gradient(self, v: Float64Array) -> tuple[float, Float64Array]:
        """F and P^T grad F."""
        theta = self.lift(v)
        name = "problem.value_and_gradient(theta)"
        value, gradient = parts(name, self.problem.value_and_gradient(theta), 2)
        return real_number(f"{name}[0]", value), self._PT @ reals(f"{name}[1]", gradient, theta.shape)

    def _value(self, v: Float64Array) -> float:
        return real_number("problem.value(theta)", self.problem.value(self.lift(v)))

    def _normal_equations(self, v: Float64Array) -> Factor:
        theta = self.lift(v)
        name = "problem.normal_equations(theta)"
        value, gradient, matrix = parts(name, self.problem.normal_equations(theta), 3)
        matrix = reals(f"{name}[2]", matrix, 2 * theta.shape)
        pulled = np.ascontiguousarray((self._PT @ (self._PT @ matrix).T).T)
        return (
            real_number(f"{name}[0]", value),
            self._PT @ reals(f"{name}[1]", gradient, theta.shape),
            pulled,
        )

    def _triangular_factor(self, v: Float64Array) -> Factor:
        theta = self.lift(v)
        name = "problem.triangular_factor(theta)"
        value, triangle, rotated = parts(name, self.problem.triangular_factor(theta), 3)
        triangle = reals(f"{name}[1]", triangle, (None, len(theta)))
        return value, np.ascontiguousarray((self._PT @ triangle.T).T), rotated

    def _linearized(self, v: Float64Array) -> tuple[float, Float64Array, PulledJacobian]:
        name = "problem.linearized(theta)"
        value, r, jacobian = parts(name, self.problem.linearized(self.lift(v)), 3)
        return value, r, PulledJacobian(jacobian, self._P, self._PT)


class PulledJacobian:
    """J P by its products."""

    def __init__(self, jacobian: Any, P: Any, PT: Any) -> None:
        self._jacobian, self._P, self._PT = jacobian, P, PT

    def matvec(self, v: Float64Array) -> Float64Array:
        """J P v."""
        return np.asarray(self._jacobian.matvec(self._P @ v))

    def rmatvec(self, r: Float64Array) -> Float64Array:
        """P^T J^T r."""
        return np.asarray(self._PT @ self._jacobian.rmatvec(r))

    def column_squares(self) -> Float64Array:
        """The diagonal of P^T J^T J P, from the dense matrix."""
        return np.asarray(np.einsum("ij,ij->j", *2 * (self.toarray(),)))

    def toarray(self) -> Float64Array:
        """J P, dense."""
        return np.ascontiguousarray((self._PT @ np.asarray(self._jacobian.toarray()).T).T)
