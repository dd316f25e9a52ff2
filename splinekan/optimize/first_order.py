"""Gradient descent, Adam and AdamW."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, function, one_of, real
from splinekan.kernels import adam
from splinekan.optimize.driver import Frame, Optimizer, Point, Step
from splinekan.optimize.result import Status
from splinekan.optimize.schedules import Constant, Schedule
from splinekan.optimize.search import armijo


@dataclass(frozen=True, kw_only=True)
class GradientDescent(Optimizer):
    """z <- z - step g (Southworth et al., arXiv:2603.04827, Table 1 with D = I).

    Parameters
    ----------
    geometry, gradient
        Coordinates z = T theta of the iteration and of the gradient; see `Optimizer`.
    step
        The step length ("fixed"), or the first step length tried ("armijo": halved until the decrease of the
        loss is sufficient).
    search
        "fixed" or "armijo". With "fixed" the loss may rise, and does if `step` exceeds 2 over the largest
        eigenvalue of the Hessian; `keep` of `minimize` determines the iterate that is returned.

    Examples
    --------
    >>> import numpy as np
    >>> bowl = FunctionProblem(lambda t: t @ t / 2, lambda t: t)
    >>> GradientDescent(step=0.5).minimize(bowl, [4.0, -8.0], iterations=3).theta
    array([ 0.5, -1. ])
    """

    step: float = 1e-2
    search: str = "fixed"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "step", real("step", self.step, positive=True))
        one_of("search", self.search, ("fixed", "armijo"))

    def _begin(self, frame: Frame, start: Point) -> None:
        return None

    def _advance(self, frame: Frame, state: None, point: Point) -> Step:
        if self.search == "fixed":
            return Step(frame.point(point.z - self.step * point.fed))
        return Step(armijo(frame, point, -point.fed, self.step), Status.LINE_SEARCH_FAILED)


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015); with `weight_decay` AdamW (Loshchilov & Hutter 2019).

    m <- beta1 m + (1-beta1) g, v <- beta2 v + (1-beta2) g^2,
    z <- z - rate (m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps) + weight_decay z).

    Parameters
    ----------
    geometry, gradient
        Coordinates z = T theta of the iteration and of the gradient; see `Optimizer`.
    schedule
        The rate, nonnegative, as a function of the iteration 0, 1, ...: `Constant`, `LinearRamp`,
        `ExponentialCyclic` or `Cosine` of `splinekan.optimize`, or any callable.
    beta1, beta2, eps, weight_decay
        The parameters of the formula; all dimensionless except eps, which has the units of the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> bowl = FunctionProblem(lambda t: t @ t / 2, lambda t: t)
    >>> result = Adam(schedule=Constant(0.1)).minimize(bowl, [1.0, -1.0], iterations=200)
    >>> result.value < 1e-4
    True
    """

    schedule: Schedule = field(default_factory=Constant)
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        function("schedule", self.schedule)
        for name in ("beta1", "beta2"):
            object.__setattr__(self, name, real(name, getattr(self, name), low=0.0, high=1.0 - 1e-12))
        object.__setattr__(self, "eps", real("eps", self.eps, positive=True))
        object.__setattr__(self, "weight_decay", real("weight_decay", self.weight_decay, low=0.0))

    def _begin(self, frame: Frame, start: Point) -> dict[str, Any]:
        return {"t": 0, "m": np.zeros_like(start.z), "v": np.zeros_like(start.z)}

    def _advance(self, frame: Frame, state: dict[str, Any], point: Point) -> Step:
        z = np.empty_like(point.z)
        if not self._step(state, point.z, point.fed, z):
            return Step(None, Status.NON_FINITE)
        return Step(frame.point(z))

    def _step(
        self, state: dict[str, Any], z: Float64Array, gradient: Float64Array, out: Float64Array
    ) -> bool:
        """Set out = z after a step; False if squares of the gradient leave the range of float64."""
        rate = real("schedule(iteration)", self.schedule(state["t"]), low=0.0)
        state["t"] += 1
        return bool(
            adam.step(
                z, gradient, state["m"], state["v"], state["t"],
                rate, self.beta1, self.beta2, self.eps, self.weight_decay, out,
            )
        )  # fmt: skip
