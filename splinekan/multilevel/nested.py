"""Nested iteration: optimise, prolongate, optimise (Algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from splinekan._checks import (
    Float64Array,
    each,
    function,
    instance,
    integer,
    one_of,
    sequence,
    shown,
    vector,
)
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.optimize import History, Iterate, Optimizer, Problem, Result, Status

ENDS_ALL = (Status.INTERRUPTED, Status.NON_FINITE, Status.STOPPED)
OPTIONS = ("progress", "gradient_tolerance", "value_tolerance", "keep")


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
        A result per level that ran, coarsest first; None for a level with an empty budget.
    history
        All levels' histories joined. Work on a coarse level counts less: see `Level.cost`.
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

    Levels with an empty budget are passed through: `theta0` belongs to the coarsest level and is
    prolongated to the first level that has a budget. The optimiser begins anew on every level, because
    curvature pairs, moments and damping of the coarse level belong to other unknowns, and carrying them
    over would make the levels' runs hard to compare.

    Parameters
    ----------
    hierarchy
        The levels.
    objective
        The problem of a level, with `cost` = level.cost for the paper's count of work.
    optimizer
        An optimiser for all levels, or a sequence with an optimiser per level.
    budgets
        Iterations per level, coarsest first.
    theta0
        Parameters on level 0.
    unit
        What budgets count: "iterations", or "evaluations" (those at the start of each level and in line
        searches included; the last iteration may exceed the budget).
    callback
        Called after each iteration, as by `Optimizer.minimize`; the whole run stops if it returns True.
    options
        `progress`, `gradient_tolerance`, `value_tolerance`, `keep` of `Optimizer.minimize`.

    Raises
    ------
    TypeError, ValueError
        If budgets, optimisers or theta0 do not match the levels, no level has a budget, an option is
        unknown, or the objective returns anything but a problem.
    """
    instance("hierarchy", hierarchy, Hierarchy)
    function("objective", objective)
    function("callback", callback, optional=True)
    one_of("unit", unit, ("iterations", "evaluations"))
    counts = [integer(f"budgets[{i}]", n, low=0) for i, n in enumerate(sequence("budgets", budgets))]
    methods = [optimizer] * len(hierarchy) if isinstance(optimizer, Optimizer) else _methods(optimizer)
    for name, items in (("budgets", counts), ("optimizer", methods)):
        if len(items) != len(hierarchy):
            raise ValueError(
                f"{name} must have as many entries as there are levels, {len(hierarchy)}, got {len(items)}"
            )
    if not any(counts):
        raise ValueError(f"budgets must allow iterations on some level, got {shown(counts)}")
    for name in options:
        if name not in OPTIONS:
            raise TypeError(f"options are {', '.join(OPTIONS)}, got {name!r}")
    theta = vector("theta0", theta0, hierarchy[0].network.n_parameters)
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
        problem = objective(level)
        method.require("objective(level)", problem)
        result = method.minimize(
            problem, theta, iterations=count, evaluations=limit, callback=callback, **options
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


def _methods(optimizers: Any) -> list[Optimizer]:
    def optimizer(name: str, value: Any) -> Optimizer:
        return instance(name, value, Optimizer)

    return each("optimizer", optimizers, optimizer)
