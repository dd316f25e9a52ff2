"""A least-squares problem with its linear parameters solved for (variable projection).

A residual r(alpha, c) = A(alpha) c - b(alpha) is affine in c. With c(alpha) the minimiser of 1/2 |r|^2 for
fixed alpha, the loss is a function of alpha alone, 1/2 |P b|^2, P the projector onto the orthogonal
complement of the range of A (Golub & Pereyra 1973, SIAM J. Numer. Anal. 10, section 2). Kaufman (1975, BIT
15) drops the term of its Jacobian that vanishes with the residual, which leaves P J_alpha, J_alpha the
Jacobian for fixed c. Its normal matrix needs no projector:

    J_alpha^T P J_alpha = H_aa - H_ac H_cc^{-1} H_ca,    H = J^T J of all parameters at (alpha, c(alpha)),

a Schur complement, and a triangular factor is the trailing block of that of [A, J_alpha]. The gradient is
the partial derivative J_alpha^T r, since r is orthogonal to the range of A: it is exact; only the curvature
is approximate.

H_cc is singular if no sample lies in the support of a coefficient's basis function, or if constants can be
moved between the edges of a node. c(alpha) is then the solution of least norm, in units of the columns, by a
few steps of the proximal point method from 0,

    c <- c - (H_cc + ridge D)^{-1} (H_cc c + g),    D the diagonal of H_cc, g the gradient at c = 0;

or, with `nearest`, the solution nearest to the given c, from which the steps then start.

For an eigenvalue m of the scaled H_cc the error is (ridge/(m + ridge))^4 times the component of c: negligible
where m is far above the ridge, the whole component where m is far below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._blas import one, several
from splinekan._checks import Float64Array
from splinekan.optimize.answers import finite, parts, real_number, reals
from splinekan.optimize.problem import Factor
from splinekan.optimize.systems import EPS

STEPS = 4
"""Number of proximal steps."""
AFFINE = 1e-4
"""Relative difference of the loss from that of an affine residual, above which a residual is not affine."""
SMALL = 16 * EPS
"""Squared column norms below this times the largest are treated as 0."""


class Projected:
    """A problem as a function of its nonlinear parameters alpha, with the linear parameters solved for."""

    def __init__(
        self,
        problem: Any,
        theta: Float64Array,
        linear: NDArray[np.int64],
        ridge: float,
        own: bool,
        nearest: bool = False,
    ) -> None:
        self.problem, self.cost, self.ridge = problem, problem.cost, ridge
        self._by_problem = own and callable(getattr(problem, "linear_equations", None))
        if len(linear) and linear.max() >= len(theta):
            raise ValueError(
                f"linear must be indices below the length {len(theta)} of theta0, got {linear.max()}"
            )
        self.linear = linear
        self.others = np.setdiff1d(np.arange(len(theta)), linear)
        if not len(self.others):
            raise ValueError(
                "the problem must have parameters that are not linear: all are, and LevenbergMarquardt() "
                "solves it in a step"
            )
        self.start = theta[self.others]
        self._reference = theta[linear] if nearest else np.zeros(len(linear))
        self._solved: list[tuple[bytes, Float64Array]] = []
        with np.errstate(over="ignore", invalid="ignore"):
            self._check_affine(theta)

    def __repr__(self) -> str:
        return f"Projected({self.problem!r})"

    squared = True
    """The loss is half a sum of squares: other losses have no linear parameters."""

    def native(self, alpha: Float64Array) -> Float64Array:
        """All parameters, with optimal linear parameters. The last two points are cached."""
        key = alpha.tobytes()
        for known, theta in self._solved:
            if known == key:
                return theta.copy()
        theta = np.zeros(len(self.linear) + len(self.others))
        theta[self.others], theta[self.linear] = alpha, self._reference
        gradient, matrix = self._equations(theta)
        theta[self.linear] += self._minimiser(gradient, matrix)
        self._solved = [(key, theta), *self._solved[:1]]
        return theta.copy()

    def value(self, alpha: Float64Array) -> float:
        """The loss; NaN where the linear parameters are not finite."""
        return self._value(self.native(alpha))

    def value_and_gradient(self, alpha: Float64Array) -> tuple[float, Float64Array]:
        """The loss and its gradient."""
        theta, name = self.native(alpha), "problem.value_and_gradient(theta)"
        if not finite(theta):
            return np.nan, np.full_like(alpha, np.nan)
        value, gradient = parts(name, self.problem.value_and_gradient(theta), 2)
        return real_number(f"{name}[0]", value), reals(f"{name}[1]", gradient, theta.shape)[self.others]

    def normal_equations(self, alpha: Float64Array) -> Factor:
        """The loss, its gradient and the Schur complement."""
        theta = self.native(alpha)
        value, gradient, matrix = self._normal(theta)
        a, c = self.others, self.linear
        own, between = matrix[np.ix_(c, c)], matrix[np.ix_(c, a)]
        solved = self._solver(own)
        left = matrix[np.ix_(a, a)]
        if solved is not None:
            with several(2.0 * len(c) * len(a) * (len(a) + len(c))):
                left = left - between.T @ solved(between)
            left = (left + left.T) / 2
        return value, gradient[a], left

    def triangular_factor(self, alpha: Float64Array) -> Factor:
        """The loss, R and z of P J_alpha = Q R, z = Q^T r: the trailing block of that of [A, J_alpha]."""
        theta, name = self.native(alpha), "problem.triangular_factor(theta)"
        value, triangle, rotated = parts(name, self.problem.triangular_factor(theta), 3)
        triangle = reals(f"{name}[1]", triangle, (None, len(theta)))
        rotated = reals(f"{name}[2]", rotated, (len(triangle),))
        count = len(self.linear)
        first = triangle[:, self.linear]
        scale = self._scale(np.einsum("ij,ij->j", first, first))
        rows = np.zeros((len(triangle) + count, len(theta) + 1))
        rows[: len(triangle)] = np.column_stack([first, triangle[:, self.others], rotated])
        rows[len(triangle) :, :count] = np.diag(np.sqrt(self.ridge) * scale)
        with several(4.0 * rows.size * len(theta)):
            (upper,) = scipy.linalg.qr(rows, mode="r", overwrite_a=True, check_finite=False)
        trailing = upper[count : len(theta)]
        return real_number(f"{name}[0]", value), trailing[:, count:-1].copy(), trailing[:, -1].copy()

    def __getattr__(self, name: str) -> Any:
        if name == "model" and callable(getattr(self.problem, "model", None)):
            return lambda alpha: self.problem.model(self.native(alpha))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _value(self, theta: Float64Array) -> float:
        if not finite(theta):
            return np.nan
        return real_number("problem.value(theta)", self.problem.value(theta))

    def _normal(self, theta: Float64Array) -> tuple[float, Float64Array, Float64Array]:
        name = "problem.normal_equations(theta)"
        value, gradient, matrix = parts(name, self.problem.normal_equations(theta), 3)
        gradient = reals(f"{name}[1]", gradient, theta.shape)
        return real_number(f"{name}[0]", value), gradient, reals(f"{name}[2]", matrix, 2 * theta.shape)

    def _equations(self, theta: Float64Array) -> tuple[Float64Array, Float64Array]:
        """The gradient and the normal matrix of the linear parameters."""
        if self._by_problem:
            name = "problem.linear_equations(theta)"
            gradient, matrix = parts(name, self.problem.linear_equations(theta), 2)
            shape = (len(self.linear),)
            return reals(f"{name}[0]", gradient, shape), reals(f"{name}[1]", matrix, 2 * shape)
        _, gradient, matrix = self._normal(theta)
        return gradient[self.linear], matrix[np.ix_(self.linear, self.linear)]

    def _scale(self, squares: Float64Array) -> Float64Array:
        """Norms of the columns; zero columns do not determine the scale."""
        largest = squares.max(initial=0.0)
        return np.sqrt(np.maximum(squares, SMALL * largest if largest > 0 else 1.0))

    @one
    def _solver(self, matrix: Float64Array) -> Callable[[Float64Array], Float64Array] | None:
        """v -> (H_cc + ridge D)^{-1} v, None for a matrix that is not finite."""
        if not np.isfinite(matrix).all():
            return None
        scale = self._scale(np.diag(matrix))
        scaled_matrix, ridge, factor = matrix / scale / scale[:, None], self.ridge, None
        while factor is None:
            damped = scaled_matrix.copy()
            damped[np.diag_indices_from(damped)] += ridge
            with several(len(damped) ** 3 / 3):
                try:
                    factor = scipy.linalg.cho_factor(damped, overwrite_a=True, check_finite=False)
                except np.linalg.LinAlgError:  # rounding errors exceed the ridge
                    ridge *= 100

        def solve(v: Float64Array) -> Float64Array:
            scaled = v / (scale if v.ndim == 1 else scale[:, None])
            solution = scipy.linalg.cho_solve(factor, scaled, check_finite=False)
            return np.asarray(solution / (scale if v.ndim == 1 else scale[:, None]))

        return solve

    @one
    def _minimiser(self, gradient: Float64Array, matrix: Float64Array) -> Float64Array:
        """c(alpha) minus the reference, NaN where the equations are not finite."""
        solve = self._solver(matrix)
        if solve is None or not np.isfinite(gradient).all():
            return np.full_like(gradient, np.nan)
        c = np.zeros_like(gradient)
        for _ in range(STEPS):
            c -= solve(matrix @ c + gradient)
        return c

    def _check_affine(self, theta: Float64Array) -> None:
        """Refuse a residual whose loss, at theta and at the solution, is not that of an affine residual."""
        at_zero, given = theta.copy(), theta.copy()
        at_zero[self.linear] = 0.0
        if not theta[self.linear].any():
            given[self.linear] = 1.0
        gradient, matrix = self._equations(at_zero)
        before = self._value(at_zero)
        for point in (given, self.native(self.start)):
            c = point[self.linear]
            expected = float(before + gradient @ c + c @ matrix @ c / 2)
            value = self._value(point)
            scale = max(abs(before), float(c @ matrix @ c))
            if math.isfinite(scale) and math.isfinite(value) and abs(value - expected) > AFFINE * scale:
                raise ValueError(
                    f"the residual must be affine in the linear parameters: where its loss is {value:.6g}, "
                    f"that of an affine residual is {expected:.6g}"
                )
