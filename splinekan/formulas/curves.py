"""Comparison of curves with a library: the best constants of every family, and the remaining error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.formulas.families import Chain, Family, along, differentiated, plain

STARTS = 3
"""Number of points of the grid from which the constants of a family are refined."""
ITERATIONS = 30
CANCELLATION = 30.0
"""Largest ratio of c phi to the range of the curve. Sines of nearly zero frequency, for example, would be
parabolas after cancellation.
"""
FLAT = 1e-20
"""A curve whose variance is less than that of rounding is constant."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A candidate c phi_m(...) + d for a curve.

    Attributes
    ----------
    error
        Root of the weighted mean square of the residual, over the deviation of the curve.
    functions
        The chain.
    constants
        (c, a_1, b_1, ..., a_m, b_m).
    free
        Whether each of them is to be fitted further.
    """

    error: float
    functions: Chain
    constants: Float64Array = field(repr=False)
    free: tuple[bool, ...] = field(repr=False)

    @property
    def complexity(self) -> int:
        """1 plus the complexities of the functions."""
        return 1 + sum(each.complexity for each in self.functions)


def candidates(
    x: Float64Array, f: Float64Array, weights: Float64Array, families: Sequence[Family]
) -> list[Candidate]:
    """The families with their best constants for a curve, by increasing error.

    c and d are eliminated: for given inner constants they solve a weighted linear problem (variable
    projection, Golub & Pereyra 1973, SIAM J. Numer. Anal. 10, 413). A grid of inner constants is followed by
    Gauss-Newton steps from its best points.

    Parameters
    ----------
    x, f
        The points and the values, (n,).
    weights
        Nonnegative weights, (n,).
    families
        The library.
    """
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
    curve = _Curve.of((x - middle) / (half or 1.0), f, weights)
    found = []
    for family in families:
        best = _best(curve, family)
        if best is None:
            continue
        error, c, inner = best
        if family.functions:
            inner = inner.copy()
            inner[1] -= inner[0] * middle / (half or 1.0)
            inner[0] /= half or 1.0
            with np.errstate(all="ignore"):  # large numbers may leave the range of float64
                constants, _ = plain(family.functions, np.concatenate([[c], inner]))
        else:
            constants = np.array([c / (half or 1.0)])
        if np.isfinite(constants).all():
            found.append(Candidate(error, family.functions, constants, (True, *family.free)))
    return sorted(found, key=lambda each: each.error)


@dataclass(frozen=True, eq=False)
class _Curve:
    """Points in [-1, 1], centred values, weights that sum to 1, and the variance."""

    z: Float64Array
    f: Float64Array
    weights: Float64Array
    variance: float

    @classmethod
    def of(cls, z: Float64Array, f: Float64Array, weights: Float64Array) -> _Curve:
        w = weights / weights.sum()
        centred = f - w @ f
        return cls(z, centred, w, float(w @ centred**2))

    def projected(self, v: Float64Array) -> tuple[float, Float64Array, Float64Array] | None:
        """c, the residual, and v less its mean; None for a v that is not finite or is constant."""
        if not np.isfinite(v).all():
            return None
        centred = v - self.weights @ v
        size = self.weights @ centred**2
        if not size > FLAT * (self.weights @ v**2):
            return None
        c = float(self.weights @ (centred * self.f) / size)
        return c, self.f - c * centred, centred

    def error(self, residual: Float64Array) -> float:
        return float(np.sqrt(self.weights @ residual**2 / self.variance)) if self.variance > 0 else 0.0


@cache
def _grid(family: Family) -> Float64Array:
    return family.grid()


def _best(curve: _Curve, family: Family) -> tuple[float, float, Float64Array] | None:
    """(error, c, inner constants)."""
    if not family.functions:
        line = curve.projected(curve.z)
        return None if line is None else (curve.error(line[1]), line[0], np.zeros(0))
    grid = _grid(family)
    with np.errstate(all="ignore"):
        v: Any = curve.z[None]
        for i, each in enumerate(family.functions):
            v = each.derivatives(grid[:, 2 * i, None] * v + grid[:, 2 * i + 1, None])[0]
        v = v - (v @ curve.weights)[:, None]
        size = v**2 @ curve.weights
        gain = (v @ (curve.weights * curve.f)) ** 2 / np.where(size > 0, size, np.inf)
    gain = np.where(np.isfinite(gain), gain, -1.0)
    best: tuple[float, float, Float64Array] | None = None
    for start in np.argsort(-gain)[:STARTS]:
        if gain[start] >= 0:
            end = _refined(curve, family, grid[start])
            if end is not None and not _cancels(curve, family, end) and (best is None or end[0] < best[0]):
                best = end
    return best


def _cancels(curve: _Curve, family: Family, end: tuple[float, float, Float64Array]) -> bool:
    _, c, inner = end
    with np.errstate(all="ignore"):
        v = along(family.functions, inner, curve.z)
    return not np.abs(c * v).max() <= CANCELLATION * np.ptp(curve.f)


def _refined(curve: _Curve, family: Family, start: Float64Array) -> tuple[float, float, Float64Array] | None:
    """Gauss-Newton steps with damping for the inner constants."""
    free = np.array(family.free)
    inner = start.copy()
    with np.errstate(all="ignore"):
        v, _, rows = differentiated(family.functions, inner, family.free, curve.z)
        state = curve.projected(v)
        if state is None or not np.isfinite(rows).all():
            return None
        c, residual, centred = state
        loss, damping = float(curve.weights @ residual**2), 1e-3
        for _ in range(ITERATIONS):
            J = np.column_stack([centred, *(c * rows)])
            J = (J - curve.weights @ J) * np.sqrt(curve.weights)[:, None]
            unit = np.abs(J).max(axis=0)  # c and the constants inside may be of very different sizes
            unit[~(unit > 0)] = 1.0
            J = J / unit
            matrix, right = J.T @ J, J.T @ (np.sqrt(curve.weights) * residual)
            scale = np.diag(matrix) + 1e-14 * np.diag(matrix).max()
            for _ in range(5):
                step = np.linalg.lstsq(matrix + damping * np.diag(scale), right, rcond=None)[0]
                trial = inner.copy()
                trial[free] += (step / unit)[1:]
                v, _, new_rows = differentiated(family.functions, trial, family.free, curve.z)
                state = curve.projected(v)
                if state is not None and np.isfinite(new_rows).all():
                    new = float(curve.weights @ state[1] ** 2)
                    if new < loss:
                        break
                damping *= 6
            else:
                break
            inner, rows, damping = trial, new_rows, max(damping / 8, 1e-10)
            c, residual, centred = state
            slow, loss = new > loss * (1 - 1e-3), new
            if slow:
                break
    return curve.error(residual), c, inner
