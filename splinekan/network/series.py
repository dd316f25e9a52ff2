"""Products of truncated Taylor series whose channels are the last axis but one."""

from __future__ import annotations

import numpy as np

from splinekan._checks import Array
from splinekan.network.layer import Directions


def product(a: Array, b: Array, directions: Directions) -> Array:
    """The coefficients of a(s) b(s), (..., channels, n)."""
    if directions.channels == 1:
        return a * b
    y = np.zeros(np.broadcast_shapes(a.shape, b.shape), a.dtype)
    for j, d, m in directions.pulls:
        y[..., m, :] += a[..., d, :] * b[..., j, :]
    return y


def pulled(a: Array, gy: Array, directions: Directions) -> Array:
    """The gradient in b of gy . `product`(a, b), (..., channels, n)."""
    if directions.channels == 1:
        return a * gy
    gb = np.zeros(np.broadcast_shapes(a.shape, gy.shape), a.dtype)
    for j, d, m in directions.pulls:
        gb[..., j, :] += a[..., d, :] * gy[..., m, :]
    return gb
