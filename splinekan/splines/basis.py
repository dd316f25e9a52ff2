"""The two bases of the splines of degree k: B-splines b_i and power ReLUs psi_j (Lemma 1).

`extrapolate` continues a spline outside its domain [a, b]:

- "linear": value and slope of the end piece; bounded growth; exact under refinement. The default.
- "polynomial": the end piece itself; exact under refinement.
- "clamp": the end value; exact under refinement.
- "zero": zero. Levels of a hierarchy agree here too, because all are cut off at the same a and b; but the
  function jumps there, so it is not a spline. The decay of the B-splines over their ghost knots, which
  depends on the level, is not used.
- "error": a ValueError that names the point.

For degree 0 "linear" is "clamp". In every mode b = A psi at every x: each mode acts on the end piece.

For the accuracy of values and derivatives see `splinekan.splines.pp_form`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import perm
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, DTypeLike, NDArray

from splinekan import _threads
from splinekan._checks import (
    Array,
    Float64Array,
    affordable,
    integer,
    one_of,
    real_array,
    spline_degree,
)
from splinekan._records import Uncached
from splinekan.kernels import bspline, power_relu
from splinekan.splines.change_of_basis import ChangeOfBasis, change_of_basis
from splinekan.splines.knot_vector import KnotVector, knot_vector
from splinekan.splines.pp_form import EXTRAPOLATIONS, LocalPieces, local_pieces


@dataclass(frozen=True, eq=False, init=False)
class _Basis(Uncached):
    """The common part of both bases: knots, continuation, and the shapes of results."""

    knots: KnotVector
    extrapolate: str

    def __init__(
        self, knots: KnotVector | ArrayLike, degree: int | None = None, extrapolate: str = "linear"
    ) -> None:
        object.__setattr__(self, "knots", knot_vector(knots, degree))
        object.__setattr__(self, "extrapolate", one_of("extrapolate", extrapolate, EXTRAPOLATIONS))

    @property
    def degree(self) -> int:
        """The degree k of the splines."""
        return self.knots.degree

    @property
    def n_basis(self) -> int:
        """Number of basis functions; see `KnotVector.n_basis`."""
        return self.knots.n_basis

    @property
    def intervals(self) -> int:
        """Number of polynomial pieces on [a, b]."""
        return self.knots.intervals

    @property
    def domain(self) -> tuple[float, float]:
        """The interval (a, b)."""
        return self.knots.domain

    @cached_property
    def _pieces(self) -> dict[np.dtype[Any], LocalPieces]:
        return {}

    def _local(self, dtype: np.dtype[Any]) -> LocalPieces:
        """The B-splines of these knots as the kernels read them."""
        if dtype not in self._pieces:
            self._pieces[dtype] = local_pieces(self.knots, None, self.extrapolate, dtype)
        return self._pieces[dtype]

    def _points(self, x: ArrayLike) -> Array:
        """x as a vector. Points inside the domain are finite: see `_check_outside` for the others."""
        return real_array("x", x, ndim=1, finite=False)

    def _check_outside(self, x: Array) -> None:
        """Raise ValueError for points outside the domain that are not finite, or not allowed there."""
        real_array("x", x)
        self._local(x.dtype).check_inside(x, self.extrapolate)

    def _coefficients(self, c: ArrayLike, name: str = "c") -> Array:
        array = real_array(name, c)
        if array.ndim not in (1, 2) or array.shape[0] != self.n_basis:
            raise ValueError(
                f"{name} must have shape ({self.n_basis},) or ({self.n_basis}, any), got {array.shape}"
            )
        return array

    def _active(self, points: Array, derivative: int) -> tuple[Array, NDArray[np.int64]]:
        """Values (k+1, n) of the active B-splines, and the index (n,) of the first in `knots.fold`."""
        x, pieces = self._wrapped(points, derivative)
        affordable("x", (self.degree + 2.0) * len(x) * x.itemsize)
        values, first, outside = _tabulated(x, pieces, self.degree + 1)
        self._check_active(points, x, outside, derivative, values)
        return values, first

    def _active_at_any(self, x: Array) -> tuple[Array, NDArray[np.int64]]:
        """`_active` of the functions themselves at any points, NaN and infinities included."""
        x, pieces = self._wrapped(x, 0)
        return _tabulated(x, pieces, self.degree + 1)[:2]

    def _wrapped(self, points: Array, derivative: int) -> tuple[Array, tuple[Any, ...]]:
        """The points, and the table of the derivative, as the kernels read them."""
        highest = min(integer("derivative", derivative, low=0), self.degree)
        x = self.knots.wrap(points) if self.knots.periodic else points
        pieces = self._local(x.dtype)
        pieces.check_derivatives(highest + 1)
        return np.ascontiguousarray(x), pieces.of_derivatives[highest]

    def _check_active(self, points: Array, x: Array, outside: bool, derivative: int, values: Array) -> None:
        """Raise ValueError for points that are not allowed; derivatives above the degree become 0."""
        if derivative > self.degree:
            values *= 0
        if outside:
            self._check_outside(points)
            _within_range("the continuation of a B-spline", values, "x", x)

    def _combine(self, c: Array, points: Array, derivative: int) -> Array:
        """sum_i c_i b_i^(derivative)(x); in float32 only if both c and x are."""
        dtype = np.result_type(c, points)
        x, pieces = self._wrapped(points.astype(dtype, copy=False), derivative)
        if self.knots.periodic:
            c = c[self.knots.fold]
        c = np.ascontiguousarray(c, dtype)
        affordable("x", 1.0 * len(x) * c[:1].size * x.itemsize)
        total = np.empty((len(x), *c.shape[1:]), dtype)
        if c[:1].size == 1:
            found = _on_threads(bspline.combine, x, pieces, c.ravel(), total.ravel())
        else:
            found = _on_threads(bspline.combine_columns, x, pieces, c, total)
        outside, finite = any(flags[0] for flags in found), all(flags[1] for flags in found)
        if outside:
            self._check_outside(points)
        if not finite:
            if outside:
                self._active(x, derivative)  # is it the B-splines that leave the range?
            _within_range("the spline", total, "c", c)
        if derivative > self.degree:
            total *= 0
        return total

    def _dense(self, n: int, dtype: DTypeLike) -> Array:
        affordable(f"a dense table of {n} points and {self.n_basis} functions", 8.0 * n * self.n_basis)
        return np.zeros((n, self.n_basis), dtype)


def _tabulated(x: Array, pieces: tuple[Any, ...], width: int) -> tuple[Array, NDArray[np.int64], bool]:
    """Values (width, n) and index (n,) of the first active functions, and whether a point lies outside."""
    values, first = np.empty((width, len(x)), x.dtype), np.empty(len(x), np.int64)
    found = _on_threads(bspline.tabulate, x, pieces, values, first)
    return values, first, any(found)


def _on_threads(kernel: Callable[..., Any], x: Array, *arguments: Any) -> list[Any]:
    """The results of a kernel on ranges of at least 4096 points, which threads share."""
    n = len(x)
    if n < 8192:
        return [kernel(x, *arguments, 0, n)]
    ranges = _threads.split(n, 4096)
    found: list[Any] = [None] * len(ranges)

    def task(chunk: int, start: int, stop: int) -> None:
        found[chunk] = kernel(x, *arguments, start, stop)

    _threads.run(task, ranges)
    return found


def _within_range(what: str, values: Array, name: str, given: Array) -> Array:
    """`values`, unless they left the range of their floating-point type."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"{what} leaves the range of {values.dtype}: got {name} up to {np.abs(given).max()} in modulus"
        )
    return values


