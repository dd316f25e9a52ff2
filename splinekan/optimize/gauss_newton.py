"""Gauss-Newton and Levenberg-Marquardt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from splinekan._blas import dot, norm
from splinekan._checks import Float64Array, integer, one_of, real, shown
from splinekan.optimize.answers import require
from splinekan.optimize.corrections import Corrections
from splinekan.optimize.driver import Frame, Optimizer, Point, Step
from splinekan.optimize.restriction import Restricted
from splinekan.optimize.result import Status
from splinekan.optimize.solvers import SOLVER_MEMBERS, SVD, Dual, Solver, default_solver
from splinekan.optimize.systems import EPS, squared


@dataclass(frozen=True, kw_only=True)
class GaussNewton(Optimizer):
    """Full steps dz = -J^+ r, by the singular values of R (J = Q R) above `cutoff` times the largest.

    Without damping the method converges from good starts only, and the loss may rise (`keep` of `minimize`
    determines the iterate that is returned); `LevenbergMarquardt` accepts only steps that lower the loss. The
    step in function space is the same in all coordinates, provided that the cut-off removes the same
    subspace. With the gradient g of other coordinates, dz = -(J^T J)^+ g.

    Parameters
    ----------
    geometry, gradient
        Coordinates z = T theta of the iteration and of the gradient; see `Optimizer`.
    cutoff
        Relative cut-off of the singular values, dimensionless.

    Examples
    --------
    A linear problem is solved in one step:

    >>> import numpy as np
    >>> A, b = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([1.0, 2.0, 3.0])
    >>> line = ResidualProblem(lambda t: A @ t - b, lambda t: A)
    >>> GaussNewton().minimize(line, [0.0, 0.0], iterations=1).theta.round(12)
    array([1., 1.])
    """

    cutoff: float = 1e-12

    NEEDS: ClassVar[tuple[str, ...]] = ("value_and_gradient", "triangular_factor")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "cutoff", real("cutoff", self.cutoff, low=0.0, high=1.0))

    def _begin(self, frame: Frame, start: Point) -> None:
        return None

    def _advance(self, frame: Frame, state: None, point: Point) -> Step:
        solve = SVD(self.cutoff).linearize(frame, point, self.mixed).damped(np.ones_like(point.z))
        return Step(frame.point(point.z + solve(0.0)))


@dataclass(eq=False)
class _Damping:
    value: float
    growth: float
    scale: Float64Array
    solver: Solver
    matrix: Float64Array | None = None
    """J^T J at the current point, if it has been assembled."""


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt(Optimizer):
    """Steps (J^T J + damping S^2) dz = -J^T r, with the damping controlled by the gain ratio (Nielsen 1999).

    A step that lowers the loss is accepted; otherwise the damping grows and the same linearisation is solved
    again. Where rounding hides the change of a loss other than squares, a step that halves the gradient is
    accepted. In coordinates z = T theta the damping acts on z: runs with geometry="spline" do not depend on
    the native basis.

    Parameters
    ----------
    geometry, gradient
        Coordinates z = T theta of the iteration and of the gradient; see `Optimizer`.
    damping
        Initial damping, dimensionless (relative to the scaled columns), positive.
    scaling
        "columns": S holds the largest column norms of J so far, as in MINPACK; "none": S is the largest
        of these norms times the identity.
    trials
        The largest number of dampings tried on a linearisation, at least 1.
    corrections
        Number of corrections of every step for the curvature of the residual, at least 0; each costs a
        residual and a product with J^T. The first is the geodesic acceleration of Transtrum & Sethna (2012):
        see `splinekan.optimize.corrections`. They pay off near a solution, in long curved valleys, and may
        do harm from a random start. They require a loss that is half a sum of squares, and `gradient` and
        `geometry` in the same coordinates.
    solver
        `Cholesky`, `QR`, `SVD`, `Dual` or `CG` (see `splinekan.optimize.solvers`). None for `CG` above 5000
        parameters, else `Dual` for fewer residuals than parameters, else `Cholesky`. `Dual` requires
        `gradient` and `geometry` in the same coordinates.

    Examples
    --------
    Rosenbrock's function:

    >>> import numpy as np
    >>> problem = ResidualProblem(
    ...     lambda t: np.array([10 * (t[1] - t[0] ** 2), 1 - t[0]]),
    ...     lambda t: np.array([[-20 * t[0], 10.0], [-1.0, 0.0]]),
    ... )
    >>> LevenbergMarquardt().minimize(problem, [-1.2, 1.0], iterations=50).theta.round(6)
    array([1., 1.])
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("value", "value_and_gradient")

    damping: float = 1e-3
    scaling: str = "columns"
    trials: int = 40
    corrections: int = 0
    solver: Solver | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "damping", real("damping", self.damping, positive=True))
        complete = all(hasattr(self.solver, name) for name in SOLVER_MEMBERS)
        if self.solver is not None and (not complete or isinstance(self.solver, type)):
            raise TypeError(
                "solver must be a solver such as Cholesky(), QR(), SVD(), Dual() or CG(), or None, "
                f"got {shown(self.solver)}"
            )
        if isinstance(self.solver, Dual) and self.mixed:
            raise ValueError("solver: Dual() needs gradient and geometry in the same coordinates")
        one_of("scaling", self.scaling, ("columns", "none"))
        object.__setattr__(self, "trials", integer("trials", self.trials, low=1))
        object.__setattr__(self, "corrections", integer("corrections", self.corrections, low=0))
        if self.corrections and self.mixed:
            raise ValueError("corrections need gradient and geometry in the same coordinates")

    def _begin(self, frame: Frame, start: Point) -> _Damping:
        solver = self.solver or default_solver(frame.problem, len(start.z), self.mixed)
        require("problem", frame.problem, solver.needs)
        if self.corrections:
            require("problem", frame.problem, ("linearized",))
            if not squared(frame):
                raise ValueError("corrections need a loss that is half a sum of squares")
        return _Damping(self.damping, 2.0, np.zeros_like(start.z), solver)

    def _advance(self, frame: Frame, state: _Damping, point: Point) -> Step:
        equations = state.solver.linearize(frame, point, self.mixed, state.matrix)
        columns = equations.columns
        if not np.isfinite(columns).all():
            return Step(None, Status.NON_FINITE)
        if self.scaling == "none":
            columns = np.full_like(columns, columns.max())
        state.scale = np.maximum(state.scale, columns)
        # Columns that have always been zero would make the scaled matrix singular. If all columns are zero (a
        # loss without curvature), steps are those of gradient descent.
        scale = np.maximum(state.scale, state.scale.max() * EPS or 1.0)
        damped = equations.damped(scale)
        bent = Corrections(frame, point, self.corrections) if self.corrections else None
        for _ in range(self.trials):
            step = damped(state.value)
            moved = step if bent is None else bent.corrected(damped, state.value, scale, step)
            z = point.z + (step if moved is None else moved)
            value = np.nan if moved is None else frame.value(z)
            # By the equation of the step, H p = -g_fed - damping S^2 p, the prediction does not involve p H
            # p, which rounding errors would dominate for p along small singular values. (This also holds for
            # truncated conjugate gradients, because their error is orthogonal to p.)
            damped_part = state.value * float(np.sum((scale * step) ** 2))
            predicted = (dot(step, point.fed) + damped_part) / 2 - dot(step, point.gradient)
            if predicted > 0 and self._equal(frame, value, point.value, predicted):
                trial = frame.point(z)
                if trial.finite and norm(trial.gradient) < norm(point.gradient) / 2:
                    state.value, state.growth, state.matrix = max(state.value / 3, EPS), 2.0, None
                    return Step(trial)
            if np.isfinite(value) and value < point.value and predicted > 0:
                gain = (point.value - value) / predicted
                state.value *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
                # The gradient of a loss that is not half a sum of squares is not J^T r: rounding leaves a
                # component outside the range of J^T, which only the damping bounds.
                state.value = max(state.value, EPS**2 if squared(frame) else EPS)
                state.growth = 2.0
                if state.solver.assembles:
                    point, state.matrix = frame.normal(z)
                    return Step(point)
                return Step(frame.point(z))
            if norm(step * scale) <= 4 * EPS * norm(point.z * scale):
                break
            state.value *= state.growth
            state.growth *= 2.0
        return Step(None, Status.STALLED)

    @staticmethod
    def _equal(frame: Frame, value: float, before: float, predicted: float) -> bool:
        """Whether the losses of two points agree to rounding, so that gradients must be compared.

        The minimum of a loss that is not half a sum of squares is not 0, and its rounding hides gradients
        below about 1e-8. A residual resolves differences that its square hides.
        """
        rounding = 16 * EPS * abs(before)
        return not squared(frame) and predicted <= rounding and abs(value - before) <= rounding

    def require(self, name: str, problem: Any) -> None:
        """Refuse a problem without the methods that the optimiser needs; messages call it `name`."""
        super().require(name, problem)
        problem = problem.problem if isinstance(problem, Restricted) else problem
        if self.solver is None and not hasattr(problem, "n_residuals"):
            raise TypeError(f"{name} must have n_residuals, which {shown(problem)} lacks")
