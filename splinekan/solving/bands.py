"""Equations of tensor-product splines as banded matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._blas import one
from splinekan._checks import Float64Array
from splinekan.network import TensorSplineLayer

WORTHWHILE = 0.35
"""Largest bandwidth, relative to the order of a matrix, for which a band is cheaper than the whole."""


@dataclass(frozen=True, eq=False)
class Band:
    """An order of the coefficients in which those whose functions meet are close to one another.

    Attributes
    ----------
    order
        A permutation: the old number of every coefficient.
    width
        The largest distance in the new order of two coefficients whose functions meet.
    """

    order: NDArray[np.int64]
    width: int

    @property
    def worthwhile(self) -> bool:
        """Whether a band is cheaper than the whole matrix."""
        return self.width < WORTHWHILE * len(self.order)

    @one
    def solve(self, matrix: Float64Array, shift: float, right: Float64Array) -> Float64Array | None:
        """(matrix + shift)^{-1} right by a Cholesky factor of the band; None if there is none.

        Entries outside of the band are left out.
        """
        n, w = len(self.order), self.width
        rows = np.arange(n) + np.arange(w + 1)[:, None]
        inside = rows < n
        at = self.order[np.minimum(rows, n - 1)]
        band = np.where(inside, matrix[at, self.order], 0.0)
        band[0] += shift
        try:
            factor = scipy.linalg.cholesky_banded(band, overwrite_ab=True, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return None
        solution = np.empty_like(right)
        solution[self.order] = scipy.linalg.cho_solve_banded(
            (factor, True), right[self.order], check_finite=False
        )
        return solution


def band(layer: TensorSplineLayer) -> Band:
    """The axis with the most functions varies slowest; a periodic one is folded, 0, n - 1, 1, n - 2, ..."""
    *sizes, m = layer.shape
    axes = sorted(range(len(sizes)), key=lambda i: -sizes[i])
    numbers = np.arange(layer.n_parameters).reshape(layer.shape).transpose(*axes, len(sizes))
    slow = axes[0]
    n, reach = sizes[slow], layer.degrees[slow]
    if layer.knots[slow].periodic:
        folded = np.empty(n, np.int64)
        folded[::2] = np.arange((n + 1) // 2)
        folded[1::2] = np.arange(n - 1, (n + 1) // 2 - 1, -1)
        numbers, reach = numbers[folded], 2 * reach + 1
    rest = layer.n_parameters // n
    return Band(np.ascontiguousarray(numbers).ravel(), min((reach + 1) * rest - 1, layer.n_parameters - 1))
