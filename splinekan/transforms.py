"""Linear maps between coefficients: change of basis A (b = A psi) and exact prolongation P."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import comb
from operator import mul
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import Float64Array, integer, one_of, real_array, spline_degree
from splinekan._rationals import as_integers, ratio
from splinekan.knots import is_clamped, is_uniform, validate_knots

NESTED = 2.0**-40
"""How far a coarse knot may be from the fine one that it is, relative to the fine intervals beside it."""


@dataclass(frozen=True, eq=False)
class ChangeOfBasis:
    """The matrix A with b = A psi on [a, b]: upper triangular, degree + 2 diagonals.

    Coefficients of the same spline are w = A^T u (Southworth et al., arXiv:2603.04827, Lemma 2 and 3).

    Attributes
    ----------
    bands
        (degree + 2, n_basis): bands[d, i] = A[i, i + d], 0 beyond the last column. A scales as
        1/length^degree.
    """

    bands: Float64Array

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
        """A^{-1} v along the first axis of v, by back substitution."""
        return self._substitute(v, "N")

    def solve_transpose(self, v: ArrayLike) -> Float64Array:
        """A^{-T} v along the first axis of v, by forward substitution."""
        return self._substitute(v, "T")

    def condition_number(self) -> float:
        """The 2-norm condition number of A, dimensionless; grows like intervals^(degree + 1)."""
        return float(np.linalg.cond(self.toarray()))

    def _substitute(self, v: ArrayLike, transposed: str) -> Float64Array:
        x = self._operand(v)
        if x.size == 0:  # SciPy's wrapper writes out of bounds without a right-hand side
            return np.zeros_like(x)
        upper = np.zeros_like(self.bands)  # LAPACK keeps A[i, i + d] in column i + d
        for d, band in enumerate(self.bands):
            upper[-1 - d, d:] = band[: len(x) - d] if d else band
        y, info = scipy.linalg.lapack.dtbtrs(upper, x.reshape(len(x), -1), uplo="U", trans=transposed)
        if info != 0:
            raise ArithmeticError(f"A is singular at row {info}")
        return np.ascontiguousarray(y).reshape(x.shape)

    def _operand(self, v: ArrayLike) -> Float64Array:
        x = real_array("v", v, finite=False).astype(np.float64, copy=False)
        if x.ndim == 0 or x.shape[0] != self.shape[0]:
            raise ValueError(f"v must have {self.shape[0]} entries along axis 0, got {x.shape}")
        return x


def _column(band: Float64Array, like: Float64Array) -> Float64Array:
    return band.reshape((-1,) + (1,) * (like.ndim - 1))


def change_of_basis(knots: ArrayLike, degree: int) -> ChangeOfBasis:
    """A for strictly increasing extended knots, r = degree + 1.

    A_ij = (-1)^r (t_{i+r} - t_i) / prod_{l=i..i+r, l != j} (t_j - t_l), the divided difference of the
    truncated power (closed form of Southworth et al., arXiv:2603.04827, Lemma 2); on uniform knots of
    spacing h that is (-1)^(j-i) C(r, j-i) / ((r-1)! h^(r-1)) (Corollary 1).

    Raises
    ------
    ValueError
        For clamped knots: truncated powers of one repeated knot are not a basis. For spacings so small or
        large that an entry leaves the range of float64.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> change_of_basis(uniform_knots(0, 2, 2, 1), 1).toarray()
    array([[ 1., -2.,  1.],
           [ 0.,  1., -2.],
           [ 0.,  0.,  1.]])
    """
    t = validate_knots(knots, degree)
    if is_clamped(t, degree):
        raise ValueError(
            "the change of basis needs strictly increasing knots (see uniform_knots or "
            "extended_knots): the truncated powers of a repeated knot are linearly dependent"
        )
    r = spline_degree(degree) + 1
    m = len(t) - r
    # Differences of the stored knots, on uniform ones too: exact for what is stored, far from 0 as well.
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
    return ChangeOfBasis(bands)


def _all_normal(values: Float64Array) -> bool:
    """Whether no value is zero, infinite, or so small that it has lost digits."""
    sizes = np.abs(values)
    return bool(((sizes >= np.finfo(np.float64).tiny) & (sizes < np.inf)).all())


def relu_from_spline(u: ArrayLike, knots: ArrayLike, degree: int, axis: int = 0) -> Float64Array:
    """w = A^T u along `axis`: coefficients of the power ReLUs from those of the B-splines."""
    return _along("u", u, axis, change_of_basis(knots, degree).apply_transpose)


def spline_from_relu(w: ArrayLike, knots: ArrayLike, degree: int, axis: int = 0) -> Float64Array:
    """u = A^{-T} w along `axis`: coefficients of the B-splines from those of the power ReLUs.

    A is ill-conditioned: cond(A), about 1e6 for cubics on 32 intervals, bounds the relative error over eps.
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
        raise ValueError(f"the change of basis of {name} leaves the range of float64")
    return np.ascontiguousarray(np.moveaxis(product, 0, where))


