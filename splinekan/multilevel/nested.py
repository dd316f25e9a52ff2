"""Nested iteration: optimise, prolongate, optimise (Algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer, one_of
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.optimize import History, Iterate, Optimizer, Problem, Result, Status

ENDS_ALL = (Status.INTERRUPTED, Status.NON_FINITE, Status.STOPPED)


@dataclass(frozen=True, eq=False)
class NestedResult:
    """The end of a nested iteration.

    Attributes
    ----------
    theta
        On level `level`.
    level
        The last level reached (the finest unless stopped on the way).
    value, status, message
        Of the last level's run.
    results
        One per level that ran, coarsest first; None for a level with an empty budget.
    history
        All levels' histories joined. Work of a coarse level counts less: see `Level.cost`.
    marks
        (level, entry of the history at which it begins).
    """

    theta: Float64Array
    level: int
    value: float
    status: Status
    message: str
    results: tuple[Result | None, ...]
    history: History
    marks: tuple[tuple[int, int], ...]


def nested_iteration(
    hierarchy: Hierarchy,
    objective: Callable[[Level], Problem],
    optimizer: Optimizer | Sequence[Optimizer],
    budgets: Sequence[int],
    theta0: ArrayLike,
    *,
    unit: str = "iterations",
    callback: Callable[[Iterate], object] | None = None,
    **options: Any,
) -> NestedResult:
    """Algorithm 1 of Southworth et al., arXiv:2603.04827: train coarse, prolongate exactly, train finer.

    Levels with an empty budget are passed through, but training starts on the first level that has
    one: `theta0` belongs to the coarsest level and is prolongated up to it. The optimiser begins anew
    on every level: curvature pairs, moments and damping of the coarse level speak of other unknowns,
    and carrying them over would make the levels' runs hard to compare.

    Parameters
    ----------
    hierarchy
        The levels.
    objective
        Gives the problem of a level, with `cost` = level.cost for honest work.
    optimizer
        One for all levels, or one per level.
    budgets
        Iterations per level, coarsest first.
    theta0
        Parameters on level 0.
    unit
        What budgets count: "iterations", or "evaluations" (the first one of each level and line
        searches included; the last iteration may run over).
    callback, options
        Passed to `Optimizer.minimize`.

    Raises
    ------
    TypeError, ValueError
        If budgets or optimisers do not match the levels, or no level has a budget.
    """
    one_of("unit", unit, ("iterations", "evaluations"))
    counts = [integer("every budget", n, low=0) for n in budgets]
    methods = [optimizer] * len(hierarchy) if isinstance(optimizer, Optimizer) else list(optimizer)
    for name, items in (("budgets", counts), ("optimizers", methods)):
        if len(items) != len(hierarchy):
            raise ValueError(f"{len(hierarchy)} levels need as many {name}, got {len(items)}")
    if not any(counts):
        raise ValueError(f"at least one level needs iterations, got budgets {counts}")
    theta = np.array(theta0, dtype=np.float64)
    results: list[Result | None] = []
    marks: list[tuple[int, int]] = []
    entries = 0
    for level, method, count in zip(hierarchy.levels, methods, counts, strict=True):
        if level.index > 0:
            theta = hierarchy.prolong(theta, level.index - 1)
        if count == 0:
            results.append(None)
            continue
        limit = count if unit == "evaluations" else None
        result = method.minimize(
            objective(level), theta, iterations=count, evaluations=limit, callback=callback, **options
        )
        results.append(result)
        marks.append((level.index, entries))
        entries += len(result.history.loss)
        theta = result.theta
        if result.status in ENDS_ALL:
            break
    ran = [result for result in results if result is not None]
    last = ran[-1]
    return NestedResult(
        theta,
        len(results) - 1,
        last.value,
        last.status,
        last.message,
        tuple(results),
        History.join([result.history for result in ran]),
        tuple(marks),
    )
