"""The pp-form: B-splines as local polynomials, inside the domain and continued outside.

A B-spline is stored on every piece as a polynomial sum_p c_p y^p in a local coordinate, |y| <= 1/2 in the
domain. The c_p, of every derivative, are computed in exact integer arithmetic from the stored knots and
rounded once. Computed B-splines and their derivatives differ from the exact ones by at most
4 (k + 2) eps sum_p |c_p y^p|:

- for knots that are not uniform y is measured from the nearest knot, so derivatives beside a tiny interval
  have errors relative to their size there, not to that elsewhere in the interval;
- for uniform knots (`splinekan.splines.knots.is_uniform`) y is measured from the middle of the interval, and
  the c_p are those of exactly equal spacing. Where stored knots or middles differ by delta times the spacing,
  delta <= `splinekan.splines.knots.UNIFORM` = 2^-42, this adds 8 (k + 1) delta sum_p |c_p|.

At knots values and derivatives are those from the right, at b those from the left. Periodic knots are
continued past a and b exactly: their ghost knots are not rounded. In float32 points are located in float64,
and eps is that of float32. A derivative whose size, like spacing^-d, leaves the range of the floating-point
type is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, reduce
from math import ceil, perm
from operator import mul
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from splinekan._checks import Array, Float64Array, float_type, integer, one_of, real_array
from splinekan.kernels._active import Pieces
from splinekan.splines._rationals import Integers, ratio
from splinekan.splines.knot_vector import KnotVector, knot_vector

EXTRAPOLATIONS = ("linear", "polynomial", "clamp", "zero", "error")
MAX_DERIVATIVES = 16
"""Derivatives in a table, the function itself included; those above the degree are zero."""
KEPT = {"linear": 2, "clamp": 1, "zero": 0}
"""Powers of the end polynomial that a mode keeps, if not all."""
SHORTEST = 1e-300
"""Shortest interval whose reciprocal is safely within the range of float64."""
CELLS, CELLS_PER_EDGE = 2048, 8
"""Cells of a search: at most the larger of the first number and a multiple of the number of edges."""
MOST_KNOWN = 4096
"""Tables of intervals that are kept, of 16 kB at most."""
MOST_PIECES = 2**27
"""Pieces and cells are counted in int32."""


@dataclass(frozen=True, eq=False)
class Search:
    """The table in which kernels find the piece of a point; see `splinekan.kernels._active`.

    Attributes
    ----------
    edges
        (pieces + 1,), units of x: the ends of the pieces in [a, b], repeated where a piece is empty.
    cells
        (m,), int32: the number of inner edges in cells before each of m cells of equal width.
    start, cells_per_unit
        The cell of x is (x - start) cells_per_unit, rounded down.
    steps
        The first step of the bisection among the edges of a cell: a power of 2, or 0 if no cell has an edge.
    """

    edges: Float64Array
    cells: NDArray[np.int32]
    start: float
    cells_per_unit: float
    steps: int

    @classmethod
    def among(cls, edges: Float64Array) -> Search:
        """The search with the shortest bisection, in tables not much longer than `edges`.

        Cells are as wide as the shortest piece and have their middles at multiples of it from a: on uniform
        and dyadically refined knots the edges are such multiples. Where that takes too many cells, cells are
        wider, and bisection goes on inside.
        """
        if len(edges) > MOST_PIECES:
            raise ValueError(f"at most {MOST_PIECES - 1} pieces fit into a table, got {len(edges) - 1}")
        widths = np.diff(edges)
        with np.errstate(over="ignore"):
            finest = (edges[-1] - edges[0]) / widths[widths > 0].min()
        most = max(CELLS, CELLS_PER_EDGE * len(edges))
        # Rounded up, unless within rounding of a whole number.
        sizes = [ceil(finest - 0.01)] if finest <= most else [most >> shift for shift in range(4)]
        searches = [cls._with_cells(edges, size) for size in sizes if size > 0]
        return min(searches, key=lambda search: (search.steps, len(search.cells)))

    @classmethod
    def _with_cells(cls, edges: Float64Array, size: int) -> Search:
        """The search with that number of cells, and half a cell at each end."""
        width = (edges[-1] - edges[0]) / size
        start, per_unit = float(edges[0] - width / 2), float(1 / width)
        places = np.clip((edges[1:-1] - start) * per_unit, 0, size).astype(np.int64)
        counts = np.bincount(places, minlength=size + 1)
        cells = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32)
        return cls(edges, cells, start, per_unit, (1 << int(counts.max()).bit_length()) >> 1)


@dataclass(frozen=True, eq=False)
class LocalPieces:
    """The B-splines as piecewise polynomials, in the layout of the kernels.

    On piece s the l-th active function is sum_p table[d, row, p, l] y^p, y = (x - origins[s]) scales[s],
    with d the derivative. Uniform knots have G + 2 pieces: 0 lies left of [a, b], 1..G are the intervals,
    with their midpoints for origins, G+1 lies right of it. Other knots have 2 G + 2: every interval is
    halved, and the origin of a half is its knot, so that what vanishes at a knot keeps its digits beside it.
    G includes the empty intervals between repeated knots, which contain no point, so that the index of an
    interval is the index of its first active function.

    Attributes
    ----------
    breakpoints
        (G+1,), units of x; repeated knots with their multiplicities. The interval of a point is the last
        whose left end is not greater.
    search
        The table in which kernels find the piece of a point.
    origins, scales
        (pieces,), units of x and 1/x; the scale of an empty piece is 0.
    table
        (derivatives, rows, k+1 powers, k+1 functions): 3 rows (left, inside, right) for uniform knots,
        else one per piece. In the floating-point type of the evaluation; all else is float64.
    """

    breakpoints: Float64Array
    search: Search
    origins: Float64Array
    scales: Float64Array
    table: Array
    in_range: int = field(init=False)
    """Number of derivatives, the function itself included, within the range of the table's type."""

    def __post_init__(self) -> None:
        sizes = np.abs(self.table).max(axis=(1, 2, 3))
        info = np.finfo(self.table.dtype)
        vanish = np.arange(len(sizes)) >= self.table.shape[-1]  # those above the degree
        within = vanish | ((sizes >= info.tiny) & (sizes <= info.max))
        object.__setattr__(self, "in_range", len(sizes) if within.all() else int(np.argmin(within)))

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        """The fields of `splinekan.kernels._active.Pieces` as the plain tuple that kernels take."""
        return self._arguments(self.table)

    def _arguments(self, table: Array) -> tuple[Any, ...]:
        s, tag = self.search, (0,) * table.shape[-1]
        search = s.edges, s.cells, s.start, s.cells_per_unit, s.steps
        return tuple(Pieces(*search, self.origins, self.scales, table, tag))

    @cached_property
    def of_derivatives(self) -> list[tuple[Any, ...]]:
        """`arguments` with a single derivative in the table, for each of them."""
        return [self._arguments(self.table[d : d + 1]) for d in range(len(self.table))]

    def check_derivatives(self, count: int) -> None:
        """Raise ValueError unless the derivatives 0..count-1 are within the range of the table's type."""
        if self.in_range < min(integer("count", count, low=0), len(self.table)):
            widths, order = np.diff(np.unique(self.breakpoints)), self.in_range
            raise ValueError(
                f"derivatives of order {order} scale as spacing^-{order} and leave the range of "
                f"{self.table.dtype}: got knots {widths.min()} to {widths.max()} apart; rescale x"
            )

    def check_inside(self, x: Array, extrapolate: str) -> None:
        """Raise ValueError if the mode is "error" and some x lies outside [a, b]."""
        if one_of("extrapolate", extrapolate, EXTRAPOLATIONS) != "error":
            return
        x = real_array("x", x, finite=False)
        if x.size == 0:
            return
        a, b = self.breakpoints[0], self.breakpoints[-1]
        worst = x.flat[int(np.argmax(np.maximum(a - x, x - b)))]
        if not a <= worst <= b:
            raise ValueError(f"x = {worst} lies outside the domain [{a}, {b}] and extrapolate='error'")

    def samples(self, points: int, derivative: int) -> Samples:
        """The B-splines (a derivative of them) at `points` Gauss points of every piece inside [a, b].

        Points are never rounded to float64 numbers of the x axis, which may be few in an interval far from 0.
        """
        points = integer("points", points, low=1, high=100)
        derivative = integer("derivative", derivative, low=0, high=len(self.table) - 1)
        self.check_derivatives(derivative + 1)
        intervals = len(self.breakpoints) - 1
        share = 1 if len(self.origins) == intervals + 2 else 2
        piece = 1 + np.flatnonzero(self.scales[1:-1] > 0)
        span = (piece - 1) // share
        nodes, weights = np.polynomial.legendre.leggauss(points)
        unit = (nodes + 1) / (2 * share)
        # Left halves are measured from their left end, right halves from their right end.
        begin = np.zeros(len(piece)) if share == 2 else np.full(len(piece), -0.5)
        begin[1::2] = -0.5
        y = begin[:, None] + unit
        coefficients = self.table[derivative, np.minimum(piece, self.table.shape[1] - 2)]
        values = np.zeros((*y.shape, coefficients.shape[2]))
        for power in reversed(range(coefficients.shape[1])):
            values = values * y[:, :, None] + coefficients[:, None, power]
        widths = np.diff(self.breakpoints)[span][:, None]
        first = y + 0.5 if share == 1 else np.where(begin[:, None] < 0, 1 + y, y)
        return Samples(span, widths * first, widths * weights / (2 * share), values)


