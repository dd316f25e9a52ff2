"""Arrays on their way to kernels, and records that are made without checks.

Kernels do not check bounds: every array that a layer or an operator hands to one has passed `floats` or
`points`, which take a fraction of a microsecond if nothing is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Array, Float64Array, Kind, real_array, shown

F4, F8 = np.dtype(np.float32), np.dtype(np.float64)

quiet = np.errstate(over="ignore", invalid="ignore")
"""A context in which values that leave the range of their type become infinite or NaN without a warning."""


def trusted(cls: type[Kind], **fields: Any) -> Kind:
    """A frozen record of `fields` without the checks of its constructor, for fields known to be valid."""
    record = object.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(record, name, value)
    return record


def floats(name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """`value` as a C-contiguous array of that shape and type, in a fraction of a microsecond if it is one.

    Every array that a layer hands to a kernel has passed here or through `points`: kernels do not check
    bounds. Values are not checked; those beyond float32 become infinite in float32.

    Raises
    ------
    TypeError, ValueError
        As `real_array`, naming the argument.
    """
    if (
        type(value) is np.ndarray
        and value.dtype == dtype
        and value.shape == shape
        and value.flags.c_contiguous
    ):
        return value
    array = real_array(name, value, shape=shape, finite=False)
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def points(name: str, value: Any, *columns: int) -> Array:
    """`value` as a C-contiguous float64 or float32 array (any, *columns); otherwise as `floats`."""
    if (
        type(value) is np.ndarray
        and (value.dtype == F8 or value.dtype == F4)
        and value.shape[1:] == columns
        and value.ndim
        and value.flags.c_contiguous
    ):
        return value
    return real_array(name, value, shape=(None, *columns), finite=False)


def viewable(name: str, value: Array, size: int) -> Array:
    """`value`, if views of it share its memory.

    Raises
    ------
    TypeError, ValueError
        For anything but a contiguous float64 or float32 array (size,).
    """
    if type(value) is not np.ndarray or value.dtype not in (F8, F4):
        raise TypeError(f"views share memory: {name} must be a float64 array, got {shown(value)}")
    if value.shape != (size,):
        raise ValueError(f"{name} must have shape ({size},), got {value.shape}")
    if not value.flags.c_contiguous:
        raise ValueError(f"views share memory: {name} must be contiguous, got strides {value.strides}")
    return value


def writeable(name: str, value: Any, shape: tuple[int, ...]) -> Float64Array:
    """`value` if it can be added to in place: a writeable C-contiguous float64 array of that shape.

    Raises
    ------
    TypeError, ValueError
        For anything else; the message gives the requirements.
    """
    plain = type(value) is np.ndarray and value.dtype == F8
    if not plain or not (value.flags.c_contiguous and value.flags.writeable):
        raise TypeError(f"{name} must be a writeable C-contiguous float64 array, got {shown(value)}")
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
    array: Float64Array = value
    return array


def operand(name: str, value: ArrayLike, size: int) -> Float64Array:
    """A copy of `value`, (size,) or (size, any), in float64.

    Raises
    ------
    TypeError, ValueError
        For other shapes; the message gives those accepted.
    """
    array = real_array(name, value, finite=False)
    if array.ndim not in (1, 2) or array.shape[0] != size:
        raise ValueError(f"{name} must have shape ({size},) or ({size}, any), got {array.shape}")
    return np.array(array, dtype=np.float64)
