"""Levenberg-Marquardt for trials, which are dense, small, and have redundant constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy

from splinekan._blas import one
from splinekan._checks import Float64Array
from splinekan.formulas.trial import Trial
from splinekan.optimize import LevenbergMarquardt
from splinekan.optimize.driver import Frame, Iterate, Point
from splinekan.optimize.problem import IdentityMap

PATIENCE = 3
"""Number of successive iterations that lower the error by less than 1 % before training ends."""
CHANCE = 4
JITTER = 1e-13
EXACT = 1e-27
"""A mean square error, over the variance of y, that consists of rounding."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """Half the mean square error in units of the variance of y, with the interface of the optimisers.

    Their variables are z = theta/unit, since a factor and a frequency in odd units may differ by more than
    1/eps.
    """

    trial: Trial
    x: Float64Array
    y: Float64Array
    scale: float
    unit: Float64Array
    cost: float | None = 1.0

    @property
    def n_residuals(self) -> float:
        return float(len(self.y))

    def coordinates(self, name: str) -> IdentityMap:
        raise ValueError(f"unknown coordinates {name!r}; trials have none but the native ones (None)")

    def value(self, z: Float64Array) -> float:
        r = (self.trial.value(z * self.unit, self.x) - self.y) * self.scale
        return float(r @ r) / 2

    def value_and_gradient(self, z: Float64Array) -> tuple[float, Float64Array]:
        value, gradient, _ = self.normal_equations(z)
        return value, gradient

    def normal_equations(self, z: Float64Array) -> tuple[float, Float64Array, Float64Array]:
        value, J = self.trial.jacobian(z * self.unit, self.x)
        r, J = (value - self.y) * self.scale, J * self.unit * self.scale
        return float(r @ r) / 2, J.T @ r, J.T @ J


@dataclass(frozen=True)
class _Regularized:
    """Normal equations with `JITTER` on the diagonal, because some constants may be redundant."""

    needs = ("normal_equations",)
    assembles = True

    def linearize(self, frame: Frame, point: Point, mixed: bool, matrix: Float64Array | None = None) -> Any:
        if matrix is None:
            point, matrix = frame.normal(point.z)
        return _Equations(matrix, point.fed)


@dataclass(frozen=True, eq=False)
class _Equations:
    matrix: Float64Array
    right: Float64Array

    @property
    def columns(self) -> Float64Array:
        return np.sqrt(np.diag(self.matrix))

    def damped(self, scale: Float64Array) -> Callable[[float], Float64Array]:
        """damping -> dz."""
        scaled, right = self.matrix / scale / scale[:, None], -self.right / scale

        def solve(damping: float) -> Float64Array:
            matrix = scaled.copy()
            matrix[np.diag_indices_from(matrix)] += damping + JITTER
            factor, failed = scipy.linalg.lapack.dpotrf(matrix, lower=1, overwrite_a=1)
            if failed:
                return np.full_like(right, np.nan)
            return np.asarray(scipy.linalg.lapack.dpotrs(factor, right, lower=1)[0] / scale)

        return solve


@one
def trained(
    trial: Trial,
    x: Float64Array,
    y: Float64Array,
    iterations: int,
    damping: float = 1e-3,
    hopeless: float = np.inf,
) -> tuple[Trial, float]:
    """The trial after Levenberg-Marquardt, and its mean square error over the variance of y.

    The error is infinite if it, or a derivative, is not finite at the start. Training ends when `PATIENCE`
    successive iterations lower the error by less than 1 %, and after `CHANCE` iterations if the error is
    above `hopeless` and fell by less than a fifth in the last.
    """
    variance = float(np.var(y)) or 1.0
    with np.errstate(all="ignore"):
        first, J = trial.jacobian(trial.theta, x)
    if not (np.isfinite(first).all() and np.isfinite(J).all()):
        return trial, np.inf
    scale, largest = 1 / np.sqrt(len(y) * variance), np.abs(J).max(axis=0)
    unit = np.exp2(-np.round(np.log2(np.where(largest > 0, largest * scale, 1.0))))  # exact factors
    problem = _Fit(trial, x, y, scale, unit)
    if not len(trial.theta):
        return trial, 2 * problem.value(unit)
    slow, before = 0, np.inf

    def stalled(iterate: Iterate) -> bool:
        nonlocal slow, before
        slow = slow + 1 if iterate.value > 0.99 * before else 0
        failing = 2 * iterate.value > hopeless and iterate.value > 0.8 * before
        before = iterate.value
        return slow >= PATIENCE or (failing and iterate.iteration >= CHANCE)

    method = LevenbergMarquardt(damping=damping, solver=_Regularized(), trials=8)
    result = method.minimize(
        problem,
        trial.theta / unit,
        iterations=iterations,
        callback=stalled,
        value_tolerance=EXACT / 2,
        keep="best",
    )
    return replace(trial, theta=result.theta * unit), 2 * float(result.value)
