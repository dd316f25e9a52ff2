"""Limited-memory BFGS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splinekan._blas import dot, norm
from splinekan._checks import Float64Array, affordable, integer, one_of, real
from splinekan.kernels.two_loop import two_loop
from splinekan.optimize.driver import Frame, Optimizer, Point, Step
from splinekan.optimize.result import Status
from splinekan.optimize.search import armijo, step_length, strong_wolfe

EPS = float(np.finfo(np.float64).eps)
DAMPING = 0.2
"""Least curvature relative to that of the model (Powell)."""


@dataclass(eq=False)
class _Memory:
    """The last pairs (s, y) in circular buffers."""

    steps: Float64Array
    changes: Float64Array
    rho: Float64Array
    alpha: Float64Array
    first: int = 0
    count: int = 0
    scaling: float = 1.0

    def store(self, s: Float64Array, y: Float64Array) -> None:
        curvature = dot(s, y)
        size = len(self.rho)
        row = (self.first + self.count) % size
        if self.count == size:
            self.first = (self.first + 1) % size
        else:
            self.count += 1
        self.steps[row], self.changes[row], self.rho[row] = s, y, 1 / curvature
        self.scaling = curvature / dot(y, y)

    def multiply(self, g: Float64Array) -> Float64Array:
        """H g."""
        direction = g.copy()
        two_loop(
            self.steps,
            self.changes,
            self.rho,
            self.first,
            self.count,
            self.scaling,
            direction,
            self.alpha,
        )
        return direction


@dataclass(frozen=True, kw_only=True)
class LBFGS(Optimizer):
    """z <- z - step H g, H from the last `memory` pairs s = dz, y = dg (Nocedal & Wright, Alg. 7.4).

    The first step is shortened to min(1, 1/|g|_1) step. With mixed geometry and gradient, y is a difference
    of gradients in the coordinates of `gradient`.

    If the curvature s.y is negative, or with "armijo" below 0.2 s.B s, B = H^{-1}, the pair is damped: y is
    moved towards B s until s.y = 0.2 s.B s (Powell 1978; Nocedal & Wright, Procedure 18.2). Otherwise H would
    keep the scale at which the curvature was last positive, and the steps would stay short. B s = -step g
    needs no products.

    Parameters
    ----------
    geometry, gradient
        Coordinates z = T theta of the iteration and of the gradient; see `Optimizer`.
    memory
        The number of pairs kept.
    step
        The length of fixed steps, or the first step that "armijo" tries, dimensionless.
    search
        "wolfe": steps that satisfy the strong Wolfe conditions (`step` is not used), or only sufficient
        decrease if no such step is found. "armijo": `step`, halved until the decrease of the loss is
        sufficient. If that fails too, both discard the memory and try steepest descent. "fixed": `step`, as
        in deep-learning libraries; pairs with s.y <= 1e-10 are skipped, and the loss may rise (`keep` of
        `minimize` determines the iterate that is returned).

    Examples
    --------
    >>> import numpy as np
    >>> problem = FunctionProblem(lambda t: np.cosh(t).sum(), np.sinh)
    >>> result = LBFGS().minimize(problem, [1.0, -2.0], iterations=50)
    >>> bool(np.abs(result.theta).max() < 1e-6)
    True
    """

    memory: int = 100
    step: float = 1.0
    search: str = "wolfe"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "memory", integer("memory", self.memory, low=1))
        object.__setattr__(self, "step", real("step", self.step, positive=True))
        one_of("search", self.search, ("fixed", "armijo", "wolfe"))

    def _begin(self, frame: Frame, start: Point) -> _Memory:
        shape = (self.memory, len(start.z))
        affordable(f"memory={self.memory} pairs of {len(start.z)} parameters", 16.0 * shape[0] * shape[1])
        return _Memory(np.empty(shape), np.empty(shape), np.empty(self.memory), np.empty(self.memory))

    def _advance(self, frame: Frame, state: _Memory, point: Point) -> Step:
        direction = -state.multiply(point.fed)
        if state.count == 0:
            direction *= min(1.0, 1.0 / float(np.abs(point.fed).sum()))
        if self.search == "fixed":
            following = frame.point(point.z + self.step * direction)
            s, y = following.z - point.z, following.fed - point.fed
            if following.finite and dot(s, y) > 1e-10:
                state.store(s, y)
            return Step(following)
        if self.search == "wolfe":
            near = strong_wolfe(frame, point, direction)
        else:
            near = armijo(frame, point, direction, self.step)
        if near is None:
            if state.count == 0:
                return Step(None, Status.LINE_SEARCH_FAILED)
            state.count = 0  # rounding errors spoilt the direction: try steepest descent
            state.scaling = 1.0
            return self._advance(frame, state, point)
        s, y = near.z - point.z, near.fed - point.fed
        expected = -step_length(s, direction) * point.fed  # B s
        # The length of the first step is arbitrary, and Wolfe points have positive curvature: in both cases
        # y is damped only if its curvature is negative or below rounding errors.
        y = _damped(s, y, expected, self.search == "armijo" and state.count > 0)
        if dot(s, y) > 0 and np.isfinite(dot(y, y)):
            state.store(s, y)
        return Step(near)


def _damped(s: Float64Array, y: Float64Array, expected: Float64Array, known: bool) -> Float64Array:
    """y, or the combination of y and B s with s.y = 0.2 s.B s if s.y is too small."""
    model, curvature = dot(s, expected), dot(s, y)
    least = DAMPING * model
    floor = least if known else EPS * norm(s) * norm(y)
    if curvature > floor or curvature >= least:
        return y
    weight = (model - least) / (model - curvature)
    return weight * y + (1 - weight) * expected
