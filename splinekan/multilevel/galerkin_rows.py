"""Products J P of stored Jacobians with prolongations, and normal matrices from them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._blas import several
from splinekan._checks import Array, Float64Array
from splinekan.operators import Matrix, SparseRows

Rows = SparseRows | Matrix
DENSE = 200
"""The largest number of rows of a dense block of a prolongation."""


def chunks(jacobian: Any) -> Iterator[Rows]:
    """The rows of J in chunks with stored entries, in any order."""
    given = getattr(jacobian, "chunks", None)
    for chunk in [Matrix(jacobian.toarray())] if given is None else given():
        yield chunk if isinstance(chunk, (SparseRows, Matrix)) else Matrix(chunk.toarray())


class Prolongation:
    """J -> J P for sparse P (fine, coarse); the blocks of P that occur are cached.

    On a fine interval the active fine functions are combinations of the functions that are active on the
    coarse interval around it, so that the segments of a row remain segments of the same length: the segments
    of the samples in an interval are multiplied by a small block of P.
    """

    def __init__(self, P: Any) -> None:
        self.P = scipy.sparse.csr_array(P)
        self._blocks: dict[tuple[int, int], tuple[int, int, Any]] = {}

    def _block(self, start: int, length: int) -> tuple[int, int, Any]:
        """(first, last + 1, entries) of the columns in which the rows from `start` on have entries."""
        key = (start, length)
        if key not in self._blocks:
            rows = self.P[start : start + length]
            first, last = int(rows.indices.min()), int(rows.indices.max()) + 1
            part = rows[:, first:last]
            self._blocks[key] = first, last, part if part.shape[0] > DENSE else part.toarray()
        return self._blocks[key]

    def __call__(self, rows: Rows) -> Rows:
        """J P, in the form of J if its segments do not overlap."""
        if isinstance(rows, Matrix):
            return Matrix(rows.matrix @ self.P)
        places = np.cumsum(rows.lengths) - rows.lengths
        segments = [
            _Segment(self, rows.starts[:, number], int(place), int(length))
            for number, (place, length) in enumerate(zip(places, rows.lengths, strict=True))
            if length
        ]
        # On periodic knots, functions that wrap around have entries at both ends of the columns.
        if any(left.last > right.first for left, right in pairwise(segments)):
            return Matrix(rows.tocsr() @ self.P)
        found = [segment.products(rows.values) for segment in segments]
        return SparseRows.trusted(
            np.ascontiguousarray(np.concatenate([values for values, _ in found], axis=1)),
            np.ascontiguousarray(np.stack([starts for _, starts in found], axis=1)),
            np.array([values.shape[1] for values, _ in found], np.int64),
            self.P.shape[1],
        )


class _Segment:
    """A segment of the rows, sorted by its first column, with the corresponding blocks of P."""

    def __init__(
        self, prolongation: Prolongation, starts: NDArray[np.int64], place: int, length: int
    ) -> None:
        order = np.argsort(starts, kind="stable")
        distinct, begins = np.unique(starts[order], return_index=True)
        self.blocks = [prolongation._block(int(start), length) for start in distinct]
        self.samples = np.split(order, begins[1:])
        self.where = slice(place, place + length)
        self.first = min(first for first, _, _ in self.blocks)
        self.last = max(last for _, last, _ in self.blocks)

    def products(self, values: Array) -> tuple[Float64Array, NDArray[np.int64]]:
        """The values and the starts of the segment in J P."""
        width = max(last - first for first, last, _ in self.blocks)
        product, starts = np.zeros((len(values), width)), np.empty(len(values), np.int64)
        for (first, last, block), some in zip(self.blocks, self.samples, strict=True):
            # A block narrower than the segment stays within the columns of the segment.
            begin = min(first, self.last - width)
            product[some, first - begin : last - begin] = values[some, self.where] @ block
            starts[some] = begin
        return product, starts


def add_normal(rows: Rows, lower: Float64Array) -> None:
    """Add J^T J to the lower triangle of `lower`."""
    if isinstance(rows, SparseRows):
        rows.add_products(lower)
        return
    with several(2.0 * rows.shape[0] * rows.shape[1] ** 2):
        product = rows.matrix.T @ rows.matrix
    lower += product.toarray() if scipy.sparse.issparse(product) else product


def columns(rows: Rows, start: int, stop: int) -> Rows:
    """The columns from `start` to `stop`, which split a segment only if there is a single segment."""
    if isinstance(rows, Matrix):
        return Matrix(rows.matrix[:, start:stop])
    kept = (rows.starts.min(axis=0) >= start) & (rows.starts.max(axis=0) + rows.lengths <= stop)
    kept &= rows.lengths > 0
    touched = (rows.starts.min(axis=0) < stop) & (rows.starts.max(axis=0) + rows.lengths > start)
    if (touched & ~kept & (rows.lengths > 0)).any():
        return Matrix(rows.toarray()[:, start:stop].astype(np.float64))
    ends = np.cumsum(rows.lengths)
    chosen = [slice(e - n, e) for e, n, keep in zip(ends, rows.lengths, kept, strict=True) if keep]
    values = [rows.values[:, each] for each in chosen] or [rows.values[:, :0]]
    return SparseRows.trusted(
        np.ascontiguousarray(np.concatenate(values, axis=1), np.float64),
        np.ascontiguousarray(rows.starts[:, kept] - start),
        np.ascontiguousarray(rows.lengths[kept]),
        stop - start,
    )


def stored(rows: Rows) -> Any:
    """The matrix, dense or in SciPy's compressed rows."""
    return rows.tocsr() if isinstance(rows, SparseRows) else rows.matrix