@dataclass(frozen=True, eq=False)
class Samples:
    """B-splines at Gauss points: n pieces with m points each.

    Attributes
    ----------
    spans
        (n,) the interval of each piece, which is the index of its first active function.
    offsets, weights
        (n, m) distances of the points from the left ends of their intervals; weights of the integral over
        [a, b]; both in the units of x.
    values
        (n, m, k+1) of the active functions.
    """

    spans: NDArray[np.int64]
    offsets: Float64Array
    weights: Float64Array
    values: Float64Array


def highest_derivative(knots: KnotVector | ArrayLike, degree: int | None = None) -> Float64Array:
    """The k-th derivatives of all B-splines, constant on every interval: (intervals, n_basis)."""
    vector = knot_vector(knots, degree)
    pieces, k, span = local_pieces(vector), vector.degree, vector.first_active
    pieces.check_derivatives(k + 1)
    inner = 1 + span if vector.is_uniform else 1 + 2 * span
    row = np.minimum(inner, pieces.table.shape[1] - 2)
    out = np.zeros((vector.intervals, vector.n_basis))
    columns = vector.fold[span[:, None] + np.arange(k + 1)]
    np.add.at(out, (np.arange(len(span))[:, None], columns), pieces.table[k, row, 0])
    return out


_SHARED: WeakValueDictionary[Any, LocalPieces] = WeakValueDictionary()


