"""Three ways to solve the damped equations (J^T J + damping S^2) dz = -g of Levenberg-Marquardt.

All work on the scaled Jacobian J S^{-1}, in the coordinates of the frame.

- `NormalEquations`: J^T J is assembled and Cholesky-factored while the damping is far above its rounding
  errors; below, singular values of R (J = Q R) take over, because J^T J loses half the digits.
- `Dual`: dz = -J^T (J J^T + damping)^{-1} r when there are fewer residuals than parameters; the same step,
  because J^T (J J^T + damping) = (J^T J + damping) J^T.
- `ConjugateGradients`: no matrix at all; products with the sparse rows of J, for many parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.optimize.answers import parts, reals, require
from splinekan.optimize.driver import Frame, Point
from splinekan.optimize.problem import IdentityMap

EPS = float(np.finfo(np.float64).eps)

Damped = Callable[[float], Float64Array]
"""dz(damping)."""


class Linearized(Protocol):
    """The point that the steps start from, and its Jacobian."""

    columns: Float64Array
    """Norms of the columns of J."""

    def damped(self, scale: Float64Array) -> Damped:
        """The steps for S = diag(scale)."""
        ...


def singular_values(
    frame: Frame, point: Point, scale: Float64Array, cutoff: float, mixed: bool
) -> Callable[[float], Float64Array]:
    """dz(damping) from one singular value decomposition of the scaled R."""
    name = "problem.triangular_factor(theta)"
    _, triangle, rotated = parts(name, frame.problem.triangular_factor(point.theta), 3)
    triangle = reals(f"{name}[1]", triangle, (None, len(scale)))
    rotated = reals(f"{name}[2]", rotated, (len(triangle),))
    upper = frame.geometry.solve_transpose(triangle.T).T / scale
    if not np.isfinite(upper).all():
        return lambda damping: np.full_like(scale, np.nan)
    u, s, vt = scipy.linalg.svd(upper, full_matrices=False, check_finite=False, lapack_driver="gesdd")
    kept = s > cutoff * s.max(initial=0.0)
    u, s, vt = u[:, kept], s[kept], vt[kept]
    # J^T r = V s (U^T z): for the true gradient s need not be squared.
    data = vt @ (point.fed / scale) if mixed else s * (u.T @ rotated)

    def step(damping: float) -> Float64Array:
        return np.asarray(-(vt.T @ (data / (s**2 + damping))) / scale)

    return step


class NormalEquations:
    """J^T J assembled; R when that is not good enough."""

    def __init__(
        self, frame: Frame, point: Point, matrix: Float64Array | None, cutoff: float, mixed: bool
    ) -> None:
        if matrix is None:
            name = "problem.normal_equations(theta)"
            matrix = parts(name, frame.problem.normal_equations(point.theta), 3)[2]
            matrix = reals(f"{name}[2]", matrix, 2 * point.theta.shape)
        if not isinstance(frame.geometry, IdentityMap):
            matrix = frame.geometry.solve_transpose(frame.geometry.solve_transpose(matrix).T)
        self.matrix = matrix
        self.columns = np.sqrt(np.maximum(np.diag(self.matrix), 0.0))
        self._exact = partial(singular_values, frame, point, cutoff=cutoff, mixed=mixed)
        self._fed = point.fed

    def damped(self, scale: Float64Array) -> Damped:
        """By Cholesky, or by singular values, decomposed once."""
        scaled = self.matrix / scale
        scaled /= scale[:, None]
        exact: Callable[[float], Float64Array] | None = None

        def step(damping: float) -> Float64Array:
            nonlocal exact
            # Assembling and factoring perturb the scaled matrix by about n eps: with a damping far above,
            # the step is sound.
            if exact is None and damping > 100 * len(scale) * EPS:
                found = _cholesky_solve(scaled, self._fed / scale, damping)
                if found is not None:
                    return -found / scale
            exact = exact or self._exact(scale)
            return exact(damping)

        return step


class Dual:
    """J J^T, for fewer residuals than parameters."""

    def __init__(self, frame: Frame, point: Point) -> None:
        _, self._r, rows = _linearized(frame, point, ("toarray",))
        self._jacobian = frame.geometry.solve_transpose(rows.toarray().T).T  # J T^{-1}
        self.columns = np.sqrt(np.einsum("ij,ij->j", self._jacobian, self._jacobian))

    def damped(self, scale: Float64Array) -> Damped:
        """By the eigenvalues of J J^T: one decomposition serves every damping."""
        scaled = self._jacobian / scale
        if not np.isfinite(scaled).all():
            return lambda damping: np.full_like(scale, np.nan)
        values, vectors = scipy.linalg.eigh(scaled @ scaled.T, check_finite=False, driver="evd")
        data = vectors.T @ self._r
        kept = values > len(values) * EPS * values[-1]  # the others are rounding
        values, vectors, data = values[kept], vectors[:, kept], data[kept]

        def step(damping: float) -> Float64Array:
            return np.asarray(-(scaled.T @ (vectors @ (data / (values + damping)))) / scale)

        return step


class ConjugateGradients:
    """Products with J and J^T only, preconditioned by the column norms that S holds.

    B-splines are a well conditioned basis, so what is left after scaling is how edges interact.
    """

    TOLERANCE, LIMIT, PROBES = 0.3, 50, 8

    def __init__(self, frame: Frame, point: Point) -> None:
        _, _, self._rows = _linearized(frame, point, ("matvec", "rmatvec", "column_squares"))
        self._frame, self._fed = frame, point.fed
        self.columns = np.sqrt(self._column_squares())

    def _column_squares(self) -> Float64Array:
        geometry = self._frame.geometry
        if isinstance(geometry, IdentityMap):
            return np.asarray(self._rows.column_squares())
        # In other coordinates they would need the matrix: the mean square of J^T v over random signs v.
        rng = np.random.default_rng(0)
        total = np.zeros_like(self._fed)
        for _ in range(self.PROBES):
            signs = rng.choice([-1.0, 1.0], self._rows.matvec(np.zeros_like(self._fed)).shape)
            total += geometry.solve_transpose(self._rows.rmatvec(signs)) ** 2
        return total / self.PROBES

    def damped(self, scale: Float64Array) -> Damped:
        """Truncated early: the next linearisation is worth more than the last digits of this step."""
        size = len(scale)

        def product(v: Float64Array, damping: float) -> Float64Array:
            native = self._frame.geometry.solve(v / scale)
            pulled = self._rows.rmatvec(self._rows.matvec(native))
            return self._frame.geometry.solve_transpose(pulled) / scale + damping * v

        def step(damping: float) -> Float64Array:
            operator: Any = scipy.sparse.linalg.LinearOperator(
                (size, size), matvec=lambda v: product(v.ravel(), damping), dtype=np.float64
            )
            right = self._fed / scale
            found, _ = scipy.sparse.linalg.cg(operator, right, rtol=self.TOLERANCE, maxiter=self.LIMIT)
            return -np.asarray(found) / scale

        return step


def _linearized(frame: Frame, point: Point, methods: tuple[str, ...]) -> tuple[Any, ...]:
    name = "problem.linearized(theta)"
    found = parts(name, frame.problem.linearized(point.theta), 3)
    require(f"{name}[2]", found[2], methods)
    return found


def _cholesky_solve(scaled: Float64Array, gradient: Float64Array, damping: float) -> Float64Array | None:
    damped = scaled.copy()
    damped[np.diag_indices_from(damped)] += damping
    try:  # LAPACK reads columns: the transpose of a symmetric matrix spares it a copy
        factor = scipy.linalg.cho_factor(damped.T, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(scipy.linalg.cho_solve(factor, gradient, check_finite=False))
