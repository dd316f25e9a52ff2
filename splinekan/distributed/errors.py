"""What can go wrong away from this process."""

from __future__ import annotations

from typing import Any


class ClusterError(Exception):
    """A cluster on which a sum cannot be computed any more.

    Attributes
    ----------
    result
        What was reached before: the best iterate of an interrupted run as a `Result`, in nested iteration a
        `NestedResult` of all levels so far, in `fit` the best model so far; None if there is nothing.
    """

    result: Any = None

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.result is None else f"{message}; `result` of this error is what was reached"


class SchedulerLostError(ClusterError, ConnectionError):
    """The scheduler of a cluster does not answer any more."""


class WorkersLostError(ClusterError, RuntimeError):
    """Workers died again and again, or none is left."""


class IncompleteSumError(RuntimeError):
    """A sum lacks samples, or has some twice."""
