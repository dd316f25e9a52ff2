"""Coercion of arguments: every message says what was given and what is accepted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]
Float64Array = NDArray[np.float64]

MAX_DEGREE = 7


def real_array(
    name: str,
    value: ArrayLike,
    *,
    ndim: int | None = None,
    shape: tuple[int | None, ...] | None = None,
    finite: bool = True,
    empty: bool = True,
) -> Array:
    """`value` as a C-contiguous float64 array (float32 stays float32).

    Parameters
    ----------
    name
        What messages call the argument.
    value
        Anything NumPy reads as real numbers; integers and booleans become float64.
    ndim, shape
        Required number of axes, or required shape (None for a free axis).
    finite
        Refuse NaN and infinities.
    empty
        Whether an array without elements is accepted.

    Raises
    ------
    TypeError
        For complex, text or object data.
    ValueError
        For a wrong shape, a non-finite or (if `empty` is false) no element.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of real numbers: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of real numbers, got dtype {array.dtype}")
    dtype = array.dtype if array.dtype == np.float32 else np.dtype(np.float64)
    result: Array = np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)
    if ndim is not None and result.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes, got shape {result.shape}")
    if shape is not None and (
        len(shape) != result.ndim
        or any(want is not None and want != n for want, n in zip(shape, result.shape, strict=True))
    ):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise ValueError(f"{name} must have shape {wanted}, got {result.shape}")
    if not empty and result.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {result.shape}")
    if finite and not np.isfinite(result).all():
        bad = np.argwhere(~np.isfinite(result))[0]
        where = "" if result.ndim == 0 else f" at index {tuple(int(i) for i in bad)}"
        raise ValueError(f"{name} must be finite, got {result[tuple(bad)]}{where}")
    return result


def integer(name: str, value: Any, *, low: int | None = None, high: int | None = None) -> int:
    """`value` as an int in [low, high].

    Raises
    ------
    TypeError
        If it is no integer (booleans and floats are refused).
    ValueError
        If it lies outside the bounds.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    result = int(value)
    if (low is not None and result < low) or (high is not None and result > high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {bounds}, got {result}")
    return result


def spline_degree(value: Any) -> int:
    """A polynomial degree between 0 and 7."""
    return integer("degree", value, low=0, high=MAX_DEGREE)


def real(
    name: str,
    value: Any,
    *,
    positive: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> float:
    """`value` as a finite float, positive or within [low, high] if asked.

    Raises
    ------
    TypeError
        If it is not a real number.
    ValueError
        If it is not finite or outside the bounds.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    result = float(value)
    if not np.isfinite(result):
        raise ValueError(f"{name} must be finite, got {result}")
    if positive and result <= 0:
        raise ValueError(f"{name} must be positive, got {result}")
    if (low is not None and result < low) or (high is not None and result > high):
        raise ValueError(f"{name} must be in [{low}, {high}], got {result}")
    return result


def one_of(name: str, value: Any, accepted: Iterable[str]) -> str:
    """`value` if it is among `accepted`.

    Raises
    ------
    ValueError
        Naming the value and what is accepted.
    """
    choices = list(accepted)
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return str(value)