class BSplineBasis(_Basis):
    """B-splines b_i, i = -k..G-1, of degree k on extended, clamped or periodic knots (Cox-de Boor).

    b_i has support [t_i, t_{i+k+1}]; sum_i b_i = 1 on [a, b]. At knots the right limit is taken, at b
    the left limit. On periodic knots b_i is the sum of its shifts by whole periods; the mode of continuation
    has no effect. Float32 points give float32 values (`evaluate`: if the coefficients are float32 too).

    Parameters
    ----------
    knots
        A KnotVector, or an array of nondecreasing knots, length spans + 2 degree + 1 (see `KnotVector`).
    degree
        k, 0 to 9; omitted with a KnotVector.
    extrapolate
        Continuation outside [a, b]; see the module.

    Raises
    ------
    TypeError, ValueError
        For bad knots, degree or extrapolation; the methods for points that are not a finite vector.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> BSplineBasis(uniform_knots(0, 1, 2, 1), 1).tabulate([0.25, 0.5])
    array([[0.5, 0.5, 0. ],
           [0. , 1. , 0. ]])
    """

    def tabulate(self, x: ArrayLike, derivative: int = 0) -> Array:
        """Values at x of the basis, or of a derivative (0 above the degree): (n, n_basis), dense."""
        points = self._points(x)
        active, first = self._active(points, derivative)
        out = self._dense(len(points), points.dtype)
        rows = np.arange(len(points))
        if self.knots.periodic:
            for l in range(self.degree + 1):  # function by function: some may coincide
                out[rows, self.knots.fold[first + l]] += active[l]
        else:
            out[rows[:, None], first[:, None] + np.arange(self.degree + 1)] = active.T
        return out

    def design_matrix(self, x: ArrayLike, derivative: int = 0) -> scipy.sparse.csr_array:
        """Values as a CSR matrix (n, n_basis) with degree + 1 stored entries per row."""
        points = self._points(x)
        z, pieces = self._wrapped(points, derivative)
        n, width = len(points), self.degree + 1
        affordable("x", 2.0 * width * n * z.itemsize)
        data = np.empty(n * width, z.dtype)
        # The type that SciPy uses: it would copy wider indices.
        index = np.int32 if max(n * width, self.n_basis + width) < 2**31 else np.int64
        columns, pointers = np.empty(n * width, index), np.zeros(n + 1, index)
        found = _on_threads(bspline.design, z, pieces, data, columns, pointers)
        self._check_active(points, z, any(found), derivative, data)
        if self.knots.periodic:
            columns = self.knots.fold.astype(index)[columns]
        matrix = scipy.sparse.csr_array((data, columns, pointers), shape=(n, self.n_basis))
        if self.knots.periodic:  # columns are out of order, and may coincide
            matrix.sum_duplicates()
        return matrix

    def evaluate(self, c: ArrayLike, x: ArrayLike, derivative: int = 0) -> Array:
        """sum_i c_i b_i(x), or its derivative: (n,) or (n, n_out) for c (n_basis,) or (n_basis, n_out)."""
        return self._combine(self._coefficients(c), self._points(x), derivative)

    def active(self, x: ArrayLike, derivative: int = 0) -> tuple[Array, NDArray[np.int64]]:
        """The k+1 functions that may be nonzero at a point: values (k+1, n), index (n,) of the first.

        Row l holds the values of function first + l at all points: four long rows for cubic splines, which
        is the fastest layout to compute and to reuse. Functions on periodic knots are numbered as on the
        line: function i has the coefficient `knots.fold[i]`.
        """
        return self._active(self._points(x), derivative)

    def tabulate_relu_form(self, x: ArrayLike) -> Array:
        """Values (n, n_basis) through b_i = sum_j A_ij psi_j, for x in [a, b].

        Each function's local coordinate x - t_i is clamped into its support before the powers are
        taken: the terms stay of the size of the support, so no digits are lost as the grid grows. Sums are
        taken in float64: beside short intervals their terms are large.

        Raises
        ------
        ValueError
            For points outside [a, b], and for repeated or periodic knots.
        """
        points = real_array("x", x, ndim=1)
        self._local(points.dtype).check_inside(points, "error")
        bands = change_of_basis(self.knots).bands
        out = self._dense(len(points), points.dtype)
        power_relu.bsplines(points, self.knots.t, bands, self.degree, out, 0, len(points))
        return out


