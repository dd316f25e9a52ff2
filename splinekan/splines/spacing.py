"""Points on a line, from which knots are made: equally spaced, continued past their ends, halved, nested."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import (
    LARGEST,
    Float64Array,
    affordable,
    increasing,
    integer,
    real,
    real_array,
    shown,
)

UNIFORM = 2.0**-42
"""Knots this close to equal spacing, relative to the spacing, count as uniform. Splines on them are evaluated
with the polynomials of exactly uniform knots, which changes their values by a comparable amount."""

NESTED = 2.0**-40
"""Largest distance of nested knots that count as equal, relative to the fine intervals beside them."""


def equally_spaced(a: float, b: float, intervals: int, beyond: int = 0) -> Float64Array:
    """a + i (b - a)/G for i = -beyond..G + beyond; a and b themselves are exact.

    Raises
    ------
    TypeError, ValueError
        Unless a < b are finite and `intervals` is at least 1; for an interval so short (or so long) that
        points cannot be told apart in float64.
    MemoryError
        For more intervals than fit into memory.
    """
    low, high = real("a", a), real("b", b)
    if not low < high:
        raise ValueError(f"a must be less than b, got a = {low}, b = {high}")
    count = integer("intervals", intervals, low=1)
    affordable(f"intervals = {count}", 48.0 * count)
    index = np.arange(-beyond, count + beyond + 1)
    # Both ends enter symmetrically, so that both are hit.
    with np.errstate(over="ignore", invalid="ignore"):
        points: Float64Array = (low * (count - index) + high * index) / count
    points[beyond], points[beyond + count] = low, high
    return distinct(points, f"[{low}, {high}] is too short or too long for {count} intervals")


def continued(points: Float64Array, beyond: int) -> Float64Array:
    """`points` with `beyond` more on each side, spaced as the end intervals."""
    steps = np.arange(1, beyond + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        left = points[0] - steps[::-1] * (points[1] - points[0])
        right = points[-1] + steps * (points[-1] - points[-2])
    return distinct(
        np.concatenate([left, points, right]), "the end intervals are too short or too long for ghost knots"
    )


def check_order(t: Float64Array, k: int) -> None:
    """Raise ValueError unless t are enough knots, nondecreasing, and a and b not repeated inside [a, b]."""
    if len(t) < 2 * k + 2:
        raise ValueError(f"degree {k} needs at least {2 * k + 2} knots (one interval), got {len(t)}")
    bad = np.flatnonzero(np.diff(t) < 0)
    if bad.size:
        at = int(bad[0])
        raise ValueError(f"knots must not decrease, got knots[{at}] = {t[at]}, knots[{at + 1}] = {t[at + 1]}")
    for at, outer in ((k, 0), (len(t) - k - 2, len(t) - 1)):
        if t[at] == t[at + 1]:
            raise ValueError(
                f"knots must not repeat the ends of the domain inside it, got knots[{at}] = knots[{at + 1}] "
                f"= {t[at]}: a B-spline vanishes on the domain; leave out knots[{outer}]"
            )


def chosen_intervals(marked: ArrayLike | None, count: int) -> NDArray[np.bool_]:
    """A mask of `count` intervals from a mask, from indices, or (None) for all.

    Raises
    ------
    TypeError, ValueError
        For a mask of another length, and for indices that are not integers in range.
    """
    if marked is None:
        return np.ones(count, bool)
    real_array("marked", marked)
    given = np.asarray(marked)
    mixed = isinstance(marked, (list, tuple)) and any(isinstance(m, (bool, np.bool_)) for m in marked)
    if given.dtype == bool:
        if given.shape != (count,):
            raise ValueError(
                f"marked must hold True or False for each of {count} intervals, got shape {given.shape}"
            )
        return given.copy()
    if given.ndim != 1 or (given.dtype.kind not in "iu" and given.size) or mixed:
        raise TypeError(f"marked must be a vector of indices or a mask of booleans, got {shown(marked)}")
    bad = given[(given < 0) | (given >= count)]
    if bad.size:
        raise ValueError(f"marked must be between 0 and {count - 1}, got {bad[0]}")
    mask = np.zeros(count, bool)
    mask[given.astype(np.intp)] = True
    return mask


def repeated(points: Float64Array, multiplicity: ArrayLike, k: int) -> Float64Array:
    """Breakpoints of splines of degree k, inner breakpoints repeated by their `multiplicity`."""
    counts = np.ones(len(points), np.int64)
    given = np.asarray(multiplicity)
    if given.ndim == 0:
        counts[1:-1] = integer("multiplicity", multiplicity, low=1, high=k + 1)
    elif given.shape != (len(points) - 2,):
        raise ValueError(
            f"multiplicity must be an integer or hold {len(points) - 2}, for the inner breakpoints, "
            f"got shape {given.shape}"
        )
    else:
        items = multiplicity if isinstance(multiplicity, (list, tuple)) else given  # arrays hide booleans
        counts[1:-1] = [integer("multiplicity", m, low=1, high=k + 1) for m in items]
    return np.repeat(points, counts)


def halved(points: Float64Array, marked: NDArray[np.bool_]) -> Float64Array:
    """`points` with the middles of the marked intervals, which must not be empty, between them."""
    at = np.flatnonzero(marked)
    middles = (points[at] + points[at + 1]) / 2
    if ((middles <= points[at]) | (middles >= points[at + 1])).any():
        raise ValueError("an interval is too short to be halved: the knots cannot be told apart in float64")
    return np.insert(points, at + 1, middles)


def sums_rounded(points: Float64Array) -> Float64Array:
    """Twice the rounding errors of the middles (points[i] + points[i+1])/2, exactly.

    They arise in the sums (Knuth's two-sum), and in halving an odd multiple of the least subnormal number.
    """
    left, right = points[:-1], points[1:]
    total = left + right
    part = total - left
    halved = total - 2 * (total / 2)
    return np.abs((left - (total - part)) + (right - part)) + np.abs(halved)


def nested(
    points: Float64Array,
    multiplicities: NDArray[np.int64],
    finer: Float64Array,
    finer_multiplicities: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Index of every coarse breakpoint among the `finer` breakpoints.

    Multiplicities are those of inner breakpoints.

    Raises
    ------
    ValueError
        If a coarse breakpoint is not a fine breakpoint, or has a lower multiplicity there; if domains differ.
    """
    right = np.clip(np.searchsorted(finer, points), 1, len(finer) - 1)
    nearest = np.where(points - finer[right - 1] < finer[right] - points, right - 1, right)
    # Equal to rounding, relative to the intervals beside the knot: a displaced knot changes the function.
    widths = np.diff(finer)
    beside = np.minimum(widths[np.maximum(nearest - 1, 0)], widths[np.minimum(nearest, len(widths) - 1)])
    far = np.abs(finer[nearest] - points) > NESTED * beside
    far[1:] |= nearest[1:] <= nearest[:-1]  # two coarse knots cannot be the same fine knot
    missing = np.flatnonzero(far)
    if missing.size:
        raise ValueError(
            f"coarse_knots and fine_knots are not nested: the coarse breakpoint {points[missing[0]]} is not "
            "among the fine ones"
        )
    if nearest[0] != 0 or nearest[-1] != len(finer) - 1:
        raise ValueError(
            f"domains differ: coarse_knots have [{points[0]}, {points[-1]}], "
            f"fine_knots [{finer[0]}, {finer[-1]}]"
        )
    fewer = np.flatnonzero(finer_multiplicities[nearest[1:-1] - 1] < multiplicities)
    if fewer.size:
        at = int(fewer[0])
        raise ValueError(
            f"coarse_knots and fine_knots are not nested: the coarse breakpoint {points[at + 1]} has "
            f"multiplicity {multiplicities[at]}, more than on the fine side"
        )
    return nearest.astype(np.int64)


def distinct(points: Float64Array, problem: str) -> Float64Array:
    """`points`, unless rounding made two of them equal or any of them infinite."""
    if not (np.abs(points) <= LARGEST).all() or (np.diff(points) <= 0).any():
        raise ValueError(f"{problem}: the knots cannot be told apart in float64")
    return points


def unevenness(points: Float64Array) -> float:
    """The largest distance of increasing points from equally spaced ones of the same ends, over the spacing.

    Infinite if the spacing leaves the range of float64.
    """
    points = increasing("points", points)
    n = len(points) - 1
    with np.errstate(over="ignore", invalid="ignore"):
        spacing = (points[-1] - points[0]) / n
        distance = np.abs((points - points[0]) - np.arange(n + 1) * spacing).max()
    return float(distance / spacing) if 0 < spacing < np.inf else np.inf
