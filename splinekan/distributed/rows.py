"""A check that tables whose rows are paired by position have the same index."""

from __future__ import annotations

from bisect import bisect_left
from itertools import combinations
from typing import Any

from splinekan.distributed.sources import is_collection

REMEDY = (
    "rows are paired by position: bring them into the same order, as by y.loc[X.index], or drop the "
    "indices, as by reset_index(drop=True)"
)


def check_rows(given: dict[str, Any]) -> None:
    """Refuse tables with equal numbers of rows but different indices; `given` maps names to tables.

    Data frames and series of pandas are compared row by row. Those of Dask are not computed: if their
    divisions are known, the first and the last are compared. Arrays have no index.

    Raises
    ------
    ValueError
        With the first row in which they differ.
    """
    for (first, a), (second, b) in combinations(given.items(), 2):
        if _in_memory(a) and _in_memory(b):
            if len(a) == len(b) and not a.index.equals(b.index):
                at = _first(a.index, b.index)
                raise ValueError(
                    f"{first} and {second} must have the same index, got {a.index[at]!r} and "
                    f"{b.index[at]!r} at row {at}; {REMEDY}"
                )
        elif _divided(a) and _divided(b):
            ends = [(each.divisions[0], each.divisions[-1]) for each in (a, b)]
            if ends[0] != ends[1]:
                raise ValueError(
                    f"{first} and {second} must have the same index, got divisions from {ends[0][0]!r} to "
                    f"{ends[0][1]!r} and from {ends[1][0]!r} to {ends[1][1]!r}; {REMEDY}"
                )


def _in_memory(value: Any) -> bool:
    known = hasattr(value, "iloc") and hasattr(getattr(value, "index", None), "equals")
    return known and not is_collection(value)


def _divided(value: Any) -> bool:
    return is_collection(value) and bool(getattr(value, "known_divisions", False))


def _first(a: Any, b: Any) -> int:
    """The first row at which two indices differ."""
    return bisect_left(range(1, len(a)), True, key=lambda n: not a[:n].equals(b[:n]))
