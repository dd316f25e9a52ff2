"""The samples of a shard, on their worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from splinekan._checks import Array, Float64Array, real_array
from splinekan.distributed.remote import aligned
from splinekan.distributed.sources import Mapped


@dataclass(frozen=True)
class Facts:
    """What is known of targets: the least, the largest, the first, and what the type of x loses of them."""

    least: Float64Array
    most: Float64Array
    first: Float64Array
    lost: Float64Array


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
        Of the targets as they came.
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
    """A shard whose arrays kernels take as they are: what arrives in messages may not be aligned."""
    return Resident(index, start, aligned(x), aligned(y), aligned(weights), facts)


def resident(
    index: int, start: int, x: Any, y: Any, weights: Any, *, dtype: np.dtype[Any], n_out: int
) -> Resident:
    """The samples of a shard, checked: finite, and weights not negative.

    Raises
    ------
    TypeError, ValueError
        Naming the sample by its number among all.
    """
    inputs = _plain("x", x, start, dtype)
    wanted = np.asarray(_plain("y", y, start, None)).reshape(len(inputs), n_out)
    with np.errstate(over="ignore"):
        targets = np.ascontiguousarray(wanted, dtype=dtype)
    lost = np.abs(targets - wanted).max(axis=0).astype(np.float64)
    least, most, first = (
        each.astype(np.float64) for each in (wanted.min(axis=0), wanted.max(axis=0), wanted[0])
    )
    single = weights is None or (isinstance(weights, np.ndarray) and weights.ndim == 0)
    w = weights if single else _plain("weights", weights, start, None)
    if not single and (w < 0).any():
        at = int(np.argmax(w < 0))
        raise ValueError(f"weights must not be negative, got {w[at]} at index {start + at}")
    return Resident(index, start, inputs, targets, w, Facts(least, most, first, lost))


def _plain(name: str, piece: Any, start: int, dtype: np.dtype[Any] | None) -> Array:
    """Rows as a contiguous, writeable array of finite numbers."""
    rows = real_array(name, piece.read(name) if isinstance(piece, Mapped) else piece, finite=False)
    if not np.isfinite(rows).all():
        bad = np.argwhere(~np.isfinite(rows))[0]
        where = (start + int(bad[0]), *(int(i) for i in bad[1:]))
        raise ValueError(f"{name} must be finite, got {rows[tuple(bad)]} at index {where}")
    return np.require(rows, dtype=dtype, requirements=["C", "A", "W"])
