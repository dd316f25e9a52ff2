"""Samples in a canonical form: weights are multiplicities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, real_array, vector


def merged(
    x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Float64Array, Float64Array, Float64Array | None]:
    """Distinct samples with their weights added up, in the order of x and then y.

    Samples of weight 0 are left out. Weights that cannot be multiplicities, because their sum is less than
    the number of distinct samples, are divided by their mean. A sample given m times and a sample of weight m
    give the same bits, whatever the order, if the sums of the weights are exact (as sums of integers are).

    Parameters
    ----------
    x
        Inputs, (n, n_in).
    y
        Targets, (n, n_out).
    weights
        Weights, (n,), nonnegative and not all 0; None for 1.

    Returns
    -------
    x, y, weights
        Distinct samples and their weights, float64. The weights are None if all are 1.

    Raises
    ------
    TypeError, ValueError
        For wrong shapes, numbers that are not finite, and weights that are negative or all 0.

    Examples
    --------
    >>> x, y, weights = merged([[2.0], [1.0], [2.0], [3.0]], [[5.0], [4.0], [5.0], [6.0]], [1, 1, 2, 0])
    >>> x[:, 0].tolist(), y[:, 0].tolist(), weights.tolist()
    ([1.0, 2.0], [4.0, 5.0], [1.0, 3.0])
    """
    x = real_array("x", x, ndim=2, empty=False).astype(np.float64)
    y = real_array("y", y, shape=(len(x), None)).astype(np.float64)
    w = np.ones(len(x)) if weights is None else vector("weights", weights, len(x))
    if (w < 0).any():
        bad = int(np.argmax(w < 0))
        raise ValueError(f"weights must not be negative, got {w[bad]} at index {bad}")
    with np.errstate(over="ignore"):
        total = w.sum()
    if not np.isfinite(total):
        raise ValueError(f"weights must have a sum within float64, got weights up to {w.max():g}")
    kept = np.flatnonzero(w > 0)
    if not kept.size:
        raise ValueError("weights must not all be 0")
    rows = np.column_stack([x, y])[kept] + 0.0  # -0.0 becomes 0.0, which it equals
    order = _order(rows)
    rows, w = rows[order], w[kept][order]
    first = np.r_[True, (rows[1:] != rows[:-1]).any(axis=1)]
    w = np.add.reduceat(w, np.flatnonzero(first))
    rows = rows[first]
    x, y = np.ascontiguousarray(rows[:, : x.shape[1]]), np.ascontiguousarray(rows[:, x.shape[1] :])
    if w.sum() < (1 - 1e-9) * len(w):
        w = w / w.mean()
    return x, y, None if (w == 1).all() else w


def _order(rows: Float64Array) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The order of rows by their first column, and by all columns where its values repeat."""
    order = np.argsort(rows[:, 0], kind="stable")
    first = rows[order, 0]
    return order if (first[1:] > first[:-1]).all() else np.lexsort(rows.T[::-1])
