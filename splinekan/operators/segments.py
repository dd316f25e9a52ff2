"""A Jacobian as sparse rows: every row consists of a few segments of contiguous columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan import _threads
from splinekan._arrays import trusted, writeable
from splinekan._blas import one
from splinekan._checks import Array, Float64Array, affordable, integer, real_array, shown
from splinekan.kernels import segments as kernels
from splinekan.operators.base import Operator

DENSE = 1.25
"""Number of columns per stored value up to which the dense product of BLAS is faster."""
DENSE_ROWS = 2048
"""Number of rows that are converted to a dense array at a time."""


@dataclass(frozen=True, eq=False)
class SparseRows(Operator):
    """A matrix whose rows consist of segments of contiguous columns, with the same lengths in every row.

    A spline layer with n_in inputs and n_out outputs gives n_in segments of (degree + 1) n_out values:
    the active coefficients of each edge. An affine layer is one segment; a tensor-product layer gives a
    segment for all products of active functions of its inputs but the last.

    Attributes
    ----------
    values
        (n_rows, n_stored) stored entries, segment by segment.
    starts
        (n_rows, n_segments) first column of each segment. Along a row, segments are in order and do not
        overlap. In a spline layer the columns of different segments are disjoint over all rows; in a
        tensor-product layer they are not.
    lengths
        (n_segments,) number of columns of each segment, the same for every row.
    n_columns
        Number of columns.

    Raises
    ------
    TypeError, ValueError
        For arrays of the wrong type or shape, segments that leave the columns of the matrix, and segments
        that overlap the previous segment of the row; by the products, for vectors of the wrong length.
    """

    values: Array
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    n_columns: int

    def __post_init__(self) -> None:
        values = real_array("values", self.values, ndim=2, finite=False)
        lengths = _whole("lengths", self.lengths, 1)
        starts = _whole("starts", self.starts, 2)
        n_columns = integer("n_columns", self.n_columns, low=0)
        if (lengths < 0).any() or lengths.sum() != values.shape[1]:
            raise ValueError(
                f"lengths must not be negative and sum to the {values.shape[1]} columns of values, "
                f"got {shown(lengths)}"
            )
        if starts.shape != (len(values), len(lengths)):
            raise ValueError(f"starts must have shape {(len(values), len(lengths))}, got {starts.shape}")
        if starts.size:
            first, last = starts.min(axis=0), starts.max(axis=0) + lengths
            if first.min() < 0 or last.max() > n_columns:
                raise ValueError(f"starts: segments must lie in the columns 0 to {n_columns - 1}")
            if (last[:-1] > first[1:]).any() and (starts[:, :-1] + lengths[:-1] > starts[:, 1:]).any():
                raise ValueError("starts: every segment of a row must begin after the segment before it")
        for name, value in (
            ("values", values),
            ("starts", starts),
            ("lengths", lengths),
            ("n_columns", n_columns),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def trusted(
        cls, values: Array, starts: NDArray[np.int64], lengths: NDArray[np.int64], n_columns: int
    ) -> SparseRows:
        """The rows without a pass over `starts`, for callers that made them: nothing is checked."""
        return trusted(cls, values=values, starts=starts, lengths=lengths, n_columns=n_columns)

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """(rows, columns)."""
        return (self.values.shape[0], self.n_columns)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """The type of the stored values."""
        return self.values.dtype

    def _matvec(self, v: Array) -> Array:
        out = np.empty(self.shape[0], dtype=np.result_type(self.values, v))

        def task(_: int, start: int, stop: int) -> None:
            kernels.multiply(self.values, self.starts, self.lengths, v, out, start, stop)

        _threads.run(task, _threads.split(self.shape[0]))
        return out

    def _rmatvec(self, r: Array) -> Float64Array:
        ranges = _threads.split(self.shape[0])
        parts = np.zeros((len(ranges), self.n_columns))

        def task(chunk: int, start: int, stop: int) -> None:
            kernels.multiply_transpose(self.values, self.starts, self.lengths, r, parts[chunk], start, stop)

        _threads.run(task, ranges)
        return _sum_in_order(parts)

    def normal_matrix(self) -> Float64Array:
        """J^T J, dense and symmetric, shape (n_columns, n_columns), accumulated in float64."""
        affordable("the normal matrix", 8.0 * self.n_columns**2)
        lower = np.zeros((self.n_columns, self.n_columns))
        self.add_products(lower)
        return symmetric(lower)

    @one
    def add_products(self, lower: Float64Array) -> None:
        """Add J^T J to the lower triangle of `lower`; entries above the diagonal are meaningless.

        Raises
        ------
        TypeError, ValueError
            Unless `lower` is a C-contiguous float64 array (n_columns, n_columns), writeable.
        """
        lower = writeable("lower", lower, (self.n_columns, self.n_columns))
        if self.n_columns <= DENSE * self.values.shape[1]:
            self._add_dense_products(lower)
            return
        places = np.cumsum(self.lengths) - self.lengths
        ranges = _threads.split(self.shape[0])
        if self._overlapping:
            self._add_products_by_rows(lower, places, ranges)
            return
        shares = _shares(tuple(self.lengths.tolist()), len(ranges))

        def task(chunk: int, *_: int) -> None:
            kernels.products(self.values, self.starts, places, self.lengths, shares[chunk], lower)

        _threads.run(task, [(0, 0)] * len(shares))

    @property
    def _overlapping(self) -> bool:
        """Whether columns belong to several segments, so that two pairs of segments may share an entry."""
        if not len(self.starts):
            return False
        return bool((self.starts.max(axis=0)[:-1] + self.lengths[:-1] > self.starts.min(axis=0)[1:]).any())

    def _add_products_by_rows(
        self, lower: Float64Array, places: NDArray[np.int64], ranges: list[tuple[int, int]]
    ) -> None:
        """`add_products` with a matrix for each range of rows, as threads would write to the same entries.

        Rows are sorted so that rows with the same columns, those of the samples in a cell, are adjacent:
        products of pairs of segments then stay in registers.
        """
        order = np.argsort(self._key, kind="stable")
        values, starts = self.values[order], self.starts[order]
        parts = [lower, *(np.zeros_like(lower) for _ in ranges[1:])]
        (pairs,) = _shares(tuple(self.lengths.tolist()), 1)

        def task(chunk: int, start: int, stop: int) -> None:
            kernels.products(
                values[start:stop], starts[start:stop], places, self.lengths, pairs, parts[chunk]
            )

        _threads.run(task, ranges)
        for part in parts[1:]:
            lower += part

    @property
    def _key(self) -> NDArray[np.int64]:
        """(n_rows,): a linear form of the starts, modulo 2^64. Collisions are harmless."""
        form = np.random.default_rng(0).integers(1, 2**62, len(self.lengths))
        return np.asarray((self.starts * form).sum(axis=1))

    @one
    def add_band_products(self, band: Float64Array, places: NDArray[np.int64]) -> bool:
        """Add (J^T J)_ij to band[q, p - q], p = places[i] >= q = places[j], band (n_columns, w + 1).

        `places` is a permutation, the place of every column in the band. Returns whether all nonzero entries
        lie in the band; other entries are left out.

        Raises
        ------
        TypeError, ValueError
            Unless `band` is a C-contiguous float64 array, writeable, and `places` is a permutation.
        """
        width = band.shape[1] if isinstance(band, np.ndarray) and band.ndim == 2 else 1
        band = writeable("band", band, (self.n_columns, width))
        places = _whole("places", places, 1)
        if not np.array_equal(np.sort(places), np.arange(self.n_columns)):
            raise ValueError(f"places must be a permutation of {self.n_columns} columns, got {shown(places)}")
        if not self.values.size or not band.size:
            return not self.values.any()
        at = places[self._columns]
        low, high = at.min(axis=1), at.max(axis=1)
        order = np.lexsort((self._key, low))
        values, starts, low, high = self.values[order], self.starts[order], low[order], high[order]
        ranges = _threads.split(len(order))
        parts, beyond = [(0, band)] * len(ranges), [False] * len(ranges)

        def task(chunk: int, start: int, stop: int) -> None:
            if chunk:  # sorted samples of a range touch a range of the band
                size = int(high[start:stop].max() + 1 - low[start])
                parts[chunk] = int(low[start]), np.zeros((size, band.shape[1]))
            rows = values, starts, self.lengths, places
            beyond[chunk] = kernels.band_products(*rows, *parts[chunk], start, stop)

        _threads.run(task, ranges)
        for first, part in parts[1:]:
            band[first : first + len(part)] += part
        return not any(beyond)

    def _add_dense_products(self, lower: Float64Array) -> None:
        """Add J^T J to all of `lower`: a single thread of BLAS for each range of rows."""
        ranges = _threads.split(self.shape[0], max(self.n_columns, DENSE_ROWS))
        parts = [lower, *(np.zeros_like(lower) for _ in ranges[1:])]

        def task(chunk: int, start: int, stop: int) -> None:
            for first in range(start, stop, DENSE_ROWS):
                some = slice(first, min(first + DENSE_ROWS, stop))
                dense = self.values[some]
                if dense.shape[1] < self.n_columns:  # otherwise every row holds all columns, in order
                    block = SparseRows.trusted(dense, self.starts[some], self.lengths, self.n_columns)
                    dense = block.toarray()
                parts[chunk] += dense.T @ dense

        _threads.run(task, ranges)
        for part in parts[1:]:
            lower += part

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J, shape (n_columns,)."""
        squared = SparseRows.trusted(self.values**2, self.starts, self.lengths, self.n_columns)
        return np.asarray(squared.rmatvec(np.ones(self.shape[0])), dtype=np.float64)

    def toarray(self) -> Array:
        """The dense matrix."""
        affordable("the dense matrix", float(self.values.itemsize) * self.shape[0] * self.n_columns)
        out = np.zeros(self.shape, dtype=self.values.dtype)
        kernels.scatter(self.values, self.starts, self.lengths, out, 0, self.shape[0])
        return out

    def chunks(self) -> Iterator[Operator]:
        """Itself."""
        yield self

    def tocsr(self) -> scipy.sparse.csr_array:
        """The matrix in SciPy's compressed rows."""
        pointers = np.arange(self.shape[0] + 1) * self.values.shape[1]
        return scipy.sparse.csr_array(
            (self.values.ravel(), self._columns.ravel(), pointers), shape=self.shape
        )

    @property
    def _columns(self) -> NDArray[np.int64]:
        """The column of every stored value, of the shape of `values`."""
        within = np.concatenate([np.arange(length) for length in self.lengths])
        return np.asarray(np.repeat(self.starts, self.lengths, axis=1) + within)


