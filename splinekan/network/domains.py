"""Intervals on which inputs lie: their notation, and a word when samples leave them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from splinekan._checks import Array, each, interval, sequence, shown

Interval = tuple[float, float]

SHARE = 0.01
"""A column is worth a word if more than this share of its samples lies outside."""
ROUNDING = 1e-6
"""Of the interval's length: samples that far outside are taken as inside but for rounding."""


class DomainWarning(UserWarning):
    """Samples lie outside the domain of the splines that take them, where these are continued only.

    Silence it where extrapolation is meant: warnings.simplefilter("ignore", splinekan.DomainWarning).
    """


def intervals(name: str, value: Any, count: int) -> Interval | tuple[Interval, ...]:
    """`value` as one pair (a, b), which serves all `count` components, or as a pair for each of them.

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
    """What `intervals` returned, as a pair for each of `count` components."""
    first = ends[0]
    return ends if isinstance(first, tuple) else (ends,) * count  # type: ignore[return-value]


def shown_intervals(ends: Interval | tuple[Interval, ...]) -> str:
    """[a, b] x [c, d] x ..., shortened."""
    pairs = one_each(ends, 1)
    text = " x ".join(f"[{a:g}, {b:g}]" for a, b in pairs[:4])
    return text if len(pairs) <= 4 else f"{text} x ... ({len(pairs)})"


def warn_outside(x: Array, domain: Sequence[Interval], stacklevel: int) -> None:
    """A `DomainWarning` if more than `SHARE` of a column of x, (n, len(domain)), lies outside its interval.

    One pass over x. What is called outside is further out than `ROUNDING` and the rounding of x.
    """
    low, high = np.array(domain, dtype=np.float64).T
    slack = ROUNDING * (high - low) + 2 * np.finfo(x.dtype).eps * np.maximum(np.abs(low), np.abs(high))
    with np.errstate(over="ignore"):
        ends = (low - slack).astype(x.dtype), (high + slack).astype(x.dtype)
    outside = ((x < ends[0]) | (x > ends[1])).mean(axis=0) if len(x) else np.zeros(len(low))
    columns = np.flatnonzero(outside > SHARE)
    if len(columns) == 0:
        return
    found = [
        f"{100 * outside[p]:.3g} % of column {p} (from {x[:, p].min():g} to {x[:, p].max():g}) outside "
        f"[{low[p]:g}, {high[p]:g}]"
        for p in columns[:4]
    ]
    more = f", and {len(columns) - 4} more columns" if len(columns) > 4 else ""
    warnings.warn(
        f"x leaves the domain of the first spline layer: {'; '.join(found)}{more}. Outside its domain a "
        "spline is only continued. Give an interval for every input, KAN.splines(domain=[(a, b), ...]) or "
        "Normalizer(n_in, 'affine', source=[(a, b), ...]) as first layer; where extrapolation is meant, "
        "filter splinekan.DomainWarning",
        DomainWarning,
        stacklevel=stacklevel + 1,
    )
