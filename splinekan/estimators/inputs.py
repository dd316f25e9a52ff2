"""Arguments of estimators that scikit-learn does not check, or accepts too generously."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array, _refuse_decorated, shown, vector

ARRAYS = ("__array__", "__array_interface__", "__dataframe__", "shape")
"""Attributes of arrays, data frames and sparse matrices."""


def array_like(name: str, value: Any) -> None:
    """Refuse values that are not tables, or would lose a mask or a unit; scikit-learn reads all others."""
    if value is None or isinstance(value, (list, tuple)) or any(hasattr(value, each) for each in ARRAYS):
        _refuse_decorated(name, value)
        return
    raise TypeError(f"{name} must be an array or a data frame, got {shown(value)}")


def real_numbers(name: str, value: NDArray[Any]) -> Float64Array:
    """An array that scikit-learn has read, as float64; dates and text are refused."""
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of real numbers, got dtype {value.dtype}")
    return value.astype(np.float64, copy=False)


def sample_weights(sample_weight: Any, n: int) -> Float64Array | None:
    """The weights of n samples: a vector, a number for all, or None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, (int, float, np.number)):
        sample_weight = np.full(n, sample_weight)
    weights = vector("sample_weight", sample_weight, n)
    if (weights < 0).any():
        bad = int(np.argmax(weights < 0))
        raise ValueError(f"sample_weight must not be negative, got {weights[bad]} at index {bad}")
    if not (weights > 0).any():
        raise ValueError("sample_weight must not be zero for all samples")
    return weights


def distinct(names: Any) -> Sequence[str] | None:
    """Names as a list, or None if names repeat: scikit-learn accepts such columns."""
    names = None if names is None else [str(name) for name in names]
    return names if names and len(set(names)) == len(names) else None
