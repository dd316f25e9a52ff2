"""Coercion of arguments: every message names the argument, what was given and what is accepted.

Each function returns the value to use. The argument may be a NumPy scalar that overflows or wraps around, or
an array in another byte order; the returned value is a plain Python number or a plain array.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]
Float64Array = NDArray[np.float64]
Kind = TypeVar("Kind")

MAX_DEGREE = 9
LARGEST = 1e300
"""Bound on the modulus of points on an axis, so that their sums and differences do not overflow."""
MAX_INTEGER = 2**62
"""Bound on integers, which are sizes, counts and indices: beyond it NumPy wraps around or fails."""

NOT_NUMBERS = (bool, np.bool_, np.timedelta64)
"""Types that Python or NumPy derives from integers but that are not numbers."""
PLAIN_ARRAYS = (np.ndarray, np.memmap, np.matrix)
"""Array types that hold nothing but their entries. A matrix is read as an array (rows, columns)."""


def shown(value: Any) -> str:
    """The representation of `value`, shortened to fit a message."""
    try:
        text = reprlib.repr(value)
    except Exception:
        text = f"an object of type {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."


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
        Name of the argument in messages.
    value
        Anything NumPy reads as real numbers; integers and booleans become float64. Memory-mapped arrays,
        `numpy.matrix` and objects with `__array__` (a pandas Series, say) are read as plain arrays.
    ndim, shape
        Required number of axes, or required shape (None for a free axis).
    finite
        Refuse NaN and infinities.
    empty
        Whether an array without elements is accepted.

    Raises
    ------
    TypeError
        For complex, text or object data; for masked arrays and for arrays with units, whose mask or unit
        would be lost.
    ValueError
        For a wrong shape, an element that is not finite, or (if `empty` is false) an empty array.
    """
    array = _plain(name, value)
    if array.dtype.kind not in "fiub":
        what = f"dtype {array.dtype}" if array.dtype != object or array.ndim else shown(value)
        raise TypeError(f"{name} must be an array of real numbers, got {what}")
    dtype = array.dtype if array.dtype == np.float32 else np.dtype(np.float64)
    if array.dtype.itemsize > 8:  # a long double beyond float64 becomes infinite
        with np.errstate(over="ignore"):
            array = array.astype(dtype)
    result: Array = np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)
    if ndim is not None and result.ndim != ndim:
        axes = "1 axis" if ndim == 1 else f"{ndim} axes"
        raise ValueError(f"{name} must have {axes}, got shape {result.shape}")
    if shape is not None and (
        len(shape) != result.ndim
        or any(want is not None and want != n for want, n in zip(shape, result.shape, strict=True))
    ):
        comma = "," if len(shape) == 1 else ""
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + comma + ")"
        raise ValueError(f"{name} must have shape {wanted}, got {result.shape}")
    if not empty and result.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {result.shape}")
    if finite and not np.isfinite(result).all():
        bad = np.argwhere(~np.isfinite(result))[0]
        where = "" if result.ndim == 0 else f" at index {tuple(int(i) for i in bad)}"
        raise ValueError(f"{name} must be finite, got {result[tuple(bad)]}{where}")
    return result


def vector(name: str, value: ArrayLike, length: int | None = None, *, finite: bool = True) -> Float64Array:
    """`value` as a float64 vector, of `length` unless that is None; errors as in `real_array`."""
    return real_array(name, value, shape=(length,), finite=finite).astype(np.float64, copy=False)


def stored_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """`value` as a plain array of real numbers of any type, without reading the entries of an array.

    A memory-mapped array stays on its disk, and integers stay integers.

    Raises
    ------
    TypeError
        As `real_array`.
    """
    array = _plain(name, value)
    return array if array.dtype.kind in "fiub" else real_array(name, array)


def increasing(name: str, value: ArrayLike) -> Float64Array:
    """`value` as a new float64 vector of two or more strictly increasing numbers, at most 1e300 in modulus.

    Raises
    ------
    TypeError, ValueError
        For anything else; the message names entries that do not increase.
    """
    points = real_array(name, value, ndim=1).astype(np.float64)
    not_too_large(name, points)
    if len(points) < 2:
        raise ValueError(f"{name} must hold at least 2 values, got {len(points)}")
    bad = np.flatnonzero(np.diff(points) <= 0)
    if bad.size:
        i = int(bad[0])
        raise ValueError(f"{name} must be strictly increasing, got {points[i]} before {points[i + 1]}")
    return points


