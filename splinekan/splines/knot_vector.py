"""KnotVector: the knots and the degree of a space of splines, validated once.

For degree k and G intervals the knots are t_{-k}, ..., t_{G+k}; array index j + k holds t_j. The domain is
[a, b] = [t_0, t_G]. The k ghost knots of each side lie outside the domain, or repeat its ends (clamped).

Knots are the float64 numbers that are stored: 0.1 far from 0 may be an odd place, but it is an exact one, and
whatever is computed from knots is right for the stored ones. They carry the units of x.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._arrays import trusted
from splinekan._checks import (
    Float64Array,
    increasing,
    instance,
    not_too_large,
    real_array,
    shown,
    spline_degree,
)
from splinekan.splines.spacing import UNIFORM, continued, equally_spaced, halved, unevenness

NESTED = 2.0**-40
"""How far a coarse knot may be from the fine one that it is, relative to the fine intervals beside it."""


@dataclass(frozen=True, eq=False, repr=False, init=False)
class KnotVector:
    """Knots t of splines of degree k: immutable, compared and hashed by content.

    Parameters
    ----------
    t
        Strictly increasing, or clamped: the first k+1 and the last k+1 equal and strictly increasing between.
        At least 2 k + 2 knots. A copy is kept, in float64 and read-only.
    degree
        k, 0 to 7.

    Raises
    ------
    TypeError, ValueError
        Naming the offending knots.

    Examples
    --------
    >>> knots = KnotVector.clamped([0, 1, 2], 3)
    >>> knots
    KnotVector(degree 3, 2 intervals on [0, 2], clamped)
    >>> knots.refine().breakpoints
    array([0. , 0.5, 1. , 1.5, 2. ])
    """

    t: Float64Array
    degree: int

    def __init__(self, t: ArrayLike, degree: int) -> None:
        k = spline_degree(degree)
        # A copy, which nobody else can change; adding 0 turns -0.0, equal but of other bytes, into 0.0.
        knots = real_array("knots", t, ndim=1).astype(np.float64) + 0.0
        not_too_large("knots", knots)
        if len(knots) < 2 * k + 2:
            raise ValueError(f"degree {k} needs at least {2 * k + 2} knots (one interval), got {len(knots)}")
        clamped = _ends_repeat(knots, k)
        inner = knots[k : len(knots) - k] if clamped else knots
        bad = np.flatnonzero(np.diff(inner) <= 0)
        if bad.size:
            at = int(bad[0]) + (k if clamped else 0)
            raise ValueError(
                f"knots must be strictly increasing (or clamped: the first and last {k + 1} equal), "
                f"got knots[{at}] = {knots[at]}, knots[{at + 1}] = {knots[at + 1]}"
            )
        knots.flags.writeable = False
        object.__setattr__(self, "t", knots)
        object.__setattr__(self, "degree", k)

    @classmethod
    def uniform(cls, a: float, b: float, intervals: int, degree: int) -> KnotVector:
        """Extended uniform knots a + i (b - a)/G, i = -k..G+k; see `uniform_knots`."""
        k = spline_degree(degree)
        return cls._of(equally_spaced(a, b, intervals, k), k)

    @classmethod
    def clamped(cls, breakpoints: ArrayLike, degree: int) -> KnotVector:
        """Strictly increasing `breakpoints`, the first and the last repeated k more times."""
        k = spline_degree(degree)
        points = increasing("breakpoints", breakpoints)
        return cls._of(np.concatenate([np.repeat(points[0], k), points, np.repeat(points[-1], k)]), k)

    @classmethod
    def extended(cls, breakpoints: ArrayLike, degree: int) -> KnotVector:
        """Strictly increasing `breakpoints` and k ghost knots each side, spaced as the end interval."""
        k = spline_degree(degree)
        return cls._of(continued(increasing("breakpoints", breakpoints), k), k)

    @classmethod
    def _of(cls, t: Float64Array, degree: int) -> KnotVector:
        """The record of knots that are known to be valid, in an array that nobody else holds."""
        t = t + 0.0
        t.flags.writeable = False
        return trusted(cls, t=t, degree=degree)

    # Content

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, index: Any) -> Any:
        return self.t[index]

    def __iter__(self) -> Iterator[float]:
        return iter(self.t.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False and dtype is not None and np.dtype(dtype) != self.t.dtype:
            raise ValueError(f"knots are float64: an array of {np.dtype(dtype)} would be a copy")
        array = self.t if dtype is None else self.t.astype(dtype, copy=False)
        return array.copy() if copy and array is self.t else array

    @cached_property
    def _content(self) -> tuple[bytes, int]:
        return self.t.tobytes(), self.degree

    @cached_property
    def _hash(self) -> int:
        return hash(self._content)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KnotVector):
            return NotImplemented
        return self is other or (self._hash == other._hash and self._content == other._content)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.t, self.degree)

    def __repr__(self) -> str:
        a, b = self.domain
        count = f"{self.intervals} interval" + "s" * (self.intervals > 1)
        kind = "uniform" if self.is_uniform else "clamped" if self.is_clamped else "extended"
        return f"KnotVector(degree {self.degree}, {count} on [{a:g}, {b:g}], {kind})"

    # Properties

    @property
    def domain(self) -> tuple[float, float]:
        """(a, b)."""
        return float(self.t[self.degree]), float(self.t[-self.degree - 1])

    @cached_property
    def n_basis(self) -> int:
        """Number of B-splines, intervals + degree."""
        return len(self.t) - self.degree - 1

    @cached_property
    def intervals(self) -> int:
        """Number of polynomial pieces on [a, b]."""
        return len(self.breakpoints) - 1

    @cached_property
    def breakpoints(self) -> Float64Array:
        """The ends t_0 < ... < t_G of the polynomial pieces on [a, b]: (intervals + 1,), read-only."""
        return self.t[self.degree : len(self.t) - self.degree]

    @cached_property
    def greville(self) -> Float64Array:
        """Greville points (t_{i+1} + ... + t_{i+k})/k: x = sum_i greville_i b_i(x). (n_basis,), read-only.

        For degree 0, the midpoints of the intervals.
        """
        t, k = self.t, self.degree
        if k == 0:
            points = (t[1:] + t[:-1]) / 2
        else:
            windows = np.lib.stride_tricks.sliding_window_view(t[1:-1], k)
            # Relative to the first of them: sums of knots far from 0 would lose digits, or overflow.
            first = windows[:, 0]
            points = np.asarray(first + (windows - first[:, None]).mean(axis=1))
        points.flags.writeable = False
        return points

    @cached_property
    def is_clamped(self) -> bool:
        """Whether the first k+1 and the last k+1 knots are equal (never for degree 0)."""
        return _ends_repeat(self.t, self.degree)

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all knots, ghosts too, are equally spaced to within `UNIFORM` times the spacing.

        Far from 0 float64 holds few uniform knots: rounding to multiples of eps |t| counts as what it is,
        unequal spacing.
        """
        return not self.is_clamped and unevenness(self.t) <= UNIFORM

    @cached_property
    def has_relu_basis(self) -> bool:
        """Whether the truncated powers of the knots are a basis, so that the change of basis A exists."""
        return bool((np.diff(self.t) > 0).all())

    # Other knots

    def refine(self, marked: ArrayLike | None = None) -> KnotVector:
        """Every interval halved, G becomes 2 G; or those `marked`, by their indices or a boolean mask.

        Ghost intervals are halved with the interval that they are next to, and the k nearest ghost knots are
        kept: uniform knots stay uniform, with half the spacing, and clamped knots stay clamped. The
        breakpoints are among the finer ones to the bit.

        Raises
        ------
        TypeError, ValueError
            For marks that name no intervals of these, and for an interval that holds no float64 number
            between its ends.
        """
        k = self.degree
        chosen = self._marked(marked)
        if chosen.all() and self.is_uniform:
            fine = equally_spaced(*self.domain, 2 * self.intervals, k)
            if np.array_equal(fine[k : len(fine) - k : 2], self.breakpoints):
                return self._of(fine, k)
        nonempty = np.diff(self.t) > 0
        cut = np.repeat([chosen[0], False, chosen[-1]], [k, len(self.t) - 2 * k - 1, k]) & nonempty
        cut[k : len(cut) - k][nonempty[k : len(cut) - k]] = chosen
        left, right = cut[:k].sum(), cut[len(cut) - k :].sum()
        fine = halved(self.t, cut)
        return self._of(fine[left : len(fine) - right], k)

    def _marked(self, marked: ArrayLike | None) -> NDArray[np.bool_]:
        if marked is None:
            return np.ones(self.intervals, bool)
        mask = np.zeros(self.intervals, bool)
        given = np.asarray(marked)
        if given.dtype == bool:
            if given.shape != mask.shape:
                raise ValueError(
                    f"marked must hold one of True and False for each of {self.intervals} intervals, "
                    f"got shape {given.shape}"
                )
            return given.copy()
        if given.ndim != 1 or (given.dtype.kind not in "iu" and given.size):
            raise TypeError(f"marked must be a vector of indices or a mask of booleans, got {shown(marked)}")
        bad = given[(given < 0) | (given >= self.intervals)]
        if bad.size:
            raise ValueError(f"marked must be between 0 and {self.intervals - 1}, got {bad[0]}")
        mask[given.astype(np.intp)] = True
        return mask

    def insert(self, new: ArrayLike) -> KnotVector:
        """The knots with the breakpoints `new` added, which must lie strictly inside (a, b).

        Raises
        ------
        TypeError, ValueError
            For a new knot outside (a, b), or equal to a knot or to another new one.
        """
        added = np.sort(real_array("new", new, ndim=1).astype(np.float64))
        a, b = self.domain
        outside = added[(added <= a) | (added >= b)]
        if outside.size:
            raise ValueError(f"new knots must lie strictly inside ({a}, {b}), got {outside[0]}")
        merged = np.sort(np.concatenate([self.t, added]))
        inner = merged[self.degree : len(merged) - self.degree]
        twice = inner[:-1][np.diff(inner) <= 0]
        if twice.size:
            raise ValueError(f"new knots must differ from each other and from the knots: {twice[0]}")
        return self._of(merged, self.degree)

    def coarsen(self) -> KnotVector:
        """Every other breakpoint, the inverse of `refine`: intervals are merged in pairs.

        Uniform knots stay uniform and clamped knots clamped; otherwise the ghost knots are kept.

        Raises
        ------
        ValueError
            For an odd number of intervals.
        """
        k = self.degree
        if self.intervals % 2:
            raise ValueError(
                f"only an even number of intervals can be merged in pairs, got {self.intervals} intervals"
            )
        if self.is_uniform:
            coarse = equally_spaced(*self.domain, self.intervals // 2, k)
            if np.array_equal(coarse[k : len(coarse) - k], self.breakpoints[::2]):
                return self._of(coarse, k)
        return self._of(np.concatenate([self.t[:k], self.breakpoints[::2], self.t[len(self.t) - k :]]), k)

    def is_nested_in(self, finer: KnotVector) -> bool:
        """Whether every spline on these knots is a spline on `finer`, so that a prolongation exists.

        That is: same degree and domain, and every breakpoint is one of `finer`'s, to rounding relative to
        the intervals beside it. Ghost knots need not be related.
        """
        instance("finer", finer, KnotVector)
        if self.degree != finer.degree:
            return False
        try:
            nested_positions(self, finer)
        except ValueError:
            return False
        return True


def knot_vector(knots: KnotVector | ArrayLike, degree: int | None = None) -> KnotVector:
    """The `KnotVector` of an array of knots and a degree; a KnotVector is returned as it is.

    Raises
    ------
    TypeError, ValueError
        For an array without a degree, for bad knots, and for a degree that is not that of the KnotVector.
    """
    if isinstance(knots, KnotVector):
        if degree is not None and spline_degree(degree) != knots.degree:
            raise ValueError(
                f"degree must be that of the KnotVector, {knots.degree}, or omitted, got {degree}"
            )
        return knots
    if degree is None:
        raise TypeError("degree must be given with an array of knots; only a KnotVector knows its own")
    return KnotVector(knots, degree)


def nested_positions(coarse: KnotVector, fine: KnotVector) -> NDArray[np.intp]:
    """Index of every coarse breakpoint among the fine ones.

    Raises
    ------
    ValueError
        If a coarse breakpoint is not a fine one, or the domains differ.
    """
    points, ends = coarse.breakpoints, fine.breakpoints
    right = np.clip(np.searchsorted(ends, points), 1, len(ends) - 1)
    nearest = np.where(points - ends[right - 1] < ends[right] - points, right - 1, right)
    # Equal to rounding, relative to the intervals beside the knot: what a knot is off moves the function.
    widths = np.diff(ends)
    beside = np.minimum(widths[np.maximum(nearest - 1, 0)], widths[np.minimum(nearest, len(widths) - 1)])
    far = np.abs(ends[nearest] - points) > NESTED * beside
    far[1:] |= nearest[1:] <= nearest[:-1]  # two coarse knots cannot be the same fine one
    missing = np.flatnonzero(far)
    if missing.size:
        raise ValueError(
            f"coarse_knots and fine_knots are not nested: the coarse breakpoint {points[missing[0]]} is not "
            "among the fine ones"
        )
    if nearest[0] != 0 or nearest[-1] != len(ends) - 1:
        raise ValueError(
            f"domains differ: coarse_knots have [{points[0]}, {points[-1]}], "
            f"fine_knots [{ends[0]}, {ends[-1]}]"
        )
    return nearest


def _ends_repeat(t: Float64Array, k: int) -> bool:
    return k > 0 and bool((t[: k + 1] == t[0]).all() and (t[-k - 1 :] == t[-1]).all())
