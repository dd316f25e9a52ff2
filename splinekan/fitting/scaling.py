"""Scaling of inputs to the domain of the splines, and of targets to mean 0 and deviation 1, and back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from splinekan._checks import Float64Array, not_too_large
from splinekan.fitting.training import DOMAIN
from splinekan.network import Normalizer
from splinekan.network.domains import DomainWarning, Interval

MARGIN = 0.025
"""The domain extends beyond the data by this share of their range, on both sides."""
CROWDED = 0.02
"""A warning is issued if nine tenths of a column lie in less than this share of its range."""
TINY = float(np.finfo(np.float64).tiny)
EPS = float(np.finfo(np.float64).eps)


class Scaling(NamedTuple):
    """Bounds of every input, and the centre and the deviation of every output."""

    bounds: tuple[Interval, ...]
    centre: Float64Array
    deviation: Float64Array

    @property
    def inputs(self) -> Normalizer:
        """The map of the inputs into `DOMAIN`."""
        return Normalizer(len(self.bounds), "affine", DOMAIN, self.bounds)

    @property
    def outputs(self) -> Normalizer | None:
        """The map of the outputs to the units of y; None where it is the identity."""
        if (self.centre == 0).all() and (self.deviation == 1).all():
            return None
        low, high = self.centre - self.deviation, self.centre + self.deviation
        ends = tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))
        return Normalizer(len(ends), "affine", ends, (-1.0, 1.0))

    def scaled(self, x: Float64Array) -> Float64Array:
        """Inputs in `DOMAIN`."""
        return np.asarray(self.inputs.value(np.zeros(0), x))

    def standard(self, y: Float64Array) -> Float64Array:
        """Targets with mean 0 and deviation 1; those of held-out samples may be infinite in these units."""
        with np.errstate(over="ignore"):
            return np.asarray((y - self.centre) / self.deviation)


def warn_of_outliers(x: Float64Array, names: Sequence[str], stacklevel: int) -> None:
    """Issue a `DomainWarning` for columns most of whose samples lie in a small part of the domain."""
    if len(x) < 20:
        return
    low, high = np.quantile(x, [0.05, 0.95], axis=0)
    share = (high - low) / np.maximum(np.ptp(x, axis=0), TINY)
    crowded = np.flatnonzero((share < CROWDED) & (high > low))
    if len(crowded):
        text = ", ".join(f"{names[p]!r} ({100 * share[p]:.2g} %)" for p in crowded[:4])
        warnings.warn(
            f"nine tenths of the samples lie in a small part of the range of {text}: are there outliers, or "
            "should a logarithm be taken? The knots of the splines are spread over the whole range",
            DomainWarning,
            stacklevel=stacklevel + 1,
        )


def bounds_of(x: Float64Array) -> tuple[Interval, ...]:
    """The domain of every column: its range with a margin; of a constant column, an interval around it.

    Raises
    ------
    ValueError
        For a column whose range leaves float64.
    """
    found = []
    for p, (low, high) in enumerate(zip(x.min(axis=0).tolist(), x.max(axis=0).tolist(), strict=True)):
        size = max(abs(low), abs(high))
        with np.errstate(over="ignore"):
            # Values that differ by rounding only count as constant.
            margin = MARGIN * (high - low) if high - low > 64 * EPS * size else max(size, 1.0)
            ends = (low - margin, high + margin)
        if not np.isfinite(ends[1] - ends[0]):
            raise ValueError(f"X[:, {p}] must have a range within float64, got {low:g} to {high:g}")
        found.append(ends)
    return tuple(found)


def centred(y: Float64Array, weights: Float64Array | None, robust: bool) -> tuple[Float64Array, Float64Array]:
    """The centre and the deviation of every target; median and quartiles if `robust`.

    The deviation of a constant target is 1, or of the size of the constant where 1 would lose its digits.

    Raises
    ------
    ValueError
        For targets beyond 1e300.
    """
    size = np.abs(not_too_large("y", y)).max(axis=0)
    if robust:
        low, centre, high = np.quantile(y, [0.25, 0.5, 0.75], axis=0)
        deviation = (high - low) / 1.349  # of a normal distribution
        if (deviation == 0).any():  # more than half of the targets are equal
            deviation = np.where(deviation > 0, deviation, _spread(y, y.mean(axis=0), None))
    else:
        centre = np.average(y, axis=0, weights=weights)
        deviation = _spread(y, centre, weights)
    unit = np.where(size > 0, np.clip(1.0, size / 1024, size), 1.0)
    return centre, np.where(deviation > 64 * EPS * size, deviation, unit)


def _spread(y: Float64Array, centre: Float64Array, weights: Float64Array | None) -> Float64Array:
    """The root mean square distance from the centre, without overflow of the squares."""
    distance = y - centre
    power = np.frexp(np.abs(distance).max(axis=0))[1]
    squares = np.ldexp(distance, -power) ** 2
    return np.asarray(np.ldexp(np.sqrt(np.average(squares, axis=0, weights=weights)), power))
