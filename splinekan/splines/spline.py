"""Spline: knots and coefficients in a record; derivatives, integrals, refinement, and SciPy's forms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import Array, Float64Array, integer, one_of, real, real_array
from splinekan.splines import scipy_forms
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.calculus import (
    antiderivative,
    antiderivative_knots,
    derivative_knots,
    derivative_matrix,
)
from splinekan.splines.integrals import integral
from splinekan.splines.knot_vector import KnotVector, knot_vector
from splinekan.splines.pp_form import EXTRAPOLATIONS
from splinekan.splines.prolongation import prolongation

MODES = (*EXTRAPOLATIONS, "periodic")
"""Continuations of a Spline: the modes of a basis, and the values on [a, b) repeated."""


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Spline:
    """The spline s(x) = sum_i c_i b_i(x).

    Parameters
    ----------
    knots
        A KnotVector, or an array of knots with a `degree`.
    c
        Real coefficients: n_basis along `axis`, any shape otherwise. A copy is kept, read-only; float32 stays
        float32, and with float32 points so do the values.
    degree
        k, 0 to 9; omitted with a KnotVector.
    axis
        The axis of c that belongs to the B-splines.
    extrapolate
        Continuation outside [a, b]: "linear" (default), "polynomial", "clamp", "zero", "error" as for
        `BSplineBasis`; or "periodic": the values on [a, b) repeated, with a jump at b unless both ends match.
        Splines on periodic knots are "periodic".

    Raises
    ------
    TypeError, ValueError
        For bad knots, an unknown mode, an axis that c does not have, coefficients that are complex, not
        finite or of a wrong number.

    Examples
    --------
    >>> s = Spline(KnotVector.clamped([0, 1, 2], 2), [0.0, 0.0, 1.0, 1.0])
    >>> s([0.5, 1.0, 1.5])
    array([0.125, 0.5  , 0.875])
    >>> s.derivative()(1.0), s.integrate(0, 2)
    (array(1.), array(1.))
    """

    knots: KnotVector
    c: Array
    axis: int
    extrapolate: str

    def __init__(
        self,
        knots: KnotVector | ArrayLike,
        c: ArrayLike,
        degree: int | None = None,
        axis: int = 0,
        extrapolate: str | None = None,
    ) -> None:
        space = knot_vector(knots, degree)
        if extrapolate is None:
            extrapolate = "periodic" if space.periodic else "linear"
        mode = one_of("extrapolate", extrapolate, ("periodic",) if space.periodic else MODES)
        coefficients = real_array("c", c)
        if coefficients.ndim == 0:
            raise ValueError("c must have at least one axis, got a number")
        where = integer("axis", axis, low=-coefficients.ndim, high=coefficients.ndim - 1) % coefficients.ndim
        if coefficients.shape[where] != space.n_basis:
            raise ValueError(
                f"c must have {space.n_basis} entries along axis {where}, got shape {coefficients.shape}"
            )
        coefficients = coefficients.copy()
        coefficients.flags.writeable = False
        for name, value in (("knots", space), ("c", coefficients), ("axis", where), ("extrapolate", mode)):
            object.__setattr__(self, name, value)

    @property
    def degree(self) -> int:
        """The degree k of the spline."""
        return self.knots.degree

    @property
    def domain(self) -> tuple[float, float]:
        """The interval (a, b)."""
        return self.knots.domain

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.knots, self.c, None, self.axis, self.extrapolate)

    def __repr__(self) -> str:
        a, b = self.domain
        count = f"{self.knots.intervals} interval" + "s" * (self.knots.intervals > 1)
        values = f", values of shape {self._shape}" if self._shape else ""
        return f"Spline(degree {self.degree}, {count} on [{a:g}, {b:g}], {self.extrapolate} beyond{values})"

    @property
    def _shape(self) -> tuple[int, ...]:
        """The shape of a value."""
        return self.c.shape[: self.axis] + self.c.shape[self.axis + 1 :]

    @cached_property
    def _matrix(self) -> Array:
        """The coefficients, (n_basis, size of a value)."""
        size = int(np.prod(self._shape, dtype=np.int64))
        return np.ascontiguousarray(np.moveaxis(self.c, self.axis, 0).reshape(self.knots.n_basis, size))

    @cached_property
    def _basis(self) -> BSplineBasis:
        mode = self.extrapolate if self.extrapolate in EXTRAPOLATIONS else "error"
        return BSplineBasis(self.knots, extrapolate=mode)

    def _with(self, knots: KnotVector, matrix: Array, extrapolate: str) -> Spline:
        matrix = matrix.astype(self.c.dtype, copy=False)
        c = np.moveaxis(matrix.reshape(knots.n_basis, *self._shape), 0, self.axis)
        return Spline(knots, c, axis=self.axis, extrapolate=extrapolate)

    def __call__(self, x: ArrayLike, nu: int = 0) -> Array:
        """s(x), or its derivative of order `nu`; zero above the degree.

        At knots the right limit is taken, at b the left one (in the mode "periodic", where b is a, the
        right).

        Returns
        -------
        ndarray
            The shape of c, with that of x in place of `axis`.

        Raises
        ------
        TypeError, ValueError
            For points that are not finite, or outside the domain in the mode "error"; for `nu` below 0.
        """
        points, order = real_array("x", x), integer("nu", nu, low=0)
        flat = points.ravel().astype(np.result_type(points, self.c), copy=False)
        if self.extrapolate == "periodic":
            flat = self.knots.wrap(flat)
        values = self._basis.evaluate(self._matrix, flat, order).reshape(points.shape + self._shape)
        axes = list(range(points.ndim))
        return np.moveaxis(values, axes, [self.axis + i for i in axes])

    # Calculus

    def derivative(self, nu: int = 1) -> Spline:
        """The derivative of order `nu` as a spline: c' = D c of degree k - 1, and so on; 0 above the degree.

        Its continuation is the derivative of this continuation: "linear" becomes "clamp", "clamp" "zero".
        See `derivative_matrix`.
        """
        spline = self
        for _ in range(min(integer("nu", nu, low=0), self.degree + 1)):
            mode = {"linear": "clamp", "clamp": "zero"}.get(spline.extrapolate, spline.extrapolate)
            if spline.degree == 0:
                spline = spline._with(spline.knots, np.zeros_like(spline._matrix), spline.extrapolate)
            else:
                matrix = derivative_matrix(spline.knots) @ spline._matrix
                spline = spline._with(derivative_knots(spline.knots), matrix, mode)
        return spline

    def antiderivative(self, nu: int = 1) -> Spline:
        """The antiderivative of order `nu` as a spline; it and all of lower order vanish at a.

        Its continuation is the integral of this continuation: "clamp" becomes "linear", "zero" "clamp". The
        integral of a "linear" continuation is quadratic and that of a "periodic" spline grows with its mean:
        these become "error". The antiderivative of a spline on periodic knots has clamped knots.

        Raises
        ------
        ValueError
            If its degree k + nu exceeds 9.
        """
        spline = self
        for _ in range(integer("nu", nu, low=0)):
            mode = spline.extrapolate
            if mode == "linear" and spline.degree < 2:
                mode = ("clamp", "polynomial")[spline.degree]  # which is the same
            mode = {"clamp": "linear", "zero": "clamp", "polynomial": mode}.get(mode, "error")
            if spline.knots.periodic:
                spline = spline.clamped()
            knots = antiderivative_knots(spline.knots)
            spline = spline._with(knots, antiderivative(spline.knots, spline._matrix), mode)
        return spline

    def integrate(self, a: float, b: float) -> Float64Array:
        """The integral from a to b, continuation included; its negative for b < a.

        Computed by Gauss rules, which are exact on every piece, not as a difference of antiderivatives: a
        short range far from the left end of the domain loses no digits.

        Returns
        -------
        ndarray
            The shape of a value, in its units times those of x.

        Raises
        ------
        TypeError, ValueError
            For ends that are not finite; for a range that leaves the domain in the mode "error".
        """
        low, high = real("a", a), real("b", b)
        c = self._matrix.astype(np.float64, copy=False)
        total = integral(self.knots, c, self.extrapolate, low, high)
        if not np.isfinite(total).all():
            raise ValueError(f"the integral from {low} to {high} leaves the range of float64")
        return total.reshape(self._shape)

    # Other knots

    def on(self, finer: KnotVector) -> Spline:
        """The same function on `finer` knots, in which these must be nested; see `prolongation`.

        The continuation is the same too. A periodic spline on knots without a period is "periodic".
        """
        return self._with(finer, prolongation(self.knots, finer) @ self._matrix, self.extrapolate)

    def refine(self, marked: ArrayLike | None = None) -> Spline:
        """The same function with intervals halved, all or the `marked`; see `KnotVector.refine`."""
        return self.on(self.knots.refine(marked))

    def insert(self, new: ArrayLike) -> Spline:
        """The same function with `new` knots; see `KnotVector.insert`."""
        return self.on(self.knots.insert(new))

    def clamped(self) -> Spline:
        """The same function on clamped knots: c_0 and the last coefficient are its values at a and b."""
        knots = self.knots
        return self.on(KnotVector.clamped(knots.breakpoints, knots.degree, knots.multiplicities))

    # SciPy

    def to_scipy(self) -> scipy.interpolate.BSpline:
        """The same function as a SciPy BSpline.

        SciPy continues by the end polynomials, periodically, or not at all: with any other continuation the
        values outside [a, b] are NaN.
        """
        return scipy_forms.to_bspline(self.knots, self.c, self.axis, self.extrapolate)

    @classmethod
    def from_scipy(cls, spline: scipy.interpolate.BSpline) -> Spline:
        """The Spline of a SciPy BSpline; its continuation is "error" where SciPy's values are NaN.

        B-splines that vanish on [a, b] are left out. The knots are periodic if the extrapolation is, and the
        ghost knots and the last k coefficients repeat with the period.

        Raises
        ------
        TypeError, ValueError
            If `spline` is not a BSpline; for complex coefficients and degrees above 9.
        """
        knots, c, axis, mode = scipy_forms.from_bspline(spline)
        return cls(knots, c, axis=axis, extrapolate=mode)

    def to_ppoly(self) -> scipy.interpolate.PPoly:
        """The same function as a SciPy PPoly: powers of x less the left end of every interval."""
        return scipy_forms.to_ppoly(self.knots, self._matrix, self._shape, self.axis, self.extrapolate)

    @classmethod
    def from_ppoly(cls, pieces: scipy.interpolate.PPoly, tolerance: float = 2.0**-40) -> Spline:
        """The Spline of a SciPy PPoly on clamped knots; periodic if it is, and smooth at a.

        The multiplicity of a knot follows from the lowest derivative that jumps there. Jumps that move the
        neighbouring pieces by less than `tolerance` times their size count as rounding and are not kept.

        Raises
        ------
        TypeError, ValueError
            If `pieces` is not a PPoly; for complex coefficients, decreasing breakpoints, degrees above 9 and
            a negative tolerance.
        """
        knots, c, axis, mode = scipy_forms.from_ppoly(pieces, real("tolerance", tolerance, low=0.0))
        return cls(knots, c, axis=axis, extrapolate=mode)
