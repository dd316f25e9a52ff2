"""Orders of samples: which rows a batch takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Rows = slice | NDArray[np.int64]
Order = Callable[[int, int], Rows]
"""The rows at the places [start, stop) of an order, increasing."""


def order(n: int, seeds: tuple[int, int] | None, block: int) -> Order:
    """A random order of n rows that depends on the seeds, with blocks kept together; None for 0, 1, 2, ..."""
    if seeds is None:
        return slice
    rng = np.random.default_rng(seeds)
    if block == 1:
        places = rng.permutation(n)
        return lambda start, stop: np.sort(places[start:stop])
    return _of_blocks(rng, n, block)


def _of_blocks(rng: np.random.Generator, n: int, block: int) -> Order:
    """Blocks of consecutive rows, modulo n, from a random row on; one of them shorter unless they fit."""
    shift = int(rng.integers(n))
    blocks = rng.permutation(-(-n // block))
    first = blocks * block
    ends = np.cumsum(np.minimum(first + block, n) - first)

    def rows(start: int, stop: int) -> NDArray[np.int64]:
        places = np.arange(start, stop)
        which = np.searchsorted(ends, places, side="right")
        begin = np.where(which > 0, ends[which - 1], 0)
        return np.sort((first[which] + places - begin + shift) % n)

    return rows
