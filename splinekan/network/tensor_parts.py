"""The univariate B-splines of a tensor-product layer, with Taylor coefficients.

A sample x(s) is a bundle of curves, as in `splinekan.kernels.jets`. Along every axis the active B-splines
are truncated power series in s; a tensor-product B-spline is a product with a series of every axis. Channels
in which the series of an axis vanish are left out: along a coordinate direction only a single axis moves.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array
from splinekan.kernels import bspline
from splinekan.network.layer import Directions, composed
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import LocalPieces, local_pieces


class Series(NamedTuple):
    """Power series of functions at samples: values (n, len(channels), functions), 0 in other channels."""

    channels: tuple[int, ...]
    values: Array


@lru_cache(maxsize=64)
def pairs_of(directions: Directions) -> dict[tuple[int, int], int]:
    """The channel to which the product of two channels belongs, within the orders."""
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
    pairs = pairs_of(directions)
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
    """The B-splines of an input, and the places of their coefficients.

    The coefficients of a row are at increasing places along an axis. On periodic knots the functions that
    are active beyond the seam come first. The last axis is stored in runs of neighbours: on periodic knots
    as the first k coefficients, and k + 1 neighbours among the others (see `PeriodicPart`). If there are only
    few coefficients, all of them are stored.

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
        for l in range(self.active):  # function by function: with few coefficients some coincide
            out[rows, :, to[:, l]] += values[:, :, l]
        return out, starts

    def _pieces(self, dtype: np.dtype[Any], derivatives: int) -> LocalPieces:
        key = dtype, derivatives
        if key not in self._known:
            self._known[key] = local_pieces(self.knots, None, self.extrapolate, dtype, derivatives)
        return self._known[key]
