"""Batches of samples from arrays in memory or on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import (
    MAX_INTEGER,
    Array,
    boolean,
    function,
    integer,
    real_array,
    shown,
    stored_array,
)
from splinekan.stochastic.order import Rows, order

Samples = tuple[Array, Array] | tuple[Array, Array, Array]
Transform = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Batches:
    """The samples of arrays in batches, each sample once per epoch.

    Arrays may be memory-mapped, by `numpy.load(path, mmap_mode="r")` or `numpy.memmap`: only the rows of a
    batch are read, in increasing order, when the batch is needed. The order of the samples depends only on
    the seed and on the number of the epoch, so that a run can be repeated and resumed. Iteration yields the
    batches of epoch 0, as tuples (x, y), or (x, y, weights) with weights.

    Parameters
    ----------
    x
        (n, any), or any input of `transform`. Real numbers of any type; all types but float32 are converted
        to float64, integers included.
    y
        (n, n_out), or (n,) for one output, or any input of `target_transform`.
    weights
        w, (n,), not negative; None for 1.
    size
        Samples per batch. The last batch of an epoch may be smaller.
    shuffle
        Whether every epoch has a random order of its own. If not, batches are slices.
    seed
        An integer of at least 0.
    drop_last
        Whether to leave out a last batch of fewer than `size` samples. With `shuffle` these are different
        samples in every epoch.
    block
        Number of rows that stay together in the shuffle, in blocks that begin at a different row in every
        epoch. A batch then reads size/block pieces of the file, which pays off if rows are much shorter than
        the 4096 bytes of a disk page and the data are not sorted. The order of the samples takes 8 n/block
        bytes.
    transform, target_transform
        Functions of the entries of x and of y that belong to a batch, such as `lambda x: x / 255`. They
        receive read-only arrays in the stored type and return arrays with as many rows.

    Raises
    ------
    TypeError, ValueError
        For arrays of different lengths or without samples, arguments that are not as described, or if every
        batch would be left out. Iteration raises them for entries that are not finite and for negative
        weights, with their row, and for a transform that changes the number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.arange(10, dtype=np.uint8)[:, None]
    >>> batches = Batches(pixels, np.arange(10.0), size=4, transform=lambda x: np.float32(x) / 255)
    >>> [len(x) for x, y in batches], len(batches), batches.n_samples
    ([4, 4, 2], 3, 10)
    >>> [y.tolist() for x, y in batches.epoch(1)] == [y.tolist() for x, y in batches.epoch(2)]
    False
    """

    x: Any = field(repr=False)
    y: Any = field(repr=False)
    weights: Any = field(default=None, repr=False)
    size: int = 256
    shuffle: bool = True
    seed: int = 0
    drop_last: bool = False
    block: int = 1
    transform: Transform | None = None
    target_transform: Transform | None = None

    def __post_init__(self) -> None:
        x, y = _stored("x", self.x), _stored("y", self.y)
        w = None if self.weights is None else _stored("weights", self.weights)
        if len(x) != len(y):
            raise ValueError(f"y must have as many rows as x, {len(x)}, got {len(y)}")
        if not len(x):
            raise ValueError(f"x must not be empty, got shape {x.shape}")
        if w is not None and w.shape != (len(x),):
            raise ValueError(f"weights must be None or have shape ({len(x)},), got {w.shape}")
        checked: dict[str, Any] = {
            "x": x,
            "y": y,
            "weights": w,
            "size": integer("size", self.size, low=1),
            "shuffle": boolean("shuffle", self.shuffle),
            "seed": integer("seed", self.seed, low=0),
            "drop_last": boolean("drop_last", self.drop_last),
            "block": integer("block", self.block, low=1),
            "transform": function("transform", self.transform, optional=True),
            "target_transform": function("target_transform", self.target_transform, optional=True),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if not len(self):
            raise ValueError(f"size must be at most the number of samples, {len(x)}, with drop_last")

    @property
    def n_samples(self) -> int:
        """The number of samples n."""
        return len(self.x)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return self.n_samples // self.size if self.drop_last else -(-self.n_samples // self.size)

    def __iter__(self) -> Iterator[Samples]:
        """The batches of epoch 0."""
        return self.epoch(0)

    def epoch(self, number: int, start: int = 0) -> Iterator[Samples]:
        """The batches of epoch `number`, counted from 0, from batch `start` on."""
        epoch = integer("number", number, low=0)
        first = integer("start", start, low=0, high=MAX_INTEGER)
        rows = order(self.n_samples, (self.seed, epoch) if self.shuffle else None, self.block)

        def batches() -> Iterator[Samples]:
            for i in range(first, len(self)):
                yield self._batch(rows(i * self.size, min((i + 1) * self.size, self.n_samples)))

        return batches()

    def _batch(self, rows: Rows) -> Samples:
        x = _entries("x", self.x, rows, self.transform)
        y = _entries("y", self.y, rows, self.target_transform)
        if self.weights is None:
            return x, y
        w = _entries("weights", self.weights, rows, None)
        if (w < 0).any():
            at = int(np.flatnonzero(w < 0)[0])
            raise ValueError(f"weights must not be negative, got {w[at]} at row {_row(rows, at)}")
        return x, y, w


def _stored(name: str, value: Any) -> NDArray[Any]:
    array = stored_array(name, value)
    if not array.ndim:
        raise ValueError(f"{name} must have rows, got {shown(value)}")
    return array


def _entries(name: str, array: NDArray[Any], rows: Rows, transform: Transform | None) -> Array:
    """Rows of an array, transformed: finite float64 or float32."""
    taken = array[rows]
    if transform is not None:
        taken.flags.writeable = False  # slices are the user's own memory
        given, name = len(taken), "target_transform(y)" if name == "y" else f"transform({name})"
        taken = transform(taken)
    entries = real_array(name, taken, finite=False)
    if transform is not None and (not entries.ndim or len(entries) != given):
        raise ValueError(f"{name} must have as many rows as its argument, {given}, got shape {entries.shape}")
    finite = np.isfinite(entries)
    if not finite.all():
        at = tuple(int(i) for i in np.argwhere(~finite)[0])
        where = f"row {_row(rows, at[0])}" + "".join(f", column {i}" for i in at[1:])
        raise ValueError(f"{name} must be finite, got {entries[at]} at {where}")
    return entries


def _row(rows: Rows, at: int) -> int:
    return rows.start + at if isinstance(rows, slice) else int(rows[at])
