"""Tables: columns of numbers with their names, from arrays and from data frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Array, instance, real_array, sequence, shown

Names = tuple[str, ...]


def framed(value: Any) -> bool:
    """Whether `value` is a data frame: it has named columns, as in pandas."""
    return not isinstance(value, np.ndarray) and hasattr(value, "columns") and hasattr(value, "iloc")


def table(name: str, value: Any, expected: Names | None = None, *, n_columns: int | None = None) -> Array:
    """The numbers of an array or a data frame, (n, columns).

    The columns of a data frame are selected by the names in `expected`, in that order; further columns are
    left out. Without `expected`, or if no label is text, all columns are taken in order. Arrays have no
    names: their columns are taken in order.

    Raises
    ------
    TypeError, ValueError
        For columns that are missing or not numeric, and for numbers that are not finite, by name and row; for
        arrays as `real_array`.
    """
    if not framed(value):
        return real_array(name, value, shape=(None, n_columns))
    if expected is not None and any(isinstance(label, str) for label in value.columns):
        missing = [label for label in expected if label not in value.columns]
        if missing:
            raise ValueError(f"{name} lacks the columns {', '.join(map(repr, missing))} of {list(expected)}")
        value = value[list(expected)]
    labels = _labels(name, value)
    if n_columns is not None and len(labels) != n_columns:
        raise ValueError(f"{name} must have {n_columns} columns, got {len(labels)}: {shown(labels)}")
    return np.column_stack(
        [_numbers(f"{name}[{label!r}]", value.iloc[:, p]) for p, label in enumerate(labels)]
    )


def names_of(value: Any) -> Names | None:
    """The names of the columns of a data frame or a series; None for arrays and labels other than text."""
    if framed(value):
        labels = list(value.columns)
        return tuple(labels) if labels and all(isinstance(label, str) for label in labels) else None
    label = getattr(value, "name", None)
    return (label,) if hasattr(value, "iloc") and isinstance(label, str) else None


def numbers(name: str, value: Any) -> Array:
    """The numbers of an array of any shape, of a data frame (n, columns) or of a series (n,).

    Raises
    ------
    TypeError, ValueError
        As `table`, and as `real_array`.
    """
    if framed(value):
        return table(name, value) if len(value.columns) else real_array(name, value)
    if hasattr(value, "iloc") and hasattr(value, "dtype"):
        return _numbers(name, value)
    return real_array(name, value)


def check_columns(name: str, value: Any) -> None:
    """Refuse columns of a data frame or a series that are not real numbers, by name; Dask's too.

    Categories are refused even if they are numbers, because their order and distances may be meaningless.

    Raises
    ------
    TypeError, ValueError
        For such a column, which the message names; for names that occur twice.
    """
    if value.ndim == 1:
        _check_kind(name, value.dtype)
        return
    for label, dtype in zip(_labels(name, value), value.dtypes, strict=True):
        _check_kind(f"{name}[{label!r}]", dtype)


def checked_names(name: str, value: Any, count: int) -> Names:
    """`value` as `count` distinct names.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    names = tuple(instance(f"{name}[{i}]", each, str) for i, each in enumerate(sequence(name, value)))
    if len(names) != count:
        raise ValueError(f"{name} must hold {count} names, got {len(names)}: {shown(names)}")
    if len(set(names)) < count:
        twice = next(each for each in names if names.count(each) > 1)
        raise ValueError(f"{name} must be different from each other, got {twice!r} twice")
    return names


def numbered(letter: str, count: int) -> Names:
    """letter1, letter2, ...; the letter alone for a single name."""
    return (letter,) if count == 1 else tuple(f"{letter}{i}" for i in range(1, count + 1))


def _labels(name: str, value: Any) -> list[str]:
    labels = [str(label) for label in value.columns]
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"{name} must have columns of different names, got {twice!r} twice")
    return labels


def _check_kind(name: str, dtype: Any) -> None:
    if getattr(dtype, "kind", "O") not in "fiub":
        raise TypeError(f"{name} must be a column of real numbers, got dtype {dtype}")


def _numbers(name: str, column: Any) -> Array:
    dtype = getattr(column, "dtype", None)
    _check_kind(name, dtype)
    try:
        numbers = np.asarray(column, dtype=np.float32 if dtype == np.float32 else np.float64)
    except (TypeError, ValueError):  # a missing value of pandas' own types
        bad = int(np.flatnonzero(np.asarray(column.isna()))[0])
        raise ValueError(f"{name} must be finite, got a missing value at row {bad}") from None
    return real_array(name, numbers, ndim=1)
