"""The two bases of the splines of degree k: B-splines b_i and power ReLUs psi_j (Lemma 1).

Outside the domain [a, b] a spline is continued as `extrapolate` says:

- "linear": value and slope of the end piece; bounded growth; exact under refinement. The default.
- "polynomial": the end piece itself; exact under refinement.
- "clamp": the end value; exact under refinement.
- "zero": zero. Levels of a hierarchy agree here too, because both are cut off at the same a and b; but the
  function jumps there, so it is no spline, and the B-splines' own decay over ghost knots, which does
  depend on the level, is not what this mode means.
- "error": a ValueError that names the point.

For degree 0 "linear" is "clamp". In every mode b = A psi at every x: each mode acts on the end piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb, factorial, perm
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, DTypeLike, NDArray

from splinekan import _threads
from splinekan._checks import Array, Float64Array, integer, one_of, real_array, spline_degree
from splinekan.kernels import bspline, power_relu
from splinekan.knots import is_clamped, is_uniform, validate_knots
from splinekan.transforms import ChangeOfBasis, change_of_basis

EXTRAPOLATIONS = ("linear", "polynomial", "clamp", "zero", "error")


@dataclass(frozen=True, eq=False)
class LocalPieces:
    """The B-splines as piecewise polynomials, the way kernels read them.

    Piece 0 lies left of [a, b], pieces 1..G are the intervals, piece G+1 lies right of it. On piece s
    the l-th live function is sum_p table[d, row, p, l] y^p, y = (x - origins[s]) scales[s], with d the
    derivative; the origin of an interval is its midpoint, so |y| <= 1/2 keeps the powers small.

    Attributes
    ----------
    breakpoints
        (G+1,), units of x.
    inverse_spacing
        1/h for uniform knots; 0 otherwise, and kernels find the interval by bisection.
    origins, scales
        (G+2,), units of x and 1/x.
    table
        (derivatives, rows, k+1 powers, k+1 functions): 3 rows (left, inside, right) for uniform knots,
        else G+2.
    """

    breakpoints: Array
    inverse_spacing: float
    origins: Array
    scales: Array
    table: Array

    def check_inside(self, x: Array, extrapolate: str) -> None:
        """Raise ValueError if the mode is "error" and some x lies outside [a, b]."""
        if extrapolate != "error" or x.size == 0:
            return
        a, b = self.breakpoints[0], self.breakpoints[-1]
        worst = x.flat[int(np.argmax(np.maximum(a - x, x - b)))]
        if not a <= worst <= b:
            raise ValueError(f"x = {worst} lies outside the domain [{a}, {b}] and extrapolate='error'")


def local_pieces(
    knots: ArrayLike,
    degree: int,
    extrapolate: str = "linear",
    dtype: DTypeLike = np.float64,
    derivatives: int | None = None,
) -> LocalPieces:
    """Expand the B-splines of every interval about its midpoint, by the Cox-de Boor recursion.

    `derivatives` counts the derivatives kept, the function itself included (degree + 1 if None; those
    above the degree are zero).
    """
    t = validate_knots(knots, degree)
    k = spline_degree(degree)
    one_of("extrapolate", extrapolate, EXTRAPOLATIONS)
    ends = t[k : len(t) - k]
    widths = np.diff(ends)
    uniform = is_uniform(t, k)
    if uniform:  # on integer knots every interval is the same, and the result is exact to rounding
        inside = _expand(np.arange(-k, k + 2, dtype=np.float64), k)
    else:
        inside = _expand(t, k)
    left = _outside(inside[0], -0.5, extrapolate)
    right = _outside(inside[-1], 0.5, extrapolate)
    rows = np.concatenate([left[None], inside, right[None]])
    scales = np.concatenate([1 / widths[:1], 1 / widths, 1 / widths[-1:]])
    origins = np.concatenate([ends[:1], (ends[1:] + ends[:-1]) / 2, ends[-1:]])
    row_scales = scales[:3] if uniform else scales
    count = k + 1 if derivatives is None else derivatives
    table = np.zeros((count, *rows.shape))
    for d in range(min(count, k + 1)):
        factors = np.array([perm(p + d, d) for p in range(k + 1 - d)])[:, None]
        table[d, :, : k + 1 - d] = rows[:, d:] * factors * (row_scales**d)[:, None, None]
    return LocalPieces(
        ends.astype(dtype),
        float(1 / widths.mean()) if uniform else 0.0,
        origins.astype(dtype),
        scales.astype(dtype),
        np.ascontiguousarray(table.astype(dtype)),
    )


def _expand(t: Float64Array, k: int) -> Float64Array:
    """(intervals, powers, functions): coefficients in y = (x - midpoint)/width of the live functions."""
    n = len(t) - 2 * k - 1
    s = np.arange(n) + k
    width = t[s + 1] - t[s]
    middle = (t[s] + t[s + 1]) / 2
    live = np.zeros((n, k + 1, k + 1))
    live[:, 0, 0] = 1.0
    for d in range(1, k + 1):
        raised = np.zeros_like(live)
        for l in range(d):  # function l of degree d-1 feeds functions l and l+1 of degree d
            i = s - d + 1 + l
            span = t[i + d] - t[i]
            share = np.divide(1.0, span, out=np.zeros(n), where=span > 0)
            up = ((middle - t[i]) * share, width * share)
            down = ((t[i + d] - middle) * share, -width * share)
            for function, (constant, slope) in ((l + 1, up), (l, down)):
                raised[:, :, function] += constant[:, None] * live[:, :, l]
                raised[:, 1:, function] += slope[:, None] * live[:, :-1, l]
        live = raised
    return live


def _outside(piece: Float64Array, end: float, extrapolate: str) -> Float64Array:
    """The end piece re-expanded about the end y = `end`, cut to what the mode keeps."""
    k = len(piece) - 1
    shift = np.array(
        [[comb(p, q) * end ** (p - q) if p >= q else 0.0 for p in range(k + 1)] for q in range(k + 1)]
    )
    moved: Float64Array = shift @ piece
    kept = {"linear": 2, "clamp": 1, "zero": 0}.get(extrapolate, k + 1)
    moved[kept:] = 0.0
    return moved


@dataclass(frozen=True, eq=False)
class _Basis:
    """What both bases share: knots, degree, continuation, and the shape of the answers."""

    knots: Float64Array
    degree: int
    extrapolate: str = "linear"

    def __post_init__(self) -> None:
        spline_degree(self.degree)
        object.__setattr__(self, "knots", validate_knots(self.knots, self.degree))
        one_of("extrapolate", self.extrapolate, EXTRAPOLATIONS)

    @property
    def n_basis(self) -> int:
        """Number of basis functions, intervals + degree."""
        return len(self.knots) - self.degree - 1

    @property
    def intervals(self) -> int:
        """Number of polynomial pieces on [a, b]."""
        return self.n_basis - self.degree

    @property
    def domain(self) -> tuple[float, float]:
        """(a, b)."""
        return float(self.knots[self.degree]), float(self.knots[-self.degree - 1])

    @cached_property
    def _pieces(self) -> dict[np.dtype[Any], LocalPieces]:
        return {}

    def pieces(self, dtype: DTypeLike = np.float64) -> LocalPieces:
        """The B-splines of these knots as the kernels read them."""
        key = np.dtype(dtype)
        if key not in self._pieces:
            self._pieces[key] = local_pieces(self.knots, self.degree, self.extrapolate, key)
        return self._pieces[key]

    def _points(self, x: ArrayLike) -> Array:
        points = real_array("x", x, ndim=1)
        self.pieces(points.dtype).check_inside(points, self.extrapolate)
        return points

    def _coefficients(self, c: ArrayLike) -> Array:
        array = real_array("c", c)
        if array.ndim not in (1, 2) or array.shape[0] != self.n_basis:
            raise ValueError(
                f"c must have shape ({self.n_basis},) or ({self.n_basis}, any), got {array.shape}"
            )
        return array

    def _live(self, x: Array, derivative: int) -> tuple[Array, NDArray[np.int64]]:
        """Live values (k+1, n) of the B-splines and the index (n,) of the first live function."""
        order = integer("derivative", derivative, low=0)
        pieces = self.pieces(x.dtype)
        live = np.empty((self.degree + 1, len(x)), x.dtype)
        first = np.empty(len(x), np.int64)
        table = pieces.table[min(order, self.degree)]
        if order > self.degree:
            table = np.zeros_like(table)
        tag = (0,) * (self.degree + 1)
        where = (pieces.breakpoints, pieces.inverse_spacing, pieces.origins, pieces.scales)

        def task(_: int, start: int, stop: int) -> None:
            bspline.tabulate(x, *where, table, tag, live, first, start, stop)

        _threads.run(task, _threads.split(len(x), 4096))
        return live, first

    def _combine(self, c: Array, x: Array, derivative: int) -> Array:
        """sum_i c_i b_i^(derivative)(x); in float32 only if both c and x are."""
        live, first = self._live(x.astype(np.result_type(c, x), copy=False), derivative)
        terms = (c[first + l].T * live[l] for l in range(self.degree + 1))
        total: Array = np.ascontiguousarray(sum(terms).T)
        return total


class BSplineBasis(_Basis):
    """B-splines b_i, i = -k..G-1, of degree k on extended or clamped knots (Cox-de Boor).

    b_i has support [t_i, t_{i+k+1}]; sum_i b_i = 1 on [a, b]. At knots the right limit is taken, at b
    the left one. Float32 points give float32 values (`evaluate`: if the coefficients are float32 too).

    Parameters
    ----------
    knots
        Strictly increasing or clamped, length intervals + 2 degree + 1.
    degree
        k, 0 to 7.
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
        """Values (n, n_basis), dense; of the derivative of that order (zero above the degree)."""
        points = self._points(x)
        live, first = self._live(points, derivative)
        out = np.zeros((len(points), self.n_basis), points.dtype)
        out[np.arange(len(points))[:, None], first[:, None] + np.arange(self.degree + 1)] = live.T
        return out

    def design_matrix(self, x: ArrayLike, derivative: int = 0) -> scipy.sparse.csr_array:
        """Values as a CSR matrix (n, n_basis) with degree + 1 stored entries a row."""
        points = self._points(x)
        live, first = self._live(points, derivative)
        columns = first[:, None] + np.arange(self.degree + 1)
        pointers = np.arange(len(points) + 1) * (self.degree + 1)
        return scipy.sparse.csr_array(
            (live.T.ravel(), columns.ravel(), pointers), shape=(len(points), self.n_basis)
        )

    def evaluate(self, c: ArrayLike, x: ArrayLike, derivative: int = 0) -> Array:
        """sum_i c_i b_i(x), or its derivative: (n,) or (n, n_out) for c (n_basis,) or (n_basis, n_out)."""
        return self._combine(self._coefficients(c), self._points(x), derivative)

    def live(self, x: ArrayLike, derivative: int = 0) -> tuple[Array, NDArray[np.int64]]:
        """The k+1 functions that may differ from 0 at a point: values (k+1, n), index (n,) of the first.

        Row l holds the values of function first + l at all points: four long rows for cubic splines, the
        layout in which they are computed fastest and used again.
        """
        return self._live(self._points(x), derivative)

    def tabulate_relu_form(self, x: ArrayLike) -> Array:
        """Values (n, n_basis) through b_i = sum_j A_ij psi_j, for x in [a, b].

        Each function's local coordinate x - t_i is clamped into its support before the powers are
        taken: the terms stay of the size of the support, so no digits are lost as the grid grows.

        Raises
        ------
        ValueError
            For points outside [a, b], and for clamped knots.
        """
        points = real_array("x", x, ndim=1)
        self.pieces(points.dtype).check_inside(points, "error")
        bands = change_of_basis(self.knots, self.degree).bands.astype(points.dtype)
        out = np.empty((len(points), self.n_basis), points.dtype)
        power_relu.bsplines(points, self.knots, bands, self.degree, out, 0, len(points))
        return out


