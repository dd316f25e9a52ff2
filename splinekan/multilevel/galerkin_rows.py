"""Products J P of stored Jacobians with prolongations, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy

from splinekan._blas import several
from splinekan._checks import Float64Array
from splinekan.operators import Matrix, Operator, SparseRows

Rows = SparseRows | Matrix


def chunks(jacobian: Any) -> Iterator[Rows]:
    """The rows of J in chunks with stored entries, in any order."""
    given = getattr(jacobian, "chunks", None)
    for chunk in [Matrix(jacobian.toarray())] if given is None else given():
        yield chunk if isinstance(chunk, (SparseRows, Matrix)) else Matrix(chunk.toarray())


def prolonged(rows: Rows, P: Any) -> Rows:
    """J P for sparse P (fine, coarse).

    On a fine interval the active fine functions are combinations of the functions that are active on the
    coarse interval around it, so that the segments of a row stay segments of the same length: those of the
    samples in an interval are multiplied by a small block of P. For P that does not act segment by segment
    the product is stored without that structure.
    """
    if isinstance(rows, Matrix):
        return Matrix(rows.matrix @ P)
    places = np.cumsum(rows.lengths) - rows.lengths
    P = scipy.sparse.csr_array(P)
    pieces, starts, lengths = [], [], []
    for number, (place, length) in enumerate(zip(places, rows.lengths, strict=True)):
        if not length:
            pieces.append(rows.values[:, place:place])
            starts.append(starts[-1] + lengths[-1] if starts else np.zeros(len(rows.values), np.int64))
            lengths.append(0)
            continue
        values = rows.values[:, place : place + length]
        distinct, group = np.unique(rows.starts[:, number], return_inverse=True)
        blocks = [P[start : start + length] for start in distinct]
        ends = [(int(b.indices.min()), int(b.indices.max()) + 1) for b in blocks]
        width = max(last - first for first, last in ends)
        least, most = min(first for first, _ in ends), max(last for _, last in ends)
        product = np.empty((len(values), width), np.float64)
        begin = np.empty(len(values), np.int64)
        order = np.argsort(group, kind="stable")
        bounds = np.searchsorted(group[order], np.arange(len(distinct) + 1))
        for at, (block, (first, _)) in enumerate(zip(blocks, ends, strict=True)):
            first = max(min(first, most - width), least)
            some = order[bounds[at] : bounds[at + 1]]
            product[some] = values[some] @ block[:, first : first + width].toarray()
            begin[some] = first
        pieces.append(product)
        starts.append(begin)
        lengths.append(width)
    return SparseRows.trusted(
        np.ascontiguousarray(np.concatenate(pieces, axis=1)),
        np.ascontiguousarray(np.stack(starts, axis=1)),
        np.array(lengths, np.int64),
        P.shape[1],
    )


def add_normal(rows: Rows, lower: Float64Array) -> None:
    """Add J^T J to the lower triangle of `lower`."""
    if isinstance(rows, SparseRows):
        rows.add_products(lower)
        return
    with several(2.0 * rows.shape[0] * rows.shape[1] ** 2):
        product = rows.matrix.T @ rows.matrix
    lower += product.toarray() if scipy.sparse.issparse(product) else product


def columns(rows: Rows, start: int, stop: int) -> Rows:
    """The columns from `start` to `stop`, which cut no segment unless there is a single segment."""
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
