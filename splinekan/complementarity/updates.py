"""The first updates of an optimiser after a refinement, measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer, real_array
from splinekan.complementarity.split import TangentSplit
from splinekan.optimize import Iterate, LeastSquaresProblem, Optimizer


@dataclass(frozen=True)
class Update:
    """What the first `steps` iterations did together, d = theta_steps - theta_0.

    Attributes
    ----------
    steps
        Iterations.
    share, reach, corrected
        Of d, with J at theta_0, see `TangentSplit`; dimensionless. NaN if the method took no step.
    loss
        The loss afterwards over the loss before, dimensionless.
    """

    steps: int
    share: float
    reach: float
    corrected: float
    loss: float


def first_updates(
    problem: LeastSquaresProblem,
    theta0: ArrayLike,
    split: TangentSplit,
    residual: ArrayLike,
    optimizer: Optimizer,
    steps: Sequence[int] = (1, 4, 16),
) -> tuple[Update, ...]:
    """Run an optimiser from theta0 and measure its update after each number of steps.

    Parameters
    ----------
    problem
        What is minimised on the fine level.
    theta0
        P theta_coarse, shape (n,).
    split, residual
        At theta0: the split of the tangent space and the residual, of the length of its rows.
    optimizer
        In any geometry.
    steps
        Increasing numbers of iterations. If the optimiser ends early, later entries repeat the last one.

    Raises
    ------
    TypeError, ValueError
        For numbers of steps that do not increase from at least 1, or arguments that do not fit.
    """
    counts = [integer("every number of steps", n, low=1) for n in steps]
    if not counts or sorted(set(counts)) != counts:
        raise ValueError(f"steps must increase, got {list(steps)}")
    theta = real_array("theta0", theta0, shape=(split.jacobian.shape[1],)).astype(np.float64)
    path: list[tuple[Float64Array, float]] = []

    def keep(at: Iterate) -> None:
        path.append((at.theta, at.value))

    result = optimizer.minimize(problem, theta, iterations=counts[-1], callback=keep)
    before = float(result.history.loss[0])
    found = []
    for count in counts:
        done, value = path[min(count, len(path)) - 1] if path else (theta, before)
        d = done - theta
        if np.any(split.jacobian @ d):
            numbers = split.share(d), split.reach(d, residual), split.corrected(d, residual)
        else:
            numbers = (np.nan,) * 3
        found.append(Update(count, *numbers, value / before if before > 0 else np.nan))
    return tuple(found)
