"""The samples of a shard, on their worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from splinekan._checks import Array, Float64Array, real_array
from splinekan.distributed.remote import aligned
from splinekan.distributed.sources import Mapped


class Fault(NamedTuple):
    """An invalid number: the reason (x, y or weights not finite, negative weights) and its position.

    Faults are ordered as samples are checked, by the number of the sample among all samples.
    """

    why: int
    at: tuple[int, ...]
    value: float

    def message(self, labels: dict[str, tuple[str, ...] | None]) -> str:
        """The error message, with the name of the column if there are names."""
        name, rule = FAULTS[self.why]
        columns, where = labels.get(name), str(self.at if rule == "be finite" else self.at[0])
        if columns is not None:
            name, where = columns[self.at[1] if len(self.at) == 2 else 0], str(self.at[0])
        return f"{name} must {rule}, got {self.value} at index {where}"


FAULTS = (
    ("x", "be finite"),
    ("y", "be finite"),
    ("weights", "be finite"),
    ("weights", "not be negative"),
)


@dataclass(frozen=True)
class Facts:
    """Facts about targets: the least, the largest, the first, and their rounding in the type of x.

    Attributes
    ----------
    fault
        The first of the samples.
    """

    least: Float64Array
    most: Float64Array
    first: Float64Array
    lost: Float64Array
    fault: Fault | None


@dataclass(frozen=True, eq=False)
class Resident:
    """The samples of a shard, on their worker: x, y and weights in the type of x.

    Attributes
    ----------
    index, start
        The number of the shard, and of its first sample.
    x, y
        (n, n_in), (n, n_out).
    weights
        (n,), a number for all, or None.
    facts
        Facts about the targets as they were given.
    """

    index: int
    start: int
    x: Array
    y: Array
    weights: Array | None
    facts: Facts

    def __reduce__(self) -> Any:
        return _arrived, (self.index, self.start, self.x, self.y, self.weights, self.facts)

    def __sizeof__(self) -> int:
        return self.x.nbytes + self.y.nbytes + (0 if self.weights is None else self.weights.nbytes)


def _arrived(index: int, start: int, x: Array, y: Array, weights: Array | None, facts: Facts) -> Resident:
    """A shard with aligned arrays, which kernels require; arrays in messages may not be aligned."""
    return Resident(index, start, aligned(x), aligned(y), aligned(weights), facts)


def resident(
    index: int, start: int, x: Any, y: Any, weights: Any, *, dtype: np.dtype[Any], n_out: int
) -> Resident:
    """The samples of a shard, with their faults: numbers that are not finite, negative weights.

    Raises
    ------
    TypeError, ValueError
        For arrays that do not hold numbers.
    """
    inputs, fault = _plain(0, x, start, dtype)
    found, other = _plain(1, y, start, None)
    fault, wanted = fault or other, found.reshape(len(inputs), n_out)
    with np.errstate(over="ignore", invalid="ignore"):
        targets = np.ascontiguousarray(wanted, dtype=dtype)
        lost = np.abs(targets - wanted).max(axis=0).astype(np.float64)
    least, most, first = (
        each.astype(np.float64) for each in (wanted.min(axis=0), wanted.max(axis=0), wanted[0])
    )
    w = weights
    if weights is not None and not (isinstance(weights, np.ndarray) and weights.ndim == 0):
        w, other = _plain(2, weights, start, None)
        fault = fault or other or _first(3, w < 0, w, start)
    return Resident(index, start, inputs, targets, w, Facts(least, most, first, lost, fault))


def sound(shard: Resident) -> None:
    """Refuse a shard with a fault, which reloaded rows may have.

    Raises
    ------
    ValueError
        With the number of the sample among all samples.
    """
    if shard.facts.fault is not None:
        raise ValueError(shard.facts.fault.message({}))


def _plain(why: int, piece: Any, start: int, dtype: np.dtype[Any] | None) -> tuple[Array, Fault | None]:
    """Rows as a contiguous, writeable array, with the first fault."""
    name = FAULTS[why][0]
    rows = real_array(name, piece.read(name) if isinstance(piece, Mapped) else piece, finite=False)
    fault = _first(why, ~np.isfinite(rows), rows, start)
    return np.require(rows, dtype=dtype, requirements=["C", "A", "W"]), fault


def _first(why: int, bad: Any, rows: Array, start: int) -> Fault | None:
    if not bad.any():
        return None
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    return Fault(why, (start + at[0], *at[1:]), float(rows[at]))
