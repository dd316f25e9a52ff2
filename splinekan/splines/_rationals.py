"""Exact rational arithmetic on float64 numbers: integers over a common unit, ratios that are rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array

Integers = NDArray[np.object_]
"""Python integers, of any length."""


def as_integers(values: Float64Array) -> tuple[Integers, int]:
    """(n, unit) with values = n/unit exactly; unit is a power of two."""
    ratios = [float(v).as_integer_ratio() for v in values]
    unit = max(bottom for _, bottom in ratios)
    return np.array([top * (unit // bottom) for top, bottom in ratios], dtype=object), unit


def _rounded(top: int, bottom: int) -> float:
    try:
        return top / bottom  # Python rounds the ratio of two integers correctly, whatever their length
    except OverflowError:
        return np.inf  # whatever the sign: it is refused


_ratio = np.frompyfunc(_rounded, 2, 1)


def ratio(top: Integers, bottom: Integers) -> Float64Array:
    """top/bottom elementwise, correctly rounded; infinite beyond the range of float64."""
    result: Any = _ratio(top, bottom)
    return np.asarray(result, dtype=np.float64)
