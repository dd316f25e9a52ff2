"""Sources of batches: `Batches`, or any iterable or function of the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from splinekan._checks import real_array, shown
from splinekan.stochastic.batches import Batches, Samples

ACCEPTED = "splinekan.Batches, a list of batches (x, y), or a function that returns an iterator over them"


@dataclass(frozen=True)
class Source:
    """Batches by epoch.

    `epoch(number, start)` yields the batches of an epoch from batch `start` on. `once` means that there is a
    single epoch. `length` is the number of batches per epoch, None if it is unknown.
    """

    epoch: Callable[[int, int], Iterator[Samples]]
    once: bool
    length: int | None


def source(batches: Any) -> Source:
    """The source of a user's batches.

    Raises
    ------
    TypeError
        For anything that is neither iterable nor a function.
    """
    if isinstance(batches, Batches):
        return Source(batches.epoch, False, len(batches))
    if isinstance(batches, (str, bytes, dict, set, frozenset, np.ndarray)):
        raise TypeError(f"batches must be {ACCEPTED}, got {shown(batches)}")
    if hasattr(batches, "__iter__"):
        once = hasattr(batches, "__next__")
        length = len(batches) if hasattr(batches, "__len__") else None
        return Source(_numbered(lambda: batches), once, length)
    if callable(batches):
        return Source(_numbered(batches), False, None)
    raise TypeError(f"batches must be {ACCEPTED}, got {shown(batches)}")


def _numbered(fresh: Callable[[], Iterable[Any]]) -> Callable[[int, int], Iterator[Samples]]:
    def epoch(number: int, start: int) -> Iterator[Samples]:
        found = fresh()
        if not hasattr(found, "__iter__"):
            raise TypeError(f"batches() must return an iterator over batches, got {shown(found)}")
        for i, batch in enumerate(found):
            if i >= start:
                yield _checked(f"batch {i} of epoch {number}", batch)

    return epoch


def _checked(name: str, batch: Any) -> Samples:
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise TypeError(f"{name} of batches must be (x, y) or (x, y, weights), got {shown(batch)}")
    x, y, *rest = (
        real_array(f"{what} of {name} of batches", value)
        for what, value in zip(("x", "y", "weights"), batch, strict=False)
    )
    return (x, y, *rest)  # type: ignore[return-value]
