"""Gauss-Newton with a shift for networks that are linear in theta, where a few steps suffice."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import scipy

from splinekan._blas import several
from splinekan._checks import Float64Array
from splinekan.objectives.pinn import PINN
from splinekan.optimize import History
from splinekan.solving.bands import Band, band_equations

SHIFT = 1e-14
"""Shift of the scaled J^T J, relative to its unit diagonal: the size of its rounding errors."""
SHIFTS = 8
"""Number of shifts, each ten times the previous shift, until the matrix is positive definite."""
HALVINGS, FEW_HALVINGS = 12, 2
"""Halvings of a step: before a full step has lowered the loss, and after, where rounding prevents descent."""
SLOW = 0.9
"""The iteration ends with a step that reduces the loss by less than this factor."""


class NormalMatrix(Protocol):
    """J^T J with the methods that a step requires."""

    def diagonal(self) -> Float64Array:
        """The diagonal."""
        ...

    def solve(self, scale: Float64Array, shift: float, right: Float64Array) -> Float64Array | None:
        """(J^T J + shift diag(scale)^2)^{-1} right; None where that is not positive definite."""
        ...


def newton(
    problem: Any,
    theta: Float64Array,
    iterations: int,
    goal: float = 0.0,
    stop: float = np.inf,
    ordering: Band | None = None,
    damped: int | None = None,
) -> tuple[Float64Array, float, list[float]]:
    """The final theta, its loss, and the losses of all iterates.

    The scaled equations (S^{-1} J^T J S^{-1} + shift) S p = -S^{-1} J^T r lose half of the digits of J. As r
    is recomputed in each step, a further step corrects the error of the previous step.

    Parameters
    ----------
    problem
        A problem with `value` and `normal_equations`.
    theta
        The start.
    iterations
        The largest number of iterations.
    goal
        A loss at which to stop.
    stop
        The time (perf_counter) at which to stop.
    ordering
        The order of the coefficients of a tensor-product layer; constants may follow them in theta. J^T J is
        assembled as a band if that pays off and if it has no entries outside the band.
    damped
        The number of shortened steps after which the iteration is abandoned; None for no limit.
    """
    equations = NormalEquations(problem, ordering)
    value, gradient, matrix = equations.at(theta)
    losses, halvings, shortened = [value], HALVINGS, 0
    for _ in range(iterations):
        if value <= goal or perf_counter() > stop:
            break
        step = _step(matrix, gradient)
        if step is None:
            break
        length, found = 1.0, None
        for _ in range(halvings):
            trial = theta + length * step
            if length == 1.0 or problem.value(trial) < value:  # cheaper than the equations
                after = equations.at(trial)
                if np.isfinite(after[0]) and after[0] < value:
                    found = trial, after
                    break
            length /= 2
            if length * np.abs(step).max() <= 1e-15 * np.abs(theta).max():
                break
        if found is None:
            break
        slow = found[1][0] > SLOW * value and length == 1.0
        shortened += length < 1.0
        halvings = FEW_HALVINGS if length == 1.0 else HALVINGS
        theta, (value, gradient, matrix) = found
        losses.append(value)
        if slow or (damped is not None and shortened >= damped):
            break
    return theta, float(value), losses


@dataclass(eq=False)
class NormalEquations:
    """The normal equations of a problem, banded unless entries outside the band occur."""

    problem: Any
    ordering: Band | None

    def __post_init__(self) -> None:
        if not isinstance(self.problem, PINN) or not (self.ordering and self.ordering.worthwhile):
            self.ordering = None

    def at(self, theta: Float64Array) -> tuple[float, Float64Array, NormalMatrix]:
        """(L, its gradient, J^T J)."""
        if self.ordering is not None:
            found = band_equations(self.problem, theta, self.ordering)
            if found is not None:
                return found
            self.ordering = None
        value, gradient, matrix = self.problem.normal_equations(theta)
        return value, gradient, _Dense(matrix)


@dataclass(frozen=True, eq=False)
class _Dense:
    """J^T J as an array."""

    matrix: Float64Array

    def diagonal(self) -> Float64Array:
        return np.diag(self.matrix)

    def solve(self, scale: Float64Array, shift: float, right: Float64Array) -> Float64Array | None:
        scaled = self.matrix / scale
        scaled /= scale[:, None]
        scaled[np.diag_indices_from(scaled)] += shift
        try:
            with several(len(scaled) ** 3 / 3):
                factor = scipy.linalg.cho_factor(scaled.T, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return None
        return np.asarray(scipy.linalg.cho_solve(factor, right / scale, check_finite=False) / scale)


def _step(matrix: NormalMatrix, gradient: Float64Array) -> Float64Array | None:
    """-(J^T J + shift diag(J^T J))^{-1} gradient with the smallest admissible shift; None without any."""
    diagonal = matrix.diagonal()
    if not 0 < diagonal.max() < np.inf:
        return None
    scale = np.sqrt(np.maximum(diagonal, diagonal.max() * 1e-30))
    shift = SHIFT
    for _ in range(SHIFTS):
        step = matrix.solve(scale, shift, -gradient)
        if step is not None:
            return step if np.isfinite(step).all() else None
        shift *= 10
    return None


def history(losses: list[float]) -> History:
    """The losses of all iterates as a history; columns that are not recorded are NaN."""
    count = len(losses)
    unknown, numbers = np.full(count, np.nan), np.arange(1.0, count + 1)
    return History(np.array(losses), unknown, unknown, numbers, numbers, unknown)
