"""Second derivatives from Taylor coefficients along lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from splinekan._checks import Float64Array


def hessian(taylor: Callable[[Any, list[int]], Float64Array], n_in: int) -> Float64Array:
    """d^2 u_o/dx_p dx_q, (n, n_out, n_in, n_in), by polarisation.

    `taylor` takes directions and orders to the Taylor coefficients of u along them, (n, 1 + sum of orders,
    n_out). Mixed derivatives are 2 u_pq = D_{p+q}^2 u - u_pp - u_qq, in units of x_p and x_q in which the
    slopes of u are of the same size: otherwise the largest term would swamp the others.
    """
    units = np.eye(n_in)
    along = taylor(units, [2] * n_in)
    slopes, second = along[:, 1::2], 2 * along[:, 2::2]
    found = np.empty((len(along), along.shape[2], n_in, n_in))
    found[:, :, range(n_in), range(n_in)] = second.swapaxes(1, 2)
    pairs = [(p, q) for p in range(n_in) for q in range(p + 1, n_in)]
    if not pairs:
        return found
    sizes = np.abs(slopes).max(axis=(0, 2), initial=0.0)
    sizes[~(np.isfinite(sizes) & (sizes > 0))] = 1.0
    length = np.exp2(-np.round(np.log2(sizes)))
    ways = [length[p] * units[p] + length[q] * units[q] for p, q in pairs]
    mixed = 2 * taylor(ways, [2] * len(ways))[:, 2::2]
    for (p, q), both in zip(pairs, np.moveaxis(mixed, 1, 0), strict=True):
        rest = both - length[p] ** 2 * second[:, p] - length[q] ** 2 * second[:, q]
        found[:, :, p, q] = found[:, :, q, p] = rest / (2 * length[p] * length[q])
    return found
