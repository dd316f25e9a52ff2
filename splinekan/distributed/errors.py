"""What can go wrong away from this process."""

from __future__ import annotations

from typing import Any


class SchedulerLost(ConnectionError):
    """The scheduler of a cluster does not answer any more.

    Attributes
    ----------
    result
        What was reached before, where a run was interrupted: the best iterate as a `Result` of the optimiser,
        or a `NestedResult` of all levels so far; None otherwise.
    """

    result: Any = None


class WorkersLost(RuntimeError):
    """Workers died again and again, or none is left."""


class IncompleteSum(RuntimeError):
    """A sum lacks samples, or has some twice."""