def local_pieces(
    knots: KnotVector | ArrayLike,
    degree: int | None = None,
    extrapolate: str = "linear",
    dtype: DTypeLike = np.float64,
    derivatives: int | None = None,
) -> LocalPieces:
    """The polynomials of all pieces, exact but for one rounding of every coefficient.

    For periodic knots these are the spans + k B-splines of the line that are active on [a, b], with
    coefficients c[knots.fold], at points wrapped by `KnotVector.wrap`.

    `derivatives` counts the derivatives kept, the function itself included (degree + 1 if None; those
    above the degree are zero). Calls with the same arguments share the result while it is in use.

    Raises
    ------
    TypeError, ValueError
        For bad knots, degree or extrapolation, a type that is not float32 or float64, more derivatives than
        `MAX_DERIVATIVES`, and intervals shorter than `SHORTEST`.
    """
    vector = knot_vector(knots, degree)
    one_of("extrapolate", extrapolate, EXTRAPOLATIONS)
    kind = float_type("dtype", dtype)
    count = vector.degree + 1
    if derivatives is not None:
        count = integer("derivatives", derivatives, low=1, high=MAX_DERIVATIVES)
    key = (vector, extrapolate, kind, count)
    pieces = _SHARED.get(key)
    if pieces is None:
        pieces = _SHARED[key] = _local_pieces(vector, extrapolate, kind, count)
    return pieces


