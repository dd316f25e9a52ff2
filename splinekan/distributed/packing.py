"""Packed triangles, without zeros, for sending matrices."""

from __future__ import annotations

import numpy as np

from splinekan._checks import Float64Array


def packed(lower: Float64Array) -> Float64Array:
    """The rows of the lower triangle of a square matrix, one after another, (n (n + 1)/2,)."""
    n = len(lower)
    found, at = np.empty(n * (n + 1) // 2), 0
    for i in range(n):
        found[at : at + i + 1] = lower[i, : i + 1]
        at += i + 1
    return found


def unpacked(entries: Float64Array) -> Float64Array:
    """The lower triangle of `packed`, zeros above it."""
    n = int((np.sqrt(8 * len(entries) + 1) - 1) / 2)
    lower, at = np.zeros((n, n)), 0
    for i in range(n):
        lower[i, : i + 1] = entries[at : at + i + 1]
        at += i + 1
    return lower


def packed_factor(upper: Float64Array) -> tuple[int, int, Float64Array]:
    """(rows, columns, entries) of a triangular factor R, (rows, columns), with at most as many rows."""
    rows, columns = upper.shape
    lengths = columns - np.arange(rows)
    found, at = np.empty(int(lengths.sum())), 0
    for i, length in enumerate(lengths.tolist()):
        found[at : at + length] = upper[i, i:]
        at += length
    return rows, columns, found


def unpacked_factor(rows: int, columns: int, entries: Float64Array) -> Float64Array:
    """R of `packed_factor`."""
    upper, at = np.zeros((rows, columns)), 0
    for i in range(rows):
        upper[i, i:] = entries[at : at + columns - i]
        at += columns - i
    return upper
