"""Integrals of splines over any range, continuation included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.periodicity import wrapped
from splinekan.splines.pp_form import LocalPieces, local_pieces


def integral(knots: KnotVector, c: Float64Array, extrapolate: str, low: float, high: float) -> Float64Array:
    """The integral from `low` to `high` of the splines with coefficients c, (n_basis, n): (n,).

    Raises
    ------
    ValueError
        If the range leaves the domain in the mode "error", or holds more periods than float64 can count.
    """
    if low > high:
        return -integral(knots, c, extrapolate, high, low)
    if extrapolate == "periodic":
        return _periodic(knots, c, low, high)
    a, b = knots.domain
    if extrapolate == "error" and not a <= low <= high <= b:
        raise ValueError(f"the range [{low}, {high}] leaves the domain [{a}, {b}] and extrapolate='error'")
    return _over(local_pieces(knots, extrapolate=extrapolate), c[knots.fold], low, high)


def _periodic(knots: KnotVector, c: Float64Array, low: float, high: float) -> Float64Array:
    (a, b), pieces, active = knots.domain, local_pieces(knots), c[knots.fold]
    (start, stop), periods = wrapped(np.array([low, high]), a, b)
    if not np.isfinite(periods).all():
        raise ValueError(f"the range [{low}, {high}] holds more periods {b} - {a} than float64 can count")
    count = periods[1] - periods[0]
    # The parts are not subtracted from each other: a short range keeps its digits.
    if start <= stop:
        part = _over(pieces, active, start, stop)
    else:
        part = _over(pieces, active, start, b) + _over(pieces, active, a, stop)
        count -= 1
    return part if count == 0 else np.asarray(count * _over(pieces, active, a, b) + part)


def _over(pieces: LocalPieces, c: Float64Array, low: float, high: float) -> Float64Array:
    """The integral from `low` to `high`, not less, by a Gauss rule in every part of a piece."""
    knots, k = pieces.breakpoints, pieces.table.shape[-1] - 1
    halved = len(pieces.origins) > len(knots) + 1
    ends = np.concatenate([knots, (knots[1:] + knots[:-1]) / 2]) if halved else knots
    cuts = np.unique(np.concatenate([[low], ends[(ends > low) & (ends < high)], [high]]))
    left, widths = cuts[:-1], np.diff(cuts)
    piece, span = _located(pieces, left, halved)
    row = piece if halved else np.where(piece == 0, 0, np.where(piece == len(pieces.origins) - 1, 2, 1))
    active = c[span[:, None] + np.arange(k + 1)]
    powers = np.einsum("spl,sln->spn", pieces.table[0, row], active)
    nodes, weights = np.polynomial.legendre.leggauss(k // 2 + 1)
    # In the local coordinate, so that points are not rounded to the numbers of the x axis.
    y = (left - pieces.origins[piece])[:, None] + widths[:, None] * (nodes + 1) / 2
    y = (y * pieces.scales[piece][:, None])[:, :, None]
    values = np.zeros((*y.shape[:2], c.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        for power in reversed(range(k + 1)):
            values = values * y + powers[:, None, power]
        return np.asarray(np.einsum("s,m,smn->n", widths / 2, weights, values))


def _located(pieces: LocalPieces, x: Float64Array, halved: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The piece of points, and the first active function there: by the right limit, also outside [a, b]."""
    knots = pieces.breakpoints
    span = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    piece = 1 + span
    if halved:
        piece = 1 + 2 * span + (x - knots[span] >= knots[span + 1] - x)
    piece = np.where(x < knots[0], 0, np.where(x >= knots[-1], len(pieces.origins) - 1, piece))
    return piece, span
