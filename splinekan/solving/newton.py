"""Gauss-Newton with a shift for networks that are linear in theta, where a few steps suffice."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import scipy

from splinekan._blas import several
from splinekan._checks import Float64Array
from splinekan.optimize import History
from splinekan.solving.bands import Band

SHIFT = 1e-14
"""Of the scaled J^T J, relative to its unit diagonal: the size of its rounding errors."""
CLOSE = 1e-3
"""Relative defect up to which entries outside of the band do not matter."""
HALVINGS = 12
SLOW = 0.9
"""A step that leaves more than this share of the loss is the last."""


def newton(
    problem: Any,
    theta: Float64Array,
    iterations: int,
    goal: float = 0.0,
    stop: float = np.inf,
    ordering: Band | None = None,
) -> tuple[Float64Array, float, list[float]]:
    """theta, the loss, and the losses of all iterates.

    The scaled equations (S^{-1} J^T J S^{-1} + shift) S p = -S^{-1} J^T r lose half of the digits of J. As r
    is computed anew in each step, a further step corrects the error of the one before.

    Parameters
    ----------
    problem
        With `normal_equations`.
    theta
        The start.
    iterations
        At most.
    goal
        A loss at which to stop.
    stop
        The time (perf_counter) at which to stop.
    ordering
        Of coefficients whose matrix is banded.
    """
    value, gradient, matrix = problem.normal_equations(theta)
    losses = [value]
    for _ in range(iterations):
        if value <= goal or perf_counter() > stop:
            break
        step = _step(matrix, gradient, ordering)
        if step is None:
            break
        length, found = 1.0, None
        for _ in range(HALVINGS):
            trial = theta + length * step
            after = problem.normal_equations(trial)
            if np.isfinite(after[0]) and after[0] < value:
                found = trial, after
                break
            length /= 2
            if length * np.abs(step).max() <= 1e-15 * np.abs(theta).max():
                break
        if found is None:
            break
        slow = found[1][0] > SLOW * value and length == 1.0
        theta, (value, gradient, matrix) = found
        losses.append(value)
        if slow:
            break
    return theta, float(value), losses


def _step(
    matrix: Float64Array, gradient: Float64Array, ordering: Band | None
) -> Float64Array | None:
    diagonal = np.diag(matrix)
    scale = np.sqrt(np.maximum(diagonal, diagonal.max() * 1e-30))
    scaled = matrix / scale / scale[:, None]
    shift = SHIFT
    right = -gradient / scale
    if ordering is not None and ordering.worthwhile:
        step = ordering.solve(scaled, shift, right)
        if step is not None and np.isfinite(step).all():
            defect = scaled @ step + shift * step - right
            if np.abs(defect).max() <= CLOSE * np.abs(right).max():
                return np.asarray(step / scale)
    for _ in range(8):
        damped = scaled.copy()
        damped[np.diag_indices_from(damped)] += shift
        try:
            with several(len(damped) ** 3 / 3):
                factor = scipy.linalg.cho_factor(damped.T, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            shift *= 10
            continue
        step = scipy.linalg.cho_solve(factor, right, check_finite=False) / scale
        return np.asarray(step) if np.isfinite(step).all() else None
    return None


def history(losses: list[float]) -> History:
    """The losses of all iterates as a history, with what is not recorded left open."""
    count = len(losses)
    unknown, numbers = np.full(count, np.nan), np.arange(1.0, count + 1)
    return History(np.array(losses), unknown, unknown, numbers, numbers, unknown)
