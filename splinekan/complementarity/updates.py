"""Shares of the first updates of an optimiser after a refinement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, instance, integer, sequence, shown, vector
from splinekan.complementarity.split import NOISE, TangentSplit
from splinekan.optimize import Iterate, LeastSquaresProblem, LinearMap, Optimizer, Status
from splinekan.optimize.problem import Factor, Jacobian


@dataclass(frozen=True)
class Update:
    """The joint update of the first `steps` iterations, d = theta_steps - theta_0.

    Attributes
    ----------
    steps
        Number of iterations.
    share, reach, corrected
        Measures of d with J at theta_0, see `TangentSplit`; dimensionless. NaN if the method took no step;
        `corrected` is also NaN if the share is below `NOISE`, because the component outside range(J P) may
        then be rounding error.
    loss
        The ratio of the losses after and before, dimensionless.
    """

    steps: int
    share: float
    reach: float
    corrected: float
    loss: float


@dataclass(frozen=True, eq=False)
class _Shifted:
    """The problem as a function of d = theta - theta_0.

    Coordinates T d start at 0. The coordinates of theta are large in ReLU geometry, and a first step far
    below their rounding error would be lost.
    """

    problem: LeastSquaresProblem
    origin: Float64Array

    @property
    def cost(self) -> float | None:
        return self.problem.cost

    @property
    def n_residuals(self) -> float:
        return self.problem.n_residuals

    @property
    def squared(self) -> bool:
        return bool(getattr(self.problem, "squared", True))

    def value(self, d: Float64Array) -> float:
        return self.problem.value(self.origin + d)

    def value_and_gradient(self, d: Float64Array) -> tuple[float, Float64Array]:
        return self.problem.value_and_gradient(self.origin + d)

    def linearized(self, d: Float64Array) -> tuple[float, Float64Array, Jacobian]:
        return self.problem.linearized(self.origin + d)

    def normal_equations(self, d: Float64Array) -> Factor:
        return self.problem.normal_equations(self.origin + d)

    def triangular_factor(self, d: Float64Array) -> Factor:
        return self.problem.triangular_factor(self.origin + d)

    def coordinates(self, name: str) -> LinearMap:
        return self.problem.coordinates(name)


def first_updates(
    problem: LeastSquaresProblem,
    theta0: ArrayLike,
    split: TangentSplit,
    residual: ArrayLike,
    optimizer: Optimizer,
    steps: Sequence[int] = (1, 4, 16),
) -> tuple[Update, ...]:
    """The updates of an optimiser from theta0, measured after each number of steps.

    Parameters
    ----------
    problem
        The problem on the fine level.
    theta0
        P theta_coarse, shape (n,).
    split, residual
        The split of the tangent space at theta0, and the residual there, (rows,).
    optimizer
        An optimiser in any geometry.
    steps
        Increasing numbers of iterations. If the optimiser ends early, later entries repeat the last entry.

    Raises
    ------
    TypeError, ValueError
        For numbers of steps that do not increase from at least 1, or arguments that do not fit each other.
    """
    counts = [integer(f"steps[{i}]", n, low=1) for i, n in enumerate(sequence("steps", steps, empty=True))]
    if not counts or sorted(set(counts)) != counts:
        raise ValueError(f"steps must increase, got {counts}")
    instance("split", split, TangentSplit)
    theta = vector("theta0", theta0, split.jacobian.shape[1])
    residual = vector("residual", residual, split.jacobian.shape[0])
    needed: tuple[tuple[str, object, str], ...] = (
        ("optimizer", optimizer, "minimize"),
        ("problem", problem, "value_and_gradient"),
    )
    for name, given, method in needed:
        if not callable(getattr(given, method, None)):
            raise TypeError(f"{name} must have a method {method}, got {shown(given)}")
    path: list[tuple[Float64Array, float]] = []

    def keep(at: Iterate) -> None:
        path.append((at.theta, at.value))

    shifted, zero = _Shifted(problem, theta), np.zeros_like(theta)
    result = optimizer.minimize(shifted, zero, iterations=counts[-1], callback=keep)
    if result.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    before = float(result.history.loss[0])
    updates = []
    for count in counts:
        d, value = path[min(count, len(path)) - 1] if path else (zero, before)
        if np.any(split.jacobian @ d):
            share, reach = split.share(d), split.reach(d, residual)
            corrected = split.corrected(d, residual) if share > NOISE else np.nan
        else:
            share = reach = corrected = np.nan
        updates.append(Update(count, share, reach, corrected, value / before if before > 0 else np.nan))
    return tuple(updates)
