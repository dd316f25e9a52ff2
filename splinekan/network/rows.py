"""A Jacobian as sparse rows: per row a few runs of neighbouring columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from splinekan import _threads
from splinekan._checks import Array, Float64Array, real_array
from splinekan.kernels import normal

DENSE = 2
"""Up to so many columns per stored value the dense product of BLAS is the faster one.

On its own it would be so up to 4; but BLAS keeps its threads spinning after a product, on the cores that the
other kernels are about to use."""
BLOCK = 2048
"""Rows that are made dense at a time."""


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A matrix whose every row is made of runs of neighbouring columns, alike in length.

    A spline layer with n_in inputs and n_out outputs gives n_in runs of (degree + 1) n_out values:
    the live coefficients of each edge. An affine layer is one run.

    Attributes
    ----------
    values
        (n_rows, n_stored) stored entries, run after run.
    starts
        (n_rows, n_runs) first column of each run, increasing along a row.
    lengths
        (n_runs,) number of columns of each run, the same for every row.
    n_columns
        Number of columns.
    """

    values: Array
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    n_columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return (self.values.shape[0], self.n_columns)

    def matvec(self, v: ArrayLike) -> Array:
        """J v, shape (n_rows,)."""
        vector = real_array("v", v, shape=(self.n_columns,), finite=False)
        out = np.empty(self.shape[0], dtype=np.result_type(self.values, vector))

        def task(_: int, start: int, stop: int) -> None:
            normal.multiply(self.values, self.starts, self.lengths, vector, out, start, stop)

        _threads.run(task, _threads.split(self.shape[0]))
        return out

    def rmatvec(self, r: ArrayLike) -> Float64Array:
        """J^T r, shape (n_columns,), accumulated in float64."""
        residual = real_array("r", r, shape=(self.shape[0],), finite=False)
        ranges = _threads.split(self.shape[0])
        parts = np.zeros((len(ranges), self.n_columns))

        def task(chunk: int, start: int, stop: int) -> None:
            normal.multiply_transpose(
                self.values, self.starts, self.lengths, residual, parts[chunk], start, stop
            )

        _threads.run(task, ranges)
        return _sum_in_order(parts)

    def normal_matrix(self) -> Float64Array:
        """J^T J, dense and symmetric, shape (n_columns, n_columns), accumulated in float64."""
        if self.n_columns <= DENSE * self.values.shape[1]:
            return self._dense_normal_matrix()
        places = np.cumsum(self.lengths) - self.lengths
        columns, dense = self._fixed(places)
        groups = [_Group(places[runs], runs, _tag(length)) for length, runs in self._moving()]
        ranges = _threads.split(self.shape[0])
        parts = np.zeros((len(ranges), self.n_columns, self.n_columns))
        mixed = np.zeros((len(ranges), self.n_columns, dense.shape[1]))

        def task(chunk: int, start: int, stop: int) -> None:
            for a in groups:
                if dense.shape[1] > 0:
                    normal.fixed_products(self.values, self.starts, *a, dense, mixed[chunk], start, stop)
                for b in groups:
                    normal.moving_products(self.values, self.starts, *a, *b, parts[chunk], start, stop)

        if groups:
            _threads.run(task, ranges)
        matrix = np.triu(_sum_in_order(parts))
        matrix += np.triu(matrix, 1).T
        cross = _sum_in_order(mixed)
        matrix[:, columns] += cross
        matrix[columns] += cross.T
        matrix[np.ix_(columns, columns)] = dense.T @ dense
        return matrix

    def _dense_normal_matrix(self) -> Float64Array:
        matrix = np.zeros((self.n_columns, self.n_columns))
        for first in range(0, self.shape[0], BLOCK):
            stop = min(first + BLOCK, self.shape[0])
            block = np.zeros((stop - first, self.n_columns))
            normal.scatter(
                self.values[first:stop], self.starts[first:stop], self.lengths, block, 0, len(block)
            )
            matrix += block.T @ block
        return matrix

    @cached_property
    def _is_fixed(self) -> NDArray[np.bool_]:
        """Runs that begin in the same column in every row: affine layers, and splines in the ReLU basis."""
        return np.asarray((self.starts == self.starts[:1]).all(axis=0))

    def _fixed(self, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], Float64Array]:
        """Columns of the fixed runs, and what they hold as a dense matrix."""
        runs = np.flatnonzero(self._is_fixed) if len(self.starts) else np.arange(0)
        where = [np.arange(places[s], places[s] + self.lengths[s]) for s in runs]
        columns = [np.arange(self.starts[0, s], self.starts[0, s] + self.lengths[s]) for s in runs]
        stored = np.concatenate([np.arange(0), *where])
        whole = len(stored) == self.values.shape[1]
        dense = self.values if whole else self.values[:, stored]
        return np.concatenate([np.arange(0), *columns]), np.ascontiguousarray(dense, np.float64)

    def _moving(self) -> list[tuple[int, NDArray[np.int64]]]:
        """The other runs by their length."""
        moving = np.flatnonzero(~self._is_fixed)
        lengths = self.lengths[moving]
        return [(int(n), moving[lengths == n]) for n in np.unique(lengths)]

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J, shape (n_columns,)."""
        squared = SparseRows(self.values**2, self.starts, self.lengths, self.n_columns)
        return squared.rmatvec(np.ones(self.shape[0]))

    def toarray(self) -> Array:
        """The dense matrix."""
        out = np.zeros(self.shape, dtype=self.values.dtype)
        normal.scatter(self.values, self.starts, self.lengths, out, 0, self.shape[0])
        return out

    def tocsr(self) -> scipy.sparse.csr_array:
        """The matrix in SciPy's compressed rows."""
        within = np.concatenate([np.arange(length) for length in self.lengths])
        columns = np.repeat(self.starts, self.lengths, axis=1) + within
        pointers = np.arange(self.shape[0] + 1) * self.values.shape[1]
        return scipy.sparse.csr_array((self.values.ravel(), columns.ravel(), pointers), shape=self.shape)


class _Group(NamedTuple):
    """Runs of one length, as the kernels take them."""

    places: NDArray[np.int64]
    runs: NDArray[np.int64]
    tag: tuple[int, ...] | NDArray[np.int8]


def _tag(length: int) -> tuple[int, ...] | NDArray[np.int8]:
    """Short lengths are compiled for, one by one; loops over long ones vectorise as they are."""
    return (0,) * length if length <= 8 else np.empty(length, np.int8)


def _sum_in_order(parts: Float64Array) -> Float64Array:
    """Sum over the first axis from first to last: the same bits for the same number of parts."""
    total: Float64Array = parts[0]
    for part in parts[1:]:
        total += part
    return total