def _local_pieces(knots: KnotVector, extrapolate: str, dtype: np.dtype[Any], count: int) -> LocalPieces:
    k, ends = knots.degree, knots.inner
    widths = np.diff(ends)
    shortest = widths[knots.first_active].min()
    if shortest < SHORTEST:
        raise ValueError(
            f"the intervals of knots must be at least {SHORTEST} long, got {shortest}; rescale the knots"
        )
    spacing = (ends[-1] - ends[0]) / len(widths)
    kept = min(KEPT.get(extrapolate, k + 1), k + 1)
    if knots.is_uniform:
        table = _uniform_table(spacing, k, kept, count)
        origins, edges = (ends[1:] + ends[:-1]) / 2, ends.copy()  # writable, like all arguments of kernels
        scales = np.full(len(widths), 1 / spacing)  # as in the cells of the search
    else:
        table = _uneven_table(knots, kept, count)
        origins = np.stack([ends[:-1], ends[1:]], axis=1).ravel()
        edges = np.append(np.stack([ends[:-1], _right_halves(ends)], axis=1).ravel(), ends[-1])
        scales = np.repeat(np.divide(1, widths, out=np.zeros_like(widths), where=widths > 0), 2)
    with np.errstate(over="ignore", under="ignore"):
        table = np.ascontiguousarray(table.astype(dtype))
    return LocalPieces(
        ends,
        Search.among(edges),
        np.concatenate([ends[:1], origins, ends[-1:]]),
        np.concatenate([scales[:1], scales, scales[-1:]]),
        table,
    )


def _right_halves(ends: Float64Array) -> Float64Array:
    """The smallest number beyond the middle of each interval; the right end of an empty interval."""
    left, right = ends[:-1], ends[1:]
    twice = left + right
    part = twice - left
    error = (left - (twice - part)) + (right - part)  # twice + error is the sum (Knuth, TAOCP 2, 4.2.2)
    middle = twice / 2
    return np.minimum(np.where(error >= 0, np.nextafter(middle, np.inf), middle), right)


def _uniform_table(spacing: float, k: int, kept: int, count: int) -> Float64Array:
    """Three rows, left, inside, right: one interval of integer knots, 2 long, stands for all."""
    knots = 2 * np.arange(2 * k + 2).astype(object)
    length, parts = float(spacing).as_integer_ratio()
    units = [np.array([number], dtype=object) for number in Fraction(2 * parts, length).as_integer_ratio()]
    rows, span = [(0, kept), (1, k + 1), (2, kept)], np.array([k])
    return np.concatenate(
        [_derivatives(taylor(knots, k, span, end), count, units, power) for end, power in rows], axis=1
    )


def _uneven_table(knots: KnotVector, kept: int, count: int) -> Float64Array:
    """A row for the left, two for every interval (of zeros for an empty one), one for the right."""
    k = knots.degree
    tables = _tables(_surroundings(knots), k, count)
    halves = np.zeros((count, len(knots.inner) - 1, 2, k + 1, k + 1))
    halves[:, knots.first_active] = tables
    omitted = np.arange(count)[:, None] + np.arange(k + 1) >= kept  # powers before the derivative was taken
    outer = [np.where(omitted[..., None], 0.0, end)[:, None] for end in (tables[:, 0, 0], tables[:, -1, 1])]
    return np.concatenate([outer[0], halves.reshape(count, -1, k + 1, k + 1), outer[1]], axis=1)


Surroundings = tuple[tuple[int, ...], int]
"""Distances of the 2 k knots around an interval, without common factors 2, and the exponent of their unit."""


def _surroundings(knots: KnotVector) -> list[Surroundings]:
    """The data on which the polynomials of every interval depend."""
    k, (integers, parts) = knots.degree, knots.exact
    steps, below, above = np.diff(integers).tolist(), max(k - 1, 0), max(k, 1)
    found = []
    for i in (knots.first_active + k).tolist():
        around = steps[i - below : i + above]
        zeros = min((step & -step).bit_length() for step in around if step) - 1
        found.append((tuple(step >> zeros for step in around), zeros + 1 - parts.bit_length()))
    return found


_KNOWN: dict[tuple[Surroundings, int, int], Float64Array] = {}
"""Tables by surroundings, degree and count: meshes made by halving share most of them."""


