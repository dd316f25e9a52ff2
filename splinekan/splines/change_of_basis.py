"""The change of basis A, b = A psi: from power ReLUs to B-splines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer, real_array
from splinekan.splines.knot_vector import KnotVector, knot_vector


@dataclass(frozen=True, eq=False)
class ChangeOfBasis:
    """The matrix A with b = A psi on [a, b]: upper triangular, degree + 2 diagonals.

    Coefficients of the same spline are w = A^T u (Southworth et al., arXiv:2603.04827, Lemmas 2 and 3). The
    inverse is full above the diagonal and positive, (A^{-1})_ij = prod_{l=1..degree} (t_{j+l} - t_i) for j >=
    i (Marsden's identity; claim marsden-inverse of theory/README.md), and a product of positive factors,
    A^{-1} = C W_1 C ... W_degree C, with C of entries 1 on and above the diagonal, W_q = diag(t_{i+q} - t_i).
    The two solves are therefore running sums with positive weights: nothing is subtracted, and |error| <= c
    eps |A^{-1}| |v| in every entry, c growing with n_basis. Back substitution with the bands subtracts, and
    loses up to 13 digits more (degree 7, 256 intervals; docs/accuracy.md).

    Attributes
    ----------
    bands
        (degree + 2, n_basis): bands[d, i] = A[i, i + d], 0 beyond the last column. A scales as
        1/length^degree.
    widths
        (degree, n_basis): widths[q - 1, i] = t_{i+q} - t_i > 0.
    """

    bands: Float64Array
    widths: Float64Array

    @property
    def shape(self) -> tuple[int, int]:
        """(n_basis, n_basis)."""
        return (self.bands.shape[1], self.bands.shape[1])

    def toarray(self) -> Float64Array:
        """A, dense."""
        m = self.shape[0]
        dense = np.zeros((m, m))
        for d, band in enumerate(self.bands[:m]):
            np.fill_diagonal(dense[:, d:], band[: m - d])
        return dense

    @np.errstate(over="ignore", invalid="ignore")
    def apply(self, v: ArrayLike) -> Float64Array:
        """A v along the first axis of v, in O(n_basis degree)."""
        x = self._operand(v)
        m, y = len(x), np.zeros_like(x)
        for d, band in enumerate(self.bands[:m]):
            y[: m - d] += _column(band[: m - d], x) * x[d:]
        return y

    @np.errstate(over="ignore", invalid="ignore")
    def apply_transpose(self, v: ArrayLike) -> Float64Array:
        """A^T v along the first axis of v."""
        x = self._operand(v)
        m, y = len(x), np.zeros_like(x)
        for d, band in enumerate(self.bands[:m]):
            y[d:] += _column(band[: m - d], x) * x[: m - d]
        return y

    def solve(self, v: ArrayLike) -> Float64Array:
        """A^{-1} v along the first axis of v, in O(n_basis degree)."""
        return self._summed(v, backwards=True)

    def solve_transpose(self, v: ArrayLike) -> Float64Array:
        """A^{-T} v along the first axis of v, in O(n_basis degree)."""
        return self._summed(v, backwards=False)

    def condition_number(self) -> float:
        """The 2-norm condition number of A, dimensionless; grows like intervals^(degree + 1)."""
        return float(np.linalg.cond(self.toarray()))

    @np.errstate(over="ignore", under="ignore", invalid="ignore")
    def _summed(self, v: ArrayLike, backwards: bool) -> Float64Array:
        """The factors of A^{-1}, or of its transpose, one after the other."""
        y = self._operand(v).copy()
        rows = y.reshape(len(y), -1)  # a view of y
        rows, weights = (rows[::-1], self.widths[::-1, ::-1]) if backwards else (rows, self.widths)
        _running_sums(rows)
        for width in weights:
            rows *= width[:, None]
            _running_sums(rows)
        return y

    def _operand(self, v: ArrayLike) -> Float64Array:
        x = real_array("v", v, finite=False).astype(np.float64, copy=False)
        if x.ndim == 0 or x.shape[0] != self.shape[0]:
            raise ValueError(f"v must have {self.shape[0]} entries along axis 0, got {x.shape}")
        return x


def _running_sums(rows: Float64Array) -> None:
    """Row i becomes the sum of rows 0 to i, in place."""
    if rows.shape[1] < _WIDE:
        np.add.accumulate(rows, axis=0, out=rows)
    else:  # the same sums, a row at a time: NumPy's accumulate walks down the columns
        for i in range(1, len(rows)):
            rows[i] += rows[i - 1]


_WIDE = 128
"""Columns from which sums row by row are faster."""


def _column(band: Float64Array, like: Float64Array) -> Float64Array:
    return band.reshape((-1,) + (1,) * (like.ndim - 1))


def change_of_basis(knots: KnotVector | ArrayLike, degree: int | None = None) -> ChangeOfBasis:
    """The matrix A with b = A psi, which takes power ReLUs psi to B-splines b.

    With r = degree + 1, A_ij = (-1)^r (t_{i+r} - t_i) / prod_{l=i..i+r, l != j} (t_j - t_l), the divided
    difference of the truncated power (closed form of Southworth et al., arXiv:2603.04827, Lemma 2); on
    uniform knots of spacing h that is (-1)^(j-i) C(r, j-i) / ((r-1)! h^(r-1)) (Corollary 1).

    Parameters
    ----------
    knots
        A KnotVector, or an array of knots; strictly increasing.
    degree
        k, 0 to 9; omitted with a KnotVector.

    Returns
    -------
    ChangeOfBasis
        The matrix A, (n_basis, n_basis), by its bands, with products and solves; in units of x^-k.

    Raises
    ------
    TypeError, ValueError
        For bad knots or degree. For repeated knots, whose truncated powers are linearly dependent, and for
        periodic knots. For spacings so small or large that an entry leaves the range of float64.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> change_of_basis(uniform_knots(0, 2, 2, 1), 1).toarray()
    array([[ 1., -2.,  1.],
           [ 0.,  1., -2.],
           [ 0.,  0.,  1.]])
    """
    vector = knot_vector(knots, degree)
    vector.check_relu_basis("the change of basis")
    t, r = vector.t, vector.degree + 1
    m = len(t) - r
    # Differences of the stored knots, for uniform knots too: exact for the stored numbers, also far from 0.
    bands = np.zeros((r + 1, m))
    windows = np.lib.stride_tricks.sliding_window_view(t, r + 1)
    normal = True
    with np.errstate(over="ignore", divide="ignore", under="ignore", invalid="ignore"):
        for d in range(r + 1):
            others = np.delete(windows, d, axis=1)
            products = np.prod(windows[:, d : d + 1] - others, axis=1)
            bands[d] = (-1) ** r * (windows[:, r] - windows[:, 0]) / products
            normal = normal and _all_normal(products) and _all_normal(bands[d])
    if not normal:
        raise ValueError(
            f"the change of basis scales as spacing^-{r - 1} and leaves the range of float64: "
            f"got knots with spacings from {np.diff(t).min()} to {np.diff(t).max()}; rescale them"
        )
    for d in range(1, r + 1):
        bands[d, m - d :] = 0.0
    widths = np.array([t[q : q + m] - t[:m] for q in range(1, r)]).reshape(r - 1, m)
    return ChangeOfBasis(bands, widths)


def _all_normal(values: Float64Array) -> bool:
    """Whether no value is zero, infinite, or so small that it has lost digits."""
    sizes = np.abs(values)
    return bool(((sizes >= np.finfo(np.float64).tiny) & (sizes < np.inf)).all())


def relu_from_spline(
    u: ArrayLike, knots: KnotVector | ArrayLike, degree: int | None = None, axis: int = 0
) -> Float64Array:
    """Coefficients w = A^T u of the power ReLUs from coefficients u of the B-splines, along `axis`.

    Parameters
    ----------
    u
        Real coefficients: n_basis along `axis`, any shape otherwise.
    knots
        A KnotVector, or an array of knots; strictly increasing.
    degree
        k, 0 to 9; omitted with a KnotVector.
    axis
        The axis of u that belongs to the B-splines.

    Returns
    -------
    ndarray
        The coefficients w, of the shape of u, float64, in units of u over those of x^k.

    Raises
    ------
    TypeError, ValueError
        As `change_of_basis`; if u does not fit the knots; if w leaves the range of float64.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> relu_from_spline([1.0, 0.0, 2.0], uniform_knots(0, 2, 2, 1), 1)
    array([ 1., -2.,  3.])
    """
    return _along("u", u, axis, change_of_basis(knots, degree).apply_transpose)


def spline_from_relu(
    w: ArrayLike, knots: KnotVector | ArrayLike, degree: int | None = None, axis: int = 0
) -> Float64Array:
    """Coefficients u = A^{-T} w of the B-splines from coefficients w of the power ReLUs, along `axis`.

    Every u_i is accurate to a few eps relative to sum_j |(A^{-T})_ij w_j|. A is ill-conditioned: errors that
    w already has, such as rounding in `relu_from_spline`, grow by up to cond(A), about 1e6 for cubics on 32
    intervals.

    Parameters
    ----------
    w
        Real coefficients: n_basis along `axis`, any shape otherwise.
    knots
        A KnotVector, or an array of knots; strictly increasing.
    degree
        k, 0 to 9; omitted with a KnotVector.
    axis
        The axis of w that belongs to the power ReLUs.

    Returns
    -------
    ndarray
        The coefficients u, of the shape of w, float64, in units of w times those of x^k.

    Raises
    ------
    TypeError, ValueError
        As `change_of_basis`; if w does not fit the knots; if u leaves the range of float64.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> spline_from_relu([1.0, -2.0, 3.0], uniform_knots(0, 2, 2, 1), 1)
    array([1., 0., 2.])
    """
    return _along("w", w, axis, change_of_basis(knots, degree).solve_transpose)


def _along(name: str, values: ArrayLike, axis: int, operation: Any) -> Float64Array:
    array = real_array(name, values)
    if array.ndim == 0:
        raise ValueError(f"{name} must have at least one axis, got a number")
    where = integer("axis", axis, low=-array.ndim, high=array.ndim - 1)
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            product = operation(np.moveaxis(array, where, 0))
        except ValueError as error:
            raise ValueError(f"{name} does not fit the knots along axis {where}: {error}") from None
    if not np.isfinite(product).all():
        raise ValueError(f"{name} must have a change of basis within the range of float64")
    return np.ascontiguousarray(np.moveaxis(product, 0, where))
