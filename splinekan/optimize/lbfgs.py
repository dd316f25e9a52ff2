"""Limited-memory BFGS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splinekan._checks import Float64Array, integer, one_of, real
from splinekan.kernels.two_loop import two_loop
from splinekan.optimize.driver import Frame, Optimizer, Point, Step
from splinekan.optimize.result import Status
from splinekan.optimize.search import armijo, strong_wolfe


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

    def store(self, s: Float64Array, y: Float64Array, least: float) -> None:
        curvature = float(s @ y)
        if not curvature > least:  # negative or lost in rounding: no information for a positive H
            return
        size = len(self.rho)
        row = (self.first + self.count) % size
        if self.count == size:
            self.first = (self.first + 1) % size
        else:
            self.count += 1
        self.steps[row], self.changes[row], self.rho[row] = s, y, 1 / curvature
        self.scaling = curvature / float(y @ y)

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

    With search "fixed" the method is what deep-learning libraries run without a line search: the very
    first step is shortened to min(1, 1/|g|_1) step, pairs with s.y <= 1e-10 are skipped (with a search,
    those with s.y <= eps |s| |y|, whatever the units of the loss). With mixed geometry and gradient, y is
    a difference of fed gradients.

    Parameters
    ----------
    memory
        Pairs kept.
    step
        Length of the fixed steps.
    search
        "fixed"; "armijo" (such a step, halved until the loss falls enough; if even that fails, the
        memory is dropped once); or "wolfe" (strong Wolfe conditions; `step` is not used).
    """

    memory: int = 100
    step: float = 1.0
    search: str = "fixed"

    def __post_init__(self) -> None:
        integer("memory", self.memory, low=1)
        real("step", self.step, positive=True)
        one_of("search", self.search, ("fixed", "armijo", "wolfe"))

    def _begin(self, frame: Frame, start: Point) -> _Memory:
        shape = (self.memory, len(start.z))
        return _Memory(np.empty(shape), np.empty(shape), np.empty(self.memory), np.empty(self.memory))

    def _advance(self, frame: Frame, state: _Memory, point: Point) -> Step:
        direction = -state.multiply(point.fed)
        first = min(1.0, 1.0 / float(np.abs(point.fed).sum())) if state.count == 0 else 1.0
        if self.search != "fixed":
            if self.search == "wolfe":
                found = strong_wolfe(frame, point, first * direction)
            else:
                found = armijo(frame, point, direction, first * self.step)
            if found is None:
                if state.count == 0:
                    return Step(None, Status.LINE_SEARCH_FAILED)
                state.count = 0  # a direction spoilt by rounding: try steepest descent
                state.scaling = 1.0
                return self._advance(frame, state, point)
        else:
            found = frame.point(point.z + first * self.step * direction)
        if found.finite:
            s, y = found.z - point.z, found.fed - point.fed
            rounding = float(np.finfo(np.float64).eps) * float(np.linalg.norm(s) * np.linalg.norm(y))
            state.store(s, y, 1e-10 if self.search == "fixed" else rounding)
        return Step(found)
