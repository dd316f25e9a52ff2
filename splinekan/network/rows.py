"""A Jacobian as sparse rows: per row a few runs of neighbouring columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from splinekan import _threads
from splinekan._checks import Array, Float64Array, real_array
from splinekan.kernels import normal


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
        ranges = _threads.split(self.shape[0])
        parts = np.zeros((len(ranges), self.n_columns, self.n_columns))

        def task(chunk: int, start: int, stop: int) -> None:
            normal.normal_matrix(self.values, self.starts, self.lengths, parts[chunk], start, stop)

        _threads.run(task, ranges)
        upper = np.triu(_sum_in_order(parts))
        upper += np.triu(upper, 1).T
        return upper

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


def _sum_in_order(parts: Float64Array) -> Float64Array:
    """Sum over the first axis from first to last: the same bits for the same number of parts."""
    total: Float64Array = parts[0]
    for part in parts[1:]:
        total += part
    return total
