"""Scores of predictions against targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Array, not_too_large, real_array, vector
from splinekan._columns import Names, table

LARGEST = 1e150
"""Bound on the modulus of targets, so that their squares do not overflow."""


def r2(predicted: Array, y: Any, sample_weight: Any, names: Names | None = None) -> float:
    """The coefficient of determination R^2, the mean over the columns.

    Parameters
    ----------
    predicted
        Predictions, (n, m), n at least 2.
    y
        Targets, (n, m), or (n,) for m = 1; data frames by the `names` of their columns.
    sample_weight
        Weights, (n,), nonnegative and not all 0; None for 1.
    names
        The names of the m columns.

    Raises
    ------
    TypeError, ValueError
        For targets or weights of other kinds or shapes.
    """
    n, m = predicted.shape
    if n < 2:
        raise ValueError(f"X must hold at least 2 samples for R^2, got {n}")
    row = isinstance(y, (list, tuple)) and all(np.isscalar(each) for each in y)
    flat = m == 1 and (row or getattr(y, "ndim", 2) == 1)
    target = real_array("y", y, shape=(n,))[:, None] if flat else table("y", y, names, n_columns=m)
    if len(target) != n:
        raise ValueError(f"y must have {n} rows, as X has, got {len(target)}")
    weight = np.ones(n) if sample_weight is None else vector("sample_weight", sample_weight, n)
    if (weight < 0).any() or not weight.any():
        raise ValueError("sample_weight must not be negative, nor zero for all samples")
    weight = weight / weight.max()
    target = not_too_large("y", target.astype(np.float64), LARGEST)
    mean = (weight / weight.sum()) @ target
    with np.errstate(over="ignore", invalid="ignore"):
        rest = weight @ (target - predicted) ** 2
    spread = weight @ (target - mean) ** 2
    varying = (np.ptp(target, axis=0) > 0) & (spread > 0)  # the computed mean of equal numbers may differ
    scores = np.where(rest > 0, 0.0, 1.0)
    with np.errstate(over="ignore"):
        scores[varying] = 1 - rest[varying] / spread[varying]
    return float(scores.mean())
