"""Checks of the values that problems return, at every evaluation; they take microseconds for valid values.

Unlike arguments, these values may be NaN or infinite, which indicates a diverging run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, real_array, shown

FLOAT64 = np.dtype(np.float64)


def real_number(name: str, value: Any) -> float:
    """`value` as a float.

    Raises
    ------
    TypeError
        If it is not a real number or an array without axes.
    """
    if isinstance(value, float):  # NumPy's float64 is a subclass
        return float(value)
    if type(value) is np.ndarray and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (Real, np.floating)):
        raise TypeError(f"{name} must be a real number, got {shown(value)}")
    try:
        with np.errstate(over="ignore"):
            return float(value)
    except OverflowError:  # a Python integer or fraction
        below: Any = value < 0
        return -math.inf if below else math.inf


def reals(name: str, value: Any, shape: tuple[int | None, ...]) -> Float64Array:
    """`value` as a float64 array of `shape` (None for a free axis), copied only if necessary.

    Raises
    ------
    TypeError, ValueError
        As in `real_array`.
    """
    if type(value) is np.ndarray and value.dtype == FLOAT64 and _fits(value.shape, shape):
        return value
    return real_array(name, value, shape=shape, finite=False).astype(np.float64)


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return shape == wanted or (
        len(shape) == len(wanted) and all(w is None or w == n for n, w in zip(shape, wanted, strict=True))
    )


def finite(v: Float64Array) -> bool:
    """Whether every entry of a vector is finite."""
    return bool(np.isfinite(v).all())


def parts(name: str, answer: Any, count: int) -> tuple[Any, ...]:
    """The entries of a tuple.

    Raises
    ------
    TypeError
        If it is not a tuple or list of `count` entries.
    """
    if not isinstance(answer, (tuple, list)) or len(answer) != count:
        raise TypeError(f"{name} must be a tuple of {count} entries, got {shown(answer)}")
    return tuple(answer)


def require(name: str, value: Any, methods: Sequence[str]) -> None:
    """Refuse an object that lacks one of the methods.

    Raises
    ------
    TypeError
        With the names of the missing methods.
    """
    missing = [method for method in methods if not callable(getattr(value, method, None))]
    if missing:
        raise TypeError(f"{name} must have the methods {', '.join(missing)}, which {shown(value)} lacks")