def _whole(name: str, value: Any, ndim: int) -> NDArray[np.int64]:
    """`value` as an array of int64."""
    real_array(name, value, ndim=ndim)
    array = np.asarray(value)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    return np.ascontiguousarray(array, dtype=np.int64)


def symmetric(lower: Float64Array) -> Float64Array:
    """`lower` with its upper triangle overwritten by the transpose of the lower triangle."""
    kernels.mirror(lower)
    return lower


@lru_cache(maxsize=64)
def _shares(lengths: tuple[int, ...], count: int) -> tuple[NDArray[np.int64], ...]:
    """All pairs (a, b) of segments, a >= b, in `count` lists of similar work, the largest first."""
    a, b = np.tril_indices(len(lengths))
    work = np.take(lengths, a) * np.take(lengths, b)
    shares: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    loads = [0] * count
    for pair in np.argsort(-work, kind="stable"):
        least = loads.index(min(loads))
        shares[least].append((int(a[pair]), int(b[pair])))
        loads[least] += int(work[pair])
    return tuple(np.array(sorted(share), np.int64).reshape(-1, 2) for share in shares)


def _sum_in_order(parts: Float64Array) -> Float64Array:
    """Sum over the first axis from first to last: the same bits for the same number of parts."""
    total: Float64Array = parts[0]
    for part in parts[1:]:
        total += part
    return total
