"""Knot vectors: extended (ghost knots outside the domain) and clamped (repeated end knots).

For degree k and G intervals a knot vector is t_{-k}, ..., t_{G+k}, of length G + 2k + 1; array index
j + k holds t_j. The domain is [a, b] = [t_0, t_G]. Knots carry the units of x.

Knots are the float64 numbers that are stored: 0.1 far from 0 may be an odd place, but it is an exact one, and
whatever is computed from knots is right for the stored ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import (
    LARGEST,
    Float64Array,
    affordable,
    increasing,
    integer,
    not_too_large,
    real,
    real_array,
    spline_degree,
)

UNIFORM = 2.0**-42
"""Knots this close to equal spacing, relative to the spacing, count as uniform. Splines on them are evaluated
with the polynomials of exactly uniform knots, which moves their values by as much."""


def uniform_knots(a: float, b: float, intervals: int, degree: int) -> Float64Array:
    """Extended uniform knots a + i (b - a)/G, i = -k..G+k.

    Raises
    ------
    TypeError, ValueError
        Unless a < b are finite, `intervals` is at least 1 and `degree` in 0..7; for an interval so short
        (or so long) that knots cannot be told apart in float64.
    MemoryError
        For more intervals than fit into memory.

    Examples
    --------
    >>> uniform_knots(0, 1, 2, 1)
    array([-0.5,  0. ,  0.5,  1. ,  1.5])
    """
    low, high = real("a", a), real("b", b)
    if not low < high:
        raise ValueError(f"a must be less than b, got a = {low}, b = {high}")
    count, k = integer("intervals", intervals, low=1), spline_degree(degree)
    affordable(f"intervals = {count}", 48.0 * count)
    index = np.arange(-k, count + k + 1)
    # Both ends enter symmetrically, so t_0 = a and t_G = b hold exactly.
    with np.errstate(over="ignore", invalid="ignore"):
        knots: Float64Array = (low * (count - index) + high * index) / count
    knots[k], knots[count + k] = low, high
    return _distinct(knots, f"[{low}, {high}] is too short or too long for {count} intervals")


def clamped_knots(breakpoints: ArrayLike, degree: int) -> Float64Array:
    """Strictly increasing `breakpoints` with the first and the last repeated k more times.

    Raises
    ------
    TypeError, ValueError
        Unless there are two or more finite, strictly increasing breakpoints.
    """
    k = spline_degree(degree)
    points = increasing("breakpoints", breakpoints)
    return np.concatenate([np.repeat(points[0], k), points, np.repeat(points[-1], k)])


def extended_knots(breakpoints: ArrayLike, degree: int) -> Float64Array:
    """Strictly increasing `breakpoints` with k ghost knots each side, spaced as the end interval."""
    k = spline_degree(degree)
    points = increasing("breakpoints", breakpoints)
    steps = np.arange(1, k + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        left = points[0] - steps[::-1] * (points[1] - points[0])
        right = points[-1] + steps * (points[-1] - points[-2])
    return _distinct(
        np.concatenate([left, points, right]), "the end intervals are too short or too long for ghost knots"
    )


def _distinct(knots: Float64Array, problem: str) -> Float64Array:
    """`knots`, unless rounding made two of them equal or one infinite."""
    if not (np.abs(knots) <= LARGEST).all() or (np.diff(knots) <= 0).any():
        raise ValueError(f"{problem}: the knots cannot be told apart in float64")
    return knots


def validate_knots(knots: ArrayLike, degree: int) -> Float64Array:
    """`knots` as a read-only float64 vector, if it is a knot vector of that degree.

    Accepted: strictly increasing; or clamped, that is with the first k+1 and the last k+1 equal and
    strictly increasing between.

    Raises
    ------
    TypeError, ValueError
        Naming the offending entries.
    """
    k = spline_degree(degree)
    # A copy, which nobody else can change.
    t = real_array("knots", knots, ndim=1).astype(np.float64)
    not_too_large("knots", t)
    if len(t) < 2 * k + 2:
        raise ValueError(f"degree {k} needs at least {2 * k + 2} knots (one interval), got {len(t)}")
    inner = t[k : len(t) - k] if _ends_repeat(t, k) else t
    bad = np.flatnonzero(np.diff(inner) <= 0)
    if bad.size:
        at = int(bad[0]) + (k if inner is not t else 0)
        raise ValueError(
            f"knots must be strictly increasing (or clamped: the first and last {k + 1} equal), "
            f"got knots[{at}] = {t[at]}, knots[{at + 1}] = {t[at + 1]}"
        )
    t.flags.writeable = False
    return t


def is_clamped(knots: ArrayLike, degree: int) -> bool:
    """Whether the first k+1 and the last k+1 knots are equal (never for degree 0)."""
    return _ends_repeat(validate_knots(knots, degree), spline_degree(degree))


def is_uniform(knots: ArrayLike, degree: int) -> bool:
    """Whether all knots, ghosts too, are equally spaced to within `UNIFORM` times the spacing.

    Far from 0 float64 holds few uniform knots: rounding to multiples of eps |t| counts as what it is, unequal
    spacing.
    """
    t = validate_knots(knots, degree)
    return not _ends_repeat(t, spline_degree(degree)) and unevenness(t) <= UNIFORM


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


def breakpoints(knots: ArrayLike, degree: int) -> Float64Array:
    """The ends t_0 < ... < t_G of the polynomial pieces on [a, b]."""
    t = validate_knots(knots, degree)
    k = spline_degree(degree)
    return t[k : len(t) - k]


def greville_points(knots: ArrayLike, degree: int) -> Float64Array:
    """Means of k neighbouring knots, (t_{i+1} + ... + t_{i+k})/k: x = sum_i greville_i b_i(x).

    For degree 0, the midpoints of the intervals.
    """
    t = validate_knots(knots, degree)
    k = spline_degree(degree)
    if k == 0:
        return (t[1:] + t[:-1]) / 2
    windows = np.lib.stride_tricks.sliding_window_view(t[1:-1], k)
    # Relative to the first of them: sums of knots far from 0 would lose digits, or overflow.
    first = windows[:, 0]
    return np.asarray(first + (windows - first[:, None]).mean(axis=1))


def refine_knots(knots: ArrayLike, degree: int) -> Float64Array:
    """Every interval halved, the ghost intervals too: G becomes 2G.

    The k ghost knots nearest to the domain are kept on each side, so uniform knots stay uniform, with
    half the spacing; clamped knots stay clamped. The coarse breakpoints are among the fine ones to the bit.

    Raises
    ------
    TypeError, ValueError
        For bad knots, or an interval that holds no float64 number between its ends.
    """
    t = validate_knots(knots, degree)
    k = spline_degree(degree)
    inner = t[k : len(t) - k]
    if _ends_repeat(t, k):
        return clamped_knots(_halved(inner), k)
    if is_uniform(t, k):
        fine = uniform_knots(float(inner[0]), float(inner[-1]), 2 * (len(inner) - 1), k)
        if np.array_equal(fine[k : len(fine) - k : 2], inner):
            return fine
    halved = _halved(t)
    return halved[k : len(halved) - k]


def insert_knots(knots: ArrayLike, new: ArrayLike, degree: int) -> Float64Array:
    """Knots with the breakpoints `new` added, which must lie strictly inside (a, b).

    Raises
    ------
    TypeError, ValueError
        For a new knot outside (a, b), or one that is there already (or twice in `new`).
    """
    t = validate_knots(knots, degree)
    k = spline_degree(degree)
    added = np.sort(real_array("new", new, ndim=1).astype(np.float64))
    a, b = t[k], t[-k - 1]
    outside = added[(added <= a) | (added >= b)]
    if outside.size:
        raise ValueError(f"new knots must lie strictly inside ({a}, {b}), got {outside[0]}")
    merged = np.sort(np.concatenate([t, added]))
    inner = merged[k : len(merged) - k]
    twice = inner[:-1][np.diff(inner) <= 0]
    if twice.size:
        raise ValueError(f"new knots must differ from each other and from the knots: {twice[0]}")
    return merged


def _halved(points: Float64Array) -> Float64Array:
    out = np.empty(2 * len(points) - 1)
    out[::2] = points
    out[1::2] = (points[1:] + points[:-1]) / 2
    return _distinct(out, "an interval is too short to be halved")


def _ends_repeat(t: Float64Array, k: int) -> bool:
    return k > 0 and bool((t[: k + 1] == t[0]).all() and (t[-k - 1 :] == t[-1]).all())