class PowerReLUBasis(_Basis):
    """Power ReLUs psi_j(x) = max(0, x - t_j)^k, j = -k..G-1, on strictly increasing knots.

    On [a, b] they span the same space as the B-splines (Southworth et al., arXiv:2603.04827, Lemma 1).
    Outside, the end piece is continued: left of a, a ghost power (j <= 0) is the polynomial (x - t_j)^k
    or what the mode keeps of it, not its truncation. psi_j has the units of x^k.

    Parameters
    ----------
    knots, degree, extrapolate
        As for `BSplineBasis`; repeated and periodic knots are refused.

    Raises
    ------
    TypeError, ValueError
        As `BSplineBasis`; for repeated and periodic knots; for powers that leave the range of float64.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> PowerReLUBasis(uniform_knots(0, 1, 2, 1), 1).tabulate([0.25, 0.75])
    array([[0.75, 0.25, 0.  ],
           [1.25, 0.75, 0.25]])
    """

    def __init__(
        self, knots: KnotVector | ArrayLike, degree: int | None = None, extrapolate: str = "linear"
    ) -> None:
        super().__init__(knots, degree, extrapolate)
        self.knots.check_relu_basis("a basis of power ReLUs")
        _ = self.change_of_basis  # powers that leave the range of float64 are refused now

    @cached_property
    def change_of_basis(self) -> ChangeOfBasis:
        """The matrix A with b = A psi."""
        return change_of_basis(self.knots)

    def tabulate(self, x: ArrayLike, derivative: int = 0) -> Array:
        """Values at x of the basis, or of a derivative (0 above the degree): (n, n_basis), dense."""
        points = self._points(x)
        order = integer("derivative", derivative, low=0)
        self._dense(len(points), np.float64)
        self._check_outside(points)
        return _within_range("a power", self._tabulated(points, order), "x", points)

    def _tabulated(self, points: Array, order: int) -> Array:
        """Values at any points: infinite or NaN where they leave the range."""
        # In float64 whatever the type of x: differences from knots are raised to powers.
        wide = points.astype(np.float64, copy=False)
        inside = np.clip(wide, *self.domain)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            values: Array = self._continued(wide, inside, order).astype(points.dtype, copy=False)
        return values

    def _continued(self, x: Float64Array, inside: Float64Array, order: int) -> Float64Array:
        if self.extrapolate == "polynomial":
            return self._powers(x, inside, order)
        values = self._powers(inside, inside, order)
        if self.extrapolate == "linear" and order <= 1:
            if order == 0:
                values += (x - inside)[:, None] * self._powers(inside, inside, 1)
        elif self.extrapolate == "zero" or order >= 1:
            values *= (x == inside)[:, None]
        return values

    def _powers(self, x: Float64Array, active_at: Float64Array, order: int) -> Float64Array:
        """The derivative of (x - t_j)^k where `active_at` >= t_j, else 0."""
        t = self.knots.t[: self.n_basis]
        return power_derivative(x[:, None] - t, self.degree, order) * (active_at[:, None] >= t)

    def design_matrix(self, x: ArrayLike, derivative: int = 0) -> scipy.sparse.csr_array:
        """Values as a CSR matrix (n, n_basis); a row stores every power to the left of its point."""
        return scipy.sparse.csr_array(self.tabulate(x, derivative))

    def evaluate(self, w: ArrayLike, x: ArrayLike, derivative: int = 0) -> Array:
        """sum_j w_j psi_j(x), or its derivative, through the B-splines: u = A^{-T} w, k+1 terms per point.

        The sum itself is ill-conditioned in w: a relative change of eps in w may change it by
        cond(A) eps.
        """
        coefficients, points = self._coefficients(w, "w"), self._points(x)
        dtype = np.result_type(coefficients, points)
        u = self.change_of_basis.solve_transpose(coefficients)
        # In float64 throughout: u may be much larger than the sum.
        values = self._combine(_within_range("a coefficient", u, "w", coefficients), points, derivative)
        with np.errstate(over="ignore"):
            narrow: Array = values.astype(dtype, copy=False)
        return _within_range("the spline", narrow, "w", coefficients)


def power_derivative(z: ArrayLike, degree: int, order: int) -> Float64Array:
    """The derivative of z^k of that order, k!/(k-d)! z^(k-d); 0 above the degree."""
    base = real_array("z", z, finite=False).astype(np.float64, copy=False)
    k, d = spline_degree(degree), integer("order", order, low=0)
    if d > k:
        return np.zeros_like(base)
    power: Float64Array = perm(k, d) * base ** (k - d)
    return power
