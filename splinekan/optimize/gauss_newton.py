"""Gauss-Newton and Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from splinekan._checks import Float64Array, one_of, real
from splinekan.optimize.driver import Frame, Optimizer, Point, Step
from splinekan.optimize.result import Status

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True)
class GaussNewton(Optimizer):
    """Full steps dz = -J^+ r, by the singular values of R (J = Q R) above `cutoff` times the largest.

    Undamped, so it converges from good starts only; its function-space step is the same in all
    coordinates (as long as the cut-off removes nothing, or the same subspace). With a mixed gradient,
    dz = -(J^T J)^+ g_fed.

    Parameters
    ----------
    cutoff
        Relative cut-off of the singular values, dimensionless.
    """

    cutoff: float = 1e-12

    def __post_init__(self) -> None:
        real("cutoff", self.cutoff, low=0.0, high=1.0)

    def _begin(self, frame: Frame, start: Point) -> None:
        return None

    def _advance(self, frame: Frame, state: None, point: Point) -> Step:
        solve = _singular_values(frame, point, np.ones_like(point.z), self.cutoff, self.mixed)
        return Step(frame.point(point.z + solve(0.0)))

    @property
    def mixed(self) -> bool:
        """Whether geometry and gradient live in different coordinates."""
        return self.gradient is not None and self.gradient != self.geometry


@dataclass(eq=False)
class _Damping:
    value: float
    growth: float
    scale: Float64Array
    matrix: Float64Array | None = None
    """J^T J at the current point, if it is known already."""


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt(Optimizer):
    """(J^T J + damping S^2) dz = -J^T r, the damping steered by the gain ratio (Nielsen 1999).

    A step is taken if it lowers the loss; otherwise the damping grows and the same linearisation is
    tried again. The matrix is assembled and Cholesky-factored while the damping is far above its
    rounding errors; below, singular values of R (J = Q R) take over, because J^T J loses half the
    digits. In coordinates z = T theta the damping is the identity in z: so a run with geometry="spline"
    is the same whichever basis is native (Levenberg-Marquardt with transformed damping is invariant).

    Parameters
    ----------
    damping
        First damping, dimensionless (relative to the scaled columns), positive.
    scaling
        "columns": S holds the largest column norms of J so far (MINPACK's); "none": S = the largest of
        these for all columns.
    cutoff
        Relative cut-off of the singular values once these are used.
    trials
        Dampings tried on one linearisation before giving up.
    """

    damping: float = 1e-3
    scaling: str = "columns"
    cutoff: float = 1e-14
    trials: int = 40

    def __post_init__(self) -> None:
        real("damping", self.damping, positive=True)
        one_of("scaling", self.scaling, ("columns", "none"))
        real("cutoff", self.cutoff, low=0.0, high=1.0)

    def _begin(self, frame: Frame, start: Point) -> _Damping:
        return _Damping(self.damping, 2.0, np.zeros_like(start.z))

    def _advance(self, frame: Frame, state: _Damping, point: Point) -> Step:
        native = state.matrix
        if native is None:
            _, _, native = frame.problem.normal_equations(point.theta)
        matrix = frame.geometry.solve_transpose(frame.geometry.solve_transpose(native).T)
        columns = np.sqrt(np.maximum(np.diag(matrix), 0.0))
        if not np.isfinite(columns).all():
            return Step(None, Status.NON_FINITE)
        if self.scaling == "none":
            columns = np.full_like(columns, columns.max())
        state.scale = np.maximum(state.scale, columns)
        # Columns that never acted would give a singular scaled matrix.
        scale = np.maximum(state.scale, state.scale.max() * _EPS)
        scaled = matrix / np.outer(scale, scale)
        mixed = self.gradient is not None and self.gradient != self.geometry
        exact: Callable[[float], Float64Array] | None = None
        for _ in range(self.trials):
            # Assembling and factoring perturb the scaled matrix by about n eps: with a damping far
            # above, the step is sound.
            if exact is None and state.value > 100 * len(scale) * _EPS:
                step = _cholesky_step(scaled, point.fed / scale, state.value)
            else:
                step = None
            if step is None:
                exact = exact or _singular_values(frame, point, scale, self.cutoff, mixed)
                step = exact(state.value)
            else:
                step = step / scale
            z = point.z + step
            value = frame.value(z)
            # The step's own equation, H p = -g_fed - damping S^2 p, spares the p H p that would drown
            # in rounding when p lies along small singular values.
            damped = state.value * float(np.sum((scale * step) ** 2))
            predicted = (float(step @ point.fed) + damped) / 2 - float(step @ point.gradient)
            if np.isfinite(value) and value < point.value and predicted > 0:
                gain = (point.value - value) / predicted
                state.value *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
                state.value = max(state.value, _EPS**2)
                state.growth = 2.0
                found, state.matrix = frame.linearized(z)
                return Step(found)
            if np.linalg.norm(step * scale) <= 4 * _EPS * np.linalg.norm(point.z * scale):
                break
            state.value *= state.growth
            state.growth *= 2.0
        return Step(None, Status.STALLED)


def _cholesky_step(scaled: Float64Array, gradient: Float64Array, damping: float) -> Float64Array | None:
    damped = scaled.copy()
    damped[np.diag_indices_from(damped)] += damping
    try:
        factor = scipy.linalg.cho_factor(damped, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(-scipy.linalg.cho_solve(factor, gradient, check_finite=False))


def _singular_values(
    frame: Frame, point: Point, scale: Float64Array, cutoff: float, mixed: bool
) -> Callable[[float], Float64Array]:
    """dz(damping) from one singular value decomposition of the scaled R."""
    _, triangle, rotated = frame.problem.triangular_factor(point.theta)
    upper = frame.geometry.solve_transpose(triangle.T).T / scale
    u, s, vt = scipy.linalg.svd(upper, full_matrices=False, check_finite=False, lapack_driver="gesdd")
    kept = s > cutoff * s[0]
    u, s, vt = u[:, kept], s[kept], vt[kept]
    # J^T r = V s (U^T z): for the true gradient s need not be squared.
    data = vt @ (point.fed / scale) if mixed else s * (u.T @ rotated)

    def step(damping: float) -> Float64Array:
        return np.asarray(-(vt.T @ (data / (s**2 + damping))) / scale)

    return step