def prolongation(
    coarse_knots: ArrayLike, fine_knots: ArrayLike, degree: int, basis: str = "spline"
) -> scipy.sparse.csr_array:
    """P with c_fine = P c_coarse: the same function on [a, b], exactly.

    The breakpoints must be nested, to rounding relative to the intervals beside them; the ghost knots of the
    two sides need not be related. In the spline
    basis row i holds the blossom of a coarse piece at (t'_{i+1}, ..., t'_{i+k}) (knot insertion); on
    uniform knots with every interval halved it is the two-scale relation
    b_i = sum_s 2^{-k} C(k+1, s) b'_{2i+s} (Southworth et al., arXiv:2603.04827, Eq. 25, whose printed
    factor 2^{-r} halves the function). In the ReLU basis inner knots are injected, and each coarse
    ghost power, a polynomial on [a, b], is re-expanded in the fine ones:
    (x - s)^k = sum_j l_j(s) (x - t'_j)^k with l_j the Lagrange basis on t'_{-k}, ..., t'_0, exact
    because both sides are polynomials of degree k in s.

    Returns
    -------
    scipy.sparse.csr_array
        (n_basis of the fine knots, n_basis of the coarse knots), dimensionless. In the spline basis every
        entry is the exact one of the stored knots, rounded once (uniform and halved knots count as exactly
        so); in the ReLU basis every entry is right to 4 (k + 1) eps.

    Raises
    ------
    ValueError
        If a coarse breakpoint is not a fine one, or the domains differ.
    """
    one_of("basis", basis, ("spline", "relu"))
    coarse, fine = validate_knots(coarse_knots, degree), validate_knots(fine_knots, degree)
    k = spline_degree(degree)
    inner_c, inner_f = coarse[k : len(coarse) - k], fine[k : len(fine) - k]
    where = _match(inner_c, inner_f)
    if basis == "relu":
        return _relu_prolongation(coarse, fine, k, where)
    halved = len(inner_f) == 2 * len(inner_c) - 1
    if halved and is_uniform(coarse, k) and is_uniform(fine, k):
        return _two_scale(len(coarse) - k - 1, len(fine) - k - 1, k)
    return _blossoms(coarse, fine, k, where)


def _match(coarse: Float64Array, fine: Float64Array) -> NDArray[np.intp]:
    """Index of every coarse breakpoint among the fine ones."""
    right = np.clip(np.searchsorted(fine, coarse), 1, len(fine) - 1)
    nearest = np.where(coarse - fine[right - 1] < fine[right] - coarse, right - 1, right)
    # Equal to rounding, relative to the intervals beside the knot: what a knot is off moves the function.
    widths = np.diff(fine)
    beside = np.minimum(widths[np.maximum(nearest - 1, 0)], widths[np.minimum(nearest, len(widths) - 1)])
    far = np.abs(fine[nearest] - coarse) > NESTED * beside
    far[1:] |= nearest[1:] <= nearest[:-1]  # two coarse knots cannot be the same fine one
    missing = np.flatnonzero(far)
    if missing.size:
        raise ValueError(
            f"coarse_knots and fine_knots are not nested: the coarse breakpoint {coarse[missing[0]]} is not "
            "among the fine ones"
        )
    if nearest[0] != 0 or nearest[-1] != len(fine) - 1:
        raise ValueError(
            f"domains differ: coarse_knots have [{coarse[0]}, {coarse[-1]}], "
            f"fine_knots [{fine[0]}, {fine[-1]}]"
        )
    return nearest


