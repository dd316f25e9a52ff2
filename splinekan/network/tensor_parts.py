"""Products of univariate B-splines, with Taylor coefficients: what a tensor-product layer evaluates.

A sample x(s) is a bundle of curves, as in `splinekan.kernels.jets`. Along every axis the active B-splines
are truncated power series in s; a tensor-product B-spline is the product of a series of every axis. Channels
in which the series of an axis vanish are left out: along a coordinate direction only a single axis moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array
from splinekan.kernels import bspline
from splinekan.network.layer import Directions, composed
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import LocalPieces, local_pieces

BLOCK_NUMBERS = 2**16
"""Stored numbers of the rows of a block of samples, which stay in cache."""


class Series(NamedTuple):
    """Power series of functions at samples: values (n, len(channels), functions), 0 in other channels."""

    channels: tuple[int, ...]
    values: Array


@lru_cache(maxsize=64)
def _pairs(directions: Directions) -> dict[tuple[int, int], int]:
    """The channel to which the product of two channels belongs; none beyond the orders."""
    return {(i, j): m for i, j, m in directions.pulls}


@lru_cache(maxsize=64)
def _moving(directions: Directions, moves: tuple[bool, ...]) -> tuple[Directions, tuple[int, ...]]:
    """The directions along which an axis moves, and their channels."""
    kept = [d for d, moved in enumerate(moves) if moved]
    channels = [0]
    for d in kept:
        channels += range(directions.offsets[d], directions.offsets[d] + directions.orders[d])
    return Directions(tuple(directions.orders[d] for d in kept)), tuple(channels)


def product(a: Series, b: Series, directions: Directions) -> Series:
    """The series of all products of a function of `a` with one of `b`, those of `b` running faster."""
    pairs = _pairs(directions)
    left, right, n = a.values, b.values, len(a.values)
    found = [
        (pairs[i, j], p, q)
        for p, i in enumerate(a.channels)
        for q, j in enumerate(b.channels)
        if (i, j) in pairs
    ]
    channels = tuple(sorted({m for m, _, _ in found}))
    places = {m: place for place, m in enumerate(channels)}
    values = np.zeros((n, len(channels), left.shape[2], right.shape[2]), left.dtype)
    for m, p, q in found:
        values[:, places[m]] += left[:, p, :, None] * right[:, q, None, :]
    return Series(channels, values.reshape(n, len(channels), -1))


class Axis:
    """The B-splines of an input, and where their coefficients are stored.

    The coefficients of a row are at increasing places along an axis. On periodic knots the functions that
    are active beyond the seam come first. The last axis is stored in runs of neighbours: on periodic knots
    as the first k coefficients, and k + 1 neighbours among the others (see `PeriodicPart`). Where there are
    few coefficients all of them are stored.

    Attributes
    ----------
    active
        k + 1.
    width
        Stored coefficients of a row.
    runs
        Lengths of their runs along the last axis.
    """

    def __init__(self, knots: KnotVector, extrapolate: str, last: bool) -> None:
        self.knots, self.extrapolate, self.last = knots, extrapolate, last
        k, n = knots.degree, knots.n_basis
        self.active, self.n_basis = k + 1, n
        self.whole = knots.periodic and (n <= 2 * k if last else n <= k)
        self.split = knots.periodic and last and not self.whole and k > 0
        self.runs: tuple[int, ...] = (n,) if self.whole else (k, k + 1) if self.split else (k + 1,)
        self.width = sum(self.runs)
        self._known: dict[Any, LocalPieces] = {}

    def check(self, x: Array, derivatives: int) -> None:
        """Refuse points outside the domain in the mode "error", and derivatives beyond the range of x."""
        pieces = self._pieces(x.dtype, derivatives)
        pieces.check_derivatives(derivatives)
        if not self.knots.periodic:
            pieces.check_inside(x, self.extrapolate)

    def series(
        self, x: Array, directions: Directions, moves: tuple[bool, ...], more: int
    ) -> tuple[list[Series], NDArray[np.int64]]:
        """The series of the derivatives 0 to `more` of the active functions, and the span of every sample.

        x is (n, channels); function l of a sample has the coefficient `knots.fold[span + l]`.
        """
        own, channels = _moving(directions, moves)
        points = np.ascontiguousarray(self.knots.wrap(x[:, 0]) if self.knots.periodic else x[:, 0])
        n, count = len(points), own.order + more + 1
        arguments = self._pieces(x.dtype, count).of_derivatives
        tables, spans = [], np.empty(n, np.int64)
        for d in range(count):
            values = np.empty((self.active, n), x.dtype)
            bspline.tabulate(points, arguments[d], values, spans, 0, n)
            tables.append(values.T)
        curves = np.ascontiguousarray(x[:, list(channels), None])
        return [Series(channels, composed(tables[d:], curves, own)) for d in range(more + 1)], spans

    def stored(self, series: Series, spans: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
        """The series of the stored coefficients, (n, channels, width), and the first place of every run.

        Along all axes but the last every coefficient is a run.
        """
        values, n, k = series.values, self.n_basis, self.active - 1
        if not self.knots.periodic:
            return values, spans[:, None] + (0 if self.last else np.arange(self.active))
        places = (spans[:, None] + np.arange(self.active)) % n
        if self.split:
            neighbours = np.clip(spans, k, n - k - 1)[:, None]
            to = np.where(places < k, places, places - neighbours + k)
            starts = np.concatenate([np.zeros_like(neighbours), neighbours], axis=1)
        elif self.whole:
            to = places
            first = np.zeros(1, np.int64) if self.last else np.arange(n)
            starts = np.broadcast_to(first, (len(spans), len(first)))
        else:  # rotated, so that places increase
            to = (np.arange(self.active) - (places == 0).argmax(axis=1)[:, None]) % self.active
            to[places[:, :1].ravel() <= places[:, -1]] = np.arange(self.active)
            starts = np.empty_like(places)
            np.put_along_axis(starts, to, places, axis=1)
            if self.last:
                starts = starts[:, :1]
        out = np.zeros((*values.shape[:2], self.width), values.dtype)
        rows = np.arange(len(values))
        for l in range(self.active):  # function by function: with few coefficients some share one
            out[rows, :, to[:, l]] += values[:, :, l]
        return out, starts

    def _pieces(self, dtype: np.dtype[Any], derivatives: int) -> LocalPieces:
        key = dtype, derivatives
        if key not in self._known:
            self._known[key] = local_pieces(self.knots, None, self.extrapolate, dtype, derivatives)
        return self._known[key]


class Block(NamedTuple):
    """The series of all axes at a range of samples, by axis and by derivative, and their spans."""

    series: list[list[Series]]
    spans: list[NDArray[np.int64]]
    directions: Directions

    def of(self, derivative: int | None = None) -> list[Series]:
        """The series of the axes, with the first derivative of axis number `derivative`."""
        return [each[int(number == derivative)] for number, each in enumerate(self.series)]


class TensorPart:
    """sum C[i_1, ..., i_d, q] b_{i_1}(x_1) ... b_{i_d}(x_d), without the checks of its arguments.

    Parameters
    ----------
    knots
        Of every input.
    n_out
        Number of outputs.
    extrapolate
        Continuation of every univariate B-spline.
    """

    def __init__(self, knots: tuple[KnotVector, ...], n_out: int, extrapolate: str) -> None:
        last = len(knots) - 1
        self.axes = [Axis(each, extrapolate, number == last) for number, each in enumerate(knots)]
        self.n_out = n_out
        self.shape = (*(each.n_basis for each in knots), n_out)
        strides = np.cumprod([1, *self.shape[:0:-1]])[::-1]
        self.strides = strides[:-1].astype(np.int64)
        outer = 1
        for axis in self.axes[:-1]:
            outer *= axis.width
        self.outer, self.width = outer, outer * self.axes[-1].width * n_out
        self.lengths = tuple(run * n_out for run in self.axes[-1].runs) * outer
        self.n_parameters = int(np.prod(self.shape))

    def check(self, x: Array, derivatives: int) -> None:
        """Of every axis, at the points (n, n_in)."""
        for number, axis in enumerate(self.axes):
            axis.check(x[:, number], derivatives)

    def ranges(self, start: int, stop: int) -> Iterator[slice]:
        """Blocks of samples."""
        active = self.n_out
        for axis in self.axes:
            active *= axis.active
        size = max(BLOCK_NUMBERS // active, 16)
        return (slice(first, min(first + size, stop)) for first in range(start, stop, size))

    def moves(self, x: Array, directions: Directions) -> list[tuple[bool, ...]]:
        """Of every axis, along which directions a sample moves."""
        return [
            tuple(
                bool(x[:, at : at + order, number].any())
                for order, at in zip(directions.orders, directions.offsets, strict=True)
            )
            for number in range(len(self.axes))
        ]

    def block(self, x: Array, directions: Directions, moves: list[tuple[bool, ...]], more: int) -> Block:
        """The series at samples x, (n, channels, n_in)."""
        found = [
            axis.series(x[:, :, number], directions, moves[number], more)
            for number, axis in enumerate(self.axes)
        ]
        return Block([series for series, _ in found], [spans for _, spans in found], directions)

    def unfolded(self, params: Array) -> Array:
        """C with the coefficients of periodic axes continued beyond the seam."""
        c = params.reshape(self.shape)
        for number, axis in enumerate(self.axes):
            if axis.knots.periodic:
                c = np.take(c, axis.knots.fold, axis=number)
        return np.ascontiguousarray(c)

    def local(self, c: Array, block: Block) -> Array:
        """The active coefficients of `unfolded` ones, (n, products of all axes but the last, (k + 1) n_out)."""
        strides = np.cumprod([1, *c.shape[:0:-1]])[::-1][:-1]
        at = block.spans[-1][:, None] * strides[-1]
        for axis, spans, stride in zip(self.axes[:-1], block.spans, strides, strict=False):
            at = (at[:, :, None] + ((spans[:, None] + np.arange(axis.active)) * stride)[:, None]).reshape(
                len(spans), -1
            )
        length = self.axes[-1].active * self.n_out
        return np.lib.stride_tricks.sliding_window_view(c.ravel(), length)[at]

    def values(self, local: Array, series: list[Series], directions: Directions) -> Array:
        """Taylor coefficients of y, (n, channels, n_out)."""
        *outer, last = series
        n, dtype = len(local), local.dtype
        left = self._outer(outer, n, dtype, directions)
        inner = np.matmul(left.values, local).reshape(n, len(left.channels), -1, self.n_out)
        y, pairs = np.zeros((n, directions.channels, self.n_out), dtype), _pairs(directions)
        for p, i in enumerate(left.channels):
            terms = np.matmul(last.values, inner[:, p])
            for q, j in enumerate(last.channels):
                if (i, j) in pairs:
                    y[:, pairs[i, j]] += terms[:, q]
        return y

    def rows(self, block: Block, v: Array, out: Array, starts: NDArray[np.int64], column: int) -> None:
        """out (n, width) and starts (n, segments): the derivatives of sum v . y, v (n, channels, n_out)."""
        n, directions, pairs = len(v), block.directions, _pairs(block.directions)
        outer, places = [], np.full((n, 1), column, np.int64)
        found = [
            (series, axis.stored(series, spans))
            for series, axis, spans in zip(block.of(), self.axes, block.spans, strict=True)
        ]
        for (series, (values, first)), stride in zip(found, self.strides, strict=True):
            outer.append(Series(series.channels, values))
            places = (places[:, :, None] + (first * stride)[:, None]).reshape(n, -1)
        starts[:] = places
        last = outer.pop()
        left = self._outer(outer, n, out.dtype, directions)
        weights = np.zeros((n, len(left.channels), last.values.shape[2], self.n_out), out.dtype)
        for p, i in enumerate(left.channels):
            for q, j in enumerate(last.channels):
                if (i, j) in pairs:
                    weights[:, p] += last.values[:, q, :, None] * v[:, None, pairs[i, j]]
        np.matmul(
            left.values.swapaxes(1, 2),
            weights.reshape(n, len(left.channels), -1),
            out=out.reshape(n, self.outer, -1),
        )

    def _outer(self, series: list[Series], n: int, dtype: np.dtype[Any], directions: Directions) -> Series:
        """The product of the series of all axes but the last; 1 where there is none."""
        if not series:
            return Series((0,), np.ones((n, 1, 1), dtype))
        left = series[0]
        for each in series[1:]:
            left = product(left, each, directions)
        return left
