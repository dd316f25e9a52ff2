"""The result of an optimiser, with its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, instance, real, same_length, sequence, vector


class Status(str, Enum):
    """The reason why an optimiser stopped."""

    CONVERGED = "converged"
    ITERATION_LIMIT = "iteration_limit"
    STALLED = "stalled"
    LINE_SEARCH_FAILED = "line_search_failed"
    NON_FINITE = "non_finite"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"


MESSAGES = {
    Status.CONVERGED: "a tolerance was met",
    Status.ITERATION_LIMIT: "all iterations (or evaluations) were done",
    Status.STALLED: "no step lowers the loss",
    Status.LINE_SEARCH_FAILED: "the line search found no acceptable step",
    Status.NON_FINITE: "loss or gradient became infinite or NaN; theta is an earlier, finite iterate",
    Status.INTERRUPTED: "interrupted from the keyboard; theta is the best so far",
    Status.STOPPED: "the callback asked to stop",
}


@dataclass(frozen=True, eq=False)
class History:
    """Columns with an entry per iteration, the start first.

    Attributes
    ----------
    loss
        The problem's value.
    gradient_norm
        2-norm of the gradient in the coordinates of the iteration.
    step
        2-norm of the step in these coordinates; 0 at the start.
    evaluations, work
        Cumulative numbers of evaluations of value (with or without gradient or Jacobian), and their products
        with the problem's cost.
    seconds
        Cumulative wall time.
    """

    loss: Float64Array
    gradient_norm: Float64Array
    step: Float64Array
    evaluations: Float64Array
    work: Float64Array
    seconds: Float64Array

    def __post_init__(self) -> None:
        columns: dict[str, Any] = {
            column.name: vector(column.name, getattr(self, column.name), finite=False)
            for column in fields(History)
        }
        same_length(**columns)
        if not len(self.loss):
            raise ValueError("loss must not be empty: a history holds at least the start")
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    @staticmethod
    def join(parts: Sequence[History]) -> History:
        """Histories joined in order; cumulative columns continue from the end of the previous part.

        Raises
        ------
        TypeError, ValueError
            If `parts` is empty or holds anything but histories.
        """
        parts = [instance(f"parts[{i}]", part, History) for i, part in enumerate(sequence("parts", parts))]
        columns = {}
        for column in fields(History):
            arrays = [getattr(part, column.name) for part in parts]
            if column.name in ("evaluations", "work", "seconds"):
                ends = np.cumsum([0.0] + [array[-1] for array in arrays[:-1]])
                arrays = [array + end for array, end in zip(arrays, ends, strict=True)]
            columns[column.name] = np.concatenate(arrays)
        return History(**columns)

    def ending_at(self, evaluations: float, work: float, seconds: float) -> History:
        """The history with cumulative columns shifted to end at these totals, earlier work included."""
        columns = {column.name: getattr(self, column.name) for column in fields(History)}
        for name, end in (("evaluations", evaluations), ("work", work), ("seconds", seconds)):
            columns[name] = columns[name] + (real(name, end) - columns[name][-1])
        return History(**columns)


@dataclass(frozen=True, eq=False)
class Result:
    """The end of a minimisation.

    Attributes
    ----------
    theta
        The parameters, in the problem's native coordinates.
    value
        The loss at theta.
    status, message
        The reason why it stopped.
    history
        An entry per iteration, the start first.
    model
        The problem's model at theta (`splinekan.Model`), None for a problem without a network.
    """

    theta: Float64Array = field(repr=False)
    value: float
    status: Status
    message: str
    history: History = field(repr=False)
    model: Any = field(default=None, repr=False)

    @property
    def success(self) -> bool:
        """Whether the iteration ended by itself: a tolerance was met, or no step lowers the loss."""
        return self.status in (Status.CONVERGED, Status.STALLED)

    @property
    def nit(self) -> int:
        """The number of iterations done."""
        return len(self.history.loss) - 1
