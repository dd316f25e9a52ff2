"""Nested iteration: optimise, prolongate, optimise (Algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

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
from splinekan.distributed.errors import ClusterError
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.optimize import History, Iterate, Optimizer, Problem, Result, Status

ENDS_ALL = (Status.INTERRUPTED, Status.NON_FINITE, Status.STOPPED)
OPTIONS = ("progress", "gradient_tolerance", "value_tolerance", "keep")


class NestedStep(NamedTuple):
    """A trained level, with the result of its training."""

    level: Level
    result: Result


@dataclass(frozen=True, eq=False)
class NestedResult:
    """The end of a nested iteration.

    Attributes
    ----------
    theta
        The parameters on level `level`.
    level
        The last level reached (the finest, unless the run stopped earlier).
    value, status, message
        Loss, status and message of the run on the last level.
    results
        A result per level that ran, coarsest first; None for a level with an empty budget.
    history
        The histories of all levels, joined. Work on a coarse level counts less: see `Level.cost`.
    marks
        (level, entry of the history at which it begins).
    model
        The network of level `level` with theta, None for problems without a network.
    """

    theta: Float64Array = field(repr=False)
    level: int
    value: float
    status: Status
    message: str
    results: tuple[Result | None, ...] = field(repr=False)
    history: History = field(repr=False)
    marks: tuple[tuple[int, int], ...] = field(repr=False)
    model: Any = field(default=None, repr=False)

    @property
    def success(self) -> bool:
        """Whether the last level's run ended by itself, see `Result.success`."""
        return self.status in (Status.CONVERGED, Status.STALLED)

    @property
    def nit(self) -> int:
        """The number of iterations on all levels."""
        return sum(result.nit for result in self.results if result is not None)