def _two_scale(n_coarse: int, n_fine: int, k: int) -> scipy.sparse.csr_array:
    index = np.arange(n_coarse)
    rows = np.concatenate([2 * index - k + s for s in range(k + 2)])
    values = np.repeat([comb(k + 1, s) / 2.0**k for s in range(k + 2)], n_coarse)
    columns = np.tile(index, k + 2)
    keep = (rows >= 0) & (rows < n_fine)
    return scipy.sparse.csr_array((values[keep], (rows[keep], columns[keep])), shape=(n_fine, n_coarse))


def _blossoms(
    coarse: Float64Array, fine: Float64Array, k: int, where: NDArray[np.intp]
) -> scipy.sparse.csr_array:
    n_fine, n_coarse = len(fine) - k - 1, len(coarse) - k - 1
    index = np.arange(n_fine)
    # A fine interval in the middle of the support of each fine function, and the coarse one around it.
    middle = np.clip(index - k + k // 2, 0, n_fine - k - 1)
    span = np.searchsorted(where, middle, side="right") - 1
    integers, _ = as_integers(np.concatenate([coarse, fine]))
    c, f = integers[: len(coarse)], integers[len(coarse) :]
    points = np.zeros((n_fine, k + 1, k + 1), dtype=object)
    points[:, np.arange(k + 1), np.arange(k + 1)] = 1
    denominator = np.ones(n_fine, dtype=object)
    # De Boor's recursion in integers; what it divides by is collected in one denominator per row.
    for level in range(1, k + 1):
        u = f[index + level]
        ends = {j: (c[span + j], c[span + j + k - level + 1]) for j in range(level, k + 1)}
        product = reduce(mul, (right - left for left, right in ends.values()))
        for j, (left, right) in reversed(ends.items()):
            share = product // (right - left)
            down, up = ((right - u) * share)[:, None], ((u - left) * share)[:, None]
            points[:, j] = down * points[:, j - 1] + up * points[:, j]
        denominator = denominator * product
    values = ratio(points[:, k], denominator[:, None])
    columns = span[:, None] + np.arange(k + 1)
    rows = np.repeat(index, k + 1)
    result = scipy.sparse.csr_array((values.ravel(), (rows, columns.ravel())), shape=(n_fine, n_coarse))
    result.eliminate_zeros()
    return result


def _relu_prolongation(
    coarse: Float64Array, fine: Float64Array, k: int, where: NDArray[np.intp]
) -> scipy.sparse.csr_array:
    for name, t in (("coarse_knots", coarse), ("fine_knots", fine)):
        if is_clamped(t, k):
            raise ValueError(f"{name} are clamped: the ReLU basis needs strictly increasing knots")
    ghosts = fine[: k + 1]
    lagrange = np.ones((k + 1, k + 1))
    for j in range(k + 1):
        for l in range(k + 1):
            if l != j:
                with np.errstate(over="ignore", under="ignore"):
                    lagrange[j] *= (coarse[: k + 1] - ghosts[l]) / (ghosts[j] - ghosts[l])
    if not np.isfinite(lagrange).all():
        raise ValueError("the ghost knots of coarse_knots and fine_knots are too far apart to be re-expanded")
    n_fine, n_coarse = len(fine) - k - 1, len(coarse) - k - 1
    inner = where[1:-1] + k
    rows = np.concatenate([np.repeat(np.arange(k + 1), k + 1), inner])
    columns = np.concatenate([np.tile(np.arange(k + 1), k + 1), np.arange(k + 1, n_coarse)])
    values = np.concatenate([lagrange.ravel(), np.ones(len(inner))])
    result = scipy.sparse.csr_array((values, (rows, columns)), shape=(n_fine, n_coarse))
    result.eliminate_zeros()
    return result
