"""Errors of sums on a cluster."""

from __future__ import annotations

from typing import Any


class ClusterError(Exception):
    """A sum can no longer be computed on a cluster.

    Attributes
    ----------
    result
        The result so far: the best iterate of an interrupted run as a `Result`, in nested iteration the
        `NestedResult` of all levels so far, in `fit` the best model so far; None if there is no result.
    """

    result: Any = None

    def __str__(self) -> str:
        message = super().__str__()
        return (
            message if self.result is None else f"{message}; `result` of this error holds the result so far"
        )


class SchedulerLostError(ClusterError, ConnectionError):
    """The scheduler of a cluster no longer responds."""


class WorkersLostError(ClusterError, RuntimeError):
    """Workers died repeatedly, or no worker is left."""


class IncompleteSumError(RuntimeError):
    """A sum lacks samples, or counts samples twice."""
