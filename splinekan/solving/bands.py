"""Normal equations of tensor-product splines, assembled and factored as banded matrices."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._arrays import quiet
from splinekan._blas import one
from splinekan._checks import Float64Array, affordable
from splinekan.network import SparseRows, TensorSplineLayer
from splinekan.objectives.pinn import PINN

WORTHWHILE = 0.5
"""Largest bandwidth, relative to the order of a matrix, for which a band is cheaper than the full matrix."""


@dataclass(frozen=True, eq=False)
class Band:
    """An order of the coefficients in which functions with overlapping supports are close to each other.

    Attributes
    ----------
    order
        A permutation: the old number of every coefficient.
    width
        The largest distance in the new order of two coefficients whose functions overlap.
    """

    order: NDArray[np.int64]
    width: int

    @property
    def worthwhile(self) -> bool:
        """Whether a band is cheaper than the full matrix."""
        return self.width < WORTHWHILE * len(self.order)

    @property
    def places(self) -> NDArray[np.int64]:
        """The new number of every coefficient."""
        places = np.empty_like(self.order)
        places[self.order] = np.arange(len(self.order))
        return places


def band(layer: TensorSplineLayer) -> Band:
    """The order of axes with the smallest width; a periodic axis is folded, 0, n - 1, 1, n - 2, ...

    Overlapping functions of degree k are at most k apart along an axis, or 2 k if it is folded. The width is
    the sum over axes of this distance times the number of coefficients that vary faster, plus n_out - 1.
    """
    *sizes, n_out = layer.shape
    reaches = []
    numbers = np.arange(layer.n_parameters).reshape(layer.shape)
    for axis, (n, knots) in enumerate(zip(sizes, layer.knots, strict=True)):
        reaches.append(min(2 * knots.degree if knots.periodic else knots.degree, n - 1))
        if knots.periodic:
            folded = np.empty(n, np.int64)
            folded[::2] = np.arange((n + 1) // 2)
            folded[1::2] = np.arange(n - 1, (n + 1) // 2 - 1, -1)
            numbers = np.take(numbers, folded, axis=axis)

    def width(axes: tuple[int, ...]) -> int:
        total, faster = n_out - 1, n_out
        for axis in reversed(axes):
            total, faster = total + reaches[axis] * faster, faster * sizes[axis]
        return total

    best = min(permutations(range(len(sizes))), key=width)
    order = np.ascontiguousarray(numbers.transpose(*best, len(sizes))).ravel()
    return Band(order, width(best))


@dataclass(frozen=True, eq=False)
class BandMatrix:
    """The symmetric matrix [[B, C], [C^T, D]] with B banded in another order and few columns in C and D.

    Attributes
    ----------
    ordering
        The order of B.
    band
        (n, w + 1): band[j, i - j] = B_ij for i >= j in the order of the band; 0 where i >= n.
    border
        C, (n, c), its rows in the order of the columns of the matrix.
    corner
        D, (c, c).
    """

    ordering: Band
    band: Float64Array
    border: Float64Array
    corner: Float64Array

    def diagonal(self) -> Float64Array:
        """The diagonal, (n + c,)."""
        own = np.empty(len(self.band))
        own[self.ordering.order] = self.band[:, 0]
        return np.concatenate([own, np.diag(self.corner)])

    @one
    def solve(self, scale: Float64Array, shift: float, right: Float64Array) -> Float64Array | None:
        """(matrix + shift S^2)^{-1} right, S = diag(scale), by the Cholesky factor of the scaled band.

        None where it is not positive definite.
        """
        order, n = self.ordering.order, len(self.band)
        ours, theirs = scale[:n], scale[n:]
        factor = self._scaled(1 / ours[order])
        factor[:, 0] += shift
        try:
            factor = scipy.linalg.cholesky_banded(factor.T, overwrite_ab=True, lower=True, check_finite=False)
            columns = np.column_stack([right[:n] / ours, self.border / ours[:, None] / theirs])[order]
            solved = scipy.linalg.cho_solve_banded((factor, True), columns, check_finite=False)
            x = solved[:, 0]
            y = np.empty(0)
            if len(theirs):
                border, eliminated = columns[:, 1:], solved[:, 1:]
                corner = self.corner / theirs / theirs[:, None] - border.T @ eliminated
                corner[np.diag_indices_from(corner)] += shift
                complement = scipy.linalg.cho_factor((corner + corner.T) / 2, check_finite=False)
                y = scipy.linalg.cho_solve(complement, right[n:] / theirs - border.T @ x, check_finite=False)
                x = x - eliminated @ y
        except np.linalg.LinAlgError:
            return None
        out = np.empty(len(right))
        out[order] = x
        out[n:] = y
        return out / scale

    def _scaled(self, inverse: Float64Array) -> Float64Array:
        """band[j, i - j] inverse_i inverse_j."""
        columns = self.band.shape[1]
        padded = np.concatenate([inverse, np.zeros(columns - 1)])
        scaled: Float64Array = self.band * np.lib.stride_tricks.sliding_window_view(padded, columns)
        scaled *= inverse[:, None]
        return scaled

    def toarray(self) -> Float64Array:
        """The dense matrix."""
        order, n = self.ordering.order, len(self.band)
        lower = np.zeros((n, n))
        for distance, entries in enumerate(self.band.T):
            at = np.arange(n - distance)
            lower[order[at + distance], order[at]] = lower[order[at], order[at + distance]] = entries[
                : len(at)
            ]
        return np.block([[lower, self.border], [self.border.T, self.corner]])


@one
@quiet
def band_equations(
    problem: PINN, theta: Float64Array, ordering: Band
) -> tuple[float, Float64Array, BandMatrix] | None:
    """(L, its gradient, J^T J) as `problem.normal_equations`; None if J^T J has entries outside the band.

    Parameters
    ----------
    problem
        A problem whose network is a layer with the coefficients of `ordering`; constants may follow in theta.
    theta
        The parameters.
    ordering
        The order of the coefficients.
    """
    n, w = len(ordering.order), ordering.width
    affordable("the band of the normal matrix", 8.0 * n * (w + 1))
    places, c = ordering.places, len(theta) - n
    matrix = BandMatrix(ordering, np.zeros((n, w + 1)), np.zeros((n, c)), np.zeros((c, c)))
    total, gradient = problem.penalty.value(theta), problem.penalty.product(theta)
    root = problem.penalty.root
    if root.shape[0] and not _add(matrix, root[:, :n], root[:, n:].toarray(), places):
        return None
    for part in problem.parts(theta):
        rows = part.jacobian()
        total += part.value
        gradient += rows.rmatvec(part.residual)
        if not _add(matrix, *_parted(rows, n, w), places):
            return None
    return total, gradient, matrix


def _parted(rows: SparseRows, n: int, width: int) -> tuple[Any, Float64Array]:
    """The first n columns, and the remaining columns as a dense array.

    Rows with more stored values than fit into a band contain zeros: these are dropped from the sparse rows.
    """
    c = rows.n_columns - n
    stored = rows.values.shape[1] - c
    if stored > width + 1 or (c and (rows.lengths[-1] != c or (rows.starts[:, -1] != n).any())):
        dense: Float64Array = rows.toarray().astype(np.float64, copy=False)
        return scipy.sparse.csr_array(dense[:, :n]), dense[:, n:]
    if not c:
        return rows, np.empty((len(rows.values), 0))
    values, last = np.ascontiguousarray(rows.values[:, :stored]), rows.values[:, stored:].astype(np.float64)
    return SparseRows.trusted(values, rows.starts[:, :-1], rows.lengths[:-1], n), last


def _add(matrix: BandMatrix, rows: Any, last: Float64Array, places: NDArray[np.int64]) -> bool:
    """Add the products of rows, the last columns separately; whether they fit into the band."""
    if isinstance(rows, SparseRows):
        fits = rows.add_band_products(matrix.band, places)
    else:
        fits = _add_sparse(matrix.band, rows, places)
    for number, column in enumerate(last.T):
        matrix.border[:, number] += rows.T @ np.ascontiguousarray(column)
    matrix.corner[:] += last.T @ last
    return fits


def _add_sparse(band: Float64Array, rows: scipy.sparse.csr_array, places: NDArray[np.int64]) -> bool:
    """`SparseRows.add_band_products` for few rows; none is added unless each fits into the band."""
    full = rows[np.diff(rows.indptr) > 0]
    at = places[full.indices]
    if not len(at):
        return True
    low, high = (ends.reduceat(at, full.indptr[:-1]) for ends in (np.minimum, np.maximum))
    if (high - low).max() >= band.shape[1]:
        return False
    products = (full.T @ full).tocoo()
    i, j = places[products.row], places[products.col]
    lower = i >= j
    band[j[lower], (i - j)[lower]] += products.data[lower]
    return True
