"""Periods: knots continued by them, and points moved into [a, b) to the nearest floating-point number.

For x beyond the domain the result a + (x - a - q (b - a)) is an exact sum of floating-point numbers: x - a
and b - a are pairs of them (Knuth's two-sum), the remainder of two is another (fmod), and q times half of a
period's digits is exact for q up to 2^21. Only the sum is rounded. Points further away go through Python's
integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import LARGEST, Array, Float64Array, not_too_large
from splinekan.splines._rationals import Integers, as_integers, ratio

FAR = 2.0**20
"""Periods from the domain up to which points are wrapped in vector operations."""


def cycle(inner: Integers, j: NDArray[np.int64]) -> Integers:
    """t_j for any j from t_0, ..., t_m, with the period t_m - t_0."""
    m = len(inner) - 1
    return np.asarray(inner[j % m] + (j // m).astype(object) * (inner[m] - inner[0]))


def periodic_knots(inner: Float64Array, k: int) -> Float64Array:
    """Knots from a to b and k more on each side, with the period b - a, rounded once."""
    m = len(inner) - 1
    # As many knots from both ends as ghost knots need, in integers.
    near = inner if m <= 2 * k + 1 else np.concatenate([inner[: k + 1], inner[m - k :]])
    integers, unit = as_integers(near)
    n = len(near) - 1
    ghosts = cycle(integers, np.concatenate([np.arange(-k, 0), np.arange(n + 1, n + k + 1)]))
    outer = ratio(ghosts, np.array([unit], dtype=object))
    not_too_large("knots", outer)
    return np.concatenate([outer[:k], inner, outer[k:]])


def wrapped(x: Float64Array, a: float, b: float) -> tuple[Float64Array, Float64Array]:
    """x - q (b - a), in [a, b), and the whole numbers q. Infinities and NaN become NaN.

    Points of [a, b) are returned unchanged. A point that rounds to b becomes a of the next period.
    """
    outside = ~((x >= a) & (x < b))
    if not outside.any():
        return x, np.zeros_like(x)
    y, periods = x.copy(), np.zeros_like(x)
    point = x[outside]
    far = ~(np.abs(point) <= min(FAR * (b - a), LARGEST))
    moved, count = np.full_like(point, np.nan), np.full_like(point, np.nan)
    moved[~far], count[~far] = _near(point[~far], a, b)
    for i in np.flatnonzero(far & np.isfinite(point)):
        moved[i], count[i] = _exactly(float(point[i]), a, b)
    y[outside], periods[outside] = moved, count
    return y, periods


def _near(x: Float64Array, a: float, b: float) -> tuple[Float64Array, Float64Array]:
    length, rest = _two_sum(b, -a)
    first = length.dtype.type(134217729.0) * rest  # Veltkamp's split: two halves of 26 digits
    first = first - (first - rest)
    second = rest - first
    offset, low = _two_sum(x, -a)
    remainder = np.fmod(offset, length)
    q = np.rint((offset - remainder) / length)
    terms = [np.full_like(x, a), remainder, low]
    if rest != 0:
        terms += [-q * first, -q * second]
    y = _sum(terms)
    off = np.flatnonzero((y < a) | (y >= b))  # by a period
    step = np.where(y[off] < a, -1.0, 1.0)
    moved = _sum([*(term[off] for term in terms), -step * length, -step * rest])
    # Between b and the largest number below it, or between a and the next number below: the seam itself.
    y[off] = np.where((moved < a) | (moved >= b), a, moved)
    q[off] += step + (moved >= b)
    return y, q


def _exactly(x: float, a: float, b: float) -> tuple[float, float]:
    (point, low, high), unit = as_integers(np.array([x, a, b]))
    q, offset = divmod(point - low, high - low)
    y = (low + offset) / unit
    if y >= b:
        y, q = a, q + 1
    try:
        return y, float(q)
    except OverflowError:
        return y, np.inf if q > 0 else -np.inf


def wrapped_as(x: Array, a: float, b: float) -> Array:
    """`wrapped` points in the floating-point type of x, which stay in [a, b).

    Raises
    ------
    ValueError
        If no number of that type lies in [a, b).
    """
    if x.dtype == np.float64:
        return wrapped(x.astype(np.float64, copy=False), a, b)[0]
    kind = x.dtype.type
    low, high = kind(a), kind(b)
    # Compared in float64: NumPy would round a and b to the type of x.
    low = low if float(low) >= a else np.nextafter(low, kind(np.inf))
    high = high if float(high) < b else np.nextafter(high, kind(-np.inf))
    if low > high:
        raise ValueError(f"x must be float64: no {x.dtype} number lies in the domain [{a}, {b})")
    y: Array = np.clip(wrapped(x.astype(np.float64), a, b)[0].astype(x.dtype), low, high)
    return y


def _two_sum(p: Float64Array | float, q: Float64Array | float) -> tuple[Float64Array, Float64Array]:
    """(s, e) with p + q = s + e exactly and s the rounded sum (Knuth 1969)."""
    s = np.add(p, q)
    part = s - p
    return s, (p - (s - part)) + (q - part)


def _sum(terms: list[Float64Array]) -> Float64Array:
    """The sum as if in threefold precision, rounded (Ogita, Rump & Oishi 2005, Algorithm 4.8)."""
    terms = list(terms)
    for _ in range(2):
        for i in range(1, len(terms)):
            terms[i], terms[i - 1] = _two_sum(terms[i], terms[i - 1])
    total = terms[0]
    for term in terms[1:-1]:
        total = total + term
    return np.asarray(total + terms[-1])
