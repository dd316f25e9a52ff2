"""Standard errors of the unknown constants of a PINN, by a rank-revealing decomposition of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from splinekan._arrays import quiet
from splinekan._blas import one, several
from splinekan._checks import Float64Array, affordable
from splinekan.objectives.sums import triangle

if TYPE_CHECKING:
    from splinekan.objectives.pinn import PINN

CUTOFF = 4.0
"""Singular values of the scaled J below this multiple of the unit roundoff times its size count as zero."""
LEAK = 1e-6
"""A constant is not identifiable if its share in the null space of J is at least this."""


@quiet
def standard_errors(problem: PINN, theta: Float64Array, variance: float | None) -> dict[str, float]:
    """The standard errors; formulas in `PINN.standard_errors`."""
    names = list(problem.network.constants(theta))
    if not names:
        return {}
    p = len(theta)
    affordable("the standard errors", 48.0 * p**2)
    _, upper, _ = problem.triangular_factor(theta)
    squares, rows, residual = _measured(problem, theta)
    sizes = np.linalg.norm(upper, axis=0)
    scale = np.where(sizes > 0, sizes, 1.0)
    with several(12.0 * p**3):
        _, values, vt = scipy.linalg.svd(upper / scale, full_matrices=True, check_finite=False)
    eps = np.finfo(np.float64).eps
    rank = int((values > CUTOFF * eps * max(upper.shape) * values[0]).sum()) if values[0] > 0 else 0
    directions = vt[:rank].T / values[:rank]
    measured = rows @ (directions / scale[:, None])  # a root of H
    freedom = squares - 2 * np.sum(measured**2) + np.sum((measured.T @ measured) ** 2)
    if variance is None:
        variance = residual / freedom if freedom > 0.5 else np.inf
    errors = {}
    for name, at in zip(names, range(p - len(names), p), strict=True):
        leak = np.linalg.norm(vt[rank:, at]) if sizes[at] > 0 else 1.0
        spread = np.linalg.norm(measured @ directions[at]) / scale[at]
        unknown = leak > LEAK or not np.isfinite(variance)
        errors[name] = float(np.inf if unknown else np.sqrt(variance) * spread)
    return errors


@one
def _measured(problem: PINN, theta: Float64Array) -> tuple[int, Float64Array, float]:
    """The number of measured rows with a positive weight, a triangular factor of them, and |r|^2."""
    chosen = {i for i, block in enumerate(problem.blocks) if block.target is not None}
    chosen = chosen or set(range(len(problem.blocks)))
    count, total = 0, 0.0
    waiting: list[Float64Array] = [np.zeros((0, len(theta)))]
    for part in problem.parts(theta):
        if part.block in chosen:
            weights = np.asarray(problem.blocks[part.block].weight)
            count += int((weights[part.start : part.start + len(part.residual)] > 0).sum())
            total += 2 * part.value
            waiting.append(np.asarray(part.jacobian().toarray(), dtype=np.float64))
            if sum(map(len, waiting)) > 2 * len(theta):
                waiting = [triangle(waiting)]
    return count, triangle(waiting), total
