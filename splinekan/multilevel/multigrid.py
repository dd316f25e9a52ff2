"""Multigrid for training: the run around the cycles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._blas import norm
from splinekan._checks import (
    Float64Array,
    boolean,
    function,
    instance,
    integer,
    one_of,
    real,
    sequence,
    vector,
)
from splinekan.multilevel.cycle_record import Ledger, MultigridResult
from splinekan.multilevel.cycles import SCHEMES, Cycles, Settings, Stop
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.nested import _methods
from splinekan.multilevel.projections import KINDS
from splinekan.optimize import Iterate, Optimizer, Problem, Restricted, Status
from splinekan.optimize.answers import finite
from splinekan.optimize.driver import QUIET, _bar
from splinekan.optimize.result import MESSAGES

CYCLES = ("V", "W", "FMG")


def multigrid(
    hierarchy: Hierarchy,
    objective: Callable[[Level], Problem],
    optimizer: Optimizer | Sequence[Optimizer],
    theta0: ArrayLike,
    *,
    cycle: str = "V",
    scheme: str = "MG/OPT",
    cycles: int | Sequence[int] = 10,
    pre: int = 2,
    post: int = 2,
    coarsest: int = 10,
    unit: str = "iterations",
    work: float | None = None,
    seconds: float | None = None,
    projection: str = "pseudoinverse",
    callback: Callable[[Iterate], object] | None = None,
    progress: bool = False,
    gradient_tolerance: float = 0.0,
    value_tolerance: float | None = None,
    keep: str = "auto",
) -> MultigridResult:
    """The result of multigrid cycles: smooth, correct on coarser levels, smooth.

    The formulas are in `splinekan.multilevel.cycles`. The optimiser is restarted at every smoothing:
    curvature pairs, moments and damping are lost. Methods that rely on them need more iterations per
    smoothing than Levenberg-Marquardt does.

    Parameters
    ----------
    hierarchy
        The levels.
    objective
        A function from a level to its problem, called once per level. Work is counted in `level.cost` unless
        the problem has a cost of its own. `Restricted` problems are refused.
    optimizer
        An optimiser for all levels, or a sequence with an optimiser per level.
    theta0
        Parameters on the finest level; for "FMG" on level 0.
    cycle
        "V", "W", or "FMG", full multigrid: V-cycles on level 0, then on level 1 from the prolongated result,
        and so on.
    scheme
        "FAS", "MG/OPT" or "galerkin".
    cycles
        The largest number of cycles; for "FMG" on each level, or a number per level.
    pre, post, coarsest
        Iterations before and after a correction, and on level 0.
    unit
        The unit of these three numbers, "iterations" or "evaluations", as in `nested_iteration`.
    work, seconds
        No new smoothing begins once this amount of work or time has been used. None for no limit.
    projection
        The kind of R, see `splinekan.multilevel.projections`.
    callback
        Called with an `Iterate` after each cycle; the run stops if it returns True.
    progress
        Whether to show a progress bar (tqdm), a tick per cycle.
    gradient_tolerance, value_tolerance
        As in `Optimizer.minimize`; the former for every smoothing, the latter on the level that is trained.
    keep
        As in `Optimizer.minimize`, for every smoothing and for the points after smoothings and corrections
        on the level that is trained. "last" admits sweeps that raise the loss, which a coarse correction may
        lower again.

    Returns
    -------
    MultigridResult
        Parameters, history and corrections, also if the run was interrupted from the keyboard.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, theta0 of the wrong length, and if the loss at theta0 is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 200)[:, None]
    >>> levels = sk.Hierarchy(sk.KAN.splines([1, 1], intervals=4), 3)
    >>> result = multigrid(
    ...     levels,
    ...     lambda level: sk.LeastSquares(level.network, x, np.sin(9 * x), reduction="mean"),
    ...     sk.GradientDescent(step=8.0, search="armijo"),
    ...     np.zeros(levels[-1].network.n_parameters),
    ...     cycles=8,
    ... )
    >>> result.level, bool(result.value < 1e-3 * result.losses[0])
    (2, True)
    """
    instance("hierarchy", hierarchy, Hierarchy)
    function("objective", objective)
    methods = [optimizer] * len(hierarchy) if isinstance(optimizer, Optimizer) else _methods(optimizer)
    if len(methods) != len(hierarchy):
        raise ValueError(
            f"optimizer must have as many entries as there are levels, {len(hierarchy)}, got {len(methods)}"
        )
    one_of("cycle", cycle, CYCLES)
    full = cycle == "FMG"
    counts = _counts(cycles, len(hierarchy), full)
    settings = Settings(
        scheme=one_of("scheme", scheme, SCHEMES),
        visits=2 if cycle == "W" else 1,
        pre=integer("pre", pre, low=0),
        post=integer("post", post, low=0),
        coarsest=integer("coarsest", coarsest, low=1),
        counted=one_of("unit", unit, ("iterations", "evaluations")) == "evaluations",
        projection=one_of("projection", projection, (*KINDS, "injection")),
        floor=real("gradient_tolerance", gradient_tolerance, low=0.0),
        keep=one_of("keep", keep, ("auto", "last", "best")),
        goal=None if value_tolerance is None else real("value_tolerance", value_tolerance),
    )
    limits = [
        None if limit is None else real(name, limit, positive=True)
        for name, limit in (("work", work), ("seconds", seconds))
    ]
    function("callback", callback, optional=True)
    shows = boolean("progress", progress)
    start = 0 if full else len(hierarchy) - 1
    theta = vector("theta0", theta0, hierarchy[start].network.n_parameters)
    problems = _problems(hierarchy, objective, methods)
    run = _Run(Cycles(hierarchy, problems, methods, settings, Ledger(*limits)), callback)
    return run.carry_out(theta, start, counts, shows)


def _counts(cycles: int | Sequence[int], levels: int, full: bool) -> list[int]:
    """The number of cycles on every level."""
    if not full or not isinstance(cycles, (list, tuple)):
        count = integer("cycles", cycles, low=1)
        return [count if full or index == levels - 1 else 0 for index in range(levels)]
    counts = [integer(f"cycles[{i}]", n, low=0) for i, n in enumerate(sequence("cycles", cycles))]
    if len(counts) != levels:
        raise ValueError(f"cycles must have as many entries as there are levels, {levels}, got {len(counts)}")
    if not any(counts):
        raise ValueError("cycles must allow a cycle on some level")
    return counts


def _problems(hierarchy: Hierarchy, objective: Any, methods: list[Optimizer]) -> list[Any]:
    """The problem of every level."""
    problems = []
    for level, method in zip(hierarchy.levels, methods, strict=True):
        problem = objective(level)
        if isinstance(problem, Restricted):
            raise TypeError("objective(level) must not be Restricted: corrections would leave the subspace")
        method.require("objective(level)", problem)
        problems.append(problem)
    return problems


class _Run:
    """Cycles, level by level."""

    def __init__(self, cycles: Cycles, callback: Callable[[Iterate], object] | None) -> None:
        self.cycles, self.ledger, self.callback = cycles, cycles.ledger, callback
        self.marks: list[tuple[int, int]] = []
        self.first = np.inf

    def carry_out(self, theta: Float64Array, start: int, counts: list[int], shows: bool) -> MultigridResult:
        """Cycles on the levels from `start` on."""
        cycles = self.cycles
        status, bar = Status.ITERATION_LIMIT, _bar(sum(counts[start:])) if shows else None
        try:
            for index in range(start, len(cycles.hierarchy)):
                if index > start:
                    theta = cycles.hierarchy[index].P @ cycles.theta
                if not self._begin(index, theta):
                    if index == start:
                        raise ValueError("loss and gradient at theta0 must be finite")
                    status = Status.NON_FINITE
                    break
                status = self._train(counts[index], bar)
                if status is Status.STOPPED or self.ledger.spent:
                    break
        except Stop as stop:
            status = stop.status
        except KeyboardInterrupt:
            if not self.ledger.rows:
                raise
            status = Status.INTERRUPTED
        finally:
            if bar is not None:
                bar.close()
        return self._result(status)

    def _begin(self, index: int, theta: Float64Array) -> bool:
        """Train level `index` from theta on; False if the loss is not finite there."""
        cycles = self.cycles
        with np.errstate(**QUIET):
            value, gradient = cycles.evaluated(index, cycles.problems[index], theta)
        if not (np.isfinite(value) and finite(gradient)):
            return False
        cycles.top, cycles.best_value, self.first = index, np.inf, value
        cycles.moved(theta, value)
        self.ledger.entry(value, norm(gradient), 0.0)
        return True

    def _train(self, count: int, bar: Any) -> Status:
        """Cycles on the level that is trained."""
        cycles = self.cycles
        for number in range(1, count + 1):
            if self.ledger.spent:
                break
            self.marks.append((cycles.top, len(self.ledger.rows) - 1))
            before = cycles.theta
            cycles.cycle(cycles.top, cycles.problems[cycles.top], before)
            if bar is not None:
                bar.update(1)
                bar.set_postfix(loss=f"{cycles.value:.3e}", refresh=False)
            if self.callback is not None:
                row = self.ledger.rows[-1]
                stop = self.callback(Iterate(number, cycles.theta.copy(), cycles.value, row[1]))
                if stop is not None and boolean("the answer of callback", stop):
                    return Status.STOPPED
            if cycles.converged:
                return Status.CONVERGED
            if np.array_equal(before, cycles.theta) and not self.ledger.spent:
                return Status.STALLED
        return Status.ITERATION_LIMIT

    def _result(self, status: Status) -> MultigridResult:
        cycles = self.cycles
        theta, value, message = cycles.theta, cycles.value, MESSAGES[status]
        keep, last = cycles.settings.keep, len(cycles.hierarchy) - 1
        if status is Status.ITERATION_LIMIT and self.ledger.spent:
            message = "the work or the seconds were used up"
        if cycles.top < last:
            message += f" on level {cycles.top} of 0 to {last}"
        raised = value > self.first
        if raised:
            message += f"; the loss rose from {self.first:.3g} to {value:.3g}"
            message += ", theta is the best iterate" if keep != "last" else ""
        if keep == "best" or status is Status.INTERRUPTED or (keep == "auto" and raised):
            theta, value = cycles.best, cycles.best_value
        model = getattr(cycles.problems[cycles.top], "model", None)
        self.marks.append((cycles.top, len(self.ledger.rows) - 1))
        return MultigridResult(
            theta.copy(),
            cycles.top,
            value,
            status,
            message,
            self.ledger.history(),
            tuple(self.marks),
            tuple(cycles.corrections),
            model(theta.copy()) if callable(model) else None,
        )