def nested_steps(
    hierarchy: Hierarchy,
    objective: Callable[[Level], Problem],
    optimizer: Optimizer | Sequence[Optimizer],
    budgets: Sequence[int],
    theta0: ArrayLike,
    *,
    unit: str = "iterations",
    callback: Callable[[Iterate], object] | None = None,
    **options: Any,
) -> Iterator[NestedStep]:
    """The steps of a nested iteration, a generator of (level, result): train, prolongate, train.

    Levels with an empty budget are passed through and yield nothing. If sums run on a cluster that is lost,
    the interrupted level is yielded before the error is raised. Work between two steps (a spectrum of
    `result.model`, say) does not change the iteration.

    Parameters
    ----------
    hierarchy, objective, optimizer, budgets, theta0, unit, callback
        As in `nested_iteration`.
    **options
        As in `nested_iteration`.

    Returns
    -------
    Iterator of NestedStep
        Pairs (level, result), coarsest first.

    Raises
    ------
    TypeError, ValueError, ClusterError
        As `nested_iteration`; arguments are checked when the generator is created.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 200)[:, None]
    >>> levels = sk.Hierarchy(sk.KAN.splines([1, 1], intervals=2), 3)
    >>> steps = nested_steps(
    ...     levels,
    ...     lambda level: sk.LeastSquares(level.network, x, np.sin(9 * x), reduction="mean"),
    ...     sk.LevenbergMarquardt(),
    ...     [5, 5, 5],
    ...     np.zeros(5),
    ... )
    >>> [(level.network.intervals, f"{result.value:.0e}") for level, result in steps]
    [(2, '6e-03'), (4, '5e-04'), (8, '3e-06')]
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

    def steps(theta: Float64Array) -> Iterator[NestedStep]:
        for level, method, count in zip(hierarchy.levels, methods, counts, strict=True):
            if level.P is not None:
                theta = level.P @ theta
            if count == 0:
                continue
            problem = objective(level)
            method.require("objective(level)", problem)
            try:
                result = method.minimize(
                    problem,
                    theta,
                    iterations=count,
                    evaluations=count if unit == "evaluations" else None,
                    callback=callback,
                    cost=level.cost,
                    **options,
                )
            except ClusterError as error:
                if error.result is not None:
                    yield NestedStep(level, error.result)
                raise
            theta = result.theta.copy()
            yield NestedStep(level, result)
            if result.status in ENDS_ALL:
                return

    return steps(theta)


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
    """The result of nested iteration: train coarse, prolongate exactly, train finer, and so on.

    Algorithm 1 of Southworth et al., arXiv:2603.04827. Levels with an empty budget are passed through:
    `theta0` belongs to the coarsest level and is prolongated to the first level that has a budget. The
    optimiser is restarted on every level, because curvature pairs, moments and damping of the coarse level
    belong to other unknowns, and reusing them would make the runs on the levels hard to compare.
    `nested_steps` yields every level when its training ends.

    Parameters
    ----------
    hierarchy
        The levels.
    objective
        A function from a level to its problem. Work is counted in `level.cost` unless the problem has a cost
        of its own.
    optimizer
        An optimiser for all levels, or a sequence with an optimiser per level.
    budgets
        Iterations per level, coarsest first.
    theta0
        Parameters on level 0.
    unit
        The unit of budgets: "iterations", or "evaluations" (those at the start of each level and in line
        searches included; the last iteration may exceed the budget).
    callback
        Called after each iteration, as by `Optimizer.minimize`; the whole run stops if it returns True.
    **options
        `progress`, `gradient_tolerance`, `value_tolerance`, `keep` of `Optimizer.minimize`.

    Returns
    -------
    NestedResult
        Parameters on the last level, with the results and the joined history of all levels.

    Raises
    ------
    TypeError, ValueError
        If budgets, optimisers or theta0 do not match the levels, no level has a budget, an option is
        unknown, or the objective returns anything but a problem.
    ClusterError
        If sums run on a cluster that is lost; its `result` is the `NestedResult` of the levels so far.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 200)[:, None]
    >>> result = nested_iteration(
    ...     sk.Hierarchy(sk.KAN.splines([1, 1], intervals=2), 3),
    ...     lambda level: sk.LeastSquares(level.network, x, np.sin(9 * x), reduction="mean"),
    ...     sk.LevenbergMarquardt(),
    ...     [5, 5, 5],
    ...     np.zeros(5),
    ... )
    >>> result.level, f"{result.value:.0e}"
    (2, '3e-06')
    """
    results: list[Result | None] = [None] * len(hierarchy) if isinstance(hierarchy, Hierarchy) else []
    marks: list[tuple[int, int]] = []
    entries = 0
    steps = nested_steps(
        hierarchy, objective, optimizer, budgets, theta0, unit=unit, callback=callback, **options
    )
    try:
        for level, result in steps:
            results[level.index] = result
            marks.append((level.index, entries))
            entries += len(result.history.loss)
    except ClusterError as error:
        error.result = _joined(hierarchy, results, marks) if marks else None
        raise
    return _joined(hierarchy, results, marks)


def _joined(
    hierarchy: Hierarchy, results: Sequence[Result | None], marks: Sequence[tuple[int, int]]
) -> NestedResult:
    """The joined result of all levels."""
    ran = [result for result in results if result is not None]
    last, theta, model, reached = ran[-1], ran[-1].theta, ran[-1].model, marks[-1][0]
    if last.status not in ENDS_ALL:
        for level in hierarchy.levels[reached + 1 :]:  # levels with an empty budget after the last run
            theta = level.P @ theta
            model = None if model is None else replace(model, network=level.network, theta=theta)
            reached = level.index
    return NestedResult(
        theta,
        reached,
        last.value,
        last.status,
        last.message,
        tuple(results[: reached + 1]),
        History.join([result.history for result in ran]),
        tuple(marks),
        model,
    )


def _methods(optimizers: Any) -> list[Optimizer]:
    def optimizer(name: str, value: Any) -> Optimizer:
        return instance(name, value, Optimizer)

    if not isinstance(optimizers, (list, tuple)):
        raise TypeError(f"optimizer must be an optimiser or a sequence of them, got {shown(optimizers)}")
    return each("optimizer", optimizers, optimizer)
