"""KnotVector: the knots and the degree of a space of splines, validated once.

For degree k the knots are t_{-k}, ..., t_{m+k}; array index j + k holds t_j. The domain is [a, b] with a =
t_0 and b = t_m. The k ghost knots of each side lie outside the domain, repeat its ends (clamped), or both.
Across an inner knot that occurs mu times a spline has k - mu continuous derivatives; mu = k + 1 allows a
jump. Periodic knots are continued past a and b with the period b - a.

Knots are the float64 numbers that are stored. Results computed from knots are exact, or rounded once, for the
stored knots, whatever decimal numbers were meant. Knots carry the units of x.
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
    Array,
    Float64Array,
    boolean,
    increasing,
    instance,
    not_too_large,
    real_array,
    spline_degree,
)
from splinekan.splines._rationals import Integers, as_integers
from splinekan.splines.periodicity import cycle, periodic_knots, wrapped, wrapped_as
from splinekan.splines.spacing import (
    UNIFORM,
    check_order,
    chosen_intervals,
    continued,
    equally_spaced,
    halved,
    nested,
    repeated,
    sums_rounded,
    unevenness,
)


@dataclass(frozen=True, eq=False, repr=False, init=False)
class KnotVector:
    """Knots t of splines of degree k: immutable, compared and hashed by content.

    Parameters
    ----------
    t
        Nondecreasing; at least 2 k + 2 knots, none of multiplicity above k + 1. The first and the last
        interval of the domain must not be empty: the end knots a and b may be repeated among the ghost knots,
        not inside the domain. A copy is kept, in float64 and read-only.
    degree
        k, 0 to 9.
    periodic
        Whether splines have the period b - a. The k ghost knots of each side must continue the others, to
        rounding; they are computed anew.

    Raises
    ------
    TypeError, ValueError
        For knots that are not such an array, which the message names, and for a bad degree.

    Examples
    --------
    >>> knots = KnotVector.clamped([0, 1, 2], 3)
    >>> knots
    KnotVector(degree 3, 2 intervals on [0, 2], clamped)
    >>> knots.refine().breakpoints
    array([0. , 0.5, 1. , 1.5, 2. ])
    >>> KnotVector.uniform(0, 1, 4, 3, periodic=True).n_basis
    4
    """

    t: Float64Array
    degree: int
    periodic: bool

    def __init__(self, t: ArrayLike, degree: int, periodic: bool = False) -> None:
        k, cyclic = spline_degree(degree), boolean("periodic", periodic)
        if isinstance(t, KnotVector) and (t.degree, t.periodic) != (k, cyclic):
            raise ValueError(f"knots must be an array, or have degree {k} and periodic={cyclic}, got {t}")
        # A copy, owned by this record; adding 0 turns -0.0, equal but of other bytes, into 0.0.
        knots = real_array("knots", t, ndim=1).astype(np.float64) + 0.0
        not_too_large("knots", knots)
        check_order(knots, k)
        if cyclic:
            given, knots = knots, periodic_knots(knots[k : len(knots) - k], k)
            far = np.abs(given - knots) > 8 * np.finfo(np.float64).eps * np.abs(knots).max()
            if far.any():
                at = int(np.argmax(far))
                raise ValueError(
                    f"periodic knots must repeat with the period b - a = {given[-k - 1] - given[k]}: "
                    f"got knots[{at}] = {given[at]} in place of {knots[at]}"
                )
        knots.flags.writeable = False
        object.__setattr__(self, "t", knots)
        object.__setattr__(self, "degree", k)
        object.__setattr__(self, "periodic", cyclic)
        # Rounding may make ghost knots equal that are not.
        distinct = self.exact[0] if cyclic else knots
        many = np.flatnonzero(distinct[k + 1 :] <= distinct[: -k - 1])
        if many.size:
            raise ValueError(f"a knot may occur at most degree + 1 = {k + 1} times, got {knots[many[0]]}")

    @classmethod
    def uniform(cls, a: float, b: float, intervals: int, degree: int, periodic: bool = False) -> KnotVector:
        """Extended uniform knots a + i (b - a)/G, i = -k..G+k; see `uniform_knots`."""
        k, cyclic = spline_degree(degree), boolean("periodic", periodic)
        if cyclic:
            return cls._cyclic(equally_spaced(a, b, intervals), k)
        return cls._of(equally_spaced(a, b, intervals, k), k)

    @classmethod
    def clamped(cls, breakpoints: ArrayLike, degree: int, multiplicity: ArrayLike = 1) -> KnotVector:
        """Strictly increasing `breakpoints`, the first and the last repeated k more times.

        `multiplicity`, 1 to k + 1, applies to all inner breakpoints, or holds a number for each of them.
        """
        k = spline_degree(degree)
        inner = repeated(increasing("breakpoints", breakpoints), multiplicity, k)
        return cls._of(np.concatenate([np.repeat(inner[0], k), inner, np.repeat(inner[-1], k)]), k)

    @classmethod
    def extended(
        cls, breakpoints: ArrayLike, degree: int, multiplicity: ArrayLike = 1, periodic: bool = False
    ) -> KnotVector:
        """Strictly increasing `breakpoints` and k ghost knots each side, spaced as the end interval.

        If `periodic`, the ghost knots continue the others with the period instead. `multiplicity` as for
        `clamped`.
        """
        k, cyclic = spline_degree(degree), boolean("periodic", periodic)
        points = increasing("breakpoints", breakpoints)
        inner = repeated(points, multiplicity, k)
        if cyclic:
            return cls._cyclic(inner, k)
        outer = continued(points, k)
        return cls._of(np.concatenate([outer[:k], inner, outer[len(outer) - k :]]), k)

    @classmethod
    def _of(cls, t: Float64Array, degree: int, periodic: bool = False) -> KnotVector:
        """The record of knots that are known to be valid."""
        t = t + 0.0
        t.flags.writeable = False
        return trusted(cls, t=t, degree=degree, periodic=periodic)

    @classmethod
    def _cyclic(cls, inner: Float64Array, degree: int) -> KnotVector:
        return cls._of(periodic_knots(inner, degree), degree, True)

    def _like(self, left: Float64Array, inner: Float64Array, right: Float64Array) -> KnotVector:
        """Knots of the same kind with new `inner` knots; the ghost knots are used unless periodic."""
        if self.periodic:
            return self._cyclic(inner, self.degree)
        return self._of(np.concatenate([left, inner, right]), self.degree)

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
    def _content(self) -> tuple[bytes, int, bool]:
        return self.t.tobytes(), self.degree, self.periodic

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
        return type(self), (self.t, self.degree, self.periodic)

    def __repr__(self) -> str:
        a, b = self.domain
        count = f"{self.intervals} interval" + "s" * (self.intervals > 1)
        kinds = {
            "periodic": self.periodic,
            "uniform": self.is_uniform,
            "clamped": self.is_clamped,
            "repeated inner knots": len(self.breakpoints) < len(self.inner),
        }
        kind = ", ".join(name for name, applies in kinds.items() if applies) or "extended"
        return f"KnotVector(degree {self.degree}, {count} on [{a:g}, {b:g}], {kind})"

    # Properties

    @property
    def domain(self) -> tuple[float, float]:
        """The interval (a, b)."""
        return float(self.t[self.degree]), float(self.t[-self.degree - 1])

    @cached_property
    def inner(self) -> Float64Array:
        """The knots in [a, b] with their multiplicities: (spans + 1,), read-only."""
        return self.t[self.degree : len(self.t) - self.degree]

    @cached_property
    def n_basis(self) -> int:
        """Number of B-splines: spans + degree, or spans if periodic.

        A span lies between neighbouring inner knots, so that spans are intervals unless a knot is repeated.
        """
        return len(self.inner) - 1 + (0 if self.periodic else self.degree)

    @cached_property
    def intervals(self) -> int:
        """Number of polynomial pieces on [a, b], which are the spans that are not empty."""
        return len(self.first_active)

    @cached_property
    def first_active(self) -> NDArray[np.int64]:
        """The span of each interval, which is the index of the first of the k + 1 B-splines active there."""
        spans = np.flatnonzero(np.diff(self.inner) > 0)
        spans.flags.writeable = False
        return spans

    @cached_property
    def breakpoints(self) -> Float64Array:
        """The ends of the polynomial pieces on [a, b], strictly increasing: (intervals + 1,), read-only."""
        points = self.inner
        if len(points) > self.intervals + 1:
            points = np.append(points[self.first_active], points[-1])
            points.flags.writeable = False
        return points

    @cached_property
    def multiplicities(self) -> NDArray[np.int64]:
        """How often each inner breakpoint occurs: (intervals - 1,), read-only."""
        counts = np.diff(self.first_active)
        counts.flags.writeable = False
        return counts

    @cached_property
    def middles(self) -> NDArray[np.int64]:
        """An interval near the middle of the support of each B-spline: (n_basis,), read-only."""
        k, index = self.degree, np.arange(self.n_basis)
        span = np.clip(index - k + k // 2, 0, len(self.inner) - 2)
        interval = np.searchsorted(self.first_active, span, side="right") - 1
        interval += self.first_active[interval] < index - k  # a B-spline that begins at a repeated knot
        interval.flags.writeable = False
        return interval

    @cached_property
    def fold(self) -> NDArray[np.int64]:
        """The index of the coefficient of each B-spline that is active on [a, b]: (spans + k,), read-only.

        0, 1, ..., spans + k - 1; for periodic knots modulo n_basis, because k coefficients occur twice:
        c[fold] are the coefficients of the same spline on [a, b] without the period.
        """
        index = np.arange(len(self.inner) - 1 + self.degree) % self.n_basis
        index.flags.writeable = False
        return index

    @cached_property
    def exact(self) -> tuple[Integers, int]:
        """(n, unit): the knots are n/unit, n integers. Periodic ghost knots are exact here, not rounded."""
        if not self.periodic:
            return as_integers(self.t)
        integers, unit = as_integers(self.inner)
        return cycle(integers, np.arange(-self.degree, len(integers) + self.degree)), unit

    @cached_property
    def greville(self) -> Float64Array:
        """Greville points (t_{i+1} + ... + t_{i+k})/k, (n_basis,), read-only: x = sum_i greville_i b_i(x).

        For degree 0, the midpoints of the intervals. Those of periodic knots lie in [a, b).
        """
        t, k = self.t, self.degree
        if k == 0:
            points = (t[1:] + t[:-1]) / 2
        else:
            windows = np.lib.stride_tricks.sliding_window_view(t[1:-1], k)
            # Relative to the first of them: sums of knots far from 0 would lose digits, or overflow.
            first = windows[:, 0]
            points = np.asarray(first + (windows - first[:, None]).mean(axis=1))
        if self.periodic:
            points = wrapped(points[: self.n_basis], *self.domain)[0]
        points.flags.writeable = False
        return points

    @cached_property
    def is_clamped(self) -> bool:
        """Whether the first k+1 and the last k+1 knots are equal (never for degree 0)."""
        t, k = self.t, self.degree
        return k > 0 and bool(t[0] == t[k] and t[-1] == t[-k - 1])

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all knots, ghosts too, are equally spaced to within `UNIFORM` times the spacing.

        Far from 0, knots are rounded to multiples of eps |t|; spacings that differ by such a multiple count
        as unequal. So does a spacing whose half is not such a multiple: its middle is not representable.
        """
        t = self.inner if self.periodic else self.t
        if not (np.diff(t) > 0).all() or unevenness(t) > UNIFORM:
            return False
        return bool((sums_rounded(self.inner) <= 2 * UNIFORM * np.diff(self.inner)).all())

    @cached_property
    def has_relu_basis(self) -> bool:
        """Whether the truncated powers of the knots are a basis, so that the change of basis A exists."""
        return not self.periodic and bool((np.diff(self.t) > 0).all())

    def check_relu_basis(self, what: str) -> None:
        """Raise ValueError, with the reason, unless the truncated powers of the knots are a basis."""
        if self.has_relu_basis:
            return
        if self.periodic:
            raise ValueError(
                f"{what} needs strictly increasing knots without a period: no truncated power is periodic"
            )
        at = int(np.argmin(np.diff(self.t) > 0))
        raise ValueError(
            f"{what} needs strictly increasing knots (see uniform_knots or extended_knots), got "
            f"knots[{at}] = knots[{at + 1}] = {self.t[at]}: the truncated powers of a repeated knot are "
            "linearly dependent"
        )

    def wrap(self, x: ArrayLike) -> Array:
        """x less a whole number of periods b - a: the nearest number in [a, b) of x's floating-point type.

        Points of [a, b) are returned unchanged, b becomes a, and infinities become NaN. Periodic splines are
        evaluated at wrapped points. Knots without a period can be used too.

        Raises
        ------
        TypeError, ValueError
            If x is not an array of real numbers; if x is float32 and no float32 number lies in [a, b).

        Examples
        --------
        >>> KnotVector.uniform(0, 1, 4, 3, periodic=True).wrap([-0.25, 0.5, 1.0, 7.75])
        array([0.75, 0.5 , 0.  , 0.75])
        """
        return wrapped_as(real_array("x", x, finite=False), *self.domain)

    # Other knots

    def refine(self, marked: ArrayLike | None = None) -> KnotVector:
        """Knots with every interval halved (G becomes 2 G), or the `marked` intervals.

        `marked` holds indices of intervals, or is a boolean mask. Ghost intervals are halved with the
        adjacent interval, and the k nearest ghost knots are kept: uniform knots stay uniform, with half the
        spacing, and clamped knots stay clamped. Breakpoints remain breakpoints bit for bit, with the same
        multiplicities.

        Raises
        ------
        TypeError, ValueError
            For indices out of range, a mask of another length, and an interval with no float64 number between
            its ends.
        """
        k = self.degree
        chosen = chosen_intervals(marked, self.intervals)
        if chosen.all() and self.is_uniform:
            a, b = self.domain
            fine = self.uniform(a, b, 2 * self.intervals, k, self.periodic)
            if np.array_equal(fine.breakpoints[::2], self.breakpoints):
                return fine
        inside = np.zeros(len(self.inner) - 1, bool)
        inside[self.first_active] = chosen
        nonempty = np.diff(self.t) > 0
        left = halved(self.t[: k + 1], nonempty[:k] & chosen[0])
        right = halved(self.t[len(self.t) - k - 1 :], nonempty[len(nonempty) - k :] & chosen[-1])
        return self._like(left[len(left) - k - 1 : -1], halved(self.inner, inside), right[1 : k + 1])

    def insert(self, new: ArrayLike) -> KnotVector:
        """The knots together with the `new` knots, which must lie strictly inside (a, b).

        A new knot may equal others; every copy removes a continuous derivative.

        Raises
        ------
        TypeError, ValueError
            For a new knot outside (a, b), or with a multiplicity above k + 1.
        """
        added = np.sort(real_array("new", new, ndim=1).astype(np.float64)) + 0.0
        a, b = self.domain
        outside = added[(added <= a) | (added >= b)]
        if outside.size:
            raise ValueError(f"new knots must lie strictly inside ({a}, {b}), got {outside[0]}")
        k = self.degree
        inner = np.sort(np.concatenate([self.inner, added]))
        many = np.flatnonzero(inner[k + 1 :] <= inner[: -k - 1])
        if many.size:
            raise ValueError(
                f"a knot may occur at most degree + 1 = {k + 1} times, new and old knots together; got "
                f"{inner[many[0]]} more often"
            )
        return self._like(self.t[:k], inner, self.t[len(self.t) - k :])

    def coarsen(self) -> KnotVector:
        """Knots at every other breakpoint, the inverse of `refine`: intervals are merged in pairs.

        Uniform knots stay uniform and clamped knots clamped; otherwise the ghost knots are kept. Breakpoints
        keep their multiplicities.

        Raises
        ------
        ValueError
            For an odd number of intervals.
        """
        k = self.degree
        if self.intervals % 2:
            raise ValueError(
                f"intervals are merged in pairs, so their number must be even: got {self.intervals}"
            )
        if self.is_uniform:
            a, b = self.domain
            coarse = self.uniform(a, b, self.intervals // 2, k, self.periodic)
            if np.array_equal(coarse.breakpoints, self.breakpoints[::2]):
                return coarse
        counts = np.ones(self.intervals + 1, np.int64)
        counts[1:-1] = self.multiplicities
        inner = np.repeat(self.breakpoints[::2], counts[::2])
        return self._like(self.t[:k], inner, self.t[len(self.t) - k :])

    def is_nested_in(self, finer: KnotVector) -> bool:
        """Whether every spline on these knots is a spline on `finer`, so that a prolongation exists.

        This holds if degrees and domains agree and every breakpoint is a breakpoint of `finer`, to rounding
        relative to the intervals beside it, with at least the same multiplicity. Ghost knots need not be
        related. Periodic knots may be nested in knots without a period, not conversely.
        """
        try:
            instance("finer", finer, KnotVector).locate(self)
        except ValueError:
            return False
        return True

    def locate(self, coarse: KnotVector) -> NDArray[np.int64]:
        """Index of every breakpoint of `coarse` knots among these, in which they must be nested.

        Raises
        ------
        TypeError, ValueError
            With the reason, unless `coarse.is_nested_in(self)`.
        """
        instance("coarse", coarse, KnotVector)
        if coarse.degree != self.degree:
            raise ValueError(f"degrees differ: coarse_knots have {coarse.degree}, fine_knots {self.degree}")
        if self.periodic and not coarse.periodic:
            raise ValueError("fine_knots are periodic and coarse_knots are not: the spaces are not nested")
        return nested(coarse.breakpoints, coarse.multiplicities, self.breakpoints, self.multiplicities)


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
        raise TypeError("degree must be given with an array of knots; only a KnotVector carries its own")
    return KnotVector(knots, degree)