class PowerReLUBasis(_Basis):
    """Power ReLUs psi_j(x) = max(0, x - t_j)^k, j = -k..G-1, on strictly increasing knots.

    On [a, b] they span the same space as the B-splines (Southworth et al., arXiv:2603.04827, Lemma 1).
    Outside, the end piece is continued: left of a, a ghost power (j <= 0) is the polynomial (x - t_j)^k
    or what the mode keeps of it, not its truncation. psi_j has the units of x^k.

    Parameters
    ----------
    knots, degree, extrapolate
        As for `BSplineBasis`; clamped knots are refused.

    Examples
    --------
    >>> from splinekan import uniform_knots
    >>> PowerReLUBasis(uniform_knots(0, 1, 2, 1), 1).tabulate([0.25, 0.75])
    array([[0.75, 0.25, 0.  ],
           [1.25, 0.75, 0.25]])
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if is_clamped(self.knots, self.degree):
            raise ValueError(
                "power ReLUs need strictly increasing knots (see uniform_knots or extended_knots): "
                "those of a repeated knot are linearly dependent"
            )

    @cached_property
    def change_of_basis(self) -> ChangeOfBasis:
        """A with b = A psi."""
        return change_of_basis(self.knots, self.degree)

    def tabulate(self, x: ArrayLike, derivative: int = 0) -> Array:
        """Values (n, n_basis), dense; of the derivative of that order (zero above the degree)."""
        points = self._points(x)
        order = integer("derivative", derivative, low=0)
        a, b = self.pieces(points.dtype).breakpoints[[0, -1]]
        inside = np.clip(points, a, b)
        outside = (points != inside)[:, None]
        beyond = (points - inside)[:, None]
        if self.extrapolate == "polynomial":
            return self._powers(points, inside, order)
        values = self._powers(inside, inside, order)
        if self.extrapolate == "linear" and order <= 1:
            if order == 0:
                values += beyond * self._powers(inside, inside, 1)
        elif self.extrapolate == "zero" or order >= 1:
            values *= ~outside
        return values

    def _powers(self, x: Array, active_at: Array, order: int) -> Array:
        """k!/(k-d)! (x - t_j)^(k-d) where `active_at` >= t_j, else 0."""
        k, t = self.degree, self.knots[: self.n_basis].astype(x.dtype)
        if order > k:
            return np.zeros((len(x), self.n_basis), x.dtype)
        factor = factorial(k) // factorial(k - order)
        active = active_at[:, None] >= t
        values: Array = factor * (x[:, None] - t) ** (k - order) * active
        return values

    def design_matrix(self, x: ArrayLike, derivative: int = 0) -> scipy.sparse.csr_array:
        """Values as a CSR matrix (n, n_basis); a row stores every power to the left of its point."""
        return scipy.sparse.csr_array(self.tabulate(x, derivative))

    def evaluate(self, w: ArrayLike, x: ArrayLike, derivative: int = 0) -> Array:
        """sum_j w_j psi_j(x), or its derivative, through the B-splines: u = A^{-T} w, k+1 terms a point.

        The sum itself is ill-conditioned in w: a relative change of eps in w may change it by
        cond(A) eps.
        """
        coefficients, points = self._coefficients(w), self._points(x)
        u = self.change_of_basis.solve_transpose(coefficients)
        return self._combine(u.astype(coefficients.dtype), points, derivative)