def not_too_large(name: str, values: Array, largest: float = LARGEST) -> Array:
    """`values` if they are at most `largest` in modulus.

    Raises
    ------
    ValueError
        If some are not.
    """
    size = float(np.abs(values).max(initial=0.0))  # float32 cannot be compared with 1e150
    if size > largest:
        raise ValueError(f"{name} must be at most {largest} in modulus, got {size}")
    return values


def _plain(name: str, value: Any) -> NDArray[Any]:
    """`value` as a plain array; refused if the conversion would drop a mask or a unit."""
    if type(value) is np.ndarray:
        return value
    _refuse_decorated(name, value)
    try:
        return np.asarray(value)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # a foreign __array__ method may raise anything
        raise TypeError(f"{name} must be an array of real numbers, got {shown(value)}: {error}") from None


def _refuse_decorated(name: str, value: Any, depth: int = 0) -> None:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must not be a masked array: its mask would be lost; drop the masked entries "
            "(value.compressed()) or fill them (value.filled(...))"
        )
    if isinstance(value, np.ndarray):
        if type(value) not in PLAIN_ARRAYS:
            raise TypeError(
                f"{name} must be a plain array, got a {type(value).__name__}, of which only the "
                "entries would be kept; pass numpy.asarray(value) if that is intended"
            )
    elif isinstance(value, (list, tuple)):
        if depth < 4:
            for entry in value:
                if not isinstance(entry, (int, float)):
                    _refuse_decorated(name, entry, depth + 1)
    elif not isinstance(value, (np.generic, int, float, str, bytes)) and (
        hasattr(type(value), "units") or hasattr(type(value), "unit")
    ):
        raise TypeError(f"{name} must be plain numbers, got {shown(value)} with a unit, which would be lost")


