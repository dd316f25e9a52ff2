"""Tensor-product splines at samples: values, derivatives, and rows of their Jacobian."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinekan import _threads
from splinekan._arrays import quiet
from splinekan._checks import Array
from splinekan.kernels import segments
from splinekan.network.elementwise import ALONE
from splinekan.network.layer import Directions
from splinekan.network.slot import Slot
from splinekan.network.tensor_parts import Axis, Series, pairs_of, product
from splinekan.splines.knot_vector import KnotVector

TANGENT = Directions((1,))
BLOCK_NUMBERS = 2**16
"""Numbers stored for the rows of a block of samples, few enough for the cache."""
GRAIN = 256
"""Fewest samples in the range of a thread."""


class Block(NamedTuple):
    """The series of all axes at a range of samples, by axis and by derivative, and their spans."""

    series: list[list[Series]]
    spans: list[NDArray[np.int64]]
    directions: Directions

    def of(self, derivative: int | None = None) -> list[Series]:
        """The series of the axes, with the first derivative of axis number `derivative`."""
        return [each[int(number == derivative)] for number, each in enumerate(self.series)]


class TensorPart:
    """sum C[i_1, ..., i_d, q] b_{i_1}(x_1) ... b_{i_d}(x_d), without checks of the arguments.

    Parameters
    ----------
    knots
        The knots of every input.
    n_out
        Number of outputs.
    extrapolate
        Continuation of every univariate B-spline.
    """

    def __init__(self, knots: tuple[KnotVector, ...], n_out: int, extrapolate: str) -> None:
        last = len(knots) - 1
        self.n_in = len(knots)
        self.axes = [Axis(each, extrapolate, number == last) for number, each in enumerate(knots)]
        self.n_out = n_out
        self.shape = (*(each.n_basis for each in knots), n_out)
        strides = np.cumprod([1, *self.shape[:0:-1]])[::-1]
        self.strides = strides[:-1].astype(np.int64)
        outer = 1
        for axis in self.axes[:-1]:
            outer *= axis.width
        self.outer, self.width = outer, outer * self.axes[-1].width * n_out
        self.segment_lengths = tuple(run * n_out for run in self.axes[-1].runs) * outer
        self.n_parameters = int(np.prod(self.shape))

    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        return self.jet_value(params, x[:, None], ALONE)[:, 0]

    @quiet
    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """The spline with coefficients dC at x, and the derivative of that with coefficients C along dx."""
        moved = self.jet_value(params, np.stack([x, dx], axis=1), TANGENT)[:, 1]
        return np.asarray(moved + self.value(dparams, x))

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """Gradients with respect to the coefficients and, if wanted, the inputs."""
        gradient, gx = self.jet_vjp(params, x[:, None], gy[:, None], ALONE, want_x)
        return gradient, gx[:, 0]

    @quiet
    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """Derivatives of both results of `vjp` along (dparams, dx, dgy), and its second result."""
        curves = np.stack([x, dx], axis=1)
        # The change of (dy/dC)^T gy is the gradient in C of dgy . y + gy . (derivative of y along dx).
        change = self._gradient(curves, np.stack([dgy, gy], axis=1), TANGENT)
        if not want_x:
            nothing = np.empty((0, self.n_in), x.dtype)
            return change, nothing, nothing
        slopes = self._slopes(params, curves, TANGENT)
        turns = self._slopes(dparams, x[:, None], ALONE)[:, :, 0] + slopes[:, :, 1]
        gx = np.einsum("jnq,nq->nj", slopes[:, :, 0], gy)
        dgx = np.einsum("jnq,nq->nj", turns, gy) + np.einsum("jnq,nq->nj", slopes[:, :, 0], dgy)
        return change, dgx, gx

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows b_{i_1}(x_1) ... b_{i_d}(x_d) v_q of the active coefficients."""
        return self.jet_jacobian_rows(params, x[:, None], v[:, None], ALONE, slot, want_x)[:, 0]

    @quiet
    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Channels of y, (n, channels, n_out), from those of x."""
        c, y = self._unfolded(params), np.empty((*x.shape[:2], self.n_out), x.dtype)
        self._check(x[:, 0], directions.order + 1)
        moves = self._moves(x, directions)

        @quiet  # in worker threads too
        def task(_: int, start: int, stop: int) -> None:
            for some in self._ranges(start, stop):
                block = self._block(x[some], directions, moves, 0)
                y[some] = self._products(self._local(c, block), block.of(), directions)

        _threads.run(task, _threads.split(len(x), GRAIN))
        return y

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` with channels: gy (n, channels, n_out) and gx (n, channels, n_in)."""
        return self._gradient(x, gy, directions), self._pulled(params, x, gy, directions, want_x)

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """`jacobian_rows` of sum_m v_m . y_m over the channels."""
        self._write(x, v, directions, slot)
        return self._pulled(params, x, v, directions, want_x)

    @quiet
    def _slopes(self, params: Array, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of the derivatives of y in every input, (n_in, n, channels, n_out)."""
        c = self._unfolded(params)
        self._check(x[:, 0], directions.order + 2)
        slopes, moves = np.empty((self.n_in, *x.shape[:2], self.n_out), x.dtype), self._moves(x, directions)

        @quiet  # in worker threads too
        def task(_: int, start: int, stop: int) -> None:
            for some in self._ranges(start, stop):
                block = self._block(x[some], directions, moves, 1)
                local = self._local(c, block)
                for number in range(self.n_in):
                    slopes[number, some] = self._products(local, block.of(number), directions)

        _threads.run(task, _threads.split(len(x), GRAIN))
        return slopes

    @quiet
    def _pulled(self, params: Array, x: Array, v: Array, directions: Directions, wanted: bool) -> Array:
        """(dy/dx)^T v, (n, channels, n_in); empty unless wanted."""
        if not wanted:
            return np.empty((0, *x.shape[1:]), x.dtype)
        slopes, gx = self._slopes(params, x, directions), np.zeros(x.shape, x.dtype)
        for i, d, m in directions.pulls:
            gx[:, i] += np.einsum("jnq,nq->nj", slopes[:, :, d], v[:, m])
        return gx

    @quiet
    def _gradient(self, x: Array, v: Array, directions: Directions) -> Array:
        """(dy/dC)^T v, summed over samples."""
        lengths = np.array(self.segment_lengths, np.int64)
        self._check(x[:, 0], directions.order + 1)
        moves, ranges = self._moves(x, directions), _threads.split(len(x), GRAIN)
        sums = np.zeros((len(ranges), self.n_parameters))

        @quiet  # in worker threads too
        def task(chunk: int, start: int, stop: int) -> None:
            for some in self._ranges(start, stop):
                block, n = self._block(x[some], directions, moves, 0), some.stop - some.start
                values, starts = np.empty((n, self.width), x.dtype), np.empty((n, len(lengths)), np.int64)
                self._rows(block, v[some], values, starts, 0)
                segments.multiply_transpose(values, starts, lengths, np.ones(n), sums[chunk], 0, n)

        _threads.run(task, ranges)
        for other in sums[1:]:
            sums[0] += other
        return np.asarray(sums[0].astype(x.dtype, copy=False))

    @quiet
    def _write(self, x: Array, v: Array, directions: Directions, slot: Slot) -> None:
        """The rows of sum_m v_m . y_m into the slot."""
        moves = self._moves(x, directions)
        self._check(x[:, 0], directions.order + 1)
        values = slot.values[slot.shift :: slot.stride, slot.position : slot.position + self.width]
        starts = slot.starts[
            slot.shift :: slot.stride, slot.segment : slot.segment + len(self.segment_lengths)
        ]

        @quiet  # in worker threads too
        def task(_: int, start: int, stop: int) -> None:
            for some in self._ranges(start, stop):
                block = self._block(x[some], directions, moves, 0)
                self._rows(block, v[some], values[some], starts[some], slot.column)

        _threads.run(task, _threads.split(len(x), GRAIN))

    def _check(self, x: Array, derivatives: int) -> None:
        """Check every axis at the points (n, n_in)."""
        for number, axis in enumerate(self.axes):
            axis.check(x[:, number], derivatives)

    def _ranges(self, start: int, stop: int) -> Iterator[slice]:
        """Blocks of samples."""
        active = self.n_out
        for axis in self.axes:
            active *= axis.active
        size = max(BLOCK_NUMBERS // active, 16)
        return (slice(first, min(first + size, stop)) for first in range(start, stop, size))

    def _moves(self, x: Array, directions: Directions) -> list[tuple[bool, ...]]:
        """For every axis, the directions along which a sample moves."""
        return [
            tuple(
                bool(x[:, at : at + order, number].any())
                for order, at in zip(directions.orders, directions.offsets, strict=True)
            )
            for number in range(len(self.axes))
        ]

    def _block(self, x: Array, directions: Directions, moves: list[tuple[bool, ...]], more: int) -> Block:
        """The series at samples x, (n, channels, n_in)."""
        found = [
            axis.series(x[:, :, number], directions, moves[number], more)
            for number, axis in enumerate(self.axes)
        ]
        return Block([series for series, _ in found], [spans for _, spans in found], directions)

    def _unfolded(self, params: Array) -> Array:
        """C with the coefficients of periodic axes continued beyond the seam."""
        c = params.reshape(self.shape)
        for number, axis in enumerate(self.axes):
            if axis.knots.periodic:
                c = np.take(c, axis.knots.fold, axis=number)
        return np.ascontiguousarray(c)

    def _local(self, c: Array, block: Block) -> Array:
        """The active coefficients among `_unfolded`, (n, functions of the outer axes, (k + 1) n_out)."""
        strides = np.cumprod([1, *c.shape[:0:-1]])[::-1][:-1]
        at = block.spans[-1][:, None] * strides[-1]
        for axis, spans, stride in zip(self.axes[:-1], block.spans, strides, strict=False):
            at = (at[:, :, None] + ((spans[:, None] + np.arange(axis.active)) * stride)[:, None]).reshape(
                len(spans), -1
            )
        length = self.axes[-1].active * self.n_out
        return np.asarray(np.lib.stride_tricks.sliding_window_view(c.ravel(), length)[at])

    def _products(self, local: Array, series: list[Series], directions: Directions) -> Array:
        """Taylor coefficients of y, (n, channels, n_out)."""
        *outer, last = series
        n, dtype = len(local), local.dtype
        left = self._outer(outer, n, dtype, directions)
        inner = np.matmul(left.values, local).reshape(n, len(left.channels), -1, self.n_out)
        y, pairs = np.zeros((n, directions.channels, self.n_out), dtype), pairs_of(directions)
        for p, i in enumerate(left.channels):
            terms = np.matmul(last.values, inner[:, p])
            for q, j in enumerate(last.channels):
                if (i, j) in pairs:
                    y[:, pairs[i, j]] += terms[:, q]
        return y

    def _rows(self, block: Block, v: Array, out: Array, starts: NDArray[np.int64], column: int) -> None:
        """out (n, width) and starts (n, segments): the derivatives of sum v . y, v (n, channels, n_out)."""
        n, directions, pairs = len(v), block.directions, pairs_of(block.directions)
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
        """The product of the series of all axes but the last; 1 for a single axis."""
        if not series:
            return Series((0,), np.ones((n, 1, 1), dtype))
        left = series[0]
        for each in series[1:]:
            left = product(left, each, directions)
        return left
