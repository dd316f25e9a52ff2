"""Gauss-Newton and Levenberg-Marquardt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from splinekan._checks import Float64Array, integer, one_of, real, shown
from splinekan.optimize.answers import require
from splinekan.optimize.driver import Frame, Optimizer, Point, Step
from splinekan.optimize.result import Status
from splinekan.optimize.solvers import (
    EPS,
    ConjugateGradients,
    Dual,
    Linearized,
    NormalEquations,
    singular_values,
)

SOLVERS = ("auto", "normal", "dual", "cg")
METHODS = {
    "normal": ("normal_equations", "triangular_factor"),
    "dual": ("linearized",),
    "cg": ("linearized",),
}
"""What the solvers need of a problem."""
MANY = 5000
"""Parameters from which "auto" forms no matrix."""


@dataclass(frozen=True, kw_only=True)
class GaussNewton(Optimizer):
    """Full steps dz = -J^+ r, by the singular values of R (J = Q R) above `cutoff` times the largest.

    Undamped, so it converges from good starts only and the loss may rise on the way (see `keep` of
    `minimize` for what is returned then; `LevenbergMarquardt` takes no such step). The step in function
    space is the same in all coordinates (as long as the cut-off removes nothing, or the same subspace).
    With a mixed gradient, dz = -(J^T J)^+ g_fed.

    Parameters
    ----------
    cutoff
        Relative cut-off of the singular values, dimensionless.
    """

    cutoff: float = 1e-12

    NEEDS: ClassVar[tuple[str, ...]] = ("value_and_gradient", "triangular_factor")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "cutoff", real("cutoff", self.cutoff, low=0.0, high=1.0))

    def _begin(self, frame: Frame, start: Point) -> None:
        return None

    def _advance(self, frame: Frame, state: None, point: Point) -> Step:
        solve = singular_values(frame, point, np.ones_like(point.z), self.cutoff, self.mixed)
        return Step(frame.point(point.z + solve(0.0)))


@dataclass(eq=False)
class _Damping:
    value: float
    growth: float
    scale: Float64Array
    solver: str
    matrix: Float64Array | None = None
    """J^T J at the current point, if it is known already."""


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt(Optimizer):
    """(J^T J + damping S^2) dz = -J^T r, the damping steered by the gain ratio (Nielsen 1999).

    A step is taken if it lowers the loss; otherwise the damping grows and the same linearisation is
    tried again. In coordinates z = T theta the damping is the identity in z, so a run with
    geometry="spline" is the same whichever basis is native.

    Parameters
    ----------
    damping
        First damping, dimensionless (relative to the scaled columns), positive.
    scaling
        "columns": S holds the largest column norms of J so far, as in MINPACK; "none": S is the largest
        of these norms for all columns.
    cutoff
        Relative cut-off of the singular values, where they are used.
    trials
        Dampings tried on a linearisation before giving up, at least 1.
    solver
        "normal" assembles J^T J, and takes singular values of R (J = Q R) at small dampings; "dual" uses
        J J^T; "cg" truncated conjugate gradients with products by J and J^T, at most 50 a step. "auto"
        takes "cg" for more than 5000 parameters, up to there "dual" for fewer residuals than parameters,
        or else "normal". Gradients of other coordinates than the geometry's need "normal" or "cg".
    """

    NEEDS: ClassVar[tuple[str, ...]] = ("value", "value_and_gradient")

    damping: float = 1e-3
    scaling: str = "columns"
    cutoff: float = 1e-14
    trials: int = 40
    solver: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "damping", real("damping", self.damping, positive=True))
        one_of("solver", self.solver, SOLVERS)
        if self.solver == "dual" and self.mixed:
            raise ValueError("the dual solver needs gradient and geometry in the same coordinates")
        one_of("scaling", self.scaling, ("columns", "none"))
        object.__setattr__(self, "cutoff", real("cutoff", self.cutoff, low=0.0, high=1.0))
        object.__setattr__(self, "trials", integer("trials", self.trials, low=1))

    def _begin(self, frame: Frame, start: Point) -> _Damping:
        solver = self._resolved(frame.problem, len(start.z))
        require("problem", frame.problem, METHODS[solver])
        return _Damping(self.damping, 2.0, np.zeros_like(start.z), solver)

    def _advance(self, frame: Frame, state: _Damping, point: Point) -> Step:
        system = self._linearized(frame, point, state)
        columns = system.columns
        if not np.isfinite(columns).all():
            return Step(None, Status.NON_FINITE)
        if self.scaling == "none":
            columns = np.full_like(columns, columns.max())
        state.scale = np.maximum(state.scale, columns)
        # Columns that never acted would give a singular scaled matrix.
        scale = np.maximum(state.scale, state.scale.max() * EPS)
        damped = system.damped(scale)
        for _ in range(self.trials):
            step = damped(state.value)
            z = point.z + step
            value = frame.value(z)
            # The step's own equation, H p = -g_fed - damping S^2 p, spares the p H p that would drown
            # in rounding when p lies along small singular values.
            # (Truncated conjugate gradients keep it: their error is orthogonal to p.)
            braked = state.value * float(np.sum((scale * step) ** 2))
            predicted = (float(step @ point.fed) + braked) / 2 - float(step @ point.gradient)
            if np.isfinite(value) and value < point.value and predicted > 0:
                gain = (point.value - value) / predicted
                state.value *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
                state.value = max(state.value, EPS**2)
                state.growth = 2.0
                if isinstance(system, NormalEquations):
                    found, state.matrix = frame.linearized(z)
                    return Step(found)
                return Step(frame.point(z))
            if np.linalg.norm(step * scale) <= 4 * EPS * np.linalg.norm(point.z * scale):
                break
            state.value *= state.growth
            state.growth *= 2.0
        return Step(None, Status.STALLED)

    def require(self, name: str, problem: Any) -> None:
        """Refuse a problem, called `name` in messages, that lacks what the method needs."""
        super().require(name, problem)
        if self.solver == "auto" and not hasattr(problem, "n_residuals"):
            raise TypeError(f"{name} must have n_residuals, which {shown(problem)} lacks")

    def _resolved(self, problem: Any, size: int) -> str:
        if self.solver != "auto":
            return self.solver
        few = problem.n_residuals < size and not self.mixed
        return "cg" if size > MANY else "dual" if few else "normal"

    def _linearized(self, frame: Frame, point: Point, state: _Damping) -> Linearized:
        if state.solver == "dual":
            return Dual(frame, point)
        if state.solver == "cg":
            return ConjugateGradients(frame, point)
        return NormalEquations(frame, point, state.matrix, self.cutoff, self.mixed)