def integer(name: str, value: Any, *, low: int | None = None, high: int | None = None) -> int:
    """`value` as an int in [low, high].

    Raises
    ------
    TypeError
        If it is not an integer (booleans and floats are refused).
    ValueError
        If it lies outside the bounds, or beyond 2^62 in modulus.
    """
    if isinstance(value, NOT_NUMBERS) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {shown(value)}")
    result = int(value)
    if (low is not None and result < low) or (high is not None and result > high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {bounds}, got {shown(result)}")
    if abs(result) > MAX_INTEGER:
        raise ValueError(f"{name} must be at most 2**62 in modulus, got {shown(result)}")
    return result


def spline_degree(value: Any) -> int:
    """`value` as a polynomial degree, an integer between 0 and 9."""
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
    if isinstance(value, NOT_NUMBERS) or not isinstance(value, (Real, np.floating)):
        raise TypeError(f"{name} must be a real number, got {shown(value)}")
    try:
        with np.errstate(over="ignore"):
            result = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be within the range of float64, got {shown(value)}") from None
    if not np.isfinite(result):
        raise ValueError(f"{name} must be finite, got {result}")
    if positive and result <= 0:
        raise ValueError(f"{name} must be positive, got {result}")
    if (low is not None and result < low) or (high is not None and result > high):
        bounds = f"at least {low}" if high in (None, np.inf) else f"in [{low}, {high}]"
        bounds = f"at most {high}" if low is None else bounds
        raise ValueError(f"{name} must be {bounds}, got {result}")
    return result


def boolean(name: str, value: Any) -> bool:
    """`value` as a bool.

    Raises
    ------
    TypeError
        If it is neither True nor False.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def float_type(name: str, value: Any) -> np.dtype[Any]:
    """`value` as a NumPy type, float32 or float64.

    Raises
    ------
    TypeError
        For anything else.
    """
    for dtype in (np.dtype(np.float64), np.dtype(np.float32)):
        if value is dtype or value is dtype.type or (isinstance(value, str) and value == dtype.name):
            return dtype
        if isinstance(value, np.dtype) and value == dtype:
            return dtype
    raise TypeError(f"{name} must be float64 or float32, got {shown(value)}")


def one_of(name: str, value: Any, accepted: Iterable[str]) -> str:
    """`value` if it is among `accepted`.

    Raises
    ------
    ValueError
        For any other value; the message lists those accepted.
    """
    choices = list(accepted)
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {shown(value)}")
    return str(value)


def interval(name: str, value: Any) -> tuple[float, float]:
    """`value` as a pair (a, b) of finite numbers with a < b.

    Raises
    ------
    TypeError, ValueError
        If it is not such a pair.
    """
    _refuse_decorated(name, value)
    if isinstance(value, (str, bytes, dict, set, frozenset)):
        raise TypeError(f"{name} must be a pair (a, b), got {shown(value)}")
    try:
        ends = tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a pair (a, b), got {shown(value)}") from None
    if len(ends) != 2:
        raise ValueError(f"{name} must be a pair (a, b), got {shown(value)}")
    low, high = real(f"{name}[0]", ends[0]), real(f"{name}[1]", ends[1])
    if not low < high:
        raise ValueError(f"{name} must be increasing, got ({low}, {high})")
    if not np.isfinite(high - low):
        raise ValueError(f"{name} must have a length within the range of float64, got ({low}, {high})")
    return low, high


def sequence(name: str, value: Any, *, empty: bool = False) -> tuple[Any, ...]:
    """The items of a list, tuple or other iterable; text, dictionaries and sets are refused.

    Raises
    ------
    TypeError, ValueError
        If it is not iterable, or (unless `empty`) is empty.
    """
    if isinstance(
        value, (str, bytes, dict, set, frozenset)
    ):  # sets have no order, and dictionaries have keys and values
        raise TypeError(f"{name} must be a sequence, got {shown(value)}")
    try:
        items = tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a sequence, got {shown(value)}") from None
    if not items and not empty:
        raise ValueError(f"{name} must not be empty")
    return items


def instance(name: str, value: Any, kind: type[Kind] | tuple[type[Kind], ...]) -> Kind:
    """`value` if it is an instance of `kind`.

    Raises
    ------
    TypeError
        For any other type, which the message names.
    """
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        accepted = " or ".join(accepted_kind.__name__ for accepted_kind in kinds)
        raise TypeError(f"{name} must be of type {accepted}, got {shown(value)}")
    return value


def function(name: str, value: Any, *, optional: bool = False) -> Any:
    """`value` if it is callable (or None and optional).

    Raises
    ------
    TypeError
        If it is not.
    """
    if not callable(value) and not (optional and value is None):
        raise TypeError(f"{name} must be callable, got {shown(value)}")
    return value


def generator(name: str, seed: Any) -> np.random.Generator:
    """A NumPy Generator from a seed (an integer of at least 0), or a given Generator itself.

    Raises
    ------
    TypeError, ValueError
        For anything else; results with the seed None would not be reproducible.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, NOT_NUMBERS) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"{name} must be an integer or a numpy.random.Generator, got {shown(seed)}")
    if seed < 0:
        raise ValueError(f"{name} must be at least 0, got {shown(int(seed))}")
    return np.random.default_rng(int(seed))


def affordable(what: str, size: float) -> None:
    """Refuse `size` bytes if the machine has less memory.

    Raises
    ------
    MemoryError
        If it has; the message names `what` needs the memory.
    """
    limit = _memory()
    if size > limit:
        raise MemoryError(
            f"{what} would take {size / 2**30:.3g} GiB, and this machine has {limit / 2**30:.3g} GiB"
        )


@cache
def _memory() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * float(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not on every system
        return float("inf")


def each(name: str, values: Any, check: Callable[[str, Any], Kind]) -> list[Kind]:
    """`check(f"{name}[i]", value)` for every item of a sequence."""
    return [check(f"{name}[{i}]", value) for i, value in enumerate(sequence(name, values))]


def same_length(**sequences: Sequence[Any]) -> None:
    """Refuse sequences, given by name, of different lengths.

    Raises
    ------
    ValueError
        If they differ; the message gives the lengths.
    """
    if len({len(items) for items in sequences.values()}) > 1:
        lengths = ", ".join(f"{name} {len(items)}" for name, items in sequences.items())
        raise ValueError(f"lengths differ: {lengths}")
