"""What can go wrong away from this process."""

from __future__ import annotations

from typing import Any


class ClusterLost(Exception):
    """A cluster on which a sum cannot be computed any more.

    Attributes
    ----------
    result
        What was reached before: the best iterate of an interrupted run as a `Result`, in nested iteration a
        `NestedResult` of all levels so far, in `fit` the best model so far; None if there is nothing.
    """

    result: Any = None


class SchedulerLost(ClusterLost, ConnectionError):
    """The scheduler of a cluster does not answer any more."""


class WorkersLost(ClusterLost, RuntimeError):
    """Workers died again and again, or none is left."""


class IncompleteSum(RuntimeError):
    """A sum lacks samples, or has some twice."""