def _tables(intervals: list[Surroundings], k: int, count: int) -> Float64Array:
    """The halves of all intervals: (count, intervals, 2, k + 1, k + 1)."""
    found = {each: _KNOWN[each, k, count] for each in set(intervals) if (each, k, count) in _KNOWN}
    missing = [each for each in dict.fromkeys(intervals) if each not in found]
    if missing:
        steps = np.array([around for around, _ in missing], dtype=object)
        middle = steps.shape[1] // 2
        knots = np.concatenate([np.zeros_like(steps[:, :1]), np.cumsum(steps, axis=1)], axis=1)
        s = np.arange(len(knots)) * knots.shape[1] + middle
        units = [
            np.array([1 << max(sign * exponent, 0) for _, exponent in missing], dtype=object)
            for sign in (-1, 1)
        ]
        ends = [_derivatives(taylor(knots.ravel(), k, s, end), count, units, k + 1) for end in (0, 2)]
        for each, *sides in zip(missing, *(np.moveaxis(end, 1, 0) for end in ends), strict=True):
            found[each] = np.stack(sides, axis=1)
            if len(_KNOWN) < MOST_KNOWN:
                _KNOWN[each, k, count] = found[each]
    return np.stack([found[each] for each in intervals], axis=1)


Taylor = Sequence[Integers]
"""Numerators (intervals, powers, functions), denominators (intervals,) and widths (intervals,), integers."""


def taylor(t: Integers, k: int, s: NDArray[np.int64], end: int) -> Taylor:
    """The active B-splines of the intervals [t_s, t_{s+1}] in powers of y = (x - origin)/width.

    The Cox-de Boor recursion runs in integers, without cancellation: its divisors are collected in one
    denominator per interval. The origin is the interval's left end, middle or right end for `end` = 0, 1, 2.
    """
    n = len(s)
    width = t[s + 1] - t[s]
    origin = (t[s] * (2 - end) + t[s + 1] * end) // 2
    active = np.zeros((n, k + 1, k + 1), dtype=object)
    active[:, 0, 0] = 1
    denominator = np.ones(n, dtype=object)
    for d in range(1, k + 1):
        first = [s - d + 1 + l for l in range(d)]
        spans = [t[i + d] - t[i] for i in first]  # all hold the interval, so none is 0
        product = reduce(mul, spans)
        raised = np.zeros_like(active)
        for l, i in enumerate(first):  # function l of degree d-1 feeds functions l and l+1 of degree d
            share = product // spans[l]
            up = (origin - t[i]) * share, width * share
            down = (t[i + d] - origin) * share, -width * share
            for function, (constant, slope) in ((l + 1, up), (l, down)):
                raised[:, :, function] += constant[:, None] * active[:, :, l]
                raised[:, 1:, function] += slope[:, None] * active[:, :-1, l]
        active = raised
        denominator = denominator * product
    return active, denominator, width


def _derivatives(taylor: Taylor, count: int, unit: Sequence[Integers], kept: int) -> Float64Array:
    """Derivatives in x of the first `kept` powers of the Taylor polynomials: (count, intervals, k+1, k+1).

    `unit` is the number of integer units in a unit of x: numerators and denominators, for each interval or
    for all. Every entry is a ratio of integers, rounded once; infinite beyond the range of float64.
    """
    numerator, denominator, width = taylor
    many, each = unit
    table = np.zeros((count, *numerator.shape))
    for d in range(min(count, kept)):
        factors = np.array([perm(p, d) for p in range(d, kept)], dtype=object) * (many**d)[:, None]
        below = denominator * (width * each) ** d
        table[d, :, : kept - d] = ratio(numerator[:, d:kept] * factors[..., None], below[:, None, None])
    return table


def power_coefficients(knots: KnotVector) -> Float64Array:
    """The active B-splines of every interval in powers of x - left end: (powers, intervals, functions).

    Every coefficient is exact but for one rounding; infinite beyond the range of float64.
    """
    k, (integers, unit) = knots.degree, knots.exact
    numerator, denominator, width = taylor(integers, k, knots.first_active + k, 0)
    powers = [ratio(numerator[:, p] * unit**p, (denominator * width**p)[:, None]) for p in range(k + 1)]
    return np.stack(powers)
