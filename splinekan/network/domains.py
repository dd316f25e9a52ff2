"""Intervals on which inputs lie: their notation, and a warning when samples leave them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array, each, interval, sequence, shown

Interval = tuple[float, float]

SHARE = 0.01
"""A warning is issued if more than this share of a column's samples lies outside."""
FILLED = 1e-3
"""A warning is issued if a column varies by less than this share of its interval, or of another column."""
ROUNDING = 1e-6
"""Share of the interval's length by which samples may lie outside and count as inside, up to rounding."""


class DomainWarning(UserWarning):
    """Warning that samples do not suit the first layer: outside the domain of splines, or in unlike units.

    Silence it where extrapolation is intended.

    Examples
    --------
    >>> import warnings
    >>> warnings.simplefilter("ignore", DomainWarning)
    """


def intervals(name: str, value: Any, count: int) -> Interval | tuple[Interval, ...]:
    """`value` as a single pair (a, b), for all `count` components, or as a pair for each of them.

    Raises
    ------
    TypeError, ValueError
        For anything else, naming the pair at fault.
    """
    if isinstance(value, (dict, set, frozenset)):
        raise TypeError(f"{name} must be a pair (a, b) or a sequence of pairs, got {shown(value)}")
    ends = sequence(name, value)
    if not any(isinstance(end, (list, tuple)) or getattr(end, "ndim", 0) for end in ends):
        return interval(name, value)
    pairs = tuple(each(name, ends, interval))
    if len(pairs) != count:
        raise ValueError(f"{name} must be one pair (a, b) or {count} of them, got {len(pairs)}")
    return pairs


def one_each(ends: Interval | tuple[Interval, ...], count: int) -> tuple[Interval, ...]:
    """The result of `intervals` as a pair for each of `count` components."""
    first = ends[0]
    return ends if isinstance(first, tuple) else (ends,) * count  # type: ignore[return-value]


def shown_intervals(ends: Interval | tuple[Interval, ...]) -> str:
    """[a, b] x [c, d] x ..., shortened."""
    pairs = one_each(ends, 1)
    text = " x ".join(f"[{a:g}, {b:g}]" for a, b in pairs[:4])
    return text if len(pairs) <= 4 else f"{text} x ... ({len(pairs)})"


class Survey(NamedTuple):
    """Columns of samples: their number, how many lie outside each interval, and the ends of each column."""

    n_samples: int
    outside: NDArray[np.int64]
    least: Array
    most: Array

    @staticmethod
    def joined(parts: Sequence[Survey]) -> Survey:
        """The survey of all samples, from surveys of some."""
        return Survey(
            sum(part.n_samples for part in parts),
            np.sum([part.outside for part in parts], axis=0),
            np.min([part.least for part in parts], axis=0),
            np.max([part.most for part in parts], axis=0),
        )


def survey(x: Array, domain: Sequence[Interval] | None, periodic: Sequence[bool] | None = None) -> Survey:
    """The columns of x, (n, n_in), against their intervals, if there are any; n is positive.

    Outside is further than `ROUNDING` and the rounding of x. A column marked in `periodic` has no outside.
    """
    outside = np.zeros(x.shape[1], np.int64)
    if domain is not None:
        low, high = np.array(domain, dtype=np.float64).T
        slack = ROUNDING * (high - low) + 2 * np.finfo(x.dtype).eps * np.maximum(np.abs(low), np.abs(high))
        with np.errstate(over="ignore"):
            ends = (low - slack).astype(x.dtype), (high + slack).astype(x.dtype)
        outside = ((x < ends[0]) | (x > ends[1])).sum(axis=0)
        if periodic is not None:
            outside = np.where(periodic, 0, outside)
    return Survey(len(x), outside, x.min(axis=0), x.max(axis=0))


def warn_of_survey(found: Survey, domain: Sequence[Interval], stacklevel: int) -> None:
    """Issue a `DomainWarning` if the columns of x do not suit their intervals.

    That is, if more than `SHARE` of a column lies outside, further than `ROUNDING` and the rounding of x; or
    if a column that varies fills less than `FILLED` of its interval, as columns in unlike units do in an
    interval for all.
    """
    low, high = np.array(domain, dtype=np.float64).T
    outside, least, most = found.outside / found.n_samples, found.least, found.most
    with np.errstate(over="ignore"):
        filled = (most.astype(np.float64) - least) / (high - low)
    beyond = [
        f"{100 * outside[p]:.3g} % of column {p} (from {least[p]:g} to {most[p]:g}) outside "
        f"[{low[p]:g}, {high[p]:g}]"
        for p in np.flatnonzero(outside > SHARE)
    ]
    if beyond:
        _warn(
            f"x leaves the domain of the first spline layer: {_few(beyond)}. Outside its domain a spline is "
            f"only continued. {REMEDY}",
            stacklevel + 1,
        )
    narrow = [
        f"column {p} (from {least[p]:g} to {most[p]:g}) {filled[p]:.1g} of [{low[p]:g}, {high[p]:g}]"
        for p in np.flatnonzero((filled > 0) & (filled < FILLED) & (outside <= SHARE))
    ]
    if narrow:
        _warn(
            f"x hardly fills the domain of the first spline layer: {_few(narrow)}. The intervals of a spline "
            f"are shares of its domain. {REMEDY}",
            stacklevel + 1,
        )


def warn_of_scales(found: Survey, stacklevel: int) -> None:
    """Issue a `DomainWarning` if columns of x that enter an affine map vary on scales 1/`FILLED` apart.

    Methods that are not invariant to the scaling of inputs (all but undamped Gauss-Newton) then hardly change
    some of the weights. Constant columns do not count.
    """
    least, most = found.least.astype(np.float64), found.most.astype(np.float64)
    with np.errstate(over="ignore"):
        spread = most - least
    varying = np.flatnonzero(spread > 0)
    if len(varying) and spread[varying].min() < FILLED * spread[varying].max():
        wide, narrow = (int(varying[at(spread[varying])]) for at in (np.argmax, np.argmin))
        _warn(
            f"x has columns in unlike units, and an affine map comes first: column {wide} varies by "
            f"{spread[wide]:g}, column {narrow} by {spread[narrow]:g}. {REMEDY}",
            stacklevel + 1,
        )


REMEDY = (
    "Give an interval for every input, KAN.splines(domain=[(a, b), ...]) or "
    "Normalizer(n_in, 'affine', source=[(a, b), ...]) as first layer; where this is meant, filter "
    "splinekan.DomainWarning"
)


def _few(parts: Sequence[str]) -> str:
    more = f", and {len(parts) - 4} more columns" if len(parts) > 4 else ""
    return "; ".join(parts[:4]) + more


def _warn(message: str, stacklevel: int) -> None:
    warnings.warn(message, DomainWarning, stacklevel=stacklevel + 1)
