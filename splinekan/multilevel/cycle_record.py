"""The record of a multigrid run: its cost, the history on the level that is trained, the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from splinekan._checks import Float64Array
from splinekan.optimize import History, Result, Status


class Correction(NamedTuple):
    """A coarse correction theta + step P (v - v0).

    Attributes
    ----------
    level
        The level of theta; v belongs to the level below.
    slope
        g.P (v - v0), g the gradient at theta: negative for a descent direction.
    step
        The accepted step, 0 if the correction was rejected.
    before, after
        The value at theta, and after the accepted step.
    """

    level: int
    slope: float
    step: float
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class MultigridResult:
    """The end of a multigrid run.

    Attributes
    ----------
    theta
        The parameters on level `level`.
    level
        The last level trained: the finest, unless full multigrid stopped earlier.
    value, status, message
        The loss, and the reason why the run stopped.
    history
        Losses on the level that is trained; evaluations, work and seconds on all levels.
    marks
        (level, entry of the history at which a cycle begins), and a final pair for the end.
    corrections
        All coarse corrections, in order.
    model
        The network of level `level` with theta, None for problems without a network.
    """

    theta: Float64Array = field(repr=False)
    level: int
    value: float
    status: Status
    message: str
    history: History = field(repr=False)
    marks: tuple[tuple[int, int], ...] = field(repr=False)
    corrections: tuple[Correction, ...] = field(repr=False)
    model: Any = field(default=None, repr=False)

    @property
    def success(self) -> bool:
        """Whether the run ended by itself, see `Result.success`."""
        return self.status in (Status.CONVERGED, Status.STALLED)

    @property
    def nit(self) -> int:
        """The number of cycles begun."""
        return len(self.marks) - 1

    @property
    def losses(self) -> Float64Array:
        """The loss before the first cycle and after each, (nit + 1,)."""
        return self.history.loss[[entry for _, entry in self.marks]]


class Ledger:
    """Evaluations, work and seconds of all levels; rows of the history of the level that is trained."""

    def __init__(self, work: float | None, seconds: float | None) -> None:
        self._limits = np.inf if work is None else work, np.inf if seconds is None else seconds
        self._began = perf_counter()
        self.evaluations, self.work = 0.0, 0.0
        self.rows: list[tuple[float, ...]] = []

    @property
    def seconds(self) -> float:
        """Seconds elapsed so far."""
        return perf_counter() - self._began

    @property
    def late(self) -> bool:
        """Whether the time limit has been reached."""
        return self.seconds >= self._limits[1]

    @property
    def spent(self) -> bool:
        """Whether the budget is exhausted."""
        return self.work >= self._limits[0] or self.late

    def affordable(self, cost: float) -> int | None:
        """The number of evaluations that the remaining work allows, at least 1; None without a limit."""
        if not np.isfinite(self._limits[0]) or cost <= 0:
            return None
        return max(ceil(min((self._limits[0] - self.work) / cost, 2.0**53)), 1)

    def evaluated(self, cost: float) -> None:
        """Count an evaluation outside of the optimisers."""
        self.evaluations += 1
        self.work += cost

    def ran(self, result: Result, recorded: bool) -> None:
        """Count a run of an optimiser that has just ended; if `recorded`, add it to the history."""
        history = result.history
        began = self.seconds - history.seconds[-1]
        if recorded:
            for at in range(1, len(history.loss)):
                self.rows.append(
                    (
                        history.loss[at],
                        history.gradient_norm[at],
                        history.step[at],
                        self.evaluations + history.evaluations[at],
                        self.work + history.work[at],
                        began + history.seconds[at],
                    )
                )
        self.evaluations += history.evaluations[-1]
        self.work += history.work[-1]

    def entry(self, value: float, gradient_norm: float, step: float) -> None:
        """A row at a point outside of the optimisers."""
        self.rows.append((value, gradient_norm, step, self.evaluations, self.work, self.seconds))

    def history(self) -> History:
        """The columns; the cost since the last row is added to that row."""
        columns = np.array(self.rows).T
        columns[3:, -1] = self.evaluations, self.work, self.seconds
        return History(*columns)
