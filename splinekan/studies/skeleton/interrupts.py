"""Interrupts: an optimiser returns its last iterate, which a study must not mistake for the end of a run."""

from __future__ import annotations

from typing import Protocol, TypeVar

from splinekan.optimize import Status


class _Ended(Protocol):
    @property
    def status(self) -> Status: ...


Ended = TypeVar("Ended", bound=_Ended)


def whole(result: Ended) -> Ended:
    """The result, unless the run was interrupted from the keyboard.

    Raises
    ------
    KeyboardInterrupt
        Again, if the optimiser caught it.
    """
    if result.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return result
