"""The damped equations at a point: by triangular factors, by J^T J, and by J J^T."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import numpy as np
import scipy

from splinekan._blas import one, several
from splinekan._checks import Float64Array
from splinekan.optimize.answers import parts, reals, require
from splinekan.optimize.driver import Frame, Point
from splinekan.optimize.problem import IdentityMap
from splinekan.optimize.triangular import damped_factor, solved, square

EPS = float(np.finfo(np.float64).eps)


class Damped(Protocol):
    """The solutions of the damped equations for a scaling S."""

    def __call__(self, damping: float, gradient: Float64Array | None = None, /) -> Float64Array:
        """-(J^T J + damping S^2)^{-1} g, g the gradient at the point unless another is given.

        Another gradient must lie in the range of J^T, up to multiples of S^2 times a step.
        """
        ...


class System(Protocol):
    """The damped equations at a point."""

    columns: Float64Array
    """Norms of the columns of J."""

    def damped(self, scale: Float64Array) -> Damped:
        """The steps for S = diag(scale)."""
        ...


def linearized(frame: Frame, point: Point, methods: tuple[str, ...]) -> tuple[Any, ...]:
    """(loss, residual, J) at a point, where J must have `methods`."""
    name = "problem.linearized(theta)"
    answer = parts(name, frame.problem.linearized(point.theta), 3)
    require(f"{name}[2]", answer[2], methods)
    return answer


class Triangular:
    """R of J = Q R, and z = Q^T r."""

    def __init__(self, frame: Frame, point: Point, cutoff: float, mixed: bool, values: bool = True) -> None:
        name = "problem.triangular_factor(theta)"
        _, triangle, rotated = parts(name, frame.problem.triangular_factor(point.theta), 3)
        triangle = reals(f"{name}[1]", triangle, (None, len(point.z)))
        self._rotated = reals(f"{name}[2]", rotated, (len(triangle),))
        self._upper = frame.geometry.solve_transpose(triangle.T).T
        self.columns = np.sqrt(np.einsum("ij,ij->j", self._upper, self._upper))
        # For the true gradient of half a sum of squares, J^T r = V s (U^T z): s need not be squared.
        self._fed = point.fed if mixed or not squared(frame) else None
        self._beyond = not squared(frame)
        self._cutoff = cutoff
        # Only singular vectors distinguish components of the gradient outside the range of J^T from rounding.
        self._values = values or self._fed is not None

    def damped(self, scale: Float64Array) -> Damped:
        """Steps by the singular values of the scaled R, or by a QR decomposition for every damping."""
        fed = None if self._fed is None else self._fed / scale
        scaled = self._upper / scale
        if self._values:
            return _by_singular_values(scaled, scale, self._cutoff, self._rotated, fed, self._beyond)
        return _by_triangles(scaled, scale, self._cutoff, self._rotated)


class Normal:
    """The assembled J^T J; R where it is not accurate enough."""

    def __init__(
        self, frame: Frame, point: Point, cutoff: float, mixed: bool, matrix: Float64Array | None
    ) -> None:
        if matrix is None:
            name = "problem.normal_equations(theta)"
            matrix = parts(name, frame.problem.normal_equations(point.theta), 3)[2]
            matrix = reals(f"{name}[2]", matrix, 2 * point.theta.shape)
        if not isinstance(frame.geometry, IdentityMap):
            matrix = frame.geometry.solve_transpose(frame.geometry.solve_transpose(matrix).T)
        self.matrix = matrix
        self.columns = np.sqrt(np.maximum(np.diag(self.matrix), 0.0))
        self._accurate = partial(Triangular, frame, point, cutoff, mixed, values=False)
        self._fed = point.fed

    def damped(self, scale: Float64Array) -> Damped:
        """Steps by Cholesky factors, or by triangular factors of J, computed when they are first needed."""
        accurate: Damped | None = None
        last: tuple[float, Any] = (-1.0, None)

        @one
        def step(damping: float, gradient: Float64Array | None = None, /) -> Float64Array:
            nonlocal accurate, last
            # Assembling and factoring perturb the scaled matrix by about n eps: with a damping far above,
            # the step is accurate. (Cholesky factors are as accurate without the scaling: Demmel 1989,
            # LAPACK Working Note 14.)
            if accurate is None and damping > 100 * len(scale) * EPS:
                if last[0] != damping:
                    last = damping, _cholesky(self.matrix, damping * scale**2)
                if last[1] is not None:
                    right = self._fed if gradient is None else gradient
                    return -np.asarray(scipy.linalg.cho_solve(last[1], right, check_finite=False))
            accurate = accurate or self._accurate().damped(scale)
            return accurate(damping, gradient)

        return step


class DualSystem:
    """J J^T, for fewer residuals than parameters."""

    def __init__(self, frame: Frame, point: Point) -> None:
        _, self._r, jacobian = linearized(frame, point, ("toarray",))
        self._jacobian = frame.geometry.solve_transpose(jacobian.toarray().T).T  # J T^{-1}
        self.columns = np.sqrt(np.einsum("ij,ij->j", self._jacobian, self._jacobian))
        self._fed = None if squared(frame) else point.fed

    def damped(self, scale: Float64Array) -> Damped:
        """Steps by the eigenvalues of J J^T: a single decomposition serves every damping.

        If the gradient is not J^T r, the singular values of J are used.
        """
        scaled = self._jacobian / scale
        if self._fed is not None:
            return _by_singular_values(scaled, scale, EPS, self._r, self._fed / scale, True)
        if not np.isfinite(scaled).all():
            return _undefined(scale)
        with several(2.0 * scaled.size * len(scaled)):
            products = scaled @ scaled.T
        with several(9.0 * len(scaled) ** 3):
            values, vectors = scipy.linalg.eigh(products, check_finite=False, driver="evd")
        with one:
            data = vectors.T @ self._r
        kept = values > len(values) * EPS * values[-1]  # the others are rounding errors
        values, vectors, data = values[kept], vectors[:, kept], data[kept]

        @one
        def step(damping: float, gradient: Float64Array | None = None, /) -> Float64Array:
            # J^T w for a gradient in the range of J^T
            seen = data if gradient is None else vectors.T @ (scaled @ (gradient / scale)) / values
            return np.asarray(-(scaled.T @ (vectors @ (seen / (values + damping)))) / scale)

        return step


@one
def _by_singular_values(
    scaled: Float64Array,
    scale: Float64Array,
    cutoff: float,
    rotated: Float64Array,
    fed: Float64Array | None,
    beyond: bool,
) -> Damped:
    """Steps for the scaled J = U s V^T and the gradient J^T rotated, or `fed` if that is given.

    `beyond`: `fed` may leave the range of J^T, where only the damping bounds the step. That component is
    dropped if the damping is 0, and where it may be rounding.
    """
    if not np.isfinite(scaled).all():
        return _undefined(scale)
    # Zero columns, whose scale is tiny, are left out: rounding errors in V would be amplified there.
    seen = scaled.any(axis=0)
    with several(22.0 * scaled.size * min(scaled.shape)):
        u, s, v = scipy.linalg.svd(
            scaled[:, seen], full_matrices=False, check_finite=False, lapack_driver="gesdd"
        )
    vt = v if seen.all() else np.zeros((len(s), len(scale)))
    vt[:, seen] = v
    kept = s > cutoff * s.max(initial=0.0)
    u, s, vt = u[:, kept], s[kept], vt[kept]
    data = s * (u.T @ rotated) if fed is None else vt @ fed
    rest = np.zeros_like(scale)
    if fed is not None and beyond:
        rest = fed - vt.T @ data
        rest -= vt.T @ (vt @ rest)  # removes the rounding errors of the first projection
        if np.linalg.norm(rest) <= 100 * len(scale) * EPS * np.linalg.norm(fed):
            rest[:] = 0.0

    @one
    def step(damping: float, gradient: Float64Array | None = None, /) -> Float64Array:
        seen = data if gradient is None else vt @ (gradient / scale)
        moved = vt.T @ (seen / (s**2 + damping))
        if gradient is None and damping > 0 and rest.any():
            moved += rest / damping
        return np.asarray(-moved / scale)

    return step


@one
def _by_triangles(scaled: Float64Array, scale: Float64Array, cutoff: float, rotated: Float64Array) -> Damped:
    """Steps for the scaled R and the gradient R^T rotated; by singular values without a damping."""
    if not np.isfinite(scaled).all():
        return _undefined(scale)
    upper, ends = square(scaled), np.zeros(len(scale))
    ends[: len(rotated)] = rotated
    last: tuple[float, Any, Any] = (-1.0, None, None)
    undamped: Damped | None = None

    @one
    def step(damping: float, gradient: Float64Array | None = None, /) -> Float64Array:
        nonlocal last, undamped
        if damping <= 0.0:
            undamped = undamped or _by_singular_values(scaled, scale, cutoff, rotated, None, False)
            return undamped(damping, gradient)
        if last[0] != damping:
            last = damping, *damped_factor(upper, ends, damping)
        _, factor, data = last
        data = data if gradient is None else solved(factor, gradient / scale, transposed=True)
        return -solved(factor, data) / scale

    return step


def _undefined(scale: Float64Array) -> Damped:
    """Steps where J is not finite: NaN."""

    def step(damping: float, gradient: Float64Array | None = None, /) -> Float64Array:
        return np.full_like(scale, np.nan)

    return step


def squared(frame: Frame) -> bool:
    """Whether the gradient is J^T r: true for squares only; the Hessians of other losses may be singular."""
    return bool(getattr(frame.problem, "squared", True))


def _cholesky(matrix: Float64Array, damping: Float64Array) -> Any:
    """Cholesky factors of the matrix with the damping on its diagonal; None unless it is positive."""
    damped = matrix.copy()
    damped[np.diag_indices_from(damped)] += damping
    try:  # LAPACK reads columns: the transpose of a symmetric matrix spares it a copy
        with several(len(damped) ** 3 / 3):
            return scipy.linalg.cho_factor(damped.T, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
